"""Takes out what the agent program put into the texts, and completes what a cut log left open.

What a person typed into a rejection becomes a prompt; a call without a result gets one with the
status `missing`; a prompt that failed and was typed again is kept once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from ..injected import cut_result, cut_words
from ..model import Drop, Message, Origin, Part, Session, Text, ToolCall, ToolResult

_SAID = re.compile(r"(?:To tell you how to proceed, the user said|The user said|the user said):\s*")
_REJECTION_NOTE = re.compile(
    r"\n[^\S\n]*Note: The user's next message may contain a correction or preference\..*\Z",
    re.DOTALL,
)

#: What the program writes in the person's name when they prefer to discuss its questions.
_BY_PROGRAM = "The user wants to clarify these questions."


def clean(session: Session) -> tuple[Session | None, list[Drop]]:
    """Clean one session: what is left, or None, and what was dropped."""
    kept: list[Message] = []
    gone: list[tuple[str, Message]] = []
    for message in session.messages:
        if message.kind == "results":
            kept += _results(message)
            continue
        done = _words(message)
        if type(done) is str:
            gone.append((done, message))
        else:
            kept.append(done)  # type: ignore[arg-type]
    kept = _closed(_without_retyped(kept, gone))
    drops = _drops(session, kept, gone)
    if not kept:
        return None, drops
    return msgspec.structs.replace(session, messages=tuple(kept)), drops


# ---------------------------------------------------------------- texts


def _words(message: Message) -> Message | str:
    """The message with its texts cut, or the reason for its drop if nothing is left."""
    if message.kind in ("answer", "summary"):
        return message if message.parts else "empty"
    parts: list[Part] = []
    changed = False
    for part in message.parts:
        if type(part) is Text:
            words = cut_words(part.text)
            if words is not part.text:
                changed = True
                if not words:
                    continue
                part = Text(words)
        parts.append(part)
    if not changed:
        return message
    if not parts:
        return "injected_only"
    return msgspec.structs.replace(message, parts=tuple(parts))


def _results(message: Message) -> list[Message]:
    """Tool results, cut, and what a person typed into a rejection."""
    parts: list[Part] = []
    said: list[Part] = []
    changed = False
    for part in message.parts:
        if type(part) is ToolResult:
            content = cut_result(part.content)
            if part.status in ("rejected", "interrupted"):
                found = _SAID.search(content)
                if found is not None and not content.startswith(_BY_PROGRAM, found.end()):
                    words = _REJECTION_NOTE.sub("", content[found.end() :]).strip()
                    content = content[: found.start()].rstrip()
                    if words:
                        said.append(Text(words))
            if content is not part.content:
                changed = True
                part = msgspec.structs.replace(part, content=content)
        parts.append(part)
    if changed:
        message = msgspec.structs.replace(message, parts=tuple(parts))
    if not said:
        return [message]
    words_message = Message(
        id=f"{message.id}:said",
        role="user",
        kind="prompt",
        parts=tuple(said),
        origin=message.origin,
        at=message.at,
    )
    return [message, words_message]


# ---------------------------------------------------------------- order


def _without_retyped(kept: list[Message], gone: list[tuple[str, Message]]) -> list[Message]:
    """Drop a prompt whose turn failed if the next message repeats it word for word."""
    out: list[Message] = []
    for message in kept:
        if (
            out
            and message.kind == "prompt"
            and out[-1].kind == "prompt"
            and message.parts == out[-1].parts
        ):
            gone.append(("retyped_prompt", out.pop()))
        out.append(message)
    return out


def _closed(messages: list[Message]) -> list[Message]:
    """Give every call without a result one with the status `missing`.

    A branch may begin with results of calls in its parent's thread.
    """
    out: list[Message] = []
    for at, message in enumerate(messages, 1):
        out.append(message)
        if message.kind != "answer":
            continue
        results = messages[at] if at < len(messages) and messages[at].kind == "results" else None
        if results is not None and len(results.parts) >= len(message.parts):
            continue  # at least one for each call
        calls = [part for part in message.parts if type(part) is ToolCall]
        if not calls:
            continue
        if results is None:
            missing = [ToolResult(call.id, call.name, "", "missing") for call in calls]
            out.append(
                Message(
                    id=f"{message.id}:missing",
                    role="tool",
                    kind="results",
                    parts=tuple(missing),
                    at=message.at,
                )
            )
        elif len(results.parts) < len(calls):
            messages[at] = _filled(results, calls)
    return out


def _filled(results: Message, calls: list[ToolCall]) -> Message:
    have = {part.call_id: part for part in results.parts if type(part) is ToolResult}
    parts: list[Part] = [
        have.get(call.id) or ToolResult(call.id, call.name, "", "missing") for call in calls
    ]
    placed = set(map(id, parts))
    # results of no call are counted when rows are made
    parts += [part for part in results.parts if id(part) not in placed]
    return msgspec.structs.replace(results, parts=tuple(parts))


def _drops(
    session: Session, kept: Iterable[Message], gone: list[tuple[str, Message]]
) -> list[Drop]:
    """Drops of the records that are in no kept message."""
    if not gone:
        return []
    used: set[Origin] = {origin for message in kept for origin in message.origin}
    drops = []
    for reason, message in gone:
        for origin in message.origin:
            if origin not in used:
                used.add(origin)
                drops.append(
                    Drop("clean", reason, file=session.files[origin.file], line=origin.line)
                )
    return drops
