"""A request to the chat of VS Code: what a person asked, and what the model did about it.

If the chat's participant notes its rounds (GitHub Copilot does), they are what the model wrote and
saw; else what the screen showed is taken: texts, edits, and tools with their outputs.
"""

from __future__ import annotations

import re
from typing import Any

from ..model import Image, Part, ResultStatus, Text, Thinking, Usage
from .linear import Linear
from .pictures import picture
from .shapes import (
    decoded,
    elements,
    inside,
    joined,
    mapping,
    number,
    objects,
    pictures,
    texts,
    thoughts,
    words,
)

_ATTACHED = re.compile(r"<attachments>\s*(.*?)\s*</attachments>", re.DOTALL)
_CANCELLED = 2


def summaries_of(requests: list[Any]) -> dict[str, str]:
    """Round -> the summary of it and of all before it."""
    found: dict[str, str] = {}
    for request in objects(requests):
        told = mapping(_metadata(request).get("summary"))
        if words(told.get("text")).strip():
            found[words(told.get("toolCallRoundId"))] = words(told.get("text"))
    return found


def turn(log: Linear, request: Any, summaries: dict[str, str], own: str) -> None:
    """Read a request. Raises LineFault for arguments nested too deep."""
    if not isinstance(request, dict):
        log.drop("no_message")
        return
    before = len(log.nodes)
    at = number(request.get("timestamp"))
    log.open = None
    _asked(log, request, own, at)
    metadata, model = _metadata(request), words(request.get("modelId")).rpartition("/")[2]
    model = words(metadata.get("resolvedModel")) or ("" if model == "auto" else model)
    rounds = objects(metadata.get("toolCallRounds"))
    told = mapping(metadata.get("toolCallResults"))
    for nth, one in enumerate(rounds):
        _round(log, one, told, model, f"{own}:{nth}")
        summary = words(one.get("summary")) or summaries.get(words(one.get("id")), "")
        if summary.strip():
            log.node("summary", [Text(summary)], name=f"{own}:{nth}+")
    if not any(node.kind == "answer" for node in log.nodes[before:]):
        _shown(log, request, model, own)
    made = log.nodes[before:]
    if any(node.kind == "answer" for node in made):
        _usage(log, request, metadata)
    stopped = inside(request, "modelState", "value") == _CANCELLED
    if stopped or request.get("isCanceled") is True:
        log.interrupted()
    if not made:
        log.drop("api_error" if inside(request, "result", "errorDetails") else "empty")


def _metadata(request: dict[str, Any]) -> dict[str, Any]:
    return mapping(inside(request, "result", "metadata"))


def _asked(log: Linear, request: dict[str, Any], own: str, at: int) -> None:
    message = request.get("message")
    typed = texts(words(message) or inside(message, "text"))
    shown: list[Part] = [Text(t) for t in _attached(request)]
    for one in _variables(request):
        if one.get("kind") == "image":
            image = _image(one)
            typed += pictures(image)
            if image is None:
                log.unknown_part()
    if request.get("isSystemInitiated") is True:
        typed, shown = [], [*shown, *typed]
    elif request.get("confirmation"):  # a button to continue
        typed = []
    log.asked(typed, shown, at, own)


def _variables(request: dict[str, Any]) -> list[dict[str, Any]]:
    return objects(inside(request, "variableData", "variables"))


def _attached(request: dict[str, Any]) -> list[str]:
    """What was attached to a prompt, as the model saw it; else what was pasted."""
    rendered = _metadata(request).get("renderedUserMessage")
    pieces = objects(rendered) if not isinstance(rendered, str) else [{"text": rendered}]
    found = [t for p in pieces for t in _ATTACHED.findall(words(p.get("text"))) if t]
    if found:
        return found
    pasted = [words(one.get("code")) for one in _variables(request) if one.get("kind") == "paste"]
    return [code for code in pasted if code.strip()]


def _image(one: dict[str, Any]) -> Image | None:
    value = one.get("value")
    data = value.get("$base64") or value.get("data") if isinstance(value, dict) else value
    return picture(data, words(one.get("mimeType")) or "image/png")


def _round(log: Linear, one: dict[str, Any], told: dict[str, Any], model: str, own: str) -> None:
    calls = [c for c in objects(one.get("toolCalls")) if words(c.get("id"))]
    parts = thoughts(_joined(inside(one, "thinking", "text"))) + texts(one.get("response"))
    if not parts and not calls:
        return
    node = log.new_answer(parts, "", model, own)
    for call in calls:
        given = decoded(call.get("arguments")) or {}
        log.call(node, words(call["id"]), words(call.get("name")), given)
    for call in calls:
        result = told.get(words(call["id"]))
        if isinstance(result, dict):
            pieces = objects(result.get("content"))
            text = "".join(_said(piece.get("value")) for piece in pieces)
            images = tuple(pictures(*map(_piece, pieces)))
            failed = result.get("hasError") is True or result.get("isError") is True
            status: ResultStatus = "error" if failed else "ok"
            if words(call["id"]) not in node.results:
                log.result(words(call["id"]), text, status, images=images)
    log.open = None


def _joined(told: Any) -> str:
    return "".join(map(words, told)) if isinstance(told, list) else words(told)


def _piece(piece: dict[str, Any]) -> Image | None:
    data = piece.get("data")
    held = data.get("$base64") if isinstance(data, dict) else data
    return picture(held, piece.get("mimeType")) if words(piece.get("mimeType")) else None


def _said(value: Any) -> str:
    """The text of a piece of an output: words, or a tree of pieces of a prompt."""
    root = inside(value, "node")
    if not isinstance(root, dict):
        return words(value)
    texts: list[str] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.get("lineBreakBefore") and texts and not texts[-1].endswith("\n"):
            texts.append("\n")
        texts.append(words(node.get("text")))
        waiting += reversed(objects(node.get("children")))
    return "".join(texts)


def _shown(log: Linear, request: dict[str, Any], model: str, own: str) -> None:
    """Take what the screen showed of an answer without noted rounds."""
    text: list[str] = []

    def say() -> None:
        words_so_far = "".join(text).strip()
        text.clear()
        if words_so_far:
            node = log.answer("", model, f"{own}:{len(log.nodes)}")
            node.parts.append(Text(words_so_far))

    for part in objects(request.get("response")):
        kind, value = words(part.get("kind")), part.get("value")
        if kind in ("", "markdownContent", "markdownVuln"):
            content = part.get("content")
            text.append(words(value) or words(content) or words(inside(content, "value")))
        elif kind == "inlineReference":
            text.append(_reference(part.get("inlineReference")))
        elif kind == "textEditGroup":
            edits = [edit for group in elements(part.get("edits")) for edit in objects(group)]
            text.append("\n".join(words(edit.get("text")) for edit in edits))
        elif kind == "thinking" and _joined(value).strip():
            say()
            node = log.answer("", model, f"{own}:{len(log.nodes)}")
            node.parts.append(Thinking(_joined(value)))
        elif kind == "toolInvocationSerialized" and words(part.get("toolCallId")):
            say()
            _tool(log, part, model, f"{own}:{len(log.nodes)}")
    say()
    log.open = None


def _reference(told: Any) -> str:
    """The text for a reference to a file or a name in it."""
    uri = inside(told, "uri")
    path = words(inside(uri if isinstance(uri, dict) else told, "path"))
    name = words(inside(told, "name")) or path.rpartition("/")[2]
    return f"`{name}`" if name else ""


def _tool(log: Linear, part: dict[str, Any], model: str, own: str) -> None:
    held, ran = mapping(part.get("resultDetails")), mapping(part.get("toolSpecificData"))
    command = words(inside(ran, "commandLine", "original"))
    given = decoded(words(held.get("input")))
    call = words(part.get("toolCallId"))
    if call in log.calls:
        return
    node = log.answer("", model, own)
    name = words(part.get("toolId")) or "tool"
    log.call(node, call, name, given or ({"command": command} if command else {}))
    pieces, confirmed = objects(held.get("output")), part.get("isConfirmed")
    text = joined(*(words(piece.get("value")) for piece in pieces))
    text = text or words(inside(ran, "terminalCommandOutput", "text"))
    refused = confirmed is False or inside(confirmed, "type") == 0
    status: ResultStatus = "error" if held.get("isError") is True else "ok"
    if refused or text or status == "error":
        log.result(call, text, "rejected" if refused else status)


def _usage(log: Linear, request: dict[str, Any], metadata: dict[str, Any]) -> None:
    used = mapping(inside(request, "result", "usage"))
    read = used.get("promptTokens") or metadata.get("promptTokens") or request.get("promptTokens")
    made = used.get("completionTokens") or metadata.get("outputTokens")
    made = made or request.get("completionTokens")
    if number(read) or number(made):
        log.usage(Usage(number(read), number(made), 0, 0))
