"""Prompts that are only in the records of the program's queue.

What a person types while the model works is queued. Some versions give it to the model between two
calls and write only that it left the queue: `enqueue` with the words, later `remove`. Others also
write a prompt; then the queue tells nothing new.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter, itemgetter

import msgspec

from ..shapes import text_of
from .state import Queued, State
from .text import classify, unreminded
from .users import take_words
from .weaving import around
from .wire import Line

#: What the program queues for the model besides what a person typed.
_NOTICES = ('{"task_id"', "<task-notification>", "<bash-notification>")
#: Reason of newer versions why something left the queue: into the running turn. With any other,
#: another agent got it, or nobody.
_HANDED_OVER = ("", "absorbed_mid_turn")
#: The line of a prompt, and whether it was queued.
_Told = tuple[int, bool]


def take_queue(state: State, line: Line) -> None:
    """Note one record of the queue."""
    step = Queued(line.operation or "", _text(line), (state.line, state.nth))
    step.at, step.reason = line.timestamp or "", line.reason or ""
    step.typed = _is_typed(step.text)
    state.queue.append(step)


def tell_queued(state: State) -> None:
    """Make prompts of what the model got out of the queue and no other record holds."""
    told = _told(state)
    last = max((node.line for node in state.nodes if node.kind == "answer"), default=0)
    copied = max((line for line, _ in state.copies), default=0)
    waiting: list[Queued] = []
    for step in state.queue:
        if step.operation == "enqueue":
            waiting.append(step)
        elif step.operation == "popAll":  # back into the input line
            waiting.clear()
        elif step.operation in ("dequeue", "remove"):
            item = _next(waiting, step, told)
            if (
                step.operation == "remove"
                and step.reason in _HANDED_OVER
                and item.typed
                and _is_prompt(item.text)
                and (copied < step.place[0] < last or around(state, step.place[0]))
            ):
                _prompt(state, item, step)


def _next(waiting: list[Queued], step: Queued, told: dict[str, list[_Told]]) -> Queued:
    """What leaves the queue; without words if another record holds it."""
    while waiting:
        named = [n for n, item in enumerate(waiting) if step.text and item.text == step.text]
        typed = [n for n, item in enumerate(waiting) if item.typed]
        item = waiting.pop((named or typed or [0])[0])  # notices may wait for ever
        places = told.get("\n".join(classify(item.text).texts).strip(), [])
        place = next((place for place in places if place[0] >= item.place[0]), None)
        if place is None:
            return item
        places.remove(place)
        if step.text or place[0] > step.place[0] or place[1]:
            return Queued("", "", step.place)
        # a person's record held it before, without a word of the queue: something else leaves now
    return step


def _told(state: State) -> dict[str, list[_Told]]:
    """Where this file holds prompts and notices, by their words; also those that are copies."""
    told: dict[str, list[_Told]] = {}
    own = [(node.line, node) for node in state.nodes]
    for line, node in sorted([*own, *state.copies], key=itemgetter(0)):
        if node.kind in ("prompt", "task", "context"):
            words = text_of(node.parts).strip()
            told.setdefault(words, []).append((line, "queued" in node.flags))
    return told


def _prompt(state: State, item: Queued, step: Queued) -> None:
    state.line, state.nth = step.place
    take_words(state, Line(type="user", timestamp=step.at), [item.text])
    node = state.nodes.pop()
    node.places = [item.place]  # the record with the words, although the model got them later
    node.flags.append("queued")
    at = bisect_right(state.nodes, node.line, key=attrgetter("line"))
    state.nodes.insert(at, node)
    state.drop("queue-operation", count=-1)


def _is_prompt(text: str) -> bool:
    """Whether the words are a person's to the model: no notice, no command to the program."""
    return not text.startswith("/") and classify(text).kind == "prompt"


def _is_typed(text: str) -> bool:
    """Whether there is more than the program's words, which may come before typed ones."""
    words = unreminded(text)
    return bool(words or not text) and not words.startswith(_NOTICES)


def _text(line: Line) -> str:
    try:
        return msgspec.json.decode(line.content, type=str) if len(memoryview(line.content)) else ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
