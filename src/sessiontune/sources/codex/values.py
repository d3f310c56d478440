"""Values inside a rollout's items: texts, arguments, outcomes, tool definitions."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ...model import Image, ResultStatus, ToolDef
from ..mending import LineFault, mend
from ..pictures import picture, picture_of_url
from ..shapes import as_json, elements, number, objects, pictures, words
from .text import classify
from .wire import Facts, Payload

_EXIT = re.compile(r"(?:exited with code|[Ee]xit code:?|\"exit_code\":) ?(-?\d+)")


#: Agents that only review what others did.
_JUNK = {
    "guardian": "guardian_agent",
    "compact": "compaction_agent",
    "memory_consolidation": "memory_agent",
}

#: The fields that hold a file's bytes in an item of a message.
_DATA = ("image_url", "audio_url", "file_data", "file_url")


def retained(history: Any) -> list[str]:
    """The summary in a replaced history; if it is encrypted, the prompts that were kept."""
    prompts = []
    for item in objects(history):
        if item.get("role") != "user":
            continue
        for text in contents(item.get("content"))[0]:
            kind, said = classify(text)
            if kind == "summary":
                return [said]
            if kind == "prompt":
                prompts.append(said)
    return prompts


def message_of_agent(text: str) -> str | None:
    """The words of another agent, which some versions write as an answer in JSON."""
    if not text.startswith('{"'):
        return None
    try:
        told = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if isinstance(told, dict) and {"author", "recipient", "content", "trigger_turn"} <= set(told):
        return words(told["content"])
    return None


def drawn(result: msgspec.Raw) -> Image | None:
    """The picture that a model drew: base64 without its type."""
    try:
        data = msgspec.json.decode(result, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    kinds = {"iVBOR": "image/png", "/9j/": "image/jpeg", "UklGR": "image/webp"}
    found = [kind for start, kind in kinds.items() if data.startswith(start)]
    return picture(data, found[0] if found else "application/octet-stream")


def is_served(call: str) -> bool:
    """Whether the id of a call is the vendor's, so that no two calls share it."""
    return call.startswith("call_") and len(call) > 16


def contents(content: Any) -> tuple[list[str], list[Image]]:
    """Texts and pictures of a message, a reasoning or an output."""
    if isinstance(content, str):
        return [content], []
    texts: list[str] = []
    images: list[Image] = []
    for item in elements(content):
        if isinstance(item, str):
            texts.append(item)
        elif isinstance(item, dict):
            if isinstance(item.get("text"), str):
                text = item["text"]
                if not (item.get("type") == "input_text" and _IMAGE_MARK.fullmatch(text)):
                    texts.append(text)
            elif item.get("type") == "image" and isinstance(item.get("data"), str):
                images += pictures(picture(item["data"], item.get("mimeType")))
            elif any(name in item for name in _DATA) or item.get("type") == "input_image":
                url = next((item[name] for name in _DATA if name in item), None)
                image = picture_of_url(url)
                images += pictures(image)
                if image is None and isinstance(url, str) and url.startswith("http"):
                    texts.append(f"[image: {url}]")
            elif item.get("type") != "encrypted_content":
                texts.append(as_json(item))
            elif " " in words(item.get("encrypted_content")):  # this vendor encrypts nothing
                texts.append(item["encrypted_content"])
    return texts, images


def outcome(payload: Payload) -> tuple[str, list[Image], Any]:
    """The text and pictures of an output, and whether the call succeeded, if that is noted."""
    output = payload.output if payload.output is not None else payload.tools
    success = output.get("success") if isinstance(output, dict) else None
    if isinstance(output, dict) and "content" in output:
        output = output["content"]
    texts, images = contents(output)
    if isinstance(output, str):
        return output, images, success
    written = texts or images or output is None
    return "\n".join(texts) if written else as_json(output), images, success


_IMAGE_MARK = re.compile(r"\s*</?image(?: name=[^>]*)?>\s*")


def arguments_of(given: Any) -> dict[str, Any]:
    """The arguments as an object; other text is put under `input`."""
    if isinstance(given, str):
        try:
            value = mend(msgspec.json.decode(given))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, LineFault):
            return {"input": given}
        return value if isinstance(value, dict) else {"input": given}
    if given is None:
        return {}
    if not isinstance(given, dict):
        given = {"input": given}
    mended: dict[str, Any] = mend(given)
    return mended


def status_of(text: str, success: Any) -> ResultStatus:
    """How a call ended, from the flags and the first and last lines of its output."""
    if success is False:
        return "error"
    head = text[:400]
    if head.startswith(("aborted", "Interrupted")) or "aborted by user" in head:
        return "interrupted"
    if "rejected by user" in head or "denied by user" in head or "User denied" in head:
        return "rejected"
    found = _EXIT.search(head) or (_EXIT.search(text[-200:]) if text[:1] == "{" else None)
    if found is not None and found.group(1) != "0":
        return "error"
    if head.startswith(
        (
            "failed to parse",
            "Error",
            "err:",
            "unsupported call",
            "unsupported custom tool call",
            "write_stdin failed",
            "exec_command failed",
            "apply_patch verification failed",
        )
    ):
        return "error"
    return "ok"


def note_meta(facts: Facts, payload: Payload) -> None:
    """Note what a header says of its rollout; only the first one counts."""
    if facts.session_id or not payload.id:
        return
    facts.session_id = payload.id
    facts.cwd = payload.cwd or facts.cwd
    facts.originator = payload.originator or ""
    facts.forked_from = payload.forked_from_id or ""
    base = payload.history_base
    if isinstance(base, dict):
        facts.base = (words(base.get("thread_id")), number(base.get("end_ordinal_exclusive")))
        facts.forked_from = facts.forked_from or facts.base[0]
    if isinstance(payload.git, dict) and isinstance(payload.git.get("branch"), str):
        facts.branch = payload.git["branch"]
    facts.begins = number(payload.subagent_history_start_ordinal)
    facts.tools = tuple(tool_defs(payload.dynamic_tools))
    origin = payload.source if isinstance(payload.source, dict) else {}
    source = origin.get("subagent", origin.get("internal"))
    if isinstance(source, str):
        facts.junk = _JUNK.get(source, "")
        facts.agent_type, facts.subagent = source[:80], True
    elif isinstance(source, dict):
        spawn = source.get("thread_spawn")
        if isinstance(spawn, dict):
            facts.parent_thread = words(spawn.get("parent_thread_id"))
            facts.agent_type = words(spawn.get("agent_role"))[:80]
        facts.junk = _JUNK.get(words(source.get("other")), "")
        facts.agent_type = facts.agent_type or words(source.get("other"))[:80]
        facts.subagent = True
    elif isinstance(payload.source, str):
        facts.entrypoint = payload.source[:80]


def called(space: str, name: str) -> str:
    """The name by which a model calls a tool of a namespace."""
    if not space:
        return name
    return f"{space}{'' if space.endswith('_') or name.startswith('_') else '__'}{name}"


def by_program(payload: Payload) -> list[bool]:
    """For each text of a message: whether the program says that it wrote it."""
    if payload.notes is None or not isinstance(payload.content, list):
        return []
    told = zip(payload.notes.program(), payload.content, strict=False)
    return [by for by, item in told for _ in contents([item])[0]]


def tool_defs(value: Any, prefix: str = "") -> list[ToolDef]:
    """The log's own tool definitions, under the names that calls bear."""
    found: list[ToolDef] = []
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            continue
        space = words(item.get("namespace"))
        name = called(space or prefix, item["name"])
        if isinstance(item.get("tools"), list):  # a group of tools
            found += tool_defs(item["tools"], name if item.get("type") == "namespace" else prefix)
            continue
        schema = item.get("inputSchema") or item.get("input_schema") or item.get("parameters")
        schema = mend(schema) if isinstance(schema, dict) else {}
        found.append(ToolDef(name, words(item.get("description")), schema))
    return found
