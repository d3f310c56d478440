"""Logs that were copied, torn, glued or cut into pieces; tools that a log defines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.sources.test_codex import row, said, write
from tests.support import LOGS, Reading, growth, read

from sessiontune.ledger import Ledger
from sessiontune.model import Session
from sessiontune.ports import ReadOptions
from sessiontune.sources.codex.read import Rollout
from sessiontune.sources.codex.source import _parents_first
from sessiontune.sources.orders import parents_first
from sessiontune.sources.units import Unit

THREAD = "019a0000-0000-7000-8000-000000000001"


def call(at: int, name: str = "call_Fvx5TnWq0aKd91Zs") -> dict[str, Any]:
    return row("response_item", at, type="function_call", name="sh", call_id=name, arguments="{}")


def output(at: int, text: str = "a.py", name: str = "call_Fvx5TnWq0aKd91Zs") -> dict[str, Any]:
    return row("response_item", at, type="function_call_output", call_id=name, output=text)


def ids(reading: Reading) -> list[str]:
    return [m.id for s in reading.sessions for m in s.messages]


def kinds(session: Session) -> list[str]:
    return [m.kind for m in session.messages]


def test_two_files_of_one_name_that_say_no_thread(tmp_path: Path) -> None:
    for folder, last in (("a", "Seen."), ("b", "Seen it.")):
        (tmp_path / folder).mkdir()
        rows = [said("user", f"look {folder}", 1), call(2), output(3), said("assistant", last, 4)]
        write(tmp_path / folder, "x", rows)
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    assert len(set(ids(reading))) == len(ids(reading))
    assert len({s.key for s in reading.sessions}) == len(reading.sessions) == 2


def test_a_header_far_down_and_a_copy(tmp_path: Path) -> None:
    talk = [said("user", "look", 1), call(2), output(3), said("assistant", "Seen.", 4)]
    filler = [row("event_msg", 0, type="token_count", info=None) for _ in range(30)]
    header = row("session_meta", 0, id=THREAD)
    write(tmp_path, "whole", [header, *talk])
    write(tmp_path, "torn", [*filler, header, *talk[:2], said("user", "and now?", 5)])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    assert len(set(ids(reading))) == len(ids(reading))
    assert [kinds(s) for s in reading.sessions] == [
        ["prompt", "answer", "results", "prompt"],  # the longer file owns what both hold
        ["results", "answer"],
    ]
    assert reading.ledger.drops["link/resumed_copy"] == 2


def test_a_copy_whose_header_holds_an_odd_field(tmp_path: Path) -> None:
    rows = [row("session_meta", 0, id=THREAD), said("user", "look", 1), said("assistant", "No.", 2)]
    write(tmp_path, "a", rows)
    rows[0]["timestamp"] = {"at": 1}
    rows[0]["payload"]["cwd"] = [7]
    write(tmp_path, "b", rows)
    reading = read("codex", tmp_path)
    assert [kinds(s) for s in reading.sessions] == [["prompt", "answer"]]


def test_a_call_that_is_told_again_later(tmp_path: Path) -> None:
    rows = [row("session_meta", 0, id=THREAD), said("user", "look", 1), call(2), output(3)]
    write(tmp_path, "a", [*rows, call(8), output(9), said("assistant", "Seen.", 10)])
    reading = read("codex", tmp_path)
    assert [kinds(s) for s in reading.sessions] == [["prompt", "answer", "results", "answer"]]
    assert reading.ledger.drops["link/repeated_record"] == 1
    assert reading.ledger.drops["read/second_result"] == 1
    counted = [call(2, "call_0"), output(3, "a", "call_0"), call(4, "call_0")]
    (tmp_path / "n").mkdir()
    write(tmp_path / "n", "a", [*rows[:2], *counted, output(5, "b", "call_0")])
    again = read("codex", tmp_path / "n")
    assert [kinds(s) for s in again.sessions] == [
        ["prompt", "answer", "results", "answer", "results"]
    ]


def test_a_main_record_in_the_file_of_an_agent(tmp_path: Path) -> None:
    base = {"sessionId": "s1", "timestamp": "2026-03-01T10:00:00.000Z", "cwd": "/w"}
    asked = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
    gave = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
    main = [
        {**base, "type": "user", "uuid": "u1", "message": {"content": "go"}},
        {
            **base,
            "type": "assistant",
            "uuid": "a1",
            "parentUuid": "u1",
            "message": {"id": "m1", "content": [asked]},
        },
    ]
    agent = [
        {**base, "type": "user", "uuid": "k1", "isSidechain": True, "message": {"content": "do"}},
        {**base, "type": "user", "uuid": "r1", "parentUuid": "a1", "message": {"content": [gave]}},
    ]
    for name, rows in (("s1", main), ("agent-abc1234", agent)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    results = [m for s in reading.sessions for m in s.messages if m.kind == "results"]
    assert [p.content for m in results for p in m.parts if getattr(p, "content", "")] == ["x"]


def test_a_file_that_is_called_an_agent_of_no_name(tmp_path: Path) -> None:
    base = {"sessionId": "s1", "timestamp": "2026-03-01T10:00:00.000Z"}
    rows = [
        {**base, "type": "user", "uuid": "u1", "message": {"content": "go"}},
        {**base, "type": "user", "uuid": "k1", "isSidechain": True, "message": {"content": "do"}},
    ]
    (tmp_path / "agent-.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    assert [kinds(s) for s in reading.sessions] == [["prompt"], ["task"]]


def test_printed_output_of_two_runs_in_one_file(tmp_path: Path) -> None:
    rows = []
    for run in ("s1", "s2"):
        said = {"id": f"m{run}", "content": [{"type": "text", "text": f"Done {run}."}]}
        rows += [
            {"type": "system", "subtype": "init", "session_id": run, "cwd": "/w"},
            {"type": "assistant", "session_id": run, "uuid": f"a{run}", "message": said},
            {"type": "result", "subtype": "success", "session_id": run},
        ]
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    reading = read("claude", tmp_path)
    assert [(s.session_id, kinds(s)) for s in reading.sessions] == [
        ("s1", ["answer"]),
        ("s2", ["answer"]),
    ]


def test_what_a_hook_said_in_printed_output(tmp_path: Path) -> None:
    hook = [{"type": "text", "text": "Stop hook feedback:\nRun the tests."}]
    done = [{"type": "text", "text": "Done."}]
    rows = [
        {"type": "system", "subtype": "init", "session_id": "s", "cwd": "/w"},
        {"type": "assistant", "session_id": "s", "uuid": "a", "message": {"content": done}},
        {"type": "user", "session_id": "s", "uuid": "h", "message": {"content": hook}},
        {"type": "conversation_reset", "session_id": "s", "uuid": "c"},
    ]
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    reading = read("claude", tmp_path)
    assert [kinds(s) for s in reading.sessions] == [["answer", "context"]]
    assert reading.ledger.drops["read/conversation_reset"] == 1


def test_tools_that_the_log_defines(tmp_path: Path) -> None:
    reading = read("claude", LOGS / "claude" / "T15-records-of-newer-versions" / "input")
    (session,) = reading.sessions
    assert [(t.name, t.description) for t in session.tools] == [("Bash", "The tool Bash.")]
    assert session.tools[0].parameters["properties"] == {"command": {"type": "string"}}


def test_a_main_answer_in_the_file_of_an_agent(tmp_path: Path) -> None:
    base = {"sessionId": "s1", "timestamp": "2026-03-01T10:00:00.000Z"}
    asked = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
    main = [
        {**base, "type": "user", "uuid": "u1", "message": {"content": "go"}},
        {
            **base,
            "type": "assistant",
            "uuid": "a1",
            "parentUuid": "u1",
            "message": {"id": "m1", "content": [{"type": "text", "text": "I look."}]},
        },
    ]
    agent = [
        {**base, "type": "user", "uuid": "k1", "isSidechain": True, "message": {"content": "do"}},
        {
            **base,
            "type": "assistant",
            "uuid": "a2",
            "parentUuid": "a1",
            "message": {"id": "m2", "content": [asked]},
        },
    ]
    for name, rows in (("s1", main), ("agent-abc1234", agent)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    assert sorted(kinds(s)[:2] for s in reading.sessions) == [
        ["answer", "results"],
        ["prompt", "answer"],
        ["task"],
    ]


def test_parents_come_first_and_a_circle_has_a_beginning(tmp_path: Path) -> None:
    def file(number: int, parent: int) -> None:
        name = THREAD[:-4]
        head = row("session_meta", 0, id=f"{name}{number:04}", forked_from_id=f"{name}{parent:04}")
        write(tmp_path, f"{number}", [head, said("user", f"look {number}", 1)])

    for number in range(1, 600):  # each after the next, so that none is in its place
        file(number, number + 1)
    file(600, 1)  # a circle
    file(601, 599)
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    order = [int(s.session_id[-4:]) for s in reading.sessions]
    places = {number: at for at, number in enumerate(order)}
    assert order[0] == 1
    assert len(places) == 601
    assert all(places[number] > places[number + 1] for number in range(2, 600))
    assert places[601] > places[599]


def test_the_order_of_many_files_costs_their_number() -> None:
    def backwards(count: int) -> Callable[[], None]:
        """Each after the next, so that none is in its place."""
        ids = {f"{number:06}.jsonl": (f"{number}", f"{number + 1}", "") for number in range(count)}

        heads = {path: (own, {parent}) for path, (own, parent, _) in ids.items()}

        def order() -> None:
            assert list(_parents_first(ids, list(ids))) == list(reversed(ids))
            assert parents_first(heads) == list(reversed(ids))

        return order

    assert growth(backwards, 500) < 24


def test_a_circle_of_sessions_begins_with_its_first() -> None:
    heads = {"a": ("1", {"2"}), "b": ("2", {"1"}), "c": ("3", {"1", "?"}), "d": ("4", {"4"})}
    assert parents_first(heads) == ["d", "a", "b", "c"]
    again = {"a": ("1", {"2"}), "b": ("2", {"3"}), "c": ("2", set()), "d": ("3", {"2"})}
    assert parents_first(again) == ["c", "a", "d", "b"]


def test_many_sessions_in_one_file_cost_their_number(tmp_path: Path) -> None:
    """Each is read from the file, and not through those before it."""
    path = tmp_path / "all.jsonl"
    path.write_text("".join(f'{{"begins": "s{n}"}}\n{{}}\n' for n in range(4)))
    left, told = set(), []
    with Unit("pi", ReadOptions(), Ledger(), lambda text: text) as unit:
        for log in unit.logs(str(path), lambda record: str(record.get("begins", ""))):
            told.append(len(list(log.records())))
            left |= {id(log.rest[1])} if log.rest else set()
    assert told == [2, 2, 2, 2]
    assert len(left) == 1


def test_many_rollouts_in_one_file_cost_their_number(tmp_path: Path) -> None:
    rows = [(row("session_meta", n, id=f"s{n}"), said("user", f"look {n}", n)) for n in range(4)]
    write(tmp_path, "all", [one for pair in rows for one in pair])
    (path,) = tmp_path.iterdir()
    left, ahead, told = set(), None, []
    while ahead is not None or not told:
        rollout = Rollout(0, str(path), ReadOptions(), Ledger())
        rollout.lines = ahead
        rollout.read()
        told.append(len(rollout.nodes))
        ahead = rollout.rest
        left |= {id(ahead[1])} if ahead else set()
    assert told == [1, 1, 1, 1]
    assert len(left) == 1
