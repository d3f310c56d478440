"""Figures and tables as people read them, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
#: Lines of a table before the rest is summed up.
_SHOW = 12


def ranking(
    title: str,
    unit: str,
    counts: Mapping[str, int],
    *,
    limit: int = _SHOW,
    name: str = "",
    share: bool = False,
) -> Iterator[str]:
    """A table of counts, the largest first; nothing if there are none."""
    ranked = sorted(((k, n) for k, n in counts.items() if k and n), key=lambda kv: (-kv[1], kv[0]))
    if not ranked:
        return
    total = sum(n for _, n in ranked)
    if title:
        yield f"### {title}\n"
    yield f"| {name or title} | {unit} |" + (" Share |" if share else "")
    yield "| --- | ---: |" + (" ---: |" if share else "")
    rest = ranked[limit:]
    if len(rest) > 1:  # one more is shown rather than counted
        ranked = [*ranked[:limit], (f"{len(rest)} more", sum(n for _, n in rest))]
    for key, n in ranked:
        yield f"| {cell(key)} | {number(n)} |" + (f" {percent(n / total)} |" if share else "")
    yield ""


def cell(text: str) -> str:
    """Text of a log (a tool's name) that cannot break out of its table cell."""
    clean = "".join(c if c.isprintable() else " " for c in text)[:80]
    for mark in "\\|`*_<>[]!":
        clean = clean.replace(mark, "\\" + mark)
    return clean


def agent_name(name: str) -> str:
    """The name that people know an agent by; an unknown one as it is."""
    known = {
        "claude": "Claude Code",
        "codex": "Codex CLI",
        "gemini": "Gemini CLI",
        "copilot": "Copilot CLI",
        "pi": "Pi",
        "opencode": "OpenCode",
        "aider": "Aider",
        "swe-agent": "SWE-agent",
        "mini-swe-agent": "mini-swe-agent",
        "qwen": "Qwen Code",
        "cline": "Cline",
        "droid": "Factory Droid",
        "continue": "Continue",
        "goose": "Goose",
        "crush": "Crush",
        "cursor": "Cursor",
        "amp": "Amp",
        "openhands": "OpenHands",
        "kiro": "Kiro",
        "kimi": "Kimi Code",
        "zed": "Zed",
        "vscode": "the chat of VS Code",
        "cursor-agent": "Cursor's agent of the terminal",
        "sessiontune": "exports of sessiontune",
    }
    return known.get(name, name)


def replaced_before(sources: Mapping[str, int]) -> str:
    """A sentence, with a blank behind it, if other exports are among the files of these sources."""
    exports = sources.get("sessiontune", 0)
    if not exports:
        return ""
    said = "was already replaced in what was read of other exports"
    return f"What {said} ({several(exports, 'file')}) is told by their own cards. "


def listed(items: Iterable[str]) -> str:
    """a, b and c."""
    *head, last = list(items) or [""]
    return f"{', '.join(head)} and {last}" if head else last


def several(count: int, noun: str) -> str:
    """3 files, 1 file."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def number(value: int) -> str:
    """With commas: 12,345."""
    return f"{value:,}"


def percent(share: float) -> str:
    """A share (0 to 1) as percent, with a decimal below 10%; only all is 100%."""
    if 0 < share < 0.001:
        return "under 0.1%"
    if 0.995 <= share < 1:
        return "over 99%"
    return f"{100 * share:.1f}%" if 0 < share < 0.0995 else f"{100 * share:.0f}%"


def long_date(text: str) -> str:
    """2025-11-23 as November 23, 2025; anything else as it is."""
    year, _, rest = text[:10].partition("-")
    month, _, day = rest.partition("-")
    if not (year.isdecimal() and month.isdecimal() and day.isdecimal() and 1 <= int(month) <= 12):
        return text or "unknown"
    return f"{_MONTHS[int(month) - 1]} {int(day)}, {year}"


def size(count: int) -> str:
    """Bytes in the largest decimal unit: 1.2 MB."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    if count < 1_000_000_000:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e9:.1f} GB"


def size_category(rows: int) -> str:
    """The hub's class of a data set of so many rows."""
    for limit, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if rows < limit:
            return name
    return "100K<n<1M" if rows < 1_000_000 else "1M<n<10M"
