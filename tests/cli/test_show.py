"""`show` on what has no row: any conversation is found, and statistics need no openai file."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from tests.neighbours import bot, claude_lines, user

from sessiontune.errors import UsageError
from sessiontune.training.bases import resolve

from .conftest import Cli


def _export(cli: Cli, folder: Path, *flags: str) -> None:
    alone = orjson.loads(claude_lines()[0]) | {"uuid": "q1", "sessionId": "unanswered"}
    (folder / "logs").mkdir()
    (folder / "logs" / "a.jsonl").write_bytes(b"\n".join(claude_lines()))
    (folder / "logs" / "b.jsonl").write_bytes(orjson.dumps(alone))
    code, _, err = cli(
        *("export", folder / "logs", "-o", folder / "data", "--name", "d"),
        *("--state", folder / "state", *flags),
    )
    assert code == 0, err


@pytest.mark.parametrize("verb", [("show", "data", "1"), ("drop", "x"), ("forget", "x")])
def test_no_state_is_made_where_none_is(cli: Cli, exported: Path, verb: tuple[str, ...]) -> None:
    """Salt and state came into an export that was named for one by mistake."""
    there = sorted((exported / "data").rglob("*"))
    argv = [str(exported / "data") if word == "data" else word for word in verb]
    code, out, err = cli(*argv, "--state", exported / "data")
    assert sorted((exported / "data").rglob("*")) == there
    assert (code, "state" in out + err) == (0 if verb[0] == "show" else 2, True)


def test_a_conversation_without_a_row_is_shown_with_its_lines(cli: Cli, tmp_path: Path) -> None:
    _export(cli, tmp_path)
    raw = (tmp_path / "data" / "d_conversations_raw.jsonl").read_text().splitlines()
    rows = "".join(path.read_text() for path in (tmp_path / "data").rglob("*openai.jsonl"))
    (key,) = {i for i in (json.loads(line)["id"] for line in raw) if i not in rows}

    code, out, _ = cli("--json", "show", tmp_path / "data", key, "--state", tmp_path / "state")

    shown = json.loads(out)
    assert code == 0
    assert [m["role"] for m in shown["row"]["messages"]] == ["user"]
    (origin,) = shown["origins"]
    assert (Path(origin["file"]).name, origin["line"]) == ("b.jsonl", 1)
    ids = {m["message_id"] for m in map(json.loads, raw) if m["id"] == key}
    assert {origin["message_id"]} == ids

    assert cli("show", tmp_path / "data", key, "--mask", "--base", tmp_path)[0] == 2
    code, _, err = cli("show", tmp_path / "data", "nowhere")
    assert (code, f"from 1 to {len(rows.splitlines())}," in err) == (2, True), err


def test_the_base_of_a_mask_is_named_as_for_training(cli: Cli, tmp_path: Path) -> None:
    """A hub id is looked for on this machine; tiny is made in a run's folder."""
    _export(cli, tmp_path)
    shown = ("show", tmp_path / "data", "1", "--mask", "--base")
    code, _, err = cli(*shown, "some-owner/no-such-model")
    assert (code, "some-owner/no-such-model is not on this machine" in err) == (2, True), err
    code, _, err = cli(*shown, "tiny")
    assert (code, "--base tiny --dry-run" in err) == (2, True), err


def test_a_run_gives_the_template_that_it_was_trained_with(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was refused as a model without a tokenizer. To train on, it is no base by itself."""
    _export(cli, tmp_path)
    run = tmp_path / "my-run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    asked: list[tuple[str, ...]] = []

    def load(folder: Path, template: str) -> None:
        asked.append((str(folder), template))
        raise UsageError("seen", "")

    monkeypatch.setattr("sessiontune.templating.Template.load", load)
    cli("show", tmp_path / "data", "1", "--mask", "--base", run)
    assert asked == [(str(run / "tokenizer"), str(run / "template.jinja"))]
    with pytest.raises(UsageError) as refused:
        resolve(str(run))
    assert "sessiontune ship RUN -t safetensors" in refused.value.hint


def test_options_of_the_mask_need_it_and_a_row(cli: Cli, tmp_path: Path) -> None:
    _export(cli, tmp_path)
    for arguments in (["1", "--html", "x.html"], ["1", "--base", "x"], ["--mask", "--base", "x"]):
        code, _, err = cli("show", str(tmp_path / "data"), *arguments)
        assert code == 2, arguments
        assert "--mask" in err


def test_statistics_and_conversations_of_an_export_without_openai(cli: Cli, tmp_path: Path) -> None:
    _export(cli, tmp_path, "--format", "raw")
    first = (tmp_path / "data" / "d_conversations_raw.jsonl").read_text().splitlines()[0]

    code, out, _ = cli("show", tmp_path / "data")
    assert code == 0
    assert "conversation pairs" in out

    code, out, _ = cli("show", tmp_path / "data", json.loads(first)["thread"])
    assert code == 0
    assert out.startswith("Conversation\n")

    code, _, err = cli("show", tmp_path / "data", "1")
    assert code == 3
    assert "--format openai" in err


def test_scan_counts_messages_as_an_export_does(cli: Cli, tmp_path: Path) -> None:
    """A message with two tool results is two messages in both."""
    _export(cli, tmp_path)
    call = {"type": "tool_use", "name": "Read", "input": {"file_path": "a.py"}}
    back = [{"type": "tool_result", "tool_use_id": c, "content": "x"} for c in ("c1", "c2")]
    lines = [
        *claude_lines(),
        orjson.dumps(bot("calls", [call | {"id": "c1"}, call | {"id": "c2"}], "a2")),
        orjson.dumps(user("results", back, "calls")),
    ]
    (tmp_path / "logs" / "a.jsonl").write_bytes(b"\n".join(lines))

    code, out, err = cli("--json", "scan", tmp_path / "logs")
    assert code == 0, err
    scanned = sum(p["messages"] for p in json.loads(out)["projects"].values())
    code, _, err = cli(
        "export", tmp_path / "logs", "-o", tmp_path / "again", "--state", tmp_path / "s"
    )
    assert code == 0, err
    manifest = json.loads((tmp_path / "again" / "manifest.json").read_bytes())
    assert scanned == manifest["statistics"]["messages"] == len(lines) + 1 + 1


def test_a_run_is_no_export_and_that_is_said(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    code, _, err = cli("show", tmp_path)
    assert (code, "is a training run" in err, "report.html" in err) == (3, True, True)
