"""The laws of the split: nothing leaks, nothing moves, and the share holds over many builds."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steps_synth import answer, branch, dialogue, nearly, renamed, session, user
from test_dedupe import marks

from sessiontune.decisions import (
    Bucket,
    Seat,
    SplitMemory,
    SplitOptions,
    assign,
    groups_of,
)
from sessiontune.model import ForkPoint, Session
from sessiontune.steps.dedupe import Outcome, decide
from sessiontune.steps.leakage import compare, leakage


def day(n: int) -> str:
    return f"2026-{n // 28 + 1:02d}-{n % 28 + 1:02d}T12:00:00Z"


def leaky_corpus(n: int = 120, seed: int = 0) -> list[Session]:
    """`n` sessions, of which 30% are forks, 15% resumed copies and 15% near-copies."""
    rng = random.Random(seed)
    out: list[Session] = []
    roots: list[Session] = []
    for i in range(n):
        chance = rng.random()
        if chance < 0.4 or len(roots) < 5:
            one = dialogue(f"s{i}", seed * 1000 + i, rng.randrange(2, 6), day(i))
            roots.append(one)
        elif chance < 0.7:
            one = branch(rng.choice(roots), f"s{i}", seed * 1000 + i)
        elif chance < 0.85:
            old = rng.choice(roots)
            more = dialogue(f"s{i}", seed * 1000 + i, rng.randrange(0, 9), day(i)).messages
            one = renamed(old, f"s{i}", messages=old.messages + more)
        else:
            one = nearly(rng.choice(roots), f"s{i}", i, rng.choice((0.01, 0.03, 0.05)))
        out.append(one)
    return out


def sides(found: Outcome, some: list[Session]) -> dict[str, str]:
    out = {}
    for s in some:
        place = found.decisions.for_sessions([(s.key, s.lineage)])[0]
        if not place.reason:
            out[s.key] = place.split
    return out


@pytest.mark.parametrize("seed", range(5))
def test_nothing_leaks_where_a_random_split_leaks_a_third(seed: int) -> None:
    some = leaky_corpus(seed=seed)
    known = marks(*some)
    found = decide(known)
    measured = compare(known, found.decisions, found.meeting)
    assert measured.ours.held >= 5
    assert measured.ours.exact == 0
    assert measured.ours.near == 0
    assert measured.random.either >= 0.30, measured


def test_leakage_counts_what_is_really_shared() -> None:
    one = dialogue("one", 1)
    two = renamed(one, "two")
    three = dialogue("three", 3)
    known = marks(one, two, three)
    leaking = leakage(known, {"one": "train", "two": "eval", "three": "eval"})
    assert (leaking.held, leaking.exact, leaking.near) == (2, 0.5, 0.5)
    assert leakage(known, {"one": "eval", "two": "eval", "three": "train"}).either == 0


def test_branches_that_end_alike_share_nothing_of_what_was_before() -> None:
    owners = [dialogue(f"s{n}", n) for n in (1, 2)]
    ends = [
        session(
            f"b{n}",
            user(f"u{n}", "Go on."),
            answer(f"a{n}", "Done."),
            forked_from=ForkPoint(owner.key, owner.messages[-1].id),
        )
        for n, owner in enumerate(owners, 1)
    ]
    known = marks(*owners, *ends)
    assert len({mark.digest for mark in known}) == 3, "the two ends are the same"
    dealt = {"s1": "train", "b1": "train", "s2": "eval", "b2": "eval"}
    assert leakage(known, dealt).exact == 0
    crossed = {**dealt, "b1": "eval", "b2": "train"}
    assert leakage(known, crossed).exact == 1, "a branch shows its session"


@pytest.mark.parametrize("seed", range(3))
def test_ten_weekly_increments_keep_the_share_and_never_move_a_row(seed: int) -> None:
    rng = random.Random(seed)
    some: list[Session] = []
    memory = SplitMemory()
    before: dict[str, str] = {}
    for week in range(11):
        fresh = 60 if week == 0 else rng.randrange(8, 20)
        for i in range(fresh):
            name, n = f"w{week}s{i}", len(some)
            if n and rng.random() < 0.2:
                some.append(branch(rng.choice([s for s in some if not s.forked_from]), name, n))
            else:
                some.append(dialogue(name, seed * 5000 + n, 2, day(week * 7 + i % 7)))
        grown = rng.randrange(len(some))
        if not some[grown].forked_from:
            more = dialogue(f"g{week}", 90_000 + week, 1, day(week * 7)).messages
            some[grown] = msgspec.structs.replace(some[grown], messages=some[grown].messages + more)
        rng.shuffle(some)
        found = decide(marks(*some), memory)
        memory = found.memory
        now = sides(found, some)
        held = {k for k, v in now.items() if v == "eval"}
        groups = found.counts["eval_groups"] / (
            found.counts["eval_groups"] + found.counts["train_groups"]
        )
        assert 0.13 <= groups <= 0.17, (week, found.counts)
        assert {k for k, v in before.items() if v == "eval"} <= held
        assert not {k for k, v in before.items() if v == "train"} & held
        before = now


def test_the_first_build_holds_out_the_newest() -> None:
    some = [dialogue(f"s{i}", i, 2, day(i)) for i in range(100)]
    found = decide(marks(*some))
    held = {k for k, v in sides(found, some).items() if v == "eval"}
    assert held == {f"s{i}" for i in range(85, 100)}


def test_many_exchanges_are_made_in_one_walk() -> None:
    """The newest 15% hold one session each, all others two: exchanges one by one, each of which
    went through all buckets, took minutes."""
    buckets = [Bucket(f"{i:06}", 1, 2 if i < 85_000 else 1, f"{i:06}") for i in range(100_000)]
    assert not assign(buckets, SplitOptions())
    held = [b for b in buckets if b.side == "eval"]
    every = sum(b.sessions for b in buckets)
    assert len(held) == 17_000
    assert abs(sum(b.sessions for b in held) - 0.15 * every) <= 0.005 * every
    assert {b.name for b in held if b.sessions == 1} == {f"{i:06}" for i in range(92_825, 100_000)}


def test_at_least_five_groups_are_held_out() -> None:
    some = [dialogue(f"s{i}", i, 2, day(i)) for i in range(20)]
    assert decide(marks(*some)).counts["eval_groups"] == 5


def test_a_small_set_holds_out_the_newest_of_five_folds() -> None:
    some = [dialogue(f"s{i}", i, 2, day(i)) for i in range(11)]
    some.append(branch(some[2], "fork", 50))
    found = decide(marks(*some))
    assert found.decisions.folded
    place = sides(found, some)
    assert place["fork"] == place["s2"] == "train"
    assert {k for k, v in place.items() if v == "eval"} == {"s8", "s9", "s10"}


def test_growing_one_by_one_moves_nothing() -> None:
    some: list[Session] = []
    memory, before = SplitMemory(), {}
    for i in range(24):
        some.append(dialogue(f"s{i}", i, 2, day(i)))
        found = decide(marks(*some), memory)
        memory, now = found.memory, sides(found, some)
        assert {k: now[k] for k in before} == before
        before = now
    assert sum(v == "eval" for v in before.values()) >= 4


def test_growing_out_of_folds_moves_nothing() -> None:
    some = [dialogue(f"s{i}", i, 2, day(i)) for i in range(10)]
    first = decide(marks(*some))
    before = sides(first, some)
    assert set(before.values()) == {"train", "eval"}
    some += [dialogue(f"n{i}", 100 + i, 2, day(30 + i)) for i in range(60)]
    after = sides(decide(marks(*some), first.memory), some)
    assert {k: after[k] for k in before} == before


def test_a_single_session_is_not_held_out() -> None:
    one = dialogue("one", 1)
    assert sides(decide(marks(one)), [one]) == {"one": "train"}


def test_a_copy_that_joins_both_sides_costs_train_its_rows_and_eval_none() -> None:
    some = [dialogue(f"s{i}", i, 4, day(i)) for i in range(60)]
    first = decide(marks(*some))
    place = sides(first, some)
    held = next(s for s in some if place[s.key] == "eval")
    seen = next(s for s in some if place[s.key] == "train")
    bridge = renamed(held, "bridge", messages=held.messages + seen.messages)
    second = decide(marks(*some, bridge), first.memory)
    after = sides(second, [*some, bridge])
    assert after[held.key] == "eval"
    lost = second.decisions.for_sessions([(seen.key, seen.lineage)])[0]
    assert lost.reason == "bridges_split"
    assert second.counts["bridges_split"] == 1
    assert compare(marks(*some, bridge), second.decisions, second.meeting).ours.either == 0
    third = decide(marks(*some), second.memory)
    assert sides(third, some)[held.key] == "eval"
    assert third.decisions.for_sessions([(seen.key, seen.lineage)])[0].reason == "bridges_split"


@pytest.mark.parametrize("side", ["eval", "train"])
def test_a_later_and_longer_copy_pushes_no_row_out_of_its_side(side: str) -> None:
    some = [dialogue(f"s{i}", i, 3, day(i)) for i in range(40)]
    first = decide(marks(*some))
    there = next(s for s in some if sides(first, some)[s.key] == side)
    copy = nearly(there, "aaa", 1, 0.001)
    longer = msgspec.structs.replace(copy, messages=(*copy.messages, copy.messages[0]))
    second = decide(marks(*some, longer), first.memory)
    assert sides(second, [*some, longer])[there.key] == side
    assert second.decisions.duplicates == {"aaa": there.key}


def test_by_project_no_project_stands_on_both_sides() -> None:
    some = [
        msgspec.structs.replace(dialogue(f"s{i}", i, 2, day(i)), project=f"p{i % 9}")
        for i in range(90)
    ]
    found = decide(marks(*some), None, split=SplitOptions(by="project"))
    place = sides(found, some)
    by_side = {
        side: {s.project for s in some if place[s.key] == side} for side in ("train", "eval")
    }
    assert by_side["eval"]
    assert not by_side["eval"] & by_side["train"]


def test_share_zero_holds_nothing_out() -> None:
    some = [dialogue(f"s{i}", i, 2) for i in range(20)]
    found = decide(marks(*some), None, split=SplitOptions(share=0))
    assert set(sides(found, some).values()) == {"train"}


def test_a_changed_recipe_moves_nothing() -> None:
    some = leaky_corpus(80, 4)
    first = decide(marks(*some))
    before = sides(first, some)
    for options in (SplitOptions(share=0.4), SplitOptions(by="project"), SplitOptions(least=9)):
        after = sides(decide(marks(*some), first.memory, split=options), some)
        assert {k: v for k, v in after.items() if k in before} == before


def test_forgetting_a_lineage_leaves_no_trace_in_the_memory() -> None:
    some = [dialogue(f"s{i}", i, 2) for i in range(6)]
    memory = decide(marks(*some, renamed(some[0], "copy"))).memory
    left = memory.without(["Ls0", "Lcopy"], ["s0", "copy"])
    assert "s0" not in msgspec.json.encode(left).decode()
    assert not left.duplicates


def test_what_was_forgotten_comes_back_otherwise() -> None:
    """Its near-copy's group bears its name, and it is near no more: one of the two had no group,
    and every later export ended there."""
    some = [dialogue(f"s{i}", i, 2) for i in range(6)]
    copy = nearly(some[0], "t0", 7, 0.01)
    memory = decide(marks(*some, copy)).memory
    assert memory.seats["Lt0"].group == memory.seats["Ls0"].group == "Ls0"
    left = memory.without(["Ls0"], ["s0"])
    back = msgspec.structs.replace(some[0], messages=dialogue("s0", 99, 40).messages)
    after = decide(marks(back, *some[1:], copy), left).memory
    assert after.seats["Ls0"].group == after.seats["Lt0"].group
    assert after.seats["Ls0"].side == memory.seats["Lt0"].side


def test_memory_survives_the_disk() -> None:
    memory = decide(marks(*leaky_corpus(30))).memory
    assert msgspec.json.decode(msgspec.json.encode(memory), type=SplitMemory) == memory


@settings(max_examples=20)
@given(st.lists(st.integers(0, 59), min_size=1, max_size=12, unique=True), st.integers(0, 999))
def test_adding_in_any_portions_never_moves_a_row(cuts: list[int], seed: int) -> None:
    some = leaky_corpus(60, seed % 7)
    random.Random(seed).shuffle(some)
    order = [s for s in some if not s.forked_from] + [s for s in some if s.forked_from]
    memory = SplitMemory()
    before: dict[str, str] = {}
    for cut in [*sorted(cuts), len(order)]:
        part = order[:cut]
        found = decide(marks(*part), memory)
        memory, now = found.memory, sides(found, part)
        assert {k for k, v in before.items() if v == "eval"} <= {
            k for k, v in now.items() if v == "eval"
        }
        assert not {k for k, v in before.items() if v == "train"} & {
            k for k, v in now.items() if v == "eval"
        }
        if found.counts["eval_groups"]:
            assert compare(marks(*part), found.decisions, found.meeting).ours.either == 0
        before.update(now)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 12)),
        st.tuples(st.just("grow"), st.integers(0, 999)),
        st.tuples(st.just("shrink"), st.integers(0, 999)),
        st.tuples(st.just("bridge"), st.integers(0, 999)),
        st.tuples(st.just("prune"), st.integers(0, 999)),
        st.tuples(
            st.just("recipe"),
            st.sampled_from(
                [
                    SplitOptions(),
                    SplitOptions(share=0.4),
                    SplitOptions(share=0.05),
                    SplitOptions(share=0),
                    SplitOptions(by="project"),
                    SplitOptions(least=9),
                ]
            ),
        ),
    ),
    min_size=2,
    max_size=10,
)


@settings(max_examples=25)
@given(OPERATIONS, st.integers(0, 6))
def test_no_history_of_logs_and_recipes_moves_a_row(operations: list, seed: int) -> None:
    """Logs come, grow, are cut, are joined to one another and vanish; recipes change meanwhile."""
    rng = random.Random(seed)
    coming = leaky_corpus(90, seed)
    some, options, memory = coming[:8], SplitOptions(), SplitMemory()
    del coming[:8]
    before: dict[str, str] = {}
    for number, (what, value) in enumerate(operations):
        if what == "add":
            some += coming[:value]
            del coming[:value]
        elif what == "recipe":
            options = value
        elif what == "bridge" and len(some) > 1:
            one, two = rng.sample(some, 2)
            some.append(renamed(one, f"bridge{number}", messages=one.messages + two.messages))
        else:
            owners = {s.forked_from.session for s in (*some, *coming) if s.forked_from}
            free = [i for i, s in enumerate(some) if s.key not in owners]
            if not free:
                continue
            at = free[value % len(free)]
            if what == "prune":
                del some[at]
            elif what == "grow":
                more = dialogue(f"more{number}", 70_000 + value, 2, day(80 + number)).messages
                some[at] = msgspec.structs.replace(some[at], messages=some[at].messages + more)
            else:
                some[at] = msgspec.structs.replace(some[at], messages=some[at].messages[:2])
        rng.shuffle(some)
        found = decide(marks(*some), memory, split=options)
        again = decide(marks(*some), found.memory, split=options)
        memory, now = found.memory, sides(found, some)
        assert sides(again, some) == now, "the same build again decides otherwise"
        for key, side in now.items():
            assert before.get(key, side) == side, "a row moved"
        left = {s.key for s in some} - now.keys()
        gone = {k for k, side in before.items() if side == "eval" and k in left}
        kept = {found.decisions.duplicates.get(key) for key in gone}
        assert all(now.get(k) == "eval" for k in kept), "a row left eval without its twin there"
        if "eval" in now.values():
            assert compare(marks(*some), found.decisions, found.meeting).ours.either == 0
        before.update(now)


def test_a_group_keeps_its_name_whoever_joins_it() -> None:
    seats = {"b": Seat("g", "eval"), "c": Seat("g", "eval"), "d": Seat("f", "train")}
    memory = SplitMemory(seats=seats)
    assert groups_of([], [], memory) == {"g": ["b", "c"], "f": ["d"]}
    assert groups_of(["a", "e"], [("a", "c")], memory) == {
        "g": ["a", "b", "c"],
        "f": ["d"],
        "e": ["e"],
    }
    assert groups_of(["d"], [("b", "d")], memory) == {"f": ["b", "c", "d"]}


def test_who_copied_what_is_forgotten_is_a_copy_no_more() -> None:
    memory = SplitMemory(seats={"l": Seat("l", "eval")}, duplicates={"copy": "kept", "x": "y"})
    assert memory.without([], ["kept"]).duplicates == {"x": "y"}
    assert memory.without([], ["x"]).duplicates == {"copy": "kept"}
    assert memory.without(["l"]).seats == {}


def test_a_project_of_many_small_groups_does_not_fill_the_held_out_side() -> None:
    """It is the newest, and its sessions alone are few."""
    large = Bucket("large", groups=40, sessions=40, at=day(50))
    others = [Bucket(f"p{n}", groups=3, sessions=30, at=day(n)) for n in range(20)]
    assert not assign([large, *others], SplitOptions(by="project", share=0.15))
    assert large.side == "train"
    assert [b.name for b in others if b.side == "eval"] == [f"p{n}" for n in range(17, 20)]


def test_a_large_newest_session_leaves_the_least_number_of_groups_held_out() -> None:
    """With it the share of sessions is full, and no other fits."""
    newest = Bucket("newest", 1, 29, day(50))
    others = [Bucket(f"p{n}", 1, 4, day(n)) for n in range(16)]
    assert not assign([newest, *others], SplitOptions(share=0.15, least=5))
    held = [bucket for bucket in (newest, *others) if bucket.side == "eval"]
    assert len(held) == 5
    assert sum(bucket.sessions for bucket in held) < 29 + 4 * 4, "it was exchanged, or left"


def test_what_was_large_enough_for_a_split_gets_no_folds_when_it_shrinks() -> None:
    old = [Bucket(f"p{n}", 1, 2, day(n), side="train" if n else "eval") for n in range(6)]
    new = [Bucket(f"q{n}", 1, 2, day(20 + n)) for n in range(4)]
    assert not assign([*old, *new], SplitOptions())
    assert {bucket.fold for bucket in (*old, *new)} == {None}
    assert [bucket.side for bucket in old] == ["eval"] + ["train"] * 5
