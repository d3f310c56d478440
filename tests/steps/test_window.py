"""The laws of cutting: every trainable turn a target once, never over budget, calls whole."""

from __future__ import annotations

import random
import re
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steps_synth import answer, call, dialogue, prose, results, session, user

from sessiontune.evidence import blocks_of, calls_of, results_of, text_of
from sessiontune.measure import Meter, Truncation, cut_text, estimate, one_line
from sessiontune.model import Message, Session, Text, ToolDef, ToolResult
from sessiontune.steps.window import LONG, windower

BUDGETS = (1024, 2048, 8192, 32768)


def system(id: str, text: str) -> Message:
    return Message(id=id, role="system", kind="context", parts=(Text(text),))


def check_laws(
    one: Session,
    budget: int,
    train: list[bool] | None = None,
    tools: tuple[ToolDef, ...] = (),
    prefix: tuple[Message, ...] = (),
) -> Truncation:
    """Assert every law on one session; returns the counts."""
    meter = Meter()
    every = (*prefix, *one.messages)
    own = train if train is not None else [m.role == "assistant" for m in one.messages]
    flags = [False] * len(prefix) + own
    examples, counts = windower(budget, meter)(one, prefix, flags, tools)
    wanted = [m.id for m, t in zip(every, flags, strict=True) if t]
    by_id = {m.id: m for m in every}
    targets: Counter[str] = Counter()
    long = 0
    for example in examples:
        assert len(example.messages) == len(example.train)
        assert any(example.train), "a row without loss"
        cost = meter.messages(example.messages) + meter.definitions(example.tools)
        if LONG in example.tags:
            least = example.messages[example.train.index(True) :]  # results are marks
            assert meter.messages(least) > budget, "a row could have held it"
            assert cost <= meter.messages(least) + budget, "too much around a long answer"
            long += sum(example.train)
        else:
            assert cost <= budget, f"{cost} tokens in a row of {budget}"
        if "window" in example.tags:
            last = blocks_of(example.messages)[-1]
            assert any(example.train[i] for i in last), "what follows the target is learned by none"
        for message, target in zip(example.messages, example.train, strict=True):
            if message.role == "assistant":
                assert message == by_id[message.id], "an answer was changed"
            if target:
                targets[message.id] += 1
        asked = [c.id for m in example.messages for c in calls_of(m)]
        told = [r.call_id for m in example.messages for r in results_of(m)]
        answered = {r.call_id for m in every for r in results_of(m)}
        assert Counter(told) == Counter(c for c in asked if c in answered), "a call was parted"
    assert targets == Counter(wanted), "a turn is no target, or twice"
    assert counts.reasons.get("turn_over_budget", 0) == long
    assert counts.turns == counts.kept_turns == len(wanted)
    assert counts.kept_tokens == counts.tokens
    assert counts.rows == sum(LONG not in example.tags for example in examples)
    return counts


def long_session(seed: int, turns: int, output: int) -> Session:
    rng = random.Random(seed)
    out: list[Message] = [system("sys", prose(rng, 30)), user("task", prose(rng, 40))]
    for i in range(turns):
        calls = [call(f"t{i}.{k}", "Bash", command=prose(rng, 8)) for k in range(rng.randrange(4))]
        out.append(answer(f"a{i}", prose(rng, rng.randrange(1, 60)), *calls))
        if calls:
            given_back = [
                ToolResult(c.id, "Bash", prose(rng, rng.randrange(1, output))) for c in calls
            ]
            out.append(results(f"r{i}", *given_back))
        elif rng.random() < 0.6:
            out.append(user(f"u{i}", prose(rng, rng.randrange(1, 50))))
    return session("long", *out)


def test_short_session_is_one_untouched_row() -> None:
    one = dialogue("s", 1, 2)
    (example,), counts = windower(8192)(one)
    assert example.messages == one.messages
    assert example.key == "s"
    assert example.tags == ()
    assert counts.kept_turns == counts.naive_turns == counts.turns == 4


def test_zero_cuts_nothing() -> None:
    one = long_session(1, 200, 400)
    (example,), _ = windower(0)(one)
    assert example.messages == one.messages


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("seed", range(4))
def test_laws_on_long_sessions(budget: int, seed: int) -> None:
    counts = check_laws(long_session(seed, 120, 600), budget)
    assert counts.kept_turns == counts.turns, "every turn of this session fits every budget"


def test_naive_truncation_would_have_lost_what_windows_keep() -> None:
    counts = check_laws(long_session(7, 120, 600), 2048)
    assert counts.naive_turns < 0.2 * counts.turns
    assert counts.kept_tokens == counts.tokens


def test_tool_output_is_thinned_before_a_turn_is_dropped() -> None:
    log = "\n".join(f"line {i} of the output" for i in range(4000))
    one = session(
        "s",
        user("1", "run it"),
        answer("2", "", call("c", command="make")),
        results("3", ToolResult("c", "Bash", log)),
        answer("4", "It built."),
    )
    (example,), counts = windower(2048)(one)
    shown = results_of(example.messages[2])[0].content
    assert "line 0 of" in shown
    assert "line 3999 of" in shown
    assert "characters left out" in shown
    assert 2048 // 5 < estimate(shown) <= 2048 // 4  # no more is cut than must be
    assert example.tags == ("thinned",)
    assert counts.kept_turns == 2


def test_head_is_pinned_in_every_window() -> None:
    one = long_session(3, 80, 300)
    examples, _ = windower(2048)(one)
    assert len(examples) > 3
    for example in examples:
        assert [m.id for m in example.messages[:2]] == ["sys", "task"]


def test_head_larger_than_the_budget_is_thinned() -> None:
    one = session(
        "s", system("sys", "rule " * 9000), user("task", "please do " * 3000), answer("a", "Done.")
    )
    (example,), _ = windower(1024)(one)
    assert [m.id for m in example.messages] == ["sys", "task", "a"]
    assert Meter().messages(example.messages) <= 1024
    assert "head_thinned" in example.tags or "thinned" in example.tags


def test_a_head_that_is_thinned_keeps_the_task_whatever_its_size() -> None:
    for words in range(230, 270, 3):
        asked = [user("first", "a-b " * 600), user("task", "c-d " * words)]
        (example,), _ = windower(1024)(session("s", *asked, answer("a", "word " * 300)))
        assert [m.id for m in example.messages] == ["first", "task", "a"]


def test_the_newest_prompt_before_the_first_answer_is_the_task() -> None:
    rng = random.Random(5)
    asked = [user(name, prose(rng, 900)) for name in ("first", "second", "task")]
    (example, *_), _ = windower(1024)(session("s", *asked, answer("a", "Done.")))
    size = {m.id: len(text_of(m)) for m in example.messages}
    assert size["task"] > 1.5 * max(size.get("first", 0), size.get("second", 0))


def test_rows_of_one_session_are_numbered_and_begin_with_what_was_before() -> None:
    examples, _ = windower(2048)(long_session(3, 120, 100))
    assert len(examples) > 3
    assert [e.key for e in examples] == [f"long-{n}" for n in range(len(examples))]
    for example in examples[1:]:
        before = example.messages[: example.train.index(True)]
        assert any(m.role == "assistant" for m in before)


def test_no_target_begins_on_a_tool_result() -> None:
    examples, _ = windower(1024)(long_session(5, 90, 500))
    assert len(examples) > 1
    for example in examples:
        first = example.train.index(True)
        assert example.messages[first].role == "assistant"
        seen: set[str] = set()
        for message in example.messages:
            seen.update(c.id for c in calls_of(message))
            assert {r.call_id for r in results_of(message)} <= seen


def test_turn_longer_than_the_budget_is_an_example_of_its_own() -> None:
    one = session(
        "s",
        system("sys", "rule " * 900),
        user("1", "write it"),
        answer("2", "", call("c", "Write", file_path="a", content="x y " * 5000)),
        results("3", ToolResult("c", "Write", "the file is written " * 900)),
        answer("4", "Written."),
        user("5", "thanks"),
        answer("6", "Sure."),
    )
    counts = check_laws(one, 1024)
    assert counts.reasons.items() >= {"turn_over_budget": 1, "over_budget_call": 1}.items()
    (long,) = [e for e in windower(1024)(one)[0] if LONG in e.tags]
    assert [m.id for m in long.messages] == ["sys", "1", "2", "3"]
    assert long.train == (False, False, True, False)
    assert long.messages[2] == one.messages[2], "whole"
    assert results_of(long.messages[3])[0].content == "[left out]"


def test_everything_around_an_answer_goes_before_the_answer() -> None:
    tools = (ToolDef("Write", "writes a file " * 8, {"type": "object", "properties": {}}),)
    one = session(
        "s",
        system("sys", "rule " * 500),
        user("1", "write it " * 100),
        answer("2", "", call("c", "Write", file_path="a", content="x y " * 936)),
        results("3", ToolResult("c", "Write", "the file is written " * 30)),
    )
    alone = Meter().messages([one.messages[2]])
    assert 1024 - 30 < alone < 1024 - 16, "nothing else may fit"
    (example,), counts = windower(1024)(one, (), None, tools)
    check_laws(one, 1024, None, tools)
    assert [m.id for m in example.messages] == ["2", "3"]
    assert example.tools == ()
    assert set(example.tags) == {"head_thinned", "thinned", "tools_left_out", "window"}
    assert counts.kept_turns == counts.turns == 1


def test_what_makes_an_answer_too_long_is_counted() -> None:
    def reasons(*parts) -> dict[str, int]:
        asked = answer("2", *parts)
        given = [ToolResult(c.id, c.name, "ok") for c in calls_of(asked)]
        one = session("s", user("1", "go"), asked, *([results("3", *given)] if given else []))
        return check_laws(one, 1024).reasons

    long, half = "word " * 900, "word " * 450
    assert reasons(long) == {"turn_over_budget": 1, "over_budget_text": 1}
    both = (half, call("a", "Bash", command=half))
    assert reasons(*both) == {"turn_over_budget": 1, "over_budget_parts": 1}


def test_masked_turns_are_context_only() -> None:
    one = long_session(11, 60, 300)
    rng = random.Random(1)
    train = [m.role == "assistant" and rng.random() < 0.5 for m in one.messages]
    check_laws(one, 2048, train)


def test_nothing_to_train_is_no_row_but_counted() -> None:
    one = session("s", user("1", "hi"), answer("2", "hello"))
    examples, counts = windower(1024)(one, (), [False, False])
    assert examples == []
    assert counts.reasons == {"nothing_to_train": 1}


def test_prefix_of_a_branch_is_context_and_its_own_turns_are_targets() -> None:
    owner = dialogue("owner", 1, 6)
    tail = dialogue("tail", 2, 6)
    examples, counts = windower(1024)(tail, owner.messages)
    own = {m.id for m in tail.messages if m.role == "assistant"}
    targets = [m.id for e in examples for m, t in zip(e.messages, e.train, strict=True) if t]
    assert sorted(targets) == sorted(own)
    assert counts.turns == len(own)


def test_late_results_stay_with_their_call() -> None:
    messages = [
        user("u", "go"),
        answer("a", "", call("c1"), call("c2")),
        results("r1", ToolResult("c1", "Bash", "one")),
        user("q", "meanwhile"),
        results("r2", ToolResult("c2", "Bash", "two")),
        answer("b", "done"),
    ]
    assert blocks_of(messages) == [[0], [1, 2, 3, 4], [5]]


def test_definitions_count_and_only_those_of_the_window_stay() -> None:
    tools = tuple(
        ToolDef(f"tool{i}", "what it does " * 4, {"type": "object", "properties": {}})
        for i in range(30)
    )
    rng = random.Random(2)
    out: list[Message] = [user("task", "go")]
    for i in range(60):
        out.append(answer(f"a{i}", prose(rng, 20), call(f"c{i}", f"tool{i // 2}", x=prose(rng, 5))))
        out.append(results(f"r{i}", ToolResult(f"c{i}", f"tool{i // 2}", prose(rng, 30))))
    one = session("s", *out)
    check_laws(one, 1024, None, tools)
    examples, _ = windower(2048)(one, (), None, tools)
    assert any(0 < len(example.tools) < 30 for example in examples)
    for example in examples:
        called = {c.name for m in example.messages for c in calls_of(m)}
        assert {t.name for t in example.tools} <= called


def test_notices_are_never_rendered() -> None:
    notice = Message(id="n", role="user", kind="notice", parts=(Text("stopped"),))
    one = session("s", user("1", "hi"), answer("2", "hello"), notice)
    (example,), _ = windower(1024)(one)
    assert [m.id for m in example.messages] == ["1", "2"]


@settings(max_examples=60)
@given(
    st.integers(0, 10_000),
    st.integers(0, 40),
    st.integers(2, 900),
    st.sampled_from(BUDGETS),
    st.floats(0, 1),
)
def test_laws_by_property(seed: int, turns: int, output: int, budget: int, share: float) -> None:
    one = long_session(seed, turns, output)
    rng = random.Random(seed)
    train = [m.role == "assistant" and rng.random() < share for m in one.messages]
    check_laws(one, budget, train)


@given(st.text(max_size=3000), st.integers(1, 400))
def test_cut_text_is_never_longer_than_asked_or_than_a_line(text: str, tokens: int) -> None:
    cut = cut_text(text, tokens, estimate)
    assert estimate(cut) <= max(tokens, estimate(one_line(text)))
    assert len(cut.encode()) <= max(len(text.encode()), 80)


@given(st.lists(st.text("abc/._-", min_size=1, max_size=60), min_size=20, max_size=200), st.data())
def test_no_word_is_cut(parts: list[str], data: st.DataObject) -> None:
    """Half of a pseudonym would look like a name that the second scan does not know."""
    joints = st.sampled_from([" ", "\n", '"', ", ", ":"])
    text = "".join(word + data.draw(joints) for word in parts)
    cut = cut_text(text, data.draw(st.integers(30, 300)), estimate)
    head, gap, tail = cut.partition("\n[... ")
    if gap:
        tail = tail.partition("...]\n")[2]
        assert set(re.split(r"[\s\",:]+", head)) <= {*parts, ""}
        assert set(re.split(r"[\s\",:]+", tail)) <= {*parts, ""}


def test_counts_add_up() -> None:
    total = Truncation()
    for seed in range(3):
        total.add(check_laws(long_session(seed, 30, 300), 1024))
    assert total.sessions == 3
    assert total.kept_turns == total.turns
    assert msgspec.to_builtins(total)["rows"] == total.rows


def test_what_just_fits_is_not_cut_and_plain_truncation_would_keep_it() -> None:
    """The markup around a conversation and definitions take room too."""
    tools = (ToolDef("Bash", "runs a command", {"type": "object", "properties": {}}),)
    one = session("s", user("1", "run it"), answer("2", "", call("c")), answer("3", "word " * 400))
    meter = Meter()
    whole = meter.messages(one.messages) + meter.definitions(tools)
    (example,), counts = windower(whole)(one, (), None, tools)
    assert (example.messages, example.tags) == (one.messages, ())
    assert counts.naive_turns == 2
    assert windower(whole - 1)(one, (), None, tools)[1].naive_turns == 1


def test_a_session_of_nothing_is_not_counted_as_one_without_training() -> None:
    notice = Message(id="n", role="user", kind="notice", parts=(Text("stopped"),))
    assert windower(1024)(session("s", notice))[1].reasons == {}


def test_a_long_answer_stands_behind_what_was_before_it() -> None:
    one = session(
        "s", user("1", "hi"), answer("2", "Hello."), user("3", "go"), answer("4", "word " * 2000)
    )
    long = windower(1024)(one)[0][-1]
    assert LONG in long.tags
    assert [m.id for m in long.messages] == ["1", "2", "3", "4"]


def test_room_for_what_was_before_is_taken_from_no_first_target() -> None:
    """An answer of most of the budget keeps the head."""
    one = session(
        "s",
        user("1", "task " * 40),
        answer("2", "word " * 400),
        user("3", "more"),
        answer("4", "word " * 620),
    )
    last = windower(1024)(one)[0][-1]
    check_laws(one, 1024)
    assert 0.75 * 1024 < Meter().messages(last.messages[-1:]) < 0.9 * 1024
    assert last.messages[0] == one.messages[0]
    assert last.tags == ("window",)


def test_of_what_was_before_the_newest_results_stay_and_older_ones_become_a_line() -> None:
    out = [user("task", "go")]
    for n in range(60):
        out.append(answer(f"a{n}", f"Step {n}.", call(f"c{n}")))
        out.append(results(f"r{n}", ToolResult(f"c{n}", "Bash", f"output {n} " * 40)))
    first, *later = windower(8192)(session("s", *out))[0]
    assert first.tags == ("window",)  # nothing in it is longer than it may be
    for example in later:
        before = example.messages[1 : example.train.index(True)]
        shown = [len(r.content) > 100 for m in before for r in results_of(m)]
        assert shown[0]  # of the first step
        assert sum(shown[1:]) == sum(shown[-5:]) == 5
        assert len(shown) > 6


def test_a_prompt_in_a_window_takes_a_quarter_at_most() -> None:
    one = session(
        "s",
        user("1", "go"),
        answer("2", "word " * 300),
        user("3", "a log line " * 150),
        answer("4", "word " * 400),
    )
    examples, _ = windower(1024)(one)
    assert Meter().messages(one.messages[2:3]) > 1024 // 3
    prompts = [m for e in examples for m in e.messages if m.id == "3"]
    assert prompts
    assert all(Meter().messages([m]) <= 1024 // 4 + Meter().base for m in prompts)


def test_a_result_in_a_window_takes_an_eighth_at_most() -> None:
    out = [user("1", "go")]
    for n in range(3):
        told = ToolResult(f"c{n}", "Bash", "a log line " * 150)
        out += [answer(f"a{n}", "word " * 300, call(f"c{n}")), results(f"r{n}", told)]
    examples, _ = windower(1024)(session("s", *out))
    shown = [r.content for e in examples for m in e.messages for r in results_of(m)]
    assert len(shown) >= 3
    assert all(estimate(content) <= 1024 // 8 for content in shown)


def test_of_a_prompt_that_does_not_fit_before_a_target_head_and_tail_stay() -> None:
    for words in range(590, 660, 5):
        one = session(
            "s",
            user("1", "go"),
            answer("2", "word " * 400),
            user("3", "a log line " * 90),
            answer("4", "word " * words),
        )
        last = windower(1024)(one)[0][-1]
        assert [m.id for m in last.messages] == ["1", "3", "4"]


def test_definitions_that_take_more_than_a_quarter_of_a_window_are_left_out() -> None:
    tools = (ToolDef("Bash", "what it does " * 130, {"type": "object", "properties": {}}),)
    out = [user("task", "go")]
    for n in range(30):
        out += [
            answer(f"a{n}", "word " * 60, call(f"c{n}")),
            results(f"r{n}", ToolResult(f"c{n}", "Bash", "ok")),
        ]
    assert Meter().definitions(tools) > 1024 // 4
    examples, _ = windower(1024)(session("s", *out), (), None, tools)
    for example in examples:
        assert example.tools == ()
        assert "tools_left_out" in example.tags
    # what is left out takes no more room than that quarter
    assert max(Meter().messages(e.messages) for e in examples) > 1024 * 3 // 4 - 100
    (whole,), _ = windower(1024)(session("s", *out[:3]), (), None, tools)
    assert whole.tools == tools


def test_rather_than_to_cut_results_to_nothing_a_session_is_cut() -> None:
    out = [user("task", "go")]
    for n in range(10):
        out.append(answer(f"a{n}", f"Step {n}.", call(f"c{n}")))
        out.append(results(f"r{n}", ToolResult(f"c{n}", "Bash", f"output {n} " * 80)))
    assert len(windower(1024)(session("s", *out))[0]) > 1
