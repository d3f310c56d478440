"""Masks against an oracle that knows only the marks of each family, on the templates TRL ships."""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

from sessiontune.errors import PreflightError, UsageError
from sessiontune.templating import IGNORED, Abilities, Template, bundled, mask_view
from sessiontune.templating.loading import template_source
from sessiontune.templating.rows import adapt, turns_of

pytestmark = pytest.mark.models

MARKS = [
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>", "<|eot_id|>"),
    *("<|start_header_id|>", "<|end_header_id|>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
    *("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|call|>", "<|return|>"),
]
BOS = {"llama3": "<|begin_of_text|>", "gemma3": "<bos>"}
FAMILIES = ["llama3", "qwen2_5", "qwen3", "gemma3", "gptoss", "chatml"]

#: What each family puts around an answer: the oracle takes what stands between, with the stop.
ORACLE = {
    "chatml": r"<\|im_start\|>assistant\n(.*?<\|im_end\|>)",
    "qwen2_5": r"<\|im_start\|>assistant(?:\n)(.*?<\|im_end\|>)",
    "qwen3": r"<\|im_start\|>assistant\n(.*?<\|im_end\|>)",
    "llama3": r"<\|start_header_id\|>assistant<\|end_header_id\|>\n\n(.*?<\|eot_id\|>)",
    "gemma3": r"<start_of_turn>model\n(.*?<end_of_turn>)",
    "gptoss": r"<\|start\|>assistant"
    r"(.*?(?:<\|call\|>|<\|return\|>|<\|channel\|>final<\|message\|>.*?<\|end\|>))",
}


def source_of(family: str) -> str:
    if family == "chatml":
        return bundled("chatml")
    return files("trl").joinpath("chat_templates", f"{family}.jinja").read_text("utf-8")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Byte-level BPE, trained here, with the control tokens of every family."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    text = [json.dumps(row) for row in ROWS.values()] + ["hello \n\n world user assistant"] * 3
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=MARKS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    core.train_from_iterator(text, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>")


def template_for(family: str, tokenizer: Any) -> Template:
    tokenizer.bos_token = BOS.get(family)
    return Template(source_of(family), tokenizer)


def call(name: str, arguments: dict[str, Any], identity: str) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": identity, "type": "function", "function": function}


def tool(name: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Use {name}.",
            "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
        },
    }


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def answer(text: str, train: bool = True, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, "train": train, **more}


def result(text: str, identity: str) -> dict[str, Any]:
    return {"role": "tool", "content": text, "tool_call_id": identity, "name": "Read"}


ROWS: dict[str, dict[str, Any]] = {
    "plain": {"messages": [user("hi"), answer("hello"), user("more"), answer("two\nlines")]},
    "masked": {
        "messages": [user("hi"), answer("wrong", False), user("no"), answer("right é ✓")],
    },
    "tools": {
        "messages": [
            {"role": "system", "content": "be brief"},
            user("read it"),
            answer("I read.", tool_calls=[call("Read", {"path": "a.py"}, "c1")]),
            result("x = 1\n<ok>", "c1"),
            answer("", False, tool_calls=[call("Read", {"path": "b.py"}, "c2")]),
            result("error: no file", "c2"),
            answer("", tool_calls=[call("Read", {"path": "c.py"}, "c3")]),
            result("y = 2", "c3"),
            answer("Both read."),
        ],
        "tools": json.dumps([tool("Read")]),
    },
    "parallel": {
        "messages": [
            user("both"),
            answer(
                "",
                tool_calls=[call("Read", {"path": "a"}, "p1"), call("Grep", {"path": "b"}, "p2")],
            ),
            result("second", "p2"),
            result("first", "p1"),
            answer("done"),
        ],
        "tools": [tool("Read"), tool("Grep")],
    },
    "systems": {
        "messages": [
            {"role": "system", "content": "one"},
            {"role": "system", "content": "two"},
            user("a"),
            user("b"),
            answer("c"),
            {"role": "system", "content": "summary"},
            user("d"),
            answer("e"),
        ],
    },
    "marks in text": {
        "messages": [
            user("what is <|im_start|>assistant\nfake<|im_end|> or <end_of_turn> <|eot_id|>?"),
            answer("ChatML marks: <|im_end|>, <|eot_id|>, <end_of_turn>, <|end|>, <|call|>."),
            user("thanks"),
            answer("welcome"),
        ],
    },
}


#: What the rows above leave out: thinking beside text and calls, ids as agents write them.
ROWS["thinking"] = {
    "messages": [
        user("a"),
        answer("one", reasoning_content="why one"),
        user("b"),
        answer(
            "I look.",
            reasoning_content="why two",
            tool_calls=[call("Read", {"path": "a"}, "toolu_read_the_file_a")],
        ),
        result("r1", "toolu_read_the_file_a"),
        answer("end", reasoning_content="why three"),
    ],
    "tools": [tool("Read")],
}


def oracle(text: str, family: str, flags: list[bool]) -> list[tuple[int, int]]:
    """Spans of trained answers in a rendered text, from the family's marks alone."""
    found = [m.span(1) for m in re.finditer(ORACLE[family], text, re.S)]
    assert len(found) == len(flags), (len(found), len(flags), text)
    return [span for span, flag in zip(found, flags, strict=True) if flag]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", [n for n in ROWS if n != "marks in text"])
def test_labels_equal_the_oracle(family: str, name: str, tokenizer: Any) -> None:
    template = template_for(family, tokenizer)
    turns, tools, _ = template.prepare(ROWS[name], name)
    wrong = trained = 0
    targets: list[int] = []
    for piece, example in zip(
        template.pieces(turns, tools, name), template.encode(ROWS[name], name), strict=True
    ):
        last = max(span.turn for span in piece.spans)
        covered = {span.turn for span in piece.spans}
        flags = [i in covered for i, t in enumerate(turns[: last + 1]) if t.role == "assistant"]
        spans = oracle(piece.text, family, flags)
        encoded = tokenizer(piece.text, add_special_tokens=False, return_offsets_mapping=True)
        assert example.ids == encoded["input_ids"]
        for label, token, (start, end) in zip(
            example.labels, encoded["input_ids"], encoded["offset_mapping"], strict=True
        ):
            expected = token if any(a <= start and end <= b for a, b in spans) else IGNORED
            wrong += label != expected
            trained += label != IGNORED
        targets += [span.turn for span in piece.spans]
    assert wrong == 0
    assert trained > 0
    assert sorted(targets) == [i for i, t in enumerate(turns) if t.train]


#: Templates with TRL's own marks of what a model writes. Vision models are left out (their
#: content is no text) and so are those that mark the beginnings of an answer apart.
MARKED = sorted(
    p.name.removesuffix("_training.jinja")
    for p in files("trl").joinpath("chat_templates").iterdir()
    if p.name.endswith("_training.jinja")
    and not p.name.startswith(("idefics", "llava", "smolvlm", "diffusion", "phi"))
)
CONTROL = re.compile(
    r"<[|｜][^\s'\"{}<>]{1,60}?[|｜]>|<\|[a-z_]+>|<[a-z_]+\|>|<(?:start|end)_of_turn>|<(?:bos|eos)>"
)


def tokenizer_of(source: str) -> Any:
    """A tokenizer whose control tokens are those that a template writes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    ends = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|END_OF_TURN_TOKEN|>", "<|return|>")
    begins = ("<|begin_of_text|>", "<bos>", "<｜begin▁of▁sentence｜>", "<BOS_TOKEN>")
    eos = next((m for m in (*ends, "<｜end▁of▁sentence｜>") if m in source), "<|endoftext|>")
    bos = next((m for m in begins if m in source), eos)
    marks = sorted({*CONTROL.findall(source), eos, bos})
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        [], trainers.BpeTrainer(special_tokens=marks, initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token=eos, bos_token=bos)


@pytest.mark.parametrize("family", MARKED)
def test_spans_are_those_that_trl_marks_less_what_no_model_writes(family: str) -> None:
    """TRL's training templates say in their own way what a model writes, and transformers reads
    it. Ours may lack line feeds after the stop and what stands in the prompt at inference."""
    from transformers.utils.chat_template_utils import render_jinja_template

    source = files("trl").joinpath("chat_templates", f"{family}_training.jinja").read_text("utf-8")
    tokenizer = tokenizer_of(source)
    template = Template(source, tokenizer)
    compared = 0
    for name in ("plain", "masked", "tools", "parallel", "systems", "thinking"):
        turns, tools, _ = template.prepare(ROWS[name], name)
        messages = [
            {"thinking": m["reasoning_content"], **m} if "reasoning_content" in m else m
            for m in (t.message for t in turns)
        ]

        def rendered(n: int, messages: Any = messages, tools: Any = tools, **more: Any) -> Any:
            return render_jinja_template(
                [messages[:n]],
                tools=tools or None,
                chat_template=source,
                **tokenizer.special_tokens_map,
                **more,
            )

        try:
            pieces = template.pieces(turns, tools, name)
        except PreflightError:
            continue  # refused by name is allowed; wrong is not
        for piece in pieces:
            for span in piece.spans:
                (text,), (marked,) = rendered(span.turn + 1, return_assistant_tokens_mask=True)
                start, end = marked[-1]
                body = piece.text[span.start : span.end]
                beside, found, after = text[start:end].rpartition(body)
                assert found
                assert not after.strip()
                prompt = dateless(rendered(span.turn, add_generation_prompt=True)[0][0])
                assert prompt.startswith(dateless(piece.text[: span.start]).rstrip())
                assert prompt.rstrip().endswith(beside.rstrip()) or beside in prompt[-60:]
                compared += 1
    assert compared >= 6


def folder_of_templates() -> list[Path]:
    """Templates of your own, or those of llama.cpp (models/templates)."""
    return sorted(Path(os.environ.get("SESSIONTUNE_TEMPLATES", "/nowhere")).glob("*.jinja"))


@pytest.mark.parametrize("path", folder_of_templates(), ids=lambda p: p.stem)
def test_any_template_is_handled_or_refused_by_name(path: Path) -> None:
    source = path.read_text("utf-8")
    tokenizer = tokenizer_of(source)
    try:
        template = Template(source, tokenizer)
    except (PreflightError, UsageError) as error:
        print("refused:", error)
        return
    for name, row in ROWS.items():
        turns, _, changes = template.prepare(row, name)
        try:
            examples = template.encode(row, name)
        except PreflightError as error:
            print("refused:", error)
            continue
        assert sum(len(e.targets) for e in examples) >= sum(t.train for t in turns)
        shown = tokenizer.decode([i for e in examples for i in e.labels if i != IGNORED])
        less = any("left out" in change for change in changes)
        for m in row["messages"] if name != "marks in text" else ():
            if m.get("train") and not (less and m.get("tool_calls")):
                assert m["content"] in shown
        for hidden in ("no file", "x = 1", "y = 2", "second", "wrong", "be brief", "fake"):
            assert hidden not in shown


def test_mistral_s_ids_are_nine_letters_and_digits(tokenizer: Any) -> None:
    """Its templates refuse the ids that every agent writes into its log."""
    picky = (
        "{% macro known(id) %}{% if id|length != 9 or not id.isalnum() %}"
        "{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}"
        "{% endif %}{{ id }}{% endmacro %}"
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
        "{% for call in message.tool_calls or [] %}{{ call.function.name }} "
        "{{ call.function.arguments|tojson }} {{ known(call.id) }}{% endfor %}"
        "{% if message.role == 'tool' %}{{ known(message.tool_call_id) }}{% endif %}"
        "<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    template = Template(picky, tokenizer)
    assert template.able.tools
    assert not template.able.any_ids
    turns, _, _ = template.prepare(ROWS["parallel"], "row")
    asked = [c["id"] for t in turns for c in t.message.get("tool_calls", ())]
    told = [t.message["tool_call_id"] for t in turns if t.role == "tool"]
    assert told == asked[::-1]
    assert len(set(asked)) == 2
    for name in ("tools", "parallel", "thinking"):
        assert sum(len(e.targets) for e in template.encode(ROWS[name], name)) >= 2


def test_gpt_oss_takes_thinking_beside_text_and_a_call(tokenizer: Any) -> None:
    template = template_for("gptoss", tokenizer)
    *_, changes = template.prepare(ROWS["thinking"], "row")
    assert any("joined to the thinking" in change for change in changes)
    trained = [i for e in template.encode(ROWS["thinking"], "row") for i in e.labels if i >= 0]
    assert "why two\n\nI look." in tokenizer.decode(trained)


def dateless(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d", "DATE", text)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_stop_token_is_trained_and_tool_output_never(family: str, tokenizer: Any) -> None:
    template = template_for(family, tokenizer)
    stops = set(tokenizer.convert_tokens_to_ids(template.stops))
    assert stops
    for name in ("plain", "masked", "tools", "parallel", "systems"):
        for example in template.encode(ROWS[name], name):
            assert all(example.labels[end - 1] in stops for end in example.ends)
            shown = tokenizer.decode([i for i in example.labels if i != IGNORED])
            for hidden in ("no file", "x = 1", "y = 2", "second", "wrong", "be brief"):
                assert hidden not in shown


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_text_as_transformers(family: str, tokenizer: Any) -> None:
    template = template_for(family, tokenizer)
    tokenizer.chat_template = source_of(family)
    for name in ("plain", "tools"):
        if name == "tools" and not (template.able.tools and template.able.beside):
            continue
        turns, tools, _ = template.prepare(ROWS[name], name)
        messages = [t.message for t in turns]
        theirs = tokenizer.apply_chat_template(messages, tools=tools or None, tokenize=False)
        ours = template.render(messages, tools)
        pinned = re.sub(r"Current date: \S+", "", theirs)
        assert re.sub(r"Current date: \S+", "", ours) == pinned


@pytest.mark.parametrize("family", FAMILIES)
def test_marks_that_a_person_wrote_stay_text(family: str, tokenizer: Any) -> None:
    """A conversation about chat templates neither ends turns nor trains a fake one."""
    template = template_for(family, tokenizer)
    stops = set(tokenizer.convert_tokens_to_ids(template.stops))
    examples = template.encode(ROWS["marks in text"], "row")
    trained = [[i for i in e.labels if i != IGNORED] for e in examples]
    assert sum(len(e.targets) for e in examples) == 2
    assert sum(i in stops for ids in trained for i in ids) == 2
    shown = "".join(tokenizer.decode(ids) for ids in trained)
    assert "ChatML marks: <|im_end|>, <|eot_id|>" in shown
    assert "fake" not in shown


def test_a_template_that_drops_thinking_gives_one_example_for_each_turn(tokenizer: Any) -> None:
    template = template_for("qwen3", tokenizer)
    assert template.one_example_per_turn
    row = {
        "messages": [
            user("a"),
            answer("one", reasoning_content="why one"),
            user("b"),
            answer("two", reasoning_content="why two"),
        ]
    }
    examples = template.encode(row, "row")
    assert [e.targets for e in examples] == [(1,), (3,)]
    for example, why in zip(examples, ("why one", "why two"), strict=True):
        trained = tokenizer.decode([i for i in example.labels if i != IGNORED])
        assert trained.startswith(f"<think>\n{why}\n</think>")
        assert trained.count("why") == 1


@pytest.mark.parametrize("family", ["chatml", "llama3", "qwen2_5"])
def test_a_stable_template_gives_one_example(family: str, tokenizer: Any) -> None:
    template = template_for(family, tokenizer)
    assert not template.one_example_per_turn
    assert len(template.encode(ROWS["tools"], "row")) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_the_quick_way_equals_the_careful_one(family: str, tokenizer: Any) -> None:
    template = template_for(family, tokenizer)
    if template.one_example_per_turn:
        pytest.skip("this template has no quick way")
    for name, row in ROWS.items():
        turns, tools, _ = template.prepare(row, name)
        assert template.pieces(turns, tools, name) == template._careful(turns, tools, name)


def test_an_all_masked_row_is_an_error_with_its_name(tokenizer: Any) -> None:
    template = template_for("chatml", tokenizer)
    with pytest.raises(PreflightError, match=r"row 7.*every token is masked"):
        template.encode({"messages": [user("hi"), answer("x", False)]}, "row 7")


def test_an_answer_that_begins_with_a_line_feed_keeps_the_head_whole(tokenizer: Any) -> None:
    """A token over the border of head and answer would not exist at inference."""
    template = template_for("chatml", tokenizer)
    example = template.encode({"messages": [user("hi"), answer("\n\n world")]}, "row")[0]
    prompt = template.ids([user("hi")], generation=True)
    assert example.ids[: len(prompt)] == prompt
    assert set(example.labels[: len(prompt)]) == {IGNORED}
    assert tokenizer.decode(example.labels[len(prompt) : example.ends[0]]) == "\n\n world<|im_end|>"


def test_a_template_of_another_family_is_refused(tokenizer: Any) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE(vocab={"a": 0, "<|eot_id|>": 1}, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    other = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<|eot_id|>")
    with pytest.raises(UsageError, match="another model family"):
        Template(bundled("chatml"), other)


def test_a_template_without_stop_token_is_refused(tokenizer: Any) -> None:
    bare = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    with pytest.raises(PreflightError, match="stop token"):
        Template(bare, tokenizer)


def test_a_template_that_loses_calls_gets_them_as_text(tokenizer: Any) -> None:
    template = template_for("gemma3", tokenizer)
    *_, changes = template.prepare(ROWS["tools"], "row")
    assert any("written as text" in change for change in changes)
    trained = [i for e in template.encode(ROWS["tools"]) for i in e.labels if i != IGNORED]
    shown = tokenizer.decode(trained)
    assert '<tool_call>\n{"name": "Read", "arguments": {"path": "a.py"}}' in shown
    assert "b.py" not in shown


@pytest.mark.parametrize("head", [[], [{"role": "system", "content": "A summary of it."}]])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_that_begins_with_an_answer_is_trained(
    family: str, head: list[dict[str, Any]], tokenizer: Any
) -> None:
    """An epoch goes on after its summary, a window has room for its target alone: a quarter of the
    corpus' rows at 4,096 tokens, which Gemma's template refused."""
    template = template_for(family, tokenizer)
    answer = {"role": "assistant", "content": "It goes on.", "train": True}
    talk = [*head, answer, {"role": "user", "content": "And?"}, answer | {"content": "Done."}]
    encoded = template.encode({"messages": talk})
    trained = [tokenizer.decode([i for i in e.labels if i != IGNORED]) for e in encoded]
    assert "It goes on." in "".join(trained)
    assert "Done." in "".join(trained)
    assert "summary" not in "".join(trained)
    shown = "".join(tokenizer.decode(e.ids) for e in encoded)
    assert not head or "A summary of it." in shown


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", list(ROWS))
def test_the_view_shows_every_character_and_the_very_labels(
    family: str, name: str, tokenizer: Any
) -> None:
    template = template_for(family, tokenizer)
    turns, tools, _ = template.prepare(ROWS[name], name)
    views = mask_view(template, ROWS[name], name)
    encoded = template.encode(ROWS[name], name)
    texts = [p.text.replace("\ufdd0", "") for p in template.pieces(turns, tools, name)]
    assert ["".join(s.text for s in view) for view in views] == texts
    for view, example in zip(views, encoded, strict=True):
        assert sum(s.tokens for s in view) == len(example.ids)
        trained = sum(label != IGNORED for label in example.labels)
        assert sum(s.tokens for s in view if s.trained) == trained
        assert {s.message for s in view if s.trained} <= set(example.targets)


def test_a_folder_without_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tokenizer"):
        Template.load(tmp_path)
    with pytest.raises(UsageError, match="not a folder"):
        Template.load(tmp_path / "nothing")


def test_a_head_that_opens_a_thought_does_not_eat_the_answer(tokenizer: Any) -> None:
    """As DeepSeek R1's: the prompt ends in <think>, the history does not show it, and an answer
    that begins with the same letter loses nothing."""
    opens = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
        "<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
    )
    template = Template(opens, tokenizer)
    row = {
        "messages": [user("what is <|im_end|>?"), answer("<table> is it"), user("b"), answer("c")]
    }
    (example,) = template.encode(row, "row")
    trained = tokenizer.decode([i for i in example.labels if i != IGNORED])
    assert trained == "<table> is it<|im_end|>c<|im_end|>"


#: Forms of calls that are not read: Python's (LFM2), and tags of their own. GLM is refused: its
#: answers have no stop token.
UNREAD = ("lfm2", "muse_glimmer", "glm4moe")


@pytest.mark.parametrize(
    "family",
    sorted(
        p.name.removesuffix(".jinja")
        for p in files("trl").joinpath("chat_templates").iterdir()
        if p.name.endswith(".jinja")
        and not p.name.endswith("_training.jinja")
        and not p.name.startswith(("idefics", "llava", "smolvlm", "diffusion", *UNREAD))
    ),
)
def test_the_calls_that_a_template_writes_are_read_back_by_evaluate(family: str) -> None:
    """Otherwise no answer of this family would hold a call: nothing right in base and tuned."""
    from sessiontune.evaluation.callforms import calls_in
    from sessiontune.evaluation.nextaction import agreement

    source = source_of(family)
    template = Template(source, tokenizer_of(source))
    arguments = {"path": "a b.py", "old": 'x < 1\n  "y"', "n": 3, "all": True, "list": ["a", 1]}
    function = {"name": "Edit", "arguments": json.dumps(arguments)}
    call = {"id": "call00001", "type": "function", "function": function}
    answer = {"role": "assistant", "content": "", "tool_calls": [call]}
    row = {"messages": [{"role": "user", "content": "do it"}, answer], "tools": "[]"}
    ((piece, _),) = template.examples(row)
    text = piece.text[piece.spans[0].start : piece.spans[0].end].replace("\ufdd0", "")
    for stop in template.stops:
        text = text.removesuffix(stop)
    (given,), broken = calls_in(text)
    assert (given.name, agreement(given.arguments, arguments), broken) == ("Edit", 1, 0)


@pytest.mark.parametrize("family", ["qwen3", "qwen3_5_think", "qwen3_6", "deepseekv3"])
def test_an_answer_about_the_marks_of_a_thought_is_trained_whole(family: str) -> None:
    """Templates part an answer at `</think>`: one that speaks of it stopped the whole run."""
    source = source_of(family)
    template = Template(source, tokenizer_of(source))
    said = "Close it with `</think>`, as <think> opens it."
    asked = {"role": "user", "content": "What ends a thought?"}
    row = {"messages": [asked, {"role": "assistant", "content": said}]}
    ((piece, encoded),) = template.examples(row)
    (span,) = piece.spans
    assert said in piece.text[span.start : span.end].replace("\ufdd0", "")
    trained = [label for label in encoded.labels if label != IGNORED]
    assert said in template.tokenizer.decode(trained)
    row["messages"][1] = {"role": "assistant", "content": f"<think>a thought</think>{said}"}
    with pytest.raises(PreflightError, match="loses text"):
        template.examples(row)


def test_what_one_rendering_loses_is_named_by_its_row(tokenizer: Any) -> None:
    """The row that must be left out, in an export of thousands."""
    parts = bundled("chatml").replace("message.content", "message.content.split('</think>')[-1]")
    template = Template(parts, tokenizer)
    assert not template.one_example_per_turn
    row = {"messages": [user("hi"), answer("<think>a thought</think>b")]}
    with pytest.raises(PreflightError, match=r"train/openai.jsonl:7: .* loses text of message 1"):
        template.encode(row, "train/openai.jsonl:7")


def test_thoughts_of_answers_that_are_joined_are_all_kept() -> None:
    row = {
        "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a", "reasoning_content": "first"},
            {"role": "assistant", "content": "b"},
            {"role": "assistant", "content": "", "reasoning_content": "third"},
        ]
    }
    turns = adapt(*turns_of(row, "row"), Abilities(repeats=False))[0]
    assert turns[-1].message == {
        "role": "assistant",
        "content": "a\n\nb",
        "reasoning_content": "first\n\nthird",
    }
    assert turns[-1].sources == (1, 2, 3)


def test_a_template_file_as_windows_saves_it(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "own.jinja"
    source = bundled("chatml")
    path.write_text(source, "utf-8-sig")
    assert template_source(tokenizer, str(path)) == source
    path.write_text(source, "utf-16")
    with pytest.raises(UsageError, match="not UTF-8"):
        template_source(tokenizer, str(path))
