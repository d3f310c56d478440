"""The manifest of a data set: its contract, and all that the card and the report read.

It is published, so it holds no path of an input, no project name and nothing of the recipe's
private parts: inputs appear as keyed digests, faults as counts.
"""

from __future__ import annotations

import msgspec

from .summary import Summary

VERSION = 1


class Input(msgspec.Struct, frozen=True):
    """One log: keyed digest of its path and content, agent, size in bytes, records in it.

    `gone`: it has vanished from the disk since it was read, or cannot be opened now; its sessions
    stay in the data.
    """

    digest: str
    source: str
    bytes: int
    records: int
    gone: bool = False


class File(msgspec.Struct, frozen=True):
    """A published file. `path` is relative to the folder; `rows` is 0 for what has no rows."""

    path: str
    sha256: str
    bytes: int
    rows: int = 0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The public part of the recipe."""

    formats: tuple[str, ...] = ()
    tools: bool = True
    thinking: bool = False
    subagents: bool = True
    since: str = ""
    until: str = ""
    max_tokens: int = 0
    eval_share: float = 0.15
    split_by: str = "time"
    split: str = ""
    mix: bool = False
    filtered: tuple[str, ...] = ()  # names of the filters that were in use


class Leakage(msgspec.Struct, frozen=True):
    """Share of eval conversations that a split leaks: same content, or near (Jaccard >= .8)."""

    split: str  # "this split", "random", ...
    exact: float
    near: float


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """The books: files and records read; used + dropped + faulty = read."""

    files: int = 0
    read: int = 0
    used: int = 0
    dropped: int = 0
    faulty: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the data set is, what went in, what was left out and why.

    tool        name and version of the program
    build       digest of everything that shaped the rows
    recipe      keyed digest of the whole recipe, private parts included
    date        export date, YYYY-MM-DD
    privacy     redaction was on; `gate`: the published bytes were scanned a second time
    drops       "stage/reason" -> records or sessions left out
    faults      reason -> lines and files that could not be used
    repairs     kind -> lines that were mended
    losses      "format/reason" -> things a format could not carry
    redactions  kind -> replacements
    duplicates  reason -> sessions left out or moved by the search for duplicates
    mixed       general rows in the training side: rows, tokens, rows left over
    truncation  what cutting to max_tokens kept, beside what naive truncation would have kept
    source_gone     inputs that have vanished since they were read (not: that cannot be opened)
    """

    version: int = VERSION
    tool: str = ""
    build: str = ""
    name: str = ""
    date: str = ""
    recipe: str = ""
    options: Options = Options()
    privacy: bool = True
    gate: bool = True
    records: Records = Records()
    inputs: tuple[Input, ...] = ()
    sources: dict[str, int] = {}
    source_gone: int = 0
    statistics: Summary = Summary()
    drops: dict[str, int] = {}
    faults: dict[str, int] = {}
    repairs: dict[str, int] = {}
    losses: dict[str, int] = {}
    redactions: dict[str, int] = {}
    duplicates: dict[str, int] = {}
    leakage: tuple[Leakage, ...] = ()
    mixed: dict[str, int] = {}
    truncation: dict[str, int] = {}
    files: tuple[File, ...] = ()


def dump(manifest: Manifest) -> str:
    """The manifest as JSON for people and programs: indented, fields in order, line end last."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2).decode() + "\n"


def load(text: str | bytes) -> Manifest:
    """Read a manifest. Raises msgspec.ValidationError or DecodeError for what is not one."""
    return msgspec.json.decode(text, type=Manifest)
