"""Counts of tokens that no number can hold cost nothing but themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.neighbours import claude_lines

from sessiontune.cli.main import main


@pytest.mark.parametrize("count", [b"1" * 30, b"-" + b"9" * 30, b"18446744073709551616", b"-1"])
def test_a_count_out_of_range(tmp_path: Path, count: bytes) -> None:
    usage = b'"usage":{"input_tokens":7,"output_tokens":%b}' % count
    line = (
        b'{"type":"assistant","uuid":"w","timestamp":"2026-01-01T00:00:00Z","message":'
        b'{"id":"m","role":"assistant","content":[{"type":"text","text":"kept"}],%b}}' % usage
    )
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.jsonl").write_bytes(b"\n".join([*claude_lines(), line]))
    argv = ["export", str(logs), "-o", str(tmp_path / "out"), "--state", str(tmp_path / "state")]

    assert main([*argv, "--name", "d", "--quiet"]) == 0

    raw = (tmp_path / "out" / "d_conversations_raw.jsonl").read_text().splitlines()
    kept = [row for row in map(json.loads, raw) if row["content"] == "kept"]
    assert [(row["input_tokens"], row["output_tokens"]) for row in kept] == [(7, 0)]
