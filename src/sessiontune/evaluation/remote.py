"""Answers from an OpenAI-compatible endpoint, where a fault is a recorded case and not a crash.

`Endpoint` asks a busy or failing server again; a broken, empty or unreadable answer is requested
once more here. If that fails too, the `Reply` has `failed` set: the run goes on, and the case is
left out of the comparison and named in the report.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ..errors import EndpointError
from .callforms import still_thinking, thought_in
from .endpoint import RETRIED, Endpoint, said

#: Most bytes of one answer; a longer one counts as endless.
MOST_BYTES = 4_000_000
#: The variable with the key for a server that requires one.
KEY = "SESSIONTUNE_ENDPOINT_KEY"
#: Why an answer that was cut inside its thought is none. The cache of answers holds these words.
THINKING = "still thinking when its tokens were used up"


class Limits(msgspec.Struct, frozen=True):
    """Seconds for one wait on the server and for a whole answer; more tries after a fault."""

    wait: float = 120.0
    whole: float = 600.0
    tries: int = 2


class Reply(msgspec.Struct, frozen=True):
    """An answer as text, calls in the <tool_call> form. `failed`: why there is none; `thought`: the
    model thought before it."""

    text: str = ""
    stopped: bool = False
    failed: str = ""
    thought: bool = False


class Remote:
    """A model behind a URL such as `http://127.0.0.1:8080/v1`."""

    def __init__(
        self,
        url: str,
        model: str = "",
        limits: Limits | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limits = limits or Limits()
        key = os.environ.get(KEY, "")
        self._endpoint = Endpoint(
            url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=self.limits.wait,
            retries=self.limits.tries,
            remote=True,  # the user has named this host
            sleep=sleep,
        )
        self._path = (
            "/chat/completions" if urlsplit(url).path.strip("/") else "/v1/chat/completions"
        )
        self._model = model

    def answer(
        self, messages: Sequence[Mapping[str, Any]], tools: Any = None, most: int = 512
    ) -> Reply:
        """One answer at temperature 0. Never raises for a fault of the server."""
        body: dict[str, Any] = {
            "model": self._model or "default",
            "messages": [spoken(m) for m in messages],
            "max_tokens": most,
            "temperature": 0,
        }
        if listed := tool_list(tools):
            body["tools"] = listed
        raw = json.dumps(body, ensure_ascii=False).encode()
        reply = Reply(failed="not asked")
        for _ in range(2):
            reply = self._once(raw)
            if not reply.failed or reply.failed.startswith(("no answer", "status", THINKING)):
                break  # `Endpoint` has retried those; a cut one would be cut again
        return reply

    def _once(self, raw: bytes) -> Reply:
        kind = {"Content-Type": "application/json"}
        try:
            reply = self._endpoint.request("POST", self._path, body=raw, headers=kind)
            if reply.status >= 400:
                often = " (asked again)" if reply.status in RETRIED else ""
                return Reply(failed=f"status {reply.status}{often}: {said(reply)[:200]}")
        except EndpointError as error:
            return Reply(failed=f"no answer: {error.message[:200]}")
        ends = time.monotonic() + self.limits.whole
        held = bytearray()
        blocks = reply.blocks()
        try:
            for block in blocks:
                held += block
                if len(held) > MOST_BYTES:
                    return Reply(failed=f"endless answer: more than {MOST_BYTES} bytes")
                if time.monotonic() > ends:
                    return Reply(failed=f"endless answer: more than {self.limits.whole:g} seconds")
        except EndpointError as error:
            return Reply(failed=f"broken answer: {error.message[:200]}")
        finally:
            reply.close()
        wanted = reply.headers.get("content-length", "")
        if wanted.isdigit() and len(held) < int(wanted):
            return Reply(failed="broken answer: the connection was cut")
        return understood(bytes(held))


def understood(raw: bytes) -> Reply:
    """The first choice of a chat completion as text."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return Reply(failed="invalid JSON in the answer" if raw.strip() else "empty answer")
    try:
        choice = value["choices"][0]
        message = choice["message"]
        text = message.get("content") or ""
        for call in message.get("tool_calls") or []:
            inner = call["function"]
            arguments = inner.get("arguments") or "{}"
            if not isinstance(arguments, str):
                arguments = json.dumps(arguments, ensure_ascii=False)
            name = json.dumps(inner["name"], ensure_ascii=False)
            text += f'\n<tool_call>\n{{"name": {name}, "arguments": {arguments}}}\n</tool_call>'
        ended = choice.get("finish_reason") != "length"
        apart = message.get("reasoning_content") or message.get("reasoning")
    except (KeyError, IndexError, TypeError, AttributeError):
        return Reply(failed="an answer that is no chat completion")
    if not isinstance(text, str):
        return Reply(failed="an answer that is no chat completion")
    # lone surrogates of a cut character are valid in JSON but not in a file
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    thought = bool(apart) or thought_in(text)
    if not ended and (still_thinking(text) or (apart and not text.strip())):
        return Reply(text.strip(), failed=THINKING, thought=True)
    if not text.strip():
        return Reply(failed="empty answer")
    return Reply(text.strip(), ended, thought=thought)


def spoken(message: Mapping[str, Any]) -> dict[str, Any]:
    """A row's message as the API takes it, without our own marks."""
    known = ("role", "content", "tool_calls", "tool_call_id", "name")
    found = {k: message[k] for k in known if message.get(k) is not None}
    found.setdefault("content", "")
    return found


def tool_list(tools: Any) -> list[Any]:
    """Tool definitions of a row, which keeps them as JSON text, as a list."""
    if isinstance(tools, str):
        tools = json.loads(tools) if tools.strip() else []
    return list(tools or [])
