"""The state keeps what it is told to, and leaves no byte of what it is told to forget."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontune import notes, packs
from sessiontune.errors import DamagedError, StoreError
from sessiontune.notes import Sketches
from sessiontune.packs import Pack, Packs, left_of, packed, writing
from sessiontune.ports import FileIndex, LogFile
from sessiontune.store import FileRow, Store, UnitRow, default_state

KEYS = ["one", "two", "six"]


def unit(store: Store, key: str, pack: Pack, *, hooked: bool = False) -> None:
    """Note a unit, and that its sessions lie in the pack."""
    start = pack.size
    pack.write(f"<{key}>".encode() * 99)
    places = {key: pack.place(start)}
    if hooked:
        start = pack.size
        pack.write(f"[{key}]".encode() * 99)
        places[left_of(key)] = pack.place(start)
    row = UnitRow(key, (f"/{key}.jsonl",), key.encode(), "prepared")
    store.put_units([(row, places, Sketches(key, b"k", b"m"))])


def filled(folder: Path) -> Store:
    """A state with three units, each with two builds; all in one pack of a kind."""
    store = Store(folder, write=True)
    with Pack(store.shards.path(*KEYS)) as pack:
        for key in KEYS:
            unit(store, key, pack, hooked=key == "two")
    with Pack(store.segments.path(*KEYS)) as pack:
        for key in KEYS:
            for build in ("old", "new"):
                start = pack.size
                pack.write(f"{build} rows of {key};".encode() * 99)
                summary = f"{build} {key}".encode()
                store.put_builds([(key, f"{build}-{key}", summary, pack.place(start))])
    return store


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:")) as made:
        yield made


def held(store: Store) -> bytes:
    """All bytes of shards and segments."""
    folders = (store.shards.folder, store.segments.folder)
    return b"".join(p.read_bytes() for folder in folders for p in sorted(folder.iterdir()))


def read(packs: Packs, db: sqlite3.Connection) -> dict[str, bytes]:
    found = packs.places(db)
    return {k: Path(p.path).read_bytes()[p.at : p.at + p.size] for k, p in found.items()}


def test_a_unit_that_goes_takes_all_that_was_noted_of_it(tmp_path: Path) -> None:
    with filled(tmp_path) as store:
        shards, segments = read(store.shards, store.db), read(store.segments, store.db)
        store.delete_units(["two", "six"])
        assert store.unit_keys() == notes.sketched(store.db) == {"one"}
        assert store.build_keys() == {"old-one", "new-one"}
        assert read(store.shards, store.db) == {"one": shards["one"]}
        assert read(store.segments, store.db) == {k: segments[k] for k in ("old-one", "new-one")}
        for gone in (b"<two>", b"[two]", b"<six>", b"rows of two", b"rows of six"):
            assert gone not in held(store)


def test_who_is_purged_leaves_no_byte_and_no_sum(tmp_path: Path) -> None:
    """Also where most of the pack stays, and of what earlier runs replaced."""
    with filled(tmp_path) as store:
        with store.transaction() as db:
            notes.put_sums(db, "shards", [(0, "key", b"sum of six")], ())
        (store.shards.folder / "dead.shard").write_bytes(b"<six> of a run that died")
        with Pack(store.shards.path("six again")) as pack:
            start = pack.size
            pack.write(b"<SIX>")
            row = UnitRow("six again", ("/six.jsonl",), b"s", "prepared")
            other = (row, {"six again": pack.place(start)}, Sketches("six again", b"", b""))
        store.purge_units(["six"], [other])
        assert store.unit_keys() == {"one", "two", "six again"}
        assert not notes.sums(store.db, "shards")
        assert read(store.shards, store.db)["six again"] == b"<SIX>"
        for gone in (b"<six>", b"rows of six"):
            assert gone not in held(store)
        store.vacuum()
        assert b"/six.jsonl" in (tmp_path / "state.sqlite").read_bytes()
        store.delete_units(["six again"])
        store.vacuum()
        for file in tmp_path.glob("state.sqlite*"):
            assert b"/six.jsonl" not in file.read_bytes()


def test_what_cannot_be_rewritten_is_no_damaged_state(tmp_path: Path) -> None:
    """On a full disk, or while another process writes: a copy would not help."""
    with filled(tmp_path) as store:
        store.db.execute("pragma busy_timeout=0")
        with contextlib.closing(sqlite3.connect(tmp_path / "state.sqlite")) as other:
            other.execute("begin immediate")
            with pytest.raises(StoreError, match=r"cannot be written: .*locked") as caught:
                store.vacuum()
        assert "Free some space" in caught.value.hint
        store.vacuum()
    Store(tmp_path, write=True).__exit__(None, None)


def test_builds_that_no_export_needs_go_and_those_of_other_units_stay(tmp_path: Path) -> None:
    with filled(tmp_path) as store:
        store.keep_builds({"new-one", "new-two"}, {"one", "two"})
        assert store.build_keys() == {"new-one", "new-two", "old-six", "new-six"}
        assert read(store.segments, store.db).keys() == store.build_keys()
        store.keep_builds({"new-one"}, set(KEYS))
        assert b"old rows" not in held(store)
        assert list(store.builds()) == [("new-one", b"new one")]


def test_only_what_nobody_names_is_swept_away(tmp_path: Path) -> None:
    """A former version wrote each unit to a file of its own, without a row."""
    with filled(tmp_path) as store:
        before = held(store)
        (store.shards.folder / "one.shard").write_bytes(b"")
        for name in ("nobody.shard", "one.shard.77.part", "one.seg"):
            (store.shards.folder / name).write_bytes(b"dead")
        store.sweep()
        assert (store.shards.folder / "one.shard").exists()
        assert held(store) == before


def test_only_a_log_is_a_log_and_who_was_away_is_noted(tmp_path: Path) -> None:
    with filled(tmp_path) as store:
        for source, name in (("claude", "/a.jsonl"), ("", "/note.jsonl")):
            store.put_files([FileRow(LogFile(name, source, 1, 2, 3), b"", FileIndex())])
        logs = [name for name in ("a", "note", "none") if store.is_log(f"/{name}.jsonl")]
        assert logs == ["a"]
        row = UnitRow("four", ("/a.jsonl", "/b [1].jsonl"), b"", 'prepared ["/b [1].jsonl"]')
        store.put_units([(row, {}, Sketches("four", b"", b""))])
        assert store.made_without() == {"four": ["/b [1].jsonl"]}
        assert store.paths_of("four") == store.unit_paths()["four"] == row.paths


def test_summaries_come_in_the_order_asked_however_many(tmp_path: Path) -> None:
    builds = [(f"u{n:03}", f"b{n:03}") for n in range(450)]
    with Store(tmp_path, write=True) as store:
        place = packs.Place("x", 0, 0)
        store.put_builds((u, b, b.encode(), place) for u, b in builds)
        store.put_builds((u, f"x{b}", b"another build", place) for u, b in builds)
        for asked in (builds[::-1], builds[:200], builds[:1], []):
            assert list(store.build_summaries(asked)) == [b.encode() for _, b in asked]


def test_a_file_by_itself_is_known_by_its_name(tmp_path: Path) -> None:
    """And goes with its unit."""
    with filled(tmp_path) as store:
        (store.shards.folder / "alone.shard").write_bytes(b"<alone>")
        (store.shards.folder / "half.shard.1.part").write_bytes(b"half")
        assert read(store.shards, store.db).keys() == {*KEYS, left_of("two"), "alone"}
        store.delete_units(["alone"])
        assert b"<alone>" not in held(store)


def test_a_state_of_a_former_version_gets_what_it_lacks(tmp_path: Path) -> None:
    with filled(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "state.sqlite") as db:
        db.execute("alter table places drop column crc")
    db.close()
    (tmp_path / "seal").unlink()
    for _ in range(2):
        with Store(tmp_path, write=True) as store:
            assert read(store.shards, store.db)["one"] == b"<one>" * 99
            assert store.shards.places(store.db)["one"].crc is None


def test_a_state_is_for_its_owner_and_one_that_was_changed_is_refused(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        with filled(tmp_path / "new" / "state") as store:
            folder = store.folder
    finally:
        os.umask(former)
    assert not [p for p in [folder, *folder.rglob("*")] if p.stat().st_mode & 0o77]
    file = folder / "state.sqlite"
    data = file.read_bytes()
    file.write_bytes(data[:99] + bytes([data[99] ^ 1]) + data[100:])
    with pytest.raises(DamagedError, match=r"state\.sqlite"):
        Store(folder, write=True)
    file.write_bytes(data)
    with Store(folder, write=True) as store:  # the lock was let go of
        assert store.unit_keys() == set(KEYS)


def test_values_are_remembered_by_name_or_by_how_it_begins(tmp_path: Path) -> None:
    with Store(tmp_path, write=True) as store:
        for name in ("quick", "quick:a", "quick:b", "quicker:a", "other"):
            store.remember(name, name.encode())
        named = store.memories("quick")
        assert sorted(named) == [(n, n.encode()) for n in ("quick", "quick:a", "quick:b")]
        store.remove_memory("quick:")
        assert store.memories("quick") == [("quick", b"quick")]
        store.remove_memory("quick")
        assert store.memory("quick") is None
        assert store.memory("quicker:a") == b"quicker:a"


def test_where_the_state_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for named, found in (("", default_state()), ("~/mine", tmp_path / "mine")):
        monkeypatch.setenv("SESSIONTUNE_STATE", named)
        assert default_state() == found
        assert found.is_relative_to(tmp_path)


# ------------------------------------------------------------------ packs


def test_what_is_taken_back_is_not_in_a_pack(tmp_path: Path) -> None:
    """Places and sums are those of what stays."""
    with Pack(str(tmp_path / "x.seg"), summed=True) as pack:
        pack.write(b"first")
        first = pack.place(0)
        pack.write(b"much that is taken back")
        with pack.since(5) as part:
            assert part.read() == b"much that is taken back"
        pack.take_back(5)
        pack.write(b"last")
        last = pack.place(5)
        pack.write(b"more that is taken back")
        pack.take_back(9)
    assert (tmp_path / "x.seg").read_bytes() == b"firstlast"
    assert [(p.at, p.size, p.crc) for p in (first, last)] == [
        (0, 5, zlib.crc32(b"first")),
        (5, 4, zlib.crc32(b"last")),
    ]


def test_a_pack_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError), writing(str(tmp_path / "x.seg")) as pack:
        pack.write("no bytes")  # type: ignore[arg-type]
    (tmp_path / "y.seg").mkdir()
    (tmp_path / "y.seg" / "in the way").touch()
    with pytest.raises(StoreError, match=r"y\.seg"), writing(str(tmp_path / "y.seg")) as pack:
        pack.write(b"whole")
    assert [p.name for p in tmp_path.iterdir()] == ["y.seg"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_where_the_disk_is_full_no_half_pack_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.seg"
    (tmp_path / f"x.seg.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(StoreError, match="No space left"), writing(str(path)) as pack:
        any(map(pack.write, [b"in the buffer when it is closed"] * 20_000))
    assert not list(tmp_path.iterdir())


def test_a_pack_is_written_anew_only_where_something_in_it_is_dead(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    db = database
    db.executescript(packs.SCHEMA)
    mine = Packs(tmp_path, ".seg")
    for keys in ("ab", "cd", "ef"):
        with Pack(mine.path(*keys)) as pack:
            if keys == "cd":
                pack.write(b"of a build that was made anew")
            for key in keys:
                start = pack.size
                pack.write(key.encode() * 20)
                mine.note(db, [(key, pack.place(start))])
    lost = Path(mine.path(*"ef"))
    lost.unlink()
    before = {path.name for path in tmp_path.iterdir()}
    wanted = {key: key.encode() * 20 for key in "abcd"}
    assert read(mine, db) == wanted
    gone = {*before, lost.name}
    moved = mine.tidy(lambda: contextlib.nullcontext(db), sorted(gone), wholly=True)
    assert moved.keys() == {"c", "d"}
    assert read(mine, db) == wanted
    assert len(before & {path.name for path in tmp_path.iterdir()}) == 1


@given(st.lists(st.integers(0, 20), max_size=30))
def test_neighbours_share_a_pack_as_long_as_they_fit(sizes: list[int]) -> None:
    found = list(packed(list(enumerate(sizes)), lambda task: task[1] * 400_000))
    assert all(found)
    assert [task for pack in found for task in pack] == list(enumerate(sizes))
    weights = [sum(size for _, size in pack) for pack in found]
    assert all(weight <= 10 or len(pack) == 1 for pack, weight in zip(found, weights, strict=True))
    assert all(w + pack[0][1] > 10 for w, pack in zip(weights, found[1:], strict=False))
