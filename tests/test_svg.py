"""Charts are well-formed, escape what they show, and keep all data in a finite canvas."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontune import html, svg

labels = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
values = st.floats(0, 1e9)


@given(st.lists(st.tuples(labels, values), max_size=12))
def test_bars_and_histograms_are_well_formed(items: list[tuple[str, float]]) -> None:
    for chart in (svg.bars(items, title="<b>&"), svg.histogram(items, title="t", x_label="<x>")):
        root = ElementTree.fromstring(chart)
        shapes = [e for e in root.iter() if e.tag.endswith("rect")]
        assert len(shapes) == len(items)
        assert all(float(e.get("width", "-1")) >= 0 for e in shapes)


def test_half_of_an_axis_of_counts_is_a_count() -> None:
    for most, ticks in ((17, {"0", "9", "18"}), (1, {"0", "1", "2"}), (22, {"0", "11", "22"})):
        chart = svg.histogram([("a", most), ("b", 0)], title="t")
        said = {e.text for e in ElementTree.fromstring(chart).iter() if e.tag.endswith("}text")}
        assert said == ticks | {"a", "b"}


def test_large_figures_of_an_axis_are_not_cut() -> None:
    for chart in (
        svg.histogram([("a", 1_234_567)], title="t", y_label="conversations"),
        svg.lines([svg.Line("norm", [(0, 0), (1, 98_765_432)])], title="t"),
    ):
        for e in ElementTree.fromstring(chart).iter():
            if e.tag.endswith("}text") and e.get("text-anchor") == "end" and e.text:
                assert float(e.get("x", "0")) - 7.0 * len(e.text) >= 0, e.text


def test_points_that_are_not_finite_are_left_out() -> None:
    chart = svg.lines(
        [svg.Line("loss", [(0, 2.0), (1, float("nan")), (2, 1.0)], [(0, 1.5, 2.5), (2, 0.5, 1.5)])],
        title="Loss",
    )
    root = ElementTree.fromstring(chart)
    line = next(e for e in root.iter() if e.tag.endswith("polyline"))
    assert len(line.get("points", "").split()) == 2
    assert "nan" not in chart


@pytest.mark.parametrize("series", [[], [svg.Line("one", [(3, 5)])], [svg.Line("none", [])]])
def test_lines_of_hardly_any_points(series: list[svg.Line]) -> None:
    ElementTree.fromstring(svg.lines(series, title="t"))


def test_heatmap_has_a_cell_for_each_value_and_the_largest_is_full() -> None:
    chart = svg.heatmap(["Mon", "Tue"], ["0", "1", "2"], [[0, 1, 4], [0, 0, 2]], title="Calendar")
    root = ElementTree.fromstring(chart)
    cells = [e for e in root.iter() if e.tag.endswith("rect")]
    assert len(cells) == 6
    assert cells[2].get("fill-opacity") == "1.00"


def test_intervals_keep_the_mark_inside() -> None:
    chart = svg.intervals([("win rate", 0.6, 0.52, 0.68)], title="t", mark=0.5)
    places = [float(x) for x in re.findall(r'x1="([-\d.]+)"', chart)]
    assert all(0 <= x <= svg.WIDTH for x in places)


def test_page_escapes_and_holds_no_script() -> None:
    body = html.section("<h>", html.table(["a", "b"], [["<script>", "2"]], numbers=[1]))
    text = html.page("A & B", body + html.panel("p", svg.bars([("x", 1)], title="t")))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert text.count("<h1>") == 1


def test_words_in_cells_stay_whole_and_long_names_may_break() -> None:
    odd = "trained <now> my-data_conversations_sharegpt.jsonl " + "0123456789abcdef" * 3
    cell = html.table(["file"], [[odd]]).split("<td>")[1].split("</td>")[0]
    name, digest = cell.split(" ")[2:]
    assert cell.startswith("trained &lt;now&gt; ")
    assert name == "my-data_<wbr>conversations_<wbr>sharegpt.jsonl"
    assert digest == "0123456789abcdef" * 2 + "<wbr>0123456789abcdef"
