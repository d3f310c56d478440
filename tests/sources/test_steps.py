"""Work that must not grow with the square of a log's length, counted in steps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from tests.support import steps

from sessiontune.ledger import Ledger
from sessiontune.linking import Node, fork_from, threads
from sessiontune.model import Text, ToolCall, ToolResult
from sessiontune.ports import ReadOptions
from sessiontune.sources.claude.read import Reader
from sessiontune.sources.claude.served import _pieces
from sessiontune.sources.claude.state import State
from sessiontune.sources.claude.weaving import in_places, place_woven


def node(line: int, file: int = 0, kind: str = "answer") -> Node:
    return Node(id=f"{file}.{line}", file=file, line=line, kind=kind)


def far_parents(count: int) -> Callable[[], object]:
    """Nodes below a chain of records without a node."""
    reader = Reader((), ReadOptions(), Ledger())
    reader.above = {f"{at}": f"{at - 1}" for at in range(1, count)}
    nodes = [node(at) for at in range(count)]
    for at, one in enumerate(nodes):
        one.parent = f"{at}"
    return lambda: reader.resolve(nodes)


def late_results(count: int) -> Callable[[], object]:
    nodes = [node(at, at % 3) for at in range(count)]
    return lambda: in_places(nodes, [node(at, at % 3) for at in range(count)])


def woven(count: int) -> Callable[[], object]:
    state, nodes = State((), ReadOptions(), Ledger()), [node(at) for at in range(count)]
    state.woven = [(node(at, 1, "prompt"), below) for at, below in enumerate(nodes)]
    return lambda: place_woven(state, nodes)


def long_answer(count: int) -> Callable[[], object]:
    """An answer with one result among many words."""
    one = node(1)
    words = [Text(f"{at}") for at in range(count)]
    one.parts = [*words, ToolCall("c", "web_search", {}), ToolResult("c", "", ""), *words]
    return lambda: _pieces(one)


class Unsearched(list[Node]):
    """Nodes among which none is looked for."""

    def index(self, *_: object) -> int:
        raise AssertionError


def test_what_is_above_a_fork_is_found_by_its_place() -> None:
    nodes = [node(at) for at in range(9)]
    for above, below in pairwise(nodes):
        below.up = above
    (thread,) = threads([nodes])
    thread.nodes = Unsearched(thread.nodes)
    nodes[3].head = nodes[3].tail = "told"
    points = [fork_from(one) for one in nodes]
    assert [point and point.message for point in points] == [*[None] * 3, *["told"] * 6]


@pytest.mark.parametrize("prepare", [far_parents, late_results, woven, long_answer])
def test_eight_times_as_much_is_eight_times_the_work(
    prepare: Callable[[int], Callable[[], object]],
) -> None:
    assert steps(prepare(800)) < 10 * steps(prepare(100))


def test_late_results_stand_at_their_places_in_their_files() -> None:
    nodes = [node(1), node(5), node(2, 1), node(8), node(9, 1)]
    others = [node(7), node(3), node(10), node(1, 1), node(4, 2), node(2, 2)]
    placed = [(one.file, one.line) for one in in_places(nodes, others)]
    assert placed == [
        *((0, line) for line in (1, 3, 5)),
        *((1, line) for line in (1, 2)),
        *((0, line) for line in (7, 8, 10)),
        (1, 9),
        *((2, line) for line in (2, 4)),
    ]


def test_a_circle_of_records_leads_nowhere() -> None:
    reader = Reader((), ReadOptions(), Ledger())
    reader.above = {"a": "b", "b": "c", "c": "a"}
    one, two = node(1), node(2)
    one.parent, two.parent = "a", "c"
    reader.resolve([one, two])
    assert (one.up, two.up) == (None, None)
