"""The bundled sample: its size, its determinism, its oddities, and what a reader makes of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import sessiontune.sample
from sessiontune.sample import SampleInfo, write_sample
from sessiontune.sample.corpus import compose

from . import paths, reading


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleInfo:
    """The sample with its usual seed."""
    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def records(sample: SampleInfo) -> list[dict[str, Any]]:
    """All records of the Claude logs that stand alone on their lines."""
    found = []
    for name in reading.logs(sample.folder, "claude"):
        for line in Path(name).read_bytes().split(b"\n"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # the damaged lines are the subject of another test
    return found


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_has_about_the_size_of_the_original(sample: SampleInfo) -> None:
    assert 45 <= sample.files <= 55
    assert 3300 <= sample.records <= 3900
    assert 650 <= sample.pairs <= 750


def test_same_seed_same_bytes(sample: SampleInfo, tmp_path: Path) -> None:
    write_sample(tmp_path / "again")
    assert _bytes(tmp_path / "again") == _bytes(sample.folder)
    write_sample(tmp_path / "other", seed=8)
    assert set(_bytes(tmp_path / "other")) != set(_bytes(sample.folder))


def test_ends_on_the_day_of_the_original_export(records: list[dict[str, Any]]) -> None:
    stamps = sorted(r["timestamp"] for r in records if "timestamp" in r)
    assert stamps[0].startswith("2025-09-15")
    assert stamps[-1].startswith("2025-11-23")


def test_holds_every_kind_of_record(records: list[dict[str, Any]]) -> None:
    kinds = Counter(r["type"] for r in records)
    wanted = (
        "user assistant system attachment progress queue-operation file-history-snapshot"
        " last-prompt summary ai-title custom-title mode permission-mode agent-name bridge-session"
        " pr-link fork-context-ref lighthouse-beacon file-history-delta atis-latch"
    )
    assert set(wanted.split()) <= set(kinds)
    subtypes = {r.get("subtype") for r in records if r["type"] == "system"}
    assert {"compact_boundary", "turn_duration", "api_error", "away_summary"} <= subtypes
    attached = {r["attachment"]["type"] for r in records if r["type"] == "attachment"}
    assert {"queued_command", "nested_memory", "file", "hook_success"} <= attached


def test_messages_are_split_as_real_ones_are(records: list[dict[str, Any]]) -> None:
    pieces: Counter[str] = Counter()
    models = set()
    for record in records:
        if record["type"] == "assistant":
            pieces[record["message"]["id"]] += 1
            models.add(record["message"]["model"])
    assert sum(n > 1 for n in pieces.values()) > 100
    assert "<synthetic>" in models
    assert {"glm-4.6", "deepseek-v3.2", "MiniMax-M2"} <= models


@pytest.mark.parametrize(
    "trace",
    [
        b"<persisted-output>", b"[Request interrupted by user]", b"the user said:",
        b"<task-notification>", b"<command-args>", b"<bash-input>", b"<system-reminder>",
        b"<ide_opened_file>", b'"isCompactSummary":true', b'"preservedMessages"', b'"Warmup"',
        b'"type":"image"', b"\\ud83d in the mail", "\u2028".encode(), b'"signature"',
        b'"userModified":true', b'"isApiErrorMessage":true', b"<section title=",
        b'"ownerAccountUuid"', b"}{", b"<tool_use_error>", b"Sibling tool call", b'"planContent"',
        b"AskUserQuestion", b"Base directory for this skill", b'"type":"document"',
    ],
)  # fmt: skip
def test_holds_the_oddity(sample: SampleInfo, trace: bytes) -> None:
    files = reading.logs(sample.folder, "claude")
    assert any(trace in Path(name).read_bytes() for name in files)


def test_has_files_of_every_layout(sample: SampleInfo) -> None:
    names = list(_bytes(sample.folder))
    for pattern in (
        r"projects/[^/]+/agent-[0-9a-f]{8}\.jsonl$",
        r"/subagents/agent-[0-9a-f]{17}\.jsonl$",
        r"/subagents/agent-[0-9a-f]{17}\.meta\.json$",
        r"/subagents/agent-acompact-\w+\.jsonl$",
        r"/tool-results/\w+\.txt$",
        r"\.codex/sessions/2025/\d\d/\d\d/rollout-.*\.jsonl$",
        r"sessions-index\.json$",
    ):
        assert any(re.search(pattern, name) for name in names), pattern
    ends = [data[-1:] for name, data in _bytes(sample.folder).items() if name.endswith(".jsonl")]
    assert 1 <= sum(end != b"\n" for end in ends) <= 5


def test_planted_values_stand_in_the_logs_and_in_no_source(sample: SampleInfo) -> None:
    data = "".join(
        json.loads(f'"{text}"') if '"' not in text else text
        for name in reading.logs(sample.folder, "claude")
        for text in [Path(name).read_text("utf-8").replace("\\n", "\n").replace('\\"', "'")]
    )
    folder = Path(sessiontune.sample.__file__).parent
    sources = "".join(p.read_text("utf-8") for p in folder.iterdir() if p.is_file())
    assert len(sample.planted) >= 6
    for planted in sample.planted:
        assert planted.value in data
        assert planted.value not in sources


def test_every_record_is_accounted_for(sample: SampleInfo) -> None:
    for source in ("claude", "codex"):
        files = reading.logs(sample.folder, source)
        sessions, ledger = reading.read(files, source)
        assert reading.unbalanced(files, sessions, ledger) == {}
        assert [f.reason for f in ledger.faults] == ["truncated_line"] * (source == "claude")


def test_reader_finds_the_threads_that_were_written(sample: SampleInfo) -> None:
    truth = compose()
    kept = [a.log for s in truth.sessions for a in s.agents if a.kind == "work"]
    logs = [s.log for s in truth.sessions] + truth.copies + [a.log for a in truth.orphans] + kept
    threads = [
        {"session": log.session_id, "agent": log.agent_id, **asdict(thread)}
        for log in logs
        for thread in log.threads
    ]
    sessions, _ = reading.read(reading.logs(sample.folder, "claude"), "claude")
    assert paths.found_paths(sessions) == paths.true_paths(threads)


def test_codex_threads_are_found_too(sample: SampleInfo) -> None:
    prompts = [
        m.parts[0]["text"]
        for c in compose().codex
        for m in c.threads[0].messages
        if m.role == "user"
    ]
    sessions, _ = reading.read(reading.logs(sample.folder, "codex"), "codex")
    found = [m.parts[0].text for s in sessions for m in s.messages if m.kind == "prompt"]
    assert Counter(found) == Counter(prompts)


def test_left_out_agents_are_left_out(sample: SampleInfo) -> None:
    _, ledger = reading.read(reading.logs(sample.folder, "claude"), "claude")
    reasons = {name.rpartition("/")[2] for name in ledger.drops}
    assert {
        "warmup_agent",
        "compaction_agent",
        "prompt_suggestion_agent",
        "aside_question_agent",
        "resumed_copy",
    } <= reasons


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sessiontune.sample.__main__ import main

    assert main([str(tmp_path / "x"), "3"]) == 0
    assert "session files" in capsys.readouterr().out
    assert main([]) == 2


def test_the_sample_says_how_it_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` was an error, and a seed that is no number a traceback."""
    from sessiontune.sample.__main__ import main

    assert main(["--help"]) == 0
    assert "FOLDER [SEED]" in capsys.readouterr().out
    for wrong in ([], ["-x"], [str(tmp_path / "logs"), "one"], ["a", "1", "2"]):
        assert main(wrong) == 2
        assert "FOLDER [SEED]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
