"""Which files are logs of Claude Code: one line at the beginning shows it."""

from __future__ import annotations

import re
from io import BytesIO
from itertools import islice
from typing import Any, Literal

import msgspec

from ..printed import STREAMS

_CONVERSATION = re.compile(rb'"type"\s*:\s*"(?:user|assistant|system|attachment|progress)"')
_SESSION = re.compile(rb'"(?:sessionId|session_id)"\s*:\s*"')
#: The first versions kept a conversation as one array, before records named their parents.
_FIRST = re.compile(rb'"userType"\s*:\s*"')
_ENVELOPE = re.compile(rb'"(?:parentUuid|leafUuid|isSidechain|parent_tool_use_id)"\s*:')
_SIDE = re.compile(
    rb'"type"\s*:\s*"(?:file-history-snapshot|queue-operation|last-prompt|custom-title|ai-title'
    rb'|permission-mode|mode|bridge-session|agent-name|pr-link|summary|fork-context-ref)"'
)
_MESSAGE = re.compile(rb'"message"\s*:\s*\{')
_OWN = re.compile(rb'"(?:uuid|sessionId|session_id|messageId|leafUuid)"\s*:\s*"')
#: Agents whose records look alike: Cursor's and Factory's printed output, Qwen Code.
_OTHERS = re.compile(
    rb'^\{\s*"type"\s*:\s*"tool_call"\s*,\s*'
    rb'(?:"subtype"\s*:\s*"(?:started|completed)"|"sessionId"\s*:)'
    rb'|^\{\s*"type"\s*:\s*"system"\s*,\s*"subtype"\s*:\s*"init"\s*,\s*"apiKeySource"\s*:'
    rb'(?![^\n]*"tools"\s*:)'
    rb'|^\{[^{}]{0,800}"message"\s*:\s*\{\s*"role"\s*:\s*"(?:user|model)"\s*,\s*"parts"\s*:',
    re.MULTILINE,
)
#: The pattern, which is slow, matches only if one of these is found.
_SIGNS = (b'"tool_call"', b'"parts"', b'"apiKeySource"')


def is_log(path: str, head: bytes) -> bool:
    """Whether a file that begins with `head` is a log of Claude Code."""
    if not path.endswith(STREAMS) or "tool-results" in path.replace("\\", "/").split("/"):
        return False  # a tool's output may itself be a log
    if not path.endswith((".jsonl", ".ndjson")):
        if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":  # a log kept as one array
            envelope = _ENVELOPE.search(head) or _FIRST.search(head)
            return bool(envelope and _CONVERSATION.search(head) and _SESSION.search(head))
        return not _of_another(head) and any(map(is_printed, head.split(b"\n")[:200]))
    if _of_another(head):
        return False
    for raw in islice(BytesIO(head), 200):
        if not raw.lstrip(b"\xef\xbb\xbf\0 \t").startswith(b"{"):
            continue
        if _CONVERSATION.search(raw):
            if _ENVELOPE.search(raw) or (_SESSION.search(raw) and _MESSAGE.search(raw)):
                return True
            if b'"session_id"' in raw and b'"subtype"' in raw:
                return True
        elif _SIDE.search(raw) and _OWN.search(raw):
            return True
    return False


def _of_another(head: bytes) -> bool:
    """Whether a file holds records of an agent whose records look alike."""
    return any(sign in head for sign in _SIGNS) and _OTHERS.search(head) is not None


class Printed(msgspec.Struct, gc=False):
    """A record of `claude -p --output-format stream-json`."""

    type: Literal["system", "assistant", "user"]
    session_id: str
    subtype: str | None = None
    message: dict[str, Any] | None = None


def is_printed(raw: bytes) -> bool:
    """Whether a line is such a record."""
    try:
        record = msgspec.json.decode(raw, type=Printed) if raw.startswith(b"{") else None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return record is not None and (record.message is not None or record.subtype is not None)
