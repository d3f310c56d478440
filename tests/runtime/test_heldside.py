"""Weeks after a training: what a run is tested on when its export has grown, changed or gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sessiontune.errors import UsageError
from sessiontune.evaluation.heldout import Run, held_digest
from sessiontune.evaluation.side import groups_of, rules_for
from sessiontune.runtime.heldside import check_arms, check_base, side_of
from sessiontune.runtime.trained import keep, makers, seen_in, trained_on
from sessiontune.runtime.trainprep import _mixed_in
from sessiontune.training.data import DataSet, Row

LONG = (
    "The invoice is settled once every fee that belongs to it has been paid, and not before. " * 3
)


def row(number: int, answer: str = "", lineage: str = "", state: str = "one") -> dict[str, Any]:
    subject = f"table_{number} column_{number * 7} status_{number * 13}"
    return {
        "messages": [
            {"role": "user", "content": f"Write the query for {subject} please."},
            {"role": "assistant", "content": answer or f"Here it is: {subject} {number}."},
        ],
        "lineage": lineage or f"{state}-{number}",
        "group": lineage or f"{state}-{number}",
    }


def export(folder: Path, train: list[dict[str, Any]], held: list[dict[str, Any]]) -> Path:
    for side, rows in (("train", train), ("eval", held)):
        (folder / side).mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(r) + "\n" for r in rows)
        (folder / side / "openai.jsonl").write_text(text)
    return folder


def trained(folder: Path, data: Path, base: str = "/models/some") -> Run:
    """A run as `train` leaves it, without a model."""
    folder.mkdir()
    lines = (data / "train" / "openai.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    keep(data, rows, folder)
    told = {"dir": str(data), "held": held_digest(data)}
    record = {"data": told, "base": {"path": base}, "max_length": 512}
    (folder / "run.json").write_text(json.dumps(record))
    return Run(folder, record)


@pytest.fixture
def week(tmp_path: Path) -> tuple[Path, Run]:
    """An export with six rows to learn from and two held out, and a run on it."""
    data = export(tmp_path / "data", [row(n) for n in range(6)], [row(n) for n in (10, 11)])
    return data, trained(tmp_path / "run", data)


def test_an_export_that_has_grown_tests_the_older_run_on_more(week: tuple[Path, Run]) -> None:
    data, run = week
    assert side_of(run).then
    assert side_of(run).note == ""
    export(data, [row(n) for n in range(9)], [row(n) for n in (12, 10, 13, 11)])
    side = side_of(run)
    assert not side.then
    assert side.root == data
    assert groups_of(side.rows) == 4
    assert "4 groups of sessions; 2 when this run was trained" in side.note
    assert side.digest == held_digest(data)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ([row(10), row(11), row(3)], "at least 1"),  # dealt anew: it trained
        ([row(10), row(11), row(20, LONG)], "at least 1"),  # new, and a copy of one that trained
        ([row(n, state="two") for n in (10, 11)], "another private state"),
        ([], "holds out none"),
    ],
)
def test_what_was_trained_on_is_no_test_and_the_runs_own_copy_is(
    held: list[dict[str, Any]], said: str, tmp_path: Path
) -> None:
    start = [*(row(n) for n in range(6)), row(6, LONG)]
    data = export(tmp_path / "data", start, [row(10), row(11)])
    run = trained(tmp_path / "run", data)
    before = held_digest(data)
    export(data, [row(n, state="two") for n in range(40, 46)], held)
    if not held:
        shutil.rmtree(data / "eval")
    side = side_of(run)
    assert side.then
    assert side.digest == before
    assert groups_of(side.rows) == 2
    assert said in side.note


def test_an_export_that_holds_out_only_new_sessions_is_known_by_what_it_trains(
    week: tuple[Path, Run],
) -> None:
    data, run = week
    export(data, [row(n) for n in range(6)], [row(n) for n in (20, 21, 22)])
    side = side_of(run)
    assert not side.then
    assert groups_of(side.rows) == 3


def test_a_run_outlives_its_export(week: tuple[Path, Run]) -> None:
    data, run = week
    rules = rules_for(run)
    shutil.rmtree(data)
    side = side_of(run)
    assert groups_of(side.rows) == 2
    assert "is not there" in side.note
    assert rules_for(run) == rules


def test_a_copy_that_was_changed_is_not_taken_for_the_test(week: tuple[Path, Run]) -> None:
    data, run = week
    shutil.rmtree(data)
    (run.folder / "data" / "held" / "eval" / "openai.jsonl").write_text(json.dumps(row(3)) + "\n")
    with pytest.raises(UsageError, match="no copy of a held-out side"):
        side_of(run)


def test_a_run_of_an_older_version_is_refused_only_when_its_export_changed(
    week: tuple[Path, Run],
) -> None:
    data, run = week
    shutil.rmtree(run.folder / "data")
    assert side_of(run).then
    export(data, [], [row(12), row(10), row(11)])
    with pytest.raises(UsageError, match="has changed since"):
        side_of(run)


def test_an_arm_that_was_trained_on_the_test_is_refused(
    week: tuple[Path, Run], tmp_path: Path
) -> None:
    _, run = week
    side = side_of(run)
    other = export(tmp_path / "other", [row(n) for n in (1, 2, 10)], [row(3)])
    trained(tmp_path / "seen", other)
    checkpoint = tmp_path / "seen" / "checkpoints" / "checkpoint-5"
    checkpoint.mkdir(parents=True)
    for target in (tmp_path / "seen", checkpoint):
        with pytest.raises(UsageError, match="at least 1 of the 2 rows"):
            check_arms(run, side, [f"first={target}"])
    fair = export(tmp_path / "fair", [row(n) for n in (1, 2, 30)], [row(10)])
    trained(tmp_path / "clean", fair)
    assert check_arms(run, side, [f"a={tmp_path / 'clean'}", "b=http://127.0.0.1:1/v1"]) == []
    (tmp_path / "clean" / "data" / "trained.msgpack").write_bytes(b"\xc1")  # damaged
    assert "trained.msgpack is damaged" in check_arms(run, side, [f"a={tmp_path / 'clean'}"])[0]


def test_a_run_with_damaged_notes_says_so_and_takes_its_copy(week: tuple[Path, Run]) -> None:
    """It was taken for one of an older version."""
    data, run = week
    (run.folder / "data" / "trained.msgpack").write_bytes(b"\xc1")
    assert side_of(run).note == "", "the export is as it was: nothing has to be remembered"
    export(data, [row(n) for n in range(6)], [row(12), row(10), row(11)])
    side = side_of(run)
    assert side.then
    assert "trained.msgpack is damaged" in side.note
    shutil.rmtree(run.folder / "data" / "held")
    with pytest.raises(UsageError, match=r"kept neither .*msgpack is damaged"):
        side_of(run)


def test_a_base_that_is_a_runs_own_model_must_not_have_seen_the_test(
    week: tuple[Path, Run], tmp_path: Path
) -> None:
    """Trained on top of a tuned model, and dealt anew in between."""
    _, first = week
    dealt = export(tmp_path / "dealt", [row(n) for n in (10, 4, 5)], [row(1), row(2)])
    own = first.folder / "ship" / "first-safetensors"
    second = trained(tmp_path / "second", dealt, base=str(own))
    with pytest.raises(UsageError, match="at least 2 of the 2 rows"):
        check_base(second, side_of(second))

    grown = export(tmp_path / "grown", [row(n) for n in range(8)], [row(10), row(11), row(12)])
    fair = trained(tmp_path / "fair", grown, base=str(own))
    assert check_base(fair, side_of(fair)) == []
    onto = trained(tmp_path / "onto", dealt, base=str(fair.folder / "model"))
    assert makers(onto.base) == [fair.folder, first.folder], "and what that one stands on"
    with pytest.raises(UsageError, match="fair, which was trained on at least 2"):
        check_base(onto, side_of(onto))

    (first.folder / "data" / "trained.msgpack").unlink()
    assert "of an older version" in check_base(second, side_of(second))[0]


def test_a_tiny_base_has_seen_nothing(week: tuple[Path, Run], tmp_path: Path) -> None:
    _, first = week
    dealt = export(tmp_path / "dealt", [row(10)], [row(1)])
    (tmp_path / "models").mkdir()
    (tmp_path / "run.json").write_text('{"data": "another program\'s", "base": "x"}')
    for base in ("base", str(first.folder / "base"), "/models/elsewhere", str(tmp_path / "models")):
        run = trained(tmp_path / f"run-{len(base)}", dealt, base=base)
        assert makers(run.base) == []
        assert check_base(run, side_of(run)) == []


def test_noting_what_is_trained_on_tells_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    told: list[tuple[int, int]] = []
    keep(tmp_path, [row(n) for n in range(3)], tmp_path / "run", lambda *at: told.append(at))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_preference_is_remembered_with_both_answers(tmp_path: Path) -> None:
    pair = {
        "prompt": [{"role": "user", "content": "When is an invoice settled?"}],
        "chosen": [{"role": "assistant", "content": LONG}],
        "rejected": [{"role": "assistant", "content": "Never."}],
        "lineage": "x",
    }
    (tmp_path / "run").mkdir()
    keep(tmp_path, [pair], tmp_path / "run")
    found = trained_on(tmp_path / "run")
    assert not isinstance(found, str)
    assert seen_in(found, [row(1, LONG), row(2)]) == 1


def test_a_trained_answer_that_no_row_holds_is_seen_in_long(week: tuple[Path, Run]) -> None:
    """`long/` is scored like the rows of `eval/`, so it must not have been trained on either."""
    data, run = week
    (data / "long").mkdir()
    (data / "long" / "eval.jsonl").write_text(json.dumps(row(3)) + "\n")
    export(data, [row(n) for n in (0, 1)], [row(n) for n in (10, 11)])
    side = side_of(run)
    assert side.then
    assert "of the 3 rows" in side.note
    assert "at least 1" in side.note


@pytest.mark.parametrize("public", ["general-07d1", "canary-0-0"])
def test_a_name_that_all_states_share_proves_nothing(public: str, tmp_path: Path) -> None:
    data = export(tmp_path / "data", [row(0), row(1), row(2, lineage=public)], [row(10)])
    run = trained(tmp_path / "run", data)
    others = [row(n, state="two") for n in (3, 4)]
    export(data, [*others, row(2, lineage=public)], [row(20, state="two")])
    side = side_of(run)
    assert side.then
    assert "another private state" in side.note


def test_a_run_that_noted_no_digest_of_the_test_takes_the_export_as_it_is(
    week: tuple[Path, Run],
) -> None:
    data, run = week
    del run.record["data"]["held"]
    export(data, [row(n) for n in range(6)], [row(12), row(10), row(11)])
    assert side_of(run).then


def test_an_arm_that_knows_the_same_sessions_or_the_same_test_is_known(
    week: tuple[Path, Run], tmp_path: Path
) -> None:
    data, run = week
    side = side_of(run)
    other = export(tmp_path / "other", [row(60), row(61)], [row(10)])
    trained(tmp_path / "later", other)
    trained(tmp_path / "twin", data)
    shutil.rmtree(tmp_path / "twin" / "data")
    assert check_arms(run, side, [f"{n}={tmp_path / n}" for n in ("later", "twin")]) == []


def test_a_run_is_no_arm_against_itself(tmp_path: Path) -> None:
    """An answer that stands on both sides of its export makes it no other run."""
    data = export(tmp_path / "data", [row(1), row(6, LONG)], [row(10, LONG), row(11)])
    run = trained(tmp_path / "run", data)
    twin = trained(tmp_path / "twin", data)
    side = side_of(run)
    with pytest.raises(UsageError, match="at least 1 of the 2 rows"):
        check_arms(run, side, [f"twin={twin.folder}"])
    assert check_arms(run, side, [f"mine={run.folder}"]) == []


def test_an_arm_of_another_state_is_said_to_be_unknown(
    week: tuple[Path, Run], tmp_path: Path
) -> None:
    """Its rows may be the same sessions under other pseudonyms."""
    _, run = week
    other = export(
        tmp_path / "other", [row(n, state="two") for n in (50, 51)], [row(52, state="two")]
    )
    trained(tmp_path / "away", other)
    said = check_arms(run, side_of(run), [f"away={tmp_path / 'away'}"])
    assert len(said) == 1
    assert "another private state" in said[0]


def test_mixed_in_rows_that_nearly_repeat_the_test_are_advised_against() -> None:
    """Another export of the same sessions has other pseudonyms: by its tokens no row is a copy."""
    text, home = " ".join(f"word{n} of the plan {n * n}" for n in range(60)), "/ho" + "me"
    held = row(10, f"In {home}/ada/work it reads: {text}")
    copy = row(10, f"In {home}/bob/work it reads: {text}", lineage="general-1")
    other = row(40, "Nothing that anybody asked here.", lineage="general-2")

    def told(*mixed: dict[str, Any]) -> list[tuple[str, str]]:
        train = tuple(Row(f"train/openai.jsonl:{n}", r) for n, r in enumerate((row(1), *mixed), 1))
        data = DataSet("data", train, (Row("eval/openai.jsonl:1", held),), "", ())
        return [(check.level, check.seen) for check in _mixed_in(data)]

    assert told() == []
    assert told(other) == [("good", "1 row, none a copy of a held-out one")]
    ((level, seen),) = told(other, copy)
    assert level == "soft"
    assert seen.startswith("they repeat 1 of 1 held-out row")
