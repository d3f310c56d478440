"""Rollouts of other forms: the single document of the first versions, and files with only what the
screen showed.

Both are converted to the items of a rollout, so that there is one reader of items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from ...ledger import Ledger
from ...ports import ReadOptions
from ..linear import Linear
from ..shapes import elements, joined, objects, words

_DOCUMENT = re.compile(rb'\A\s*\{\s*"session"\s*:\s*\{[^{}]*"id"\s*:')

#: Events that are a part of the conversation.
_SHOWN_NAMES = """
user_message agent_message agent_reasoning exec_command_begin exec_command_end item_completed
mcp_tool_call_begin mcp_tool_call_end patch_apply_begin patch_apply_end web_search_end
"""
#: Events about the answer before them, or that end it.
MARKS = ("task_started", "token_count")
SHOWN = frozenset((*_SHOWN_NAMES.split(), *MARKS))


def is_document(head: bytes) -> bool:
    """Whether a file that begins so is `{session, items}`."""
    return _DOCUMENT.match(head) is not None


def document_lines(path: str, options: ReadOptions, ledger: Ledger) -> Iterator[tuple[int, bytes]]:
    """The document as numbered lines of a rollout: its header, then its items."""
    whole = Linear(path, options, ledger).document()
    if whole is None:
        return
    for number, value in enumerate([whole.get("session"), *elements(whole.get("items"))], 1):
        yield number, orjson.dumps(value)


class Screen:
    """Converts events to items. A call becomes an item once, by its first event."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.begun: set[str] = set()
        self.plain = any(words(event.get("type")) == "user_message" for event in events)

    def items(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """The items of an event."""
        kind = words(event.get("type"))
        if kind in MARKS:
            return []
        if kind == "user_message":
            pictures = event.get("images")
            return [_message("user", words(event.get("message")), pictures)]
        if kind == "agent_message":
            return [_message("assistant", words(event.get("message")))]
        if kind == "agent_reasoning":
            return [_reasoning([event.get("text")])]
        if kind == "item_completed":
            item = event.get("item")
            return self._item(item) if isinstance(item, dict) else []
        return self._call(words(event.get("call_id")), event, done=not kind.endswith("_begin"))

    def _item(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        kind = words(item.get("type"))
        if kind == "CommandExecution":
            return self._call(words(item.get("id")), item, done=True)
        if self.plain:  # the older events hold it as well
            return []
        if kind in ("UserMessage", "AgentMessage"):
            blocks = objects(item.get("content"))
            text = joined(*(words(block.get("text")) for block in blocks))
            pictures = [b.get("image_url") or b.get("url") for b in blocks]
            return [_message("user" if kind[0] == "U" else "assistant", text, pictures)]
        if kind == "Reasoning":
            return [_reasoning(elements(item.get("summary_text")))]
        return []

    def _call(self, call: str, event: dict[str, Any], done: bool) -> list[dict[str, Any]]:
        if not call:
            return []
        made: list[dict[str, Any]] = []
        if call not in self.begun:
            self.begun.add(call)
            name, arguments = _asked(event)
            if "query" in event:
                return [{"type": "web_search_call", "call_id": call, "action": arguments}]
            given = orjson.dumps(arguments).decode()
            made = [{"type": "function_call", "name": name, "call_id": call, "arguments": given}]
        if done and "query" not in event:
            text, success = _answered(event)
            output = {"content": text, "success": success}
            made.append({"type": "function_call_output", "call_id": call, "output": output})
        return made


def _message(role: str, text: str, pictures: Any = None) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content: list[dict[str, Any]] = [{"type": kind, "text": text}] if text else []
    urls = [url for url in elements(pictures) if isinstance(url, str)]
    content.extend({"type": "input_image", "image_url": url} for url in urls)
    return {"type": "message", "role": role, "content": content}


def _reasoning(texts: list[Any]) -> dict[str, Any]:
    said = [{"type": "summary_text", "text": text} for text in texts if isinstance(text, str)]
    return {"type": "reasoning", "summary": said}


def _asked(event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and arguments of the call of an event."""
    invocation = event.get("invocation")
    if isinstance(invocation, dict):
        given = invocation.get("arguments")
        name = f"{words(invocation.get('server'))}__{words(invocation.get('tool'))}"
        return name, given if isinstance(given, dict) else {}
    if "changes" in event:
        return "apply_patch", {"changes": event["changes"]}
    if "query" in event:
        return "web_search", {"query": event["query"]}
    asked = {"command": event.get("command"), "workdir": event.get("cwd")}
    return "shell", {name: value for name, value in asked.items() if value is not None}


def _answered(event: dict[str, Any]) -> tuple[Any, bool]:
    """The result of the call, and whether it succeeded."""
    result = event.get("result")
    if isinstance(result, dict) and ("Ok" in result or "Err" in result):
        good = result.get("Ok")
        if isinstance(good, dict):
            return good.get("content"), good.get("is_error") is not True
        return words(result.get("Err")), False
    for name in ("formatted_output", "aggregated_output"):
        if words(event.get(name)):
            return event[name], event.get("exit_code") in (0, None)
    went = event.get("success") is not False and event.get("exit_code") in (0, None)
    return joined(words(event.get("stdout")), words(event.get("stderr"))), went
