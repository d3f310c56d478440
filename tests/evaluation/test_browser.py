"""The report in headless Chromium: readable when narrow and wide, silent, and passed by axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.reportpage import VIEWS, browser, chromium, look
from tests.formats.test_card import example

from sessiontune.evaluation.report import report_html
from sessiontune.formats.report import report_html as data_report
from sessiontune.training.report import render_report

from .test_report import made

pytestmark = pytest.mark.browser

if not chromium():
    pytest.skip("no Chromium on this machine (CHROMIUM names one)", allow_module_level=True)
pytest.importorskip("axe_playwright_python", reason="pip install axe-playwright-python")

ODD = """<!doctype html><html><head><title>x</title></head><body>
<div style="width:3000px">wide</div>
<table style="width:3em;table-layout:fixed;overflow-wrap:anywhere">
<td>incomprehensible</td></table>
<img src="data:,"><script>console.error("no")</script>
</body></html>"""


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_report_is_readable_silent_and_accessible(
    opened: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_html(made(12), tmp_path))
    assert look(opened, path, width, scheme).faults == []


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_so_are_the_reports_of_an_export_and_of_a_run(
    opened: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    """Long names without a blank are what breaks a narrow page; words stay whole there."""
    path = tmp_path / "report.html"
    odd = "models--an-owner--a-model-with-a-very-long-name-without-any-blank-8B-Instruct"
    path.write_text(data_report(example(faults={"bad_json": 1}, privacy=False)))
    assert look(opened, path, width, scheme).faults == []
    run = {"name": odd, "status": "done", "base": {"id": f"/models/{odd}"}, "versions": {odd: "1"}}
    lines = [{"name": "base", "value": f"/models/{odd}", "reason": f"{odd} {odd}"}]
    checks = [{"name": "rows in = rows trained", "level": "note", "seen": f"train/{odd}:1"}]
    path.write_text(render_report(run, lines, checks, []))
    assert look(opened, path, width, scheme).faults == []


def test_the_checks_see_what_is_wrong(opened: Any, tmp_path: Path) -> None:
    """The control: without it, a check that never looked would pass too."""
    path = tmp_path / "odd.html"
    path.write_text(ODD)
    found = look(opened, path, 400, "light")
    assert found.wide[0] == "the page itself"
    assert any("div" in w for w in found.wide)
    assert found.broken == ["incomprehensible"]
    assert "no" in found.messages
    assert any("html-has-lang" in v for v in found.violations)
    assert any("image-alt" in v for v in found.violations)


def test_filters_hide_cases_without_a_script(opened: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_html(made(12), tmp_path))
    page = opened.new_page()
    page.goto(path.as_uri())
    shown = "() => [...document.querySelectorAll('.case')].filter(c => c.offsetParent).length"
    assert page.evaluate(shown) == 12
    page.get_by_label("A (6)").check()
    assert page.evaluate(shown) == 6
    page.get_by_label("all (12)").check()
    assert page.evaluate(shown) == 12
    page.close()
