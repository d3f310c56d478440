"""A bundled sample of session logs, written by a seeded generator from a small invented world.

`write_sample(folder)` writes it, as does `python -m sessiontune.sample FOLDER`;
`variants(folder, kind, n)` writes variants of one oddity; `questions(seed)` gives starter questions
with references.
"""

from __future__ import annotations

from .corpus import SampleInfo, write_sample
from .starter import questions
from .variants import variants

__all__ = ["SampleInfo", "questions", "variants", "write_sample"]
