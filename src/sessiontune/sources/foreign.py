"""Names files that look like chats but are no logs that can be read, by their content.

An export of a chat site or the store of another agent is easily given by mistake, and should be
named, not silently skipped.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable

from .lines import head_of

#: Most files that are examined; a project's folder may hold thousands.
_LOOKED_AT = 500

_SITE = "an export of {} (chats of a website, not the log of a coding agent)"
_AGENT = "{} (an agent whose logs are not read)"
_COPY = "{} (the chats themselves are read from chats/session-*)"
_TURN = rb'\{\s*"role"\s*:\s*"(?:user|model)"\s*,\s*"parts"\s*:\s*\['
_CURSOR = rb'\A\s*\{\s*"type"\s*:\s*"system"\s*,\s*"subtype"\s*:\s*"init"\s*,\s*"apiKeySource"\s*:'
_RUN = rb'\A[^\n]*"session_id"\s*:[^\n]*"model"\s*:'

#: What a file is, whose, and patterns that its beginning must all hold.
_KINDS: list[tuple[str, str, list[bytes]]] = [
    (
        _SITE,
        "ChatGPT",
        [
            rb'\A\s*\[\s*\{.*"mapping"\s*:\s*\{',
            rb'"(?:current_node|conversation_id|author)"\s*:',
        ],
    ),
    (_SITE, "claude.ai", [rb'\A\s*\[\s*\{\s*"uuid"\s*:.*"chat_messages"\s*:']),
    (
        _AGENT,
        "a transcript of Cursor",
        [rb'\A\s*\{\s*"role"\s*:\s*"(?:user|assistant)"\s*,\s*"message"\s*:\s*\{\s*"content"'],
    ),
    (
        "{} (the chats themselves are read from ~/.cursor/chats)",
        "printed output of Cursor's agent",
        [_CURSOR + rb'(?![^\n]*"tools"\s*:)'],
    ),
    (_COPY, "a history saved by Gemini CLI", [rb'\A\s*\{?\s*(?:"history"\s*:\s*)?\[', _TURN]),
    (
        "an export of sessiontune (it is read if you name its folder)",
        "",
        [rb'\A\{"role":"(?:system|user|assistant|tool)","content":"', rb'"message_id":"'],
    ),
    (
        "a transcript that Entire made of a log (the log itself is read: full.jsonl beside it)",
        "",
        [rb'\A\s*\{\s*"v"\s*:\s*\d+\s*,\s*"agent"\s*:\s*"[^"]*"\s*,\s*"cli_version"\s*:'],
    ),
    (_COPY, "printed output of Gemini CLI", [rb'\A\s*\{\s*"type"\s*:\s*"init"\s*,', _RUN]),
]


#: Names of compressed logs. (Codex compresses its own, and those are read.)
PACKED = (".jsonl.gz", ".jsonl.zst")

#: Where agents keep logs that are not read, below the home folder.
_PLACES = {
    "Cursor": (".cursor/projects",),
    "Windsurf": (".codeium/windsurf/cascade",),
    "Grok": (".grok/sessions",),
    "Antigravity": (".gemini/antigravity/brain",),
}


def unread(home: str) -> str:
    """A sentence on the agents whose logs lie in a home folder and are not read; "" for none."""
    found = {
        agent: place
        for agent, places in _PLACES.items()
        for place in reversed(places)
        if os.path.isdir(os.path.join(home, place))
    }
    if not found:
        return ""
    listed = ", ".join(f"{agent} (~/{place})" for agent, place in found.items())
    return f"There are logs of {listed}: those agents are not read."


def foreign(path: str) -> str:
    """What a file that is no log is; "" if unknown."""
    if path.endswith(PACKED):
        return "compressed (logs are read uncompressed)"
    head = head_of(path)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "text in UTF-16, as PowerShell's > writes it (logs are read in UTF-8: save it so)"
    for words, whose, patterns in _KINDS:
        if all(re.search(pattern, head, re.DOTALL) for pattern in patterns):
            return words.format(whose)
    return ""


def named(paths: Iterable[str]) -> dict[str, list[str]]:
    """What files are -> their paths, for all that are known."""
    found: dict[str, list[str]] = {}
    for _, path in zip(range(_LOOKED_AT), paths, strict=False):
        name = foreign(path)
        if name:
            found.setdefault(name, []).append(path)
    return found


def advice(paths: Iterable[str]) -> str:
    """The advice if only these files were found."""
    hint = "Give the folder that holds them, for example ~/.claude/projects."
    files = list(paths)
    told = [f"{listed[0]} is {name}" for name, listed in named(files).items()]
    if files and not told:
        told = [f"{files[0]} is no log of an agent that is read"]
        if len(files) > 1:
            told[0] += f", nor {f'are {len(files) - 1:,}' if len(files) > 2 else 'is one'} more"
    return ". ".join([*told[:3], hint])
