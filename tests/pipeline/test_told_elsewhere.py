"""A value that one message of a session tells is replaced in all of its messages. Values are put
together when the tests run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.runs import rows, run

from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

PASSWORD = "Zr7" + "qPw" + "92kdLm"
TELLS = f"DB_PASSWORD={PASSWORD}\nDEBUG=1\n"
BARE = f"psql says no to {PASSWORD}, why?"


class Log:
    """A session of Claude Code, record by record."""

    def __init__(self, folder: Path, session: str = "s1", agent: str = "") -> None:
        name = f"{session}/subagents/agent-{agent}" if agent else session
        self.path = folder / "logs" / "-srv-app" / f"{name}.jsonl"
        self.session, self.agent, self.records = session, agent, list[dict[str, Any]]()

    def add(self, role: str, content: str | list[dict[str, Any]]) -> Log:
        n = len(self.records)
        message: dict[str, Any] = {"role": role, "content": content}
        if role == "assistant":
            message |= {"id": f"msg-{self.session}{self.agent}{n}", "model": "claude-x"}
        record = {
            "type": role, "uuid": f"{self.session}{self.agent}{n}", "message": message,
            "parentUuid": self.records[-1]["uuid"] if n else None, "sessionId": self.session,
            "cwd": "/srv/app", "timestamp": f"2026-01-01T00:{n:02d}:00Z", "version": "2.0.0",
        }  # fmt: skip
        if self.agent:
            record |= {"agentId": self.agent, "isSidechain": True}
        self.records.append(record)
        return self

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("".join(json.dumps(record) + "\n" for record in self.records))


def _called(command: str, result: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": command}}
    return [call], [{"type": "tool_result", "tool_use_id": "t1", "content": result}]


def _export(folder: Path, out: str = "data", *more: str) -> dict[str, Any]:
    """The manifest of an export. Each has a state of its own, all with one salt."""
    state = folder / f"state-{out}"
    state.mkdir(exist_ok=True)
    (state / "salt").write_text("5a" * 32)
    args: list[str | Path] = ["--json", "export", folder / "logs", "-o", folder / out]
    args += ["--state", state, *more]
    done = run(folder / "run", *args)
    assert done.code == 0, done.err
    return done.json()["manifest"]


def _hold(folder: Path) -> list[str]:
    """The folders that hold the password, but for the logs themselves."""
    mark = PASSWORD.encode()
    found = [p for p in folder.rglob("*") if p.is_file() and mark in p.read_bytes()]
    return sorted(p.relative_to(folder).parts[0] for p in found if "logs" not in p.parts)


def _asked(folder: Path) -> Log:
    call, result = _called(f"grep {PASSWORD} .env", TELLS)
    log = Log(folder).add("user", BARE).add("assistant", f"I try {PASSWORD}.")
    return log.add("user", "read it").add("assistant", call).add("user", result)


def test_what_a_result_tells_is_gone_from_what_stands_before_and_behind(tmp_path: Path) -> None:
    _asked(tmp_path).add("assistant", f"It is {PASSWORD}.").save()
    manifest = _export(tmp_path)
    assert not _hold(tmp_path)
    assert manifest["redactions"]["password"] == 5
    words = [row["content"] for row in rows(tmp_path / "data")]
    assert words[0].startswith("psql says no to REDACTED_PASSWORD_")
    assert words[0].endswith(", why?")
    assert words[1] == words[0].replace("psql says no to", "I try").replace(", why?", ".")


@pytest.mark.parametrize("size", [50, 70, 100, 0x6161])
def test_a_text_that_begins_with_what_was_told_is_found_whatever_its_length(
    tmp_path: Path, size: int
) -> None:
    """In a shard the length stands before the text: 50 is the digit 2, 70 the letter F."""
    bare = f"{PASSWORD} is refused ".ljust(size, "?")
    log = Log(tmp_path).add("user", bare).add("assistant", "Who says that?")
    log.add("user", f"the file says DB_PASSWORD={PASSWORD}").save()
    _export(tmp_path)
    assert not _hold(tmp_path)


def test_a_list_of_numbers_hides_no_password(tmp_path: Path) -> None:
    phones = "".join(f"phone: 0664 {2_000_000 + 7 * number}\n" for number in range(1200))
    log = Log(tmp_path).add("user", f"read it\n{phones}").add("assistant", f"I try {PASSWORD}.")
    log.add("user", TELLS).save()
    assert _export(tmp_path)["redactions"] == {"password": 2, "phone": 1200}
    assert not _hold(tmp_path)


def test_an_agent_holds_what_its_caller_told_and_the_other_way_round(tmp_path: Path) -> None:
    _asked(tmp_path).save()
    Log(tmp_path, agent="a1").add("user", BARE).add("assistant", "No idea.").save()
    _export(tmp_path)
    assert not _hold(tmp_path)
    assert len({row["thread"] for row in rows(tmp_path / "data")}) == 2


@pytest.mark.parametrize(("host", "stays"), [("kestrel" + "-box", False), ("web-app", True)])
def test_a_machine_is_known_elsewhere_unless_its_name_may_be_a_package(
    tmp_path: Path, host: str, stays: bool
) -> None:
    log = Log(tmp_path).add("user", f"what is {host} for?")
    log.add("assistant", f"run `ssh deploy@{host}`").save()
    _export(tmp_path)
    words = [row["content"] for row in rows(tmp_path / "data")]
    assert host not in words[1]
    assert (words[0] == f"what is {host} for?") is stays


def test_an_unrelated_session_tells_nothing(tmp_path: Path) -> None:
    """Only what belongs together is read as one; another session says itself what it holds."""
    _asked(tmp_path).save()
    Log(tmp_path, "s2").add("user", f"Is {PASSWORD} a good name?").add("assistant", "No.").save()
    _export(tmp_path)
    assert set(_hold(tmp_path)) == {"data", "state-data"}


def test_a_message_that_comes_later_tells_what_stands_in_earlier_ones(tmp_path: Path) -> None:
    log = Log(tmp_path).add("user", BARE).add("assistant", "No idea.")
    log.save()
    _export(tmp_path)
    assert _hold(tmp_path)  # nothing says what it is
    log.add("user", f"DB_PASSWORD={PASSWORD}").save()
    _export(tmp_path)
    assert not _hold(tmp_path / "data")
    _export(tmp_path, "fresh")
    for file in ("raw.jsonl", "sharegpt.jsonl"):
        one, other = (next((tmp_path / out).glob(f"*_{file}")) for out in ("data", "fresh"))
        assert one.read_bytes() == other.read_bytes()


def test_workers_and_one_process_write_the_same(tmp_path: Path) -> None:
    for n in range(4):
        log = Log(tmp_path, f"s{n}").add("user", BARE if n % 2 else "Hello.")
        log.add("assistant", TELLS).save()
    one = _export(tmp_path, "one", "--jobs", "1")
    two = _export(tmp_path, "two", "--jobs", "2")
    assert one["redactions"] == two["redactions"] == {"password": 6}
    for mine in (tmp_path / "one").rglob("*.jsonl"):
        other = (
            tmp_path
            / "two"
            / mine.relative_to(tmp_path / "one").with_name(mine.name.replace("one_", "two_"))
        )
        assert mine.read_bytes() == other.read_bytes()


def test_what_a_vanished_log_told_is_known_when_others_are_read_again(tmp_path: Path) -> None:
    """Only its pseudonym is left of it."""
    caller = _asked(tmp_path)
    caller.save()
    agent = Log(tmp_path, agent="a1").add("user", BARE).add("assistant", f"`{PASSWORD}`: no idea.")
    agent.save()
    _export(tmp_path)
    caller.path.unlink()
    agent.add("user", f"(perhaps {PASSWORD}!)").save()
    _export(tmp_path)
    assert not _hold(tmp_path)
    words = [row["content"] for row in rows(tmp_path / "data")]
    assert len(words) == 8


def test_a_pseudonym_tells_nothing_of_itself() -> None:
    redactor = Redactor(b"told", Vocabulary(), PrivacyOptions())
    redacted = redactor.texts([TELLS, f"ssh deploy@{'kestrel' + '-box1'}"])
    assert redactor.told() is not None
    redactor.hear_again(redacted)
    assert redactor.told() is None
    redactor.hear_again([*redacted, BARE])
    told = redactor.told()
    assert told is not None
    assert list(told.values) == [PASSWORD.encode()]


def test_what_a_vanished_log_told_is_known_though_a_hook_takes_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agents_hook.py").write_text("def hook(s):\n    return s if s.agent_id else None\n")
    monkeypatch.syspath_prepend(tmp_path)
    caller = _asked(tmp_path)
    caller.save()
    agent = Log(tmp_path, agent="a1").add("user", BARE).add("assistant", "No idea.")
    agent.save()
    _export(tmp_path, "data", "--preprocess", "agents_hook:hook")
    assert not _hold(tmp_path)
    caller.path.unlink()
    agent.add("user", f"(perhaps {PASSWORD}!)").save()
    _export(tmp_path, "data", "--preprocess", "agents_hook:hook")
    assert not _hold(tmp_path)


def test_what_a_hook_took_out_is_kept_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook may be removed later, when the log has vanished."""
    (tmp_path / "shorter_hook.py").write_text(
        "from msgspec.structs import replace\n"
        "def hook(s):\n"
        "    return replace(s, messages=s.messages[2:])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    _asked(tmp_path).save()
    _export(tmp_path, "data", "--preprocess", "shorter_hook:hook")
    assert not _hold(tmp_path)


@pytest.mark.parametrize("more", ["", "8kP3xQ" * 8])
def test_what_a_hook_took_out_is_written_again_though_nothing_else_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    """What was written first holds it bare, and may be longer: nothing of that may stay."""
    (tmp_path / "last_hook.py").write_text(
        "from msgspec.structs import replace\n"
        "def hook(s):\n"
        "    return replace(s, messages=s.messages[2:])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    word = PASSWORD + more
    log = Log(tmp_path).add("user", f"psql says no to {word}").add("assistant", f"I try {word}.")
    log.add("user", "And?").add("assistant", f"I read DB_PASSWORD={word}").save()
    _export(tmp_path, "data", "--preprocess", "last_hook:hook")
    assert len(rows(tmp_path / "data")) == 2
    assert not _hold(tmp_path)
    log.path.unlink()
    (tmp_path / "logs" / "kept").mkdir()
    _export(tmp_path)  # the hook is gone, and so is the log
    assert [m["content"][:9] for m in rows(tmp_path / "data")] == [
        "psql says",
        "I try RED",
        "And?",
        "I read DB",
    ]


def test_scan_counts_what_export_replaces(tmp_path: Path) -> None:
    _asked(tmp_path).save()
    done = run(tmp_path / "run", "--json", "scan", tmp_path / "logs")
    assert done.code == 0, done.out
    assert done.json()["kinds"]["password"] == 4 == _export(tmp_path)["redactions"]["password"]
    assert PASSWORD not in done.out + done.err
