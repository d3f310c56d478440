"""Shows the hand-labelled turns for another pass, blind to everything but the text.

    python tests/steps/show_turns.py SEED < tests/labels/turns_first.tsv

Only the first column is read, so that no earlier label is seen. A view holds the text of the log:
the prompt or answer with its calls and results, and what came before and after.
Status flags of the log (`is_error`, `interrupted`, exit codes kept apart from the text) and
everything that the program makes of them are left out.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator

from test_label_corpus import corpus, corpus_sessions, turn_name

from sessiontune.model import Message, Part, Session, Text, Thinking, ToolCall, ToolResult

STOPPED = re.compile(r"\[Request interrupted by user[^\]]*\]|<turn_aborted>|\bturn_aborted\b")


def clip(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail + 40:
        return text
    return f"{text[:head]}\n   <<{len(text) - head - tail} characters>>\n{text[-tail:]}"


def shown(part: Part, size: int) -> str:
    match part:
        case Text(text=text):
            return clip(text, size, size // 2)
        case Thinking(text=text):
            return "(thinking) " + clip(text, size // 4, size // 4)
        case ToolCall(name=name, arguments=arguments):
            return f"CALL {name} " + clip(json.dumps(arguments, ensure_ascii=False), size // 2, 120)
        case ToolResult(name=name, content=content):
            return f"RESULT of {name}: " + clip(content, size // 2, size // 2)
    return "(picture)"


def view(message: Message, size: int) -> Iterator[str]:
    yield f"-- {message.kind}"
    for part in message.parts:
        yield "   " + shown(part, size).replace("\n", "\n   ")


def interruptions(session: Session, at: int) -> Iterator[str]:
    """Lines of the log, between the turn and the next one, in which the agent program says that the
    person stopped it. The reader makes them a flag, so they are looked up as text."""
    origin = session.messages[at].origin[-1]
    later = [
        m.origin[0].line
        for m in session.messages[at + 1 :]
        if m.kind in ("prompt", "answer") and m.origin and m.origin[0].file == origin.file
    ]
    with open(session.files[origin.file], encoding="utf-8", errors="replace") as log:
        for number, line in enumerate(log, 1):
            if origin.line < number < min(later, default=1 << 60):
                yield from (f"-- log: {mark[0]}" for mark in STOPPED.finditer(line))


def around(session: Session, at: int) -> Iterator[str]:
    """The turn in its context: one prompt and its answer before, and what came after."""
    messages = session.messages
    before = [m for m in messages[max(0, at - 6) : at] if m.kind in ("prompt", "task", "answer")]
    for message in before[-2:]:
        yield from view(message, 500)
    yield ">>>>"
    yield from view(messages[at], 1400)
    yield "<<<<"
    if messages[at].kind == "answer":
        for message in messages[at + 1 : at + 3]:
            yield from view(message, 1400 if message.kind == "results" else 300)
        yield from interruptions(session, at)


def show(names: list[str], seed: int) -> None:
    random.Random(seed).shuffle(names)
    views: dict[str, str] = {}
    for session in corpus_sessions(corpus()):
        for at, message in enumerate(session.messages):
            if message.kind in ("prompt", "answer") and message.origin:
                name = turn_name(session, message)
                if name in names and name not in views:
                    views[name] = "\n".join(around(session, at))
    for number, name in enumerate(names, 1):
        print(f"======== {number} {name}\n{views[name]}")


def main() -> None:
    lines = sys.stdin.read().splitlines()
    show([line.split("\t")[0] for line in lines if not line.startswith("#")], int(sys.argv[1]))


if __name__ == "__main__":
    main()
