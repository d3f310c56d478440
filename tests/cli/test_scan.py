"""What `scan` lists: places of secrets first, whole, and of the logs that were asked for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from sessiontune.cli.main import main
from sessiontune.pipeline.inputs import _some
from sessiontune.privacy.kinds import is_secret

from .conftest import Cli

#: Put together here, so that this file holds none.
KEY = "AK" + "IA" + "Q3EGT7WL" + "NZ5VYXHB"
HOME = "/ho" + "me/idabrandt"


def test_every_secret_has_its_place_beside_hundreds_of_homes(cli: Cli, made: Path) -> None:
    found = json.loads(cli("scan", made / "logs", "--jobs", 1, "--json")[1])
    listed = Counter(place["kind"] for place in found["places"])

    assert found["kinds"]["home"] > 200 == listed["home"]
    secrets = {kind: n for kind, n in found["kinds"].items() if is_secret(kind)}
    assert len(secrets) > 5
    assert {kind: listed[kind] for kind in secrets} == secrets

    text = cli("scan", made / "logs", "--jobs", 1, "--places")[1]
    where = text.split("Where (kind, detector, fingerprint)\n")[1].split("\n")
    kinds = [line.split("  ")[-3] for line in where[: len(found["places"])]]
    assert all(map(is_secret, kinds[: sum(secrets.values())]))
    assert f"and {found['kinds']['home'] - 200:,} more" in text


def test_tokens_are_estimated_from_bytes_as_in_an_export(cli: Cli, tmp_path: Path) -> None:
    log = tmp_path / ".claude/projects/-srv-shop/a.jsonl"
    log.parent.mkdir(parents=True)
    base = {"sessionId": "s", "cwd": "/srv/shop", "timestamp": "2026-01-02T03:04:05Z"}
    said = {"role": "assistant", "content": [{"type": "text", "text": "設計を確認" * 20}]}
    records = [
        {**base, "type": "user", "uuid": "a", "message": {"role": "user", "content": "料金" * 10}},
        {**base, "type": "assistant", "uuid": "b", "parentUuid": "a", "message": said},
    ]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    found = json.loads(cli("scan", tmp_path, "--json")[1])
    options = ("-o", tmp_path / "data", "--state", tmp_path / "state", "--json")
    made = json.loads(cli("export", tmp_path / ".claude", *options)[1])
    assert (
        found["projects"]["/srv/shop"]["tokens"] == made["manifest"]["statistics"]["tokens"] == 90
    )


@pytest.mark.parametrize("verb", ["scan", "export", "doctor"])
def test_without_hyperscan_each_says_why_it_is_slow(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr("sessiontune.privacy.prefilter.has_hyperscan", lambda: False)
    monkeypatch.setattr("sessiontune.runtime.checkup.has_hyperscan", lambda: False)
    given = [] if verb == "doctor" else [tmp_path]
    _, out, err = cli(verb, *given)
    assert "pip install hyperscan" in " ".join((out + err).split())


def test_files_are_summed_up_and_the_secret_stands_first(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "a-folder-with-a-rather-long-name" / "below-which-there-is-another"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text(f"see {HOME}/notes\n" * 30, encoding="utf-8")
    (folder / "b.py").write_text(f'\n\nkey = "{KEY}"\n', encoding="utf-8")

    code, out, _ = cli("scan", "--files", tmp_path)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "31 found, 1 of them secrets"
    first = lines.index("Where (kind, detector, fingerprint)") + 1
    assert lines[first].startswith(f"  {folder / 'b.py'}:3  aws-key-id  ")
    assert lines[first + 20 :] == ["  and 11 more (--places lists all)"]
    assert len(cli("scan", "--files", tmp_path, "--places")[1].splitlines()) == first + 31


@pytest.mark.parametrize("also", [("ROOT",), ("--source", "claude")])
def test_logs_and_files_are_not_scanned_in_one(
    also: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a hook would pass logs that nobody looked at."""
    where = [str(tmp_path) if word == "ROOT" else word for word in also]

    assert main(["scan", *where, "--files", str(tmp_path), "--fail-on-secrets"]) == 2
    assert "--files" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [("scan",), ("export", "--dry-run")])
def test_logs_of_another_agent_are_not_called_strange(
    verb: tuple[str, ...], cli: Cli, made: Path, tmp_path: Path
) -> None:
    state = () if verb == ("scan",) else ("--state", tmp_path)
    given = (*verb, made / "logs", "--source", "codex", "--jobs", 1, *state)

    out = cli(*given)[1]
    assert "No session logs: 1 .jsonl file, left alone" in out
    assert "history.jsonl" in out


def test_where_nothing_is_few_places_are_named(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)

    code, _, err = cli("scan")
    assert code == 3
    assert "~/.claude/projects, " in err
    assert " more places)." in err
    assert len(err) < 500


def test_one_place_too_many_is_named_rather_than_counted() -> None:
    assert _some(["a", "b", "c", "d"], 3) == "a, b, c, d"
    assert _some(["a", "b", "c", "d", "e"], 3) == "a, b, c and 2 more places"
