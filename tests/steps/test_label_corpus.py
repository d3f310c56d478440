"""The labels against 300 turns labelled by hand, twice (tests/labels/README.md)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from sessiontune import registry
from sessiontune.codec import keyed
from sessiontune.ledger import Ledger
from sessiontune.model import Message, Session
from sessiontune.ports import ReadOptions
from sessiontune.steps.label import FAILURES, labeller

LABELS = Path(__file__).parent.parent / "labels"
FOLDERS = {"claude": "claude-code", "codex": "codex"}
#: Labels of the program -> letters of the hand labels that agree with them.
STRUCTURAL = {
    "tool_error": "F",
    "command_failed": "F",
    "test_failed": "TF",
    "rejected": "R",
    "denied": "R",
    "interrupted": "I",
    "no_match": "M",
}
LEXICAL = {"correction": "C", "direction_change": "D", "acceptance": "AG"}


def corpus() -> Path:
    found = os.environ.get("SESSIONTUNE_CORPUS") or str(
        Path(__file__).parents[3] / "shared" / "corpus"
    )
    if not Path(found).is_dir():
        pytest.skip("no corpus: 300 hand-labelled turns are not checked")
    return Path(found)


def corpus_sessions(root: Path, folders: dict[str, str] = FOLDERS) -> Iterator[Session]:
    for name, folder in folders.items():
        source = registry.source(name)
        files = []
        for path in sorted(p for p in (root / folder).rglob("*") if p.is_file()):
            with path.open("rb") as log:
                if source.recognise(str(path), log.read(65_536)):
                    files.append(str(path))
        yield from source.sessions(tuple(files), ReadOptions(), Ledger(), keyed(b"corpus"))


def turn_name(session: Session, message: Message) -> str:
    origin = message.origin[0]
    base = os.path.basename(session.files[origin.file])
    return f"{hashlib.blake2b(base.encode(), digest_size=8).hexdigest()}:{origin.line}"


def hand(name: str) -> dict[str, str]:
    lines = (LABELS / name).read_text("utf-8").splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


@lru_cache(maxsize=1)
def program() -> dict[str, set[str]]:
    """Labels of the program for every hand-labelled turn, by name of the turn."""
    wanted = set(hand("turns_first.tsv"))
    label = labeller()
    out: dict[str, set[str]] = {}
    for session in corpus_sessions(corpus()):
        names: dict[str, set[str]] = {}
        for x in label(session)[0]:
            names.setdefault(x.message, set()).add(x.name)
        for message in session.messages:
            # Two turns are a hook's words: by now context, no prompt.
            if message.kind not in ("prompt", "answer", "context") or not message.origin:
                continue
            if (turn := turn_name(session, message)) in wanted:
                out.setdefault(turn, set()).update(names.get(message.id, ()))
    return out


def precision(rules: dict[str, str], truth: dict[str, str]) -> tuple[int, int, list[str]]:
    right, wrong = 0, []
    for turn, names in program().items():
        for name in names & set(rules):
            if set(truth[turn]) & set(rules[name]):
                right += 1
            else:
                wrong.append(f"{turn} {name} but {truth[turn]}")
    return right, right + len(wrong), wrong


def test_two_passes_agree_and_all_turns_are_found() -> None:
    first, second = hand("turns_first.tsv"), hand("turns_second.tsv")
    assert len(first) == 300
    assert first.keys() == second.keys()
    same = sum(first[t] == second[t] for t in first)
    print(f"agreement of the two passes: {same} of 300")
    assert same >= 260
    assert program().keys() == first.keys()


@pytest.mark.parametrize("passed", ["turns_first.tsv", "turns_second.tsv"])
def test_structural_precision(passed: str) -> None:
    right, all_, wrong = precision(STRUCTURAL, hand(passed))
    print(f"structural, {passed}: {right} of {all_}", *wrong, sep="\n  ")
    assert all_ >= 60
    assert right / all_ >= 0.98, wrong


@pytest.mark.parametrize("passed", ["turns_first.tsv", "turns_second.tsv"])
def test_lexical_precision(passed: str) -> None:
    right, all_, wrong = precision(LEXICAL, hand(passed))
    print(f"lexical, {passed}: {right} of {all_}", *wrong, sep="\n  ")
    assert all_ >= 25
    assert right / all_ >= 0.85, wrong


@pytest.mark.parametrize("passed", ["turns_first.tsv", "turns_second.tsv"])
def test_direction_changes_are_not_called_failures(passed: str) -> None:
    truth = hand(passed)
    changes = [t for t, code in truth.items() if code == "D"]
    called = [t for t in changes if "correction" in program()[t] or program()[t] & set(FAILURES)]
    print(f"direction changes, {passed}: {len(called)} of {len(changes)} called failures")
    assert len(changes) >= 5
    assert len(called) <= 0.05 * len(changes)


def test_recall_is_reported() -> None:
    """Recall of the structural tier is high, that of the lexical tier is what it is."""
    truth = hand("turns_first.tsv")
    table = {}
    for letter, names in {
        "F": {"tool_error", "command_failed", "test_failed"},
        "R": {"rejected", "denied"},
        "I": {"interrupted"},
        "C": {"correction"},
        "A": {"acceptance"},
    }.items():
        mine = [t for t, code in truth.items() if letter in code]
        table[letter] = (sum(bool(program()[t] & names) for t in mine), len(mine))
    print("recall:", {k: f"{a} of {b}" for k, (a, b) in table.items()})
    found, all_ = table["F"]
    assert found / all_ >= 0.9
    assert table["R"][0] == table["R"][1]
    assert table["I"][0] == table["I"][1]
