"""Records that stand in one log twice count once: its program wrote them again after a crash, or a
copy of the file was appended to it. What a person says twice stays twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.sources import (
    test_amp,
    test_cline,
    test_codex,
    test_continuedev,
    test_damaged_heads,
    test_goose,
    test_kimi,
    test_kiro,
    test_kiro_engine,
    test_vscode,
)
from tests.sources.test_damaged import told
from tests.sources.test_other_agents import text, write
from tests.support import Reading, read, texts_of

#: Each line may be repeated. The first rollouts of Codex have neither times nor ids.
LOGS = {k: v for k, v in test_damaged_heads.LOGS.items() if k not in ("codex", "codex first")}


def _codex(folder: Path) -> Path:
    """Also with a search by the vendor, whose call has no id."""
    action = {"type": "search", "query": "tills"}
    rows = [
        test_codex.row("session_meta", 0, id="t"),
        test_codex.said("user", "one", 1),
        test_codex.row("response_item", 2, type="web_search_call", status="done", action=action),
        test_codex.said("assistant", "two", 3),
        test_codex.said("user", "three", 4),
    ]
    return write(folder, "rollout-a.jsonl", rows)


def _timed_goose(folder: Path) -> Path:
    messages = [{**m, "created": m["created"] + at} for at, m in enumerate(test_goose.MESSAGES)]
    return test_goose.old_file(folder, *messages)


def _old_pi(folder: Path) -> Path:
    """A session of Pi's first versions, whose entries have times and no ids."""
    said = [("user", "one"), ("assistant", "two"), ("user", "one"), ("assistant", "two")]
    rows: list[Any] = [{"type": "session", "id": "p", "cwd": "/w/shop", "modelId": "m"}]
    for second, (role, words) in enumerate(said):
        at = f"2025-11-20T23:33:0{second}.000Z"
        rows.append(
            {"type": "message", "timestamp": at, "message": {"role": role, "content": text(words)}}
        )
    return write(folder, "p.jsonl", rows)


LOGS |= {"codex": _codex, "goose": _timed_goose, "pi first": _old_pi}

Repeat = Callable[[list[Any]], list[Any]]
REPEATS: dict[str, Repeat] = {
    "each twice": lambda rows: [row for row in rows for _ in range(2)],
    "all but the head again": lambda rows: rows + rows[1:],
    "the whole again": lambda rows: rows + rows,
    "the end again": lambda rows: rows + rows[len(rows) // 2 :],
    "the last again": lambda rows: rows + rows[-1:],
    "a middle again": lambda rows: rows[: len(rows) // 2 + 1] + rows[len(rows) // 2 - 1 :],
}


def reading_of(agent: str, path: Path) -> Reading:
    reading = read(agent.split()[0], path.parent, [str(path)])
    assert reading.unbalanced() == {}
    return reading


def same(one: Reading, other: Reading) -> bool:
    usages = [[m.usage for s in r.sessions for m in s.messages] for r in (one, other)]
    return texts_of(one.sessions) == texts_of(other.sessions) and usages[0] == usages[1]


@pytest.mark.parametrize("agent", LOGS)
@pytest.mark.parametrize("repeat", REPEATS)
def test_lines_that_stand_twice(tmp_path: Path, agent: str, repeat: str) -> None:
    path = LOGS[agent](tmp_path)
    once = reading_of(agent, path)
    assert told(once)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join(REPEATS[repeat](lines)))
    assert same(once, reading_of(agent, path))


def _amp(folder: Path) -> tuple[Path, str]:
    for nth, message in enumerate(rows := [*test_amp.MAIN]):
        rows[nth] = {**message, "messageId": nth}
    return test_amp.keep(folder, test_amp.thread(*rows)), "messages"


def _cline(folder: Path) -> tuple[Path, str]:
    rows = [{**row, "ts": 1769053680585 + nth} for nth, row in enumerate(test_cline.BLOCKS)]
    return test_cline.task(folder, rows), ""


DOCUMENTS: dict[str, Callable[[Path], tuple[Path, str]]] = {
    "amp": _amp,
    "cline": _cline,
    "vscode": lambda folder: (
        test_vscode.keep(folder, test_vscode.chat(test_vscode.FIRST, test_vscode.SECOND)),
        "requests",
    ),
}


@pytest.mark.parametrize("agent", DOCUMENTS)
@pytest.mark.parametrize("repeat", REPEATS)
def test_messages_of_a_document_that_stand_twice(tmp_path: Path, agent: str, repeat: str) -> None:
    path, name = DOCUMENTS[agent](tmp_path)
    once = reading_of(agent, path)
    assert told(once)
    document = orjson.loads(path.read_bytes())
    rows = REPEATS[repeat](document[name] if name else document)
    path.write_bytes(orjson.dumps({**document, name: rows} if name else rows))
    assert same(once, reading_of(agent, path))


def test_what_follows_a_copy_as_it_followed_the_original(tmp_path: Path) -> None:
    """Of Continue, only what belongs to a call has an id."""
    said = test_continuedev.said
    call = test_continuedev.called("I list.", {"c1": ("done", "till.py")})
    rows = [said("user", "list it"), call, said("assistant", "One."), said("user", "go on")]
    once = reading_of("continue", test_continuedev.session(tmp_path, *rows))
    path = test_continuedev.session(tmp_path, *rows, *rows[1:], said("assistant", "One."))
    twice = reading_of("continue", path)
    assert texts_of(twice.sessions) == [*texts_of(once.sessions), "One."]
    assert twice.ledger.drops["link/repeated_record"] == 3


def test_a_copy_of_a_history_that_was_appended_to_it(tmp_path: Path) -> None:
    """Blocks of Aider have no times, but they follow a head that has one."""
    first = "# aider chat started at 2025-01-02 10:00:00\n\n> Model: m\n\n"
    first += "#### one\n\nFirst.\n\n> Tokens: 9\n\n"
    other = first.replace("10:00:00", "11:00:00").replace("First", "Other")
    path = tmp_path / ".aider.chat.history.md"
    path.write_text(first + other)
    once = reading_of("aider", path)
    path.write_text(first + other + first + "#### more\n\nMore.\n\n" + other)
    twice = reading_of("aider", path)
    assert texts_of(twice.sessions) == [*texts_of(once.sessions), "more", "More."]


# ------------------------------------------------------------ what a person said twice

AGAIN = ["go on", "Done.", "go on", "Done."]


def _goose(folder: Path) -> Path:
    roles = ["user", "assistant"] * 2
    rows = [
        test_goose.said(role, words, at=1768000000 + nth)
        for nth, (role, words) in enumerate(zip(roles, AGAIN, strict=True))
    ]
    return test_goose.old_file(folder, *rows)


def _kimi(folder: Path) -> Path:
    log = test_kimi.Log()
    return test_kimi.keep(folder, log.user("go on").say("Done.").user("go on").say("Done."))


def _kiro(folder: Path) -> Path:
    rows = [test_kiro.asked("p1", "go on"), test_kiro.said("a1", "Done.")]
    rows += [test_kiro.asked("p2", "go on"), test_kiro.said("a2", "Done.")]
    return test_kiro.keep(folder, rows)


def _engine(folder: Path) -> Path:
    rows = [test_kiro_engine.asked("1", "go on"), test_kiro_engine.said("2", "Done.")]
    rows += [test_kiro_engine.asked("3", "go on"), test_kiro_engine.said("4", "Done.")]
    return test_kiro_engine.keep(folder, rows)


def _amp_again(folder: Path) -> Path:
    """Without any id or time."""
    rows = [test_amp.user(text("go on")[0]), test_amp.agent(text("Done.")[0])]
    return test_amp.keep(folder, test_amp.thread(*rows, *rows))


def _cline_again(folder: Path) -> Path:
    """As before messages had times."""
    rows = [test_cline.said("user", "go on"), test_cline.said("assistant", "Done.")]
    return test_cline.task(folder, [*rows, *rows])


def _continue_again(folder: Path) -> Path:
    said = test_continuedev.said
    rows = [said("user", "go on"), said("assistant", "Done.")]
    return test_continuedev.session(folder, *rows, *rows)


SAID_TWICE: dict[str, Callable[[Path], Path]] = {
    "amp": _amp_again,
    "cline": _cline_again,
    "continue": _continue_again,
    "goose": _goose,
    "kimi": _kimi,
    "kiro": _kiro,
    "kiro engine": _engine,
}


@pytest.mark.parametrize("agent", SAID_TWICE)
def test_what_a_person_says_twice_stays_twice(tmp_path: Path, agent: str) -> None:
    reading = reading_of(agent, SAID_TWICE[agent](tmp_path))
    assert texts_of(reading.sessions) == AGAIN
    assert "link/repeated_record" not in reading.ledger.drops


def test_a_request_whose_line_stands_twice_moves_no_other(tmp_path: Path) -> None:
    rows = test_vscode.changes(test_vscode.FIRST, test_vscode.SECOND)
    path = test_vscode.lines(tmp_path, *rows[:2], *rows[1:])
    reading = reading_of("vscode", path)
    assert told(reading) == told(reading_of("vscode", test_vscode.lines(tmp_path, *rows)))
    assert reading.ledger.drops == {"link/repeated_record": 1}
