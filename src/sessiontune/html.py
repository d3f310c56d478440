"""The frame of every page that we write: one file, no script, light and dark, 400 to 1400 px.

`page` gives the whole document; `panel`, `table`, `facts` and `note` its pieces. Text given to
these functions is escaped; only arguments named `*_html` are taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

#: A word that is too long for a narrow column, and the pieces between which it may break.
_LONG, _PIECE = re.compile(r"(\S{21,})"), re.compile(r"[^/_]{1,32}[/_]*|[/_]+")
#: An option of a command: browsers break lines after each of its hyphens.
_OPTION = re.compile(r"--[a-z][a-z-]*")
#: What a sentence marks as code.
_CODE = re.compile(r"`([^`]+)`")

#: The colours of all pages, light and dark.
COLOURS = """\
:root{color-scheme:light dark;--paper:#fff;--ink:#1f2328;--muted:#59636e;--grid:#d8dee4;
--panel:#f6f8fa;--c1:#3566c8;--c2:#b9541a;--c3:#27794d;--c4:#8a4fbe;--c5:#b3364f;--c6:#6d6a17;
--good:#dcf1e3;--bad:#fbe1e1}
@media (prefers-color-scheme:dark){:root{--paper:#0f1318;--ink:#e8ecf1;--muted:#9aa5b1;
--grid:#333c47;--panel:#181e26;--c1:#7aa5ff;--c2:#f0a06a;--c3:#6cc795;--c4:#c39bf0;--c5:#f08aa0;
--c6:#cfca6a;--good:#173a26;--bad:#4a2020}}
"""
_CSS = (
    COLOURS
    + """
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:1.75rem;line-height:1.2;margin:.4em 0}
h2{font-size:1.25rem;margin:2em 0 .6em;padding-top:.6em;border-top:1px solid var(--grid)}
h3{font-size:1rem;margin:0 0 .6em}
p,li{max-width:72ch}
.lead{color:var(--muted);font-size:1.05rem}
.grid{columns:400px;column-gap:16px}
.grid .panel{break-inside:avoid;margin-bottom:16px}
.panel{background:var(--panel);border:1px solid var(--grid);border-radius:8px;padding:14px}
.panel svg{width:100%;max-width:500px;height:auto;display:block}
.facts{display:grid;gap:8px;grid-template-columns:repeat(auto-fit,minmax(max(140px,22%),1fr));padding:0;
margin:1em 0}
.facts div{background:var(--panel);border:1px solid var(--grid);border-radius:8px;padding:10px 12px}
.facts dt{color:var(--muted);font-size:.85rem}
.facts dd{margin:0;font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
.scroll:focus-visible{outline:2px solid var(--c1)}
table{border-collapse:collapse;width:100%;font-size:.93rem;margin:0 0 1.4em}
th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--grid);vertical-align:top}
td:not(.n){min-width:5em}
@media (max-width:600px){th,td{padding:6px}}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
caption{text-align:left;color:var(--muted);padding-bottom:6px}
code,pre{font:.9em ui-monospace,monospace;background:var(--panel);border-radius:4px}
code{padding:.1em .3em}
pre{padding:12px;overflow-x:auto;border:1px solid var(--grid);white-space:pre-wrap;
overflow-wrap:anywhere}
.whole{white-space:nowrap}
.note{border-left:4px solid var(--c2);background:var(--panel);padding:10px 14px;margin:1em 0}
footer{color:var(--muted);font-size:.85rem;margin-top:3em}
"""
)


def page(title: str, body_html: str, *, lead: str = "", footer: str = "", css: str = "") -> str:
    """A whole self-contained document. `css` is added after our own rules."""
    intro = f'<p class="lead">{escape(lead)}</p>' if lead else ""
    foot = f"<footer>{escape(footer)}</footer>" if footer else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_CSS}{css}</style></head>\n"
        f"<body><main><h1>{escape(title)}</h1>{intro}\n{body_html}\n{foot}</main></body></html>\n"
    )


def section(title: str, body_html: str) -> str:
    """A second-level heading and what is below it."""
    return f"<section><h2>{escape(title)}</h2>\n{body_html}</section>\n"


def grid(panels_html: Iterable[str]) -> str:
    """Panels in columns of about the same height, as many as fit, each at least 400 px wide."""
    return '<div class="grid">' + "\n".join(panels_html) + "</div>\n"


def panel(title: str, body_html: str) -> str:
    """A framed box with a heading; an SVG in it takes the full width."""
    return f'<div class="panel"><h3>{escape(title)}</h3>{body_html}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Large figures with their names."""
    cells = (f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in pairs)
    return '<dl class="facts">' + "".join(cells) + "</dl>\n"


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
) -> str:
    """A table that scrolls on a narrow screen. `numbers`: columns to align on the right."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f'<{tag} class="n">{escape(c)}</{tag}>'
            if i in numbers
            else f"<{tag}>{_breakable(c)}</{tag}>"
            for i, c in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>\n" for row in rows)
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="table">'
        f"<table><thead><tr>{cells('th', head)}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _breakable(text: str) -> str:
    """Text for a cell. Words stay whole, but a long one may break after / and _, and each 32
    characters: paths, names of files, digests."""
    parts = enumerate(_LONG.split(text))  # every second one is a long word
    pieces = ("<wbr>".join(map(escape, _PIECE.findall(p) if n % 2 else [p])) for n, p in parts)
    return _CODE.sub(r"<code>\1</code>", "".join(pieces))


def words(text: str) -> str:
    """Text of a sentence, escaped, with its code as such; the options of commands in it stay
    whole."""
    whole = _OPTION.sub(r'<span class="whole">\g<0></span>', escape(text))
    return _CODE.sub(r"<code>\1</code>", whole)


def note(text: str) -> str:
    """A remark that must not be missed."""
    return f'<p class="note">{words(text)}</p>\n'


def paragraph(text: str) -> str:
    """Plain text as a paragraph."""
    return f"<p>{words(text)}</p>\n"
