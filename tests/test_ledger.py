"""What is counted of shards: the sum is that of its parts, however they are put together."""

from __future__ import annotations

import msgspec
import pytest

from sessiontune.ledger import Books, Ledger, lines_of
from sessiontune.model import Drop, Fault, Message, Origin, Session


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
    assert [len(total.faults), len(one.faults)] == [2, 1]


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


@pytest.mark.parametrize("kind", [Ledger, Books])
@pytest.mark.parametrize("other", ["same", "other"])
def test_every_count_is_added(kind: type[Ledger | Books], other: str) -> None:
    names = ["records", "used", "drops", "repairs", "losses", "redactions"]
    total = kind()
    for name, number in (("same", 1), (other, 2)):
        total.add(Ledger(**{field: {name: number} for field in names}))
    wanted = {"same": 3} if other == "same" else {"same": 1, "other": 2}
    found = msgspec.structs.asdict(total)
    assert [found[field] for field in names] == [
        3 if (kind, field) == (Books, "used") else wanted for field in names
    ]


def test_a_session_that_is_left_out_is_no_record_of_a_file() -> None:
    ledger, books = _of("a", "meta"), Books()
    ledger.drop(Drop(stage="dedupe", reason="same"))
    books.add(ledger)
    assert ledger.drops == {"read/meta": 1, "dedupe/same": 1}
    assert (books.used, books.dropped, books.faulty) == (1, 1, 1)
    assert len(books.faults) == 1


def test_a_line_of_which_two_messages_are_made_is_one() -> None:
    def session(files: tuple[str, ...], *messages: tuple[tuple[int, int], ...]) -> Session:
        ids = dict.fromkeys(("key", "thread", "lineage", "source", "session_id"), "s")
        made = tuple(
            Message(
                id="m", role="user", kind="prompt", parts=(), origin=tuple(Origin(*o) for o in m)
            )
            for m in messages
        )
        return Session(**ids, files=files, messages=made)

    assert lines_of(session(("a",), ((0, 1), (0, 2)), ((0, 2),))) == {"a": 2}
    assert lines_of(session(("a", "b"), ((1, 7), (0, 2)), ((1, 7), (1, 8)))) == {"a": 1, "b": 2}
    assert lines_of(session(("a",), ())) == {}
