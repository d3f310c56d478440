"""The catalogue: every message of an export in its thread, found by words and by value."""

from __future__ import annotations

import os
from contextlib import closing
from itertools import groupby

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessiontune.errors import SourceError
from sessiontune.review.catalogue import Catalogue, Wanted

from .conftest import ADDRESS, Opened, World


def _listed(catalogue: Catalogue, **wanted: str) -> list[str]:
    found = catalogue.listed(Wanted(**wanted), 0, 1000)
    assert found.total == len(found.rows)
    return [row["thread"] for row in found.rows]


def test_every_message_stands_in_its_thread_in_order(world: World, opened: Opened) -> None:
    catalogue = opened(world)
    there = {
        thread: [m["message_id"] for m in run]
        for thread, run in groupby(world.lines(), lambda m: m["thread"])
    }
    assert sorted(catalogue.threads()) == sorted(there)
    for thread, ids in there.items():
        half = len(ids) // 2
        told = catalogue.messages(thread, 0, half) + catalogue.messages(thread, half, 1000)
        assert [m.message_id for m in told] == ids
        about = catalogue.about(thread)
        assert about is not None
        assert about["messages"] == len(ids)


def test_the_newest_thread_comes_first_and_parts_join(world: World, opened: Opened) -> None:
    catalogue = opened(world)
    whole = _listed(catalogue)
    times = [catalogue.about(thread)["at"] for thread in whole]  # type: ignore[index]
    assert times == sorted(times, reverse=True)
    parts = [catalogue.listed(Wanted(), start, 4).rows for start in range(0, len(whole), 4)]
    assert [row["thread"] for part in parts for row in part] == whole


@pytest.mark.parametrize("facet", ["project", "source", "model", "split", "label", "topic"])
def test_a_facet_counts_what_its_filter_finds(world: World, opened: Opened, facet: str) -> None:
    catalogue = opened(world)
    for value, count in catalogue.facets[facet].items():
        assert len(_listed(catalogue, **{facet: value})) == count, value


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("fee table", 7),
        ("fee tab", 7),  # the last word goes on
        ('"table fee"', 0),  # side by side, in this order
        ('"fee table"', 7),
        ("status invoice", 1),  # words inside a name
        ("invoice_status", 1),
        ("log.txt", 1),  # of a call
        ('"row 1999 of"', 1),  # at the beginning of a line of its arguments
        ("EMAIL OR NOT", 0),  # words, and no operators
        ("   ", 10),
        ('"', 10),
        ("***", 10),
        ("表示名", 1),  # inside a run without spaces
        ("変更を", 0),
        ("料金 names.txt", 0),  # words of one message
    ],
)
def test_words_are_found_in_texts_and_calls(
    world: World, opened: Opened, q: str, found: int
) -> None:
    assert len(_listed(opened(world), q=q)) == found


def test_what_was_replaced_cannot_be_searched_for(world: World, opened: Opened) -> None:
    catalogue = opened(world)
    assert _listed(catalogue, q=ADDRESS) == []
    assert _listed(catalogue, q="example.com") == [world.thread("invoice_status")]


def test_a_thread_is_found_by_its_key_and_its_lineage(world: World, opened: Opened) -> None:
    thread = world.thread("Question 3")
    one = next(m for m in world.lines() if m["thread"] == thread)
    for key in (thread, one["id"], one["lineage"]):
        assert _listed(opened(world), q=key) == [thread]


def test_a_row_tells_of_its_whole_thread(world: World, opened: Opened) -> None:
    first, last = (m for m in world.lines() if m["thread"] == world.thread("Question 3"))
    agent = {"agent_id": "a", "agent_type": "explorer"}
    call = {"function": {"name": "Bash", "arguments": "{}"}}
    told = [
        first | agent | {"kind": "task", "content": "\n  a task \nand more", "at": "2026-03-05"},
        *(last | agent | {"model": m, "tool_calls": [call], "at": "2026-03-04"} for m in "baa"),
        last | agent | {"at": "2026-03-06", "tags": "topic:later", "epoch": 0},
    ]
    world.raw.write_bytes(b"".join(orjson.dumps(m) + b"\n" for m in told))
    row = opened(world).about(first["thread"])
    assert row is not None
    assert (row["at"], row["last"], row["title"]) == ("2026-03-04", "2026-03-06", "a task")
    assert (row["messages"], row["calls"], row["epochs"]) == (5, 3, 1)
    assert (row["model"], row["agent"]) == ("a", "explorer")
    assert "later" not in row["topics"]  # an epoch's first message tells


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        (
            "Implement the following plan:\n\n# Plan: Lock the door\n\n## Context",
            "Plan: Lock the door",
        ),
        ("Say this:", "Say this:"),
        ("Look:\n###", "Look:"),
        ("One line\nand more", "One line"),
        ("\n", ""),
    ],
)
def test_a_title_tells_one_plan_from_another(
    world: World, opened: Opened, prompt: str, title: str
) -> None:
    first = next(m for m in world.lines() if m["thread"] == world.thread("Question 3"))
    world.raw.write_bytes(orjson.dumps(first | {"kind": "prompt", "content": prompt}) + b"\n")
    row = opened(world).about(first["thread"])
    assert row is not None
    assert row["title"] == title


def test_every_epochs_key_finds_its_thread(world: World, opened: Opened) -> None:
    thread = world.thread("Question 3")
    lines = world.lines()
    last = next(m for m in reversed(lines) if m["thread"] == thread)
    lines.append(last | {"id": "5e55" * 4, "epoch": 1})
    world.raw.write_bytes(b"".join(orjson.dumps(m) + b"\n" for m in lines))
    catalogue = opened(world)
    assert sorted(catalogue.keys(thread)) == sorted([last["id"], "5e55" * 4])
    assert _listed(catalogue, q="5e55" * 4) == [thread]


def test_the_part_with_a_thread_is_found(world: World, opened: Opened) -> None:
    catalogue = opened(world)
    whole = _listed(catalogue)
    for place, thread in enumerate(whole):
        found = catalogue.listed(Wanted(), 0, 4, thread)
        assert (found.place, found.start) == (place, place // 4 * 4)
        assert found.rows[place % 4]["thread"] == thread
    for near, wanted in (("nowhere", Wanted()), (whole[0], Wanted(q="Step 7 of"))):
        found = catalogue.listed(wanted, 0, 4, near)
        assert (found.place, found.start) == (None, 0)
    assert catalogue.listed(Wanted(), 0, 0, whole[3]).rows == []


def test_a_mark_tells_lists_of_other_threads_apart(world: World, opened: Opened) -> None:
    catalogue = opened(world)
    one, other = world.thread("Question 2"), world.thread("Question 3")
    marks = []
    for dropped in (one, other):
        catalogue.judge({one: None, other: None, dropped: ("drop", "")})
        found = catalogue.listed(Wanted(verdict="drop"), 0, 10)
        assert catalogue.matching(Wanted(verdict="drop")) == (found.mark, [dropped])
        marks.append(found.mark)
    assert marks[0] != marks[1]


def test_hits_are_the_messages_with_the_words(world: World, opened: Opened) -> None:
    thread = world.thread("Step 7 of")
    lines = [m for m in world.lines() if m["thread"] == thread]
    told = [n for n, m in enumerate(lines) if "step 79" in m["content"].lower()]
    assert opened(world).hits(thread, '"step 79"') == told == [158, 159]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(q=st.text() | st.text(alphabet='"*()^:+-{} \x00ANDORNEarfe', max_size=12))
def test_no_words_break_a_search(read: Catalogue, q: str) -> None:
    found = read.listed(Wanted(q=q), 0, 5)
    assert len(found.rows) == min(found.total, 5)
    for row in found.rows:
        read.hits(row["thread"], q)


@pytest.fixture
def read(world: World, opened: Opened) -> Catalogue:
    return opened(world)


def test_verdicts_are_a_filter_too(world: World, opened: Opened) -> None:
    catalogue = opened(world)
    one, other = world.thread("Question 2"), world.thread("Question 3")
    everything = _listed(catalogue)
    catalogue.judge({one: ("drop", "a test"), other: ("keep", "")})
    assert (_listed(catalogue, verdict="drop"), catalogue.judged()) == (
        [one],
        {"drop": 1, "keep": 1},
    )
    assert _listed(catalogue, verdict="none") == [t for t in everything if t not in (one, other)]
    catalogue.judge({one: None})
    assert (_listed(catalogue, verdict="drop"), catalogue.judged()) == ([], {"keep": 1})


def test_a_line_that_is_no_message_is_named(world: World) -> None:
    lines = world.raw.read_bytes().splitlines(keepends=True)
    world.raw.write_bytes(b"".join([*lines[:3], b'{"no": "thread"}\n', *lines[3:]]))
    with (
        closing(Catalogue(world.raw)) as catalogue,
        pytest.raises(SourceError, match=r"raw\.jsonl:4 is no row"),
    ):
        catalogue.read(lambda done, total, note: None)


def test_an_export_meanwhile_changes_nothing(world: World, opened: Opened) -> None:
    """It puts another file in the place of the one that is read."""
    catalogue = opened(world)
    thread = world.thread("Question 4")
    before = [m.content for m in catalogue.messages(thread, 0, 10)]
    other = world.raw.with_name("other")
    other.write_bytes(b"{}\n" * 5)
    os.replace(other, world.raw)
    assert [m.content for m in catalogue.messages(thread, 0, 10)] == before
