"""Settings of six clients: what they say, and that a person's own file survives."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import msgspec
import pytest

from sessiontune.errors import UsageError
from sessiontune.shipping.clients import CLIENTS, Target, write

TARGET = Target("http://127.0.0.1:8040", "tuned", 16384)


def put(client: str, project: Path, target: Target = TARGET) -> list[tuple[Path, Path | None]]:
    return [(w.file, w.backup) for w in write(CLIENTS[client](target, project, {}))]


@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_every_client_is_told_where_and_what(name: str, tmp_path: Path) -> None:
    text = CLIENTS[name](TARGET, tmp_path, {"HOME": str(tmp_path)}).text
    assert "127.0.0.1:8040" in text
    assert "tuned" in text
    assert list(tmp_path.iterdir()) == []  # nothing is written unasked


def test_no_reader_can_slip_in_before_the_rights_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".claude/settings.local.json"
    file.parent.mkdir()
    file.write_text("{}", encoding="utf-8")
    file.chmod(0o600)
    for late in ("copymode", "copystat"):
        monkeypatch.setattr(f"shutil.{late}", lambda *_: None)
    [(written, backup)] = put("claude", tmp_path)
    assert backup is not None
    assert {path.stat().st_mode & 0o777 for path in (written, backup)} == {0o600}


def test_claude_keeps_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / ".claude/settings.local.json"
    file.parent.mkdir()
    old = {"permissions": {"allow": ["Bash(ls:*)"]}, "env": {"EDITOR": "vi"}}
    file.write_text(json.dumps(old), encoding="utf-8")
    file.chmod(0o600)  # a key may stand in it
    [(written, backup)] = put("claude", tmp_path)
    assert backup is not None
    assert {path.stat().st_mode & 0o777 for path in (written, backup)} == {0o600}
    new = json.loads(written.read_text(encoding="utf-8"))
    assert new["permissions"] == old["permissions"]
    assert new["env"]["EDITOR"] == "vi"
    assert new["env"]["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8040"
    assert new["env"]["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] == "16384"  # not its own 200,000
    assert new["env"]["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "4096"
    assert int(new["env"]["API_TIMEOUT_MS"]) > 600_000  # not its own ten minutes
    assert json.loads(backup.read_text(encoding="utf-8")) == old
    other = msgspec.structs.replace(TARGET, context=8192)
    [(_, second)] = put("claude", tmp_path, other)
    assert second is not None
    assert second != backup  # the first copy, of the person's own file, is never overwritten


def test_opencode_keeps_other_providers(tmp_path: Path) -> None:
    file = tmp_path / "opencode.json"
    file.write_text(json.dumps({"provider": {"mine": {"npm": "x"}}, "theme": "dark"}))
    write(CLIENTS["opencode"](TARGET, tmp_path, {}))
    new = json.loads(file.read_text(encoding="utf-8"))
    assert set(new["provider"]) == {"mine", "sessiontune"}
    assert new["theme"] == "dark"
    assert new["provider"]["sessiontune"]["options"]["baseURL"] == "http://127.0.0.1:8040/v1"
    assert "tuned" in new["provider"]["sessiontune"]["models"]


def test_codex_gets_a_profile_of_its_own(tmp_path: Path) -> None:
    """Codex 0.171 does not start while config.toml holds the profile that --profile names."""
    env = {"CODEX_HOME": str(tmp_path)}
    config = tmp_path / "config.toml"
    config.write_text('model = "gpt-5"  # mine\n')
    for port in (8040, 8041):
        done = write(
            CLIENTS["codex"](Target(f"http://127.0.0.1:{port}", "tuned", 1), tmp_path, env)
        )
    assert config.read_text() == 'model = "gpt-5"  # mine\n'
    new = tomllib.loads((tmp_path / "sessiontune.config.toml").read_text())
    assert (new["model"], new["model_provider"]) == ("tuned", "sessiontune")
    assert new["model_providers"]["sessiontune"]["base_url"] == "http://127.0.0.1:8041/v1"
    assert new["model_providers"]["sessiontune"]["wire_api"] == "responses"
    assert done[0].backup is not None
    assert "8040" in done[0].backup.read_text()


def test_aider_and_continue(tmp_path: Path) -> None:
    (tmp_path / ".aider.conf.yml").write_text("dark-mode: true\nmodel: old\n")
    put("aider", tmp_path)
    lines = (tmp_path / ".aider.conf.yml").read_text().splitlines()
    assert lines[0] == "dark-mode: true"
    assert lines.count('model: "openai/tuned"') == 1
    assert "model: old" not in lines
    # aider would fetch a list of models from the network for one that this file does not name.
    assert 'model-metadata-file: ".aider.model.metadata.json"' in lines
    known = json.loads((tmp_path / ".aider.model.metadata.json").read_text())
    assert known["openai/tuned"]["max_input_tokens"] == 16384
    [(file, backup)] = put("continue", tmp_path)
    assert backup is None
    assert "schema: v1" in file.read_text()
    assert "roles: [chat, edit, apply]" in file.read_text()


def test_either_all_files_of_a_client_change_or_none(tmp_path: Path) -> None:
    (tmp_path / ".aider.conf.yml").write_text("dark-mode: true\n")
    (tmp_path / ".aider.model.metadata.json").write_text("{ // mine\n}")
    with pytest.raises(UsageError, match="not plain JSON"):
        put("aider", tmp_path)
    assert (tmp_path / ".aider.conf.yml").read_text() == "dark-mode: true\n"


@pytest.mark.parametrize(
    "broken",
    [b"{ // comment\n}", b"[1]", b"{", b'{"provider": "x"}', b'{"provider": [1]}', b"\xff{}"],
)
def test_files_that_are_not_plain_json_are_left_alone(tmp_path: Path, broken: bytes) -> None:
    file = tmp_path / "opencode.json"
    file.write_bytes(broken)
    with pytest.raises(UsageError):
        write(CLIENTS["opencode"](TARGET, tmp_path, {}))
    assert file.read_bytes() == broken
    assert [p.name for p in tmp_path.iterdir()] == ["opencode.json"]


def test_a_folder_in_a_files_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "opencode.json").mkdir()
    with pytest.raises(UsageError, match="is no text"):
        put("opencode", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["opencode.json"]


def test_written_twice_there_is_one_backup(tmp_path: Path) -> None:
    (tmp_path / "opencode.json").write_text("{}")
    [(_, backup)] = put("opencode", tmp_path)
    assert backup is not None
    assert put("opencode", tmp_path) == [(tmp_path / "opencode.json", None)]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_behind_a_link_stays_behind_it(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.yml"
    kept.write_text("\ufeffdark-mode: true\n", encoding="utf-8")  # as some editors begin a file
    (tmp_path / ".aider.conf.yml").symlink_to(kept)
    put("aider", tmp_path)
    assert (tmp_path / ".aider.conf.yml").is_symlink()
    assert kept.read_text(encoding="utf-8").startswith("dark-mode: true\nopenai-api-base:")


def test_cline_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cline keeps its settings"):
        write(CLIENTS["cline"](TARGET, tmp_path, {}))
