"""Next-action scores equal those worked out by hand."""

from __future__ import annotations

import warnings

import pytest

from sessiontune.evaluation.callforms import Call, Written, calls_in, said_in
from sessiontune.evaluation.nextaction import (
    agreement,
    edit_similarity,
    normal,
    score,
)

READ = Call("Read", {"file_path": "src/app.py"})
EDIT = Call("Edit", {"file_path": "src/app.py", "old_string": "a", "new_string": "b"})
LS = Call("Bash", {"command": "ls -la"})

#: (given, wanted, broken, name, arguments, exact, valid)
CASES = [
    # one call
    ([READ], [READ], 0, 1, 1, 1, 1),
    ([LS], [READ], 0, 0, 0, 0, 1),
    ([], [READ], 0, 0, 0, 0, 0),  # free text in place of a call
    ([READ], [], 0, 0, 0, 0, 1),  # a call in place of text
    ([], [], 0, 1, 1, 1, 1),
    # arguments
    ([Call("Read", {"file_path": "./src/app.py"})], [READ], 0, 1, 1, 1, 1),
    ([Call("Read", {"file_path": "src//app.py/"})], [READ], 0, 1, 1, 1, 1),
    ([Call("Read", {"file_path": "src\\app.py"})], [READ], 0, 1, 1, 1, 1),
    ([Call("Read", {"file_path": "src/other.py"})], [READ], 0, 1, 0, 0, 1),
    ([Call("Read", {})], [READ], 0, 1, 0, 0, 1),  # missing argument
    ([Call("Read", {"file_path": "src/app.py", "limit": 5})], [READ], 0, 1, 1 / 2, 0, 1),
    ([Call("Edit", {**EDIT.arguments, "new_string": "c"})], [EDIT], 0, 1, 2 / 3, 0, 1),
    ([Call("Bash", {"command": "ls   -la\n"})], [LS], 0, 1, 1, 1, 1),  # white space
    ([Call("Bash", {"command": "ls -l"})], [LS], 0, 1, 0, 0, 1),
    ([Call("read", {"file_path": "src/app.py"})], [READ], 0, 0, 0, 0, 1),  # names are exact
    # parallel calls match as a set
    ([READ, LS], [READ, LS], 0, 1, 1, 1, 1),
    ([LS, READ], [READ, LS], 0, 1, 1, 1, 1),
    ([READ], [READ, LS], 0, 1 / 2, 1 / 2, 0, 1),
    ([READ, LS, LS], [READ, LS], 0, 2 / 3, 2 / 3, 0, 1),  # one too many
    ([READ, READ], [READ, LS], 0, 1 / 2, 1 / 2, 0, 1),  # the same twice is not both
    ([LS, LS], [LS, LS], 0, 1, 1, 1, 1),
    # broken calls
    ([], [READ], 1, 0, 0, 0, 0),
    ([READ], [READ], 1, 1 / 2, 1 / 2, 0, 1 / 2),
    ([], [], 1, 0, 0, 0, 0),
    # several arguments, one at a time
    ([Call("Edit", {**EDIT.arguments, "file_path": "./src/app.py"})], [EDIT], 0, 1, 1, 1, 1),
    ([Call("Edit", {"file_path": "src/app.py"})], [EDIT], 0, 1, 1 / 3, 0, 1),
    ([Call("Edit", {"old_string": "a", "new_string": "b"})], [EDIT], 0, 1, 2 / 3, 0, 1),
    ([Call("Edit", {**EDIT.arguments, "replace_all": True})], [EDIT], 0, 1, 3 / 4, 0, 1),
    ([Call("Edit", {**EDIT.arguments, "old_string": " a "})], [EDIT], 0, 1, 1, 1, 1),
    ([Call("Edit", {**EDIT.arguments, "old_string": "A"})], [EDIT], 0, 1, 2 / 3, 0, 1),
    ([Call("Edit", {})], [EDIT], 0, 1, 0, 0, 1),
    # values that are no text
    ([Call("Read", {"n": 5.0})], [Call("Read", {"n": 5})], 0, 1, 1, 1, 1),
    ([Call("Read", {"n": "5"})], [Call("Read", {"n": 5})], 0, 1, 0, 0, 1),
    ([Call("Todo", {"items": ["a", "b"]})], [Call("Todo", {"items": ["a", "b"]})], 0, 1, 1, 1, 1),
    ([Call("Todo", {"items": ["b", "a"]})], [Call("Todo", {"items": ["a", "b"]})], 0, 1, 0, 0, 1),
    ([Call("Run", {"on": True})], [Call("Run", {"on": False})], 0, 1, 0, 0, 1),
    ([Call("Run", {})], [Call("Run", {})], 0, 1, 1, 1, 1),
    ([Call("Run", {"on": None})], [Call("Run", {})], 0, 1, 0, 0, 1),
    # three parallel calls
    ([READ, EDIT, LS], [LS, READ, EDIT], 0, 1, 1, 1, 1),
    ([READ, EDIT], [LS, READ, EDIT], 0, 2 / 3, 2 / 3, 0, 1),
    ([LS], [LS, READ, EDIT], 0, 1 / 3, 1 / 3, 0, 1),
    ([], [LS, READ, EDIT], 0, 0, 0, 0, 0),
    ([READ, Call("Bash", {"command": "pwd"})], [READ, LS], 0, 1, 1 / 2, 0, 1),
    (
        [Call("Read", {"file_path": "b"}), READ],
        [READ, Call("Read", {"file_path": "b"})],
        0,
        1,
        1,
        1,
        1,
    ),
    # broken ones beside whole ones
    ([READ, LS], [READ, LS], 1, 2 / 3, 2 / 3, 0, 2 / 3),
    ([], [READ, LS], 2, 0, 0, 0, 0),
    ([READ], [], 1, 0, 0, 0, 1 / 2),
    ([READ], [READ, LS], 1, 1 / 2, 1 / 2, 0, 1 / 2),
    ([LS], [READ], 2, 0, 0, 0, 1 / 3),
    # the nearest of two calls of one tool answers
    (
        [Call("Read", {"file_path": "x"}), READ],
        [READ],
        0,
        1 / 2,
        1 / 2,
        0,
        1,
    ),
]


@pytest.mark.parametrize(
    ("given", "wanted", "broken", "name", "arguments", "exact", "valid"), CASES
)
def test_scores_by_hand(
    given: list[Call],
    wanted: list[Call],
    broken: int,
    name: float,
    arguments: float,
    exact: float,
    valid: float,
) -> None:
    found = score(given, wanted, broken)
    assert (found.name, found.arguments, found.exact, found.valid) == pytest.approx(
        (name, arguments, exact, valid)
    )


#: (text, calls, broken)
TEXTS = [
    ("Let me look.", [], 0),
    (
        '<tool_call>\n{"name": "Read", "arguments": {"file_path": "src/app.py"}}\n</tool_call>',
        [READ],
        0,
    ),
    ('Text.<tool_call>{"name":"Bash","arguments":{"command":"ls -la"}}</tool_call>', [LS], 0),
    (
        '<tool_call>{"name": "Read", "arguments": '
        '"{\\"file_path\\": \\"src/app.py\\"}"}</tool_call>',
        [READ],
        0,
    ),
    ("<tool_call>{not json}</tool_call>", [], 1),
    ('<tool_call>{"arguments": {}}</tool_call>', [], 1),
    ('<tool_call>{"name": "Read", "arguments": [1]}</tool_call>', [], 1),
    ('<tool_call>{"name": "Read", "arguments": "no json"}</tool_call>', [], 1),
    ('<tool_call>{"name": "Read"', [], 1),  # cut off
    (
        "<tool_call>[1]</tool_call>"
        '<tool_call>{"name":"Bash","arguments":{"command":"ls -la"}}</tool_call>',
        [LS],
        1,
    ),
    ('<tool_call>{"name": "Read", "arguments": {}}</tool_call>', [Call("Read", {})], 0),
    ('<tool_call>{"name": "Read"}</tool_call>', [Call("Read", {})], 0),
]


TEXTS += [
    ('{"name": "Bash", "parameters": {"command": "ls -la"}}', [LS], 0),  # Llama 3
    ('<|python_tag|>{"name": "Bash", "parameters": {"command": "ls -la"}}', [LS], 0),
    ('[TOOL_CALLS] [{"name": "Bash", "arguments": {"command": "ls -la"}}]', [LS], 0),  # Mistral
    ('[TOOL_CALLS] [{"name": "Bash", "arguments": {"command": "ls -la"}}, {"no": 1}]', [LS], 1),
    ("[TOOL_CALLS] [{", [], 1),
    ('{"status": "open"}', [], 0),  # JSON that is an answer, not a call
    (  # a bracket that is repeated until the end
        '<tool_call>{"name": "Read", "arguments": {"a": ' + "[" * 20_000 + "</tool_call>",
        [],
        1,
    ),
    ('{"name": "Read", "arguments": ' + '{"a":' * 20_000, [], 0),
    ("[TOOL_CALLS]" + "[" * 20_000, [], 1),
    ("[TOOL_CALLS]Read[ARGS]" + '{"a":' * 20_000, [], 1),
    (  # thoughts about how a call is written
        "<think>A <tool_call> it is.</think>\n"
        '<tool_call>{"name": "Bash", "arguments": {"command": "ls -la"}}</tool_call>',
        [LS],
        0,
    ),
]


#: Calls as other families write them, and what is said beside them.
FAMILIES = [
    ("I look.\n<tool_call>\n<function=Bash>\n<parameter=command>\nls -la\n</parameter>\n"
     "</function>\n</tool_call>", [LS], "I look."),
    ("<think>\nHow?\n</think>\n\nI look.\n<tool_call>Bash\n<arg_key>command</arg_key>\n"
     "<arg_value>ls -la</arg_value>\n</tool_call>", [LS], "I look."),
    ('<|tool_call>call:Bash{command:<|"|>ls -la<|"|>}<tool_call|>', [LS], ""),
    ("<|channel|>analysis<|message|>How?<|end|><|start|>assistant to=functions.Bash<|channel|>"
     'commentary json<|message|>{"command": "ls -la"}', [LS], ""),
    ("I look." + 2 * '[TOOL_CALLS]Bash[ARGS]{"command": "ls -la"}', [LS, LS], "I look."),
    ('I look.[TOOL_CALLS] [{"name": "Bash", "arguments": {"command": "ls -la"}}]', [LS],
     "I look."),
    ('<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>Bash<｜tool▁sep｜>{"command": "ls -la"}'
     "<｜tool▁call▁end｜>", [LS], ""),
    ("<｜tool▁call▁begin｜>function<｜tool▁sep｜>Bash\n```json\n"
     '{"command": "ls -la"}\n```<｜tool▁call▁end｜>', [LS], ""),
    ("<|tool_call_begin|>functions.Bash:0<|tool_call_argument_begin|>"
     '{"command": "ls -la"}<|tool_call_end|>', [LS], ""),
    ("Say [TOOL_CALLS] where it is due.", [], "Say [TOOL_CALLS] where it is due."),
    ("<|channel|>final<|message|>Done.", [], "Done."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "calls", "said"), FAMILIES)
def test_calls_of_other_families(text: str, calls: list[Call], said: str) -> None:
    assert calls_in(text) == (calls, 0)
    assert said_in(text) == said


def test_values_without_a_type_are_read_as_the_other_side_has_them() -> None:
    body = "".join(
        f"<parameter={k}>\n{v}\n</parameter>\n"
        for k, v in {"n": 3, "all": True, "text": 3, "list": '["a", 1]', "off": "false"}.items()
    )
    (given,), broken = calls_in(f"<tool_call>\n<function=Read>\n{body}</function>\n</tool_call>")
    wanted = {"n": 3, "all": True, "text": "3", "list": ["a", 1], "off": False}
    assert (agreement(given.arguments, wanted), broken) == (1, 0)
    assert agreement(given.arguments, {**wanted, "n": 4}) == 4 / 5


@pytest.mark.parametrize("given", ["{{1: 2}}", "9" * 5000, "[" * 5000, "{[]: 1}"])
def test_odd_values_without_a_type_are_text(given: str) -> None:
    body = f"<parameter=all>{given}</parameter>"
    (call,), broken = calls_in(f"<tool_call><function=Read>{body}</function></tool_call>")
    assert (agreement(call.arguments, {"all": {"a": 1}}), broken) == (0, 0)
    assert agreement(call.arguments, {"all": given}) == 1


def test_what_a_model_wrote_warns_nobody() -> None:
    """Python would, of an escape that it does not know."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert agreement({"all": Written(r"['\d']")}, {"all": [r"\d"]}) == 1
    assert said == []


def test_values_beyond_what_can_be_compared_are_not_the_same() -> None:
    deep: object = 1
    for _ in range(900):
        deep = [deep]
    for given in (10**400, deep):
        assert agreement({"a": given}, {"a": 1}) == 0


@pytest.mark.parametrize(("text", "calls", "broken"), TEXTS)
def test_calls_in_an_answer(text: str, calls: list[Call], broken: int) -> None:
    assert calls_in(text) == (calls, broken)


@pytest.mark.parametrize(
    ("name", "a", "b", "same"),
    [
        ("file_path", "/a/b", "/a/b/", True),
        ("path", "./x", "x", True),
        ("path", "/", "//", True),
        ("path", "A", "a", False),
        ("limit", 5, 5.0, True),
        ("flag", True, 1, False),
        ("query", "a  b", "a b", True),
        ("query", "a/b/", "a/b", False),
        ("paths", ["./a", "b/"], ["a", "b"], True),
        ("edits", [{"old": "x  y"}], [{"old": "x y"}], True),
        ("nothing", None, None, True),
        ("nothing", None, "", False),
        ("list", [1, 2], [2, 1], False),
    ],
)
def test_values_as_they_are_compared(name: str, a: object, b: object, same: bool) -> None:
    left, right = normal(name, a), normal(name, b)
    assert (left == right and type(left) is type(right)) is same


def test_two_empty_argument_lists_agree() -> None:
    assert agreement({}, {}) == 1.0


def test_the_fixture_is_large_enough() -> None:
    assert len(CASES) >= 50


def test_edits_are_compared_by_lines() -> None:
    wanted = [Call("Edit", {"file_path": "a.py", "old_string": "x", "new_string": "a\nb\nc\nd"})]
    near = [Call("Edit", {"file_path": "b.py", "old_string": "y", "new_string": "a\n  b\nX\nd"})]
    many = [Call("MultiEdit", {"edits": [{"new_string": "a\nb"}, {"new_string": "c\nd"}]})]
    assert edit_similarity(near, wanted) == pytest.approx(2 * 3 / 8)
    assert edit_similarity(many, wanted) == 1.0
    assert edit_similarity([], wanted) == 0.0
    assert edit_similarity(wanted, [READ]) is None  # the turn wrote no code
