"""The one global step: which sessions are taken, their groups, and their side of the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from .. import notes
from ..candidates import meeting
from ..decisions import SplitMemory, SplitOptions
from ..errors import UsageError
from ..manifest import Leakage
from ..marks import Mark
from ..recipe import Recipe
from ..steps.leakage import Leakage as SplitLeakage
from ..store import Store
from .carrying import read_manifest
from .contexts import with_contexts
from .deciding import decided
from .examples import Choice
from .inputs import Inputs, no_sessions
from .prepare import UnitMarks, UnitOutline
from .preparing import Prepared, outlines
from .select import has_filters, passes, reason_to_leave_out


class Chosen(msgspec.Struct, frozen=True):
    """The result of the global step.

    choices     unit key -> session key -> what becomes of the session
    memory      the split as it is to be remembered
    duplicates  counts of groups, sides and copies, for the report
    leakage     measured for this split and for a random one
    """

    choices: dict[str, dict[str, Choice]]
    memory: SplitMemory
    duplicates: dict[str, int]
    leakage: tuple[Leakage, ...]


def choose(prepared: Prepared, inputs: Inputs, recipe: Recipe, store: Store) -> Chosen:
    """For every unit, what becomes of each of its sessions; and what to remember of the split."""
    out: dict[str, dict[str, Choice]] = {}
    marks: list[Mark] = []
    stands: list[tuple[str, int]] = []
    sessions: dict[str, list[str]] = {}
    for key, own, left in _marked(prepared, inputs, recipe, store):
        out[key] = {own[n].key: Choice(reason) for n, reason in left.items()}
        sessions[key] = [mark.key for mark in own]
        marks += [mark for n, mark in enumerate(own) if n not in left] if left else own
        stands += [(key, n) for n in range(len(own)) if n not in left]
    options = SplitOptions(by=recipe.split_by, share=recipe.eval_share)
    met = meeting_of(sessions, store)
    del sessions  # ten megabytes for 100,000 units
    outcome = decided(
        marks, stands, met, lambda: _with_sketches(marks, stands, met, store), options, store,
        recipe.split,
    )  # fmt: skip
    places = outcome.decisions.for_sessions((mark.key, mark.lineage) for mark in marks)
    for (unit_key, _), mark, place in zip(stands, marks, places, strict=True):
        reason = f"dedupe/{place.reason}" if place.reason else ""
        out[unit_key][mark.key] = Choice(reason, place.split, place.group)
    report = outcome.leakage
    leaks = (_leakage("this split", report.ours), _leakage("random split", report.random))
    return Chosen(out, outcome.memory, outcome.counts, leaks)


def _marked(
    prepared: Prepared, inputs: Inputs, recipe: Recipe, store: Store
) -> Iterator[tuple[str, list[Mark], dict[int, str]]]:
    """Each unit with its marks, and which of its sessions filters or a person leave out: index ->
    reason."""
    verdicts = store.verdicts()
    if not verdicts and not has_filters(recipe):
        for one in outlines(prepared.units, store, UnitMarks):
            yield one.key, one.marks, {}
        return
    names = {row.file.path: row.index.names for row in inputs.rows}
    for unit in outlines(prepared.units, store, UnitOutline):
        heads = unit.heads
        if recipe.models or recipe.vendors:
            heads = with_contexts(heads, prepared.shards[unit.key], partial(passes, recipe=recipe))
        reasons = [reason_to_leave_out(head, recipe, verdicts, names) for head in heads]
        yield unit.key, unit.marks, {n: reason for n, reason in enumerate(reasons) if reason}


class _Met(msgspec.Struct, frozen=True):
    """What is noted: the sessions of these units that share a key with another one, or once did."""

    units: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()


def meeting_of(units: Mapping[str, Sequence[str]], store: Store) -> frozenset[str]:
    """The sessions that share a key with another one. `units`: unit key -> keys of its sessions.

    Units that the last run compared are compared with new units only, so a session still counts
    after the one that it shared a key with is gone."""
    noted = _noted_met(store.memory(notes.MET))
    decode = msgspec.msgpack.Decoder(list[bytes]).decode
    new: list[tuple[str, bytes]] = []
    old: list[tuple[str, bytes]] = []
    for unit, keys in notes.sketch_keys(store.db):
        if unit in units:
            side = old if unit in noted.units else new
            side += zip(units[unit], decode(keys), strict=True)
    met = meeting(new, old) | noted.sessions.intersection([name for name, _ in old])
    if new or len(noted.units) != len(units):
        found = _Met(frozenset(units), met)
        store.remember(notes.MET, msgspec.msgpack.encode(found))
    return met


def _noted_met(noted: bytes | None) -> _Met:
    try:
        return msgspec.msgpack.decode(noted, type=_Met) if noted else _Met()
    except msgspec.DecodeError:
        return _Met()


def _with_sketches(
    marks: Sequence[Mark], stands: Sequence[tuple[str, int]], met: frozenset[str], store: Store
) -> list[Mark]:
    """The marks, with sketches where a session is in `met`. `stands`: for each mark the key of its
    unit and its index there (where a log was copied, ids and all, two sessions have one key)."""
    decode = msgspec.msgpack.Decoder(list[Mark]).decode
    unit, whole = "", list[Mark]()
    out: list[Mark] = []
    for mark, (own, place) in zip(marks, stands, strict=True):
        if mark.key in met:
            if own != unit:
                unit, whole = own, decode(notes.sketches(store.db, own))
            mark = whole[place]
        out.append(mark)
    return out


#: Reason of a filter -> its option, and the field of a head that tells which values there are.
_FILTERS = {
    "select/vendor": ("--vendor", "vendors"),
    "select/model": ("--model", "models"),
    "select/project": ("--project", "project"),
    "select/excluded_project": ("--exclude", "project"),
    "select/subagent": ("--no-subagents", ""),
    "select/before_since": ("--since", "last"),
    "select/after_until": ("--until", "last"),
    "select/source": ("--source", "source"),
}


def refuse_nothing(prepared: Prepared, chosen: Chosen, inputs: Inputs, store: Store) -> None:
    """Raise SourceError if no log holds a session that the user's hook could have left out,
    UsageError if the filters leave none: most likely one is misspelt."""
    books = prepared.sum.books
    if not any(chosen.choices.values()) and not any(
        r.startswith("preprocess/") for r in books.drops
    ):
        raise no_sessions(inputs, books)
    reasons = Counter(c.reason for unit in chosen.choices.values() for c in unit.values())
    filters = Counter({reason: n for reason, n in reasons.items() if reason in _FILTERS})
    if not filters or not all(r.startswith(("select/", "verdict/")) for r in reasons):
        return
    reason, most = filters.most_common(1)[0]
    option, field = _FILTERS[reason]
    there: set[str] = set()
    for unit in outlines(prepared.units, store, UnitOutline):
        for head in unit.heads:
            value = getattr(head, field) if field else ()
            there.update(
                value if isinstance(value, tuple) else (value[:10] if field == "last" else value,)
            )
    known = sorted(filter(None, there))
    if field == "last":
        hint = f"The sessions end between {known[0][:10]} and {known[-1][:10]}." if known else ""
    elif field == "project":  # heads hold pseudonyms
        hint = "`sessiontune scan` lists the projects."
    else:
        hint = f"There are: {', '.join(known[:12])}." if known else ""
    raise UsageError(
        f"No session passes the filters: {option} leaves out {most:,} of {reasons.total():,}.",
        hint or "Leave the filter out.",
    )


def _leakage(name: str, measured: SplitLeakage) -> Leakage:
    return Leakage(name, round(measured.exact, 4), round(measured.near, 4))


def settle_memory(store: Store) -> None:
    """Remember the split of a run that died between publishing its folder and remembering it."""
    pending = store.memory("split.pending")
    if pending is None:
        return
    folder, build, value, *names = msgspec.msgpack.decode(pending)
    try:
        manifest = read_manifest(Path(folder))
    except OSError:
        manifest = None
    if manifest is not None and manifest.build == build:
        store.remember(names[0] if names else notes.SPLIT, value)
    store.remove_memory("split.pending")
