"""What the trained model itself does, as parity compares with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sessiontune.shipping.reference import make_reference
from sessiontune.shipping.run import read_run

from .conftest import make_run

pytestmark = pytest.mark.models


def test_a_bases_own_settings_are_no_part_of_it(
    bases: Callable[[str], Path], tmp_path: Path
) -> None:
    """Qwen 2.5 brings a repetition penalty, which the server is asked to leave out: its answers
    would have been taken for those of other weights."""
    found = []
    for name, more in (("plain", {}), ("habits", {"repetition_penalty": 5.0})):
        base = tmp_path / name
        shutil.copytree(bases("qwen2"), base)
        settings = base / "generation_config.json"
        settings.write_text(json.dumps({**json.loads(settings.read_text()), **more}))
        reference = make_reference(read_run(make_run(base, tmp_path / f"{name}-run")))
        found.append([one.answer for one in reference.expected])
    plain, habits = found
    assert any(len(set(answer)) < len(answer) for answer in plain)  # what would be penalised
    assert plain == habits
