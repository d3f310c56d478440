"""The page: verdict first, nothing of an answer is markup, filters without scripts, a way back."""

from __future__ import annotations

import json
import ntpath
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest
from click.testing import CliRunner

from sessiontune.cli.blind import _show, compare_blind
from sessiontune.evaluation import reportcases
from sessiontune.evaluation.blind import Blind, pairs_of
from sessiontune.evaluation.evaluate import result_json
from sessiontune.evaluation.markdown import report_markdown
from sessiontune.evaluation.report import report_html
from sessiontune.evaluation.reportcases import differences
from sessiontune.evaluation.result import (
    Comparison,
    Failure,
    Result,
    Shown,
    ShownAnswer,
    conclude,
    measure,
)
from sessiontune.evaluation.statistics import Case
from sessiontune.html import table

from .simulate import cases

#: Where the page lies: an evaluation of a run beside its data.
HOME = "/home/" + "ada"
PAGE = Path(HOME, "my run/evaluation")


def made(count: int = 5, effect: float = -1.0) -> Result:
    loss = measure("loss", "held-out loss", cases(Random(1), 40, effect), lower_is_better=True)
    tagged = [Case(f"{n}", f"l{n}", 0, n % 2, 1.0, ("topic:A",)) for n in range(12)]
    tool = measure("tool", "right tool", tagged, lower_is_better=False)
    one = measure("one", "one lineage", [Case("a", "l", 0, 1)], lower_is_better=False)
    said = conclude([loss, tool, one])
    shown = [
        Shown(
            id=f"eval/openai.jsonl:{n}#1",
            row=f"row{n}",
            prompt="user: <script>alert(1)</script>",
            wanted="Read the file app.py",
            answers=(
                ShownAnswer("base", f"Nothing & </pre><img src=x> {n}", 0.0),
                ShownAnswer("tuned", f"Read the file main.py {n}", 0.8),
                ShownAnswer("far", "", 0.0, "status 500: <b>busy</b>"),
            ),
            tags=("topic:A",) if n % 2 else ("topic:B", "label:<i>"),
        )
        for n in range(count)
    ]
    return Result(
        run="r <1>",
        base="tiny",
        data=f"{HOME}/data set",
        outcome=said.outcome,
        sentence=said.sentence,
        advice="Hold out more.",
        measures=(loss, tool, one),
        comparisons=(Comparison(arm="tuned", against="base", measures=(loss, tool, one)),),
        cases=tuple(shown),
        failures=(Failure("far", "status 500", 5),),
        rules="- use pnpm",
        notes=("A note.",),
    )


def test_the_verdict_stands_first_and_nothing_runs() -> None:
    result = made()
    html = report_html(result, PAGE)
    body = html.partition("<main>")[2]
    assert body.index(result.words) < body.index("<svg") < body.index('class="case')
    assert "<script" not in html
    assert "<img" not in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "&lt;script&gt;" in html


def test_filters_work_by_rules_and_each_case_leads_back() -> None:
    html = report_html(made(), PAGE)
    assert ".list-c:has(#c0:checked) .case:not(.ct0){display:none}" in html
    assert html.count('<article class="case') == 5
    assert "sessiontune show &#x27;data set&#x27; row3" in html
    assert 'href="../../data%20set/eval/openai.jsonl"' in html
    assert "failed: status 500: &lt;b&gt;busy&lt;/b&gt;" in html


def test_the_page_tells_no_place_on_this_machine() -> None:
    """It may be passed on; where nothing but the disk's first folders is common, no link is."""
    assert "ada" not in report_html(made(), PAGE)
    far = report_html(made(), Path("/home/" + "bob", "run/evaluation"))
    assert "ada" not in far
    assert "<a href=" not in far
    assert "sessiontune show &#x27;data set&#x27; row3" in far


def test_the_loss_is_told_in_words() -> None:
    loss = measure(
        "loss", "loss", [Case(f"{n}", f"l{n}", 2, 1) for n in range(12)], lower_is_better=True
    )
    result = msgspec.structs.replace(made(), measures=(loss,))
    assert "2.72 times as likely" in report_html(result, PAGE)
    other = measure("tool", "right tool", [Case("a", "l", 0, 1)], lower_is_better=False)
    assert "as likely" not in report_html(msgspec.structs.replace(result, measures=(other,)), PAGE)


def test_without_answers_no_figure_is_told_of_them() -> None:
    some, none = made(), made(0)
    assert "secrets in answers" in report_html(some, PAGE)
    assert "Secrets found in generated answers: 0." in report_markdown(some)
    assert "secrets in answers" not in report_html(none, PAGE)
    assert "Secrets found" not in report_markdown(none)
    assert "none was searched for secrets" in report_markdown(none)


def test_code_in_a_sentence_is_shown_as_such() -> None:
    note = ("After `train --eval-limit 0` it <covers> all, 5` wide.",)
    html = report_html(msgspec.structs.replace(made(), notes=note), PAGE)
    option = '<span class="whole">--eval-limit</span>'
    assert f"<code>train {option} 0</code> it &lt;covers&gt; all, 5` wide." in html
    assert "<td><code>a b</code> c</td>" in table(["x"], [["`a b` c"]])


@pytest.mark.parametrize(
    ("base", "tuned", "said"),
    [
        (
            0,
            0,
            "Its answers do not show it: every measure of them is 0, so they are of no use yet.",
        ),
        (1, 1, "Its answers do not show it: of 1 measure none is clearly better."),
        (0, 1, "Its answers show it, too: right tool 0.00 to 1.00."),
        (None, None, "No answers were looked at."),
    ],
)
def test_a_better_loss_says_whether_the_answers_show_it(
    base: float | None, tuned: float | None, said: str
) -> None:
    measures = [
        measure("loss", "loss", cases(Random(1), 40, -1.0), lower_is_better=True),
        measure("forgetting", "general rows", cases(Random(2), 40, 0.0), lower_is_better=True),
    ]
    if base is not None and tuned is not None:
        answers = [Case(f"{n}", f"l{n}", base, tuned) for n in range(12)]
        measures.append(measure("tool", "right tool", answers, lower_is_better=False))
    found = conclude(measures)
    assert found.outcome == "better"
    assert found.sentence == f"The tuned model is better than its base on loss. {said}"


def test_markdown_and_json_hold_the_same_figures() -> None:
    result = made()
    text = report_markdown(result)
    figure = f"{result.measures[0].found.difference:+.4f}"
    assert text.index(result.sentence) < text.index(figure)
    assert "far: 5 cases without an answer (status 500)." in text
    value = json.loads(result_json(result))
    assert value["measures"][0]["found"]["difference"] == result.measures[0].found.difference
    assert value["measures"][2]["found"]["low"] is None  # one lineage: no end


def test_differences_are_marked_word_by_word() -> None:
    found = differences("Read main.py <b>", "Read app.py")
    assert found.startswith("<ins>Read </ins>")
    assert "<mark>main</mark>" in found
    assert "&lt;" in found
    assert differences("a <b>", "") == "a &lt;b&gt;"


def test_blind_hides_the_names_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = made(14)
    pairs = pairs_of(result)
    assert {p.swapped for p in pairs} == {True, False}
    path = tmp_path / "blind.jsonl"

    def decide(keys: list[str]) -> str:
        import click

        runner = CliRunner()
        command = click.Command("blind", callback=lambda: compare_blind(result, path))
        return runner.invoke(command, input="\n".join(keys) + "\n").output

    tuned = ["1" if p.swapped else "2" for p in pairs]
    first = decide([*tuned[:4], "q"])
    assert "Decided: 4 of 14. Tuned won 4, base won 0" in first
    assert "No verdict yet: 10 pairs left" in first
    shown = first.split("Decided")[0]
    assert "tuned" not in shown
    assert "base" not in shown
    second = decide([*tuned[4:12], "s", "q"])
    assert "5 of 14" in second
    assert "No verdict yet: 2 pairs left" in second  # 12 of 12 won: who looks often would stop here
    third = decide([tuned[12], "="])
    assert "Decided: 14 of 14. Tuned won 13, base won 0, ties 1." in third
    assert "better" in third


def test_blind_shows_long_words_whole_and_the_question_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = "/".join(f"folder{n}" for n in range(12))
    _show(Blind("key", "one", f"{'why ' * 40}{path}", path, "short", False), 1, 1)
    shown = capsys.readouterr().out
    assert "\u2026" not in shown.split("Asked: ")[0]
    assert len(shown.split("Asked: ")[1].splitlines()) == 1
    left = [line.split("\u2502")[1].strip() for line in shown.splitlines() if "folder" in line]
    assert path in "".join(left)


def test_an_export_on_another_drive_is_named_without_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commonpath(paths: Sequence[str]) -> str:  # as on Windows, where drives share no folder
        return ntpath.commonpath([f"{drive}:{p}" for drive, p in zip("CD", paths, strict=True)])

    monkeypatch.setattr(reportcases.os.path, "commonpath", commonpath)
    assert reportcases._from(tmp_path, "/data/export") == "export"


def test_an_option_in_a_sentence_is_not_broken_at_its_hyphens() -> None:
    """At 400 pixels the verdict read "a larger -" and "-eval-share" on the next line."""
    from sessiontune.html import note, paragraph

    for made in (
        note("a larger --eval-share & <more>"),
        paragraph("a larger --eval-share & <more>"),
    ):
        assert 'larger <span class="whole">--eval-share</span> &amp; &lt;more&gt;' in made
