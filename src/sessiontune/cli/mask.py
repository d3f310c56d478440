"""`show --mask`: which tokens of a row bear loss, in colours and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StoreError, UsageError
from .console import Console
from .summary import shown

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..templating.view import MaskSpan


def show_mask(
    console: Console,
    row: dict[str, Any],
    base: str | None,
    html: Path | None,
    where: str,
    length: int,
) -> None:
    """Show the row as the template of `base` writes it, an answer of `long/` cut to `length`."""
    from ..training.masks import mask_template, mask_views

    if "tools" not in row:
        raise UsageError("Nothing of it is trained: it has no row.", "Leave --mask out.")
    views = mask_views(row, mask_template(base), where, length)
    trained = sum(s.tokens for view in views for s in view if s.trained)
    total = sum(s.tokens for view in views for s in view)
    if html is not None:
        try:
            html.write_text(_page(views, where, trained, total), "utf-8")
        except OSError as error:
            raise StoreError(
                f"Cannot write {html}: {error.strerror}", "Name another file with --html."
            ) from error
        console.say(f"Written: {html}")
    data = {
        "trained_tokens": trained,
        "tokens": total,
        "examples": [[[s.text, s.trained] for s in view] for view in views],
    }
    console.emit(data, lambda rich: _draw(rich, views, trained, total))


def _draw(rich: RichConsole, views: list[list[MaskSpan]], trained: int, total: int) -> None:
    from rich.text import Text

    plain = rich.color_system is None or rich.no_color  # piped, TERM=dumb, NO_COLOR
    for number, view in enumerate(views, 1):
        if len(views) > 1:
            rich.print(f"[bold]Example {number} of {len(views)}[/bold]")
        text = Text()
        for span in view:
            marked = shown(rich, span.text)
            if plain and span.trained:
                marked = f"[[{marked}]]"
            text.append(marked, style="bold green" if span.trained else "dim")
        rich.print(text)
    how = " They stand in [[double brackets]]." if plain else ""
    rich.print(f"\n{trained:,} of {total:,} tokens bear loss.{how}", markup=False)


#: Green means loss in both the terminal and the page, readable on light and dark.
_MARKS = "pre{line-height:1.65}mark{background:var(--good);color:inherit;border-radius:3px}"


def _page(views: list[list[MaskSpan]], where: str, trained: int, total: int) -> str:
    from html import escape

    from ..html import page, section

    body = []
    for number, view in enumerate(views, 1):
        pieces = "".join(
            f'<mark title="message {s.message}">{escape(s.text)}</mark>'
            if s.trained
            else escape(s.text)
            for s in view
        )
        text = f"<pre>{pieces}</pre>"
        several = len(views) > 1
        body.append(section(f"Example {number} of {len(views)}", text) if several else text)
    lead = f"{trained:,} of {total:,} tokens bear loss: they are marked."
    return page(f"Loss mask of {where}", "\n".join(body), lead=lead, css=_MARKS)
