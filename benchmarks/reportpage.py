"""Open a report in headless Chromium: is it readable, silent, accessible and quick?

    python benchmarks/reportpage.py REPORT.html      # 400 and 1400 px, light and dark
    python benchmarks/reportpage.py --cases 2000     # a made-up one: how soon is it open?

Needs `pip install axe-playwright-python` and a Chromium: the one that CHROMIUM names, or the
system's. Nothing is fetched. `--shots DIR` keeps pictures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VIEWS = tuple((width, scheme) for width in (400, 1400) for scheme in ("light", "dark"))


@dataclass
class Look:
    """What was seen in one view. `wide`: elements wider than the window; `broken`: broken words."""

    width: int
    scheme: str
    seconds: float
    wide: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All that is wrong, in words."""
        return [
            *(f"reaches beyond the window: {w}" for w in self.wide),
            *(f"broken inside: {w}" for w in self.broken),
            *(f"console: {m}" for m in self.messages),
            *(f"axe: {v}" for v in self.violations),
        ]


def chromium() -> str:
    """The program to start, or nothing."""
    names = ("chromium", "chromium-browser", "google-chrome")
    named = os.environ.get("CHROMIUM", "")
    return named or next((p for p in map(shutil.which, names) if p), "")


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium. It is given no network: the pages are files."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        opened = play.chromium.launch(executable_path=chromium(), args=options)
        try:
            yield opened
        finally:
            opened.close()


#: Elements that extend beyond the window and are not inside something that scrolls.
_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  const inside = e => {
    for (let p = e.parentElement; p; p = p.parentElement)
      if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(p).overflowX)) return true;
    return false;
  };
  const found = [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > room + 1 && !inside(e))
    .map(e => e.tagName.toLowerCase() + '.' + (e.getAttribute('class') || ''));
  if (document.documentElement.scrollWidth > room) found.unshift('the page itself');
  return found.slice(0, 5);
}"""


#: Words in tables that are broken across lines without a hyphen.
_BROKEN = r"""() => {
  const found = [];
  for (const cell of document.querySelectorAll('th, td')) {
    const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) for (const word of walk.currentNode.data.matchAll(/[^\s\-\/_]+/g)) {
      const range = document.createRange();
      range.setStart(walk.currentNode, word.index);
      range.setEnd(walk.currentNode, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map(r => Math.round(r.top)));
      if (lines.size > 1 && found.length < 5) found.push(word[0]);
    }
  }
  return found;
}"""


def look(
    opened: Any, path: Path, width: int, scheme: str, shots: Path | None = None, checks: bool = True
) -> Look:
    """One view of one page, with all details opened for the checks."""
    page = opened.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    messages: list[str] = []
    page.on("console", lambda m: messages.append(m.text))
    page.on("pageerror", lambda e: messages.append(str(e)))
    page.on("requestfailed", lambda r: messages.append(f"asked for {r.url}"))
    started = time.perf_counter()
    page.goto(path.absolute().as_uri(), wait_until="load")
    # the next frame: what was loaded has been laid out and painted
    page.evaluate("() => new Promise(f => requestAnimationFrame(() => setTimeout(f)))")
    found = Look(width, scheme, time.perf_counter() - started, messages=messages)
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=shots / f"{path.stem}-{width}-{scheme}.png")
    if checks:
        check(page, found)
    if shots is not None and checks:
        page.screenshot(path=shots / f"{path.stem}-{width}-{scheme}-open.png", full_page=True)
    page.close()
    return found


def check(page: Any, found: Look) -> Look:
    """Note what is wrong with the page that is open, with all its details opened."""
    page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    found.wide = page.evaluate(_WIDE)
    found.broken = page.evaluate(_BROKEN)
    found.violations = _violations(page)
    return found


def _violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    said = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['help']} ({v['nodes'][0]['html'][:160]})" for v in said]


def many(cases: int) -> str:
    """A made-up report with this number of cases."""
    sys.path.insert(0, str(Path(__file__).parents[1]))  # the maker of such results is a test's
    from tests.evaluation.test_report import made

    from sessiontune.evaluation.report import report_html

    return report_html(made(cases), Path.cwd())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, nargs="?")
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--shots", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, browser() as opened:
        path = chosen.report
        if path is None:
            path = Path(folder) / "report.html"
            path.write_text(many(chosen.cases))
            print(f"{chosen.cases} cases, {path.stat().st_size / 1e6:.1f} MB")
        for width, scheme in VIEWS:
            seen = look(opened, path, width, scheme, chosen.shots, checks=chosen.report is not None)
            print(
                f"{width} px, {scheme}: open after {seen.seconds:.2f} s, {len(seen.faults)} faults"
            )
            for fault in seen.faults:
                print(f"  {fault}")


if __name__ == "__main__":
    main()
