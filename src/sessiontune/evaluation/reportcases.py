"""Cases side by side: differences marked, filters by tag in CSS alone, a way back to the source."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from html import escape
from pathlib import Path
from urllib.parse import quote

from ..reasons import tag_words
from .result import Shown, ShownAnswer

#: Folders whose place tells nothing about what is in them.
_TOPS = ("/", "/home", "/Users")
#: Tags that get a filter; the others are rare, and the browser's search finds them.
FILTERS = 24

CASES_CSS = """
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(235px,100%),1fr));gap:.8rem}
.pair>div{min-width:0}
.case{content-visibility:auto;contain-intrinsic-size:auto 320px;margin:1rem 0;padding:0 0 .6rem;
border-bottom:1px solid var(--grid)}
.case pre{margin:0}
.case mark{background:var(--bad);color:inherit}
.case ins{background:var(--good);text-decoration:none}
.filters{border:1px solid var(--grid);border-radius:8px;padding:8px 12px;margin:0 0 1em;
display:flex;flex-wrap:wrap;gap:.2rem 1rem;min-width:0}
.filters label{display:inline-flex;gap:.35rem;align-items:center;min-height:24px;
overflow-wrap:anywhere}
.better-mark{color:var(--c3)}.worse-mark{color:var(--c5)}
"""

_WORDS = re.compile(r"\w+\s*|[^\w]+")
#: Most marked pieces of one answer; more make the page slow and tell nothing.
_MARKS = 40


def cases_html(cases: Sequence[Shown], group: str, data: str, page: Path) -> str:
    """All cases with a filter by tag. `group` keeps two lists on one page apart; `data` is the
    export, `page` the page's folder."""
    way = _from(page, data)
    counted = Counter(tag for case in cases for tag in case.tags)
    tags = [tag for tag, _ in sorted(counted.items(), key=lambda i: (-i[1], i[0]))[:FILTERS]]
    numbers = {tag: number for number, tag in enumerate(tags)}
    body = "".join(_case(case, group, numbers, way) for case in cases)
    if not tags:
        return f'<div class="cases-{group}">{body}</div>'
    rules = "".join(
        f".list-{group}:has(#{group}{n}:checked) .case:not(.{group}t{n}){{display:none}}"
        for n in numbers.values()
    )
    choices = [_choice(group, "all", f"all ({len(cases)})", True)]
    choices += [
        _choice(group, str(n), f"{tag_words(tag)} ({counted[tag]})") for tag, n in numbers.items()
    ]
    return (
        f'<style>{rules}</style><div class="list-{group}"><fieldset class="filters">'
        f"<legend>show</legend>{''.join(choices)}</fieldset>{body}</div>"
    )


def _choice(group: str, name: str, label: str, first: bool = False) -> str:
    checked = " checked" if first else ""
    return (
        f'<label><input type="radio" name="{group}" id="{group}{name}"{checked}>'
        f"{escape(label)}</label>"
    )


def _case(case: Shown, group: str, numbers: dict[str, int], way: str) -> str:
    classes = " ".join(["case", *(f"{group}t{numbers[t]}" for t in case.tags if t in numbers)])
    best = max((a.score for a in case.answers if not a.failed), default=0.0)
    answers = "".join(_answer(a, case.wanted, best) for a in case.answers)
    wanted = "what was done" if case.row else "reference"
    known = f"<div><h3>{wanted}</h3><pre>{escape(case.wanted)}</pre></div>" if case.wanted else ""
    return (
        f'<article class="{classes}"><p>{_where(case, way)}</p>'
        f"<details><summary>What came before</summary><pre>{escape(case.prompt)}</pre></details>"
        f'<div class="pair">{known}{answers}</div></article>\n'
    )


def _from(page: Path, data: str) -> str:
    """The path of the export from the page. A page may be passed on, so it tells no place on this
    machine: if both share only the top folders of the disk, the path is the export's name."""
    try:
        shared = os.path.commonpath((page.absolute(), os.path.abspath(data)))
    except ValueError:  # on different drives of Windows
        shared = _TOPS[0]
    if shared in _TOPS:
        return Path(data).name
    return os.path.relpath(data, page.absolute())


def _where(case: Shown, way: str) -> str:
    """The row's file as a link, and the command that shows its log lines."""
    if not case.row:
        return f"<code>{escape(case.id)}</code> {escape(', '.join(map(tag_words, case.tags)))}"
    file = case.id.partition(":")[0]
    known = escape(case.id)
    if os.sep in way:
        known = f'<a href="{escape(quote(f"{way}/{file}"))}">{known}</a>'
    command = f"sessiontune show {shlex.quote(Path(way).name)} {case.row}"
    return f"{known} <code>{escape(command)}</code> {escape(', '.join(map(tag_words, case.tags)))}"


def _answer(answer: ShownAnswer, wanted: str, best: float) -> str:
    if answer.failed:
        return f"<div><h3>{escape(answer.arm)}</h3><p>failed: {escape(answer.failed)}</p></div>"
    mark = " (nearest)" if best > 0 and answer.score == best else ""
    return (
        f"<div><h3>{escape(answer.arm)}: {answer.score:.2f}{mark}</h3>"
        f"<pre>{differences(answer.text, wanted)}</pre></div>"
    )


def differences(given: str, wanted: str) -> str:
    """The answer as HTML: words that are in `wanted` too as <ins>, others as <mark>.

    Without a reference nothing is marked.
    """
    if not wanted:
        return escape(given)
    a, b = _WORDS.findall(given), _WORDS.findall(wanted)
    if len(a) * len(b) > 400_000:  # the matcher is quadratic
        return escape(given)
    if not {*a} & {*b}:
        return f"<mark>{escape(given)}</mark>"
    found = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    if len(found) > _MARKS:
        return escape(given)
    parts = []
    for kind, start, end, _, _ in found:
        text = escape("".join(a[start:end]))
        if text:
            tag = "ins" if kind == "equal" else "mark"
            parts.append(text if not text.strip() else f"<{tag}>{text}</{tag}>")
    return "".join(parts)
