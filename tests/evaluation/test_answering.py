"""Answers written several at once are those written one by one, however many fit."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontune.evaluation.answering import ALIKE, THOUGHTS, Answerer, Asked, batches
from sessiontune.evaluation.arms import Arm
from sessiontune.evaluation.cache import Table
from sessiontune.evaluation.callforms import said_in, still_thinking
from sessiontune.evaluation.heldout import Run
from sessiontune.evaluation.local import Lab, Prompt
from sessiontune.evaluation.remote import THINKING, Remote, Reply, understood
from sessiontune.templating import Template

BASE = Arm(name="base", kind="base", digest="b")
STOP = 7


@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(1, 100)), max_size=40),
    st.integers(1, 9),
    st.integers(1, 900),
)
def test_each_prompt_is_in_one_batch_that_fits(
    sizes: list[tuple[int, int]], rows: int, room: int
) -> None:
    prompts = {str(n): Prompt([1] * length, most) for n, (length, most) in enumerate(sizes)}
    made = list(batches(prompts, rows, room))
    assert sorted(n for batch in made for n in batch) == sorted(prompts)
    for batch in made:
        lengths = [len(prompts[n].ids) for n in batch]
        full = max(lengths) + max(prompts[n].most for n in batch)
        assert len(batch) == 1 or len(batch) * full <= room
        assert len(batch) <= rows
        assert min(lengths) >= ALIKE * max(lengths)


def test_what_is_asked_twice_is_answered_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(self: Remote, messages: Any, tools: Any, most: int) -> Reply:
        asked.append(messages[0]["content"])
        failed = "busy" if asked == ["b"] else ""
        return Reply("" if failed else f"{asked[-1]} {len(asked)}", failed=failed)

    monkeypatch.setattr(Remote, "answer", answer)
    arm = Arm(name="far", kind="endpoint", digest="f", url="http://127.0.0.1:9/v1")
    table = Table(tmp_path / "table.jsonl")
    seen: list[tuple[int, int]] = []

    def replies(*words: str) -> list[str]:
        questions = [Asked([{"role": "user", "content": word}], None, 9) for word in words]
        found = Answerer(arm, table).replies(
            questions, lambda *now: seen.append(now[:2]), "answers"
        )
        return [reply.failed or reply.text for reply in found]

    assert replies("b", "a", "b") == ["busy", "a 2", "busy"]
    assert seen == [(2, 3), (3, 3)]
    assert replies("a", "b", "c", "b") == ["a 2", "b 3", "c 4", "b 3"]
    assert asked == ["b", "a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("<think>\nFirst I look", True),
        ("\n<think>a</think>\n\nDone and", False),
        ("<think>I might use </tool_call>, or not", True),
        ("<think>enough\n<tool_call>\n{", False),
        ("<|channel|>analysis<|message|>We need", True),
        ("<|channel|>analysis<|message|>We need.<|end|><|start|>assistant", False),
        ("<|channel>thought\nSo the", True),
        ("<|channel>thought\nSo.<channel|>It is", False),
        ("[THINK]Well", True),
        ("[THINK]Well[/THINK]The", False),
        ("The parser strips the <think> mark and", False),
    ],
)
def test_an_answer_cut_inside_its_thought_is_told_from_one_cut_later(text: str, cut: bool) -> None:
    assert still_thinking(text) is cut


def test_an_endpoint_that_thought_to_the_end_is_no_empty_answer() -> None:
    def reply(reason: str, **message: str) -> Reply:
        choice = {"message": {"role": "assistant", **message}, "finish_reason": reason}
        return understood(json.dumps({"choices": [choice]}).encode())

    assert reply("length", content="", reasoning_content="Let me see").failed == THINKING
    assert reply("length", content="<think>Let me see").failed == THINKING
    assert reply("stop", content="", reasoning_content="Let me see").failed == "empty answer"
    assert reply("length", content="It is", reasoning="Let me see") == Reply("It is", thought=True)


models = pytest.mark.models


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    pytest.importorskip("torch")
    from sessiontune.training.tiny import make_tiny

    folder = tmp_path_factory.mktemp("answering")
    make_tiny(folder / "base", ["some words to learn from"], vocab=400)
    lab = Lab(Run(folder, {"base": {"path": "base"}, "method": "lora"}), "cpu")
    with lab.model(BASE) as model:  # weights far enough apart that no choice hangs by rounding
        lab.torch.manual_seed(3)
        for weights in model.parameters():
            weights.data.normal_(0, 0.4)
    return lab


def some_prompts() -> list[Prompt]:
    rng = random.Random(2)
    sizes = ((40, 12), (31, 30), (52, 3), (44, 20), (33, 1))
    return [Prompt([rng.randrange(8, 300) for _ in range(n)], most) for n, most in sizes]


def alone(lab: Lab, prompts: list[Prompt], stop: list[int]) -> list[list[int]]:
    return [lab.answers(BASE, [one], stop)[0] for one in prompts]


@models
def test_together_they_say_what_they_say_alone(lab: Lab) -> None:
    prompts = some_prompts()
    single = alone(lab, prompts, [STOP])
    assert lab.answers(BASE, prompts, [STOP]) == single
    assert [len(out) for out in single] == [one.most for one in prompts]
    assert len({tuple(out[:1]) for out in single}) > 1


@models
def test_an_answer_ends_with_its_own_stop_token(lab: Lab) -> None:
    """The others of the batch go on; what pads the ended one is not part of it."""
    prompts = some_prompts()
    stop = alone(lab, prompts, [STOP])[1][4]
    single = alone(lab, prompts, [stop])
    assert single[1][-1] == stop
    assert len(single[1]) < prompts[1].most
    assert lab.answers(BASE, prompts, [stop]) == single


@models
def test_a_full_card_writes_fewer_at_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = some_prompts()
    single = alone(lab, prompts, [STOP])
    whole, asked = lab._written, []

    def small(model: Any, part: list[Prompt], stop: list[int]) -> list[list[int]]:
        asked.append(len(part))
        if len(part) > 2:
            raise lab.torch.OutOfMemoryError("CUDA out of memory.")
        return whole(model, part, stop)

    monkeypatch.setattr(lab, "room", lab.room)
    monkeypatch.setattr(lab, "_written", small)
    assert lab.answers(BASE, prompts, [STOP]) == single
    assert asked.count(5) == 1
    asked.clear()
    assert lab.answers(BASE, prompts, [STOP]) == single
    assert 5 not in asked  # what was too much is not tried again


@models
def test_a_recurrent_model_is_given_no_padding(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = some_prompts()
    single = alone(lab, prompts, [STOP])
    seen = []
    with lab.model(BASE) as model:
        whole = model.generate
        monkeypatch.setattr(model, "_is_stateful", True, raising=False)
        monkeypatch.setattr(model, "generate", lambda **given: seen.append(given) or whole(**given))
        assert lab.answers(BASE, prompts, [STOP]) == single
    assert all(given["attention_mask"].all() for given in seen)


@models
def test_base_and_adapter_in_one_process(lab: Lab, tmp_path: Path) -> None:
    """Shared weights: the adapter is put on for its own answers, and off for the base's."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(lab.run.base)
    tuned = get_peft_model(loaded, LoraConfig(r=4, target_modules=["q_proj"]))
    for name, weights in tuned.named_parameters():
        if "lora_B" in name:
            weights.data.normal_(0, 1)
    tuned.save_pretrained(tmp_path / "adapter")
    arm = Arm(name="tuned", kind="adapter", digest="t", path=str(tmp_path / "adapter"))
    ids = list(range(20, 40))
    lab.loss(arm, ids, ids)  # as an evaluation does: the losses come first
    prompts = some_prompts()
    base, changed = lab.answers(BASE, prompts, [STOP]), lab.answers(arm, prompts, [STOP])
    assert lab.answers(BASE, prompts, [STOP]) == base
    assert changed != base


#: As Qwen3's: thoughts of the last answer are shown, and a model is free to think.
THINKS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.reasoning_content %}<think>\n"
    "{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPENED = THINKS.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")


class Scripted:
    """A lab whose model always writes the same, as far as it may."""

    rows, room = 16, 32_768

    def __init__(self, tokenizer: Any, text: str) -> None:
        self.tokenizer = tokenizer
        self.written = tokenizer(text, add_special_tokens=False)["input_ids"]
        self.limits: list[int] = []
        self.given: set[tuple[int, ...]] = set()

    def answers(self, arm: Arm, prompts: list[Prompt], stop: list[int]) -> list[list[int]]:
        self.limits += [one.most for one in prompts]
        self.given |= {tuple(one.ids) for one in prompts}
        return [[*self.written, *stop][: one.most] for one in prompts]


@models
@pytest.mark.parametrize("source", [THINKS, OPENED])
def test_a_base_that_thinks_comes_to_its_answer(lab: Lab, tmp_path: Path, source: str) -> None:
    """Its thoughts have room of their own; where that is not enough, the case is no answer."""
    template = Template(source, lab.tokenizer)
    head = "" if source is OPENED else "<think>\n"
    question = Asked([{"role": "user", "content": "words " * 100}], None, 160)

    def answered(words: int, name: str) -> tuple[Reply, list[int]]:
        script = Scripted(lab.tokenizer, f"{head}{'words ' * words}</think>\n\nto learn from")
        asker = Answerer(BASE, Table(tmp_path / name), script, template, ["<|im_end|>"])  # type: ignore[arg-type]
        first, again = (asker.replies([question], lambda *_: None, "")[0] for _ in "ab")
        assert first == again
        assert len(script.given) == 1  # thoughts take no room from the conversation
        return first, script.limits

    size = len(lab.tokenizer("words " * 100, add_special_tokens=False)["input_ids"]) / 100
    for tokens in (158, 900):  # the answer is cut, or the thought
        reply, limits = answered(int(tokens / size), f"{tokens}")
        assert (said_in(reply.text), reply.stopped, reply.failed) == ("to learn from", True, "")
        assert limits == [160, 160 + THOUGHTS]
    reply, limits = answered(int(3_000 / size), "many")
    assert (reply.stopped, reply.failed, len(limits)) == (False, THINKING, 2)


@models
def test_one_that_does_not_think_has_no_more(lab: Lab, tmp_path: Path) -> None:
    script = Scripted(lab.tokenizer, "words " * 900)
    template = Template(THINKS, lab.tokenizer)
    asker = Answerer(BASE, Table(tmp_path / "t"), script, template, ["<|im_end|>"])  # type: ignore[arg-type]
    question = Asked([{"role": "user", "content": "words"}], None, 160)
    reply = asker.replies([question], lambda *_: None, "")[0]
    assert (reply.stopped, reply.failed, script.limits) == (False, "", [160])
