"""Loss by token: what `show --mask` says of the same row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sessiontune.cli.main import main
from sessiontune.errors import UsageError
from sessiontune.review.masks import Masks

from .conftest import World

pytestmark = pytest.mark.models
pytest.importorskip("tokenizers", reason="pip install sessiontune[train]")


@pytest.fixture
def base(world: World, tmp_path: Path) -> str:
    given = ("--base", "tiny", "--dry-run", "-o", str(tmp_path / "try"), "--quiet")
    assert main(["train", str(world.folder / "data"), *given]) == 0
    return str(tmp_path / "try" / "base")


def test_the_page_marks_what_show_marks(
    world: World, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = Masks(world.folder / "data", "data", base, 0)
    thread = world.thread("Step 7 of")
    (row,) = masks.of(thread)
    capsys.readouterr()
    where = ("--base", base, "--state", str(world.state))
    assert main(["--json", "show", str(world.folder / "data"), thread, "--mask", *where]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (row["trained"], row["tokens"]) == (shown["trained_tokens"], shown["tokens"])
    assert [[list(span) for span in view] for view in row["examples"]] == shown["examples"]
    trained = "".join(text for view in row["examples"] for text, bears in view if bears)
    assert "Done with step 79" in trained
    assert "Step 79 of the plan" not in trained
    assert masks.of("nowhere") == []


def test_a_base_without_a_template_here_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="needs a chat template"):
        Masks(world.folder / "data", "data", "tiny", 0)
