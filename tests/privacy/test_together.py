"""Where what is found in several strings, read as one JSON, lies in each of them."""

from __future__ import annotations

from sessiontune.privacy.pseudonym import Pseudonyms
from sessiontune.privacy.rules import Span
from sessiontune.privacy.together import groups, laid, mended


def _found(value: list[str], start: int, end: int) -> list[tuple[str, int, int]]:
    whole = laid(value)
    assert whole is not None
    span = Span(start, end, "secret", "placeholder", 1)
    return [
        (leaf, s.start - at, s.end - at) for leaf, at, some in whole.within([span]) for s in some
    ]


def test_a_span_is_cut_to_each_string_that_it_touches() -> None:
    """`["ab","cd"]`: the strings stand at 2 to 4 and 7 to 9."""
    assert _found(["ab", "cd"], 0, 11) == [("ab", 0, 2), ("cd", 0, 2)]
    assert _found(["ab", "cd"], 3, 8) == [("ab", 1, 2), ("cd", 0, 1)]
    assert _found(["ab", "cd"], 4, 7) == []  # the marks between them


def test_what_is_left_of_a_span_may_be_a_pseudonym() -> None:
    name = Pseudonyms(b"salt").make("user", "user", b"alice").decode()
    assert _found([name, "cd"], 0, 2 + len(name)) == []


def test_a_name_alone_announces_nothing() -> None:
    assert list(groups(["--token"])) == []
    assert list(groups(["--token", "V"])) == [["--token", "V"]]
    assert list(groups({"a": {"keys": ["x", "y"]}})) == [{"keys": ["x", "y"]}]
    assert list(groups(["token of mine", "V"])) == []


def test_json_with_what_is_no_string() -> None:
    whole = laid({"a": [None, 1, True, {"b": "c"}], "d": []})
    assert whole is not None
    assert whole.text == b'{"a":[0,0,0,{"b":"c"}],"d":[]}'
    assert laid(["x" * (1 << 18), "y"]) is None  # looked at in its parts only


def test_a_span_that_ends_inside_an_escape_takes_the_whole_string() -> None:
    value = ["--token", 'a"b']
    whole = laid(value)
    assert whole is not None
    at = whole.text.index(b'"b')
    span = Span(at, at + 1, "secret", "placeholder", 1)

    def apply(inner: bytes, spans: list[Span]) -> bytes:
        return inner[: spans[0].start] + b"X" + inner[spans[0].end :]

    assert mended(value, lambda _: [span], apply) == {'a"b': "X"}
