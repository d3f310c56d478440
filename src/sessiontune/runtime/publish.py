"""Publish a data set or an adapter: gates, scan, upload, read back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from ..errors import ToolError, UsageError
from ..privacy.files import scan_files
from ..privacy.options import PrivacyOptions
from ..runs import is_run
from ..shipping.hub import Published, put
from ..shipping.publish import (
    Parcel,
    Terms,
    adapter_parcel,
    check_clean,
    check_terms,
    dataset_parcel,
)
from ..shipping.run import read_run


class Plan(msgspec.Struct, frozen=True):
    """What would go up: names, bytes, and how many texts were scanned."""

    kind: str
    files: tuple[str, ...]
    size: int
    scanned: int

    @property
    def said(self) -> str:
        """How many were scanned, and what was not."""
        rest = "" if self.scanned == len(self.files) else " (weights and vocabularies are not text)"
        return f"{self.scanned} of {len(self.files)} files scanned{rest}, all clean."


def must_be_ours(folder: Path) -> None:
    """UsageError for a folder that no command of ours wrote."""
    if not (is_run(folder) or (folder / "manifest.json").is_file()):
        raise UsageError(
            f"{folder} is neither an export nor a run.",
            "Name a folder that `sessiontune export` or `sessiontune train` made.",
        )


def prepare(folder: Path, terms: Terms) -> tuple[Parcel, Plan]:
    """All gates but the hub's. UsageError, PrivacyError or PreflightError say what is missing."""
    must_be_ours(folder)
    if (folder / "manifest.json").is_file():
        parcel = dataset_parcel(folder, terms)
    else:
        parcel = adapter_parcel(read_run(folder), terms)
    with tempfile.TemporaryDirectory(prefix="sessiontune-") as scratch:
        scanned = check_clean(
            parcel,
            lambda paths: scan_files(map(str, paths), PrivacyOptions(), os.urandom(16)),
            Path(scratch),
        )
    size = sum(p.stat().st_size for p in parcel.files.values())
    size += sum(len(text.encode()) for text in parcel.texts.values())
    return parcel, Plan(parcel.kind, tuple(sorted({*parcel.files, *parcel.texts})), size, scanned)


def publish(
    folder: Path,
    repo: str,
    terms: Terms,
    *,
    public: bool,
    endpoint: str | None = None,
    bars: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Published:
    """Prepare and upload. ToolError when the `hub` extra is missing. `bars`: the hub's client
    draws its progress on stderr. `say` is told when something is sent.
    """
    check_terms(terms)
    parcel, plan = prepare(folder, terms)
    said = f"{plan.said} {plan.size / 1e6:.1f} MB are sent to {repo}."
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    try:
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.utils import disable_progress_bars
    except ImportError as missing:
        raise ToolError(
            "Publishing needs the package huggingface_hub.", "pip install 'sessiontune[hub]'"
        ) from missing
    say(said)
    if not bars:
        disable_progress_bars()
    return put(
        HfApi(endpoint=endpoint),
        repo,
        parcel,
        public=public,
        operation=lambda path, data: CommitOperationAdd(path_in_repo=path, path_or_fileobj=data),
        message=f"sessiontune: {parcel.kind}",
    )
