"""What is counted of shards: the sum is that of its parts, however they are put together."""

from __future__ import annotations

from sessiontune.ledger import Books, Ledger
from sessiontune.model import Drop, Fault


def _of(file: str, *reasons: str) -> Ledger:
    """The ledger of a file with one used record, these dropped, and one line that is damaged."""
    made = Ledger(records={file: 2 + len(reasons)}, used={file: 1}, repairs={"utf8": 1})
    for reason in reasons:
        made.drop(Drop(stage="read", reason=reason, file=file))
    made.fault(Fault(file=file, reason="invalid_json", line=3))
    return made


def test_a_sum_leaves_what_was_added_as_it_was() -> None:
    total, one = Ledger(), _of("a", "meta")
    total.add(one)
    total.add(_of("a", "meta", "empty"))
    assert total.by_file == {"a": {"read/meta": 2, "read/empty": 1, "fault/invalid_json": 2}}
    assert one.by_file == {"a": {"read/meta": 1, "fault/invalid_json": 1}}
    assert one.drops == {"read/meta": 1}
    assert [total.balance("a"), one.balance("a")] == [0, 0]


def test_a_file_that_cannot_be_opened_is_no_record() -> None:
    ledger = Ledger()
    ledger.fault(Fault(file="a", reason="unreadable"))
    assert (ledger.balance("a"), len(ledger.faults)) == (0, 1)


def test_books_of_books_are_those_of_all_ledgers() -> None:
    ledgers = [_of("a", "meta"), _of("b"), _of("a", "empty", "meta")]
    flat, halves = Books(), [Books(), Books()]
    for number, ledger in enumerate(ledgers):
        flat.add(ledger)
        halves[number % 2].add(ledger)
    total = Books()
    for half in halves:
        total.add(half)
    assert (total.used, total.dropped, total.faulty) == (3, 3, 3)
    assert sum(total.records.values()) == total.used + total.dropped + total.faulty
    total.faults.sort(key=lambda fault: fault.file)
    flat.faults.sort(key=lambda fault: fault.file)
    assert total == flat
