"""Pseudonyms in a text are told apart from what stands as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontune.privacy.pseudonym import Pseudonyms, told_apart

MADE = Pseudonyms(b"a salt")


@pytest.mark.parametrize(
    ("kind", "shape", "value", "told"),
    [
        ("password", "placeholder", b"x", "password"),
        ("github-token", "placeholder", b"x", "github token"),
        ("password", "braced", b"x", "password"),
        ("email", "email", b"x@" + b"y.org", "e-mail"),
        ("ip", "ip", b"9.9.9.9", "ip"),
        ("ip", "ipv6", b"2620:fe::fe", "ip"),
        ("home", "user", b"mara", "user"),
        ("home", "slug", b"-home-" + b"mara-work", "project"),
        ("id", "uuid", b"0f8fad5b-d9cb-469f-a165-70867728950e", "id"),
    ],
)
def test_each_shape_is_found_between_words(kind: str, shape: str, value: bytes, told: str) -> None:
    made = MADE.make(kind, shape, value).decode()
    assert [k for _, k in told_apart(f"so ({made}), then")] == ["", told, ""]
    assert "".join(text for text, k in told_apart(f'"{made}" {made}/x') if k).count(made[1:-1]) == 2


@pytest.mark.parametrize(
    "text", ["", "user and host", "d41d8cd98f00b204e9800998ecf8427e", "REDACTED_", "projectbcdf"]
)
def test_other_texts_stay_whole(text: str) -> None:
    assert told_apart(text) == [(text, "")]


@given(st.lists(st.text() | st.sampled_from(["a", "b"]).map(lambda v: MADE.ident("user", v))))
def test_the_pieces_are_the_text(parts: list[str]) -> None:
    text = " ".join(parts)
    assert "".join(piece for piece, _ in told_apart(text)) == text
