"""Shards and segments of several units in one file: the former layout, growth, what is purged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Cli

from sessiontune.packs import Pack, Packs
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
