"""The findings that were judged by hand (no values: fingerprints), and what they say."""

from __future__ import annotations

import json
import sysconfig
from collections import Counter
from pathlib import Path

from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

ROWS = [
    json.loads(line)
    for line in Path(__file__).with_name("judged.jsonl").read_text(encoding="utf-8").splitlines()
]


def test_two_hundred_findings_are_judged_and_few_are_false() -> None:
    assert len(ROWS) >= 200
    assert {tuple(sorted(row)) for row in ROWS} == {("fingerprint", "kind", "place", "verdict")}
    verdicts = Counter(row["verdict"] for row in ROWS)
    assert set(verdicts) <= {"true", "stand-in", "false"}
    assert verdicts["false"] <= 0.05 * len(ROWS)


def test_the_judged_places_of_the_standard_library_hold_what_was_judged() -> None:
    """Fingerprints keyed by a fixed salt: the list can be checked again without its values."""
    make = Redactor(b"judged", Vocabulary(), PrivacyOptions())
    root = Path(sysconfig.get_paths()["stdlib"])
    checked = 0
    for row in ROWS:
        if not row["place"].startswith("stdlib ") or row["verdict"] != "true":
            continue
        path = root / row["place"].removeprefix("stdlib ")
        if not path.exists():
            continue
        marks = {found.fingerprint for found in make.find(path.read_text(encoding="utf-8"))}
        checked += row["fingerprint"] in marks
    assert checked >= 20, "of the judged findings at least these stand in this Python's library"


CODE = [
    json.loads(line)
    for line in Path(__file__)
    .with_name("judged_code.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


def test_findings_in_other_peoples_code_are_judged_with_a_reason() -> None:
    """All findings but e-mail addresses in packages of others, by file and line, no value."""
    fields = ("file", "kind", "line", "package", "reason", "verdict")
    assert {tuple(sorted(row)) for row in CODE} == {fields}
    assert len(CODE) >= 200
    assert {row["verdict"] for row in CODE} <= {"true", "stand-in", "false"}
    assert all(row["reason"] and row["line"] > 0 for row in CODE)
    assert sum(row["verdict"] == "false" for row in CODE) <= 0.4 * len(CODE)
