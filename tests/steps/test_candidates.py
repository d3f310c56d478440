"""What is compared in little time is what comparing all with all gives."""

from __future__ import annotations

import random
import struct
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steps_synth import dialogue, nearly, renamed
from test_dedupe import marks
from test_split import leaky_corpus

from sessiontune.candidates import NEIGHBOURS, keys_of, meeting, neighbours, shared
from sessiontune.decisions import Union
from sessiontune.marks import (
    ROWS,
    Mark,
    anchors,
    in_common,
    is_answer,
    jaccard,
)
from sessiontune.model import Session
from sessiontune.steps import dedupe
from sessiontune.steps import leakage as leak
from sessiontune.steps.dedupe import TAIL, decide
from sessiontune.steps.leakage import NEAR, leakage


def family(n: int, seed: int) -> list[Session]:
    """Copies of a few sessions, more and less alike."""
    rng = random.Random(seed)
    roots = [dialogue(f"r{i}", seed + i, rng.randrange(1, 4)) for i in range(3)]
    out = list(roots)
    for i in range(n - len(roots)):
        old, change = rng.choice(out), rng.choice((0.0, 0.01, 0.04, 0.1, 0.2, 0.4))
        out.append(nearly(old, f"s{i}", i, change) if change else renamed(old, f"s{i}"))
    return out


def bands(sketch: bytes) -> set[tuple[int, bytes]]:
    """The bands of a sketch; equal ones at different places are different."""
    return {(at, sketch[at : at + 4 * ROWS]) for at in range(0, len(sketch), 4 * ROWS)}


def lanes_alike(a: bytes, b: bytes) -> float:
    one, two = struct.unpack("<128I", a), struct.unpack("<128I", b)
    return sum(x == y for x, y in zip(one, two, strict=True)) / 128


def looks(m: Mark) -> bytes | None:
    return None if tail(m) else m.minhash


def tail(m: Mark) -> bool:
    return m.forked_from is not None and m.size < TAIL


def slow_groups(known: list[Mark]) -> set[frozenset[str]]:
    """Lineages that belong together, every pair looked at."""
    union = Union()
    for m in known:
        union.find(m.lineage)
        for name in (m.key, *m.family):
            union.join(m.lineage, f"name {name}")
    for a, b in combinations(known, 2):
        one, two = looks(a), looks(b)
        near = one and two and bands(one) & bands(two)
        mine, yours = anchors(a), anchors(b)
        common = mine.keys() & yours.keys()
        if (
            (a.digest == b.digest and not tail(a) and not tail(b))
            or (near and one and two and lanes_alike(one, two) >= dedupe.NEAR)
            or (
                common
                and one
                and two
                and (in_common(mine, yours) or lanes_alike(one, two) >= dedupe.NEAR)
            )
        ):
            union.join(a.lineage, b.lineage)
    groups: dict[str, set[str]] = {}
    for m in known:
        groups.setdefault(union.find(m.lineage), set()).add(m.lineage)
    return {frozenset(g) for g in groups.values()}


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(3, NEIGHBOURS))
def test_groups_are_those_of_all_pairs(seed: int, n: int) -> None:
    known = marks(*family(n, seed))
    groups: dict[str, set[str]] = {}
    for lineage, seat in decide(known).decisions.seats.items():
        groups.setdefault(seat.group, set()).add(lineage)
    assert {frozenset(g) for g in groups.values()} == slow_groups(known)


@pytest.mark.parametrize("seed", range(3))
def test_of_hundreds_that_are_alike_each_is_in_the_group_of_all(seed: int) -> None:
    one = dialogue("one", seed)
    some = [one, *(nearly(one, f"n{i}", i, 0.03) for i in range(200)), dialogue("two", seed + 1)]
    groups: dict[str, set[str]] = {}
    for lineage, seat in decide(marks(*some)).decisions.seats.items():
        groups.setdefault(seat.group, set()).add(lineage)
    assert sorted(map(len, groups.values())) == [1, 201]


def slow_leakage(known: list[Mark], deal: dict[str, str]) -> tuple[float, float, float]:
    """Shares of held-out sessions that are exact, near, either; every pair looked at."""
    exact, near = set(), set()
    met = meeting([(m.key, keys_of(m)) for m in known])
    for held in (m for m in known if deal[m.key] == "eval"):
        for other in (m for m in known if deal[m.key] == "train"):
            plain = held.forked_from is None and other.forked_from is None
            mine = {a for a in anchors(held) if is_answer(a)}
            roots = [m.forked_from or m.key for m in (held, other)]
            if (
                (plain and held.digest == other.digest)
                or any(a in mine for a in anchors(other))
                or roots[0] == roots[1]
                or held.forked_from == other.key
                or other.forked_from == held.key
            ):
                exact.add(held.key)
            one, two = held.minhash, other.minhash
            compared = one and two and {held.key, other.key} <= met
            if compared and bands(one) & bands(two) and lanes_alike(one, two) >= NEAR:
                near.add(held.key)
    n = sum(side == "eval" for side in deal.values()) or 1
    return len(exact) / n, len(near) / n, len(exact | near) / n


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(0, 1))
def test_leakage_is_that_of_all_pairs(seed: int, n: int, share: float) -> None:
    rng = random.Random(seed)
    some = leaky_corpus(n, seed) if n > 20 else family(max(n, 3), seed)
    known = marks(*some)
    deal = {m.key: "eval" if rng.random() < share else "train" for m in known}
    found = leakage(known, deal)
    assert (found.exact, found.near, found.either) == slow_leakage(known, deal)


def test_deals_that_are_measured_together_are_as_measured_alone() -> None:
    """The naive splits that an export is held against: a session that one deal tells of is looked
    for in the others still."""
    known = marks(*leaky_corpus(60, 2))
    rng = random.Random(7)
    deals = [bytearray(rng.choices((0, 1, 2), k=len(known))) for _ in range(6)]
    met = frozenset(m.key for m in known)
    alone = [leak._measure(known, met, [deal])[0] for deal in deals]
    assert leak._measure(known, met, deals) == alone
    assert any(one.near for one in alone)


def test_exact_leakage_has_no_limit() -> None:
    """The one copy in training is far from most of those held out."""
    one = dialogue("s000", 1)
    some = [one, *(renamed(one, f"s{i:03}") for i in range(1, 400))]
    deal = {s.key: "eval" for s in some} | {"s000": "train"}
    assert leakage(marks(*some), deal).exact == 1


@given(st.lists(st.sets(st.integers(0, 9), max_size=5), max_size=40), st.integers(1, 5))
def test_neighbours_are_the_last_that_share_a_key(keys: list[set[int]], most: int) -> None:
    wanted = set()
    for position, own in enumerate(keys):
        for key in own:
            before = [i for i in range(position) if key in keys[i]]
            wanted.update((i, position) for i in before[-most:])
    found = list(neighbours(shared([None] * len(keys), keys), most))
    assert len(found) == len(set(found))
    assert set(found) == wanted


@given(st.binary(min_size=512, max_size=512), st.data())
def test_likeness_counts_equal_lanes(sketch: bytes, data: st.DataObject) -> None:
    other = bytearray(sketch)
    for at in data.draw(st.lists(st.integers(0, 511), max_size=200)):
        other[at] ^= data.draw(st.sampled_from((1, 127, 128, 255)))
    assert jaccard(sketch, bytes(other)) == lanes_alike(sketch, bytes(other))


def test_a_key_that_thousands_share_is_one_number() -> None:
    one = marks(dialogue("one", 1))[0]
    assert one.minhash
    numbers = shared([one.minhash] * 5_000)
    assert {len(own) for own in numbers} == {32}
    assert len({number for own in numbers for number in own}) == 32
