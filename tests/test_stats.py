"""Statistics: what is counted, and that shards merge to the same sums in any order."""

from __future__ import annotations

import json
from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.make import calls, conversation, results, said
from tests.formats.strategies import conversations, options

from sessiontune.formats.raw import FORMAT as RAW
from sessiontune.languages import languages_of
from sessiontune.model import Label, Message, Thinking
from sessiontune.ports import Conversation, EncodeOptions
from sessiontune.stats import Stats


def counted(*made: Conversation) -> Stats:
    stats = Stats()
    for one in made:
        stats.add(one)
    return stats


@settings(max_examples=60)
@given(st.lists(conversations(), max_size=5), st.integers(0, 5), st.randoms())
def test_shards_merge_to_the_same_sums_in_any_order(
    found: list[Conversation], cut: int, order: object
) -> None:
    whole = counted(*found)
    shards = [counted(*found[:cut]), counted(*found[cut:]), Stats()]
    order.shuffle(shards)  # type: ignore[attr-defined]
    total = Stats()
    for shard in shards:
        total.merge(msgspec.msgpack.decode(msgspec.msgpack.encode(shard), type=Stats))
    assert total == whole
    assert msgspec.json.encode(total.summary()) == msgspec.json.encode(whole.summary())


def test_a_pair_is_a_prompt_and_the_next_answer_with_text() -> None:
    s = counted(
        conversation(
            said("user", "a"),
            calls("", ("c1", "Bash", {})),
            results(("c1", "Bash", "x")),
            said("assistant", "one"),
            said("assistant", "still one"),
            said("user", "b"),
            said("user", "c"),
            said("assistant", "two"),
            said("user", "never answered"),
        )
    ).summary()
    assert s.pairs == 2
    assert s.prompts == 4
    assert s.messages == 9
    assert s.roles == {"user": 4, "assistant": 4, "tool": 1}


def test_a_prefix_is_not_counted_twice() -> None:
    branch = conversation(
        said("user", "again"),
        said("assistant", "ok"),
        prefix=(said("user", "first"), said("assistant", "answer")),
    )
    s = counted(branch).summary()
    assert (s.prompts, s.messages, s.untrained) == (1, 2, 0)


def test_tokens_are_bytes_by_four_unless_a_tokenizer_counted_all() -> None:
    made = conversation(said("user", "x" * 40), said("assistant", "é" * 20))
    assert counted(made).summary().tokens == 20
    assert not counted(made).summary().tokens_exact
    stats = Stats()
    stats.add(made, tokens=7)
    assert (stats.summary().tokens, stats.summary().tokens_exact) == (7, True)
    stats.add(made)
    assert not stats.summary().tokens_exact


def test_reasoning_counts_only_where_the_rows_hold_it() -> None:
    spoken = said("assistant", "y" * 40)
    spoken = msgspec.structs.replace(spoken, parts=(Thinking("z" * 400), *spoken.parts))
    made = conversation(said("user", "x" * 40), spoken)
    for kept, tokens in ((True, 120), (False, 20)):
        stats = Stats()
        stats.add(made, options=EncodeOptions(thinking=kept))
        found = stats.summary()
        assert found.tokens == sum(found.tokens_by_part.values()) == tokens


@settings(max_examples=200)
@given(conversations(), options)
def test_what_is_counted_is_what_the_rows_hold(made: Conversation, shown: EncodeOptions) -> None:
    """Whoever counts the lines of `raw` finds the figures of the card."""
    stats = Stats()
    stats.add(made, options=shown)
    found = stats.summary()
    rows = [json.loads(row) for row in RAW.encode(made, shown, {})]
    answers = [r for r in rows if r["role"] == "assistant"]
    results = [r for r in rows if r["role"] == "tool"]
    assert found.conversations == bool(rows)
    assert found.messages == len(rows)
    assert found.roles == Counter(r["role"] for r in rows)
    assert found.prompts == sum(r["kind"] == "prompt" for r in rows)
    assert found.models == Counter(r["model"] for r in answers)
    assert found.untrained == (0 if made.train is None else sum(not r["train"] for r in answers))
    assert found.results == Counter(r["status"] for r in results)
    assert found.images == sum(len(json.loads(r["images"] or "[]")) for r in rows)
    calls = [c["function"]["name"] for r in rows for c in r["tool_calls"] or ()]
    assert found.tools == Counter(calls)
    labels = {r["message_id"]: r["labels"] for r in rows}
    assert sum(found.labels.values()) == sum(map(bool, labels.values()))
    sides = [side for side in found.splits.values() if side.groups]
    assert bool(sides) == any(r["train"] for r in rows)


def test_the_calendar_counts_prompts_by_weekday_and_hour() -> None:
    at = ["2025-11-23T23:59:59.000Z", "2025-11-24T00:00:00Z", "", "not a date", "2025-13-40T99:0"]
    made = conversation(*(said("user", f"q{i}", at=t) for i, t in enumerate(at)))
    calendar = counted(made).summary().calendar
    assert sum(calendar) == 2
    assert calendar[6 * 24 + 23] == 1  # a Sunday
    assert calendar[0] == 1  # a Monday


def test_topics_below_three_lineages_are_not_shown() -> None:
    def about(tag: str, lineage: str) -> Conversation:
        return conversation(said("user", "q"), lineage=lineage, tags=(f"topic:G/{tag}",))

    made = [about("shown", f"l{i}") for i in range(3)]
    made += [about("hidden", "l1"), about("hidden", "l1"), about("hidden", "l2")]
    topics = counted(*made).summary().topics
    assert [(t.group, t.name, t.conversations, t.lineages) for t in topics] == [
        ("G", "shown", 3, 3)
    ]


def test_languages_come_from_file_names_in_arguments() -> None:
    assert languages_of({"file_path": "/a/b.PY"}) == ["Python"]
    assert languages_of({"path": "Makefile", "notebook_path": 3}) == []
    patch = "*** Begin Patch\n*** Update File: src/x.ts\n@@\n*** Add File: y.go\n*** End Patch"
    assert languages_of({"input": patch}) == ["TypeScript", "Go"]


def test_what_a_summary_publishes_names_no_project_and_no_id() -> None:
    made = conversation(
        said("user", "q"),
        Message(id="m", role="assistant", kind="answer", parts=(Thinking("hm"),)),
        project="secret-project",
        lineage="secret-lineage",
        group="secret-group",
        labels=(Label("m", "tool_error", "structural", "secret evidence"),),
        split="eval",
    )
    text = msgspec.json.encode(counted(made).summary()).decode()
    assert "secret" not in text
    assert '"projects":1' in text
    assert '"tool_error":1' in text
