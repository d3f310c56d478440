"""Shards and segments of several units in one file: the former layout, growth, what is purged."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Cli

from sessiontune.errors import StoreError
from sessiontune.packs import SCHEMA, Pack, Packs
from sessiontune.pipeline import preparing
from sessiontune.pipeline.memory import find
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


def as_before(state: Path) -> None:
    """Write the state as former versions did: one file for each key, and no table of places."""
    with Store(state, write=True) as store:
        for packs in (store.shards, store.segments):
            places = packs.places(store.db)
            bytes_of = {
                key: Path(place.path).read_bytes()[place.at : place.at + place.size]
                for key, place in places.items()
            }
            for path in packs.folder.iterdir():
                path.unlink()
            for key, data in bytes_of.items():
                (packs.folder / f"{key}{packs.suffix}").write_bytes(data)
        store.db.execute("drop table places")
        store.db.commit()


def test_units_share_files(world: Path, cli: Cli) -> None:
    export(cli, world)
    with Store(world / "state", write=False) as store:
        assert len(store.units()) > 20
    assert len(files_of(world / "state")) < 10
    assert all(p.stat().st_mode & 0o77 == 0 for p in files_of(world / "state"))


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


def test_a_state_of_the_former_layout_is_read_where_it_lies(world: Path, cli: Cli) -> None:
    export(cli, world)
    before = published(world)
    as_before(world / "state")
    assert export(cli, world)["unchanged"]
    again = export(cli, world, "--force")
    assert (again["read_units"], published(world)) == (0, before)
    log = min((world / "logs").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    log.unlink()  # its sessions are carried on from a file of the former layout
    gone = export(cli, world)
    assert gone["manifest"]["source_gone"] == 1
    count = "conversations"
    assert gone["manifest"]["statistics"][count] == again["manifest"]["statistics"][count]


def test_what_is_purged_leaves_its_pack_and_the_others_stay(world: Path, cli: Cli) -> None:
    export(cli, world)
    state = world / "state"
    log = max((world / "logs").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
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
    assert export(cli, world)["read_units"] < len(kept) / 2  # only what shared a unit is read again


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


def test_what_a_dead_run_left_is_swept_away(world: Path, cli: Cli) -> None:
    export(cli, world)
    for kind in ("shards", "segments"):
        (world / "state" / kind / "0123.4711.part").write_bytes(b"half")
        (world / "state" / kind / f"{'0' * 32}.{kind[:3]}").write_bytes(b"nobody's")
    export(cli, world, "--force")
    with Store(world / "state", write=False) as store:
        for packs in (store.shards, store.segments):
            known = {p.path for p in packs.places(store.db).values()}
            assert {str(p) for p in packs.folder.iterdir()} == known


def test_a_pack_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    packs = Packs(tmp_path, ".seg")
    pack = Pack(packs.path("a", "b"))
    pack.write(b"rows")
    pack.abandon()
    assert not list(tmp_path.iterdir())


def test_a_pack_that_is_shorter_than_noted_is_named_and_left(tmp_path: Path) -> None:
    """It shrinks while it is written anew: its rows stay noted as they were, nothing is half."""
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA)
    packs = Packs(tmp_path, ".seg")
    with Pack(packs.path("a", "b", "c")) as pack:
        places = []
        for key in "abc":
            pack.write(key.encode() * 1000)
            places.append((key, pack.place(pack.size - 1000)))
    packs.note(db, places)
    path = Path(pack.path)
    touched = packs.drop(db, ["a", "b"]) & {path.name}
    os.truncate(path, 2500)
    with pytest.raises(StoreError, match=f"{path.name} is damaged") as caught:
        packs.tidy(lambda: contextlib.nullcontext(db), touched, wholly=False)
    assert "Remove that file and run the same command again" in caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert db.execute("select key, at, size from places").fetchall() == [("c", 2000, 1000)]
    assert packs.places(db) == {}  # what was noted is not there


@pytest.mark.parametrize("kind", ["shards", "segments"])
@pytest.mark.parametrize("left", [0.0, 0.4, 0.99])
def test_what_a_damaged_pack_lacks_is_made_anew(
    world: Path, cli: Cli, kind: str, left: float
) -> None:
    export(cli, world)
    before = published(world)
    for pack in files_of(world / "state", kind):
        os.truncate(pack, int(pack.stat().st_size * left))
    again = export(cli, world, "--force")
    assert published(world) == before
    assert (again["read_units"] > 0) == (kind == "shards")
    with Store(world / "state", write=False) as store:
        assert store.shards.places(store.db).keys() == store.units().keys()


def test_a_shard_whose_bytes_are_wrong_is_named(world: Path, cli: Cli) -> None:
    export(cli, world)
    before = published(world)
    bad = files_of(world / "state", "shards")[0]
    size = bad.stat().st_size
    bad.write_bytes(bytes(size))
    where = ("-o", world / "data", "--state", world / "state", "--jobs", "1")
    code, out, err = cli("export", world / "logs", *where, "--format", "raw")
    assert (code, published(world)) == (5, before)
    assert "Traceback" not in out + err
    assert f"{bad.name} is damaged" in " ".join((out + err).split())
    bad.unlink()
    export(cli, world, "--force")
    assert published(world) == before


def test_one_wrong_letter_in_a_shard_is_named(world: Path, cli: Cli) -> None:
    """It would decode, and be published."""
    export(cli, world)
    before = published(world)
    bad = files_of(world / "state", "shards")[0]
    whole = bad.read_bytes()
    at = whole.index(b"invoice")
    bad.write_bytes(whole[:at] + b"i" + whole[at:].replace(b"invoice", b"invoicf", 1)[1:])
    where = ("-o", world / "data", "--state", world / "state", "--jobs", "1")
    code, out, err = cli("export", world / "logs", *where, "--thinking")
    assert (code, published(world)) == (5, before)
    assert f"{bad.name} is damaged" in " ".join((out + err).split())
    bad.write_bytes(whole)
    assert cli("export", world / "logs", *where, "--thinking")[0] == 0


def test_a_state_without_checksums_is_used_as_it_is(world: Path, cli: Cli) -> None:
    """As former versions left it: nothing is read again, and the table gets its new column."""
    export(cli, world)
    before = published(world)
    db = sqlite3.connect(world / "state" / "state.sqlite")
    db.execute("alter table places drop column crc")
    db.commit()
    db.close()
    again = export(cli, world, "--force")
    assert (again["read_units"], published(world)) == (0, before)
    with Store(world / "state", write=False) as store:
        assert {p.crc for p in store.shards.places(store.db).values()} == {None}


def test_what_only_the_state_held_is_not_left_out_in_silence(world: Path, cli: Cli) -> None:
    """A log has vanished and so has its shard: the export stops, until the user lets go of it."""
    export(cli, world)
    before = published(world)
    log = min((world / "logs").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    log.unlink()
    for pack in files_of(world / "state", "shards"):
        os.truncate(pack, 0)
    where = ("-o", world / "data", "--state", world / "state", "--jobs", "1")
    code, out, err = cli("export", world / "logs", *where)
    said = " ".join((out + err).split())
    assert (code, published(world)) == (5, before)
    assert log.name in said
    assert "--prune" in said
    pruned = export(cli, world, "--prune")
    assert pruned["manifest"]["source_gone"] == 0
