"""The tiny model: same bytes for the same input, loads offline, renders tools, learns."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sessiontune.errors import UsageError

pytest.importorskip("transformers")

from sessiontune.training.tiny import make_tiny

pytestmark = pytest.mark.models

TEXTS = ["the build failed because a file was missing", "open src/main.py and fix the import"] * 4


def digests(folder: Path) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())}


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_same_texts_and_seed_give_the_same_bytes(tmp_path: Path, kind: str) -> None:
    one = digests(make_tiny(tmp_path / "one", TEXTS, kind=kind))  # type: ignore[arg-type]
    two = digests(make_tiny(tmp_path / "two", TEXTS, kind=kind))  # type: ignore[arg-type]
    other = digests(make_tiny(tmp_path / "other", TEXTS, kind=kind, seed=1))  # type: ignore[arg-type]
    assert one == two
    assert one["model.safetensors"] != other["model.safetensors"]
    assert one["tokenizer.json"] == other["tokenizer.json"]


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_every_text_comes_back_from_its_tokens(tmp_path: Path, kind: str) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(make_tiny(tmp_path / "m", TEXTS, kind=kind))  # type: ignore[arg-type]
    for text in (
        "zażółć ✓ \U0001f600\t\r\n  x",
        '{"a": [1, 22, 333]}',
        "<tool_call>\n{}\n</tool_call>",
    ):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == text
    assert tokenizer("hello")["input_ids"][0] != tokenizer.eos_token_id


def test_a_used_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        make_tiny(tmp_path / "used", TEXTS)
    assert [p.name for p in tmp_path.iterdir()] == ["used"]


@pytest.mark.parametrize("wrong", [{"hidden": 250}, {"layers": 0}, {"vocab": 10}, {"kind": "gpt"}])
def test_wrong_sizes_are_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        make_tiny(tmp_path / "m", TEXTS, **wrong)  # type: ignore[arg-type]
