"""A preprocessing hook that cannot be used is named, whatever is wrong with it or what it made."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessiontune.errors import UsageError
from sessiontune.model import Message, Origin, Session, Text, ToolCall
from sessiontune.pipeline.hooks import hook_stage, load_hook


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("hook = 3", "is no function"),
        ("def hook(:", "cannot be loaded: invalid syntax"),
        ("hook = missing", "cannot be loaded: name 'missing' is not defined"),
        ("def other(session): ...", "has no attribute 'hook'"),
        ("import sys; sys.exit(0)", "it ends the program"),
        ("import os; os._exit(0)", r"it ends the program \(os._exit\)"),
        ("class Panic(BaseException): ...\nraise Panic('late')", "cannot be loaded: late"),
    ],
)
def test_a_hook_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str
) -> None:
    module = f"unusable_{abs(hash(code))}"
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(UsageError, match=why):
        load_hook(f"{module}:hook")


ASKED = Message(
    id="u",
    role="user",
    kind="prompt",
    parts=(Text("What is it?"),),
    origin=(Origin(0, 1),),
)
CALLED = Message(
    id="a",
    role="assistant",
    kind="answer",
    parts=(ToolCall("c", "Bash", {"x": 1}),),
    origin=(Origin(0, 2),),
)
TALK = Session(
    key="k",
    thread="t",
    lineage="l",
    source="claude",
    session_id="s",
    messages=(ASKED, CALLED),
    files=("a.jsonl",),
)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("replace(s, key='mine')", "`key` is not what it was"),
        ("replace(s, lineage='')", "`lineage` is not what it was"),
        ("replace(s, files=())", "`files` is not what it was"),
        (
            "replace(s, messages=(replace(s.messages[0], origin=((2, 1, 0),)),))",
            "an `origin` that it did not have",
        ),
        ("replace(s, messages=s.messages * 2)", "two messages have one `id`"),
        ("replace(s, messages=('text',))", "Expected `array`, got `str`"),
        ("replace(s, messages=(replace(s.messages[0], role='bot'),))", "Invalid enum value 'bot'"),
        ("replace(s, messages=(replace(s.messages[0], at=5),))", "Expected `str`, got `int`"),
        ("replace(s, project='\\ud83d')", "UnicodeEncodeError"),
        ("__import__('sys').exit(0)", r"failed on a.jsonl: it ends the program \(SystemExit\)"),
        ("__import__('os')._exit(0)", r"failed on a.jsonl: it ends the program \(os._exit\)"),
        ("(_ for _ in ()).throw(GeneratorExit)", "failed on a.jsonl: GeneratorExit in odd_"),
        ("(_ for _ in ()).throw(CancelledError)", "failed on a.jsonl: CancelledError in odd_"),
        ("s.tools[9]", r"failed on a.jsonl: IndexError in odd_\d+\.py:4\."),
        ("[s]", "returned list"),
    ],
)
def test_what_a_hook_makes_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str
) -> None:
    """Not one of these was named: some ended in a traceback, some in rows of one name."""
    module = f"odd_{abs(hash(code))}"
    (tmp_path / f"{module}.py").write_text(
        "from asyncio import CancelledError\nfrom msgspec.structs import replace\n"
        f"def made(s):\n    return {code}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(UsageError, match=why):
        hook_stage(f"{module}:made")(TALK)


def test_a_hook_may_print_and_give_lists_and_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lax_hook.py").write_text(
        "from msgspec.structs import replace\n"
        "def made(s):\n"
        "    print('seen')\n"
        "    call = replace(s.messages[1].parts[0], arguments={'x': {1: {2}}})\n"
        "    return replace(s, messages=[s.messages[0], replace(s.messages[1], parts=[call])])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    session, drops = hook_stage("lax_hook:made")(TALK)

    assert session is not None
    assert not drops
    assert session.messages[0] == TALK.messages[0]
    assert session.messages[1].parts == (ToolCall("c", "Bash", {"x": {"1": [2]}}),)
    assert capsys.readouterr() == ("", "seen\n")


def test_a_process_that_a_hook_forks_may_end_as_it_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forking_hook.py").write_text(
        "import os\n"
        "from os import _exit\n"
        "def made(s):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        _exit(7)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "    return s\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    session, _ = hook_stage("forking_hook:made")(TALK)

    assert session == TALK
