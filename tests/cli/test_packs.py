"""Shards and segments of several units in one file: growth, what is purged."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Cli

from sessiontune.errors import DamagedError, StoreError
from sessiontune.packs import SCHEMA, Pack, Packs
from sessiontune.pipeline import build, preparing
from sessiontune.pipeline.lookup import find
from sessiontune.pipeline.mending import forget_damaged
from sessiontune.sealing import Seal
from sessiontune.store import Store


def export(cli: Cli, world: Path, *more: str) -> dict[str, Any]:
    where = ("-o", world / "data", "--state", world / "state", "--jobs", "1")
    code, out, err = cli("--json", "export", world / "logs", *where, *more)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def published(world: Path) -> dict[str, bytes]:
    data = world / "data"
    return {str(p.relative_to(data)): p.read_bytes() for p in data.rglob("*") if p.is_file()}


def files_of(state: Path, *kinds: str) -> list[Path]:
    return [p for kind in kinds or ("shards", "segments") for p in (state / kind).iterdir()]


def test_units_share_files(exported: Path, cli: Cli) -> None:
    with Store(exported / "state", write=False) as store:
        assert len(store.units()) > 20
    assert len(files_of(exported / "state")) < 10
    assert all(p.stat().st_mode & 0o77 == 0 for p in files_of(exported / "state"))


def test_shards_of_former_readers_and_rules_are_made_anew(
    world: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as former:
        former.setattr(preparing, "PREPARE_VERSION", preparing.PREPARE_VERSION - 1)
        export(cli, world)
    before = published(world)
    log = min((world / "logs").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    log.unlink()  # its sessions are taken from the former shard
    again = export(cli, world)
    with Store(world / "state", write=False) as store:
        assert again["read_units"] == len(store.units()) > 20
    rows = [name for name in before if name.endswith(".jsonl")]
    assert rows
    after = published(world)
    assert {name: after[name] for name in rows} == {name: before[name] for name in rows}


def test_what_is_purged_leaves_its_pack_and_the_others_stay(exported: Path, cli: Cli) -> None:
    state = exported / "state"
    alone = (p for p in (exported / "logs").rglob("*.jsonl") if not p.with_suffix("").exists())
    log = max(alone, key=lambda p: p.stat().st_size)
    with Store(state, write=False) as store:
        mine = find(store, str(log))
        shards = store.shards.places(store.db)
        others = {k: p for k, p in shards.items() if k not in mine.units}
        kept = {k: Path(p.path).read_bytes()[p.at : p.at + p.size] for k, p in others.items()}
        beside = [k for k, p in others.items() if p.path in {shards[u].path for u in mine.units}]
    assert beside  # otherwise this test shows nothing
    assert cli("forget", log, "--state", state, "--yes")[0] == 0
    held = b"".join(p.read_bytes() for p in files_of(state))
    assert log.name.encode() not in held
    with Store(state, write=False) as store:
        now = store.shards.places(store.db)
        assert now.keys() == kept.keys()
        for key, place in now.items():
            data = Path(place.path).read_bytes()
            assert data[place.at : place.at + place.size] == kept[key]
        sizes = sum(p.stat().st_size for p in files_of(state, "shards"))
        assert sizes == sum(p.size for p in now.values())
    log.unlink()
    assert (
        export(cli, exported)["read_units"] < len(kept) / 2
    )  # only what shared a unit is read again


def test_growing_day_by_day_leaves_little_that_is_dead(world: Path, cli: Cli) -> None:
    export(cli, world)
    logs = sorted((world / "logs").rglob("*.jsonl"))
    for day in range(12):
        for log in logs[day::6]:
            with log.open("ab") as out:
                out.write(b'{"type":"progress"}\n')
        export(cli, world)
    with Store(world / "state", write=False) as store:
        for packs in (store.shards, store.segments):
            alive = sum(p.size for p in packs.places(store.db).values())
            whole = sum(p.stat().st_size for p in packs.folder.iterdir())
            assert alive <= whole <= 2 * alive
    before = published(world)
    export(cli, world, "--force")
    assert published(world) == before


def test_what_a_dead_run_left_is_swept_away(exported: Path, cli: Cli) -> None:
    for kind in ("shards", "segments"):
        (exported / "state" / kind / "0123.4711.part").write_bytes(b"half")
        (exported / "state" / kind / f"{'0' * 32}.{kind[:3]}").write_bytes(b"nobody's")
    export(cli, exported, "--force")
    with Store(exported / "state", write=False) as store:
        for packs in (store.shards, store.segments):
            known = {p.path for p in packs.places(store.db).values()}
            assert {str(p) for p in packs.folder.iterdir()} == known


def test_a_pack_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    packs = Packs(tmp_path, ".seg")
    pack = Pack(packs.path("a", "b"))
    pack.write(b"rows")
    pack.abandon()
    assert not list(tmp_path.iterdir())


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """The table of places, in memory."""
    with contextlib.closing(sqlite3.connect(":memory:")) as base:
        base.executescript(SCHEMA)
        yield base


def _three_in_a_pack(
    db: sqlite3.Connection, folder: Path, *, summed: bool = False
) -> tuple[Packs, Pack]:
    """A pack of three parts of 1,000 bytes, noted as `a`, `b` and `c`."""
    packs = Packs(folder, ".seg")
    with Pack(packs.path("a", "b", "c"), summed=summed) as pack:
        places = []
        for key in "abc":
            pack.write(key.encode() * 1000)
            places.append((key, pack.place(pack.size - 1000)))
    packs.note(db, places)
    return packs, pack


def test_a_pack_that_is_shorter_than_noted_is_named_and_left(
    tmp_path: Path, db: sqlite3.Connection
) -> None:
    """It shrinks while it is written anew: its rows stay noted as they were, nothing is half."""
    packs, pack = _three_in_a_pack(db, tmp_path)
    path = Path(pack.path)
    touched = packs.drop(db, ["a", "b"]) & {path.name}
    os.truncate(path, 2500)
    with pytest.raises(StoreError, match=f"{path.name} is damaged") as caught:
        packs.tidy(lambda: contextlib.nullcontext(db), touched, wholly=False)
    assert "Export again" in caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert db.execute("select key, at, size from places").fetchall() == [("c", 2000, 1000)]
    assert packs.places(db) == {}  # what was noted is not there


def test_a_pack_that_is_written_anew_takes_no_wrong_byte_along(
    tmp_path: Path, db: sqlite3.Connection
) -> None:
    """With the checksum of the bytes as they are now it would be believed."""
    packs, pack = _three_in_a_pack(db, tmp_path, summed=True)
    last = packs.places(db)["c"]
    path = Path(pack.path)
    data = path.read_bytes()
    path.write_bytes(data[:2500] + b"?" + data[2501:])
    touched = packs.drop(db, ["a", "b"]) & {path.name}
    with pytest.raises(StoreError, match=f"{path.name} is damaged"):
        packs.tidy(lambda: contextlib.nullcontext(db), touched, wholly=True)
    assert packs.places(db) == {"c": last}
    path.write_bytes(data)
    moved = packs.tidy(lambda: contextlib.nullcontext(db), touched, wholly=True)
    assert [(p.at, p.size, p.crc) for p in moved.values()] == [(0, 1000, last.crc)]
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"c" * 1000]


@pytest.mark.parametrize("wholly", [True, False])
def test_what_is_purged_leaves_no_byte_where_most_of_its_pack_lives(
    tmp_path: Path, db: sqlite3.Connection, wholly: bool
) -> None:
    packs = Packs(tmp_path, ".seg")
    with Pack(packs.path("a", "b", "c")) as pack:
        for key in "abc":
            pack.write(key.encode() * 10)
            packs.note(db, [(key, pack.place(pack.size - 10))])
    packs.tidy(lambda: contextlib.nullcontext(db), packs.drop(db, ["b"]), wholly=wholly)
    (left,) = (p.read_bytes() for p in tmp_path.iterdir())
    assert left == b"a" * 10 + (b"" if wholly else b"b" * 10) + b"c" * 10
    assert [left[p.at : p.at + p.size] for p in packs.places(db).values()] == [b"a" * 10, b"c" * 10]


@pytest.mark.parametrize("kind", ["shards", "segments"])
@pytest.mark.parametrize("left", [0.0, 0.4, 0.99])
def test_what_a_damaged_pack_lacks_is_made_anew(
    exported: Path, cli: Cli, kind: str, left: float
) -> None:
    before = published(exported)
    for pack in files_of(exported / "state", kind):
        os.truncate(pack, int(pack.stat().st_size * left))
    again = export(cli, exported, "--force")
    assert published(exported) == before
    assert (again["read_units"] > 0) == (kind == "shards")
    with Store(exported / "state", write=False) as store:
        assert store.shards.places(store.db).keys() == store.units().keys()


def test_a_shard_whose_bytes_are_wrong_is_read_again(exported: Path, cli: Cli) -> None:
    before = published(exported)
    bad = files_of(exported / "state", "shards")[0]
    bad.write_bytes(bytes(bad.stat().st_size))
    export(cli, exported, "--thinking")
    assert published(exported) != before
    packs = [pack.read_bytes() for pack in files_of(exported / "state", "shards")]
    assert any(packs)
    assert all(any(pack) for pack in packs if pack)
    export(cli, exported)
    assert published(exported) == before


@pytest.mark.parametrize("kind", ["shards", "segments"])
def test_one_wrong_letter_is_not_published(exported: Path, cli: Cli, kind: str) -> None:
    """It would decode, and it would be taken for a row."""
    before = published(exported)
    for bad in files_of(exported / "state", kind):
        bad.write_bytes(bad.read_bytes().replace(b"invoice", b"invoicf"))
    if kind == "shards":
        shutil.rmtree(exported / "state" / "segments")
    export(cli, exported, "--force")
    assert published(exported) == before
    assert not any(b"invoicf" in f.read_bytes() for f in files_of(exported / "state", kind))


@pytest.mark.parametrize("kind", ["shards", "segments"])
@pytest.mark.parametrize("fault", ["letter", "end"])
def test_only_what_is_damaged_is_forgotten(exported: Path, kind: str, fault: str) -> None:
    with Store(exported / "state", write=True) as store:
        packs = store.shards if kind == "shards" else store.segments
        before = packs.places(store.db)
        assert len(before) > 1
        some = [one for one in before.items() if one[1].size]
        key, place = max(some, key=lambda one: (one[1].path, one[1].at))
        path, at = Path(place.path), place.at + place.size // 2
        data = path.read_bytes()
        if fault == "letter":
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        else:  # as long as it was, but nothing is written there
            path.write_bytes(data[:at] + bytes(len(data) - at))
        assert forget_damaged(store) == 1
        assert packs.places(store.db).keys() == before.keys() - {key}
        other = store.segments if kind == "shards" else store.shards
        assert other.places(store.db)
        assert forget_damaged(store) == 0


@pytest.mark.parametrize("kind", ["shards", "segments"])
def test_a_pack_that_is_damaged_throughout_goes(exported: Path, kind: str) -> None:
    with Store(exported / "state", write=True) as store:
        packs = store.shards if kind == "shards" else store.segments
        place = max(packs.places(store.db).values(), key=lambda one: one.size)
        bad = Path(place.path)
        bad.write_bytes(bytes(bad.stat().st_size))
        assert forget_damaged(store) > 0
        assert not bad.exists()


def test_a_fault_that_is_not_found_in_any_pack_ends_the_run(
    exported: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may give other bytes each time: the run does not begin again for ever."""
    before = published(exported)
    for bad in files_of(exported / "state", "segments"):
        bad.write_bytes(bytes(bad.stat().st_size))
    monkeypatch.setattr(build, "forget_damaged", lambda store: 0)
    where = ("-o", exported / "data", "--state", exported / "state", "--jobs", "1")
    code, out, err = cli("export", exported / "logs", *where, "--force")
    assert (code, published(exported)) == (5, before)
    assert "damaged" in out + err


def test_what_a_damaged_shard_held_of_a_vanished_log_is_named(exported: Path, cli: Cli) -> None:
    before = published(exported)
    log = min((exported / "logs").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    log.unlink()
    for bad in files_of(exported / "state", "shards"):
        bad.write_bytes(bytes(bad.stat().st_size))
    where = ("-o", exported / "data", "--state", exported / "state", "--jobs", "1")
    code, out, err = cli("export", exported / "logs", *where, "--thinking")
    said = " ".join((out + err).split())
    assert (code, published(exported)) == (5, before)
    assert log.name in said
    assert "--prune" in said


@pytest.mark.parametrize("name", ["state.sqlite", "salt"])
def test_a_changed_database_or_salt_is_named(exported: Path, cli: Cli, name: str) -> None:
    before = published(exported)
    path = exported / "state" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
    where = ("-o", exported / "data", "--state", exported / "state", "--jobs", "1")
    code, out, err = cli("export", exported / "logs", *where, "--force")
    assert (code, published(exported)) == (5, before)
    assert f"{name} does not hold" in " ".join((out + err).split())
    path.write_bytes(whole)
    export(cli, exported, "--force")
    assert published(exported) == before


@pytest.mark.parametrize("left", [0, 3, 4, 7])
def test_a_seal_that_a_crash_left_short_is_none(exported: Path, cli: Cli, left: int) -> None:
    before = published(exported)
    seal = exported / "state" / "seal"
    whole = seal.read_bytes()
    for short in (whole[:left], bytes(left)):
        seal.write_bytes(short)
        export(cli, exported, "--force")
        assert published(exported) == before
    assert seal.read_bytes() != bytes(left)


def _sealed(folder: Path) -> Seal:
    (folder / "salt").write_bytes(b"salt")
    (folder / "state.sqlite").write_bytes(bytes(3000))
    seal = Seal(folder)
    seal.set()
    return seal


@pytest.mark.parametrize("at", [0, 1500, 2999])
def test_a_seal_covers_every_piece_of_a_large_file(
    tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessiontune.sealing._COPY", 1000)
    _sealed(tmp_path)
    Seal(tmp_path).check()
    data = bytearray(3000)
    data[at] = 1
    (tmp_path / "state.sqlite").write_bytes(data)
    with pytest.raises(DamagedError):
        Seal(tmp_path).check()


def test_what_was_written_while_a_seal_was_broken_is_read_again(tmp_path: Path) -> None:
    seal, database = _sealed(tmp_path), tmp_path / "state.sqlite"
    seal.check()
    seal.unset()
    before = database.stat()
    database.write_bytes(b"other" * 600)
    os.utime(database, ns=(before.st_atime_ns, before.st_mtime_ns))
    seal.set()
    Seal(tmp_path).check()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_byte_of_the_state_changes_no_other_bytes_are_published(
    exported: Path, cli: Cli, seed: int
) -> None:
    """In any file, at any place: the same data set, or an error that says what to do."""
    before = published(exported)
    rng = random.Random(seed)
    files = sorted(p for p in (exported / "state").rglob("*") if p.is_file() and p.stat().st_size)
    path = files[seed % len(files)] if seed < len(files) else rng.choice(files)
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 4))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    if path.parent.name == "shards" and seed % 2:
        shutil.rmtree(exported / "state" / "segments")
    where = ("-o", exported / "data", "--state", exported / "state", "--jobs", str(1 + seed % 2))
    code, out, err = cli("export", exported / "logs", *where, "--force")
    assert "Traceback" not in out + err
    assert code in (0, 5), out + err
    assert published(exported) == before
    if code:
        assert "Restore" in err + out


def test_what_only_the_state_held_is_not_left_out_in_silence(exported: Path, cli: Cli) -> None:
    """A log has vanished and so has its shard: the export stops, until the user lets go of it."""
    before = published(exported)
    log = min((exported / "logs").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    log.unlink()
    for pack in files_of(exported / "state", "shards"):
        os.truncate(pack, 0)
    where = ("-o", exported / "data", "--state", exported / "state", "--jobs", "1")
    code, out, err = cli("export", exported / "logs", *where)
    said = " ".join((out + err).split())
    assert (code, published(exported)) == (5, before)
    assert log.name in said
    assert "--prune" in said
    pruned = export(cli, exported, "--prune")
    assert pruned["manifest"]["source_gone"] == 0


def test_the_places_are_looked_through_once_however_many_packs_go(
    tmp_path: Path, db: sqlite3.Connection
) -> None:
    """A changed recipe leaves the segments of every unit: a look at all places for each of them
    would take hours."""
    packs = Packs(tmp_path, ".seg")
    for n in range(60):
        with Pack(packs.path(f"a{n}", f"b{n}")) as pack:
            for key in (f"a{n}", f"b{n}"):
                start = pack.size
                pack.write(b"x" * 10)
                packs.note(db, [(key, pack.place(start))])
    gone = packs.drop(db, [f"a{n}" for n in range(60)] + [f"b{n}" for n in range(40)])
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    packs.tidy(lambda: contextlib.nullcontext(db), gone, wholly=True)
    db.set_trace_callback(None)
    assert sum(line.startswith("select") for line in asked) == 1
    assert packs.places(db).keys() == {f"b{n}" for n in range(40, 60)}
    assert {p.stat().st_size for p in tmp_path.iterdir()} == {10}
    assert len(list(tmp_path.iterdir())) == 20
