"""The RUN folder that `sessiontune train` leaves behind, read and checked for shipping."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from pathlib import Path
from shlex import quote
from typing import Any

import msgspec

from ..errors import PreflightError, UsageError
from ..runs import RECORD, TEMPLATE, read_record


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A finished training run.

    base        local folder of the model it started from; `base_id` is its public name
    adapter     PEFT folder; `tokenizer` the folder with the training tokenizer
    shipped     where its files were put, if not in the run's own folder
    full        all weights were trained: there is no adapter, and `base` is the tuned model itself
    template    the exact chat template of the training (Jinja)
    adds_bos    did training ids begin with the BOS token
    stop        texts of the tokens that end a turn, the first is the usual one
    """

    folder: Path
    name: str
    base: Path
    base_id: str
    base_digest: str
    adapter: Path
    tokenizer: Path
    template: str
    adds_bos: bool
    stop: tuple[str, ...]
    max_length: int
    data_digest: str
    full: bool = False
    shipped: Path | None = None
    raw: dict[str, Any]

    @property
    def slug(self) -> str:
        """The name, safe as a file and model name."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode()
        return re.sub(r"[^a-z0-9._]+", "-", plain.lower()).strip("-.") or "tuned"

    @property
    def typed(self) -> str:
        """The folder, as a command takes it."""
        return quote(str(self.folder))

    @property
    def out(self) -> Path:
        """Where shipping writes, unless it was told another place."""
        return self.shipped or self.folder / "ship"


def read_run(folder: Path, base: Path | None = None, shipped: Path | None = None) -> Run:
    """Read RUN. `base` overrides where the base model lies, `shipped` where its files were put.

    UsageError says what is missing.
    """
    raw = read_record(folder)
    try:
        run = _run(folder.resolve(), raw, base)
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise UsageError(f"{folder / RECORD} is damaged: {wrong!r}.", "Train again.") from wrong
    _complete(run, str(raw.get("status", "")))
    return msgspec.structs.replace(run, shipped=shipped.resolve()) if shipped else run


def _run(folder: Path, raw: dict[str, Any], base: Path | None) -> Run:
    said = raw["base"]
    template = folder / TEMPLATE
    trained = folder / str(raw.get("adapter") or "adapter")
    full = (trained / "config.json").is_file() and not (trained / "adapter_config.json").is_file()
    return Run(
        folder=folder,
        name=str(raw.get("name") or folder.name),
        base=trained if full else (base or _place(folder, str(said["path"]))).resolve(),
        base_id=_public(str(said.get("id") or ""), Path(said["path"])),
        base_digest="" if full else str(said.get("sha256") or ""),
        adapter=trained,
        tokenizer=folder / "tokenizer",
        template=template.read_text(encoding="utf-8") if template.is_file() else "",
        adds_bos=bool(raw.get("adds_bos", False)),
        stop=tuple(str(s) for s in raw.get("stop") or ()),
        max_length=int(raw.get("max_length") or 4096),
        data_digest=str((raw.get("data") or {}).get("digest") or ""),
        full=full,
        raw=raw,
    )


def _public(name: str, path: Path) -> str:
    """The base's name for others: a hub's owner/name, else no more than the folder's own name."""
    hub = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) and Path(name).parts != path.parts[-2:]
    return name if hub else Path(name or path).name


def _place(folder: Path, path: str) -> Path:
    place = Path(path).expanduser()
    return place if place.is_absolute() else folder / place


def _complete(run: Run, status: str) -> None:
    if status and status != "done":
        data = run.raw.get("data", {}).get("dir", "DATA")
        raise UsageError(
            f"The run in {run.folder} is not finished (status: {status}).",
            f"Go on with it: sessiontune train {quote(str(data))} -o {run.typed} --resume",
        )
    if not (run.full or (run.adapter / "adapter_config.json").is_file()):
        raise UsageError(f"{run.adapter} holds no adapter and no model.", "Train again.")
    if not (run.base / "config.json").is_file():
        raise UsageError(
            f"The base model is not at {run.base} any more.", "Say where it is with --base PATH."
        )
    if not run.template.strip():
        raise PreflightError(
            f"{run.folder} has no chat template.",
            "Without the exact training template the model answers differently once shipped.",
        )
    if not run.stop:
        raise PreflightError(
            f"{run.folder}/run.json names no stop token.",
            'A model without one does not stop by itself. Add it: "stop": ["<|im_end|>"].',
        )
    if not (run.tokenizer / "tokenizer_config.json").is_file():
        raise UsageError(f"{run.tokenizer} holds no tokenizer.", "Train again.")


def config_of(folder: Path) -> dict[str, Any]:
    """config.json of a model's folder."""
    return _object(folder / "config.json")


def adapter_config(adapter: Path) -> dict[str, Any]:
    """adapter_config.json of a PEFT folder."""
    return _object(adapter / "adapter_config.json")


def _object(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def digest_of(*parts: Path | str) -> str:
    """SHA-256 over files (their bytes), folders (names and bytes) and texts, in this order."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            total.update(b"t" + part.encode() + b"\0")
            continue
        files = sorted(p for p in part.rglob("*") if p.is_file()) if part.is_dir() else [part]
        for file in files:
            total.update(b"f" + file.relative_to(part.parent).as_posix().encode() + b"\0")
            total.update(bytes.fromhex(file_digest(file)))
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
