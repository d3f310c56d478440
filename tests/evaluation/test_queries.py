"""Query files are read, made and written back; blind comparison hides the names and resumes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontune.cli.main import main
from sessiontune.errors import UsageError
from sessiontune.evaluation.queries import Query, made_queries, queries_toml, read_queries
from sessiontune.sample import questions

TOML = """
[[query]]
question = "Which status follows sent?"
reference = "accepted"
tags = ["proposals"]
[[query]]
id = "vat"
question = "VAT of 100?"
rubric = "the figure"
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_toml_and_jsonl_say_the_same(tmp_path: Path) -> None:
    from_toml = read_queries(write(tmp_path, "q.toml", TOML))
    lines = (
        '{"question": "Which status follows sent?", "reference": "accepted", "tags": '
        '["proposals"]}\n\n{"id": "vat", "question": "VAT of 100?", "rubric": "the figure"}\n'
    )
    assert read_queries(write(tmp_path, "q.jsonl", lines)) == from_toml
    assert [q.id for q in from_toml] == ["q1", "vat"]
    assert from_toml[1].cluster == "vat"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("q.toml", "[[query]]\nreference = 'x'", "entry 1"),
        ("q.toml", "[[query]]\nquestion = ' '", "empty"),
        ("q.toml", "", "no queries"),
        ("q.toml", "[[query", "not TOML"),
        ("q.jsonl", '{"question": "a"}\n{', "line 2 is not JSON"),
        ("q.jsonl", '{"question": 5}', "line 1"),
        ("q.jsonl", '{"question": "a", "id": "x"}\n{"question": "b", "id": "x"}', "'x'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_queries(write(tmp_path, name, text))
    with pytest.raises(UsageError, match="Cannot read"):
        read_queries(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("flags", "needed"),
    [
        (["--starter"], "--make-queries"),
        (["--judge", "http://127.0.0.1:1/v1#m"], "--queries"),
        (["--redacted"], "--plant-canaries"),
        (["--blind", "--no-input"], "cannot run"),
    ],
)
def test_options_that_say_nothing_alone_are_refused_before_the_work(
    flags: list[str], needed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "no-such-run", *flags]) == 2
    assert needed in capsys.readouterr().err


def test_queries_go_into_a_new_folder_or_it_is_said_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that was not there yet was a traceback."""
    make = ["evaluate", "run", "--starter", "--make-queries"]
    assert main([*make, str(tmp_path / "new" / "mine.toml")]) == 0
    assert read_queries(tmp_path / "new" / "mine.toml")
    (tmp_path / "file").write_text("")
    capsys.readouterr()
    assert main([*make, str(tmp_path / "file" / "mine.toml")]) == 5
    assert "another file" in capsys.readouterr().err


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=4))
def test_any_text_survives_the_file(texts: list[str]) -> None:
    made = [Query(t, f"i{n}", t, t, (t,)) for n, t in enumerate(texts)]
    found = tomllib.loads(queries_toml(made, "head\nof two lines"))["query"]
    assert [(q["question"], q["reference"], q["tags"]) for q in found] == [
        (t, t, [t]) for t in texts
    ]


def test_templates_from_held_out_prompts() -> None:
    rows = {
        f"eval/openai.jsonl:{n}": {
            "id": f"r{n}",
            "group": f"g{n % 2}",
            "messages": [
                {"role": "user", "content": f"Do {n}"},
                {"role": "assistant", "content": "Working."},
                {"role": "assistant", "content": f"Done {n}"},
            ],
        }
        for n in range(6)
    }
    made = made_queries(rows, most=4)
    assert len(made) == 4
    assert {q.cluster for q in made} == {"g0", "g1"}
    assert all(q.reference == q.question.replace("Do", "Done") for q in made)


def test_the_reference_answers_the_question_and_not_a_later_one() -> None:
    said = [("system", "Rules."), ("user", "First?"), ("assistant", "I look."), ("tool", "data"),
            ("assistant", "One."), ("user", "Second?"), ("assistant", "Two.")]  # fmt: skip
    row = {"messages": [{"role": role, "content": text} for role, text in said], "group": "g"}
    (made,) = made_queries({"r": row})
    assert (made.question, made.reference) == ("First?", "One.")


def test_the_starter_set_covers_the_domain(tmp_path: Path) -> None:
    made = [msgspec.convert(entry, Query) for entry in questions()]
    read = read_queries(write(tmp_path, "s.toml", queries_toml(made)))
    assert len(read) == len(made) >= 30
    tags = {t for q in read for t in q.tags}
    assert {
        "proposals", "contracts", "finance", "emails", "documents", "health",
        "react", "nextjs", "fastapi", "sqlite",
    } <= tags  # fmt: skip
    assert all(q.reference and q.rubric for q in read)


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\u0085"])
def test_what_ends_a_line_elsewhere_ends_none_here(tmp_path: Path, end: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_bytes(f'{{"question":"a{end}b"}}\r\n{{"question":"c"}}\n'.encode())
    assert [q.question for q in read_queries(path)] == [f"a{end}b", "c"]


def test_half_a_sign_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "a"}\n{"question": "b \\ud83d"}\n', "utf-8")
    with pytest.raises(UsageError, match="line 2"):
        read_queries(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [("q.jsonl", '{"question": "a"}\n'), ("q.toml", '[[query]]\nquestion = "a"\n')],
)
def test_the_mark_of_some_editors_at_the_beginning_is_no_text(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8-sig")
    assert [q.question for q in read_queries(tmp_path / name)] == ["a"]
