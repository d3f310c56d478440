"""Forks of Claude Code's kit for programs (editors, the desktop program): every record is copied
under a new id, and names the one that it was copied from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_claude import answer, call, result, text, user, write
from tests.sources.test_claude_told_again import compaction, words
from tests.support import Reading, read

#: Ids of answers that no vendor drew say nothing of copies.
IDS = {"served": "msg_01{0}{0}{0}{0}{0}{0}{0}{0}", "other": "chatcmpl-{0}"}


def turn(name: str, parent: str | None, ids: str, session: str = "s") -> list[dict[str, Any]]:
    said = answer(f"a{name}", f"u{name}", IDS[ids].format(name * 2), text(f"say {name}"))
    rows = [user(f"u{name}", parent, f"ask {name}"), said]
    return [{**row, "sessionId": session} for row in rows]


def fork(rows: list[dict[str, Any]], session: str) -> list[dict[str, Any]]:
    """Records as the kit copies them: the last bears the time of the fork."""
    new = {row["uuid"]: f"{session}{row['uuid']}" for row in rows}
    copies = []
    for row in rows:
        source = {"sessionId": row["sessionId"], "messageUuid": row["uuid"]}
        above = {
            name: new[row[name]] for name in ("parentUuid", "logicalParentUuid") if row.get(name)
        }
        copies.append(
            {**row, **above, "uuid": new[row["uuid"]], "sessionId": session, "forkedFrom": source}
        )
    copies[-1]["timestamp"] = "2026-03-01T00:00:00.000Z"
    return copies


def both(tmp_path: Path, logs: dict[str, list[dict[str, Any]]]) -> Reading:
    for name, rows in logs.items():
        write(tmp_path, f"{name}.jsonl", rows)
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    return reading


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("later", [1, 5])
def test_a_fork_behind_an_answer(tmp_path: Path, ids: str, later: int) -> None:
    """However long it became: the longer of the files is read first."""
    first = [*turn("1", None, ids), *turn("2", "a1", ids), *turn("3", "a2", ids)]
    new = [*fork(first[:4], "f"), *turn("4", "fa2", ids, "f")]
    for number in range(5, 4 + later):
        new += turn(str(number), f"a{number - 1}", ids, "f")
    reading = both(tmp_path, {"s": first, "f": new})
    told = [word for session in words(reading) for word in session]
    numbers = range(1, 4 + later)
    assert sorted(told) == sorted(f"{verb} {n}" for verb in ("ask", "say") for n in numbers)
    assert len({session.lineage for session in reading.sessions}) == 1
    assert sum(session.forked_from is not None for session in reading.sessions) == 1
    assert reading.ledger.drops["link/resumed_copy"] == 4


@pytest.mark.parametrize("ids", IDS)
def test_a_fork_behind_the_first_prompt(tmp_path: Path, ids: str) -> None:
    first = [*turn("1", None, ids), *turn("2", "a1", ids), *turn("3", "a2", ids)]
    reading = both(
        tmp_path, {"s": first, "f": [*fork(first[:1], "f"), *turn("4", "fu1", ids, "f")]}
    )
    assert words(reading)[1] == ["ask 4", "say 4"]
    assert reading.sessions[1].forked_from is not None


@pytest.mark.parametrize("ids", IDS)
def test_a_fork_behind_a_compaction(tmp_path: Path, ids: str) -> None:
    first = [*turn("1", None, ids), *compaction("A", "a1"), *turn("2", "sA", ids)]
    new = [*fork(first[:4], "f"), *turn("3", "fsA", ids, "f"), *turn("4", "a3", ids, "f")]
    reading = both(tmp_path, {"s": first, "f": new})
    assert sorted(words(reading)) == [
        ["ask 1", "say 1"],
        ["ask 2", "say 2"],
        ["sum A", "ask 3", "say 3", "ask 4", "say 4"],
    ]


@pytest.mark.parametrize("order", ["sfg", "sgf", "gfs", "gsf", "fgs", "fsg"])
def test_a_fork_of_a_fork(tmp_path: Path, order: str) -> None:
    """Read in any order: longest first."""
    first = [*turn("1", None, "other"), *turn("2", "a1", "other")]
    second = [*fork(first, "f"), *turn("3", "fa2", "other", "f")]
    third = [*fork(second, "g"), *turn("4", "ga3", "other", "g")]
    logs = {"s": first, "f": second, "g": third}
    for rank, name in enumerate(reversed(order)):
        logs[name] = [*logs[name], {"type": "mode", "mode": "x" * 5000 * rank, "sessionId": name}]
    told = [word for session in words(both(tmp_path, logs)) for word in session]
    assert sorted(told) == sorted(f"{verb} {n}" for verb in ("ask", "say") for n in range(1, 5))


@pytest.mark.parametrize("order", ["sfg", "sgf", "gfs", "gsf", "fgs", "fsg"])
def test_a_fork_that_keeps_the_ids_of_a_fork(tmp_path: Path, order: str) -> None:
    """As the program itself makes them (/branch), of what its kit forked before."""
    first = [*turn("1", None, "other"), *turn("2", "a1", "other")]
    second = [*fork(first, "f"), *turn("3", "fa2", "other", "f")]
    third = [
        {**row, "sessionId": "g", "forkedFrom": {"sessionId": "f", "messageUuid": row["uuid"]}}
        for row in second
    ]
    logs = {"s": first, "f": second, "g": [*third, *turn("4", "a3", "other", "g")]}
    for rank, name in enumerate(reversed(order)):
        logs[name] = [*logs[name], {"type": "mode", "mode": "x" * 5000 * rank, "sessionId": name}]
    told = [word for session in words(both(tmp_path, logs)) for word in session]
    assert sorted(told) == sorted(f"{verb} {n}" for verb in ("ask", "say") for n in range(1, 5))


@pytest.mark.parametrize("named", ["a1", "fa1"])
def test_a_fork_of_an_answer_that_was_taken_back(tmp_path: Path, named: str) -> None:
    """Whether the notice names the ids of the first log, which is gone, or those of the copies."""
    notice = {"type": "system", "subtype": "model_refusal_fallback", "uuid": "n"}
    rows = turn("1", None, "served")
    rows += [{**notice, "parentUuid": "a1", "sessionId": "s", "retractedMessageUuids": [named]}]
    rows += [{**row, "parentUuid": "n"} for row in turn("2", None, "served")[1:]]
    assert words(both(tmp_path, {"f": fork(rows, "f")})) == [["ask 1", "say 2"]]


def test_a_fork_whose_first_log_is_gone(tmp_path: Path) -> None:
    new = [*fork(turn("1", None, "other"), "f"), *turn("2", "fa1", "other", "f")]
    assert words(both(tmp_path, {"f": new})) == [["ask 1", "say 1", "ask 2", "say 2"]]


def test_pieces_of_a_fork_that_stand_before_the_piece_above_them(tmp_path: Path) -> None:
    """Programs that write several records at a time may write a child before its parent."""
    rows = turn("1", None, "other")
    for name, above, piece in (("x", "a1", text("look")), ("y", "x", call("c1"))):
        rows.append(answer(name, above, "chatcmpl-2", piece))
    rows += [user("z", "y", [result("c1")]), answer("w", "z", "chatcmpl-3", text("seen"))]
    copies = fork(rows, "f")
    copies[2], copies[3] = copies[3], copies[2]
    logs = {
        "s": rows,
        "f": [*copies, *turn("4", "fw", "other", "f"), *turn("5", "a4", "other", "f")],
    }
    (session,) = both(tmp_path, logs).sessions
    kinds = [m.kind for m in session.messages]
    assert kinds[:5] == ["prompt", "answer", "answer", "results", "answer"]
    assert len(session.messages[2].parts) == 2


def test_an_agent_that_stands_inline_is_no_branch_of_what_a_copy_tells_before_it(
    tmp_path: Path,
) -> None:
    """A resumed session copies what its main thread said, and not what its agents did."""
    asked = answer("t", "u1", "m1", call("c1", "Task", prompt="look"))
    rows = [user("u1", None, "go"), asked]
    inline = [user("k1", None, "look"), answer("k2", "k1", "m2", text("found"))]
    main = [user("r", "t", [result("c1")]), answer("a1", "r", "m3", text("done"))]
    side = [{**row, "isSidechain": True} for row in inline]
    copies = [{**row, "sessionId": "f"} for row in [*rows, *main]]
    more = [*turn("4", "a1", "other", "f"), *turn("5", "a4", "other", "f")]
    reading = both(tmp_path, {"s": [*rows, *side, *main], "f": [*copies, *more]})
    (agent,) = [session for session in reading.sessions if session.agent_id]
    assert agent.forked_from is None
    assert agent.parent_call == "c1"


def test_what_goes_on_below_a_branch_behind_copies_is_in_that_branch(tmp_path: Path) -> None:
    """The pieces of a file between copies are placed one below the other, whichever file is read
    first."""

    def turn(n: int, above: str | None) -> list[dict[str, Any]]:
        return [
            user(f"u{n}", above, f"ask {n}"),
            answer(f"a{n}", f"u{n}", f"m{n}", text(f"say {n}")),
        ]

    one, two, three = turn(1, None), turn(2, "a1"), turn(3, "a2")
    tail = [row for n in range(4, 12) for row in turn(n, f"a{n - 1}")]
    write(tmp_path, "p/s1.jsonl", [*one, *two, *three, *tail])
    own = [
        *one,
        *turn(21, "a1"),
        *two,
        *turn(22, "a21"),
        *three,
        *turn(23, "a3"),
        *turn(24, "a22"),
    ]
    write(tmp_path, "p/s2.jsonl", [{**row, "sessionId": "s2"} for row in own])
    found = [[m.id for m in s.messages] for s in read("claude", tmp_path).sessions]
    assert ["u21", "a21", "u22", "a22", "u24", "a24"] in found
    assert ["u23", "a23"] in found


@pytest.mark.parametrize(
    "again", ["<persisted-output>\nOutput too large", "a result that was changed later"]
)
def test_a_result_that_a_copy_holds_otherwise_is_accounted_for(tmp_path: Path, again: str) -> None:
    """Copies with new ids, soon after a compaction."""
    names = [f"msg_01{letter * 22}" for letter in "ABC"]
    rows = [
        user("u1", None, "look" * 900),  # the longer file is read first
        answer("a1", "u1", names[0], text("I look.")),
        *compaction("b1", "a1"),
        user("u2", "sb1", "go on"),
        answer("a2", "u2", names[1], call("c1")),
        user("r1", "a2", [result("c1", "the whole output")]),
        answer("a3", "r1", names[2], text("Seen.")),
    ]
    copies = []
    for row in rows[4:]:
        new = {**row, "uuid": f"{row['uuid']}-new", "sessionId": "s2"}
        new["parentUuid"] = f"{row['parentUuid']}-new" if copies else None
        copies.append(new)
    copies[2]["message"] = {"role": "user", "content": [result("c1", again)]}
    write(tmp_path, "p/s1.jsonl", rows)
    write(tmp_path, "p/s2.jsonl", [*copies, user("u3", "a3-new", "more")])
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    assert any("more" in told for told in words(reading))


@pytest.mark.parametrize("longer", [True, False])
def test_a_log_that_lost_a_call_makes_nothing_stand_twice(tmp_path: Path, longer: bool) -> None:
    """The longer log is read first; the copy holds the call."""
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", call("c1")),
        user("r1", "a1", [result("c1")]),
        answer("a2", "r1", "m2", text("Seen.")),
        user("u2", "a2", "on"),
        answer("a3", "u2", "m3", text("On.")),
    ]
    more = [user("u3", "a3", "more" * 99 if longer else "more")]
    write(tmp_path, "p/s1.jsonl", [rows[0], *rows[2:], *more])
    write(tmp_path, "p/s2.jsonl", [{**row, "sessionId": "s2"} for row in rows])
    reading = read("claude", tmp_path)
    ids = [[m.id for m in s.messages] for s in reading.sessions]
    assert ids == [["u1", "a1", "r1", "a2", "u2", "a3", "u3"]]
    assert reading.ledger.drops == {"link/resumed_copy": 5}
    assert reading.unbalanced() == {}
