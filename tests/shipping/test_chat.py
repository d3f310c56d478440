"""The terminal chat: what counts as one question, and Ctrl-C in the middle of an answer."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sessiontune.cli.chat import _questions
from sessiontune.runtime.talk import Talk


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("one\ntwo\n\nthree\n", ["one", "two"]),
        ('"""first\n\nlast\n"""\nnext\n', ["first\n\nlast", "next"]),
        ('"""\nonly\n"""\n', ["only"]),
        ('"""in one line"""\n', ["in one line"]),
        ('"""never\nclosed', ["never\nclosed"]),
        ("", []),
    ],
)
def test_questions(typed: str, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert list(_questions()) == asked


class _Server:
    """Streams words for ever; `until` is set when somebody stopped listening."""

    def __init__(self) -> None:
        self.asked: list[list[dict[str, str]]] = []
        self.left = threading.Semaphore(0)
        self.endless = True

    def events(self, path: str, data: Mapping[str, Any]) -> Iterator[Any]:
        self.asked.append(data["messages"])
        try:
            while True:
                yield {"choices": [{"delta": {"content": "word "}}]}
                if not self.endless:
                    return
        finally:
            self.left.release()


@pytest.mark.parametrize("sides", [("tuned",), ("base", "tuned")])
def test_ctrl_c_ends_the_answer_and_forgets_the_question(sides: tuple[str, ...]) -> None:
    server = _Server()
    talk = Talk(server, sides)
    main = threading.get_ident()
    heard = 0

    def grow(side: str, piece: str) -> None:
        nonlocal heard
        if threading.get_ident() == main:
            heard += 1
            if heard == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        talk.ask("a long one", grow)
    for _ in sides:
        assert server.left.acquire(timeout=5)  # every side's stream was closed
    server.endless = False
    server.asked.clear()
    assert talk.ask("a short one", lambda side, piece: None) == dict.fromkeys(sides, "word ")
    assert server.asked == [[{"role": "user", "content": "a short one"}]] * len(sides)
