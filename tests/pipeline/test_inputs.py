"""What the state knows of a log holds only as long as the rules by which it was noted."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest

from sessiontune import registry
from sessiontune.errors import SourceError
from sessiontune.manifest import Input
from sessiontune.notes import Sketches
from sessiontune.packs import Place
from sessiontune.pipeline import moving
from sessiontune.pipeline.inputs import Inputs, discover, find_roots, named_in, no_logs
from sessiontune.ports import FileIndex, LogFile
from sessiontune.runtime.local import LocalRunner
from sessiontune.sources.foreign import named
from sessiontune.store import FileRow, Store, UnitRow

LINE = (
    '{"type":"%s","uuid":"%s","sessionId":"s",'
    '"message":{"id":"msg_01ABCDEFGHIJKLMNO","content":"a"}}\n'
)


@pytest.mark.parametrize("grown", [False, True])
def test_an_index_made_by_former_rules_is_made_anew(tmp_path: Path, grown: bool) -> None:
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    log.write_text(LINE % ("user", "u1") + LINE % ("assistant", "u2"))
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        (row,) = discover([log.parent], ["claude"], store, runner, verify=False).rows
        older = msgspec.structs.replace(row.index, ids=b"", links=(), rules=0)
        store.put_files([msgspec.structs.replace(row, index=older)])
        if grown:
            with log.open("a") as more:
                more.write(LINE % ("user", "u3"))

        (again,) = discover([log.parent], ["claude"], store, runner, verify=False).rows

    assert "message:msg_01ABCDEFGHIJKLMNO" in again.index.links
    assert len(again.index.ids) == 8 * (3 if grown else 2)


@pytest.mark.parametrize(("name", "taken"), [("s.jsonl", 1), ("s.log", 0)])
def test_a_log_whose_long_first_line_is_damaged_is_known_by_the_next(
    tmp_path: Path, name: str, taken: int
) -> None:
    log = tmp_path / "logs" / name
    log.parent.mkdir()
    log.write_text("\ufffd" * 100_000 + "\n" + LINE % ("user", "u1") + LINE % ("assistant", "u2"))
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        rows = discover([log.parent], ["claude"], store, runner, verify=False).rows
    assert len(rows) == taken


def test_a_file_that_no_source_of_a_former_version_knew_is_looked_at_again(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    log.write_text('{"type":"session_start","id":"s","title":"t","owner":"o","cwd":"/a"}\n')
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        (row,) = discover([log.parent], ["droid"], store, runner, verify=False).rows
        former = msgspec.structs.replace(row.index, rules=1)
        nobody = msgspec.structs.replace(row.file, source="")
        store.put_files([msgspec.structs.replace(row, file=nobody, index=former)])
        (again,) = discover([log.parent], ["droid"], store, runner, verify=False).rows

    assert again.file.source == "droid"


def test_a_log_of_an_agent_that_was_not_asked_for_is_found_when_it_is(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "s.jsonl").write_text(LINE % ("user", "u1"))
    other = logs / "d.jsonl"
    other.write_text('{"type":"session_start","id":"s","title":"t","owner":"o","cwd":"/a"}\n')

    def found(*sources: str) -> dict[str, str]:
        inputs = discover([logs], sources, store, runner, verify=False)
        assert not inputs.gone
        return {row.file.path.rpartition("/")[2]: row.file.source for row in inputs.rows}

    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        every = registry.source_names()
        assert found("claude") == {"s.jsonl": "claude"}
        assert found(*every) == {"s.jsonl": "claude", "d.jsonl": "droid"}
        assert found("claude") == {"s.jsonl": "claude"}
        with other.open("a") as more:
            more.write("{}\n")
        assert found("claude") == {"s.jsonl": "claude"}
        assert found(*every) == {"s.jsonl": "claude", "d.jsonl": "droid"}
        place = {str(other): Place(str(other), 0, 0)}
        unit = UnitRow(str(other), (str(other),), b"", "")
        store.put_units([(unit, place, Sketches(str(other), b"", b""))])  # an export has read it
        other.unlink()
        assert found("claude") == {"s.jsonl": "claude"}


def test_what_lies_beside_a_database_counts_once(tmp_path: Path) -> None:
    """Several agents have databases of the same ending."""
    path = tmp_path / "logs" / "crush.db"
    path.parent.mkdir()
    base = sqlite3.connect(path)
    base.execute("pragma journal_mode=wal")
    base.execute("create table sessions (id, parent_session_id)")
    base.execute("create table messages (id, session_id, parts, finished_at, created_at)")
    base.commit()
    names = registry.source_names()
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        (row,) = discover([path.parent], names, store, runner, verify=False).rows
        sizes = [p.stat().st_size for p in (path, path.with_name("crush.db-wal"))]
    base.close()

    assert row.file.source == "crush"
    assert sizes[1] > 0
    assert row.file.size == sum(sizes)


def test_a_log_with_two_names_that_grows_has_not_vanished(tmp_path: Path) -> None:
    """Nor has one that was renamed before it grew or was touched, or that another took the place of
    under one of its names."""
    logs = tmp_path / "logs"
    logs.mkdir()
    log, other, last = logs / "n.jsonl", logs / "a.jsonl", logs / "z.jsonl"
    log.write_text(LINE % ("user", "u1"))

    def found() -> dict[str, bool]:
        """The logs as an export would read them: name -> has it vanished?"""
        inputs = discover([logs], registry.source_names(), store, runner, verify=False)
        store.delete_units(store.unit_keys())
        store.put_units(
            (UnitRow(path, (path,), b"", ""), {path: Place(path, 0, 0)}, Sketches(path, b"", b""))
            for path in (row.file.path for row in inputs.rows)
        )
        return {row.file.path.rpartition("/")[2]: row.gone for row in inputs.rows}

    def grow(path: Path) -> None:
        with path.open("a") as more:
            more.write(LINE % ("user", f"u{path.stat().st_size}"))

    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        assert found() == {"n.jsonl": False}
        os.link(log, other)
        grow(log)
        assert found() == {"a.jsonl": False}
        other.rename(last)
        log.unlink()
        grow(last)
        assert found() == {"z.jsonl": False}
        last.rename(log)
        os.utime(log, (1, 1))
        assert found() == {"n.jsonl": False}
        log.rename(last)
        assert found() == {"z.jsonl": False}
        beside = logs / "beside"
        beside.write_text(LINE % ("user", "u9"))
        beside.rename(last)
        os.link(last, other)
        assert found() == {"a.jsonl": False}
        other.rename(logs / "a.md")  # no name of a log: what it held stays
        last.unlink()
        assert found() == {"a.jsonl": True}
        log.write_text(LINE % ("user", "u8"))
        assert found() == {"a.jsonl": True, "n.jsonl": False}
        log.write_text('{"note":1}\n')  # no log any more, under either name
        os.link(log, logs / "b.jsonl")
        assert found() == {"a.jsonl": True, "n.jsonl": True}


@pytest.mark.parametrize("grown", [False, True])
@pytest.mark.parametrize("below", [False, True], ids=["to another disk", "below the same folder"])
def test_a_log_that_was_copied_elsewhere_has_not_vanished(
    tmp_path: Path, grown: bool, below: bool
) -> None:
    """Also where it has grown there, and its project's folder has another name now. One that holds
    less, or begins otherwise, is another log."""
    home = tmp_path / "home"
    other = home / "b" / "shop-2" if below else tmp_path / "disk" / "shop-2"
    logs = [home / "a" / "shop" / f"{name}.jsonl" for name in "stuv"]
    logs[0].parent.mkdir(parents=True)
    other.mkdir(parents=True)
    for log in logs:
        lines = [LINE % ("user", f"{log.stem}{n}") for n in range(99)]
        log.write_text("".join(lines))

    def found(root: Path) -> dict[str, bool]:
        inputs = discover([root], names, store, runner, verify=False, before=before)
        told.append((inputs.past, inputs.moved))
        store.delete_units(store.unit_keys())
        store.put_units(
            (UnitRow(path, (path,), b"", ""), {path: Place(path, 0, 0)}, Sketches(path, b"", b""))
            for path in (row.file.path for row in inputs.rows)
        )
        named = named_in(store.salt)
        before[:] = [Input(named(row), "claude", 0, 0) for row in inputs.rows]
        return {str(Path(row.file.path).relative_to(tmp_path)): row.gone for row in inputs.rows}

    before: list[Input] = []
    told: list[tuple[frozenset[str], frozenset[str]]] = []
    names = registry.source_names()
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        assert not any(found(home).values())
        whole, shorter, otherwise, nowhere = logs
        for log in (whole, shorter, otherwise):
            shutil.copyfile(log, other / log.name)
        if grown:
            with (other / whole.name).open("a") as more:
                more.write(LINE % ("user", "more"))
        os.truncate(other / shorter.name, 50 * len(lines[0]))
        (other / otherwise.name).write_text("".join([*lines[:50], LINE % ("user", "x"), *lines]))
        shutil.rmtree(logs[0].parent)
        for _ in range(2):
            there = found(home if below else other)
            gone = {path.rpartition("/")[2] for path, gone in there.items() if gone}
            assert gone == {shorter.name, otherwise.name, nowhere.name}
            assert len(there) == 6
    moved = {str(whole)}  # other exports may still name it where this one did not look
    assert told[1] == ((moved, set()) if below else (set(), moved))


def test_logs_that_all_bear_one_name_are_not_compared_each_with_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[FileRow, FileRow]] = []
    monkeypatch.setattr(moving, "_copied", lambda *rows: compared.append(rows))

    def row(folder: str, n: int, inode: int) -> FileRow:
        log = LogFile(f"{tmp_path}/{folder}/{n}/events.jsonl", "copilot", 9, 0, inode)
        return FileRow(log, b"", FileIndex(first=f"2026-01-01T00:00:{n:02d}.000Z"))

    elsewhere = moving.Elsewhere([row("new", n, n) for n in range(30)])
    assert not any(elsewhere.path_of(row("old", n, n + 60)) for n in range(15, 45))
    assert len(compared) == 15
    assert all(known.index.first == log.index.first for known, log in compared)


def test_a_file_is_known_by_one_name_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be no vanished log of the folder when it is gone."""
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    log.write_text(LINE % ("user", "u1"))
    (tmp_path / "link").symlink_to("logs")
    monkeypatch.chdir(log.parent)
    names = registry.source_names()
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        for root in ("s.jsonl", "../link/s.jsonl", "../logs/../logs/s.jsonl", "../link"):
            (row,) = discover([Path(root)], names, store, runner, verify=False).rows
            assert row.file.path == str(log)


def test_verify_looks_at_all_of_a_log_that_grew(tmp_path: Path) -> None:
    """Of one that grew what is noted of its beginning is else taken to hold."""
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    lines = "".join(LINE % ("user", f"u{n:03}") for n in range(100))
    log.write_text(lines)
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:

        def ids(verify: bool) -> bytes:
            (row,) = discover([log.parent], ["claude"], store, runner, verify=verify).rows
            return row.index.ids

        ids(False)
        lines += LINE % ("user", "u100")
        with log.open("r+") as same:
            same.write(lines.replace("u000", "u999"))
        found = ids(True)
        store.delete_files([str(log)])
        assert found == ids(False)


def test_a_compressed_log_is_named(tmp_path: Path) -> None:
    """Not passed over in silence."""
    names = ["a.jsonl.gz", "b.jsonl.zst"]
    for name in names:
        (tmp_path / name).write_bytes(gzip.compress((LINE % ("user", "u1")).encode()))
    (tmp_path / "notes.gz").write_bytes(gzip.compress(b"x"))
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        inputs = discover([tmp_path], registry.source_names(), store, runner, verify=False)
    assert [path.rpartition("/")[2] for path in inputs.others] == names
    ((words, files),) = named(inputs.others).items()
    assert words.startswith("compressed")
    assert len(files) == 2


def test_where_it_looked_is_said_in_short(tmp_path: Path) -> None:
    """The user's home alone is `~`, and nothing is counted that takes no more room to name."""
    home = str(tmp_path / "ann")
    env = {"CODEX_HOME": f"{home}e/codex"}
    with pytest.raises(SourceError) as none:
        find_roots([], ["codex"], env, home)
    places = "sessions, {0}/archived_sessions, ~/.codex/sessions, ~/.codex/archived_sessions)"
    assert f"looked in {home}e/codex/" + places.format(f"{home}e/codex") in str(none.value)
    empty = Inputs([], (), [])
    roots = [tmp_path / name for name in "abcde"]
    assert str(no_logs(empty, roots[:4])).endswith(f", {roots[3]}.")
    assert str(no_logs(empty, roots)).endswith(f"{roots[2]} and 2 more places.")


def test_a_link_to_nowhere_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    """A disk that is not there today may be there tomorrow: what was read of it is kept."""
    (tmp_path / "disk").symlink_to("unmounted")
    log = tmp_path / "s.jsonl"
    log.write_text(LINE % ("user", "u1"))
    names = registry.source_names()
    roots = find_roots([str(log), str(tmp_path / "disk")], names, {}, "")
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        inputs = discover([*roots, tmp_path], names, store, runner, verify=False)
    assert [row.file.path for row in inputs.rows] == [str(log)]
    assert [fault.file for fault in inputs.faults] == [str(tmp_path / "disk")]


def test_a_fault_below_two_roots_is_one(tmp_path: Path) -> None:
    below = tmp_path / "a"
    below.mkdir()
    os.mkfifo(below / "pipe.jsonl")
    (below / "none.jsonl").symlink_to("nowhere")
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        inputs = discover([tmp_path, below], ["claude"], store, runner, verify=False)
    assert sorted(Path(f.file).name for f in inputs.faults) == ["none.jsonl", "pipe.jsonl"]


def test_what_is_no_log_counts_neither_as_new_nor_as_changed(tmp_path: Path) -> None:
    log, note = tmp_path / "s.jsonl", tmp_path / "note.jsonl"
    log.write_text(LINE % ("user", "u1"))
    note.write_text('{"a":1}\n')
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:

        def counts() -> tuple[int, int]:
            found = discover([tmp_path], registry.source_names(), store, runner, verify=False)
            return found.new, found.changed

        assert counts() == (1, 0)
        for path in (log, note):
            with path.open("a") as more:
                more.write(path.read_text())
        assert counts() == (0, 1)
        assert counts() == (0, 0)
        assert store.files().keys() == {str(log), str(note)}  # so that neither is read again


@pytest.mark.parametrize("what", ["size", "time", "file", "nothing", "nothing, but asked"])
def test_a_log_is_looked_at_again_when_anything_shows_that_it_changed(
    tmp_path: Path, what: str
) -> None:
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    log.write_text(LINE % ("user", "u1"))
    os.utime(log, (9, 9))
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:

        def ids(verify: bool = False) -> bytes:
            (row,) = discover([log.parent], ["claude"], store, runner, verify=verify).rows
            return row.index.ids

        before = ids()
        if what == "file":
            log.rename(tmp_path / "kept")  # so that its inode is not given again
        log.write_text(LINE % ("user", "u22" if what == "size" else "u2"))
        os.utime(log, (8, 8) if what == "time" else (9, 9))
        assert (ids(what == "nothing, but asked") == before) == (what == "nothing")


def test_a_log_that_comes_back_is_there(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    log.write_text(LINE % ("user", "u1"))
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:

        def gone() -> list[bool]:
            inputs = discover([log.parent], ["claude"], store, runner, verify=False)
            assert [row.gone for row in store.files().values()] == [row.gone for row in inputs.rows]
            assert inputs.gone == sum(row.gone for row in inputs.rows)
            return [row.gone for row in inputs.rows]

        assert gone() == [False]
        unit = UnitRow("u", (str(log),), b"", "")
        store.put_units([(unit, {}, Sketches("u", b"", b""))])
        log.rename(tmp_path / "away")
        assert [gone(), gone()] == [[True], [True]]
        store.delete_units(["u"])
        assert gone() == [True]  # what is lost is not passed over
        store.put_units([(unit, {}, Sketches("u", b"", b""))])
        (tmp_path / "away").rename(log)
        assert gone() == [False]
        store.delete_units(["u"])
        log.unlink()
        assert gone() == []  # no export ever read it


def test_a_log_that_is_written_anew_in_the_same_size_did_not_grow(tmp_path: Path) -> None:
    """Though its file and its last bytes are the same."""
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    lines = "".join(LINE % ("user", f"u{n:03}") for n in range(100))
    log.write_text(lines)
    os.utime(log, (9, 9))
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        (first,) = discover([log.parent], ["claude"], store, runner, verify=False).rows
        with log.open("r+") as same:
            same.write(lines.replace("u000", "u999"))
        (again,) = discover([log.parent], ["claude"], store, runner, verify=False).rows
    assert (again.file.inode, again.file.size) == (first.file.inode, first.file.size)
    assert len(again.index.ids) == len(first.index.ids)
    assert again.index.ids != first.index.ids


def test_a_log_that_grew_and_is_read_as_another_agents_is_indexed_whole(tmp_path: Path) -> None:
    """Two agents write the like; the first of those that are asked for has it."""
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    log.write_text(
        '{"type":"session","version":3,"id":"s","timestamp":"2026-03-01T10:00:00Z","cwd":"/a"}\n'
        + LINE % ("user", "u1")
    )
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:

        def found(*sources: str) -> FileRow:
            (row,) = discover([log.parent], sources, store, runner, verify=False).rows
            return row

        assert found("pi").file.source == "pi"
        with log.open("a") as more:
            more.write(LINE % ("user", "u2"))
        grown = found("claude", "pi")
        assert grown.file.source == "claude"
        store.delete_files([str(log)])
        assert found("claude", "pi").index == grown.index


@pytest.mark.parametrize("what", ["another root", "another export", "one written anew"])
def test_only_of_the_same_logs_something_vanished(tmp_path: Path, what: str) -> None:
    """What is there has not vanished though it was not asked for, and what another export held
    is none of this one's."""
    one, two = tmp_path / "a" / "s.jsonl", tmp_path / "b" / "t.jsonl"
    for log in (one, two):
        log.parent.mkdir()
        log.write_text(LINE % ("user", f"u{log.stem}"))
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:

        def found(*roots: Path, before: list[FileRow]) -> list[FileRow]:
            named = named_in(store.salt)
            inputs = [Input(named(row), "claude", 0, 0) for row in before]
            return discover(roots, ["claude"], store, runner, verify=False, before=inputs).rows

        both = found(one.parent, two.parent, before=[])
        store.put_units(
            (UnitRow(path, (path,), b"", ""), {path: Place(path, 0, 0)}, Sketches(path, b"", b""))
            for path in (str(one), str(two))
        )
        if what == "another root":
            assert found(one.parent, before=both) == both[:1]
        else:
            two.unlink()
            if what == "another export":
                assert found(one.parent, before=both[1:]) == both[:1]
            else:
                one.write_text(LINE % ("user", "something else"))
            assert [row.gone for row in found(one.parent, before=both)] == [False, True]


def test_a_log_that_an_editor_gave_a_byte_order_mark_is_found(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    line = '{"type":"session_start","id":"s","title":"t","owner":"o","cwd":"/a"}\n'
    log.write_text(line, encoding="utf-8-sig")
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        (row,) = discover([log.parent], ["droid"], store, runner, verify=False).rows

    assert (row.file.source, row.index.links) == ("droid", ("session:s",))
