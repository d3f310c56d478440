"""A message of Cursor as nodes: words, reasoning, a call with its output, a summary."""

from __future__ import annotations

from typing import Any

import msgspec

from ..model import Image, Part, ResultStatus, Text, Usage
from .linear import Linear
from .mending import mend
from .pictures import picture, picture_of_url
from .shapes import decoded, inside, mapping, number, objects, texts, thoughts, value_of, words

#: Fields with the output of a tool, among those about its run.
_SAID = ("output", "contents")
_TOLD = ("modelVisibleErrorMessage", "clientVisibleErrorMessage")


class Result(msgspec.Struct):
    """The result of a call."""

    text: str
    status: ResultStatus
    place: tuple[int, int]
    call: str = ""


class Answering(msgspec.Struct):
    """The state of an answer that is being read.

    model     the one that a prompt was given to
    agent     whether the chat is that of a sub-agent
    request   the request to the model whose calls are being read; "" where that is not told
    waiting   results of its calls: they follow all of them
    called    whether there were calls
    """

    model: str
    agent: bool
    request: str = ""
    waiting: list[Result] = []
    called: bool = False

    def flush(self, log: Linear) -> None:
        """Add the results of an answer with calls that is complete."""
        here = log.place
        for result in self.waiting:
            log.place = result.place
            log.result(result.call, result.text, result.status)
        log.place = here
        if self.called:
            log.open = None
        self.waiting, self.request, self.called = [], "", False


def take(log: Linear, state: Answering, message: dict[str, Any], own: str) -> None:
    """Take one message. Raises LineFault for arguments nested too deep."""
    kind, summary = message.get("type"), _summary(message.get("conversationSummary"))
    if summary:
        state.flush(log)
        log.node("summary", [Text(summary)], _at(message), f"{own}^" if own else "")
    if kind == 1:
        state.flush(log)
        _prompt(log, state, message, own, bool(summary))
    elif kind == 2:
        _answer(log, state, message, own, bool(summary))
    elif not summary:
        log.drop("unknown_type:message" if message else "no_message")


def _at(message: dict[str, Any]) -> str | int:
    at = message.get("createdAt")
    if (isinstance(at, str) and at) or type(at) is int:
        return at
    return number(inside(message, "timingInfo", "clientRpcSendTime"))


def _summary(told: Any) -> str:
    """The summary that the model sees instead of what came before."""
    found = value_of(told) if isinstance(told, str) else told
    if isinstance(found, dict):
        return words(found.get("summary")).strip()
    return words(told).strip()


def _prompt(log: Linear, state: Answering, message: dict[str, Any], own: str, placed: bool) -> None:
    state.model = words(inside(message, "modelInfo", "modelName")) or state.model
    parts = texts(message.get("text")) or texts(_typed(words(message.get("richText"))))
    for image in objects(message.get("images")):
        found = _image(image)
        if found is None:
            log.unknown_part()
        else:
            parts.append(found)
    shown = _shown(message)
    if message.get("isNudge") is True:  # written by the program
        shown, parts = shown + parts, []
    if shown:
        log.node("context", shown, _at(message), f"{own}+" if own and parts else own)
    if parts:
        log.node("task" if state.agent else "prompt", parts, _at(message), own)
    elif not shown and not placed:
        log.drop("empty")


def _image(image: dict[str, Any]) -> Image | None:
    data, kind = image.get("data"), words(image.get("mimeType")) or "image/png"
    return picture_of_url(data) or picture(data, kind) if isinstance(data, str) else None


def _shown(message: dict[str, Any]) -> list[Part]:
    """Pieces of files and of terminals that a person attached to a prompt."""
    found = list[str]()
    for field in ("selections", "terminalSelections", "quotes"):
        for piece in objects(inside(message, "context", field)):
            found.append(words(piece.get("text")) or words(piece.get("rawText")))
    for chunk in objects(message.get("attachedCodeChunks")):
        lines = chunk.get("lines")
        text = "\n".join(map(words, lines)) if isinstance(lines, list) else ""
        found.append(words(chunk.get("contents")) or text)
    return texts(*dict.fromkeys(found))


def _typed(rich: str) -> str:
    """The words of a text in the form of the prompt's editor; its paragraphs are lines."""
    lines = []
    for paragraph in objects(inside(value_of(rich), "root", "children")):
        pieces, waiting = [], [paragraph]
        while waiting:
            piece = waiting.pop()
            pieces.append(words(piece.get("text")))
            waiting += reversed(objects(piece.get("children")))
        lines.append("".join(pieces))
    return "\n".join(lines)


def _answer(log: Linear, state: Answering, message: dict[str, Any], own: str, placed: bool) -> None:
    tool, thinking = message.get("toolFormerData"), message.get("thinking")
    tool = tool if isinstance(tool, dict) and (tool.get("name") or tool.get("toolCallId")) else {}
    told = thinking.get("text") if isinstance(thinking, dict) else thinking
    said = thoughts(told) + texts(message.get("text"))
    if not said and not tool:
        if not placed:
            log.drop("api_error" if message.get("errorDetails") else "empty")
        return
    request = words(tool.get("modelCallId"))
    if not request or request != state.request or said:
        state.flush(log)
    call = words(tool.get("toolCallId"))
    call = own if not call or call in log.calls else call
    result = _result(tool, log.place) if tool else None
    node = log.answer(_at(message), "" if state.model == "default" else state.model, own)
    node.parts += said
    if tool:
        state.request, state.called = request, True
        name = words(tool.get("name")) or f"tool_{number(tool.get('tool'))}"
        call = log.call(node, call, name, _given(tool))
        if result is not None:
            result.call = call
            state.waiting.append(result)
    used = message.get("tokenCount")
    if isinstance(used, dict) and number(used.get("outputTokens")):
        tokens = number(used.get("inputTokens")), number(used.get("outputTokens"))
        log.usage(Usage(*tokens, 0, 0))


def _given(tool: dict[str, Any]) -> Any:
    """The arguments as the model wrote them, or else as the program read them."""
    told = [decoded(tool.get(field)) for field in ("rawArgs", "params")]
    return next((given for given in told if isinstance(given, dict) and given), told[0] or {})


def _result(tool: dict[str, Any], place: tuple[int, int]) -> Result | None:
    """What came of a call; None where it was still running. Raises LineFault for what is nested
    too deep."""
    status, told = words(tool.get("status")), decoded(tool.get("result"))
    ran = mapping(told)
    said = next((ran[field] for field in _SAID if isinstance(ran.get(field), str)), None)
    text = said if said is not None else words(tool.get("result"))
    if said is None and not text and told not in (None, "", {}, []):
        text = msgspec.json.encode(mend(told)).decode()
    failed = any(type(ran.get(c)) is int and ran[c] for c in ("exitCodeV2", "exitCode"))
    found: ResultStatus = "error" if status == "error" or failed else "ok"
    if tool.get("userDecision") == "rejected" or ran.get("rejected") is True:
        found = "rejected"
    elif status == "cancelled":
        found = "interrupted"
    elif status not in ("completed", "error") and not text:
        return None
    if status == "error" and not text:
        why = mapping(decoded(tool.get("error")))
        text = next(filter(None, (words(why.get(f)) for f in _TOLD)), words(tool.get("error")))
    return Result(text, found, place)
