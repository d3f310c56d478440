"""What a person may give by mistake: each error names it, and says what to do."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console as Rich

from sessiontune.cli.summary import draw_few
from sessiontune.manifest import Manifest
from sessiontune.summary import SideSummary, Summary

from .conftest import Cli


@pytest.mark.parametrize(
    "argv",
    [
        ("tune", "", "--base", "tiny"),
        ("doctor", "--base", ""),
        ("drop", ""),
        ("chat", "run", "-p", ""),
    ],
)
def test_nothing_is_no_name(cli: Cli, argv: tuple[str, ...]) -> None:
    """The empty ROOT of a variable that is not set was the folder that one stands in."""
    code, out, _ = cli("--json", *argv)
    assert (code, "It is empty" in json.loads(out)["error"]["message"]) == (2, True)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--max-line", "9" * 30, "max_line: 9"),
        ("--max-tokens", "9" * 30, "max_tokens: 9"),
        ("--tokenizer", "odd.json", "odd.json is no tokenizer"),
        ("--recipe", "deep.toml", "deep.toml"),
        ("--topics", "deep.toml", "deep.toml"),
    ],
)
def test_what_cannot_be_taken_is_named(
    cli: Cli, world: Path, option: str, value: str, said: str
) -> None:
    (world / "odd.json").write_text("hello")
    (world / "deep.toml").write_text(f"a={'[' * 5000}{']' * 5000}")
    given = str(world / value) if "." in value else value
    code, out, _ = cli("--json", "export", world / "logs", "-o", world / "new", option, given)
    assert (code, said in json.loads(out)["error"]["message"]) == (2, True)


def test_settings_of_the_environment_may_have_blanks(
    cli: Cli, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSIONTUNE_FORMATS", " openai , raw,")
    where = ("-o", world / "new", "--state", world / "state", "--dry-run")
    code, out, err = cli("--json", "export", world / "logs", *where)
    assert code == 0, err
    assert json.loads(out)["manifest"]["options"]["formats"] == ["openai", "raw"]


def test_a_thread_that_is_named_twice_is_dropped_once(cli: Cli, exported: Path) -> None:
    row = json.loads(cli("--json", "show", exported / "data", "1")[1])["row"]
    state = ("--state", exported / "state")
    code, out, _ = cli("drop", row["thread"], row["thread"], *state)
    assert (code, "Dropped: 1 thread." in out) == (0, True)


def test_the_name_of_a_folder_is_no_markup(tmp_path: Path) -> None:
    """Of `a[b]` the hint named `a-second`."""
    sides = {"train": SideSummary(60, 60, 1, 60), "eval": SideSummary(2, 2, 1, 2)}
    few = Manifest(name="x", statistics=Summary(conversations=62, splits=sides))
    rich = Rich(file=StringIO(), width=2000)
    draw_few(rich, few, place=tmp_path / "a[b]")
    assert "'a[b]-second'" in rich.file.getvalue()  # type: ignore[attr-defined]
