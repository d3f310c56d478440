"""The one place that counts: every input record ends in a session or here, with a reason."""

from __future__ import annotations

from collections import Counter

import msgspec

from .model import Drop, Fault, Origin, Session


class Ledger(msgspec.Struct):
    """Counts of one shard, or the sum of several; addition is commutative and associative.

    records   log records (lines) read, by file
    used      records that stand in at least one session, by file
    drops     (stage, reason) -> records or sessions left out; per file in `by_file`
    faults    lines and files that could not be used
    repairs   kind -> lines that were mended (lone surrogates, invalid UTF-8, ...)
    losses    (format, reason) -> things a format could not carry
    """

    records: dict[str, int] = {}
    used: dict[str, int] = {}
    drops: dict[str, int] = {}
    by_file: dict[str, dict[str, int]] = {}
    faults: list[Fault] = []
    repairs: dict[str, int] = {}
    losses: dict[str, int] = {}
    redactions: dict[str, int] = {}

    def record(self, file: str, count: int = 1) -> None:
        """Count records read from a file."""
        self.records[file] = self.records.get(file, 0) + count

    def repair(self, kind: str, count: int = 1) -> None:
        """Count lines that were mended."""
        self.repairs[kind] = self.repairs.get(kind, 0) + count

    def drop(self, drop: Drop) -> None:
        """Count one drop. The key is `stage/reason`."""
        name = f"{drop.stage}/{drop.reason}"
        self.drops[name] = self.drops.get(name, 0) + drop.count
        if drop.file:
            per = self.by_file.setdefault(drop.file, {})
            per[name] = per.get(name, 0) + drop.count

    def fault(self, fault: Fault) -> None:
        """Keep one fault. A fault that is a line also counts in `by_file` as `fault/reason`."""
        self.faults.append(fault)
        if fault.line:
            per = self.by_file.setdefault(fault.file, {})
            name = f"fault/{fault.reason}"
            per[name] = per.get(name, 0) + 1

    def add(self, other: Ledger) -> None:
        """Add another shard's counts to this one."""
        for mine, more in (
            (self.records, other.records),
            (self.used, other.used),
            (self.drops, other.drops),
            (self.repairs, other.repairs),
            (self.losses, other.losses),
            (self.redactions, other.redactions),
        ):
            add_counts(mine, more)
        if self.by_file.keys().isdisjoint(other.by_file):
            self.by_file.update({file: counts.copy() for file, counts in other.by_file.items()})
        else:
            for file, counts in other.by_file.items():
                add_counts(self.by_file.setdefault(file, {}), counts)
        self.faults.extend(other.faults)

    def balance(self, file: str) -> int:
        """Records of `file` neither used nor accounted for: always 0, or a bug."""
        gone = sum(self.by_file.get(file, {}).values())
        return self.records.get(file, 0) - self.used.get(file, 0) - gone


class Books(msgspec.Struct):
    """The sum of many ledgers, for the manifest. Only `records` is kept by file: the manifest gives
    all others in total, and the names of 100,000 files, several times over, would fill 100 MB."""

    records: dict[str, int] = {}
    used: int = 0
    dropped: int = 0
    faulty: int = 0
    drops: dict[str, int] = {}
    faults: list[Fault] = []
    repairs: dict[str, int] = {}
    losses: dict[str, int] = {}
    redactions: dict[str, int] = {}

    def add(self, other: Ledger | Books) -> None:
        """Add the counts of a ledger, or of many."""
        for mine, more in (
            (self.records, other.records),
            (self.drops, other.drops),
            (self.repairs, other.repairs),
            (self.losses, other.losses),
            (self.redactions, other.redactions),
        ):
            if more:  # most counts of a unit are empty
                add_counts(mine, more)
        self.faults.extend(other.faults)
        if isinstance(other, Books):
            self.used += other.used
            self.dropped += other.dropped
            self.faulty += other.faulty
            return
        self.used += sum(other.used.values())
        for counts in other.by_file.values():
            for name, n in counts.items():
                if name.startswith("fault/"):
                    self.faulty += n
                else:
                    self.dropped += n


def add_counts(mine: dict[str, int], more: dict[str, int]) -> None:
    """Add counts to `mine`. Those by file are many, and mostly of other files."""
    if mine.keys().isdisjoint(more):
        mine.update(more)
    else:
        for name, n in more.items():
            mine[name] = mine.get(name, 0) + n


def lines_of(session: Session) -> dict[str, int]:
    """Distinct log records that a session is made of, by file."""
    seen: set[Origin] = set().union(*[m.origin for m in session.messages])
    if len(session.files) == 1:
        return {session.files[0]: len(seen)} if seen else {}
    counts = Counter(origin.file for origin in seen)
    return {session.files[i]: n for i, n in sorted(counts.items())}
