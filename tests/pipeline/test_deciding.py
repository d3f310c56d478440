"""Decisions that are taken over are those that would be made anew."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.steps.steps_synth import branch, dialogue, nearly

from sessiontune import notes
from sessiontune.candidates import keys_of, meeting
from sessiontune.decisions import SplitOptions
from sessiontune.model import Session
from sessiontune.pipeline import deciding
from sessiontune.pipeline.deciding import Decided, decided
from sessiontune.steps.dedupe import mark

BY_TIME, BY_PROJECT = SplitOptions(), SplitOptions(by="project")


class Memory:
    """What `decided` needs of the state. A unit has one session, its key tells its content."""

    def __init__(self, known: dict[str, bytes] | None = None) -> None:
        self.known = dict(known or {})

    def memory(self, name: str) -> bytes | None:
        return self.known.get(name)

    def remember(self, name: str, value: bytes) -> None:
        self.known[name] = value

    def decide(self, sessions: list[Session], options: SplitOptions = BY_TIME) -> Decided:
        marks = [mark(s) for s in sessions]
        met = meeting([(m.key, keys_of(m)) for m in marks])
        stands = [(m.digest, 0) for m in marks]
        found = decided(marks, stands, met, lambda: marks, options, self)  # type: ignore[arg-type]
        self.remember("split", msgspec.msgpack.encode(found.memory))
        return found


def many(n: int, seed: int) -> list[Session]:
    """Sessions that are alike in nothing, some near copies, and branches."""
    alone = [dialogue(f"s{i}", seed * 1000 + i, at=_day(i)) for i in range(n)]
    copies = [nearly(s, f"{s.key}-copy", seed + i) for i, s in enumerate(alone[::5])]
    return alone + copies + [branch(s, f"{s.key}-branch", seed + 7) for s in alone[1::6]]


def _day(n: int) -> str:
    return f"2026-{1 + n // 28:02}-{1 + n % 28:02}T00:00:00Z"


def _forbidden(*_: object) -> None:
    raise AssertionError("it was decided anew")


@given(st.integers(2, 40), st.integers(0, 99), st.sampled_from([BY_TIME, BY_PROJECT]), st.data())
@settings(max_examples=40)
def test_what_is_taken_over_is_what_would_be_decided(
    n: int, seed: int, options: SplitOptions, data: st.DataObject
) -> None:
    sessions = many(n, seed)
    state = Memory()
    for _ in range(3):  # the second time the memory stays as it is
        state.decide(sessions, options)
    for turn in range(3):
        i = data.draw(st.integers(0, len(sessions) - 1))
        old = sessions[i]
        sessions[i] = dialogue(old.key, seed * 1000 + 500 + turn, at=_day(n + turn))
        Random(turn).shuffle(sessions)
        anew = Memory({"split": state.known["split"]}).decide(sessions, options)
        assert state.decide(sessions, options) == anew


def test_a_line_more_in_a_session_that_meets_no_other_is_not_decided_anew() -> None:
    sessions = many(40, 3)
    state = Memory()
    first = state.decide(sessions)
    state.decide(sessions)
    sessions[2] = dialogue("s2", 77, turns=9, at="2027-01-01T00:00:00Z")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "decide", _forbidden)
        assert state.decide(sessions).decisions == first.decisions
        for other in (
            [*sessions, dialogue("new", 5)],  # a session more, a session less
            sessions[:-1],
            [*sessions[:2], nearly(sessions[7], "s2", 1), *sessions[3:]],  # it meets one now
        ):
            with pytest.raises(AssertionError):
                state.decide(other)
        with pytest.raises(AssertionError):
            state.decide(sessions, SplitOptions(share=0.3))


def test_where_folds_are_dealt_the_time_counts() -> None:
    sessions = [dialogue(f"s{i}", i, at=_day(i)) for i in range(6)]
    state = Memory()
    for _ in range(2):
        state.decide(sessions)
    sessions[0] = dialogue("s0", 0, at=_day(99))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "decide", _forbidden)
        with pytest.raises(AssertionError):
            state.decide(sessions)


def test_a_note_of_another_version_is_not_read() -> None:
    sessions = many(20, 1)
    state = Memory()
    for _ in range(2):
        first = state.decide(sessions)
    state.known[notes.DECIDED] = msgspec.msgpack.encode([1, 2])
    assert state.decide(sessions) == first
