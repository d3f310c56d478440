"""The target model's chat template: text, tokens, and the exact set of tokens that bear loss."""

from __future__ import annotations

from .bundled import bundled
from .engine import TemplateRefused
from .examples import IGNORED, Encoded, Piece, Span
from .loading import load_tokenizer
from .parts import in_parts
from .rows import Abilities, Turn
from .template import Template
from .view import MaskSpan, example_view, mask_view

__all__ = [
    "IGNORED",
    "Abilities",
    "Encoded",
    "MaskSpan",
    "Piece",
    "Span",
    "Template",
    "TemplateRefused",
    "Turn",
    "bundled",
    "example_view",
    "in_parts",
    "load_tokenizer",
    "mask_view",
]
