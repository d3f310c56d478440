"""Texts that the agent program put among a person's words and a tool's output.

They are known by an explicit list of tags, so a person's own XML survives, and so does such a tag
within a person's line. In a tool result a block is cut only where the program puts it, at the
beginning or the end: a file that quotes such a tag keeps its lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

#: Written by Claude Code or Codex into user texts; never by a person.
TAGS = (
    "system-reminder",
    "local-command-caveat",
    "local-command-stdout",
    "local-command-stderr",
    "ide_opened_file",
    "ide_selection",
    "ide_diagnostics",
    "bash-input",
    "bash-stdout",
    "bash-stderr",
    "bash-notification",
    "task-notification",
    "user-prompt-submit-hook",
    "command-name",
    "command-message",
    "command-args",
    "command-contents",
    "new-diagnostics",
    "post-tool-use-hook",
    "pre-tool-use-hook",
    "session-start-hook",
)

_BEGIN = re.compile(rf"<({'|'.join(TAGS)})>")

#: The tags that stand in tool results; the last one is Gemini CLI's.
RESULT_TAGS = (
    "system-reminder",
    "user-prompt-submit-hook",
    "post-tool-use-hook",
    "new-diagnostics",
    "hook_context",
)

_ENDS = tuple(f"</{tag}>" for tag in RESULT_TAGS)
_STARTS = tuple(f"<{tag}>" for tag in RESULT_TAGS)


class _Block(NamedTuple):
    """A block of a text: where it begins and ends, and its tag."""

    start: int
    end: int
    tag: str


def _blocks(text: str) -> Iterator[_Block]:
    """The blocks, each up to the nearest closing tag."""
    at, open_for_good = 0, set[str]()
    while (begin := _BEGIN.search(text, at)) is not None:
        at, tag = begin.end(), begin[1]
        close = -1 if tag in open_for_good else text.find(f"</{tag}>", at)
        if close < 0:
            open_for_good.add(tag)
            continue
        at = close + len(tag) + 3
        yield _Block(begin.start(), at, tag)


def cut_words(text: str) -> str:
    """A user's text without the blocks that the program put into it."""
    if "<" not in text or not _BEGIN.search(text):
        return text
    kept: list[str] = []
    at, said = 0, False  # `said`: a person's words are on the line before the block
    for block in _blocks(text):
        gap, whole = text[at : block.start], text[block.start : block.end]
        at = block.end
        _, above, line = gap.rpartition("\n")
        said = bool(line.strip()) or (said and not above)
        kept.append(gap)
        if "\n" in whole:
            said = False
        elif _is_quoted(text, block, said):
            said = True
            kept.append(whole)
    return "".join([*kept, text[at:]]).strip()


def _is_quoted(text: str, block: _Block, said: bool) -> bool:
    """Whether a person mentions a block: then their words go on after it."""
    behind = text[block.end : block.end + 80].partition("\n")[0].strip()
    return behind[:1] not in ("", "<") and (said or block.tag.startswith("command-"))


def unescaped(text: str) -> str:
    """The words that a program escaped for its own tags."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def cut_result(text: str) -> str:
    """A tool result without the blocks that the program put before or after it.

    A block counts where its opening tag begins a line and its closing tag ends one.
    """
    while (end := text.rstrip()).endswith(_ENDS):
        tag = end[end.rindex("</") + 2 : -1]
        start = end.rfind(f"<{tag}>")
        if start < 0 or end.find(f"</{tag}>", start) != len(end) - len(tag) - 3:
            break
        before = text[:start].rstrip(" \t")
        if before and not before.endswith("\n"):
            break
        text = before.rstrip("\n")
    while (begin := text.lstrip()).startswith(_STARTS):
        tag = begin[1 : begin.index(">")]
        stop = begin.find(f"</{tag}>")
        if stop < 0:
            break
        after = begin[stop + len(tag) + 3 :].lstrip(" \t")
        if after and not after.startswith("\n"):
            break
        text = after.lstrip("\n")
    return text
