"""A preprocessing hook that cannot be used is named, whatever is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessiontune.errors import UsageError
from sessiontune.pipeline.hooks import load_hook


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("hook = 3", "is no function"),
        ("def hook(:", "cannot be loaded: invalid syntax"),
        ("hook = missing", "cannot be loaded: name 'missing' is not defined"),
        ("def other(session): ...", "has no attribute 'hook'"),
    ],
)
def test_a_hook_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str
) -> None:
    module = f"unusable_{abs(hash(code))}"
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(UsageError, match=why):
        load_hook(f"{module}:hook")
