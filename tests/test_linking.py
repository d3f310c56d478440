"""Nodes to threads: what forks, what does not, where epochs begin."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.support import growth

from sessiontune.linking import Frame, Node, epochs, fork_from, segments, sessions_of, threads
from sessiontune.model import Text, ToolCall, ToolResult

FRAME = Frame(source="claude", session_id="s")


def node(name: str, kind: str, up: Node | None = None, file: int = 0, line: int = 0) -> Node:
    made = Node(id=name, file=file, line=line, kind=kind, up=up)
    if kind != "boundary":
        made.parts = [Text(name)]
        made.places = [(line, 0)]
    return made


def keyed(text: str) -> str:
    return text


def _ids(found: list[list[Node]]) -> list[list[str]]:
    return [[n.id for n in thread.nodes] for thread in threads(found)]


def test_two_prompts_below_one_answer_are_a_fork_and_each_goes_on_alone() -> None:
    p1 = node("p1", "prompt")
    a1 = node("a1", "answer", p1)
    p2 = node("p2", "prompt", a1)
    a2 = node("a2", "answer", p2)
    p3 = node("p3", "prompt", a1)
    a3 = node("a3", "answer", p3)
    p4 = node("p4", "prompt", a2)
    assert _ids([[p1, a1, p2, a2, p3, a3, p4]]) == [["p1", "a1", "p2", "a2", "p4"], ["p3", "a3"]]


def test_a_prompt_and_an_answer_below_one_node_are_the_order_of_things() -> None:
    a1 = node("a1", "answer")
    nodes = [a1, node("p", "prompt", a1), node("a2", "answer", a1), node("x", "context", a1)]
    assert _ids([nodes]) == [["a1", "p", "a2", "x"]]


def test_each_of_many_answers_below_one_prompt_is_told_and_few_are_held_against_the_next() -> None:
    """No answer is held against all before it, which would take the square of their number."""
    prompt = node("p", "prompt")
    given = [node(f"a{i}", "answer", prompt) for i in range(500)]
    assert _ids([[prompt, *given]]) == [["p", "a0"], *([a.id] for a in given[1:])]
    assert [a.flags for a in given] == [["retried"]] * 499 + [[]]
    assert len(prompt.kids) < 100


def test_of_many_below_one_node_those_stay_that_decide_about_the_next() -> None:
    def below(up: Node, kind: str, many: int, line: int = 1, **more: object) -> list[Node]:
        made = [node(f"{kind} {line + n}", kind, up, line=line + n) for n in range(many)]
        return [msgspec.structs.replace(one, **more) for one in made]

    def told() -> dict[str, ToolResult]:
        return {"c": ToolResult("c", "Bash", "ok")}

    p = node("p", "prompt")  # with all answers of its turn below it
    assert len(_ids([[p, *below(p, "answer", 70, results=told()), node("last", "answer", p)]])) == 1
    p = node("p", "prompt")
    assert len(_ids([[p, *below(p, "answer", 2, results=told()), *below(p, "answer", 70, 3)]])) == 1

    a = node("a", "answer")  # two programs go on from it in turns
    one = node("p", "prompt", a)
    again = below(a, "prompt", 70)
    found = _ids([[a, one, node("b", "answer", one), *again, node("other", "answer", a)]])
    assert (len(found), found[0], found[-1]) == (72, ["a", "p", "b"], ["other"])

    a = node("a", "answer")  # its last result came late; another file goes on from it too
    a.result_places = [(200, 0)]
    beside = below(a, "answer", 2, file=1)
    found = _ids([[a], beside, [*below(a, "answer", 70), node("late", "answer", a, line=300)]])
    assert (len(found), found[-1]) == (73, ["late"])


def test_a_branch_may_begin_with_what_was_run_before_its_prompt() -> None:
    a1 = node("a1", "answer")
    p1, ran = node("p1", "prompt", a1), node("ran", "context", a1)
    told = node("told", "context", ran)
    nodes = [a1, p1, node("a2", "answer", p1), ran, told, node("p2", "prompt", told)]
    assert _ids([nodes]) == [["a1", "p1", "a2"], ["ran", "told", "p2"]]


def test_context_below_a_node_that_has_a_prompt_is_no_branch_by_itself() -> None:
    a1 = node("a1", "answer")
    p1, shown = node("p1", "prompt", a1), node("shown", "context", a1)
    nodes = [a1, p1, shown, node("a2", "answer", shown), node("p2", "prompt")]
    assert _ids([nodes]) == [["a1", "p1", "shown", "a2", "p2"]]


def test_the_answers_of_a_turn_all_below_its_prompt_are_no_branch_though_a_prompt_follows() -> None:
    p = node("p", "prompt")
    told = [node(name, "answer", p) for name in ("a1", "a2")]
    for one in told:
        one.results = {one.id: ToolResult(one.id, "Bash", "ok")}
    assert _ids([[p, *told, node("q", "prompt", told[-1])]]) == [["p", "a1", "a2", "q"]]


def test_another_agents_message_beside_a_prompt_that_was_answered_is_no_branch() -> None:
    a1 = node("a1", "answer")
    p1 = node("p1", "prompt", a1)
    nodes = [a1, p1, node("a2", "answer", p1), node("t", "task", a1)]
    assert _ids([nodes]) == [["a1", "p1", "a2", "t"]]


def test_context_that_nothing_hangs_below_begins_no_branch() -> None:
    a1 = node("a1", "answer")
    p1, shown = node("p1", "prompt", a1), node("shown", "context", a1)
    a2 = node("a2", "answer", p1)
    assert _ids([[a1, p1, shown, a2, node("p2", "prompt", a2)]]) == [
        ["a1", "p1", "shown", "a2", "p2"]
    ]


def test_what_was_queued_while_the_model_answered_is_no_branch() -> None:
    p1 = node("p1", "prompt")
    queued, typed = node("q", "prompt", p1), node("t", "prompt", p1)
    queued.flags = ["queued"]
    assert _ids([[p1, node("a1", "answer", p1), queued]]) == [["p1", "a1", "q"]]
    p1.kids = ()
    assert _ids([[p1, node("a1", "answer", p1), typed]]) == [["p1", "a1"], ["t"]]


def test_going_back_behind_a_prompt_whose_parent_was_never_written() -> None:
    a1 = node("a1", "answer")
    p1 = node("p1", "prompt")
    p1.parent = "nowhere"
    nodes = [a1, p1, node("a2", "answer", p1), node("p2", "prompt", a1)]
    assert _ids([nodes]) == [["a1", "p1", "a2"], ["p2"]]


def test_an_answer_given_again_is_a_fork_and_the_first_is_flagged() -> None:
    p = node("p", "prompt")
    first, again = node("a1", "answer", p), node("a2", "answer", p)
    assert _ids([[p, first, again]]) == [["p", "a1"], ["a2"]]
    assert first.flags == ["retried"]
    assert again.flags == []


def test_an_empty_first_try_is_no_branch() -> None:
    p = node("p", "prompt")
    first, again = node("a1", "answer", p), node("a2", "answer", p)
    first.parts, first.places = [], []
    assert len(threads([[p, first, again]])) == 1


def test_a_file_that_goes_on_where_another_ends_is_the_same_thread() -> None:
    p = node("p", "prompt")
    a = node("a", "answer", p)
    more = node("q", "prompt", a, file=1)
    assert _ids(segments([p, a, more], set())) == [["p", "a", "q"]]


def test_a_tail_that_waits_for_a_file_read_later() -> None:
    a = node("a", "answer", file=1)
    tail = node("q", "prompt", a, file=0)
    (thread,) = threads([[tail], [a]])
    assert [n.id for n in thread.nodes] == ["a", "q"]


def test_files_in_a_circle_end() -> None:
    a, b = node("a", "prompt", file=0), node("b", "prompt", file=1)
    a.up, b.up = b, a
    assert _ids([[a], [b]]) == [["a", "b"]]
    a, b, c = (node(name, "prompt", file=file) for file, name in enumerate("abc"))
    a.up, b.up, c.up = b, c, a
    assert _ids([[a], [b], [c]]) == [["a", "c", "b"]]  # only the first begins anywhere
    p, own, q = (node(name, "prompt", file=file) for name, file in (("p", 0), ("own", 0), ("q", 1)))
    own.up = own
    assert _ids([[p, own], [q]]) == [["p", "own"], ["q"]]
    own = node("own", "prompt")
    own.up = own
    (alone,) = sessions_of(threads([[own]]), FRAME, ("f",), keyed)
    assert alone.forked_from is None, "nothing is a branch of itself"


def test_what_hangs_below_a_thread_that_was_given_out_is_a_thread_of_its_own() -> None:
    """As the log of an agent that goes on from its caller's last answer: nobody looks at the
    caller's thread again."""
    p1 = node("p1", "prompt")
    a1 = node("a1", "answer", p1)
    (first,) = sessions_of(threads([[p1, a1]]), FRAME, ("s.jsonl", "agent.jsonl"), keyed)
    (thread,) = threads([[node("q", "prompt", a1, file=1)]])
    assert [n.id for n in thread.nodes] == ["q"]
    (own,) = sessions_of([thread], FRAME, ("s.jsonl", "agent.jsonl"), keyed)
    assert own.forked_from is not None
    assert (own.forked_from.session, own.forked_from.message) == (first.key, "a1")


def test_branches_of_branches_cost_their_number() -> None:
    def branching(count: int) -> Callable[[], None]:
        nodes = [node("p", "prompt")]
        for _ in range(count):
            answered = node("a", "answer", nodes[-1])
            nodes += [answered, node("one", "prompt", answered), node("two", "prompt", answered)]

        def link() -> None:
            found = threads([nodes])
            assert (len(found), {thread.root for thread in found}) == (count + 1, {"p"})

        return link

    assert growth(branching, 1250) < 24


def test_epochs_begin_with_a_boundary_or_with_a_summary_alone() -> None:
    nodes = [
        node("p", "prompt"),
        node("b", "boundary"),
        node("c", "context"),  # what a hook said
        node("s", "summary"),
        node("q", "prompt"),
        node("s2", "summary"),
        node("r", "prompt"),
    ]
    (thread,) = threads([nodes])
    assert [(n, [x.id for x in run]) for n, run in epochs(thread)] == [
        (0, ["p"]),
        (1, ["b", "c", "s", "q"]),
        (2, ["s2", "r"]),
    ]


def test_a_branch_names_the_last_message_before_it() -> None:
    p = node("p", "prompt")
    a = node("a", "answer", p)
    a.parts.append(ToolCall("c", "Bash", {}))
    a.results = {"c": ToolResult("c", "Bash", "ok")}
    a.results["elsewhere"] = ToolResult("elsewhere", "", "of a call that no log holds")
    a.results["c"] = a.results.pop("c")
    a.result_id, a.result_places = "r", [(3, 0)]
    a.at, a.result_at = "10:00", "10:05"
    q1, q2 = node("q1", "prompt", a), node("q2", "prompt", a)
    main, branch = sessions_of(threads([[p, a, q1, q2]]), FRAME, ("f",), keyed)
    assert branch.forked_from is not None
    assert (branch.forked_from.session, branch.forked_from.message) == (main.key, "r")
    assert [m.id for m in main.messages] == ["p", "a", "r", "q1"]
    told = main.messages[2]
    assert told.at == "10:05"
    assert [part.call_id for part in told.parts] == ["c", "elsewhere"]  # in the order of the calls


def test_a_branch_after_a_compaction_is_of_its_epoch() -> None:
    p, b = node("p", "prompt"), node("b", "boundary")
    a = node("a", "answer", p)
    q1, q2 = node("q1", "prompt", a), node("q2", "prompt", a)
    late = [node("s", "summary", q2), node("r", "prompt")]
    found = list(sessions_of(threads([[p, b, a, q1, q2, *late]]), FRAME, ("f",), keyed))
    assert [([m.id for m in s.messages], s.epoch) for s in found] == [
        (["p"], 0),
        (["a", "q1"], 1),
        (["q2"], 1),
        (["s", "r"], 2),
    ]
    assert [s.forked_from and s.forked_from.message for s in found] == [None, None, "a", None]


def test_what_left_no_message_is_looked_past_for_the_last_one() -> None:
    """A prompt that was a picture alone, with two prompts below it, and an answer that was taken
    back, with which an agent's context ended."""
    p = node("p", "prompt")
    a = node("a", "answer", p)
    picture, taken = node("picture", "prompt", a), node("taken", "answer", a)
    picture.parts = []
    nodes = [p, a, node("q", "prompt", a), picture]
    nodes += [node("r1", "prompt", picture), node("r2", "prompt", picture)]
    *_, last = sessions_of(threads([nodes]), FRAME, ("f",), keyed)
    assert [m.id for m in last.messages] == ["r2"]
    assert last.forked_from is not None
    assert last.forked_from.message == "a"
    assert fork_from(taken) == last.forked_from


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["prompt", "answer", "context", "summary", "boundary"]),
            st.integers(0, 30),
            st.integers(0, 2),
        ),
        max_size=25,
    )
)
def test_every_node_stands_in_one_thread_in_the_order_of_its_file(
    shape: list[tuple[str, int, int]],
) -> None:
    files: list[list[Node]] = [[], [], []]
    made: list[Node] = []
    for at, (kind, _, file) in enumerate(shape):
        one = node(f"n{at}", kind, file=file, line=at)
        files[file].append(one)
        made.append(one)
    for one, (_, above, _) in zip(made, shape, strict=True):
        one.up = made[above] if above < len(made) else None
    found = threads(segments([n for nodes in files for n in nodes], set()))
    placed = [n.id for thread in found for n in thread.nodes]
    assert sorted(placed) == sorted(n.id for n in made)
    for thread in found:
        for file in range(3):
            lines = [n.line for n in thread.nodes if n.file == file]
            assert lines == sorted(lines)
    keys = [s.key for s in sessions_of(found, FRAME, ("a", "b", "c"), keyed)]
    assert len(keys) == len(set(keys))
