"""Tool results, pictures and side files of Claude Code, as the model saw them."""

from __future__ import annotations

import errno
import os
import re
from typing import Any

from ...injected import cut_result
from ...model import Beside, Image, Part, ResultStatus, Text
from ..lines import open_log, stem
from ..pictures import picture
from ..shapes import as_json
from .wire import Block, Outcome

#: Most characters of a side file that are read into a result; the preview has 2 kB.
SIDE_FILE_CAP = 1 << 20

_PERSISTED = re.compile(
    r"\A\s*<persisted-output>\s*\n.*?saved to: (?P<path>[^\n]+?)\n"
    r"\s*Preview \(first [^\n]*\):\n(?P<preview>.*?)\s*(?:</persisted-output>\s*|\Z)",
    re.DOTALL,
)

#: Words that only the program writes, which count even if the result is not marked as an error.
_REFUSED = (
    "The user doesn't want to proceed with this tool use.",
    "The user doesn't want to take this action right now.",
)
_BROKEN_OFF = "[Request interrupted by user for tool use]"
_REJECTED = (
    *_REFUSED,
    "User rejected tool use",
    "Error: The user doesn't want to",
    "Permission for this tool use was denied. The tool use was rejected",
    "The agent proposed a plan that was rejected by the user.",
    _BROKEN_OFF,
)
_CANCELLED = tuple(
    tag + words
    for tag in ("", "<tool_use_error>")
    for words in (
        "Sibling tool call errored",
        "Cancelled: parallel tool call",
        "Streaming fallback - tool execution discarded",
    )
)
#: Kinds of denial without a rule: by a person, or for what happened elsewhere.
NO_RULE = ("user-rejected", "interrupted", "cancelled")
_DENIED = re.compile(
    r"\A(?:<tool_use_error>)?(?:Error: )?"
    r"(?:Permission (?:to use \S+|for this (?:action|tool use))(?: with command .*)?"
    r" (?:has been denied|was denied)"
    r"|Claude requested permissions to .*, but you haven't granted it yet\.)",
    re.DOTALL,
)


def image_of(source: Any) -> Image | None:
    """A picture or binary document by digest, from a block's `source`; None if it holds none."""
    if not isinstance(source, dict) or source.get("type") != "base64":
        return None
    return picture(source.get("data"), source.get("media_type"))


def document_of(source: Any) -> Part | None:
    """A picture or document: its text, its address, or else a digest."""
    kind = source.get("type") if isinstance(source, dict) else None
    if kind == "text":
        data = source.get("data")
        return Text(data) if isinstance(data, str) and data else None
    if kind == "url" and isinstance(source.get("url"), str):
        return Text(f"[image: {source['url']}]")
    return image_of(source)


def result_content(content: Any) -> tuple[str, tuple[Image, ...]]:
    """The text and the pictures of a tool result, whatever its form."""
    if type(content) is str:
        return content, ()
    if content is None:
        return "", ()
    if not isinstance(content, list):
        return as_json(content), ()
    texts: list[str] = []
    images: list[Image] = []
    for item in content:
        kind = item.get("type") if isinstance(item, dict) else None
        if isinstance(item, str):
            texts.append(item)
        elif kind == "text" and isinstance(item.get("text"), str):
            texts.append(cut_result(item["text"]))
        elif kind in ("image", "document"):
            part = document_of(item.get("source"))
            if isinstance(part, Image):
                images.append(part)
            elif isinstance(part, Text):
                texts.append(part.text)
        elif kind == "tool_reference" and isinstance(item.get("tool_name"), str):
            texts.append(item["tool_name"])
        else:
            texts.append(as_json(item))
    return "\n".join(text for text in texts if text), tuple(images)


def status_of(text: str, block: Block, outcome: Outcome | None, denial: str | None) -> ResultStatus:
    """How a call ended, from the result's text and flags."""
    if denial == "cancelled":
        return "cancelled"
    if block.is_error:
        if denial == "interrupted":
            return "interrupted"
        if denial or text.startswith(_REJECTED) or _DENIED.match(text):
            interrupted = text.startswith("[Request interrupted")
            return "interrupted" if interrupted else "rejected"
        if text.startswith(_CANCELLED):
            return "cancelled"
        if outcome is not None and outcome.interrupted:
            return "interrupted"
        return "error"
    if text.startswith(_REFUSED):
        return "rejected"
    if text.startswith(_BROKEN_OFF):
        return "interrupted"
    if text.startswith("<tool_use_error>"):
        return "cancelled" if text.startswith(_CANCELLED) else "error"
    if outcome is not None and outcome.interrupted:
        return "interrupted"
    return "ok"


def persisted(text: str, log: str, session_id: str) -> tuple[str, Beside]:
    """The whole output of a result that the program moved to a side file, and that it was `read`.

    The file is looked for only beside the log: `tool-results/NAME` in the folder of the session,
    or of the one that the path names: a fork's copy names the session that it copied.
    If it is `gone`, the preview stays; so does any other text. The path is never kept, as it tells
    where the user works.
    """
    found = _PERSISTED.match(text)
    if found is None:
        return text, ""
    *above, name = found["path"].strip().replace("\\", "/").split("/")
    folder = os.path.dirname(log)
    beside = session_folder(log) or os.path.dirname(folder)
    homes = [os.path.join(beside, "tool-results")]
    stems = [stem(log), session_id, *above[-2:-1]]
    homes[:0] = [os.path.join(folder, name, "tool-results") for name in stems if _safe(name)]
    for home in homes if _safe(name) else ():
        whole = _side_file(os.path.join(home, name))
        if whole is not None:
            return whole, "read"
    return found["preview"], "gone"


def session_folder(path: str) -> str:
    """The folder of the session above an agent's log; "" for any other log.

    Agents are in `subagents/`, those of a workflow in `subagents/workflows/RUN/`.
    """
    folder = os.path.dirname(path)
    for _ in range(3):
        if os.path.basename(folder) == "subagents":
            return os.path.dirname(folder)
        folder = os.path.dirname(folder)
    return ""


def _safe(name: str) -> bool:
    return bool(name) and name not in (".", "..") and "/" not in name and "\0" not in name


def _side_file(path: str) -> str | None:
    try:
        if os.path.islink(path) or os.path.islink(os.path.dirname(path)):
            raise OSError(errno.ELOOP, "link")
        with open_log(path) as stream:
            data = bytearray()
            while len(data) < SIDE_FILE_CAP:
                chunk = stream.read(SIDE_FILE_CAP - len(data))
                if not chunk:
                    break
                data += chunk
    except OSError:
        return None  # it is gone: the preview is all that there is
    return data.decode("utf-8", "replace")
