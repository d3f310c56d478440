"""The lock of a folder that is being replaced."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sessiontune import keeping
from sessiontune.errors import StoreError


def test_a_lock_that_cannot_be_opened_again_closes_nobody_elses_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever held it removed it, with the folder that it lay in; meanwhile another thread opened a
    file, which got the number of ours."""
    folder = tmp_path / "exports"
    folder.mkdir()
    others: list[int] = []
    close = os.close

    def close_and_open(fd: int) -> None:
        close(fd)
        if not others:
            others.append(os.open(tmp_path, os.O_RDONLY))
            assert others == [fd]

    def removed(fd: int, path: Path) -> bool:
        shutil.rmtree(folder)
        monkeypatch.setattr(os, "close", close_and_open)
        return False

    monkeypatch.setattr(keeping, "_is", removed)
    with pytest.raises(FileNotFoundError), keeping.alone_by(folder / "lock", folder):
        pytest.fail("nothing is held")
    os.fstat(others[0])
    close(others[0])


def test_a_lock_that_was_removed_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, seen, same = tmp_path / "lock", [], keeping._is

    def once_removed(fd: int, path: Path) -> bool:
        if not seen:
            path.unlink()
        seen.append(same(fd, path))
        return seen[-1]

    monkeypatch.setattr(keeping, "_is", once_removed)
    with keeping.alone_by(lock, tmp_path):
        assert seen == [False, True]
        assert lock.exists()
    assert not lock.exists()


@pytest.mark.parametrize("held", ["", " \n", "ab", "ab" * 65, "no salt"])
def test_what_is_no_whole_salt_is_refused(tmp_path: Path, held: str) -> None:
    """An empty file was taken for a salt: everybody can make pseudonyms without one."""
    (tmp_path / "salt").write_text(held)
    with pytest.raises(StoreError, match="salt is damaged"):
        keeping.salt_of(tmp_path / "salt")
    (tmp_path / "salt").unlink()
    assert keeping.salt_of(tmp_path / "salt") == keeping.salt_of(tmp_path / "salt")
