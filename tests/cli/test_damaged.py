"""Exports and runs that a person changed, or of which the disk lost some: the file is named, and
what to do; nothing ends in a traceback."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sessiontune.errors import ToolError
from sessiontune.runtime.host import shipped_of
from sessiontune.shipping.run import Run

from .conftest import Cli

Damage = Callable[[bytes], bytes]


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _not_utf8(data: bytes) -> bytes:
    return re.sub(rb'": ?"', lambda found: found[0] + b"\xff", data, count=1)


def _other(data: bytes) -> bytes:
    return b'{"a":1}\n[]\n5\n'


DAMAGES = (_cut, _not_utf8, _other)


def _damaged(exported: Path, target: Path, pattern: str, damage: Damage) -> str:
    """A copy of the export with damaged files; the name of one of them."""
    shutil.copytree(exported / "data", target)
    (path, *more) = sorted(target.glob(pattern))
    for one in (path, *more):
        data = damage(one.read_bytes())
        one.unlink()  # several names may be of one file
        one.write_bytes(data)
    return path.name


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("row", [(), ("nowhere",)])
def test_damaged_openai_rows_are_named_by_show(
    cli: Cli, exported: Path, tmp_path: Path, damage: Damage, row: tuple[str, ...]
) -> None:
    _damaged(exported, tmp_path / "d", "**/*openai.jsonl", damage)
    code, out, _ = cli("--json", "show", tmp_path / "d", *row)
    if damage is _cut and not row:  # the first row is whole
        assert code == 0
        return
    error = json.loads(out)["error"]
    assert (code, error["hint"]) == (3, "Export again with --force.")
    assert "openai.jsonl:" in error["message"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_raw_lines_are_named(
    cli: Cli, exported: Path, tmp_path: Path, damage: Damage
) -> None:
    name = _damaged(exported, tmp_path / "d", "*raw.jsonl", damage)
    for argv in (("show", tmp_path / "d", "nowhere"), ("review", tmp_path / "d", "--port", "0")):
        code, out, _ = cli("--json", *argv)
        assert code == 3
        assert f"{name}:" in json.loads(out)["error"]["message"]


@pytest.mark.parametrize("damage", [*DAMAGES, lambda data: b"[]", lambda data: b"{}"])
def test_an_export_whose_manifest_is_damaged_is_not_published(
    cli: Cli, exported: Path, tmp_path: Path, damage: Damage
) -> None:
    _damaged(exported, tmp_path / "d", "manifest.json", damage)
    code, out, _ = cli("--json", "publish", tmp_path / "d", "--dry-run")
    assert (code, "manifest.json" in json.loads(out)["error"]["message"]) == (2, True)


def test_a_file_is_no_folder_that_is_missing(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    code, _, err = cli("show", tmp_path / "a.txt")
    assert (code, "it is a file" in err) == (3, True)


@pytest.mark.parametrize("held", ["[]", "{", "5"])
def test_a_base_whose_settings_are_damaged_is_named(cli: Cli, tmp_path: Path, held: str) -> None:
    (tmp_path / "config.json").write_text(held)
    code, out, _ = cli("--json", "doctor", "--base", tmp_path)
    error = json.loads(out)["error"]
    assert (code, "config.json cannot be read" in error["message"]) == (2, True)
    assert error["hint"]


def test_what_was_shipped_elsewhere_is_said_to_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(
        folder=tmp_path, name="r", base=tmp_path, base_id="b", base_digest="", adapter=tmp_path,
        tokenizer=tmp_path, template="", stop=(), max_length=1, data_digest="", raw={},
        adds_bos=False, shipped=tmp_path / "else",
    )  # fmt: skip
    with pytest.raises(ToolError, match=r"shipped to .*else yet") as caught:
        shipped_of(run)
    assert caught.value.hint.endswith(f"--out {tmp_path / 'else'}")
