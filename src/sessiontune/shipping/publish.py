"""What may be published of a data set or an adapter, and the gates before it.

A data set: the files that its manifest lists, and nothing else of its folder. An adapter: its
weights, tokenizer, template and a card; the base's local path is replaced by its public name.
Refused unless the very files are scanned and clean, and the user states licence and terms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import PreflightError, PrivacyError, UsageError
from ..model import Finding
from .run import Run, adapter_config, file_digest

Kind = Literal["dataset", "model"]
Scan = Callable[[tuple[Path, ...]], Iterable[Finding]]
#: Files of an export besides those with rows.
_EXTRA = ("README.md", "manifest.json")
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What goes up: path in the repository -> local file or text. `cards`: scanned texts too."""

    kind: Kind
    files: dict[str, Path] = {}
    texts: dict[str, str] = {}


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What only the user can say: the licence, and that they may publish this at all."""

    license: str = ""
    accepted: bool = False


def check_terms(terms: Terms) -> None:
    """UsageError until licence and terms are stated."""
    if not terms.license:
        raise UsageError(
            "Nothing is published without a licence.",
            "State it: --license apache-2.0 (or another, or 'other').",
        )
    if not terms.accepted:
        raise UsageError(
            "Nothing is published before you confirm that you may.",
            "Sessions hold your employer's code, and answers fall under the terms of the model's"
            " vendor. If both allow it: --i-may-publish.",
        )


class _File(msgspec.Struct):
    path: str
    sha256: str


class _Known(msgspec.Struct):
    """What a manifest must say itself of an export that is published."""

    files: tuple[_File, ...]
    privacy: bool = False
    gate: bool = False


def dataset_parcel(folder: Path, terms: Terms) -> Parcel:
    """The published files of an export, the licence in its card.

    PrivacyError when privacy or its gate was off.
    """
    note = folder / "manifest.json"
    if not note.is_file():
        raise UsageError(f"{folder} is not an export: manifest.json is missing.")
    try:
        known = msgspec.convert(msgspec.json.decode(note.read_bytes()), _Known)
    except ValueError as error:
        raise UsageError(f"{note} cannot be understood.", "Export again with --force.") from error
    if not (known.privacy and known.gate):
        raise PrivacyError(
            f"{folder} was exported without redaction or without its second scan.",
            "Export again with privacy on; only such data sets are published.",
        )
    files: dict[str, Path] = {name: folder / name for name in _EXTRA if (folder / name).is_file()}
    for file in known.files:
        path = folder / file.path
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise UsageError(f"{file.path} of the manifest is not there.", "Export again.")
        if file_digest(path) != file.sha256:
            raise PreflightError(
                f"{file.path} was changed since the export.", "Export again before publishing."
            )
        files[file.path] = path
    card = files.pop("README.md", None)
    text = card.read_text(encoding="utf-8") if card else f"# {folder.name}\n"
    return Parcel(kind="dataset", files=files, texts={"README.md": _licensed(text, terms.license)})


def _licensed(card: str, licence: str) -> str:
    """The card with the licence in its front matter: there the hub looks for it."""
    if not licence:
        return card
    line = f"license: {json.dumps(licence)}\n"
    head, mark, rest = card.partition("---\n")
    return f"---\n{line}{rest}" if mark and not head else f"---\n{line}---\n\n{card}"


def adapter_parcel(run: Run, terms: Terms) -> Parcel:
    """The adapter with what is needed to use it, and nothing of this machine.

    PreflightError when it was never evaluated, or answered with secrets or with training text.
    """
    if run.full:
        raise UsageError(
            f"{run.folder} trained the whole model: there is no adapter to publish.",
            "Only data sets and adapters are published. Train with --method lora.",
        )
    result = run.folder / "evaluation/result.json"
    try:
        said = msgspec.json.decode(result.read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, ValueError) as error:  # or it is damaged
        raise PreflightError(
            f"{run.folder} was not evaluated.", f"sessiontune evaluate {run.typed}"
        ) from error
    for field, words in (
        ("secrets_in_answers", "answers with secrets in them"),
        ("regurgitated", "answers that repeat training text"),
    ):
        if said.get(field):
            raise PrivacyError(
                f"The evaluation found {said[field]} {words}.", "Do not publish this adapter."
            )
    config = adapter_config(run.adapter)
    config["base_model_name_or_path"] = run.base_id
    texts = {
        "adapter_config.json": json.dumps(config, indent=2) + "\n",
        "chat_template.jinja": run.template,
        "README.md": adapter_card(run, terms, str(said.get("sentence", ""))),
    }
    files = {"adapter_model.safetensors": run.adapter / "adapter_model.safetensors"}
    files |= {n: run.tokenizer / n for n in _TOKENIZER if (run.tokenizer / n).is_file()}
    return Parcel(kind="model", files=files, texts=texts)


def adapter_card(run: Run, terms: Terms, verdict: str) -> str:
    """The README of a published adapter."""
    head = {
        "license": terms.license,
        "base_model": run.base_id,
        "library_name": "peft",
        "tags": ["lora", "sessiontune"],
    }
    front = "\n".join(f"{key}: {json.dumps(value)}" for key, value in head.items())
    metrics: dict[str, Any] = run.raw.get("metrics") or {}
    lines = [
        f"---\n{front}\n---\n",
        f"# {run.name}\n",
        f"A LoRA adapter for {run.base_id}, trained with sessiontune on coding-agent sessions"
        f" (data set {run.data_digest or 'unknown'}).\n",
    ]
    if "eval_loss" in metrics:
        lines.append(f"Held-out loss: {metrics['eval_loss']}.\n")
    if verdict:
        lines.append(f"Evaluation: {verdict}\n")
    lines.append(
        "Use it with the chat template in `chat_template.jinja`; answers end with"
        f" {', '.join(f'`{stop}`' for stop in run.stop)}.\n"
    )
    return "\n".join(lines)


def check_clean(parcel: Parcel, scan: Scan, scratch: Path) -> int:
    """Scan every text that would go up; the number of files. PrivacyError on any finding."""
    paths = []
    for name, file in parcel.files.items():
        if file.suffix == ".parquet":
            paths.append(_rows_of(file, scratch / name))
        elif file.suffix != ".safetensors" and file.name not in _TOKENIZER:  # no sentences
            paths.append(file)
    for name, text in parcel.texts.items():
        copy = scratch / name
        copy.write_text(text, encoding="utf-8")
        paths.append(copy)
    found = list(scan(tuple(paths)))
    if found:
        first = found[0]
        raise PrivacyError(
            f"The scan is not clean: {len(found)} findings, the first {first.kind} at"
            f" {first.where.removeprefix(f'{scratch}/')}.",
            "Nothing was published. See all: sessiontune scan --files PATH.",
        )
    return len(paths)


def _rows_of(columns: Path, target: Path) -> Path:
    """The rows of a Parquet file, one a line: it is packed, and nothing could be seen in it."""
    import pyarrow.parquet as pq

    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8") as lines:
        for batch in pq.ParquetFile(columns).iter_batches(64):
            lines.writelines(f"{json.dumps(r, ensure_ascii=False)}\n" for r in batch.to_pylist())
    return target
