"""A long output lay beside the log; the agent deleted it; the session goes on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.runs import Run, rows, run

from sessiontune.pipeline import preparing
from sessiontune.sources.claude import users
from sessiontune.sources.claude.content import persisted

SESSION = "5b1c0f6e-2f0b-4a55" + "-9d9e-0d6f3a2b7c11"
LINES = [f"row {n}: ada" + f"{n}@firm-example.io paid" for n in range(2000)]
WHOLE = "\n".join(LINES)


def _record(n: int, role: str, content: Any) -> bytes:
    message: dict[str, Any] = {"role": role, "content": content}
    if role == "assistant":
        message |= {"id": f"msg_{n}", "model": "claude-opus-4-1", "type": "message"}
    record = {"type": role, "uuid": f"u{n}", "parentUuid": f"u{n - 1}" if n else None}
    record |= {"sessionId": SESSION, "cwd": "/home/dev/shop", "version": "2.1.31"}
    record |= {"timestamp": f"2026-03-01T10:00:{n:02d}.000Z", "message": message}
    return orjson.dumps(record) + b"\n"


def _log(folder: Path, whole: str = WHOLE) -> tuple[Path, Path]:
    """A log with an output beside it, and that file."""
    log = folder / "logs" / "projects" / "-home-dev-shop" / f"{SESSION}.jsonl"
    side = log.with_suffix("") / "tool-results" / "c1.txt"
    side.parent.mkdir(parents=True)
    side.write_text(whole)
    told = (
        "<persisted-output>\nOutput too large (60.0KB). Full output saved to: "
        f"/home/dev/.claude/projects/-home-dev-shop/{SESSION}/tool-results/c1.txt\n\n"
        f"Preview (first 2KB):\n{whole[:2000]}\n...\n</persisted-output>"
    )
    log.write_bytes(
        _record(0, "user", "Who paid?")
        + _record(
            1,
            "assistant",
            [{"type": "tool_use", "id": "c1", "name": "Bash", "input": {"command": "cat paid"}}],
        )
        + _record(2, "user", [{"type": "tool_result", "tool_use_id": "c1", "content": told}])
        + _record(3, "assistant", [{"type": "text", "text": "Two thousand people did."}])
    )
    return log, side


def _go_on(log: Path, words: str = "Thank you. Which of them was the last?") -> None:
    with log.open("ab") as more:
        more.write(_record(4, "user", words))
        more.write(_record(5, "assistant", [{"type": "text", "text": "That was number 1999."}]))


def _export(folder: Path, *more: str, data: str = "data", state: str = "state") -> Run:
    args: list[str | Path] = ["--json", "export", folder / "logs", "-o", folder / data]
    done = run(folder / "run", *args, "--state", folder / state, "--jobs", "1", *more)
    assert done.code == 0, done.err
    return done


def _output(folder: Path, data: str = "data") -> str:
    return next(r["content"] for r in rows(folder / data) if r["role"] == "tool")


def _gone(done: Run) -> int:
    return done.json()["manifest"]["repairs"].get("output_gone", 0)


@pytest.mark.parametrize("privacy", [True, False])
def test_what_was_read_of_it_stays_when_the_session_goes_on(tmp_path: Path, privacy: bool) -> None:
    options = () if privacy else ("--no-privacy",)
    log, side = _log(tmp_path)
    _export(tmp_path, *options)
    known = _output(tmp_path)
    assert known.count("\n") == 1999
    assert (known == WHOLE) is not privacy
    side.unlink()
    for step in range(2):  # the second time from a shard that took it from the first
        if not step:
            _go_on(log)
        done = _export(tmp_path, *options, *(["--verify"] if step else []))
        assert _output(tmp_path) == known
        assert len(rows(tmp_path / "data")) == 6
        assert _gone(done) == 0


def test_without_an_older_run_its_beginning_stays_and_is_counted(tmp_path: Path) -> None:
    log, side = _log(tmp_path)
    side.unlink()
    done = _export(tmp_path, "--no-privacy")
    assert _output(tmp_path) == WHOLE[:2000] + "\n..."
    assert _gone(done) == 1
    shown = run(tmp_path / "run", "scan", tmp_path / "logs")
    assert "the file beside the log is gone" in " ".join(shown.out.split())
    _go_on(log)
    assert _gone(_export(tmp_path, "--no-privacy")) == 1


def test_a_file_that_is_there_again_counts_more_than_what_was_read(tmp_path: Path) -> None:
    log, side = _log(tmp_path)
    _export(tmp_path, "--no-privacy")
    side.write_text(WHOLE.replace("paid", "will pay"))
    _go_on(log)
    _export(tmp_path, "--no-privacy")
    assert _output(tmp_path) == WHOLE.replace("paid", "will pay")


def test_a_hook_sees_it_and_another_salt_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, side = _log(tmp_path)
    _export(tmp_path)
    known = _output(tmp_path)
    side.unlink()
    _go_on(log)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shorter.py").write_text(
        "from msgspec.structs import replace\n"
        "from sessiontune.model import ToolResult\n"
        "def last_line(session):\n"
        "    def cut(part):\n"
        "        if type(part) is not ToolResult:\n"
        "            return part\n"
        "        return replace(part, content=part.content.splitlines()[-1])\n"
        "    return replace(session, messages=tuple(\n"
        "        replace(m, parts=tuple(map(cut, m.parts))) for m in session.messages))\n"
    )
    _export(tmp_path, "--preprocess", "shorter:last_line")
    assert _output(tmp_path) == known.splitlines()[-1]
    _export(tmp_path)  # the older shard holds it as it was before the hook
    assert _output(tmp_path) == known
    assert _gone(_export(tmp_path, data="other", state="second")) == 1


def test_what_such_an_output_told_is_still_known_where_it_stands_bare(tmp_path: Path) -> None:
    secret = "plum" + "Kestrel" + "7741"
    log, side = _log(tmp_path, f"{WHOLE}\nDB_PASSWORD={secret}\n")
    _export(tmp_path)
    side.unlink()
    _go_on(log, f"psql refuses {secret} again.")
    _export(tmp_path)
    for file in (*(tmp_path / "data").rglob("*.jsonl"), *(tmp_path / "state").rglob("*.shard")):
        assert secret.encode() not in file.read_bytes(), file


def test_what_a_version_read_that_did_not_note_where_it_stood_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All logs are read again after an update: also those whose files are gone."""
    _, side = _log(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "PREPARE_VERSION", preparing.PREPARE_VERSION - 1)
        patch.setattr(users, "persisted", lambda *given: (persisted(*given)[0], ""))
        _export(tmp_path, "--no-privacy")
    side.unlink()
    assert _gone(_export(tmp_path, "--no-privacy")) == 0
    assert _output(tmp_path) == WHOLE


def test_a_file_that_was_cut_is_no_missing_one(tmp_path: Path) -> None:
    log, side = _log(tmp_path)
    _export(tmp_path, "--no-privacy")
    side.write_text("cut")
    _go_on(log)
    assert _gone(_export(tmp_path, "--no-privacy")) == 0
    assert _output(tmp_path) == "cut"


def test_one_of_which_redaction_left_little_stays(tmp_path: Path) -> None:
    lines = [hashlib.sha256(f"{n}".encode()).hexdigest() for n in range(400)]
    keys = [
        "\n".join([f"-----BEGIN {kind}-----", *lines[at : at + 20], f"-----END {kind}-----"])
        for at in range(0, 400, 20)
        for kind in ["RSA PRIVATE" + " KEY"]
    ]
    log, side = _log(tmp_path, "\n".join([*keys, "the end"]))
    _export(tmp_path)
    known = _output(tmp_path)
    assert len(known) < 4000
    assert known.endswith("the end")
    side.unlink()
    _go_on(log)
    assert _gone(_export(tmp_path)) == 0
    assert _output(tmp_path) == known


def test_where_calls_share_an_id_each_keeps_its_own_output(tmp_path: Path) -> None:
    """Two sessions of a program that counts its calls, bound together by a copy of both."""
    log, side = _log(tmp_path)
    other = log.with_name("0a1b0f6e-2f0b-4a55-9d9e-0d6f3a2b7c12.jsonl")
    renamed = log.read_bytes().replace(b'"uuid":"u', b'"uuid":"v').replace(b'Uuid":"u', b'Uuid":"v')
    renamed = renamed.replace(b"msg_", b"msg_v").replace(b"Who paid?", b"Who paid then?")
    other.write_bytes(renamed.replace(SESSION.encode(), other.stem.encode()))
    its = other.with_suffix("") / "tool-results" / "c1.txt"
    its.parent.mkdir(parents=True)
    its.write_text(WHOLE.replace("paid", "owes"))
    both = log.with_name("1a1b0f6e-2f0b-4a55-9d9e-0d6f3a2b7c13.jsonl")
    both.write_bytes(log.read_bytes() + other.read_bytes() + _record(7, "user", "Compare both."))
    _export(tmp_path, "--no-privacy")
    known = sorted(r["content"] for r in rows(tmp_path / "data") if r["role"] == "tool")
    side.unlink()
    its.unlink()
    _export(tmp_path, "--no-privacy", "--verify")
    assert known == sorted(r["content"] for r in rows(tmp_path / "data") if r["role"] == "tool")
    assert len(known) == 2


@pytest.mark.parametrize("how", ["moved", "copied and went on", "copied when the log was gone"])
def test_it_stays_when_its_log_goes_to_another_place(tmp_path: Path, how: str) -> None:
    log, side = _log(tmp_path)
    _export(tmp_path, "--no-privacy")
    side.unlink()
    place = log.parent.with_name("-home-dev-market")
    place.mkdir()
    if "copied" in how:
        copy = place / "0a1b0f6e-2f0b-4a55-9d9e-0d6f3a2b7c12.jsonl"
        copy.write_bytes(log.read_bytes())
        _go_on(copy)
        if "gone" in how:
            log.unlink()
    else:
        log.rename(place / log.name)
    done = _export(tmp_path, "--no-privacy")
    assert _output(tmp_path) == WHOLE
    assert _gone(done) == 0
