"""Files written and copied past the cache, and where file system or length do not allow it."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from random import Random

import pytest

from sessiontune.pipeline import direct
from sessiontune.pipeline import outfile as module
from sessiontune.pipeline.outfile import File, Run

SIZE = 9_300_123


def parts(path: Path) -> list[Run]:
    """Long runs and short ones of one file, at places and of lengths that fit no block."""
    random = Random(4)
    out = [Run(str(path), 17, 5_000_001, True), Run(str(path), 3, 70, True)]
    out += [
        Run(str(path), random.randrange(SIZE - 900_000), 800_000 + n, n % 2 > 0) for n in (1, 2)
    ]
    return [*out, Run(str(path), SIZE - 4_500_001, 4_500_001, True)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(Random(3).randbytes(SIZE))
    return path


def written(source: Path, target: Path) -> tuple[bytes, File]:
    with File(target) as file:
        file.add(b"head")
        file.copy(parts(source))
        file.add(b"tail" * 300_000)
    return target.read_bytes(), file


@pytest.mark.parametrize(
    "how", ["as it is", "no such flag", "refused", "refused when used", "no preadv"]
)
def test_the_bytes_are_the_same_whatever_the_file_system_can(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    whole = source.read_bytes()
    wanted = b"head" + b"".join(whole[r.offset : r.offset + r.length] for r in parts(source))
    wanted += b"tail" * 300_000
    if how == "no such flag":
        monkeypatch.setattr(direct, "_DIRECT", 0)
    if how == "no preadv":
        monkeypatch.delattr(direct.os, "preadv")
    if how == "refused":
        monkeypatch.setattr(direct, "_past", lambda fd, on: False)
    if how == "refused when used" and direct._DIRECT:
        monkeypatch.setattr(direct.os, "write", once(os.write))
        monkeypatch.setattr(direct.os, "preadv", once(os.preadv))
    got, file = written(source, tmp_path / "target")
    assert got == wanted
    assert file.sha256 == hashlib.sha256(wanted).hexdigest()


def once(function):  # type: ignore[no-untyped-def]
    """The function, but its first call with much to do is refused, as by a file system that takes
    the flag and cannot do what it says."""
    calls = [0]

    def call(fd, data, *more):  # type: ignore[no-untyped-def]
        size = len(data[0]) if isinstance(data, list) else len(data)
        if size >= 1 << 20 and not calls[0]:
            calls[0] += 1
            raise OSError(errno.EINVAL, "Invalid argument")
        return function(fd, data, *more)

    return call


def test_other_systems_are_not_asked_to_share_blocks(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of Linux' request may be another one there."""
    monkeypatch.setattr(direct.sys, "platform", "darwin")
    monkeypatch.setattr(direct.fcntl, "ioctl", None)
    out = direct.Out(tmp_path / "target")
    module._copy(str(source), out, 4096, memoryview(direct.block_buffer(1 << 20)))
    out.close()
    assert (tmp_path / "target").read_bytes() == source.read_bytes()[:4096]


def test_a_file_begins_as_another_where_no_block_can_be_shared(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct.Out, "share", lambda self, fd, length: False)
    out = direct.Out(tmp_path / "target")
    length = 8 << 20
    module._copy(str(source), out, length, memoryview(direct.block_buffer(1 << 20)))
    out.write(memoryview(b"and so on"))
    out.close()
    assert (tmp_path / "target").read_bytes() == source.read_bytes()[:length] + b"and so on"
    out = direct.Out(tmp_path / "short")
    with pytest.raises(module.TooShort, match="shorter than noted"):
        module._copy(str(source), out, SIZE + 1, memoryview(direct.block_buffer(1 << 20)))
    out.close()
