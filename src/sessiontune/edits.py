"""Changes of files that calls ask for, whatever an agent calls its tools and their arguments."""

from __future__ import annotations

from typing import Any

import msgspec

from .model import ToolCall


class Edit(msgspec.Struct, frozen=True):
    """One change of a file: `old` text became `new`. A whole-file write has no `old`."""

    path: str
    old: str | None
    new: str


#: What agents call the arguments of their tools: the file first.
PATHS = ("file_path", "path", "filePath", "notebook_path", "filename")
PATH_SET = frozenset(PATHS)
_CONTENTS = ("content", "file_text", "contents", "new_source")
_OLD = ("old_string", "old_str", "oldText", "oldString", "old_text")
_NEW = ("new_string", "new_str", "newText", "newString", "new_text")
#: A call that edits has one of these arguments.
_EDIT_SET = frozenset(("edits", *_CONTENTS, *_OLD))


def edits_of(call: ToolCall) -> list[Edit]:
    """The file changes that a call asks for, whatever the agent calls its arguments."""
    arguments = call.arguments
    if PATH_SET.isdisjoint(arguments) or _EDIT_SET.isdisjoint(arguments):
        return []
    path = _first(arguments, PATHS)
    if not path:
        return []
    nested = arguments.get("edits")
    if isinstance(nested, list):
        return [e for item in nested if isinstance(item, dict) and (e := _edit(path, item))]
    found = _edit(path, arguments)
    if found:
        return [found]
    content = _first(arguments, _CONTENTS)
    return [Edit(path, None, content)] if content and call.name.lower() not in _READERS else []


_READERS = ("read", "read_file", "view", "grep", "glob", "ls", "list_directory")


def _edit(path: str, arguments: dict[str, Any]) -> Edit | None:
    old = _first(arguments, _OLD)
    new = _first(arguments, _NEW) if old is not None else None
    return None if old is None or new is None else Edit(path, old, new)


def _first(arguments: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = arguments.get(name)
        if isinstance(value, str):
            return value
    return None
