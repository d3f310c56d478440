"""The labels against 300 turns labelled by hand, twice, the second time blind
(tests/labels/README.md)."""

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
from sessiontune.steps.label import MASKED, labels_of

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
PASSES = ("turns_first.tsv", "turns_second.tsv")
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
    out: dict[str, set[str]] = {}
    for session in corpus_sessions(corpus()):
        names: dict[str, set[str]] = {}
        for x in labels_of(session)[0]:
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


def kappa(first: list[bool], second: list[bool]) -> float:
    """Cohen's kappa of two yes/no judgements; 1.0 where neither pass ever says yes."""
    same = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    a, b = sum(first) / len(first), sum(second) / len(second)
    chance = a * b + (1 - a) * (1 - b)
    return 1.0 if chance == 1 else (same - chance) / (1 - chance)


def test_two_passes_agree_and_all_turns_are_found() -> None:
    first, second = (hand(name) for name in PASSES)
    assert len(first) == 300
    assert first.keys() == second.keys()
    for kind, letters, least in (("prompts", "CDAGO", 0.5), ("answers", "FTRIMN", 0.6)):
        turns = [t for t in first if set(first[t]) & set(letters)]
        same = sum(set(first[t]) == set(second[t]) for t in turns)
        print(f"{kind}: {same} of {len(turns)} alike")
        for letter in letters:
            a, b = ([letter in labels[t] for t in turns] for labels in (first, second))
            print(f"  {letter}  {sum(a):3d} {sum(b):3d}  kappa {kappa(a, b):.2f}")
            assert kappa(a, b) >= least, letter
    assert program().keys() == first.keys()


@pytest.mark.parametrize("passed", PASSES)
def test_structural_precision(passed: str) -> None:
    right, all_, wrong = precision(STRUCTURAL, hand(passed))
    print(f"structural, {passed}: {right} of {all_}", *wrong, sep="\n  ")
    assert all_ >= 60
    assert right / all_ >= 0.98, wrong


@pytest.mark.parametrize("passed", PASSES)
def test_lexical_precision(passed: str) -> None:
    right, all_, wrong = precision(LEXICAL, hand(passed))
    print(f"lexical, {passed}: {right} of {all_}", *wrong, sep="\n  ")
    assert all_ >= 25
    assert right / all_ >= 0.85, wrong


@pytest.mark.parametrize("passed", PASSES)
def test_direction_changes_are_not_called_failures(passed: str) -> None:
    truth = hand(passed)
    changes = [t for t, code in truth.items() if code == "D"]
    called = [t for t in changes if "correction" in program()[t] or program()[t] & set(MASKED)]
    print(f"direction changes, {passed}: {len(called)} of {len(changes)} called failures")
    assert len(changes) >= 5
    assert len(called) <= 0.05 * len(changes)


@pytest.mark.parametrize("passed", PASSES)
def test_recall_is_reported(passed: str) -> None:
    """Recall of the structural tier is high, that of the lexical tier is what it is."""
    truth = hand(passed)
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
    print(f"recall, {passed}:", {k: f"{a} of {b}" for k, (a, b) in table.items()})
    for letter, least in {"F": 0.85, "R": 1.0, "I": 0.85}.items():
        found, all_ = table[letter]
        assert found >= least * all_ > 0, letter
