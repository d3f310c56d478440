"""Which threads a person asks for, as the catalogue's database is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

#: Letters of scripts without spaces between words (Thai, kana, Han): each is a word of the index.
_UNSPACED = re.compile(
    r"([\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)


class Wanted(msgspec.Struct, frozen=True):
    """Which threads are wanted: words, and exact values; "" is any."""

    q: str = ""
    project: str = ""
    source: str = ""
    model: str = ""
    split: str = ""
    label: str = ""
    topic: str = ""
    verdict: str = ""


def question(wanted: Wanted) -> tuple[str, dict[str, str]]:
    """The SQL for what is wanted, with its values."""
    values = {name: value for name in Wanted.__struct_fields__ if (value := getattr(wanted, name))}
    where = [f"{f} = :{f}" for f in ("project", "source", "model", "split") if f in values]
    for facet in ("label", "topic"):
        if facet in values:
            values[facet] = joined([values[facet]])
            where.append(f"instr({facet}s, :{facet})")
    if wanted.verdict == "none":
        where.append("decision is null")
    elif wanted.verdict:
        where.append("decision = :verdict")
    if match := terms(wanted.q):
        values["q"] = match
        found = "select n from messages where m in (select rowid from texts where texts match :q)"
        named = ":key in (thread, lineage) or n in (select n from epochs where id = :key)"
        where.append(f"({named} or n in ({found}))")
        values["key"] = wanted.q.strip()
    given = f" where {' and '.join(where)}" if where else ""
    ask = f"select n from threads left join verdicts using (thread){given} order by at desc, n"
    return ask, values


def phrases(q: str) -> list[tuple[str, bool]]:
    """What is looked for: each word, and "several together"; True where it may go on, as only the
    last may."""
    parts = []
    for number, piece in enumerate(q.replace("\0", " ").split('"')):
        pieces = [piece] if number % 2 else piece.split()
        parts += [spaced(p) for p in pieces if any(map(str.isalnum, p))]
    ended = q.rstrip().endswith('"')
    return [(part, number == len(parts) and not ended) for number, part in enumerate(parts, 1)]


def terms(q: str) -> str:
    """What the index is asked."""
    return " ".join(f'"{part}"' + "*" * goes_on for part, goes_on in phrases(q))


def joined(values: Iterable[str]) -> str:
    """Values as a column holds them, each between line ends."""
    return "".join(f"\n{value}\n" for value in sorted(values))


def apart(column: str) -> list[str]:
    """The values of such a column."""
    return [value for value in column.split("\n") if value]


def spaced(text: str) -> str:
    """The text with each letter of such a script as a word: several in a row are found inside a
    longer run, as a phrase is."""
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)
