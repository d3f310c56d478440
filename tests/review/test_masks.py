"""Loss by token: what `show --mask` says of the same row."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from sessiontune.cli.main import main
from sessiontune.errors import SourceError, UsageError
from sessiontune.review.masks import Masks

from .conftest import Opened, World

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
    thread = world.thread("Step 7 of")
    with closing(Masks(world.folder / "data", "data", base, 0)) as masks:
        (row,) = masks.of(thread)
        assert masks.of("nowhere") == []
    capsys.readouterr()
    where = ("--base", base, "--state", str(world.state))
    assert main(["--json", "show", str(world.folder / "data"), thread, "--mask", *where]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (row["trained"], row["tokens"]) == (shown["trained_tokens"], shown["tokens"])
    assert [[list(span) for span in view] for view in row["examples"]] == shown["examples"]
    trained = "".join(text for view in row["examples"] for text, bears in view if bears)
    assert "Done with step 79" in trained
    assert "Step 79 of the plan" not in trained


def test_an_export_meanwhile_changes_nothing_of_what_is_shown(
    world: World, base: str, opened: Opened
) -> None:
    catalogue, thread = opened(world), world.thread("Step 7 of")
    with closing(Masks(world.folder / "data", "data", base, 0)) as masks:
        before = masks.of(thread)
        long = world.folder / "logs" / "long.jsonl"
        long.write_bytes(long.read_bytes().replace(b"Done with step", b"Ended step"))
        world.export()
        assert masks.of(thread) == before
        assert catalogue.messages(thread, 1, 1)[0].content == "Done with step 0"
    assert "Ended step 0" in {m["content"] for m in world.lines()}


def test_a_base_without_a_template_here_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="needs a chat template"):
        Masks(world.folder / "data", "data", "tiny", 0)


def test_an_export_without_rows_to_train_on_says_so(world: World, base: str) -> None:
    """Not of each thread that nothing of it is trained."""
    given = ("-o", str(world.folder / "read"), "--state", str(world.state), "--format", "raw")
    assert main(["export", str(world.folder / "logs"), *given, "--quiet"]) == 0
    with pytest.raises(SourceError, match="holds no openai rows"):
        Masks(world.folder / "read", "read", base, 0)
