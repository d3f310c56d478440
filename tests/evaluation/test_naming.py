"""Groups are named by a model on this machine, or keep their terms and say why."""

from __future__ import annotations

import pytest

from sessiontune.errors import UsageError
from sessiontune.evaluation.naming import LONGEST, local_namer, tidy

from .conftest import ModelServer

TERMS = ["oven", "dough", "yeast"]


def test_the_model_sees_terms_only_and_its_name_is_tidied(model_server: ModelServer) -> None:
    model_server.said = lambda body: "<think>bread?</think>\n**Baking bread.**"
    failed: list[str] = []
    assert local_namer(f"{model_server.url}#tiny", failed.append)(TERMS) == "Baking bread"
    (asked,) = model_server.asked
    assert asked["model"] == "tiny"
    assert "oven, dough, yeast" in asked["messages"][0]["content"]
    assert failed == []


def test_a_model_that_fails_leaves_the_terms_and_says_why(model_server: ModelServer) -> None:
    model_server.script = ["400"]
    failed: list[str] = []
    assert local_namer(model_server.url, failed.append)(TERMS) == ""
    assert "status 400" in failed[0]


@pytest.mark.parametrize("place", ["https://api.example.com/v1#m", "10.0.0.8:8080", ""])
def test_no_other_machine_is_asked(place: str) -> None:
    with pytest.raises(UsageError, match="not this machine"):
        local_namer(place, print)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Bread", "Bread"),
        ('Sure! Here it is:\n\n"CI & releases"', "CI & releases"),
        ("# C++ / Rust", "C++ / Rust"),
        ("word " * LONGEST, ""),
        ("<script>x</script>", "script x /script"),
        ("", ""),
    ],
)
def test_names_hold_no_markup(answer: str, name: str) -> None:
    assert tidy(answer) == name
