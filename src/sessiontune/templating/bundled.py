"""Chat templates that come with the package, for base models that have none of their own.

`chatml` is ChatML with tools. Its tool prompt has the wording of the Hermes/Qwen convention, so
that LLaMA-Factory's `qwen` tool format and llama.cpp's tool-call parser read and write the same
text. Each message renders alone, so the text of a prefix is a prefix of the text. The loop variable
must be called `message`: Axolotl finds the message fields by that name.
"""

from __future__ import annotations

from collections.abc import Container
from importlib.resources import files

from ..errors import UsageError

#: Name of the template -> the token that the vocabulary must hold.
NEEDS = {"chatml": "<|im_end|>", "llama3": "<|eot_id|>", "gemma": "<end_of_turn>"}


def bundled(name: str) -> str:
    """The text of one bundled template. Raises UsageError for an unknown name."""
    if name not in NEEDS:
        known = ", ".join(NEEDS)
        raise UsageError(f"No bundled chat template '{name}'.", f"Known: {known}, or name a file.")
    return files("sessiontune").joinpath("templates", f"{name}.jinja").read_text("utf-8")


def suited(vocabulary: Container[str]) -> str | None:
    """The bundled template whose stop token is in the vocabulary, or None."""
    return next((name for name, token in NEEDS.items() if token in vocabulary), None)
