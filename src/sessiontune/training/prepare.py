"""From rows to the exact tokens that are trained, with an account of what was cut."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ..errors import PreflightError, cannot_write
from ..templating import IGNORED, Encoded, Piece, Template, Turn, in_parts
from ..templating.rows import BREAK
from .data import Row
from .windows import windows


class Source(msgspec.Struct, frozen=True):
    """Where an example came from, for trainers that want text or messages: the turns and tool
    definitions as the template takes them, and the rendered text with its spans."""

    turns: tuple[Turn, ...]
    tools: list[dict[str, Any]]
    piece: Piece


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """One side of the data as tokens.

    rows        rows read, and `masked`: those without any trained answer (left out, by name)
    windowed    rows that became several because they were too long
    targets     answers that bear loss, `lost` of them nowhere
    cut         answers longer than the context, which are trained in several examples (`parts`)
    changes     what the template made us change -> rows
    sources     for each example, when asked for
    """

    examples: tuple[Encoded, ...] = ()
    rows: int = 0
    masked: tuple[str, ...] = ()
    windowed: int = 0
    targets: int = 0
    cut: int = 0
    lost: int = 0
    lost_in: tuple[str, ...] = ()
    changes: dict[str, int] = {}
    sources: tuple[Source, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens of all examples."""
        return sum(len(e.ids) for e in self.examples)

    @property
    def trained(self) -> int:
        """Tokens that bear loss."""
        return sum(label != IGNORED for e in self.examples for label in e.labels)

    @property
    def parts(self) -> int:
        """Examples that hold a part of an answer."""
        return sum(bool(e.part) for e in self.examples)

    @property
    def longest(self) -> int:
        """Tokens of the longest example."""
        return max((len(e.ids) for e in self.examples), default=0)


def prepare(
    rows: Sequence[Row],
    template: Template,
    length: int,
    step: Callable[[int, int], None] | None = None,
    keep_sources: bool = False,
) -> Prepared:
    """Tokens and labels of all rows, each example at most `length` tokens.

    Rows whose answers are all marked as untrained are left out and named. Raises PreflightError
    for a row that the template cannot take.
    """
    parts = []
    for number, row in enumerate(rows, 1):
        parts.append(_prepared(row, template, length, keep_sources))
        if step:
            step(number, len(rows))
    return Prepared(
        examples=tuple(example for part in parts for example in part.examples),
        rows=len(rows),
        masked=tuple(where for part in parts for where in part.masked),
        windowed=sum(part.windowed for part in parts),
        targets=sum(part.targets for part in parts),
        cut=sum(part.cut for part in parts),
        lost=sum(part.lost for part in parts),
        lost_in=tuple(where for part in parts for where in part.lost_in),
        changes=dict(Counter(change for part in parts for change in part.changes)),
        sources=tuple(source for part in parts for source in part.sources),
    )


def _prepared(row: Row, template: Template, length: int, keep_sources: bool) -> Prepared:
    """One row by itself."""
    turns, _, changed = template.prepare(row.body, row.where)
    wanted = sum(t.train for t in turns)
    if not wanted:
        return Prepared(masked=(row.where,))
    made = fitted(row, template, length, SPARE if keep_sources else 0)
    sources = []
    for body, piece, _ in made if keep_sources else ():
        used, tools, _ = template.prepare(body, row.where)
        sources.append(Source(tuple(used), tools, piece))
    # an answer in parts is one answer
    lost = wanted - sum(len(e.ends) for _, _, e in made if e.part != "goes on")
    return Prepared(
        examples=tuple(example for _, _, example in made),
        windowed=int(len({id(body) for body, _, _ in made}) > 1),
        targets=wanted,
        cut=sum(e.part == "last" for _, _, e in made),
        lost=max(0, lost),
        lost_in=(row.where,) if lost > 0 else (),
        changes=dict.fromkeys(changed, 1),
        sources=tuple(sources),
    )


#: Tokens that a part leaves free for trainers that get text: tokenised again, it may be longer.
SPARE = 8
Fitted = tuple[dict[str, Any], Piece, Encoded]


def definitions(body: Mapping[str, Any], template: Template) -> int:
    """How many tokens a row's tool definitions take as the template writes them: it may add
    instructions."""
    tools = body.get("tools")
    if not tools:
        return 0
    asked = [{"role": "user", "content": "."}]
    return max(0, len(template.ids(asked, tools)) - len(template.ids(asked)))


def fitted(row: Row, template: Template, length: int, spare: int = 0) -> list[Fitted]:
    """The examples of a row, none longer than `length`, each with the row or window that it was
    made from. An answer that no window can hold is trained in parts, `spare` tokens shorter."""

    @cache  # a window is tried with several heads, and text is measured before it is thinned
    def count(text: str) -> int:
        return len(template.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    bodies: list[dict[str, Any]] = [row.body]
    made = [template.examples(row.body, row.where)]
    if any(len(e.ids) > length for _, e in made[0]):
        bodies = windows(row.body, count, length, definitions(row.body, template))
        made = [template.examples(body, row.where) for body in bodies]
    out: list[Fitted] = []
    for body, pairs in zip(bodies, made, strict=True):
        for piece, whole in pairs:
            short = fit(whole, length)
            if short is not None:
                out.append((body, piece, short))
            held = len(short.ends) if short is not None else 0
            if held < len(whole.ends):
                parts = in_parts(template, body, (piece, whole), length - spare, held)
                while spare and spare < length // 2 and not _short(template, parts, length):
                    spare *= 2
                    parts = in_parts(template, body, (piece, whole), length - spare, held)
                out += [(body, part, example) for part, example in parts]
    return out


def _short(template: Template, parts: Sequence[tuple[Piece, Encoded]], length: int) -> bool:
    """Do the parts also fit as text, in which a space splits what looks like a control token?"""
    texts = (piece.text.replace(BREAK, " ") for piece, _ in parts if BREAK in piece.text)
    return all(len(template.tokens(text)) <= length for text in texts)


def spread(prepared: Prepared, limit: int) -> Prepared:
    """At most `limit` examples (0: all), spread evenly over the rows."""
    if not limit or len(prepared.examples) <= limit:
        return prepared
    rows: dict[str, list[int]] = {}
    for number, example in enumerate(prepared.examples):
        rows.setdefault(example.where, []).append(number)
    shares = _shares([len(own) for own in rows.values()], limit)
    chosen = sorted(
        own[index * len(own) // share]
        for own, share in zip(rows.values(), shares, strict=True)
        for index in range(share)
    )
    sources = tuple(prepared.sources[i] for i in chosen) if prepared.sources else ()
    examples = tuple(prepared.examples[i] for i in chosen)
    return msgspec.structs.replace(prepared, examples=examples, sources=sources)


def _shares(sizes: Sequence[int], limit: int) -> list[int]:
    """`limit` divided in rounds of one each, none more than its size; if the last round does not
    reach all, those that it reaches are spread evenly."""
    shares = [0] * len(sizes)
    while limit:
        open_ones = [n for n, size in enumerate(sizes) if shares[n] < size]
        take = min(limit, len(open_ones))
        for turn in range(take):
            shares[open_ones[turn * len(open_ones) // take]] += 1
        limit -= take
    return shares


#: Rows that TRL packs at a time.
PACKED_AT_ONCE = 1000


def packs(lengths: Sequence[int], length: int) -> int:
    """How many rows of `length` tokens the examples are packed into, as TRL does it: the longest
    first, each where it leaves the least free (best-fit decreasing)."""
    rows = 0
    for start in range(0, len(lengths), PACKED_AT_ONCE):
        free: list[int] = []  # of the rows that hold something, sorted
        for size in sorted(lengths[start : start + PACKED_AT_ONCE], reverse=True):
            at = bisect_left(free, size)
            left = free.pop(at) if at < len(free) else length
            insort(free, left - size)
        rows += len(free)
    return rows


def fit(example: Encoded, length: int) -> Encoded | None:
    """The example cut after its last whole answer within `length`; None when there is none."""
    if len(example.ids) <= length:
        return example
    ends = tuple(end for end in example.ends if end <= length)
    if not ends:
        return None
    cut = ends[-1]
    return msgspec.structs.replace(
        example,
        ids=example.ids[:cut],
        labels=example.labels[:cut],
        ends=ends,
        targets=example.targets[: len(ends)],
    )


def write_tokens(prepared: Prepared, path: Path) -> None:
    """Write input_ids and labels as Parquet, whole or not at all. StoreError on trouble."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = pa.list_(pa.int32())
    table = pa.table(
        {
            "input_ids": pa.array([e.ids for e in prepared.examples], numbers),
            "labels": pa.array([e.labels for e in prepared.examples], numbers),
            "where": pa.array([e.where for e in prepared.examples], pa.string()),
        }
    )
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, beside, compression="zstd")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def read_tokens(path: Path) -> list[tuple[list[int], list[int]]]:
    """(input_ids, labels) of each example that some trainer prepared and wrote as Parquet."""
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["input_ids", "labels"])
    except (OSError, ValueError, KeyError) as error:
        raise PreflightError(f"{path} holds no prepared examples: {error}") from error
    ids, labels = table["input_ids"].to_pylist(), table["labels"].to_pylist()
    return list(zip(ids, labels, strict=True))
