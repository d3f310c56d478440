"""The terminal chat: what counts as one question, and Ctrl-C in the middle of an answer."""

from __future__ import annotations

import contextlib
import io
import os
import termios
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from rich.console import Console as Rich

from sessiontune.cli.chat import _converse, _no_echo, _questions, _shown, _table
from sessiontune.cli.console import Console
from sessiontune.cli.main import main
from sessiontune.cli.serve import loaded
from sessiontune.errors import EndpointError
from sessiontune.evaluation.endpoint import Endpoint
from sessiontune.runtime.host import Hosted
from sessiontune.runtime.talk import Talk


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("one\ntwo\n\nthree\n", ["one", "two"]),
        ('"""first\n\nlast\n"""\nnext\n', ["first\n\nlast", "next"]),
        ('"""\nonly\n"""\n', ["only"]),
        ('"""in one line"""\n', ["in one line"]),
        ('"""never\nclosed', ["never\nclosed"]),
        ("one\n/quit\ntwo\n", ["one"]),
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


class _Says:
    """Streams what it was given, one event a piece."""

    def __init__(self, *deltas: dict[str, Any], finish: str = "stop", error: str = "") -> None:
        self.deltas, self.finish, self.error = deltas, finish, error
        self.asked: list[list[dict[str, str]]] = []

    def events(self, path: str, data: Mapping[str, Any]) -> Iterator[Any]:
        self.asked.append(data["messages"])
        if self.error:
            raise EndpointError(self.error)
        for delta in self.deltas:
            yield {"choices": [{"delta": delta, "finish_reason": None}]}
        yield {"choices": [{"delta": {}, "finish_reason": self.finish}]}


def test_reasoning_is_shown_and_not_kept_and_a_tool_call_is_both() -> None:
    call = {"function": {"name": "read", "arguments": '{"path"'}}
    more = {"function": {"arguments": ': "a.py"}'}}
    server = _Says(
        {"content": None},
        {"reasoning_content": "It wants "},
        {"reasoning_content": "a file."},
        {"content": "I look."},
        {"tool_calls": [call]},
        {"tool_calls": [more]},
    )
    talk = Talk(server, ("tuned",))
    shown: list[str] = []
    said = 'I look.\n[calls read] {"path": "a.py"}'
    assert talk.ask("what?", lambda side, piece: shown.append(piece)) == {"tuned": said}
    assert "".join(shown) == f"(thinking) It wants a file.\n\n{said}"
    talk.ask("and?", lambda side, piece: None)
    assert server.asked[1][1] == {"role": "assistant", "content": said}


def test_an_answer_that_was_cut_off_is_known_as_such() -> None:
    talk = Talk(_Says({"content": "so"}, finish="length"), ("tuned",))
    talk.ask("more", lambda side, piece: None)
    assert talk.cut == ["tuned"]


_MODEL = Hosted(Endpoint("http://127.0.0.1:1"), "tiny", 64, "a file")


def test_a_refused_question_does_not_end_the_chat(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = _Says(error="x answers 400: request (9 tokens) exceeds the available context size")
    monkeypatch.setattr("sys.stdin", io.StringIO("too long\nagain\n"))
    _converse(Console(), Talk(server, ("tuned",)), _MODEL)
    assert len(server.asked) == 2
    assert capsys.readouterr().err.count("/new starts again") == 2


def test_who_asks_for_help_gets_it_and_not_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = _Says({"content": "so"})
    monkeypatch.setattr("sys.stdin", io.StringIO("/help\n?\n/home/x, what is it?\n"))
    _converse(Console(), Talk(server, ("tuned",)), _MODEL)
    assert [asked[-1]["content"] for asked in server.asked] == ["/home/x, what is it?"]
    assert capsys.readouterr().err.count("Ctrl-C stops an answer") == 2


def test_a_server_that_has_ended_ends_the_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    server = _Says(error="The model server has ended.")
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    gone = msgspec.structs.replace(_MODEL, alive=lambda: False)
    with pytest.raises(EndpointError, match="has ended"):
        _converse(Console(), Talk(server, ("tuned",)), gone)
    assert len(server.asked) == 1


def test_nothing_of_a_long_word_is_lost_in_a_column() -> None:
    rich = Rich(width=40, file=io.StringIO(), color_system=None)
    word = "x" * 90
    rich.print(_table(rich, {"base": word, "tuned": "short"}))
    assert rich.file.getvalue().count("x") == 90  # type: ignore[attr-defined]
    tail = _table(rich, {"base": "\n".join(map(str, range(50))), "tuned": ""}, last=3)
    rich = Rich(width=40, file=io.StringIO(), color_system=None)
    rich.print(tail)
    text = rich.file.getvalue()  # type: ignore[attr-defined]
    assert "49" in text
    assert "46" not in text


def test_an_answer_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert _shown("a\x1b[2J\tb\r\n\x9b0m") == "a\u241b[2J\tb\n\ufffd0m"


def test_questions_after_something_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tune` asks at its gates before it chats; the stream takes no other settings by then."""
    stdin = io.TextIOWrapper(io.BytesIO(b"y\n" + b"hello\n" * 3 + b"\n"), encoding="utf-8")
    assert stdin.readline() == "y\n"
    with pytest.raises(io.UnsupportedOperation):
        stdin.reconfigure(errors="replace")
    monkeypatch.setattr("sys.stdin", stdin)
    assert list(_questions()) == ["hello"] * 3


def test_no_key_is_written_into_the_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a real terminal: `^C` moved the columns by a line, and their head stayed behind."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, encoding="utf-8") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)

        def echoes() -> bool:
            return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)

        assert echoes()
        with contextlib.suppress(KeyboardInterrupt), _no_echo():
            assert not echoes()
            raise KeyboardInterrupt
        assert echoes()
    os.close(ours)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    with _no_echo():
        pass


@pytest.mark.parametrize(
    "given",
    [
        ("chat", "run", "--max-tokens", "-1"),  # to the engine that is: without an end
        ("chat", "run", "--temperature", "-1"),
        ("serve", "run", "--parallel", "0"),
        ("serve", "run", "--context", "-1"),
        ("ship", "run", "--context", "-1"),
    ],
)
def test_figures_out_of_range_are_refused(
    given: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-q", *given]) == 2
    assert "is not in the range" in capsys.readouterr().err


def test_a_conversation_that_grew_too_long_names_the_command_with_the_run() -> None:
    class Full:
        def events(self, path: str, data: Any) -> Any:
            raise EndpointError("request (9 tokens) exceeds the available context size (4 tokens)")
            yield

    with pytest.raises(EndpointError) as error:
        Talk(Full(), ("tuned",), run="'my run'").ask("x", lambda *_: None)
    assert "sessiontune ship 'my run' --context N" in error.value.hint


def test_that_a_model_is_loaded_is_shown_until_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes minutes for a large one; the chat began without a word."""
    happened: list[str] = []

    @contextlib.contextmanager
    def noted(name: str) -> Iterator[Any]:
        happened.append(f"{name} begins")
        try:
            yield name
        finally:
            happened.append(f"{name} ends")

    monkeypatch.setattr("sessiontune.runtime.host.hosted", lambda *_: noted("model"))
    monkeypatch.setattr(Console, "progress", lambda self, label: noted(label))
    nothing: Any = None
    with loaded(Console(), nothing, nothing):
        happened.append("chat")
    load = "load the model"
    assert happened == [f"{load} begins", "model begins", f"{load} ends", "chat", "model ends"]
