"""OpenCode: one project in a database, in the older folder of files, and exported."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import Reading, read

from sessiontune import registry
from sessiontune.model import Image, Text, Thinking, ToolCall, ToolResult, Usage

PNG = "data:image/png;base64,iVBORw0KGgo="
SHELL = "The following tool was executed by the user"


def said(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def tool(call: str, name: str, status: str = "completed", **state: Any) -> dict[str, Any]:
    whole = {"status": status, "input": {"x": call}, "time": {"start": 5, "end": 6}, **state}
    return {"type": "tool", "callID": call, "tool": name, "state": whole}


STEP = {"type": "step-start"}


class World:
    """Sessions and messages, to be written in any of the three forms."""

    def __init__(self) -> None:
        self.sessions: list[dict[str, Any]] = []
        self.messages: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        self.clock = 1765233665000

    def session(self, name: str, parent: str | None = None) -> None:
        about = {"id": name, "directory": "/w/shop", "title": f"T {name}", "parentID": parent}
        self.sessions.append({k: v for k, v in about.items() if v is not None})

    def message(self, session: str, role: str, *parts: Any, at: int = 0, **more: Any) -> str:
        self.clock += 1
        name = f"msg_{self.clock}"
        info = {"id": name, "sessionID": session, "role": role}
        info |= {"time": {"created": at or self.clock}, **more}
        told = [
            {"id": f"prt_{self.clock}{n}", "sessionID": session, "messageID": name, **part}
            for n, part in enumerate(parts)
        ]
        self.messages.append((info, told))
        return name

    def of(self, session: str) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        return (m for m in self.messages if m[0]["sessionID"] == session)

    def database(self, folder: Path, journal: bool = False) -> list[str]:
        path = folder / "opencode.db"
        base = sqlite3.connect(path, isolation_level=None)
        base.execute(f"PRAGMA journal_mode = {'WAL' if journal else 'DELETE'}")
        times = "time_created integer, time_updated integer"
        base.execute(f"CREATE TABLE session (id, parent_id, directory, title, {times})")
        base.execute(f"CREATE TABLE message (id text PRIMARY KEY, session_id, {times}, data text)")
        base.execute(f"CREATE TABLE part (id, message_id, session_id, {times}, data text)")
        for at, about in enumerate(self.sessions):
            row = [about.get(k) for k in ("id", "parentID", "directory", "title")]
            base.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", [*row, at, at])
        for info, parts in reversed(self.messages):
            at = info["time"]["created"]
            data = json.dumps({k: v for k, v in info.items() if k not in ("id", "sessionID")})
            row = [info["id"], info["sessionID"], at, at, data]
            base.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)", row)
            for part in parts:
                data = json.dumps({k: v for k, v in part.items() if k not in ("id", "messageID")})
                row = [part["id"], info["id"], info["sessionID"], at, at, data]
                base.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", row)
        if journal:
            self.open = base  # closing it would empty the journal
        else:
            base.close()
        return [str(path)]

    def files(self, folder: Path) -> list[str]:
        files = [(f"session/p/{s['id']}.json", s) for s in self.sessions]
        for info, parts in self.messages:
            files.append((f"message/{info['sessionID']}/{info['id']}.json", info))
            files += [(f"part/{info['id']}/{part['id']}.json", part) for part in parts]
        return [self._put(folder / "storage" / name, value) for name, value in files]

    def documents(self, folder: Path) -> list[str]:
        done = []
        for about in self.sessions:
            messages = [{"info": i, "parts": p} for i, p in self.of(about["id"])]
            whole = {"info": about, "messages": messages}
            done.append(self._put(folder / f"{about['id']}.json", whole))
        return done

    @staticmethod
    def _put(path: Path, value: Any) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=2))
        return str(path)


def whole(root: Path, files: list[str]) -> Reading:
    source = registry.source("opencode")
    for path in files:
        with open(path, "rb") as log:
            assert source.recognise(path, log.read(65536)), path
        assert source.index(path).links
    reading = read("opencode", root, files)
    assert reading.unbalanced() == {}
    assert not reading.ledger.faults
    return reading


def small() -> World:
    world = World()
    world.session("ses_1")
    world.session("ses_2", "ses_1")
    world.message(
        "ses_1",
        "user",
        said("go"),
        said("<file>a</file>", synthetic=True),
        {"type": "file", "mime": "text/plain", "url": "data:text/plain;base64,YQ=="},
        {"type": "file", "mime": "image/png", "url": PNG},
        said("seen by nobody", ignored=True),
    )
    child = {"metadata": {"sessionId": "ses_2"}, "output": "seen"}
    failed = {"output": "bad", "metadata": {"exit": 2}}
    parts = [STEP, {"type": "reasoning", "text": "hm"}, said("I ask.")]
    parts += [tool("c1", "task", **child), tool("c2", "bash", **failed)]
    world.message("ses_1", "assistant", *parts, modelID="glm-4.7")
    world.message("ses_1", "assistant", STEP, said("Done."), modelID="glm-4.7")
    world.message("ses_2", "user", said("look"))
    world.message("ses_2", "assistant", STEP, said("It is there."), modelID="glm-4.7")
    return world


EXPECTED = [
    [
        ("context", "<file>a</file>"),
        ("prompt", "go", "image/png"),
        ("answer", "hm", "I ask.", ("task", {"x": "c1"}), ("bash", {"x": "c2"})),
        ("results", ("seen", "ok"), ("bad", "error")),
        ("answer", "Done."),
    ],
    [("task", "look"), ("answer", "It is there.")],
]


def plain(reading: Reading) -> list[list[tuple[Any, ...]]]:
    """What was read; pictures by their kind."""

    def said_by(part: Any) -> Any:
        if isinstance(part, Text | Thinking):
            return part.text
        if isinstance(part, ToolCall):
            return (part.name, part.arguments)
        if isinstance(part, Image):
            return part.media_type
        return (part.content, part.status)

    return [[(m.kind, *map(said_by, m.parts)) for m in s.messages] for s in reading.sessions]


@pytest.mark.parametrize("form", ["database", "files", "documents"])
def test_three_forms_of_one_project(tmp_path: Path, form: str) -> None:
    reading = whole(tmp_path, getattr(small(), form)(tmp_path))
    assert plain(reading) == EXPECTED
    main, agent = reading.sessions
    assert (agent.agent_id, agent.parent_session, agent.parent_call) == ("ses_2", main.key, "c1")
    assert (main.project, main.title) == ("shop", "T ses_1")


def test_what_two_stores_hold_stands_once(tmp_path: Path) -> None:
    """After the move to the database the old files stay where they were."""
    world = small()
    old = world.files(tmp_path)
    world.message("ses_1", "user", said("and then?"))
    reading = whole(tmp_path, [*old, *world.database(tmp_path)])
    assert plain(reading) == [[*EXPECTED[0], ("prompt", "and then?")], EXPECTED[1]]
    assert reading.ledger.drops["link/resumed_copy"] == 5


def test_what_is_only_in_the_journal_is_read_and_nothing_is_written(tmp_path: Path) -> None:
    world = small()
    files = world.database(tmp_path, journal=True)
    assert os.path.getsize(files[0] + "-wal") > 0
    source: Any = registry.source("opencode")
    before = source.journal(files[0])
    there = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert plain(whole(tmp_path, files)) == EXPECTED
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == there
    world.open.execute("DELETE FROM part WHERE data LIKE '%Done.%'")
    assert source.journal(files[0]) != before
    assert ("answer", "Done.") not in plain(whole(tmp_path, files))[0]
    world.open.close()


@pytest.mark.parametrize("form", ["database", "files"])
def test_parts_of_a_message_that_is_gone(tmp_path: Path, form: str) -> None:
    world = small()
    if form == "files":
        files = world.files(tmp_path)
        gone = next(p for p in files if "/message/ses_2/" in p)
        os.remove(gone)
        files.remove(gone)
    else:
        files = world.database(tmp_path)
        base = sqlite3.connect(files[0])
        base.execute("DELETE FROM message WHERE session_id = 'ses_2' AND data LIKE '%user%'")
        base.commit()
        base.close()
    reading = whole(tmp_path, files)
    assert plain(reading)[1] == [("answer", "It is there.")]
    assert reading.ledger.drops["read/part_without_message"] == 1


NEWER = "(id, session_id, type, seq, time_created, time_updated, data)"


def _newer(path: str, *rows: tuple[str, str, int, dict[str, Any]]) -> None:
    """Put messages (session, kind, time, what it holds) into the newer table."""
    base = sqlite3.connect(path)
    base.execute(f"CREATE TABLE session_message {NEWER}")
    for at, (session, kind, time, told) in enumerate(rows):
        data = json.dumps({"time": {"created": time}, **told})
        row = (f"msg_n{at}", session, kind, at, time, time, data)
        base.execute("INSERT INTO session_message VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    base.commit()
    base.close()


def test_a_session_of_the_newer_table(tmp_path: Path) -> None:
    files = small().database(tmp_path)
    told = plain(whole(tmp_path, files))
    call = {
        "type": "tool",
        "id": "c1",
        "name": "bash",
        "state": {
            "status": "completed",
            "input": {"command": "make"},
            "content": [{"type": "text", "text": "no rule"}],
            "structured": {"exit": 2},
        },
        "time": {"created": 4, "completed": 5},
    }
    seen = {**call, "id": "c3", "name": "read"}
    seen["state"] = {"status": "completed", "input": {}, "content": [], "structured": {"a": "b"}}
    gone = {
        **call,
        "id": "c2",
        "state": {"status": "error", "input": {}, "error": {"message": "E"}},
    }
    answer = {
        "model": {"id": "m-1", "providerID": "p"},
        "content": [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": "I build."}],
        "tokens": {"input": 7, "output": 3, "cache": {"read": 1, "write": 0}},
    }
    picture = {"uri": "data:image/png;base64,aGk=", "mime": "image/png"}
    _newer(
        files[0],
        ("ses_n", "user", 2, {"text": "Build it.", "files": [picture]}),
        ("ses_n", "model-switched", 3, {"model": {"id": "m-1"}}),
        ("ses_n", "assistant", 4, {**answer, "content": [*answer["content"], call, seen, gone]}),
        ("ses_n", "shell", 6, {"callID": "c3", "command": "ls", "output": "Makefile\n"}),
        ("ses_n", "synthetic", 7, {"text": "A note."}),
        ("ses_n", "compaction", 8, {"reason": "auto", "summary": "We build.", "recent": ""}),
        ("ses_n", "assistant", 9, {"model": "odd", "content": "odd"}),
        ("ses_1", "user", 1, {"text": "a second copy"}),
    )
    reading = whole(tmp_path, files)
    own = [s.session_id == "ses_n" for s in reading.sessions]
    assert [t for t, new in zip(plain(reading), own, strict=True) if not new] == told
    first, second = [s for s, new in zip(reading.sessions, own, strict=True) if new]
    assert [m.kind for m in first.messages] == ["prompt", "answer", "results", "context", "context"]
    assert first.messages[1].model == "m-1"
    assert first.messages[1].usage == Usage(7, 3, 1, 0)
    results = [part for part in first.messages[2].parts if isinstance(part, ToolResult)]
    assert [(r.content, r.status) for r in results] == [
        ("no rule", "error"),
        ('{"a":"b"}', "ok"),
        ("E", "error"),
    ]
    assert (second.epoch, [m.kind for m in second.messages]) == (1, ["summary"])
    assert reading.unbalanced() == {}
    drops = reading.ledger.drops
    assert (drops["read/session_message"], drops["read/model-switched"]) == (1, 1)


def _second(path: Path, *rows: tuple[str, str, int, dict[str, Any]]) -> list[str]:
    """A database as version 2 makes it, without the tables of version 1."""
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE session_v2 (id, parent_id, directory, title, time_created)")
    for name, parent in (("ses_a", None), ("ses_b", "ses_a")):
        row = (name, parent, "/w/shop", f"T {name}", 1)
        base.execute("INSERT INTO session_v2 VALUES (?, ?, ?, ?, ?)", row)
    base.commit()
    base.close()
    _newer(str(path), *rows)
    return [str(path)]


def _talk(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": {"id": "m-2", "providerID": "p"}, "content": [*content], **more}


def _called(name: str, status: str, **state: Any) -> dict[str, Any]:
    whole = {"status": status, "input": {"prompt": "look"}, **state}
    return {"type": "tool", "id": name, "name": "task", "state": whole, "time": {"created": 4}}


def test_a_database_of_version_2(tmp_path: Path) -> None:
    file = {"name": "a.txt", "mime": "text/plain", "data": "b25lCg=="}
    seen = {"mime": "image/png", "data": "iVBORw0KGgo="}
    done = {"content": [{"type": "text", "text": "there"}], "metadata": {"sessionID": "ses_b"}}
    files = _second(
        tmp_path / "opencode.db",
        ("ses_a", "user", 2, {"text": "Build it.", "files": [file, seen]}),
        ("ses_a", "system", 3, {"text": "The date is new."}),
        ("ses_a", "location-switched", 3, {"location": {"directory": "/w"}}),
        ("ses_a", "assistant", 4, _talk(_called("c1", "completed", **done))),
        ("ses_a", "skill", 5, {"skill": "s", "name": "s", "text": "How to build."}),
        ("ses_a", "shell", 6, {"command": "ls", "output": {"output": "Makefile\n", "cursor": 9}}),
        ("ses_a", "assistant", 7, _talk({"type": "text", "text": "I bui"})),
        ("ses_a", "idle", 8, {"outcome": "interrupted"}),
        ("ses_a", "compaction", 9, {"status": "failed", "error": {"message": "no"}}),
        ("ses_a", "compaction", 9, {"status": "running", "summary": "We", "recent": ""}),
        ("ses_a", "compaction", 10, {"status": "completed", "summary": "We build.", "recent": ""}),
        ("ses_b", "user", 4, {"text": "look"}),
        ("ses_b", "assistant", 5, _talk({"type": "text", "text": "there"})),
    )
    reading = whole(tmp_path, files)
    assert reading.unbalanced() == {}
    first, second, agent = reading.sessions
    said = [(m.kind, [p.text for p in m.parts if isinstance(p, Text)]) for m in first.messages]
    assert said == [
        ("context", ["a.txt\n\none\n"]),
        ("prompt", ["Build it."]),
        ("answer", []),
        ("results", []),
        ("context", ["How to build."]),
        ("context", ["! ls\nMakefile"]),
        ("answer", ["I bui"]),
    ]
    assert any(isinstance(part, Image) for part in first.messages[1].parts)
    assert first.messages[-1].flags == ("interrupted",)
    assert (first.title, first.cwd) == ("T ses_a", "/w/shop")
    assert (second.epoch, [m.kind for m in second.messages]) == (1, ["summary"])
    assert (agent.agent_id, agent.parent_call) == ("ses_b", "c1")
    assert [m.kind for m in agent.messages] == ["task", "answer"]
    assert reading.ledger.drops["read/idle"] == 1


def test_a_database_that_version_2_took_over(tmp_path: Path) -> None:
    """The older tables stay as they were; what came later is only in the newer ones."""
    files = small().database(tmp_path)
    told = plain(whole(tmp_path, files))
    rows = [("ses_a", "user", 1, {"text": "new"}), ("ses_1", "user", 1, {"text": "a copy"})]
    _second(Path(files[0]), *rows)
    reading = whole(tmp_path, files)
    assert [t for t in plain(reading) if t not in told] == [[("prompt", "new")]]
    assert reading.unbalanced() == {}


def test_an_odd_time_in_one_of_two_tables(tmp_path: Path) -> None:
    (path,) = small().database(tmp_path)
    _newer(path, ("ses_n", "user", 1_765_233_665_001, {"text": "new"}))
    base = sqlite3.connect(path)
    base.execute("UPDATE message SET time_created = 'x' WHERE rowid = 1")
    base.commit()
    base.close()
    assert registry.source("opencode").index(path).last == "2025-12-08T22:41:05.001Z"


def test_messages_of_the_coming_version_are_counted(tmp_path: Path) -> None:
    files = small().database(tmp_path)
    told = plain(whole(tmp_path, files))
    base = sqlite3.connect(files[0])
    base.execute("CREATE TABLE session_message (id, session_id, type, seq, data)")
    base.execute("INSERT INTO session_message VALUES ('m', 'ses_1', 'user', 1, '{}')")
    base.commit()
    base.close()
    reading = whole(tmp_path, files)
    assert plain(reading) == told
    assert reading.ledger.drops["read/session_message"] == 1


def test_rows_of_the_newer_table_without_a_time_or_a_session_are_counted(tmp_path: Path) -> None:
    files = small().database(tmp_path)
    told = plain(whole(tmp_path, files))
    base = sqlite3.connect(files[0])
    base.execute(f"CREATE TABLE session_message {NEWER}")
    for session, time in (("ses_n", None), (None, 9), ("ses_n", -5)):
        row = (f"msg_{session}{time}", session, "user", 1, time, time, '{"text": "x"}')
        base.execute("INSERT INTO session_message VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    base.commit()
    base.close()
    reading = whole(tmp_path, files)
    assert plain(reading) == told
    assert reading.unbalanced() == {}
    assert reading.ledger.drops["read/session_message"] == 3


def test_a_fork_repeats_nothing(tmp_path: Path) -> None:
    world = small()
    world.session("ses_3")
    for info, parts in list(world.of("ses_1")):  # copies under new ids, with the old times
        bare = [{k: v for k, v in p.items() if k not in ("id", "messageID")} for p in parts]
        more = {"modelID": info["modelID"]} if "modelID" in info else {}
        world.message("ses_3", info["role"], *bare, at=info["time"]["created"], **more)
    world.message("ses_3", "user", said("or so?"))
    reading = whole(tmp_path, world.database(tmp_path))
    fork = reading.sessions[1]
    assert plain(reading)[1] == [("prompt", "or so?")]
    assert fork.lineage == reading.sessions[0].lineage
    assert fork.forked_from is not None
    assert fork.forked_from.message == reading.sessions[0].messages[-1].id
    assert reading.ledger.drops["link/resumed_copy"] == 3


def test_what_no_model_said_is_no_answer(tmp_path: Path) -> None:
    world = World()
    world.session("ses_1")
    asked = world.message("ses_1", "user", said(SHELL, synthetic=True))
    ran = tool("c1", "bash", output="a.txt\n", input={"command": "ls"})
    world.message("ses_1", "assistant", ran, parentID=asked, modelID="glm-4.7")
    task = {"type": "subtask", "prompt": "Review it.", "agent": "general", "command": "review"}
    asked = world.message("ses_1", "user", task)
    ran = tool("c2", "task", output="fine")
    world.message("ses_1", "assistant", ran, parentID=asked, modelID="glm-4.7")
    error = {"name": "UnknownError", "data": {}}
    world.message("ses_1", "user", {"type": "compaction", "auto": True})
    world.message("ses_1", "assistant", STEP, said("half"), summary=True, error=error)
    world.message("ses_1", "user", {"type": "compaction", "auto": True})
    world.message("ses_1", "assistant", STEP, said("We reviewed."), summary=True)
    world.message("ses_1", "user", {"type": "hologram", "text": "?"})
    aborted = {"name": "MessageAbortedError", "data": {}}
    world.message("ses_1", "user", said("go on"))
    world.message("ses_1", "assistant", STEP, said("I wi"), error=aborted, modelID="glm-4.7")
    reading = whole(tmp_path, world.database(tmp_path))
    assert plain(reading) == [
        [
            ("context", "! ls\na.txt"),
            ("prompt", "Review it."),
            ("answer", ("task", {"x": "c2"})),
            ("results", ("fine", "ok")),
        ],
        [("summary", "We reviewed."), ("prompt", "go on"), ("answer", "I wi")],
    ]
    first, second = reading.sessions
    assert first.messages[1].flags == ("command:review",)
    assert first.messages[2].injected
    assert second.messages[2].flags == ("interrupted",)
    assert reading.ledger.drops == {
        "read/shell_mode": 1,
        "read/compaction": 2,
        "read/failed_compaction": 1,
        "read/unknown_block:hologram": 1,
    }


def test_other_databases_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE session (id)")
    base.close()
    source = registry.source("opencode")
    assert not source.recognise(str(path), path.read_bytes())
    path.write_bytes(b"SQLite format 3\0" + b"x" * 500)
    assert not source.recognise(str(path), path.read_bytes())
    other = tmp_path / "storage" / "session_diff" / "ses_1.json"
    other.parent.mkdir(parents=True)
    other.write_text('[{"id": "x"}]')
    assert not source.recognise(str(other), other.read_bytes())


def test_odd_values_in_a_database(tmp_path: Path) -> None:
    (path,) = small().database(tmp_path)
    base = sqlite3.connect(path)
    base.execute("UPDATE message SET data = 'no json' WHERE data LIKE '%user%'")
    base.execute("UPDATE message SET time_created = 'x', data = '[]' WHERE rowid = 1")
    base.execute("UPDATE part SET data = NULL WHERE data LIKE '%It is%'")
    base.execute("UPDATE session SET directory = 7, title = X'ff' WHERE id = 'ses_1'")
    base.execute("INSERT INTO session VALUES (NULL, 4, NULL, NULL, NULL, NULL)")
    base.commit()
    base.close()
    registry.source("opencode").index(path)
    reading = read("opencode", tmp_path, [path])
    assert reading.unbalanced() == {}
    assert reading.ledger.records == {path: 5}
    assert {fault.line for fault in reading.ledger.faults} == {1, 2, 5}
    assert [m.kind for s in reading.sessions for m in s.messages] == ["answer", "results", "answer"]
