"""What attachments showed the model: files, memories, skills, plans."""

from __future__ import annotations

import msgspec

from ...model import Part, Text
from ..pictures import picture
from ..shapes import as_json, elements, inside, objects, pictures, words
from .wire import Attachment

#: Attachments with content that the model saw.
SHOWN = (
    *("nested_memory", "file", "directory", "instructions", "mcp_resource"),
    *("relevant_memories", "invoked_skills", "plan_file_reference", "selected_lines_in_ide"),
    *("selected_lines_in_diff", "account_memory_recall", "cowork_memory_context"),
    *("plugin_note", "poll_events"),
)


def decoded(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw) if len(memoryview(raw)) else None
    except (msgspec.DecodeError, RecursionError):
        return None


def shown_parts(given: Attachment) -> list[Part]:
    """What an attachment showed: one file, or all files of the instructions."""
    if given.type == "instructions":
        return [Text(text) for text in texts_in(given.files, "content")]
    if given.type == "relevant_memories":
        return [Text(text) for text in texts_in(given.memories, "content")]
    if given.type == "invoked_skills":
        return [Text(text) for text in texts_in(given.skills, "content")]
    if given.type == "plan_file_reference":
        return [Text(given.planContent)] if given.planContent else []
    if given.type == "plugin_note":
        return [Text(text) for text in texts_in(given.content)]
    if given.type == "poll_events":  # what a call of Poll delivered is its result
        return [] if given.deliveredVia else [Text(text) for text in texts_in(given.envelopes)]
    if given.type == "mcp_resource":
        return _resource(decoded(given.content))
    part = _file_part(given.content)
    return [] if part is None else [part]


def _resource(value: object) -> list[Part]:
    """What a mention of a server's resource showed."""
    parts: list[Part] = []
    for item in objects(inside(value, "contents")):
        if words(item.get("text")):
            parts.append(Text(item["text"]))
        else:
            parts += pictures(picture(item.get("blob"), item.get("mimeType")))
    return parts


def texts_in(raw: msgspec.Raw, name: str = "") -> list[str]:
    """The texts of a list, or those under a name in its items."""
    listed = elements(decoded(raw))
    found = [one.get(name) for one in objects(listed)] if name else listed
    return [text for text in found if isinstance(text, str) and text.strip()]


def _file_part(raw: msgspec.Raw) -> Part | None:
    """What a `file`, `directory` or `nested_memory` attachment showed: text, or a picture."""
    value = decoded(raw)
    for _ in range(3):
        if isinstance(value, str):
            return Text(value) if value else None
        if not isinstance(value, dict):
            return None
        if isinstance(value.get("base64"), str):
            return picture(value["base64"], value.get("type") or "application/pdf")
        if isinstance(value.get("cells"), list):  # a notebook
            return Text(as_json(value["cells"]))
        value = value["content"] if "content" in value else value.get("file")
    return None
