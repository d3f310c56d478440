"""Small charts as inline SVG, for reports and cards: no script, light and dark by CSS variables.

Every function returns one `<svg>` element as text. Charts are drawn on a canvas 360 units wide
and scale with their container, so a grid of panels about as wide keeps labels readable.
Colours come from the variables that `html.page` defines, each with a light fallback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import NamedTuple

WIDTH = 360.0
#: Room above a plot, for the label of its y axis.
_ABOVE = 14
#: Fallbacks for a page that does not define the variables.
COLOURS = {
    "ink": "#1f2328",
    "muted": "#59636e",
    "grid": "#d8dee4",
    "panel": "#f6f8fa",
    "c1": "#3566c8",
    "c2": "#b9541a",
    "c3": "#27794d",
    "c4": "#8a4fbe",
    "c5": "#b3364f",
    "c6": "#6d6a17",
}
_SERIES = ("c1", "c2", "c3", "c4", "c5", "c6")
_DASHES = ("", "5 3", "2 2", "8 3 2 3", "1 3", "10 4")


class Line(NamedTuple):
    """One line of a `lines` chart. `band` holds (x, low, high) of an interval around it."""

    name: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()


def bars(items: Sequence[tuple[str, float]], *, title: str) -> str:
    """Horizontal bars, one for each (label, value >= 0), in the order given."""
    top = max((value for _, value in items), default=0.0) or 1.0
    longest = max((len(label) for label, _ in items), default=0)
    step, left, right = 22.0, min(260.0, max(100.0, 12 + 7.2 * longest)), 72.0
    room = int((left - 12) / 7.2)
    body = []
    for i, (label, value) in enumerate(items):
        y = 4 + i * step
        width = max(0.0, (WIDTH - left - right) * value / top)
        shown = _shorten(label, room)
        body.append(
            f"<g><title>{escape(label)}: {number(value)}</title>"
            + _text(left - 6, y + 13, shown, anchor="end")
            + f'<rect x="{left:g}" y="{y + 2:g}" width="{width:.1f}" height="15" rx="2" '
            f'fill="{colour("c1")}"/>'
            + _text(left + width + 5, y + 13, number(value), tone="muted")
            + "</g>"
        )
    return _frame(body, 8 + step * max(1, len(items)), title)


def histogram(
    bins: Sequence[tuple[str, float]], *, title: str, x_label: str = "", y_label: str = ""
) -> str:
    """Columns, one for each (label of the bin, count >= 0). The axis ends at an even number, so
    that half of it is a count too."""
    most = max((value for _, value in bins), default=0.0)
    top = max(2.0, 2.0 * -(-most // 2))
    height, bottom = (190.0, 40.0) if x_label else (174.0, 24.0)
    left = _room(0.0, top)
    plot_h, plot_w = height - bottom - _ABOVE, WIDTH - left - 6
    body = _y_axis(0.0, top, left, plot_h, y_label)
    each = plot_w / max(1, len(bins))
    widest = 7.0 * max((min(9, len(label)) for label, _ in bins), default=1) + 6
    every = max(1, -(-int(len(bins) * widest) // int(plot_w)))
    for i, (label, value) in enumerate(bins):
        x, h = left + i * each, plot_h * value / top
        body.append(
            f'<rect x="{x + 1:.1f}" y="{_ABOVE + plot_h - h:.1f}" width="{max(1.0, each - 2):.1f}" '
            f'height="{h:.1f}" rx="1.5" fill="{colour("c1")}">'
            f"<title>{escape(label)}: {number(value)}</title></rect>"
        )
        if i % every == 0:
            body.append(
                _text(x + each / 2, _ABOVE + plot_h + 14, _shorten(label, 9), anchor="middle")
            )
    if x_label:
        body.append(_text(left + plot_w / 2, height - 6, x_label, anchor="middle", tone="muted"))
    return _frame(body, height, title)


def lines(series: Sequence[Line], *, title: str, x_label: str = "", y_label: str = "") -> str:
    """Lines over a common x axis, each with an optional interval band, and a legend.

    Points whose value is not finite are left out.
    """
    kept = [_finite(line) for line in series]
    xs = [x for line in kept for x, _ in line.points]
    ys = [y for line in kept for _, y in line.points]
    ys += [y for line in kept for _, low, high in line.band for y in (low, high)]
    legend_h = 16.0 * len(kept)
    x0, x1 = _range(xs)
    y0, y1 = _range(ys)
    height, left, bottom = 210.0 + legend_h, _room(y0, y1), 40.0 + legend_h
    plot_h, plot_w = height - bottom - _ABOVE, WIDTH - left - 12

    def at(x: float, y: float) -> str:
        return (
            f"{left + plot_w * (x - x0) / (x1 - x0):.1f},"
            f"{_ABOVE + plot_h * (1 - (y - y0) / (y1 - y0)):.1f}"
        )

    body = _y_axis(y0, y1, left, plot_h, y_label)
    for i, line in enumerate(kept):
        body += _draw_line(line, i, at)
        y = height - legend_h + 16 * i + 6
        body.append(_legend(line.name, i, left, y))
    for x in (x0, x1):
        anchor = "start" if x == x0 else "end"
        place = left if x == x0 else left + plot_w
        body.append(_text(place, _ABOVE + plot_h + 14, number(x), anchor=anchor, tone="muted"))
    if x_label:
        body.append(
            _text(left + plot_w / 2, _ABOVE + plot_h + 14, x_label, anchor="middle", tone="muted")
        )
    return _frame(body, height, title)


def intervals(
    rows: Sequence[tuple[str, float, float, float]],
    *,
    title: str,
    mark: float | None = None,
) -> str:
    """Dots with intervals: (label, value, low, high) each on a line; `mark` draws a reference."""
    every = [v for _, *numbers in rows for v in numbers] + ([mark] if mark is not None else [])
    low, high = _range(every)
    step, left, right = 26.0, 148.0, 72.0
    plot_w = WIDTH - left - right
    height = 24 + step * max(1, len(rows))

    def at(value: float) -> float:
        return left + plot_w * (value - low) / (high - low)

    body = []
    if mark is not None:
        body.append(
            f'<line x1="{at(mark):.1f}" x2="{at(mark):.1f}" y1="2" y2="{height - 20:g}" '
            f'stroke="{colour("muted")}" stroke-dasharray="3 3"/>'
        )
        body.append(_text(at(mark), height - 6, number(mark), anchor="middle", tone="muted"))
    for i, (label, value, lo, hi) in enumerate(rows):
        y = 14 + i * step
        body.append(
            f"<g><title>{escape(label)}: {number(value)} "
            f"({number(lo)} to {number(hi)})</title>"
            + _text(left - 8, y + 4, _shorten(label, 18), anchor="end")
            + f'<line x1="{at(lo):.1f}" x2="{at(hi):.1f}" y1="{y:g}" y2="{y:g}" '
            f'stroke="{colour("c1")}" stroke-width="3" stroke-linecap="round"/>'
            f'<circle cx="{at(value):.1f}" cy="{y:g}" r="5" fill="{colour("c1")}"/>'
            + _text(WIDTH - right + 8, y + 4, number(value))
            + "</g>"
        )
    return _frame(body, height, title)


def heatmap(
    rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]], *, title: str
) -> str:
    """A grid of cells, darker where the value is larger; `values[row][column]` >= 0."""
    left, top = 40.0, 6.0
    size = (WIDTH - left - 4) / max(1, len(columns))
    high = max((v for row in values for v in row), default=0.0) or 1.0
    tall = max(size, 16.0)
    body = []
    for r, name in enumerate(rows):
        y = top + r * tall
        body.append(_text(left - 6, y + tall / 2 + 4, _shorten(name, 6), anchor="end"))
        for c, column in enumerate(columns):
            value = values[r][c]
            # The square root keeps quiet hours visible beside one very busy hour.
            shade = (value / high) ** 0.5
            fill = colour("c1") if value > 0 else colour("grid")
            body.append(
                f'<rect x="{left + c * size + 0.75:.1f}" y="{y + 0.75:.1f}" '
                f'width="{size - 1.5:.1f}" height="{tall - 1.5:.1f}" rx="2" fill="{fill}" '
                f'fill-opacity="{0.15 + 0.85 * shade if value > 0 else 0.45:.2f}">'
                f"<title>{escape(name)} {escape(column)}: {number(value)}</title></rect>"
            )
    every = -(-len(columns) // 8) or 1
    for c in range(0, len(columns), every):
        x = left + c * size + size / 2
        body.append(
            _text(x, top + len(rows) * tall + 13, columns[c], anchor="middle", tone="muted")
        )
    return _frame(body, top + len(rows) * tall + 20, title)


def number(value: float) -> str:
    """A figure for people: 12,345, 0.25, 1.2e-05."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def colour(name: str) -> str:
    """The CSS value of a named colour, for `fill` and `stroke`."""
    return f"var(--{name}, {COLOURS[name]})"


def _finite(line: Line) -> Line:
    good = float("inf")
    points = [(x, y) for x, y in line.points if -good < y < good]
    band = [(x, a, b) for x, a, b in line.band if -good < a < good and -good < b < good]
    return Line(line.name, points, band)


def _draw_line(line: Line, index: int, place: Callable[[float, float], str]) -> list[str]:
    if not line.points:
        return []
    tone = colour(_SERIES[index % len(_SERIES)])
    out = []
    if line.band:
        upper = [place(x, high) for x, _, high in line.band]
        lower = [place(x, low) for x, low, _ in reversed(line.band)]
        out.append(f'<polygon points="{" ".join(upper + lower)}" fill="{tone}" opacity="0.18"/>')
    path = " ".join(place(x, y) for x, y in line.points)
    dash = _DASHES[index % len(_DASHES)]
    out.append(
        f'<polyline points="{path}" fill="none" stroke="{tone}" stroke-width="2" '
        f'stroke-dasharray="{dash}"><title>{escape(line.name)}</title></polyline>'
    )
    if len(line.points) == 1:
        x, y = place(*line.points[0]).split(",")
        out.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="{tone}"/>')
    return out


def _legend(name: str, index: int, x: float, y: float) -> str:
    tone, dash = colour(_SERIES[index % len(_SERIES)]), _DASHES[index % len(_DASHES)]
    return (
        f'<line x1="{x:g}" x2="{x + 24:g}" y1="{y - 4:g}" y2="{y - 4:g}" stroke="{tone}" '
        f'stroke-width="2" stroke-dasharray="{dash}"/>' + _text(x + 30, y, _shorten(name, 48))
    )


def _room(low: float, high: float) -> float:
    """The width that the figures of a y axis take."""
    longest = max(len(number(low + (high - low) * share)) for share in (0.0, 0.5, 1.0))
    return max(40.0, 11 + 7.2 * longest)


def _y_axis(low: float, high: float, left: float, height: float, label: str) -> list[str]:
    out = []
    for share in (0.0, 0.5, 1.0):
        y = _ABOVE + height * (1 - share)
        out.append(
            f'<line x1="{left:g}" x2="{WIDTH - 6:g}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="{colour("grid")}"/>'
        )
        value = low + (high - low) * share
        out.append(_text(left - 5, y + 4, number(value), anchor="end", tone="muted"))
    if label:
        out.append(_text(left, _ABOVE - 4, label, tone="muted"))
    return out


def _range(values: Iterable[float]) -> tuple[float, float]:
    known = list(values)
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    if low == high:
        pad = abs(low) * 0.1 or 1.0
        return low - pad, high + pad
    return low, high


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _text(x: float, y: float, text: str, *, anchor: str = "start", tone: str = "ink") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour(tone)}" '
        f'font-size="12">{escape(text)}</text>'
    )


def _frame(body: Iterable[str], height: float, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" xmlns="http://www.w3.org/2000/svg" '
        f'font-family="system-ui, sans-serif"><title>{escape(title)}</title>'
        + "".join(body)
        + "</svg>"
    )
