"""What stands on a terminal: nothing of a log is obeyed there, and no figure is cut."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console as Rich
from tests.neighbours import claude_lines

from sessiontune.cli.show import _messages
from sessiontune.cli.summary import draw_counts
from sessiontune.reasons import kind_words

from .conftest import Cli, manifest


def drawn(how: Any, **console: Any) -> str:
    stream = io.StringIO()
    how(Rich(file=stream, highlight=False, **console))
    return stream.getvalue()


def test_commands_to_a_terminal_in_a_log_are_shown_not_obeyed() -> None:
    text = "\x1b]0;title\x07\x1b[31mred\x1b[2J [/bold] end\x9b1m"
    call = {"function": {"name": "Bash\x1b[2J", "arguments": '{"a": "\x1b[1m"}'}}
    message = {"role": "tool", "content": text, "tool_calls": [call]}

    def how(rich: Rich) -> None:
        _messages(rich, [message], full=True)

    shown = drawn(how, force_terminal=True, color_system=None, width=80)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\x9b" not in shown
    assert "␛[31mred␛[2J [/bold]" in shown
    assert text.replace("\x07", "") in drawn(how, width=80)  # a file gets what the row holds


def test_the_name_of_a_folder_is_no_markup(cli: Cli, tmp_path: Path) -> None:
    logs, data = tmp_path / "logs", tmp_path / "data[bold] [/red]"
    logs.mkdir()
    (logs / "a.jsonl").write_bytes(b"\n".join(claude_lines()))
    export = ("export", logs, "-o", data, "--state", tmp_path / "state", "--jobs", 1)
    assert cli(*export)[0] == 0
    assert f"Nothing changed: {data} is up to date." in cli(*export)[1]
    code, out, _ = cli("show", data)
    assert code == 0
    assert f"sessiontune train '{data}' --base MODEL" in out


def test_the_next_command_can_be_copied_where_no_environment_is_active(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, data = tmp_path / "logs", tmp_path / "data"
    logs.mkdir()
    (logs / "a.jsonl").write_bytes(b"\n".join(claude_lines()))
    monkeypatch.setattr(sys, "argv", ["../new env/bin/sessiontune"])
    called = "'../new env/bin/sessiontune'"
    assert f"Next: {called} export {logs} -o my-data" in cli("scan", logs, "--jobs", 1)[1]
    (tmp_path / "r.toml").touch()
    more = ("--source", "claude,codex", "--source", "pi", "--recipe", tmp_path / "r.toml")
    again = f"export {logs} --source claude,codex,pi --recipe {tmp_path / 'r.toml'} -o my-data"
    assert again in cli("scan", logs, *more, "--jobs", 1)[1]
    export = ("export", logs, "-o", data, "--state", tmp_path / "state", "--jobs", 1)
    assert f"Next:    {called} show {data}" in cli(*export)[1]
    assert f"{called} train {data} --base MODEL" in cli("show", data)[1]
    monkeypatch.setattr(sys, "argv", ["export_conversations.py"])
    assert f"Next:    sessiontune show {data}" in cli(*export, "--force")[1]


def test_figures_of_a_project_are_whole_in_any_width(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = claude_lines()
    long = orjson.loads(lines[0]) | {"cwd": "/srv/work/" + "deep/" * 20 + "project"}
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([orjson.dumps(long), *lines[1:]]))
    for width in (40, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        out = cli("scan", tmp_path, "--jobs", 1)[1].split("\n\n")[0]
        assert re.search(r"\b20\d\d-\d\d-\d\d\b", out)
        assert re.search(r"\bproject\b.*\bnewest\b", out, re.DOTALL)
        assert out.count("…") == (width < 200)  # the beginning of the path
        assert max(map(len, out.splitlines())) <= width


def test_long_reasons_hang_and_one_more_is_shown_rather_than_counted() -> None:
    counts = {f"kind {i}": 10 - i for i in range(9)} | {"kind 0": 12_345}
    words = {name: name for name in counts} | {"kind 0": "words " * 12}
    out = drawn(lambda rich: draw_counts(rich, "Left out", counts, words.__getitem__), width=50)
    assert "     12,345  words words words words words words\n             words words" in out
    assert out.rstrip().endswith("kind 8")
    assert not any(line.endswith(" ") for line in out.splitlines())


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("aws-key-id", "AWS key ids"),
        ("github-token", "GitHub tokens"),
        ("url-password", "passwords in URLs"),
        ("authorization", "authorization"),
        ("home", "home folders"),
    ],
)
def test_kinds_of_findings_in_words(kind: str, words: str) -> None:
    assert kind_words(kind) == words


def test_a_loss_that_several_formats_have_is_one_line(cli: Cli, made: Path) -> None:
    """Else four lines on reasoning stand before what differs between the formats."""
    losses = manifest(made / "data")["losses"]
    out = cli("show", made / "data")[1]
    told = out.split("What a format cannot carry")[1].split("\n\n")[0]

    assert told.count("reasoning left out") == 1
    bear = {losses[f"{form}/thinking"] for form in ("combined", "openai", "raw", "sharegpt")}
    assert len(bear) > 1  # the rows of openai repeat what stands before a branch
    shared = f" {max(bear)} combined, openai, raw, sharegpt: reasoning left out"
    line = next(part for part in re.split(r"\n(?= +\d)", told) if "reasoning left out" in part)
    assert " ".join(line.split()) == f"{shared.strip()} (--thinking keeps it), at most"
    assert re.search(rf"\n +{losses['sharegpt/call_id']}  sharegpt: ids of calls", told)
