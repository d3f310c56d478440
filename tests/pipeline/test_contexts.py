"""A branch repeats what was said before its fork point: filters look at that too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sessiontune.cli.main import main

TIMES = iter(range(10, 60))


def record(parent: str, name: str, text: str, model: str = "") -> dict[str, Any]:
    """A prompt, or with a model an answer."""
    message: dict[str, Any] = {"role": "user", "content": text}
    if model:
        content = [{"type": "text", "text": text}]
        message = {"id": f"m-{name}", "role": "assistant", "model": model, "content": content}
    return {
        "type": message["role"],
        "uuid": name,
        "parentUuid": parent or None,
        "sessionId": "5c8e1f00-0000-4000-8000-000000000001",
        "cwd": "/srv/shop",
        "isSidechain": False,
        "timestamp": f"2026-03-01T10:{next(TIMES)}:00.000Z",
        "message": message,
    }


@pytest.mark.parametrize("option", [("--vendor", "anthropic"), ("--model", "claude-*")])
def test_no_branch_carries_another_vendors_words_past_the_filter(
    tmp_path: Path, option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    talk = [
        record("", "u1", "How do I weigh flour?"),
        record("u1", "a1", "With a scale.", "claude-opus-4-5"),
        record("a1", "u2", "And without one?"),
        record("u2", "a2", "Count spoons.", "deepseek-v4-flash"),
        record("a2", "u3", "How many spoons?"),
        record("u3", "a3", "Twelve.", "claude-opus-4-5"),
        record("a2", "u4", "Are cups better?"),  # a branch whose own words pass
        record("u4", "a4", "They are coarser.", "claude-opus-4-5"),
        record("a1", "u5", "Which scale?"),  # and one that left before the other model spoke
        record("u5", "a5", "A kitchen scale.", "claude-opus-4-5"),
    ]
    log = tmp_path / "logs" / "projects" / "-srv-shop" / "5c8e1f00.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text("".join(json.dumps(line) + "\n" for line in talk))

    code = main(
        ["--json", "export", str(tmp_path / "logs"), "-o", str(tmp_path / "out"), "--state",
         str(tmp_path / "state"), "--name", "x", "--no-parquet", "--jobs", "1", *option]
    )  # fmt: skip

    assert code == 0
    assert json.loads(capsys.readouterr().out)["manifest"]["statistics"]["conversations"] == 1
    found = [p.read_text() for p in (tmp_path / "out").rglob("openai.jsonl")]
    assert "Count spoons" not in "".join(found)
    assert sum(text.count("A kitchen scale") for text in found) == 1


def test_a_branch_below_a_prompt_that_was_typed_again_keeps_what_came_before(
    tmp_path: Path,
) -> None:
    failed = {**record("u2", "e1", "API Error", "<synthetic>"), "isApiErrorMessage": True}
    talk = [
        record("", "u1", "How do I weigh flour?"),
        record("u1", "a1", "With a scale.", "claude-opus-4-5"),
        record("a1", "u2", "And without one?"),
        failed,
        record("e1", "u3", "And without one?"),
        record("u3", "a3", "Count spoons.", "claude-opus-4-5"),
        record("e1", "u4", "Are cups better?"),
        record("u4", "a4", "They are coarser.", "claude-opus-4-5"),
    ]
    log = tmp_path / "logs" / "projects" / "-srv-shop" / "5c8e1f00.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text("".join(json.dumps(line) + "\n" for line in talk))
    assert main(
        ["export", str(tmp_path / "logs"), "-o", str(tmp_path / "out"), "--state",
         str(tmp_path / "state"), "--name", "x", "--no-parquet", "--jobs", "1"]
    ) == 0  # fmt: skip
    rows = [
        [m["content"] for m in json.loads(line)["messages"]]
        for path in (tmp_path / "out").rglob("openai.jsonl")
        for line in path.read_text().splitlines()
    ]
    branch = next(row for row in rows if "Are cups better?" in row)
    assert branch[:2] == ["How do I weigh flour?", "With a scale."]
    assert "And without one?" not in branch
