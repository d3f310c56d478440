"""The tokenizer folder of a shipped model: exact template, explicit BOS, explicit stop tokens.

transformers writes no `add_bos_token`; converters then guess, and a model served with one BOS more
than in training answers differently. So everything a server could guess is written out here.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec

from ..errors import PreflightError
from .run import Run, adapter_config, config_of

#: Files of a tokenizer; copied as they are, then the two configurations are completed.
_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)


class Vocabulary(msgspec.Struct, frozen=True):
    """Token text -> id, and the special roles. `bos` and `pad` may be missing."""

    ids: dict[str, int]
    bos: str | None
    stops: tuple[str, ...]

    def stop_ids(self) -> list[int]:
        return [self.ids[text] for text in self.stops]


def read_vocabulary(run: Run) -> Vocabulary:
    """The run's vocabulary. PreflightError when a stop token or the BOS is not one token of it."""
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(run.tokenizer, local_files_only=True)
    ids = {str(token): int(number) for token, number in loaded.get_vocab().items()}
    for text in run.stop:
        if text not in ids:
            raise PreflightError(
                f"The stop token '{text}' is not in the vocabulary.",
                "The model could never stop. Is the template of another model family in use?",
            )
    bos = str(loaded.bos_token) if loaded.bos_token else None
    if run.adds_bos and bos is None:
        raise PreflightError(
            "The training ids began with a BOS token, but the tokenizer names none.",
            "Set bos_token in the run's tokenizer/tokenizer_config.json.",
        )
    return Vocabulary(ids, bos, run.stop)


def check_vocabulary(run: Run, vocabulary: Vocabulary) -> None:
    """Does the run's vocabulary fit the base model?

    PreflightError when a token of the base means another number now, or when there are more
    tokens than the base has rows for (and the adapter did not train new ones).
    """
    config = config_of(run.base)
    rows = int(config.get("vocab_size") or config.get("text_config", {}).get("vocab_size") or 0)
    highest = max(vocabulary.ids.values())
    if rows and highest >= rows and (run.full or not _trains_embeddings(run.adapter)):
        raise PreflightError(
            f"The tokenizer has tokens up to number {highest}, the base only {rows} rows.",
            "The vocabulary was changed after training: use the tokenizer of the training.",
        )
    for text, number in _base_ids(run.base).items():
        if vocabulary.ids.get(text) != number:
            raise PreflightError(
                f"The vocabulary was changed: {text!r} is token {number} in the base and"
                f" {vocabulary.ids.get(text)} in the run.",
                "Ship with the tokenizer that the model was trained with.",
            )


def _trains_embeddings(adapter: Path) -> bool:
    config = adapter_config(adapter)
    saved = config.get("modules_to_save") or []
    return bool(config.get("trainable_token_indices")) or any("embed" in name for name in saved)


def _base_ids(base: Path) -> dict[str, int]:
    """Token -> id of the base's own tokenizer.json; empty when it has none."""
    file = base / "tokenizer.json"
    if not file.is_file():
        return {}
    from tokenizers import Tokenizer

    found: dict[str, int] = Tokenizer.from_file(str(file)).get_vocab(with_added_tokens=True)
    return found


def write_tokenizer(run: Run, vocabulary: Vocabulary, out: Path) -> None:
    """Write the completed tokenizer, template and generation settings into the folder `out`.

    `out` must hold the base's config.json already: its BOS and EOS numbers are set too.
    """
    for name in _FILES:
        source = run.tokenizer / name
        if not source.is_file():
            source = run.base / name
        if source.is_file():
            shutil.copyfile(source, out / name)
    settings = _read(out / "tokenizer_config.json")
    settings.pop("chat_template", None)  # the file beside it is read where this is missing
    settings["add_bos_token"] = run.adds_bos
    settings["add_eos_token"] = False
    settings["eos_token"] = run.stop[0]
    if vocabulary.bos is not None:
        settings["bos_token"] = vocabulary.bos
    _write(out / "tokenizer_config.json", settings)
    (out / "chat_template.jinja").write_text(run.template, encoding="utf-8")
    stops: list[int] | int = vocabulary.stop_ids()
    _write(out / "config.json", {**_read(out / "config.json"), "eos_token_id": stops})
    generation = _read(out / "generation_config.json")
    _write(out / "generation_config.json", {**generation, "eos_token_id": stops})


def pre_tokenizer_name(tokenizer: Path) -> str | None:
    """llama.cpp's name of a byte-level BPE pre-tokenizer, or None when it is not one we know.

    Used only where the converter does not recognise the tokenizer by its own means. Compared is
    the exact expression that splits text, which is what the name stands for.
    """
    file = tokenizer / "tokenizer.json"
    if not file.is_file():
        return None
    split = _read(file).get("pre_tokenizer") or {}
    parts = split.get("pretokenizers") or [split]
    splits = [part for part in parts if part.get("type") == "Split"]
    if len(splits) == 1:
        return _NAMES.get(str((splits[0].get("pattern") or {}).get("Regex", "")))
    levels = [part for part in parts if part.get("type") == "ByteLevel"]
    return "gpt-2" if not splits and levels and levels[0].get("use_regex", True) else None


_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_HEAD = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
#: The expression in tokenizer.json -> the name that llama.cpp gives it.
_NAMES = {
    _HEAD + r"\p{N}{1,3}" + _TAIL: "llama-bpe",
    _HEAD + r"\p{N}" + _TAIL: "qwen2",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": "gpt-2",
}


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def _write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
