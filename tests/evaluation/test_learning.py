"""Tuning on the sample learns answers given requests; with names exchanged nobody wins.

The control is an arm tuned on the same rows with the answers shuffled between the requests.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from benchmarks.shuffled import base_of, go, loss_of, shuffled, turns_of

from warm import warm_workers


def talk(group: int, turns: int) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    for n in range(turns):
        messages += [
            {"role": "user", "content": f"question {group}.{n}", "train": False},
            {"role": "assistant", "content": f"answer {group}.{n}", "train": True},
        ]
    return {"group": f"g{group}", "messages": messages}


def test_shuffling_keeps_the_answers_and_moves_each_to_another_lineage() -> None:
    rows = [talk(group, turns) for group, turns in enumerate((1, 2, 9, 3, 9))]
    turns = [turn for row in rows for turn in turns_of(row)]
    before = json.loads(json.dumps(turns))
    found = shuffled(turns, 0)
    assert turns == before
    assert [len(t["messages"]) for t in found] == [2] * 24
    assert [(t["group"], t["messages"][0]) for t in found] == [
        (t["group"], t["messages"][0]) for t in turns
    ]
    answers = [t["messages"][1]["content"] for t in found]
    assert Counter(answers) == Counter(t["messages"][1]["content"] for t in turns)
    assert not [
        a for a, t in zip(answers, turns, strict=True) if a.startswith(f"answer {t['group'][1:]}.")
    ]
    assert found != shuffled(turns, 1)


def test_a_turn_ends_with_its_last_trained_answer() -> None:
    row = talk(0, 3)
    row["messages"].insert(2, {"role": "system", "content": "remember"})
    row["messages"][-1]["train"] = False
    assert [[m["content"] for m in t["messages"]] for t in turns_of(row)] == [
        ["question 0.0", "answer 0.0"],
        ["question 0.1", "answer 0.1"],
    ]


def test_one_lineage_with_most_answers_cannot_be_shuffled() -> None:
    with pytest.raises(ValueError, match="lineage g0 holds most"):
        shuffled([t for row in (talk(0, 9), talk(1, 2)) for t in turns_of(row)], 0)


@pytest.mark.slow
@pytest.mark.models
def test_tuned_beats_base_and_shuffled_and_exchanged_names_win_nothing(tmp_path: Path) -> None:
    """On the bundled sample and a tiny base; takes about two minutes of one core."""
    with warm_workers():
        result = go(tmp_path / "run", base_of(tmp_path / "base"), seed=1, salt=1, draw=1)
    for against in ("base", "shuffled"):
        m = loss_of(result, "tuned", against)
        assert m.found.clusters >= 10
        assert m.found.high < 0
        assert m.verdict.outcome == "better"
        assert m.control.low <= 0 <= m.control.high  # names permuted
    assert result.outcome == "better"
