"""What `decide` decides, what it remembers for the next build, and which side a group is on.

Laws: a lineage once in eval stays in eval; a lineage once in train never moves to eval; the same
marks and memory give the same decisions in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Literal

import msgspec

from .model import Split

#: The newest share of groups is held out, and at least this number. (At random, copies of what was
#: trained would be held out and flatter the model: benchmarks/leakage.py.)
SHARE = 0.15
LEAST = 5
#: Folds of groups that are used instead if `LEAST` groups would be more than a third.
FOLDS = 5
#: How far the share of groups and of sessions may stray from the target.
SLACK = 0.02


class SplitOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the held-out side is chosen: the newest groups or whole projects, which share of the
    groups, and at least how many."""

    by: Literal["time", "project"] = "time"
    share: float = SHARE
    least: int = LEAST


class Seat(msgspec.Struct, frozen=True, array_like=True):
    """Where one lineage sits. `fold` is None once the data was large enough for a split."""

    group: str
    side: Split
    fold: int | None = None


class SplitMemory(msgspec.Struct, frozen=True):
    """What the state keeps between builds.

    seats       lineage -> seat; lineages with one group name were found to be near-copies
    duplicates  key of a session left out -> key of the session it copies
    fold        the fold that was held out (0), None where the data was large enough for a split
    """

    seats: dict[str, Seat] = {}
    duplicates: dict[str, str] = {}
    fold: int | None = None

    def without(self, lineages: Iterable[str], keys: Iterable[str] = ()) -> SplitMemory:
        """The same without what the user wants forgotten."""
        gone, dead = set(lineages), set(keys)
        return SplitMemory(
            seats={k: v for k, v in self.seats.items() if k not in gone},
            duplicates={
                k: v for k, v in self.duplicates.items() if k not in dead and v not in dead
            },
            fold=self.fold,
        )


class Placement(msgspec.Struct, frozen=True, array_like=True):
    """The decision on one session. `reason` is "" for a session that stays."""

    group: str
    split: Split
    reason: Literal["", "duplicate", "near_duplicate", "bridges_split"] = ""
    fold: int | None = None


class Decisions(msgspec.Struct, frozen=True):
    """All that pass 2 must know; looked up with `for_sessions`."""

    seats: dict[str, Seat] = {}
    bridged: frozenset[str] = frozenset()
    duplicates: dict[str, str] = {}
    near: frozenset[str] = frozenset()
    folded: bool = False

    def for_sessions(self, sessions: Iterable[tuple[str, str]]) -> list[Placement]:
        """Where sessions, given as (key, lineage), go, in the same order. One that was not marked
        trains, in a group of its own."""
        seats, bridged, duplicates = self.seats, self.bridged, self.duplicates
        out: list[Placement] = []
        for key, lineage in sessions:
            seat = seats.get(lineage) or Seat(lineage, "train")
            reason: Literal["", "duplicate", "near_duplicate", "bridges_split"] = ""
            if lineage in bridged:
                reason = "bridges_split"
            elif key in duplicates:
                reason = "near_duplicate" if key in self.near else "duplicate"
            out.append(Placement(seat.group, seat.side, reason, seat.fold))
        return out

    def counts(self, sessions: Iterable[tuple[str, str]]) -> dict[str, int]:
        """What the report says of (key, lineage) pairs: groups, sides, and what was left out."""
        pairs = list(sessions)
        places = self.for_sessions(pairs)
        reasons = Counter([p.reason for p in places])
        counts = {
            "sessions": len(pairs),
            "lineages": len({lineage for _, lineage in pairs}),
            "groups": len({p.group for p in places}),
        }
        for reason in ("duplicate", "near_duplicate", "bridges_split"):
            counts[reason] = reasons[reason]
        for side in ("train", "eval"):
            mine = [p.group for p in places if p.split == side and not p.reason]
            counts[f"{side}_sessions"] = len(mine)
            counts[f"{side}_groups"] = len(set(mine))
        return counts


class Union:
    """Disjoint sets over names; the smallest name stands for its set."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        """The name that stands for the set of `name`; a new name stands for itself."""
        parent = self.parent
        root = parent.setdefault(name, name)
        while (up := parent[root]) != root:
            root = up
        while name != root:
            parent[name], name = root, parent[name]
        return root

    def join(self, a: str, b: str) -> None:
        """Make one set of the sets of two names."""
        one, two = self.find(a), self.find(b)
        if one < two:
            self.parent[two] = one
        else:
            self.parent[one] = two


def groups_of(
    lineages: Iterable[str], links: Iterable[tuple[str, str]], memory: SplitMemory
) -> dict[str, list[str]]:
    """Group name -> lineages, remembered ones included. A remembered name outlives a merge."""
    union = Union()
    named: dict[str, str] = {}
    for lineage, kept in sorted(memory.seats.items()):  # the first stands for its group
        union.parent[lineage] = named.setdefault(kept.group, lineage)
    for lineage in lineages:  # a forgotten one may come back after it gave a group its name
        union.parent.setdefault(lineage, named.get(lineage, lineage))
    for one, two in links:
        union.join(one, two)
    members: dict[str, list[str]] = {}
    for lineage in sorted(union.parent):
        members.setdefault(union.find(lineage), []).append(lineage)
    out: dict[str, list[str]] = {}
    for found in members.values():
        old = [seat.group for name in found if (seat := memory.seats.get(name)) is not None]
        out[min(old) if old else found[0]] = found
    return out


def bridged_of(groups: dict[str, list[str]], memory: SplitMemory) -> frozenset[str]:
    """Train lineages of groups that near-copies have joined to eval: eval keeps its rows."""
    out: set[str] = set()
    for lineages in groups.values():
        if len(lineages) == 1:
            continue
        sides = {memory.seats[name].side for name in lineages if name in memory.seats}
        if len(sides) == 2:
            out.update(
                name
                for name in lineages
                if name in memory.seats and memory.seats[name].side == "train"
            )
    return frozenset(out)


class Bucket(msgspec.Struct):
    """Groups that must sit on one side (one group, or a project's groups together)."""

    name: str
    groups: int
    sessions: int
    at: str
    side: Split | None = None
    fold: int | None = None


def assign(buckets: list[Bucket], options: SplitOptions) -> bool:
    """Give every bucket without a side one, in place. True where folds were used.

    Remembered sides are never touched. New buckets are taken newest first until the held-out
    share is reached in groups, and neither groups nor sessions overshoot it by more than `SLACK`.
    """
    total = sum(b.groups for b in buckets)
    rows = sum(b.sessions for b in buckets)
    if options.share <= 0:
        for bucket in buckets:
            bucket.side = bucket.side or "train"
        return False
    small = len(buckets) < 2 if options.by == "project" else total < _fold_below(options)
    if small and all(b.side is None or b.fold is not None for b in buckets):
        _fold(buckets)
        return True
    least = 1 if options.by == "project" else options.least
    target = max(least, round(options.share * total))
    share = target / total  # above `options.share` while `least` rules
    new = sorted((b for b in buckets if b.side is None), key=lambda b: (b.at, b.name), reverse=True)
    held = [b for b in buckets if b.side == "eval"]
    groups, sessions = sum(b.groups for b in held), sum(b.sessions for b in held)
    most_groups = max(target, int((share + SLACK) * total))
    most_rows, few_rows = (share + SLACK) * rows, (share - SLACK / 2) * rows
    for bucket in new:
        if groups >= target and (sessions >= few_rows or groups >= most_groups):
            break
        if groups + bucket.groups > most_groups or sessions + bucket.sessions > most_rows:
            continue
        bucket.side = "eval"
        groups, sessions = groups + bucket.groups, sessions + bucket.sessions
    for bucket in sorted(new, key=lambda b: b.sessions):  # stable: the newest of equals first
        if groups >= least:
            break
        if bucket.side is None:
            bucket.side = "eval"
            groups, sessions = groups + bucket.groups, sessions + bucket.sessions
    _balance(new, sessions - share * rows, SLACK / 4 * rows)
    for bucket in new:
        bucket.side = bucket.side or "train"
    return False


def _balance(new: list[Bucket], over: float, slack: float) -> None:
    """Exchange new buckets, newest first in and oldest first out, until the held-out sessions are
    within `slack` of the target. `over`: sessions above it. The number of groups stays."""
    held: dict[tuple[int, int], list[int]] = {}  # by size: places in `new`, the oldest first
    free: dict[tuple[int, int], list[int]] = {}  # the newest first
    for place, b in enumerate(new):
        mine, key = (held, -place) if b.side == "eval" else (free, place)
        heappush(mine.setdefault((b.groups, b.sessions), []), key)
    while abs(over) > slack:
        swaps = [
            (abs(over + b.sessions - a.sessions), a.name, b.name, outs, ins)
            for (groups, _), outs in held.items()
            for (same, _), ins in free.items()
            if groups == same and outs and ins and (a := new[-outs[0]]) and (b := new[ins[0]])
        ]
        best = min(swaps, default=None)
        if best is None or best[0] >= abs(over):
            return
        *_, outs, ins = best
        gone, come = -heappop(outs), heappop(ins)
        out, into = new[gone], new[come]
        out.side, into.side = None, "eval"
        heappush(free.setdefault((out.groups, out.sessions), []), gone)
        heappush(held.setdefault((into.groups, into.sessions), []), -come)
        over += into.sessions - out.sessions


def _fold_below(options: SplitOptions) -> int:
    return max(options.least * 3, 1) if options.least else 0


def _fold(buckets: list[Bucket]) -> None:
    """Assign the buckets to `FOLDS` folds; the newest fifth is fold 0, which is held out. Buckets
    that have a fold keep it."""
    ordered = sorted(buckets, key=lambda b: (b.at, b.name), reverse=True)
    counts = [0] * FOLDS
    for bucket in ordered:
        if bucket.fold is not None:
            counts[bucket.fold] += bucket.groups
    first = not any(counts)
    for position, bucket in enumerate(ordered):
        if bucket.fold is None:
            fold = position * FOLDS // len(ordered) if first else counts.index(min(counts))
            bucket.fold = fold
            counts[fold] += bucket.groups
    alone = len(buckets) < 2
    for bucket in buckets:
        held = bucket.fold == 0 and not alone
        bucket.side = bucket.side or ("eval" if held else "train")
