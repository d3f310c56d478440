"""Where a model server listens."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from sessiontune.errors import ToolError
from sessiontune.ports import Job
from sessiontune.runtime.serving import running


@pytest.mark.parametrize("deep", [False, True])
def test_a_servers_socket_has_a_name_that_systems_take(
    deep: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ("deep" * 30) if deep else Path("/tmp")
    place.mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    seen: list[Path] = []

    def plan(socket: Path) -> Job:
        seen.append(socket)
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        raise ToolError("no server", "")

    with pytest.raises(ToolError, match="no server"), running(plan, "x"):
        pass
    assert len(os.fsencode(seen[0])) <= 103
    assert not seen[0].parent.exists()
