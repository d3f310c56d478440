"""One message of Gemini CLI as nodes. Calls hold their results."""

from __future__ import annotations

from typing import Any

from ...model import Image, Part, ResultStatus, Text, Thinking
from ..linear import Linear
from ..pictures import picture
from ..shapes import (
    as_json,
    elements,
    images_of,
    inside,
    objects,
    pictures,
    safe_name,
    texts,
    thoughts,
    usage_with_cache,
    words,
)

#: How Gemini CLI and its forks tell the model of a command that a person typed with `!`.
RAN = "I ran the following shell command:\n```sh\n"
_STATUS: dict[str, ResultStatus] = {"error": "error", "cancelled": "rejected"}

#: What the program says before the first prompt, and in the model's name.
_SETTING = ("<session_context>", "This is the Gemini CLI. We are setting up the context")
#: What it tells a sub-agent: its instructions before the task, and that it must finish.
_LOADED = "<loaded_context>"
#: What a hook added after a prompt; the second is Qwen Code's form.
_HOOKED = ("<hook_context>", "<qwen:user-prompt-submit-context>")
#: Replaces the signature of a part that the program wrote in the model's name.
_UNSIGNED = "skip_thought_signature_validator"
_LAST_CHANCE = "You have stopped calling tools without finishing."
#: What it says to a model that repeats itself.
_LOOP = "System: Potential loop detected. Details: "
_FILES = "--- Content from referenced files ---"
_FILES_END = "--- End of content ---"


def take_message(log: Linear, message: dict[str, Any], name: str, agent: bool, made: str) -> None:
    """Make nodes of a message, or drop it for a reason.

    `made` says what the program wrote itself: "history" for what stands only in a rewritten
    history, "summary" for the first of these after a compaction, else "".
    """
    kind, at = words(message.get("type")), message.get("timestamp")
    if kind == "user":
        _user(log, message.get("content"), at, name, agent, made)
    elif kind == "gemini" and not message.get("model") and (made or _written(message)):
        log.drop("synthetic")
    elif kind == "gemini":
        _answer(log, message, at, name)
    elif kind in ("info", "error", "warning"):
        log.drop(kind)
    else:
        log.drop(f"unknown_type:{safe_name(kind)}")


def _user(log: Linear, content: Any, at: object, name: str, agent: bool, made: str) -> None:
    blocks = objects(content)
    if any(isinstance(block.get("functionResponse"), dict) for block in blocks):
        late_results(log, blocks, at)  # mostly the calls of the last answer already hold these
        return
    typed, injected = apart(parts_of(content))
    first = next((p.text for p in typed if isinstance(p, Text)), "")
    if first.startswith(_SETTING):
        log.drop("environment_context")
    elif first.startswith("System: Please continue"):
        log.drop("continue_marker")
    elif not typed and not injected:
        log.drop("empty")
    elif first.startswith((RAN, _LOOP)) or (agent and first.startswith(_LAST_CHANCE)):
        log.node("context", [*typed, *injected], at, name)
    elif made:
        log.node("summary" if made == "summary" else "context", [*typed, *injected], at, name)
    else:
        if typed:
            log.node("task" if agent else "prompt", typed, at, name)
        if injected:
            log.node("context", injected, at, f"{name}+" if typed else name)


def apart(parts: list[Part]) -> tuple[list[Part], list[Part]]:
    """What was typed, and the files that the program added after it."""
    typed: list[Part] = []
    injected: list[Part] = []
    in_files = False
    for part in parts:
        text = part.text.strip() if isinstance(part, Text) else ""
        in_files = in_files or text == _FILES
        by_program = in_files or text.startswith((_LOADED, *_HOOKED))
        (injected if by_program else typed).append(part)
        in_files = in_files and text != _FILES_END
    return typed, injected


def _written(message: dict[str, Any]) -> bool:
    """Whether the program wrote the answer, which says that it got the pictures of a tool."""
    blocks = elements(message.get("content"))
    unsigned = {"thought": True, "thoughtSignature": _UNSIGNED}.items()
    return bool(blocks) and all(isinstance(b, dict) and b.items() >= unsigned for b in blocks)


def late_results(
    log: Linear,
    blocks: list[dict[str, Any]],
    at: object,
    status: ResultStatus = "ok",
    reason: str = "second_result",
) -> None:
    """Take results of calls that were written down without them."""
    used = False
    for block in blocks:
        call = words(inside(block, "functionResponse", "id"))
        node = log.calls.get(call)
        if node is not None and call not in node.results:
            text, images = output_of({"result": [block]})
            used = log.result(call, text, status, at, images)
    if not used:
        log.drop(reason)


def parts_of(content: Any) -> list[Part]:
    """Texts and pictures of a content in any of its forms."""
    found: list[Part] = []
    for block in content if isinstance(content, list) else [content]:
        if not isinstance(block, dict):
            found += texts(block)
            continue
        said, inline = block.get("text"), block.get("inlineData")
        found += thoughts(said) if block.get("thought") is True else texts(said)
        found += pictures(picture(inside(inline, "data"), inside(inline, "mimeType")))
    return found


def _answer(log: Linear, message: dict[str, Any], at: object, name: str) -> None:
    parts: list[Part] = [
        Thinking(f"**{words(thought.get('subject'))}**\n{words(thought.get('description'))}")
        for thought in objects(message.get("thoughts"))
        if words(thought.get("description"))
    ]
    said = parts_of(message.get("content"))
    parts += [p for p in said if not (parts and isinstance(p, Thinking))]
    calls, unread = _calls(message)
    if not parts and not calls:
        log.drop("invalid_call" if unread else "empty")
        return
    if unread:
        log.unknown_part()
    node = log.new_answer(parts, at, words(message.get("model")), name)
    told: list[tuple[str, dict[str, Any]]] = []
    for call in calls:
        call_id = words(call.get("id")) or f"{name}:{len(told)}"
        call_id = log.call(node, call_id, words(call.get("name")), call.get("args"))
        if words(call.get("agentId")):
            log.started[words(call["agentId"])] = (call_id, node)
        told.append((call_id, call))
    counts = dict(log.counts)
    for call_id, call in told:
        if "result" in call or call.get("status") in ("success", "error", "cancelled"):
            text, images = output_of(call)
            status = _STATUS.get(words(call.get("status")), "ok")
            log.result(call_id, text, status, call.get("timestamp"), images)
    log.counts = counts  # the record has a place
    tokens = message.get("tokens")
    if isinstance(tokens, dict):
        log.usage(usage_with_cache(*map(tokens.get, ("input", "output", "cached"))))


def _calls(message: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """The calls of an answer, and whether some are no objects; those that are only in its content
    have no result."""
    listed, blocks = message.get("toolCalls") or [], objects(message.get("content"))
    calls = objects(listed)
    unread = not isinstance(listed, list) or len(calls) < len(listed)
    return calls or objects([b.get("functionCall") for b in blocks]), unread


def output_of(call: dict[str, Any]) -> tuple[str, tuple[Image, ...]]:
    """What the model saw of a call's result: a list of function responses."""
    told: list[str] = []
    images: list[Image] = []
    result = call.get("result")
    for item in result if isinstance(result, list) else [result]:
        if isinstance(item, str):
            told.append(item)
            continue
        if not isinstance(item, dict):
            continue
        answer = item.get("functionResponse")
        response, more = inside(answer, "response"), elements(inside(answer, "parts"))
        if isinstance(response, dict):
            text = response.get("output", response.get("error"))
            told.append(text if isinstance(text, str) else as_json(response))
        parts = parts_of([item, *more])
        told += [part.text for part in parts if isinstance(part, Text)]
        images += images_of(parts)
    return "\n".join(told), tuple(images)
