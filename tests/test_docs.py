"""Every verb, option and recipe field is documented; the reference is what the code says."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_the_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "make_reference.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def headings(path: Path) -> set[str]:
    """The names under which links reach the headings of a page."""
    found = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in found}


@pytest.mark.parametrize("path", sorted(ROOT.glob("**/*.md")), ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    if any(part in (".venv", "venv", "node_modules") for part in path.parts):
        return
    for target, place in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", path.read_text("utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        page = path.parent / target if target else path
        assert page.exists(), f"{path.name}: {target}"
        assert not place or place in headings(page), f"{path.name}: {target}#{place}"


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for verb in ("scan", "export", "show", "train", "evaluate", "ship", "serve", "chat", "tune"):
        assert verb in text


def test_the_readme_shows_what_an_export_of_the_sample_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sessiontune.cli.main import main
    from sessiontune.sample import write_sample

    write_sample(tmp_path / "logs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SESSIONTUNE_STATE", "state")
    given = ["export", "logs", "-o", "my-data"]
    monkeypatch.setattr("sys.argv", ["sessiontune", *given])
    assert main(given) == 0
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    text = (ROOT / "README.md").read_text("utf-8")
    shown = text.partition("```text\n")[2].partition("```")[0].splitlines()
    assert shown
    for line in shown:
        assert " ".join(line.split()) in said


def test_ci_calls_the_readmes_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert "make test" in (ROOT / "README.md").read_text("utf-8")


def test_the_page_on_training_names_every_setting_and_its_default() -> None:
    from msgspec.structs import fields

    from sessiontune.training.spec import TrainSpec

    page = (ROOT / "docs" / "reference" / "training.md").read_text("utf-8")
    shown = re.findall(r"^\| `(\w+)` \| `--[\w-]+` \| `?([^|`]*)`? \|", page, re.MULTILINE)
    assert {name: text.strip() for name, text in shown} == {
        field.name: "" if field.default in ("", ()) else str(field.default)
        for field in fields(TrainSpec)
    }


def test_the_help_names_all_agents() -> None:
    """They stand there by hand, so that `--help` need not load the registry."""
    from sessiontune import registry
    from sessiontune.cli.export import export

    text = next(p for p in export.params if p.name == "sources").help or ""
    named = text.rpartition(": ")[2].removesuffix(". Repeatable.").split(", ")
    assert sorted(named) == sorted(registry._SOURCES)


@pytest.mark.parametrize("folder", ["benchmarks", "tools"])
def test_what_a_benchmark_or_a_tool_imports_is_there(folder: str) -> None:
    """They are run by hand, so a name that moved would be found months later."""
    for path in sorted((ROOT / folder).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sessiontune"):
                module = importlib.import_module(str(node.module))
                for name in (alias.name for alias in node.names):
                    within = hasattr(module, "__path__") and find_spec(f"{node.module}.{name}")
                    assert hasattr(module, name) or within, f"{path.name}: {node.module}.{name}"
