"""What is cut from words and results, and what survives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import growth

from sessiontune.injected import TAGS, cut_result, cut_words

REMINDER = "<system-reminder>\nconsider it\n</system-reminder>"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Fix it.", "Fix it."),
        (f"{REMINDER}\n\nFix it.", "Fix it."),
        (f"Fix{REMINDER} it.", "Fix it."),
        ("<ide_opened_file>a.py</ide_opened_file>Fix it.", "Fix it."),
        ("<objective>x</objective> <Suspense>", "<objective>x</objective> <Suspense>"),
        ("<system-reminder> never closed", "<system-reminder> never closed"),
        (REMINDER, ""),
        ("Why is <bash-input>ls</bash-input> in my log?",) * 2,
        ("<command-name>/x</command-name> is what I typed.",) * 2,
        ("<bash-input>ls</bash-input> <bash-stdout>a</bash-stdout>\nGo on.", "Go on."),
        ("Fix it. <ide_selection>a</ide_selection>\nGo on.", "Fix it. \nGo on."),
        (f"{REMINDER}<ide_selection>a</ide_selection> Go on.", "Go on."),
        ("<ide_opened_file>b</ide_opened_file><ide_selection>a</ide_selection> Go.", "Go."),
    ],
)
def test_words(text: str, left: str) -> None:
    assert cut_words(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"1→a\n\n{REMINDER}\n", "1→a"),
        (f"a\n{REMINDER}\n{REMINDER}", "a"),
        (f"{REMINDER}\n\na", "a"),
        (REMINDER, ""),
        (f"before\n{REMINDER}\nafter", f"before\n{REMINDER}\nafter"),
        ("src/x.py:3: <system-reminder>y</system-reminder>",) * 2,
        ("     1→<system-reminder>\n     2→</system-reminder>",) * 2,
        ("a </system-reminder>",) * 2,
        ("<system-reminder> open", "<system-reminder> open"),
        ("<system-reminder>x</system-reminder> and more",) * 2,
    ],
)
def test_results(text: str, left: str) -> None:
    assert cut_result(text) == left


_pieces = st.sampled_from(
    [
        "a",
        "\n",
        " ",
        "<system-reminder>",
        "</system-reminder>",
        "<b>",
        *(f"<{t}>" for t in TAGS[:4]),
    ]
)


@pytest.mark.parametrize(
    "line",
    ["Why <bash-input>ls</bash-input> here? ", "log.md:7: it begins with <command-name>\n"],
)
def test_many_blocks_take_no_square_time(line: str) -> None:
    def cutting(times: int) -> Callable[[], None]:
        text = line * times

        def cut() -> None:
            assert cut_words(text) == text.strip()

        return cut

    assert growth(cutting, 2000) < 24


@given(st.lists(_pieces, max_size=12).map("".join))
def test_cutting_ends_and_cutting_again_changes_nothing(text: str) -> None:
    once = cut_result(text)
    assert once in text
    assert cut_result(once) == once
