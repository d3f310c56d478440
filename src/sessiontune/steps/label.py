"""What happened in a session: which turns failed, were rejected, undone, corrected, accepted.

Two tiers, never mixed: structural labels rest on facts of the record (a status, an exit code, a
test runner's summary, an edit put back), lexical labels on a person's words, with a confidence.
Every label names its rule and the message that is its evidence, never its text.

Failed and rejected turns stay in the context and bear no loss: training on everything repeats the
teacher's errors, leaving such sessions out unlearns recovery (tests/test_masking_experiment.py).
Published: SRFT +3.7, SWE-Lego with `turn_mask` +3.8 points.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from ..edits import Edit, edits_of
from ..evidence import (
    Turn,
    calls_of,
    commits,
    outcome,
    pushes,
    refused_by_person,
    restored,
    results_of,
    text_of,
    turns,
)
from ..model import Label, Message, Session, ToolResult
from ..wording import read

#: Labels of failed turns, which bear no loss (not so `cancelled`, `no_match`, direction changes).
MASKED = (
    "tool_error",
    "command_failed",
    "test_failed",
    "rejected",
    "denied",
    "interrupted",
    "edit_undone",
    "corrected",
)
#: The least confidence of labels that mask.
CONFIDENCE = 0.8
#: What precedes the first name of a path.
_LEADING = re.compile(r"\A(?:\.{0,2}/)+")
#: Kinds of messages in which neither the person nor the model says anything.
_UNSAID = ("notice", "context", "summary")


def labels_of(session: Session, continued: bool = False) -> tuple[tuple[Label, ...], str]:
    """The labels of a session, and how it ended. `continued`: another epoch of the same thread
    follows."""
    messages = session.messages
    found = [*_structural(messages), *_lexical(messages, session.agent_id is not None)]
    end = end_reason(messages, found, continued)
    if end in ("abandoned", "interrupted", "rejected", "failed") and messages:
        found.append(Label(messages[-1].id, "abandoned", "structural", f"end:{end}"))
    return _in_order(messages, found), end


def _in_order(messages: Sequence[Message], found: Sequence[Label]) -> tuple[Label, ...]:
    """The first label of each name for each message, in the order of the messages."""
    unique = {(x.message, x.name): x for x in reversed(found)}
    about = {message for message, _ in unique}
    place = {m.id: i for i, m in enumerate(messages) if m.id in about} if about else {}
    return tuple(sorted(unique.values(), key=lambda x: (place.get(x.message, -1), x.name)))


def train_flags(session: Session, labels: Sequence[Label]) -> tuple[bool, ...]:
    """Whether each message bears loss: answers of a model do, except masked ones."""
    mask = {x.message for x in labels if x.name in MASKED and x.confidence >= CONFIDENCE}
    return tuple(
        m.role == "assistant" and not m.injected and bool(m.parts) and m.id not in mask
        for m in session.messages
    )


# ------------------------------------------------------------------ structural tier


def _structural(messages: Sequence[Message]) -> Iterator[Label]:
    made = turns(messages)
    ends = [outcome(turn) for turn in made]
    for turn, (why, passed) in zip(made, ends, strict=True):
        if turn.result is not None and (turn.command or why or turn.result.status != "ok"):
            yield from _of_result(messages, turn, turn.result, why, passed)
    whys = [why for why, _ in ends]
    yield from _of_flags(messages)
    yield from _of_edits(messages, made, whys)
    yield from _of_retries(messages, made, whys)


def _of_result(
    messages: Sequence[Message], turn: Turn, result: ToolResult, why: str, passed: bool
) -> Iterator[Label]:
    here = messages[turn.at].id
    evidence = messages[turn.answered].id if turn.answered >= 0 else here
    if result.status in ("rejected", "interrupted", "cancelled"):
        by_rule = result.status == "rejected" and not refused_by_person(result)
        yield Label(
            here, "denied" if by_rule else result.status, "structural", f"status:{evidence}"
        )
        return
    command = turn.command
    if why:
        yield Label(here, why, "structural", f"{_rule_of(turn, why)}:{evidence}")
    if not command or why:
        return
    if passed:
        yield Label(here, "test_passed", "structural", f"summary:{evidence}")
    if result.status == "ok" and commits(command):
        yield Label(here, "committed", "structural", f"command:{evidence}")
    if result.status == "ok" and pushes(command):
        yield Label(here, "pushed", "structural", f"command:{evidence}")


def _rule_of(turn: Turn, why: str) -> str:
    if why == "test_failed":
        return "summary"
    return "status" if turn.result is not None and turn.result.status == "error" else "exit"


#: Flags that a source found in the log, and the label that each becomes.
_FLAGS = {
    "edited": "edited_by_user",
    "interrupted": "interrupted",
    "rejected": "rejected",
    "denied": "denied",
    "retried": "retried",
}


def _of_flags(messages: Sequence[Message]) -> Iterator[Label]:
    """Labels of flags, which are on the answer, its results, or the notice that follows."""
    last: Message | None = None
    for message in messages:
        if message.role == "assistant":
            last = message
        elif message.role == "user" and message.kind in ("prompt", "task"):
            if "interrupted" in message.flags and last is not None:
                yield Label(last.id, "interrupted", "structural", f"flag:{message.id}")
            last = None
            continue
        if last is None:
            continue
        for flag in message.flags:
            name = _FLAGS.get(flag)
            # A flag on a message of several results is about one of them; the status tells which.
            if name is None or (name in ("rejected", "interrupted") and _settled(message)):
                continue
            yield Label(last.id, name, "structural", f"flag:{message.id}")


def _settled(message: Message) -> bool:
    return any(r.status in ("rejected", "interrupted", "cancelled") for r in results_of(message))


def _of_edits(
    messages: Sequence[Message], made: Sequence[Turn], whys: Sequence[str]
) -> Iterator[Label]:
    """Edits put back (by the reverse edit, or from git) and edits made again afterwards."""
    live: dict[Edit, list[Turn]] = {}
    undone: dict[Edit, list[Turn]] = {}
    for turn, why in zip(made, whys, strict=True):
        if turn.result is None or turn.result.status != "ok":
            continue
        command = turn.command
        if why == "" and "git" in command:
            back = restored(command)
            if back is not None:
                for old in [e for e in live if not back or _named(e.path, back)]:
                    for by in live[old]:
                        yield _undone(messages, by, turn, "git")
                    undone.setdefault(old, []).extend(live.pop(old))
            if commits(command):
                live.clear()
        for edit in edits_of(turn.call):
            earlier = _reversed(edit)
            if earlier is not None and live.get(earlier):
                by = live[earlier].pop()
                undone.setdefault(earlier, []).append(by)
                yield _undone(messages, by, turn, "reverse-edit")
                continue
            if undone.get(edit):
                again = undone[edit].pop(0)
                here = messages[turn.at].id
                yield Label(here, "edit_redone", "structural", f"same-edit:{messages[again.at].id}")
            live.setdefault(edit, []).append(turn)


def _undone(messages: Sequence[Message], old: Turn, by: Turn, rule: str) -> Label:
    return Label(messages[old.at].id, "edit_undone", "structural", f"{rule}:{messages[by.at].id}")


def _reversed(edit: Edit) -> Edit | None:
    """The earlier edit that this one would undo; None for a write of a whole file."""
    if edit.old is None or edit.old == edit.new:
        return None
    return Edit(edit.path, edit.new, edit.old)


def _named(path: str, names: Sequence[str]) -> bool:
    """Whether the file is one of those, or in one of those folders."""
    within = "/" + path.replace("\\", "/") + "/"
    bare = (_LEADING.sub("", n.replace("\\", "/")).rstrip("/") for n in names)
    return any(f"/{n}/" in within for n in bare if n)


def _of_retries(
    messages: Sequence[Message], made: Sequence[Turn], whys: Sequence[str]
) -> Iterator[Label]:
    """A call is retried if it failed and the same call follows at once."""
    for (before, after), why in zip(itertools.pairwise(made), whys, strict=False):
        if why in ("", "no_match") or before.at == after.at or before.call.name != after.call.name:
            continue
        if before.call.arguments == after.call.arguments:
            yield Label(
                messages[before.at].id,
                "retried",
                "structural",
                f"same-call:{messages[after.at].id}",
            )


# ------------------------------------------------------------------ lexical tier


def _lexical(messages: Sequence[Message], agent: bool) -> Iterator[Label]:
    """What prompts say about the answer before them; none of sub-agents, which models prompt."""
    if agent:
        return
    last: Message | None = None
    for message in messages:
        if message.role == "assistant" and not message.injected:
            last = message
        if message.role != "user" or message.kind != "prompt" or message.injected or last is None:
            continue
        if any(flag.startswith("command:") for flag in message.flags):
            continue
        found = read(text_of(message))
        if found is None:
            continue
        yield Label(
            message.id, found.meaning, "lexical", f"{found.rule}:{last.id}", found.confidence
        )
        about = {"correction": "corrected", "acceptance": "accepted"}.get(found.meaning)
        if about:
            yield Label(last.id, about, "lexical", f"{found.rule}:{message.id}", found.confidence)


# ------------------------------------------------------------------ endings


def end_reason(messages: Sequence[Message], labels: Sequence[Label], continued: bool) -> str:
    """How the session ended; read from its last messages, never invented.

    compacted    the thread goes on in the next epoch
    interrupted  the person stopped the last turn
    rejected     the last call was refused and nothing followed
    abandoned    the last prompt was never answered, or the last prompt corrects what came before
    failed       the log ends on a failed call
    cut          the log ends on a call without a result, or on unused results
    accepted     the last prompt accepts the work, or the work was committed or pushed at the end
    completed    the last message is an answer
    empty        nothing was said
    """
    if continued:
        return "compacted"
    said_last = (m for m in reversed(messages) if m.kind not in _UNSAID)
    last = next(said_last, None)
    if last is None:
        return "empty"
    names: dict[str, set[str]] = {}
    for x in labels:
        names.setdefault(x.message, set()).add(x.name)
    answer = next((m for m in itertools.chain((last,), said_last) if m.role == "assistant"), None)
    about = names.get(answer.id, set()) if answer is not None else set()
    if last.role != "user" and "interrupted" in about:
        return "interrupted"
    if last.role == "user":
        said = names.get(last.id, set())
        return "accepted" if "acceptance" in said else "abandoned"
    if last.role == "tool":
        if about & {"rejected", "denied"}:
            return "rejected"
        return "failed" if about & set(MASKED) else "cut"
    if calls_of(last):
        return "cut"
    return "accepted" if _approved(messages, names) else "completed"


def _approved(messages: Sequence[Message], names: dict[str, set[str]]) -> bool:
    """Whether the last prompt, or what the model did after it, accepts the work."""
    for message in reversed(messages) if names else ():
        if message.kind in _UNSAID:
            continue
        said = names.get(message.id, set())
        if message.role == "assistant" and said & {"committed", "pushed"}:
            return True
        if message.role == "user" and message.kind in ("prompt", "task"):
            return "acceptance" in said
    return False
