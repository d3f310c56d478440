"""What the trainers in environments of their own get, and how they are gone on with."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from exports import conversation
from plans import job_of

from sessiontune.ports import Job
from sessiontune.runtime import trainothers as others
from sessiontune.runtime.follow import follow
from sessiontune.runtime.process import write_files
from sessiontune.templating import IGNORED, Template
from sessiontune.training.data import Row
from sessiontune.training.others import HOOK, hook_files, message_rows, turns_alone
from sessiontune.training.prepare import Prepared, prepare

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def template(tiny: Path) -> Template:
    return Template.load(tiny)


@pytest.fixture(scope="module")
def made(template: Template) -> Prepared:
    rows = [Row(str(i), conversation(i)) for i in range(9)]
    return prepare(rows, template, 2048, None, keep_sources=True)


def test_answers_alone_hold_the_same_trained_tokens(template: Template, made: Prepared) -> None:
    """One row an answer: together they train what the whole examples train, token for token."""
    rows, tokens = turns_alone(made, template.tokenizer)
    assert len(rows) == made.targets == sum(len(e.ends) for e in made.examples)

    whole = sorted(i for e in made.examples for i in e.labels if i != IGNORED)
    alone = sorted(i for e in tokens for i in e.labels if i != IGNORED)
    assert whole == alone
    assert all(row["after"].endswith("<|im_end|>") for row in rows)
    assert all(row["before"].endswith("<|im_start|>assistant\n") for row in rows)


def test_messages_carry_the_flag_of_each_turn(made: Prepared) -> None:
    for number, row in enumerate(message_rows(made)):
        flags = [m["train"] for m in row["messages"] if m["role"] == "assistant"]
        assert flags == ([False, True, True] if number % 3 == 0 else [True, True])
        assert not any(m["train"] for m in row["messages"] if m["role"] != "assistant")
        calls = [c for m in row["messages"] for c in m.get("tool_calls", ())]
        assert all(isinstance(c["function"]["arguments"], str) for c in calls)


def test_control_tokens_of_a_log_are_split_for_trainers_that_render(template: Template) -> None:
    row = conversation(1)
    row["messages"][0]["content"] = "what is <|im_end|> for?"
    made = prepare([Row("x", row)], template, 2048, None, keep_sources=True)
    rows, tokens = turns_alone(made, template.tokenizer)
    stop = template.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert "< |im_end|> for" in rows[0]["before"]
    assert [i for i in tokens[0].labels if i == stop] == [stop]
    assert tokens[0].ids.count(stop) == made.examples[0].ids[: len(tokens[0].ids)].count(stop)


@pytest.mark.parametrize("trainer", ["llamafactory", "axolotl", "unsloth"])
def test_going_on_keeps_the_users_edits(trainer: str, tmp_path: Path) -> None:
    job = job_of(trainer, "llama", "lora")
    write_files(job, tmp_path)
    assert others.resumed(job, tmp_path) == job
    for step in (9, 20):
        state = tmp_path / "checkpoints" / f"checkpoint-{step}" / "trainer_state.json"
        state.parent.mkdir(parents=True)
        state.write_text("{}")
    yaml = tmp_path / "trainer" / f"{trainer}.yaml"
    if trainer == "unsloth":
        assert others.resumed(job, tmp_path).argv[-1] == "--resume"
        return
    yaml.write_text(yaml.read_text() + "my_own: 1\nresume_from_checkpoint: old\n")
    others.resumed(job, tmp_path)
    text = yaml.read_text()
    assert "my_own: 1" in text
    assert text.count("resume_from_checkpoint") == 1
    assert "resume_from_checkpoint: checkpoints/checkpoint-20" in text


TRAINER = """
class TrainerCallback: pass
class Plain: pass
DEFAULT_CALLBACKS = [Plain]
"""
#: A trainer of three steps, as transformers' own would call its callbacks.
STEPS = """
import importlib, importlib.util, json, pathlib, types
assert importlib.util.find_spec("transformers.trainer")  # only asked, as Unsloth does
trainer = importlib.import_module("transformers.trainer")
(watcher,) = [c() for c in trainer.DEFAULT_CALLBACKS if c is not trainer.Plain]
control = types.SimpleNamespace(should_save=False, should_training_stop=False)
state = types.SimpleNamespace(global_step=0, epoch=0.0, max_steps=3, is_world_process_zero=True)
watcher.on_log(None, state, control, logs={"eval_loss": 7.5})
while state.global_step < 3 and not control.should_training_stop:
    state.global_step += 1
    watcher.on_log(None, state, control, logs={"loss": 6.0, "learning_rate": 0.1})
    if state.global_step == 2:
        pathlib.Path("trainer/stop").write_text("")
    watcher.on_step_end(None, state, control)
print(json.dumps([state.global_step, control.should_save]))
"""


def test_the_watcher_tells_and_stops_a_trainer_of_another_environment(tmp_path: Path) -> None:
    """Read by that Python at its start, with transformers and torch that are not ours."""
    write_files(Job(name="x", files=hook_files()), tmp_path)
    fake = tmp_path / "fake"
    for name, text in (
        ("transformers/__init__.py", ""), ("transformers/trainer.py", TRAINER),
        ("torch/__init__.py", ""), ("torch/distributed.py", "is_available = lambda: False"),
    ):  # fmt: skip
        (fake / name).parent.mkdir(parents=True, exist_ok=True)
        (fake / name).write_text(text)
    env = {"PYTHONPATH": os.pathsep.join((HOOK, str(fake)))}
    events: list[dict[str, Any]] = []
    job = Job(name="x", argv=(sys.executable, "-c", STEPS), env=env)
    code, tail = follow(job, tmp_path, events.append, tmp_path / "trainer" / "stop")
    assert code == 0
    assert json.loads(tail[-1]) == [2, True]
    told = [(e["kind"], e["step"], e["loss"]) for e in events if e["event"] == "metric"]
    assert told == [("base", 0, 7.5), ("train", 1, 6.0), ("train", 2, 6.0)]
    assert others.stopped_at(tmp_path, 3) == 0
    (tmp_path / "trainer" / "stop").unlink()
    assert others.stopped_at(tmp_path, 3) is None


def test_looking_at_an_environment_is_as_offline_as_its_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A trainer that is merely imported would ask its hub, or tell that it was started."""
    from sessiontune.runtime import trainersenv

    seen: list[Job] = []
    monkeypatch.setattr(trainersenv, "run_kept", lambda job, *_: (seen.append(job) or 0, []))
    assert trainersenv._ran([sys.executable, "-c", trainersenv.PROBE["axolotl"]], print)[0] == 0
    wanted = {"HF_HUB_OFFLINE": "1", "AXOLOTL_DO_NOT_TRACK": "1"}
    assert wanted.items() <= dict(seen[0].env).items()
