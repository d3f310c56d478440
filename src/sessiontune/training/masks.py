"""Which tokens of a row bear loss, as training has it: for `show --mask` and `review --base`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..rows.columns import tags_in
from ..runs import TEMPLATE, is_run
from ..templating import Template, example_view, mask_view
from ..templating.view import MaskSpan
from .bases import resolve
from .data import Row
from .prepare import fitted


def mask_template(base: str | None) -> Template:
    """The chat template of a base, or the one that a run was trained with. UsageError where there
    is none."""
    if not base or base == "tiny":
        raise UsageError(
            "A mask needs a chat template"
            + (", and tiny is made anew for each run." if base else "."),
            "Give the model's folder or a run with --base. None here yet? `sessiontune train DIR"
            " --base tiny --dry-run -o try` makes a tiny one in try/base.",
        )
    folder = Path(base)
    if is_run(folder):  # whatever has become of its base
        return Template.load(folder / "tokenizer", str(folder / TEMPLATE))
    return Template.load(base if folder.is_dir() else resolve(base).path)


def mask_views(
    row: dict[str, Any], template: Template, where: str, length: int
) -> list[list[MaskSpan]]:
    """Runs of trained and masked tokens of each example that a row of the openai file becomes; an
    answer of `long/` is cut to `length` tokens."""
    if "long" not in tags_in(row.get("tags")):
        return mask_view(template, row, where)
    made = fitted(Row(where, row), template, length)  # an answer that training cuts
    return [example_view(template, body, piece, one) for body, piece, one in made]
