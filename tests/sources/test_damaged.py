"""What is damaged in a log or a store costs only itself: all else is told, once and in order."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.sources import (
    test_amp,
    test_cline,
    test_continuedev,
    test_crush,
    test_cursor_agent,
    test_gemini,
    test_goose,
    test_kiro_database,
    test_opencode,
    test_vscode,
)
from tests.sources.test_other_agents import pi, run, shape, text, write
from tests.support import Reading, keyed, read, steps

from sessiontune import registry
from sessiontune.ledger import Ledger
from sessiontune.ports import ReadOptions


def told(reading: Reading) -> list[str]:
    """The words of each message, in order."""
    messages = (message for session in shape(reading) for message in session)
    return [str(part) for _, *parts in messages for part in parts if part != "shown"]


def faults(reading: Reading) -> list[str]:
    return [fault.reason for fault in reading.ledger.faults]


# ------------------------------------------------------------ databases


def goose_base(tmp_path: Path) -> tuple[str, str, str]:
    messages = [test_goose.said("user", f"word {at}") for at in range(200)]
    return str(test_goose.database(tmp_path / "s.db", *messages)), "messages", "content_json"


def crush_base(tmp_path: Path) -> tuple[str, str, str]:
    rows = [(f"m{at}", "s", "user", [test_crush.text(f"word {at}")]) for at in range(200)]
    return str(test_crush.database(tmp_path, *rows)), "messages", "parts"


def opencode_base(tmp_path: Path) -> tuple[str, str, str]:
    world = test_opencode.World()
    world.session("ses_a")
    for at in range(200):
        world.message("ses_a", "user", test_opencode.said(f"word {at}"))
    return world.database(tmp_path)[0], "part", "data"


BASES: dict[str, Callable[[Path], tuple[str, str, str]]] = {
    "goose": goose_base,
    "crush": crush_base,
    "opencode": opencode_base,
}


@pytest.mark.parametrize("source", BASES)
def test_bytes_of_a_row_that_are_no_text(tmp_path: Path, source: str) -> None:
    path, table, column = BASES[source](tmp_path)
    base = sqlite3.connect(path)
    base.execute(
        f"UPDATE {table} SET {column} = CAST(replace(CAST({column} AS TEXT), 'word 7\"',"
        f" CAST(x'ff' AS TEXT) || 'word 7\"') AS TEXT)"
    )
    base.commit()
    base.close()
    reading = read(source, tmp_path, [path])
    assert reading.unbalanced() == {}
    assert told(reading) == [f"\ufffdword {at}" if at == 7 else f"word {at}" for at in range(200)]


@pytest.mark.parametrize("source", BASES)
def test_a_page_of_a_database_that_is_damaged(tmp_path: Path, source: str) -> None:
    path = Path(BASES[source](tmp_path)[0])
    raw = bytearray(path.read_bytes())
    for at in range(4096 * 4, len(raw), 4096):  # the first ones hold the tables' definitions
        if b"word 150" in raw[at : at + 4096]:
            raw[at : at + 8] = b"\xff" * 8
    path.write_bytes(raw)
    reading = read(source, tmp_path, [str(path)])
    assert reading.unbalanced() == {} or faults(reading)
    assert "unreadable_file" in faults(reading)


def test_a_newer_database_without_a_column(tmp_path: Path) -> None:
    path, _, _ = opencode_base(tmp_path)
    base = sqlite3.connect(path)
    base.execute("ALTER TABLE session DROP COLUMN title")
    base.execute("ALTER TABLE session ADD COLUMN path TEXT")
    base.close()
    assert told(read("opencode", tmp_path, [path])) == [f"word {at}" for at in range(200)]


def test_a_store_whose_last_list_is_lost(tmp_path: Path) -> None:
    begun, whole = test_cursor_agent.BEGUN, test_cursor_agent.WHOLE
    lists = [whole[:at] for at in range(3, len(whole) + 1)]
    path = test_cursor_agent.store(tmp_path, *lists, latestRootBlobId="0" * 64)
    assert shape(run("cursor-agent", path)) == [test_cursor_agent.TOLD]
    path = test_cursor_agent.store(tmp_path / "b", begun, latestRootBlobId=None)
    assert shape(run("cursor-agent", path)) == [test_cursor_agent.TOLD[:-1]]


# ------------------------------------------------------------ documents

HISTORY = [test_continuedev.said("user", f"word {at}") for at in range(5)]
THREAD = [test_amp.user(test_amp.text(f"word {at}")) for at in range(5)]
REQUESTS = [test_vscode.asked(f"r{at}", f"word {at}") for at in range(5)]
CHAT = [test_gemini.user(f"{at}", f"word {at}") for at in range(5)]
DOCUMENTS: dict[str, tuple[str, str, Any]] = {
    "amp": (f"{test_amp.NAME}.json", "messages", test_amp.thread(*THREAD)),
    "continue": (
        "s.json",
        "history",
        {"sessionId": "s", "workspaceDirectory": "/w", "history": HISTORY},
    ),
    "vscode": ("chat.json", "requests", test_vscode.chat(*REQUESTS)),
    "gemini": ("session-1.json", "messages", {**test_gemini.HEADER, "messages": CHAT}),
}


@pytest.mark.parametrize("source", DOCUMENTS)
@pytest.mark.parametrize("within", ["wor", 'word 3"', ""])
def test_a_document_that_was_cut_off(tmp_path: Path, source: str, within: str) -> None:
    name, _, document = DOCUMENTS[source]
    raw = json.dumps(document, ensure_ascii=False)
    cut = raw.index("word 3") + len(within) if within else raw.index("word 3") + len('word 3"')
    (tmp_path / name).write_text(raw[:cut] + ("" if within else " ]} \u00e9 ["))
    reading = run(source, tmp_path / name)
    assert (told(reading), faults(reading)[:1] != []) == (["word 0", "word 1", "word 2"], True)


@pytest.mark.parametrize("source", ["amp", "continue", "gemini"])
def test_a_document_without_its_list(tmp_path: Path, source: str) -> None:
    name, field, document = DOCUMENTS[source]
    (tmp_path / name).write_text(json.dumps({**document, field: {"a": 1}}))
    reading = read(source, tmp_path, [str(tmp_path / name)])
    assert reading.unbalanced() == {}
    assert reading.ledger.drops == {"read/no_message": 1}


@pytest.mark.parametrize("source", DOCUMENTS)
def test_a_document_with_a_line_over_the_limit_is_named(tmp_path: Path, source: str) -> None:
    name, _, document = DOCUMENTS[source]
    raw = json.dumps(document, indent=2).replace("word 3", "word 3" + "!" * 4000)
    (tmp_path / name).write_text(raw)
    files = [str(tmp_path / name)]
    reading = read(source, tmp_path, files, ReadOptions(max_line=3000))
    assert (faults(reading), reading.unbalanced()) == (["line_too_long"], {})
    assert told(reading) == ["word 0", "word 1", "word 2"]


@pytest.mark.parametrize("source", DOCUMENTS)
def test_a_document_that_vanished_is_named(tmp_path: Path, source: str) -> None:
    path, ledger = str(tmp_path / DOCUMENTS[source][0]), Ledger()
    assert list(registry.source(source).sessions((path,), ReadOptions(), ledger, keyed)) == []
    assert [(fault.reason, fault.file) for fault in ledger.faults] == [("unreadable_file", path)]


def test_an_array_of_messages_that_is_damaged(tmp_path: Path) -> None:
    task = [test_cline.said("user", f"<task>word {at}</task>") for at in range(5)]
    raw = json.dumps(task).encode()
    path = tmp_path / "1768000000000" / "api_conversation_history.json"
    path.parent.mkdir()
    path.write_bytes(raw.replace(b"word 2", b"word \xff"))
    reading = run("cline", path)
    assert told(reading) == ["word 0", "word 1", "word \ufffd", "word 3", "word 4"]
    assert reading.ledger.repairs == {"invalid_utf8": 1}
    path.write_bytes(raw[: raw.index(b"word 3")])
    reading = run("cline", path)
    assert (told(reading), faults(reading)) == (["word 0", "word 1", "word 2"], ["truncated_line"])


# ------------------------------------------------------------ lines


def test_two_messages_of_goose_on_one_line(tmp_path: Path) -> None:
    path = test_goose.old_file(tmp_path, *(test_goose.said("user", f"word {at}") for at in (0, 1)))
    path.write_text(path.read_text().replace("\n{", "{").replace("}{", "}\n{", 1))
    assert told(run("goose", path)) == ["word 0", "word 1"]


@pytest.mark.parametrize("lost", [0, 1, 5])
def test_a_change_of_a_chat_that_is_damaged(tmp_path: Path, lost: int) -> None:
    rows = test_vscode.changes(test_vscode.FIRST, test_vscode.SECOND)
    raw = [json.dumps(row) for row in rows]
    raw[lost] = raw[lost][:-3]
    (tmp_path / "chatSessions").mkdir()
    path = tmp_path / "chatSessions" / "chat.jsonl"
    path.write_text("\n".join(raw))
    reading = run("vscode", path)
    gone = {0: [], 1: ["list it"], 5: ["and now"]}[lost]
    assert faults(reading) == ["truncated_line"]
    kept = [m for m in test_vscode.TOLD if list(m[1:]) != gone]
    assert shape(reading) == [kept]


def test_an_older_writing_of_a_message_behind_a_newer_one(tmp_path: Path) -> None:
    call = {"id": "c", "name": "ls", "args": {}, "status": "success", "result": "a.py"}
    begun = {"id": "2", "type": "gemini", "content": "I look.", "model": "gemini-2.5-pro"}
    reading = test_gemini.chat(
        tmp_path, test_gemini.user("1", "look"), begun, {**begun, "toolCalls": [call]}, begun
    )
    assert shape(reading) == [
        [("prompt", "look"), ("answer", "I look.", ("ls", {})), ("results", ("a.py", "ok"))]
    ]


@pytest.mark.parametrize("odd", [["c"], {"id": "c"}, "c"])
def test_calls_that_are_no_objects(tmp_path: Path, odd: Any) -> None:
    answer = {"type": "gemini", "model": "gemini-2.5-pro", "toolCalls": odd}
    reading = test_gemini.chat(
        tmp_path,
        test_gemini.user("1", "look"),
        {**answer, "id": "2", "content": "I look."},
        {**answer, "id": "3", "content": ""},
    )
    assert told(reading) == ["look", "I look."]
    assert reading.ledger.repairs == {"unknown_part": 1}
    assert reading.ledger.drops["read/invalid_call"] == 1


def test_a_call_that_stands_twice_in_a_record(tmp_path: Path) -> None:
    """A record is used or left out, whatever is in it twice."""
    call = {"id": "c1", "name": "ls", "args": {}, "status": "success"}
    answer = {"id": "2", "type": "gemini", "content": "", "toolCalls": [call, call]}
    rows = [test_gemini.HEADER, test_gemini.user("1", "go"), answer]
    run("gemini", write(tmp_path, "session-1.jsonl", rows))
    calls = [{"id": "c1", "function": {"name": "open", "arguments": "{}"}}]
    asked = {"role": "assistant", "content": "I open it.", "tool_calls": calls}
    history = [asked, {"role": "tool", "content": "line 1", "tool_call_ids": ["c1", "c1"]}]
    (tmp_path / "a.traj").write_text(json.dumps({"history": history}))
    run("swe-agent", tmp_path / "a.traj")
    world = test_opencode.World()
    world.session("ses_1")
    ran = test_opencode.tool("c1", "bash", output="a")
    world.message("ses_1", "assistant", ran, ran)
    (path,) = world.database(tmp_path)
    assert read("opencode", tmp_path, [path]).unbalanced() == {}


def test_a_result_of_no_call_is_not_what_a_person_said(tmp_path: Path) -> None:
    result = {"type": "tool_result", "tool_use_id": None, "content": "a.py"}
    reading = test_cline.whole(
        test_cline.task(
            tmp_path,
            [
                test_cline.said("user", "<task>look</task>"),
                test_cline.said("assistant", test_cline.use("c", "list_files")),
                test_cline.said("user", result),
            ],
        )
    )
    assert told(reading) == ["look", "('list_files', {})", "('', 'missing')"]
    assert reading.ledger.drops["read/result_without_call"] == 1


HEAD = {"type": "session", "version": 3, "cwd": "/w"}


def test_entries_without_times_that_stand_twice(tmp_path: Path) -> None:
    one, two = pi("user", "1", None, text("go on")), pi("user", "2", "1", text("on"))
    rows = [{**HEAD, "id": "p"}, one, one, two, one, two]
    reading = run("pi", write(tmp_path, "p.jsonl", rows))
    assert shape(reading) == [[("prompt", "go on"), ("prompt", "on")]]
    assert reading.ledger.drops["link/repeated_record"] == 3


def test_a_fork_whose_original_is_damaged(tmp_path: Path) -> None:
    parent, child = (f"0000000{at}-0000-4000-8000-000000000000" for at in (1, 2))
    rows = [pi("user", f"{at}", f"{at - 1}", text(f"word {at}")) for at in range(1, 6)]
    first = write(tmp_path, f"{parent}.jsonl", [{**HEAD, "id": parent}, rows[0], 7, *rows[2:4]])
    head = {**HEAD, "id": child, "parentSession": f"/s/{parent}.jsonl"}
    second = write(tmp_path, f"{child}.jsonl", [head, *rows])
    reading = read("pi", tmp_path, [str(first), str(second)])
    assert reading.unbalanced() == {}
    assert sorted(told(reading)) == [f"word {at}" for at in range(1, 6)]


# ------------------------------------------------------------ copies


def test_a_copy_of_a_folder_of_files(tmp_path: Path) -> None:
    world = test_opencode.World()
    world.session("ses_a")
    world.message("ses_a", "user", test_opencode.said("look"))
    done = test_opencode.tool("c1", "read", input={"path": "a"}, output="body")
    world.message("ses_a", "assistant", test_opencode.STEP, done, test_opencode.said("Seen."))
    paths = [path for name in ("a", "b") for path in world.files(tmp_path / name)]
    reading = read("opencode", tmp_path, paths)
    assert reading.unbalanced() == {}
    assert told(reading) == ["look", "Seen.", "('read', {'path': 'a'})", "('body', 'ok')"]
    assert reading.ledger.drops == {"read/session": 2, "link/resumed_copy": 2}


def test_an_older_copy_of_a_session(tmp_path: Path) -> None:
    rows = [
        {**HEAD, "id": "p"},
        *(pi("user", f"{at}", None, text(f"word {at}")) for at in range(4)),
    ]
    paths = [write(tmp_path, name, rows[:end]) for name, end in (("a.jsonl", 3), ("b.jsonl", 5))]
    reading = read("pi", tmp_path, [*map(str, paths)])
    assert reading.unbalanced() == {}
    assert told(reading) == [f"word {at}" for at in range(4)]
    assert reading.ledger.drops["link/resumed_copy"] == 2


def test_a_call_in_an_older_file_and_its_result_in_the_database(tmp_path: Path) -> None:
    messages = test_goose.MESSAGES
    path = test_goose.old_file(tmp_path, *messages[:2])
    base = test_goose.database(tmp_path / "sessions.db", *messages)
    (tmp_path / "b").mkdir()
    shorter = test_goose.old_file(tmp_path / "b", *messages)
    for files in ([path, base], [path, shorter], [base, shorter]):
        reading = read("goose", tmp_path, [*map(str, files)])
        assert reading.unbalanced() == {}
        assert shape(reading) == [test_goose.LISTED]


def test_an_older_copy_of_a_session_of_continue(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    longer = test_continuedev.session(tmp_path, *HISTORY)
    older = test_continuedev.session(tmp_path / "b", *HISTORY[:3])
    reading = read("continue", tmp_path, [str(longer), str(older)])
    assert reading.unbalanced() == {}
    assert told(reading) == [f"word {at}" for at in range(5)]


def test_a_conversation_that_kiro_took_over(tmp_path: Path) -> None:
    history = test_kiro_database.HISTORY
    for name in ("amazon-q", "kiro-cli"):
        (tmp_path / name).mkdir()
    state = test_kiro_database.state(history[:2], latest_summary=["so far", {}])
    paths = [
        test_kiro_database.store(tmp_path / "amazon-q", state, newer=False),
        test_kiro_database.store(tmp_path / "kiro-cli", {**state, "history": history}),
    ]
    reading = read("kiro", tmp_path, [*map(str, paths)])
    assert reading.unbalanced() == {}
    both = [message for session in shape(reading) for message in session]
    assert both == [("summary", "so far"), *test_kiro_database.TOLD]
    assert reading.ledger.drops == {"link/resumed_copy": 4}


# ------------------------------------------------------------ byte order marks


@pytest.mark.parametrize("source", DOCUMENTS)
def test_a_document_with_a_byte_order_mark(tmp_path: Path, source: str) -> None:
    name, _, document = DOCUMENTS[source]
    (tmp_path / name).write_text(json.dumps(document, indent=2), encoding="utf-8-sig")
    reading = read(source, tmp_path, [str(tmp_path / name)])
    assert told(reading) == [f"word {at}" for at in range(5)]


def test_files_of_opencode_with_a_byte_order_mark(tmp_path: Path) -> None:
    world = test_opencode.World()
    world.session("ses_a")
    world.message("ses_a", "user", test_opencode.said("look"))
    paths = world.files(tmp_path)
    for path in map(Path, paths):
        path.write_text(path.read_text(), encoding="utf-8-sig")
    assert told(read("opencode", tmp_path, paths)) == ["look"]


def test_calls_nested_too_deep_cost_their_number(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(110):
        deep = [deep]
    call = [{"type": "toolCall", "id": "c", "name": "read", "arguments": {"path": deep}}]

    def reading(n: int) -> int:
        rows: list[Any] = [{"type": "session", "version": 3, "id": "p", "cwd": "/w/shop"}]
        for i in range(n):
            rows += [
                pi("user", f"u{i}", None, text(f"ask {i}")),
                pi("assistant", f"a{i}", "", call),
            ]
        path = write(tmp_path, "p.jsonl", rows)

        def once() -> None:
            got = run("pi", path)
            assert faults(got) == ["too_deep"] * n
            assert sum(len(session.messages) for session in got.sessions) == n

        return steps(once)

    assert reading(160) < 5 * reading(40)
