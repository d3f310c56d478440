"""What cutting to a length kept and lost, and what was mixed in: words of the card."""

from __future__ import annotations

from .figures import listed, number
from .manifest import Manifest

#: What makes an answer longer than a row.
_LONG = {
    "call": "by one tool call",
    "text": "by one text",
    "thinking": "by their reasoning",
    "parts": "by several parts together",
}


def cutting(manifest: Manifest) -> list[str]:
    """Lines of Markdown; none where nothing was cut or mixed."""
    out = []
    cut = manifest.truncation
    if cut:
        out += [
            "",
            f"Rows were cut to {number(manifest.options.max_tokens)} tokens, every answer that "
            "fits a target exactly once:\n",
            "| Of what bears loss | All | Kept | Naive truncation would keep |",
            "| --- | ---: | ---: | ---: |",
            *(
                f"| {what} | {number(cut[what])} | {number(cut[f'kept_{what}'])} "
                f"| {number(cut[f'naive_{what}'])} |"
                for what in ("turns", "tokens")
            ),
            *_too_long(cut),
        ]
    if manifest.mixed:
        out += [
            "",
            f"The training side also holds {number(manifest.mixed['rows'])} general rows "
            f"({number(manifest.mixed['tokens'])} tokens), tagged `general`.",
        ]
    return out


def _too_long(cut: dict[str, int]) -> list[str]:
    """The answers that no row of this length can hold, and why."""
    lost = cut.get("reason/turn_over_budget", 0)
    if not lost:
        return []
    why = [
        f"{number(cut[name])} {words}"
        for kind, words in _LONG.items()
        if (name := f"reason/over_budget_{kind}") in cut
    ]
    return [
        "",
        f"Answers longer than a whole row: {number(lost)} ({listed(why)}). An answer is never cut "
        "inside, so they stand in the whole conversations only; a larger `max_tokens` keeps them.",
    ]
