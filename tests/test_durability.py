"""A run that is killed, interrupted, out of disk or not alone: nothing lost, nothing half-written.

Killing at a step means at one of the calls by which the run opens, renames or removes a file, so
that the dangerous moments are met on every machine; some kills are by the clock, to meet the rest.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from tests.runs import Run, is_whole, run, tree

from sessiontune import database
from sessiontune.pipeline.publish import Layout, disk_error, staging
from sessiontune.sample import write_sample
from sessiontune.store import Store


@dataclass
class World:
    """Logs before and after a day of work, a state that knows only a salt, and both exports."""

    root: Path
    logs: Path
    fresh: Path
    former: dict[str, str]
    wanted: dict[str, str]
    steps: int

    def begin(self, name: str) -> Path:
        """A folder with the state and the export of the day before."""
        folder = self.root / name
        shutil.copytree(self.fresh, folder, symlinks=True)
        return folder

    def export(self, folder: Path, **how: object) -> Run:
        return export(folder, self.logs, **how)


def export(folder: Path, logs: Path, **how: object) -> Run:
    """Export into FOLDER/out/data with the state beside it. The output sits in its own parent."""
    args = ["--json", "export", logs, "-o", folder / "out" / "data", "--state", folder / "state"]
    args += ["--no-privacy", "--jobs", "1", *how.pop("more", ())]  # type: ignore[misc]
    return run(logs.parent / "run", *args, **how)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("durability")
    write_sample(root / "all", seed=5)
    everything = sorted((root / "all" / ".claude").rglob("*.jsonl"))
    logs = root / "logs"
    logs.mkdir()
    for path in everything[:3]:
        shutil.copy(path, logs / path.name)
    fresh = root / "fresh"
    (fresh / "out").mkdir(parents=True)
    assert export(fresh, logs).code == 0
    former = tree(fresh / "out")
    for path in everything[3:7]:
        shutil.copy(path, logs / path.name)
    undisturbed = root / "undisturbed"
    shutil.copytree(fresh, undisturbed, symlinks=True)
    done = export(undisturbed, logs)
    assert done.code == 0, done.err
    wanted = tree(undisturbed / "out")
    assert former != wanted
    return World(root, logs, fresh, former, wanted, done.steps)


def _left_whole(world: World, folder: Path) -> None:
    """The published name holds the former or the new data set, never anything between."""
    published = folder / "out" / "data"
    assert is_whole(published)
    found = {f"data/{k}": v for k, v in tree(published).items()}
    assert found in (world.former, world.wanted)


def _rerun_is_equal(world: World, folder: Path) -> None:
    done = world.export(folder)
    assert done.code == 0, done.err
    assert tree(folder / "out") == world.wanted


_RANDOM = Random(20)
MOMENTS = [_RANDOM.random() for _ in range(20)]


@pytest.mark.parametrize("moment", range(len(MOMENTS)))
def test_killed_at_a_random_step(world: World, moment: int) -> None:
    folder = world.begin(f"killed{moment}")
    at = 1 + int(MOMENTS[moment] * (world.steps - 1))
    assert world.export(folder, at=at).code == -signal.SIGKILL
    _left_whole(world, folder)
    _rerun_is_equal(world, folder)


def test_killed_at_each_of_the_last_steps(world: World) -> None:
    """Publishing is the last thing a run does: no step of it may leave half a folder."""
    folder = world.begin("last")
    for at in range(world.steps - 60, world.steps + 1, 5):
        shutil.rmtree(folder)
        shutil.copytree(world.fresh, folder, symlinks=True)
        ended = world.export(folder, at=at)
        assert ended.code in (-signal.SIGKILL, 0)
        _left_whole(world, folder)
    _rerun_is_equal(world, folder)


def test_nothing_passes_for_edited_after_a_killed_run_with_fewer_formats(world: World) -> None:
    """It published files that the state does not know, and fewer than the state knows."""

    def prepare() -> None:
        Store.note_published = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment,misc,method-assign]

    folder = world.begin("fewer")
    assert world.export(folder).code == 0
    fewer = world.export(folder, more=("--format", "raw,openai"), prepare=prepare)
    assert fewer.code == -signal.SIGKILL
    assert is_whole(folder / "out" / "data")
    _rerun_is_equal(world, folder)


def test_killed_again_and_again(world: World) -> None:
    folder = world.begin("again")
    random = Random(7)
    for _ in range(8):
        world.export(folder, at=random.randrange(1, world.steps))
        _left_whole(world, folder)
    _rerun_is_equal(world, folder)


@pytest.mark.parametrize("moment", range(4))
def test_killed_by_the_clock(world: World, moment: int) -> None:
    folder = world.begin(f"clock{moment}")
    world.export(folder, after=0.05 + 0.6 * Random(moment).random())
    _left_whole(world, folder)
    _rerun_is_equal(world, folder)


@pytest.mark.parametrize("share", [0.05, 0.4, 0.7, 0.95])
def test_interrupted(world: World, share: float) -> None:
    folder = world.begin(f"interrupted{share}")
    ended = world.export(folder, at=max(1, int(share * world.steps)), send=signal.SIGINT)
    assert ended.code == 130, ended.err
    assert "Traceback" not in ended.err
    _left_whole(world, folder)
    _rerun_is_equal(world, folder)


def test_killed_while_the_manifest_is_written(world: World) -> None:
    """Half of it beside the export: nothing there passes for a person's files."""

    def prepare() -> None:
        whole = Path.write_bytes

        def half(path: Path, data: bytes) -> int:
            if "manifest.json" in path.name:
                whole(path, data[: len(data) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return whole(path, data)

        Path.write_bytes = half  # type: ignore[method-assign,assignment]

    folder = world.begin("half")
    assert world.export(folder, prepare=prepare).code == -signal.SIGKILL
    _left_whole(world, folder)
    _rerun_is_equal(world, folder)


def test_what_a_killed_run_left_goes_also_where_nothing_is_new(world: World) -> None:
    """What it wrote beside the export may be what was forgotten meanwhile."""
    folder = world.begin("beside")
    assert world.export(folder).code == 0
    left = folder / "out" / ".data.sessiontune-new"
    (left / "train").mkdir(parents=True)
    (left / "train" / "raw.jsonl").write_text("{}\n")
    done = world.export(folder)
    assert done.json()["unchanged"]
    assert tree(folder / "out") == world.wanted


def test_the_first_export_is_killed(world: World) -> None:
    folder = world.root / "first"
    (folder / "out").mkdir(parents=True)
    shutil.copytree(world.fresh / "state", folder / "state")
    shutil.rmtree(folder / "state")
    (folder / "state").mkdir(mode=0o700)
    shutil.copy(world.fresh / "state" / "salt", folder / "state" / "salt")
    steps = world.export(world.root / "count", at=0).steps
    for share in (0.3, 0.6, 0.9, 0.97):
        world.export(folder, at=int(share * steps))
        published = folder / "out" / "data"
        assert not published.exists() or is_whole(published)
    assert world.export(folder).code == 0
    assert is_whole(folder / "out" / "data")


@pytest.mark.parametrize(
    "manifest", [b"", b"{", b'{"files": [{"path": "\xff"}]}', b'{"files": []}', b"[]"]
)
def test_a_published_manifest_that_is_damaged_lets_nothing_pass_for_a_persons(
    world: World, manifest: bytes
) -> None:
    folder = world.begin(f"manifest{manifest.hex()}")
    assert world.export(folder).code == 0
    path = folder / "out" / "data" / "manifest.json"
    path.write_bytes(manifest)
    done = world.export(folder)
    assert done.code == 0, done.err
    kept = folder / "out" / "data" / "manifest.json.yours"
    assert kept.read_bytes() == manifest
    kept.unlink()
    assert tree(folder / "out") == world.wanted


# ------------------------------------------------------------------ disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs that can be made larger or read-only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = _mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk))
    if made is not None:
        pytest.skip(f"a tmpfs cannot be mounted here: {made}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def _mount(*args: str) -> str | None:
    if shutil.which("mount") is None:
        return "no mount command"
    done = subprocess.run(["mount", *args], capture_output=True, text=True, check=False)
    return done.stderr.strip() or "refused" if done.returncode else None


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_the_disk_is_full(world: World, small_disk: Path, share: float) -> None:
    folder = small_disk / "work"
    shutil.copytree(world.fresh, folder, symlinks=True)
    used = _size(folder)
    needed = _size(world.root / "undisturbed") - used
    limit = used + int(share * needed)
    pages = limit // 4096 + 4 * sum(1 for _ in folder.rglob("*"))
    assert _mount("-o", f"remount,size={pages * 4096}", str(small_disk)) is None
    ended = world.export(folder)
    if ended.code:
        assert ended.code == 5, ended.err
        assert "Traceback" not in ended.err
        assert "space" in ended.err + ended.out
    _left_whole(world, folder)
    assert _mount("-o", "remount,size=64m", str(small_disk)) is None
    _rerun_is_equal(world, folder)


@pytest.mark.parametrize("limit", [4_000, 60_000, 400_000])
def test_a_file_cannot_grow(world: World, limit: int) -> None:
    """What a full quota does, on every machine: writing past the limit fails with an OSError."""

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    folder = world.begin(f"limit{limit}")
    ended = world.export(folder, prepare=prepare)
    assert ended.code in (5, 0), ended.err
    assert "Traceback" not in ended.err
    _left_whole(world, folder)
    _rerun_is_equal(world, folder)


@pytest.mark.parametrize(
    ("number", "helps"),
    [(errno.ENOSPC, "Free some space"), (errno.EROFS, "Make it writable"), (errno.EIO, "Mend")],
)
def test_what_is_advised_helps(tmp_path: Path, number: int, helps: str) -> None:
    said = disk_error(OSError(number, os.strerror(number)), tmp_path / "new")
    assert str(said) == f"Cannot write {tmp_path / 'new'}: {os.strerror(number)}."
    assert (said.hint.startswith(helps), "former" in said.hint) == (True, False)
    (tmp_path / "manifest.json").touch()
    assert disk_error(OSError(number, ""), tmp_path).hint.endswith("The former export is whole.")


def test_a_read_only_disk(world: World, small_disk: Path) -> None:
    folder = world.begin("readonly")
    shutil.rmtree(folder / "out")
    (folder / "out").symlink_to(small_disk)
    shutil.copytree(world.fresh / "out" / "data", small_disk / "data")
    assert _mount("-o", "remount,ro", str(small_disk)) is None
    before = tree(small_disk)
    ended = world.export(folder)
    assert ended.code == 5, ended.err
    assert "Make it writable" in ended.out
    assert tree(small_disk) == before
    assert _mount("-o", "remount,rw", str(small_disk)) is None
    _rerun_is_equal(world, folder)


def test_a_place_that_cannot_be_written(world: World, tmp_path: Path) -> None:
    target = tmp_path / "a-file"
    target.write_text("mine")
    state = tmp_path / "state"
    for out in (target, target / "below", Path("/proc/sessiontune")):
        done = run(tmp_path / "run", "export", world.logs, "-o", out, "--state", state)
        assert done.code == 5, (out, done.err)
        assert "Traceback" not in done.err
    assert target.read_text() == "mine"


def test_a_folder_of_somebody_else_is_never_touched(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    before = tree(out)
    for more in ((), ("--force",)):
        done = run(
            tmp_path / "run", "export", world.logs, "-o", out, "--state", tmp_path / "s", *more
        )
        assert done.code == 5, done.err
        assert tree(out) == before


# ------------------------------------------------------------------ not alone


def test_a_second_run_says_so(world: World) -> None:
    folder = world.begin("second")
    with Store(folder / "state", write=True):
        ended = world.export(folder)
    assert ended.code == 5
    assert "Traceback" not in ended.err
    assert ended.json()["error"]["hint"]
    _left_whole(world, folder)
    _rerun_is_equal(world, folder)


def test_a_run_with_another_state_leaves_what_is_being_written_there(world: World) -> None:
    folder = world.begin("two states")
    target = folder / "out" / "data"
    with staging(target, Layout()) as being_written:
        being_written.text("page", "whole")
        ended = world.export(folder)
        assert ended.code == 5
        assert "Another command is at work" in ended.json()["error"]["message"]
        _left_whole(world, folder)
        os.rename(target, folder / "moved")  # then a run looks for what one that was killed left
        assert world.export(folder).code == 5
        assert (being_written.folder / "page").read_text() == "whole"
        os.rename(folder / "moved", target)
        being_written.abandon()
    _rerun_is_equal(world, folder)


def test_a_run_that_died_holds_no_lock(world: World) -> None:
    folder = world.begin("died")
    assert world.export(folder, at=world.steps // 2).code == -signal.SIGKILL
    _rerun_is_equal(world, folder)


# ------------------------------------------------------------------ a state that cannot be trusted


@pytest.mark.parametrize("name", ["state.sqlite", "salt"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_what_changes_after_a_run_that_was_killed_is_named(
    world: World, share: float, name: str
) -> None:
    """Such a run leaves its work in the log of the database, and the seal of what was before."""
    folder = world.begin(f"changed{share}{name}")
    assert world.export(folder, at=int(share * world.steps)).code == -signal.SIGKILL
    path = folder / "state" / name
    whole = path.read_bytes()
    for at in (0, len(whole) // 3, len(whole) - 1):
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(changed)
        refused = world.export(folder)
        assert refused.code == 5, refused.err
        assert f"{name} does not hold" in refused.json()["error"]["message"]
    path.write_bytes(whole)
    _rerun_is_equal(world, folder)


def test_a_first_run_that_was_killed_is_sealed_too(world: World) -> None:
    folder = world.root / "sealed"
    (folder / "out").mkdir(parents=True)
    (folder / "state").mkdir(mode=0o700)
    shutil.copy(world.fresh / "state" / "salt", folder / "state" / "salt")
    assert world.export(folder, at=world.steps // 2).code == -signal.SIGKILL
    path = folder / "state" / "state.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert world.export(folder).code == 5
    path.write_bytes(whole)
    assert world.export(folder).code == 0


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_large_log_of_the_database_is_carried_over_meanwhile(
    world: World, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LOG", 1)
    folder = world.begin(f"carried{share}")
    undisturbed = world.begin(f"carried{share}whole")
    steps = world.export(undisturbed).steps
    assert tree(undisturbed / "out") == world.wanted
    assert world.export(folder, at=int(share * steps)).code == -signal.SIGKILL
    _rerun_is_equal(world, folder)
    assert (folder / "state" / "seal").exists()


def test_who_only_reads_after_a_run_that_was_killed_leaves_no_wrong_seal(world: World) -> None:
    folder = world.begin("read")
    assert world.export(folder, at=world.steps // 2).code == -signal.SIGKILL
    with Store(folder / "state", write=False) as store:
        assert store.files()
    _rerun_is_equal(world, folder)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_named(world: World, code: int) -> None:
    folder = world.begin(f"locks{code}")

    def prepare() -> None:
        import fcntl

        def refuse(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        fcntl.flock = refuse  # type: ignore[assignment]

    ended = world.export(folder, prepare=prepare)
    assert ended.code == 5
    assert "cannot lock files" in ended.json()["error"]["message"]
    assert "--state" in ended.json()["error"]["hint"]
    _rerun_is_equal(world, folder)


def test_the_logs_are_opened_for_reading_only(world: World) -> None:
    folder = world.begin("reading")
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in world.logs.iterdir()}
    digest = tree(world.logs)

    def prepare() -> None:
        import sys

        logs = str(world.logs)

        def refuse(event: str, given: tuple[object, ...]) -> None:
            if event == "open" and str(given[0]).startswith(logs):
                flags = given[2] if isinstance(given[2], int) else 0
                writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
                if flags & writes:
                    raise OSError(errno.EPERM, "a log was opened for writing")
            if event.startswith("socket."):
                raise OSError(errno.EPERM, "a connection was made")

        sys.addaudithook(refuse)

    done = world.export(folder, prepare=prepare)
    assert done.code == 0, done.err
    assert tree(folder / "out") == world.wanted
    assert tree(world.logs) == digest
    assert {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in world.logs.iterdir()} == before
