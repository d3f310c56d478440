"""The whole way with the real converter and the real server, on tiny models of two families."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sessiontune.runtime.ship import ship
from sessiontune.runtime.shop import ShipOptions, Shipped
from sessiontune.shipping.run import Run

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.usefixtures("converter", "engine")]


def make(run: Run, out: Path, *types: str, **more: object) -> Shipped:
    options = ShipOptions(types=types, out=out, **more)  # type: ignore[arg-type]
    return ship(run, options, os.environ, Path.home(), lambda *_: None, lambda line: None)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_every_check_is_green(runs: Callable[[str], Run], kind: str, tmp_path: Path) -> None:
    shipped = make(runs(kind), tmp_path / "ship", "f16", "q8_0")
    assert [f.name for f in shipped.files] == [
        f"tiny-tiny-{kind}-f16.gguf",
        f"tiny-tiny-{kind}-q8_0.gguf",
    ]
    for file in shipped.files:
        bad = [c for c in file.checks if c.ok is False]
        assert not bad
        held = {c.name for c in file.checks if c.ok}
        wanted = {
            "merged weights",
            "rendered prompt",
            "tokens",
            "token count",
            "log-probabilities",
            "stop token",
            "stops by itself",
            "tool call",
        }
        assert wanted <= held
        assert ("greedy text" in held) is (file.type == "f16")
