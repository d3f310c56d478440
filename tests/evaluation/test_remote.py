"""Faults of an endpoint are asked again or recorded; nothing is counted twice; resume asks less."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sessiontune.evaluation.actions import ActionCase, answer_all
from sessiontune.evaluation.answering import Answerer
from sessiontune.evaluation.arms import Arm
from sessiontune.evaluation.cache import Cache
from sessiontune.evaluation.callforms import Call, calls_in
from sessiontune.evaluation.compare import action_measures, failures_of
from sessiontune.evaluation.remote import Limits, Remote, understood

from .conftest import ModelServer, completion

ASK = [{"role": "user", "content": "List the files."}]
QUICK = Limits(wait=0.5, whole=1, tries=2)
#: Where nothing is waited for: a machine that has much to do answers late.
PATIENT = Limits(wait=30, whole=60, tries=2)


def remote(server: ModelServer) -> Remote:
    limits = QUICK if {"slow", "endless"} & set(server.script) else PATIENT
    return Remote(server.url, "m", limits, sleep=lambda seconds: None)


@pytest.mark.parametrize(
    "faults",
    [["429"], ["500", "503"], ["cut"], ["json"], ["empty"], ["nothing"], ["slow"], ["shape"]],
)
def test_a_passing_fault_is_asked_again(model_server: ModelServer, faults: list[str]) -> None:
    model_server.script = list(faults)
    found = remote(model_server).answer(ASK)
    assert (found.text, found.failed) == ("fine", "")
    assert len(model_server.asked) == len(faults) + 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("429", "status 429 (asked again): busy"),
        ("500", "status 500"),
        ("400", "status 400: busy"),
        ("cut", "broken answer"),
        ("json", "invalid JSON"),
        ("empty", "empty answer"),
        ("nothing", "empty answer"),
        ("slow", "no answer"),
        ("endless", "endless answer"),
        ("shape", "no chat completion"),
    ],
)
def test_a_lasting_fault_is_recorded_with_its_reason(
    model_server: ModelServer, fault: str, reason: str
) -> None:
    model_server.script = [fault] * 12
    found = remote(model_server).answer(ASK)
    assert reason in found.failed
    assert not found.text
    assert len(model_server.asked) <= 4


def test_nobody_there() -> None:
    found = Remote("http://127.0.0.1:9/v1", limits=QUICK, sleep=lambda s: None).answer(ASK)
    assert found.failed.startswith("no answer")


def test_calls_come_back_in_the_form_that_is_scored() -> None:
    call = {"id": "1", "function": {"name": "Read", "arguments": '{"path": "a.py"}'}}
    found = understood(completion("Look.", tool_calls=[call]))
    assert calls_in(found.text) == ([Call("Read", {"path": "a.py"})], 0)
    whole = {"function": {"name": "Read", "arguments": {"path": "a.py"}}}  # some servers decode it
    assert calls_in(understood(completion("", tool_calls=[whole])).text)[0][0].name == "Read"


def case(number: int) -> ActionCase:
    context = ({"role": "user", "content": f"Question {number}", "train": True},)
    return ActionCase(f"eval:{number}#1", f"l{number}", context, "[]", (), "fine")


def asker(server: ModelServer, folder: Path) -> Answerer:
    arm = Arm(name="far", kind="endpoint", digest="d", url=server.url)
    made = Answerer(arm, Cache(folder).table("answer", "d"))
    made._remote = remote(server)
    return made


def test_the_run_goes_on_and_resume_asks_only_for_what_is_missing(
    model_server: ModelServer, tmp_path: Path
) -> None:
    cases = [case(n) for n in range(6)]
    model_server.script = ["", "", "400", ""]
    first = answer_all(asker(model_server, tmp_path), cases, lambda *_: None)
    assert [bool(a.failed) for a in first] == [False, False, True, False, False, False]
    assert len(model_server.asked) == 6
    assert failures_of({"far": first})[0].cases == 1
    assert all(m.found.cases == 5 for m in action_measures(cases, first, first))

    model_server.asked.clear()
    again = answer_all(asker(model_server, tmp_path), cases, lambda *_: None)
    assert [q["messages"][0]["content"] for q in model_server.asked] == ["Question 2"]
    assert not any(a.failed for a in again)
    assert all(m.found.cases == 6 for m in action_measures(cases, again, again))

    model_server.asked.clear()
    answer_all(asker(model_server, tmp_path), cases, lambda *_: None)
    assert model_server.asked == []


def test_what_is_sent_holds_no_marks_of_ours(model_server: ModelServer, tmp_path: Path) -> None:
    answer_all(asker(model_server, tmp_path), [case(1)], lambda *_: None)
    body = model_server.asked[0]
    assert body["messages"] == [{"role": "user", "content": "Question 1"}]
    assert "tools" not in body
    assert body["temperature"] == 0


def test_an_answer_cut_in_the_middle_of_a_sign_is_kept(tmp_path: Path) -> None:
    raw = b'{"choices":[{"message":{"content":"hi \\ud83d"},"finish_reason":"length"}]}'
    reply = understood(raw)
    table = Cache(tmp_path).table("answer", "a")
    table.put("k", msgspec.to_builtins(reply))
    assert (reply.text, reply.failed) == ("hi \ufffd", "")
    assert Cache(tmp_path).table("answer", "a").get("k")["text"] == reply.text
