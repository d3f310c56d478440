"""The gate over a whole run: the redactor is made to miss, and nothing may be published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from planted import carrier

from runs import run
from sessiontune.model import Finding
from sessiontune.pipeline.finishing import gate_error

TEXT, VALUE = carrier("github", 1)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """One session; the key stands in its first question."""
    file = tmp_path / "logs" / "projects" / "-srv-app" / "one.jsonl"
    file.parent.mkdir(parents=True)
    rng, before, lines = Random(1), None, []
    for number in range(2):
        ids = {"uuid": f"{rng.getrandbits(128):032x}", "parentUuid": before, "sessionId": "s"}
        told = {"timestamp": f"2026-01-01T00:0{number}:00.000Z", "cwd": "/srv/app"}
        if number % 2:
            block = {"type": "text", "text": f"The parser reads {number} tokens."}
            message = {"role": "assistant", "id": f"m{number}", "model": "m", "content": [block]}
            lines.append({"type": "assistant", **ids, **told, "message": message})
        else:
            words = f"How does it read number {number}? {'' if number else TEXT}"
            message = {"role": "user", "content": words}
            lines.append({"type": "user", **ids, **told, "message": message})
        before = ids["uuid"]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return tmp_path / "logs"


def blind() -> None:
    """The redactor sees nothing."""
    from sessiontune.privacy.engine import Redactor

    Redactor.texts = lambda self, texts: list(texts)  # type: ignore[method-assign]
    Redactor.text = lambda self, text: text  # type: ignore[method-assign]
    Redactor.value = lambda self, obj: obj  # type: ignore[method-assign]


def card() -> None:
    from sessiontune.formats import card

    write = card.card
    card.card = lambda manifest: write(manifest) + TEXT


def report() -> None:
    from sessiontune.formats import report

    write = report.report_html
    report.report_html = lambda manifest: write(manifest) + TEXT


def manifest() -> None:
    from sessiontune.pipeline import describe

    write = describe.dump
    describe.dump = lambda manifest: write(manifest) + TEXT


def end_of_all() -> None:
    from sessiontune.pipeline import describe

    write = describe._metadata
    describe._metadata = lambda manifest: {**write(manifest), "note": TEXT}


@pytest.mark.parametrize(
    ("made", "form", "where"),
    [
        (blind, "sharegpt", "sharegpt."),
        (blind, "openai", "openai."),
        (blind, "raw", "raw:"),
        (blind, "combined", "combined:"),
        (blind, "alpaca", "alpaca."),
        (card, "raw", "README.md:"),
        (report, "raw", "report.html:"),
        (manifest, "raw", "manifest.json:"),
        (end_of_all, "combined", "out_conversations_combined.json:"),
    ],
)
def test_a_miss_stops_the_export(
    made: Callable[[], None], form: str, where: str, logs: Path, tmp_path: Path
) -> None:
    args = ("export", logs, "-o", tmp_path / "out", "--state", tmp_path / "state", "--jobs", "1")
    ended = run(tmp_path / "run", *args, "--format", form, prepare=made)
    assert ended.code == 4
    assert f"github-token (audit) at {where}" in ended.err
    assert VALUE not in ended.err + ended.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "run", "state"]


def test_the_control_is_published(logs: Path, tmp_path: Path) -> None:
    args = ("export", logs, "-o", tmp_path / "out", "--state", tmp_path / "state", "--jobs", "1")
    assert run(tmp_path / "run", *args).code == 0
    for path in (tmp_path / "out").rglob("*.*"):
        assert VALUE.encode() not in path.read_bytes(), path.name


def test_scan_shows_no_value_in_the_name_of_a_model(logs: Path, tmp_path: Path) -> None:
    (file,) = logs.rglob("*.jsonl")
    file.write_text(file.read_text().replace('"model": "m"', f'"model": "{VALUE}"'))
    ended = run(tmp_path / "run", "--json", "scan", logs, "--jobs", "1")
    assert ended.code == 0
    assert len(ended.json()["models"]) == 1
    assert VALUE not in ended.out + ended.err


@pytest.mark.parametrize("found", [5, 6])
def test_five_places_are_named_and_the_others_counted(found: int) -> None:
    findings = [Finding(f"train.jsonl:{n}", "secret", "github", 0, 9) for n in range(1, found + 1)]
    said = str(gate_error(findings).args[0])
    assert [n for n in range(9) if f"train.jsonl:{n}" in said] == [1, 2, 3, 4, 5]
    assert said.endswith(" and 1 more." if found > 5 else "train.jsonl:5.")
