"""Finds a model's tokenizer and chat template on this machine; no network."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ..errors import ToolError, UsageError
from .bundled import NEEDS, bundled, suited

#: Text that looks like a control token of some model family.
_CONTROL = re.compile(r"<[|｜][^|｜<>\s]{1,40}[|｜]>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]")


def load_tokenizer(folder: str | os.PathLike[str]) -> Any:
    """The tokenizer in a local folder; no network. Raises UsageError or ToolError."""
    path = Path(folder)
    if not path.is_dir():
        raise UsageError(f"{path} is not a folder with a model.", "Name a local model folder.")
    try:
        from transformers import AutoTokenizer
    except ImportError as missing:
        raise ToolError(
            f"Reading a tokenizer needs {missing.name}.", "pip install 'sessiontune[train]'"
        ) from missing
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path} holds no tokenizer that can be read.",
            "It needs tokenizer.json and tokenizer_config.json beside the weights.",
        ) from error
    if not tokenizer.is_fast:
        raise UsageError(f"The tokenizer in {path} has no fast version (tokenizer.json).")
    return tokenizer


def template_source(tokenizer: Any, template: str | None) -> str:
    """The requested template, else the tokenizer's own, else a bundled one that suits."""
    if template is not None:
        if template in NEEDS:
            return bundled(template)
        path = Path(template)
        if not path.is_file():
            raise UsageError(
                f"No chat template '{template}'.", f"Known: {', '.join(NEEDS)}, or a file."
            )
        try:
            return path.read_text("utf-8-sig")  # without the byte order mark of some editors
        except UnicodeDecodeError as error:
            raise UsageError(
                f"The chat template {path} is not UTF-8.", "Save it as UTF-8 (not UTF-16)."
            ) from error
    own = tokenizer.chat_template
    if isinstance(own, dict):
        own = own.get("default") or next(iter(own.values()))
    if own:
        return str(own)
    name = suited(tokenizer.get_vocab())
    if name is None:
        raise UsageError(
            "This base model has no chat template, and no bundled one suits its vocabulary.",
            "Name a template file with --template, or take the model's instruct version.",
        )
    return bundled(name)


def check_family(rendered: str, tokenizer: Any) -> None:
    """Raise UsageError if marks of the template are no tokens of this tokenizer: then it was made
    for another model."""
    vocabulary = tokenizer.get_vocab()
    foreign = sorted({m for m in _CONTROL.findall(rendered) if m not in vocabulary})
    if foreign:
        raise UsageError(
            f"The chat template is for another model family: {', '.join(foreign)} "
            "is not a token of this tokenizer.",
            "Leave --template out to use the model's own, or pick the one of its family.",
        )
