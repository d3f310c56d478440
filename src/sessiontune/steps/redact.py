"""Redacts a session: every text, at every depth, and every identifier.

Nothing is stored, compared or shown before this stage. `files` and `origin` stay: they are needed
to trace a row to its log, and never published.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ..model import (
    Drop,
    ForkPoint,
    Image,
    Message,
    Part,
    Session,
    Text,
    Thinking,
    ToolCall,
    ToolDef,
    ToolResult,
)
from ..ports import Stage
from ..privacy.engine import Redactor
from ..privacy.joined import LONG
from ..privacy.trees import collect_strings

#: Branch names that everybody uses.
PLAIN_BRANCHES = frozenset(
    "main master develop development dev trunk head staging production release next test".split()  # noqa: SIM905
)


def redactor_stage(redactor: Redactor) -> Stage:
    """The stage `Session -> Session`, with pseudonyms. It drops nothing."""

    def stage(session: Session) -> tuple[Session | None, list[Drop]]:
        if not redactor.options.enabled:
            return session, []
        return _redact(session, redactor), []

    return stage


def texts_of(session: Session) -> list[str]:
    """All texts of a session, but for its identifiers."""
    strings: list[str] = [session.title, session.agent_type, session.entrypoint]
    names: set[str] = set()  # of models and tools: few and repeated
    for message in session.messages:
        names.add(message.model)
        for part in message.parts:
            _take(part, strings, names)
    strings.extend(names)
    for tool in session.tools:
        strings.append(tool.name)
        strings.append(tool.description)
        collect_strings(tool.parameters, strings)
    return strings


def _redact(session: Session, redactor: Redactor) -> Session:
    strings = texts_of(session)
    changed: dict[str, str] = {}
    for some in _batches(strings):
        fresh = redactor.texts(some)
        changed.update((old, new) for old, new in zip(some, fresh, strict=True) if old is not new)
    fork = session.forked_from
    call = session.parent_call
    return msgspec.structs.replace(
        session,
        session_id=redactor.ident("session", session.session_id),
        agent_id=_maybe("agent", session.agent_id, redactor),
        agent_type=changed.get(session.agent_type, session.agent_type),
        entrypoint=changed.get(session.entrypoint, session.entrypoint),
        forked_from=fork and ForkPoint(fork.session, redactor.ident("message", fork.message)),
        parent_call=_maybe("call", call, redactor),
        project=redactor.ident("project", session.project),
        cwd=_cwd(session, redactor),
        branch=_branch(session.branch, redactor),
        title=changed.get(session.title, session.title),
        messages=tuple(_message(m, changed, redactor) for m in session.messages),
        tools=tuple(_tool(tool, changed, redactor) for tool in session.tools),
    )


def _batches(strings: list[str]) -> Iterator[list[str]]:
    """Neighbours that are redacted in one go: as bytes, a session of 100 MB would be held twice
    more."""
    start = size = 0
    for at, text in enumerate(strings):
        if at > start and size + len(text) > LONG:
            yield strings[start:at]
            start, size = at, 0
        size += len(text)
    yield strings[start:]


def _take(part: Part, strings: list[str], names: set[str]) -> None:
    if isinstance(part, ToolResult):
        strings.append(part.content)
        names.add(part.name)
    elif isinstance(part, ToolCall):
        names.add(part.name)
        collect_strings(part.arguments, strings)
    elif not isinstance(part, Image):
        strings.append(part.text)


def _maybe(kind: str, value: str | None, redactor: Redactor) -> str | None:
    return None if value is None else redactor.ident(kind, value)


def _branch(name: str, redactor: Redactor) -> str:
    return name if name.lower() in PLAIN_BRANCHES else redactor.ident("branch", name)


def _cwd(session: Session, redactor: Redactor) -> str:
    """The working folder stays a path, named after the project's pseudonym."""
    bare = session.cwd.removeprefix("/")
    if redactor.ident("project", bare) == bare:  # there is none, or it is a pseudonym
        return session.cwd
    return "/" + redactor.ident("project", session.cwd)


def _message(message: Message, changed: dict[str, str], redactor: Redactor) -> Message:
    return msgspec.structs.replace(
        message,
        id=redactor.ident("message", message.id),
        parent=_maybe("message", message.parent, redactor),
        model=changed.get(message.model, message.model),
        parts=tuple([_part(part, changed, redactor) for part in message.parts]),
    )


def _part(part: Part, changed: dict[str, str], redactor: Redactor) -> Part:
    if isinstance(part, Text):
        new = changed.get(part.text)
        return part if new is None else Text(new)
    if isinstance(part, Thinking):
        new = changed.get(part.text)
        return part if new is None else Thinking(new)
    if isinstance(part, ToolResult):
        content = changed.get(part.content, part.content)
        return msgspec.structs.replace(
            part,
            call_id=redactor.ident("call", part.call_id),
            content=content,
            name=changed.get(part.name, part.name),
            images=tuple(_picture(image, redactor) for image in part.images),
        )
    if isinstance(part, Image):
        return _picture(part, redactor)
    arguments: dict[str, Any] = redactor.structure(part.arguments, changed)
    name = changed.get(part.name, part.name)
    return ToolCall(redactor.ident("call", part.id), name, arguments)


def _picture(image: Image, redactor: Redactor) -> Image:
    return msgspec.structs.replace(image, digest=redactor.digest(image.digest))


def _tool(tool: ToolDef, changed: dict[str, str], redactor: Redactor) -> ToolDef:
    return ToolDef(
        changed.get(tool.name, tool.name),
        changed.get(tool.description, tool.description),
        redactor.structure(tool.parameters, changed),
    )
