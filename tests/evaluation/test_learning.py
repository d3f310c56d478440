"""Tuning on the sample learns answers given prompts; with names exchanged nobody wins.

The control is an arm tuned on the same rows with the answers shuffled between the prompts.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from benchmarks.shuffled import go, loss_of, shuffle_answers


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
    before = json.loads(json.dumps(rows))
    assert shuffle_answers(rows) == 24
    pairs = [(r["group"], m["role"], m["content"]) for r in rows for m in r["messages"]]
    was = [(r["group"], m["role"], m["content"]) for r in before for m in r["messages"]]
    assert Counter(c for _, _, c in pairs) == Counter(c for _, _, c in was)
    assert [p for p in pairs if p[1] == "user"] == [p for p in was if p[1] == "user"]
    for group, role, content in pairs:
        if role == "assistant":
            assert not content.startswith(f"answer {group[1:]}.")


def test_one_lineage_with_most_answers_cannot_be_shuffled() -> None:
    with pytest.raises(ValueError, match="lineage g0 holds most"):
        shuffle_answers([talk(0, 9), talk(1, 2)])


@pytest.mark.slow
@pytest.mark.models
def test_tuned_beats_base_and_exchanged_names_win_nothing(tmp_path: Path) -> None:
    """On the bundled sample and a tiny base; takes two or three minutes of one core.

    Whether tuned also beats the arm with shuffled answers is not asserted: on a model of this size
    the difference changes its sign from one salt of the export to another.
    """
    result = go(tmp_path)
    tuned, control = loss_of(result, "tuned", "base"), loss_of(result, "tuned", "shuffled")
    for m in (tuned, loss_of(result, "shuffled", "base")):
        assert m.found.clusters >= 10
        assert m.found.high < 0
        assert m.verdict.outcome == "better"
        assert m.control.low <= 0 <= m.control.high  # names permuted
    assert abs(control.found.difference) < 0.1 * abs(tuned.found.difference)
    assert result.outcome == "better"
