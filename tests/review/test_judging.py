"""Verdicts of the page: the same as `drop` makes, with the way back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessiontune.cli.main import main
from sessiontune.errors import StoreError, UsageError
from sessiontune.model import Verdict
from sessiontune.review.judging import Judging
from sessiontune.store import Store

from .conftest import World


def _verdicts(world: World) -> dict[str, Verdict]:
    with Store(world.state, write=False) as store:
        return store.verdicts()


def _judging(world: World) -> Judging:
    return Judging(world.state, {m["thread"] for m in world.lines()})


def test_what_is_dropped_leaves_the_next_export_and_comes_back(world: World) -> None:
    judging, thread = _judging(world), world.thread("Question 5")
    judging.judge([thread], "drop", "of no use")
    assert _verdicts(world)[thread].note == "of no use"
    world.export()
    assert thread not in {m["thread"] for m in world.lines()}
    assert main(["drop", thread, "--undo", "--state", str(world.state)]) == 0
    world.export()
    assert thread in {m["thread"] for m in world.lines()}


def test_a_verdict_on_one_epoch_gives_way_to_the_threads(world: World) -> None:
    """It would count before it, so that a thread which is kept again would stay away."""
    thread = world.thread("Question 5")
    (key,) = {m["id"] for m in world.lines() if m["thread"] == thread}
    assert main(["drop", key, "--state", str(world.state)]) == 0
    judging = _judging(world)
    assert judging.before[thread].decision == "drop"
    judging.judge([thread], "keep", "")
    world.export()
    assert thread in {m["thread"] for m in world.lines()}
    assert judging.undo()[thread] == _verdicts(world)[key]
    world.export()
    assert thread not in {m["thread"] for m in world.lines()}


def test_threads_that_the_state_does_not_know_are_refused(world: World, tmp_path: Path) -> None:
    judging, thread = _judging(world), world.thread("Question 5")
    with pytest.raises(UsageError, match="does not know thread nowhere"):
        judging.judge([thread, "nowhere"], "drop", "")
    assert _verdicts(world) == {}
    assert judging.steps == 0
    assert Judging(world.state, {thread, "nowhere"}).known == {thread}  # and no other export's

    stranger = Judging(tmp_path / "other", {thread})
    assert stranger.known == frozenset()
    assert not (tmp_path / "other").exists()
    (tmp_path / "mine").mkdir()
    Judging(tmp_path / "mine", {thread})
    assert list((tmp_path / "mine").iterdir()) == []
    assert stranger.origins([thread]) == {}
    with pytest.raises(UsageError):
        stranger.judge([thread], "keep", "")


def test_while_an_export_runs_nothing_is_lost(world: World) -> None:
    judging, thread = _judging(world), world.thread("Question 5")
    judging.judge([thread], "keep", "")
    with Store(world.state, write=True):
        with pytest.raises(StoreError, match="Another run"):
            judging.judge([thread], "drop", "")
        with pytest.raises(StoreError, match="Another run"):
            judging.undo()
    assert judging.steps == 1
    assert judging.undo() == {thread: None}
    assert _verdicts(world) == {}


def test_a_state_that_was_deleted_is_not_made_anew(world: World) -> None:
    judging, thread = _judging(world), world.thread("Question 5")
    judging.judge([thread], "keep", "")
    world.state.rename(world.folder / "elsewhere")
    for change in (lambda: judging.judge([thread], "drop", ""), judging.undo):
        with pytest.raises(UsageError, match="is gone"):
            change()
    assert judging.origins([thread]) == {}
    assert not world.state.exists()


def test_where_a_message_came_from(world: World) -> None:
    thread = world.thread("Question 5")
    mine = [m for m in world.lines() if m["thread"] == thread]
    told = _judging(world).origins({m["id"] for m in mine})
    places = [(Path(file).name, line) for m in mine for file, line in told[m["message_id"]]]
    assert places == [("s5.jsonl", 1), ("s5.jsonl", 2)]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(
        st.tuples(
            st.sets(st.integers(0, 3), min_size=1), st.sampled_from(["keep", "drop"]), st.booleans()
        ),
        max_size=5,
    )
)
def test_undo_leads_all_the_way_back(
    world: World, changes: list[tuple[set[int], str, bool]]
) -> None:
    names = sorted({m["thread"] for m in world.lines()})
    judging, before = _judging(world), _verdicts(world)
    for chosen, decision, note in changes:
        judging.judge([names[n] for n in chosen], decision, "why" if note else "")  # type: ignore[arg-type]
    for _ in changes:
        judging.undo()
    assert _verdicts(world) == before
    assert judging.undo() == {}
