"""General rows of every format, to a token ratio, never in the evaluation set."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sessiontune.errors import UsageError
from sessiontune.evidence import calls_of, results_of, text_of
from sessiontune.general import read_rows, to_sessions
from sessiontune.measure import Meter
from sessiontune.steps.mix import mixer, parse_mix

OPENAI = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "List the files."}]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "ls", "arguments": '{"p": 1}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a.py"},
        {"role": "assistant", "content": "One file."},
    ]
}
SHAREGPT = {
    "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}],
    "system": "Be kind.",
}
ALPACA = {"instruction": "Add", "input": "1 and 2", "output": "3"}
RAW = [
    {"role": "user", "content": "First?", "session_id": "a"},
    {"role": "assistant", "content": "Yes.", "session_id": "a"},
    {"role": "user", "content": "Second?", "session_id": "b"},
    {"role": "assistant", "content": "No.", "session_id": "b"},
]


def sessions(rows: list[dict]) -> tuple[list, dict[str, int]]:
    refused: dict[str, int] = {}
    return list(to_sessions(rows, refused)), refused


def jsonl(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    return str(path)


def test_every_format_is_understood() -> None:
    made, refused = sessions([OPENAI, SHAREGPT, ALPACA, *RAW])
    assert refused == {}
    assert [[m.role for m in s.messages] for s in made] == [
        ["system", "user", "assistant", "tool", "assistant"],
        ["system", "user", "assistant"],
        ["user", "assistant"],
        ["user", "assistant"],
        ["user", "assistant"],
    ]
    assert calls_of(made[0].messages[2])[0].arguments == {"p": 1}
    assert results_of(made[0].messages[3])[0].call_id == "c1"
    assert text_of(made[2].messages[0]) == "Add\n\n1 and 2"


def test_messages_with_ids_of_their_own_are_one_conversation() -> None:
    (made, other), refused = sessions([{**row, "id": f"m{n}"} for n, row in enumerate(RAW)])
    assert refused == {}
    assert [text_of(m) for m in (*made.messages, *other.messages)] == [r["content"] for r in RAW]


def test_calls_of_sharegpt_rows_are_calls_again() -> None:
    calls = '[{"name": "ls", "arguments": {"p": 1}}, {"name": "cat", "arguments": {"f": "a"}}]'
    row = {
        "conversations": [
            {"from": "human", "value": "Look."},
            {"from": "function_call", "value": f"I look.\n<tool_call>{calls}</tool_call>"},
            {"from": "observation", "value": '["a.py", "text"]'},
            {"from": "function_call", "value": '{"name": "ls", "arguments": {}}'},
            {"from": "observation", "value": "b.py"},
            {"from": "gpt", "value": "Two files."},
        ]
    }
    (made,), refused = sessions([row])
    assert refused == {}
    assert [m.role for m in made.messages] == [
        "user", "assistant", "tool", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert text_of(made.messages[1]) == "I look."
    assert [c.name for c in calls_of(made.messages[1])] == ["ls", "cat"]
    assert [r.content for r in results_of(made.messages[2])] == ["a.py", "text"]
    assert results_of(made.messages[4])[0].name == "ls"


def test_words_behind_parallel_results_stay_words() -> None:
    calls = '[{"name": "ls", "arguments": {}}, {"name": "cat", "arguments": {}}]'
    row = {
        "conversations": [
            {"from": "human", "value": "Look."},
            {"from": "function_call", "value": calls},
            {"from": "observation", "value": '["a.py", "text"]\n\nNow go on.'},
            {"from": "gpt", "value": "Two files."},
        ]
    }
    (made,), _ = sessions([row])
    assert [m.role for m in made.messages] == ["user", "assistant", "tool", "user", "assistant"]
    assert [r.content for r in results_of(made.messages[2])] == ["a.py", "text"]
    assert text_of(made.messages[3]) == "Now go on."


@pytest.mark.parametrize("value", ["42", "null", '["ls"]', "{}", "{not json", "[" * 5000])
def test_a_call_that_is_none_is_text(value: str) -> None:
    turns = [{"from": "human", "value": "Go."}, {"from": "function_call", "value": value}]
    (made,), refused = sessions([{"conversations": turns}])
    assert refused == {}
    assert text_of(made.messages[1]) == value


def test_threads_of_one_session_are_not_joined() -> None:
    """A sub-agent, a branch and an epoch have the session id of the thread that they come from."""
    said = [
        dict(row, session_id="a", id=f"{n // 2}", message_id=f"m{n}") for n, row in enumerate(RAW)
    ]
    made, _ = sessions(said)
    assert [[text_of(m) for m in s.messages] for s in made] == [
        ["First?", "Yes."],
        ["Second?", "No."],
    ]


def test_answers_that_bear_no_loss_are_not_trained() -> None:
    wrong = {"role": "assistant", "content": "2 and 2 is 5", "train": False}
    asked, right = {"role": "user", "content": "q"}, {"role": "assistant", "content": "4"}
    made, refused = sessions(
        [{"messages": [asked, wrong, asked, right]}, {"messages": [asked, wrong]}]
    )
    assert refused == {"no_answer": 1}
    (taken,), _ = mixer(0.9)(made, 10_000)
    assert taken.train == (False, False, False, True)


@pytest.mark.parametrize("tools", [json.dumps, lambda tools: tools])
def test_definitions_of_tools_are_kept(tools: Callable[[list[dict]], object]) -> None:
    function = {"name": "ls", "description": "lists", "parameters": {"type": "object"}}
    defined = [{"type": "function", "function": function}, "no tool"]
    made, _ = sessions([{**OPENAI, "tools": tools(defined)}])
    (taken,), _ = mixer(0.9)(made, 10_000)
    assert [(t.name, t.description) for t in taken.tools] == [("ls", "lists")]
    assert not taken.tools_inferred
    assert sessions([{**OPENAI, "tools": "[no"}])[0][0].tools == ()


@pytest.mark.parametrize(
    "row",
    [
        '{"conversations": "[not json"}',
        '{"messages": "[1, 2]"}',
        '{"messages": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"instruction": "half a character: \\ud800", "output": "b"}',
        '{"conversations": 5}',
        "5",
    ],
)
def test_an_odd_row_costs_no_other(row: str, tmp_path: Path) -> None:
    for name, text in (
        ("rows.jsonl", f"{row}\n{json.dumps(ALPACA)}\n"),
        ("lines.json", f"{row}\n{json.dumps(ALPACA)}\n"),
        ("rows.json", f"[{row},{json.dumps(ALPACA)}]"),
    ):
        if name == "rows.json" and "[[" in row:
            continue  # no JSON at all
        (tmp_path / name).write_text(text, "utf-8")
        made, refused = sessions(list(read_rows(str(tmp_path / name))))
        assert [text_of(m) for s in made for m in s.messages] == ["Add\n\n1 and 2", "3"], name
        assert refused == {"unknown_row": 1}, name


def test_an_odd_call_costs_no_other() -> None:
    answer = {"role": "assistant", "content": "b", "tool_calls": "[oops"}
    (made,), _ = sessions([{"messages": [{"role": "user", "content": "a"}, answer]}])
    assert [m.role for m in made.messages] == ["user", "assistant"]
    call = {"id": 7, "function": {"name": "f", "arguments": "{}"}}
    turns = [{**answer, "tool_calls": [call]}, {"role": "tool", "tool_call_id": 7, "content": "r"}]
    (made,), _ = sessions([{"messages": [{"role": "user", "content": "a"}, *turns]}])
    assert results_of(made.messages[2])[0].content == "r"


def test_json_array_and_parquet_and_bad_lines(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    array = tmp_path / "rows.json"
    array.write_text(json.dumps([SHAREGPT, ALPACA]), "utf-8")
    assert len(sessions(list(read_rows(str(array))))[0]) == 2
    table = pa.Table.from_pylist([{"messages": OPENAI["messages"][:1] + SHAREGPT["conversations"]}])
    pq.write_table(table, tmp_path / "rows.parquet")
    made, _ = sessions(list(read_rows(str(tmp_path / "rows.parquet"))))
    assert [m.role for m in made[0].messages] == ["system", "user", "assistant"]
    broken = tmp_path / "rows.jsonl"
    broken.write_text('{"a": 1}\nnot json\n42\n' + json.dumps(ALPACA) + "\n", "utf-8")
    made, refused = sessions(list(read_rows(str(broken))))
    assert len(made) == 1
    assert refused == {"unknown_row": 3}


def test_rows_without_an_answer_or_a_known_role_are_counted() -> None:
    made, refused = sessions(
        [
            {"messages": [{"role": "user", "content": "x"}]},
            {"messages": [{"role": "assistant", "content": "x"}]},
            {"messages": [{"role": "wizard", "content": "x"}]},
        ]
    )
    assert made == []
    assert refused == {"no_answer": 1, "no_prompt": 1, "unknown_role": 1}


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 0.8])
def test_ratio_is_reached_in_tokens(ratio: float) -> None:
    rows = [{"instruction": f"q{i}", "output": "word " * (i % 40 + 1)} for i in range(3000)]
    made, _ = sessions(rows)
    taken, counts = mixer(ratio)(made, 20_000)
    assert counts.ratio == pytest.approx(ratio, abs=0.01)
    assert counts.tokens == sum(Meter().messages(c.session.messages) for c in taken)
    assert counts.rows + counts.left == len(made)


def test_general_rows_are_tagged_and_never_held_out() -> None:
    made, _ = sessions([SHAREGPT, ALPACA])
    taken, _ = mixer(0.9)(made, 10_000)
    assert len(taken) == 2
    assert {c.split for c in taken} == {"train"}
    assert {c.tags for c in taken} == {("general",)}


def test_choice_depends_on_content_only_and_copies_count_once() -> None:
    rows = [{"instruction": f"q{i}", "output": f"a{i}"} for i in range(400)]
    one = mixer(0.5)(sessions(rows)[0], 2_000)[0]
    random.Random(1).shuffle(rows)
    two = mixer(0.5)(sessions(rows + rows)[0], 2_000)[0]
    assert [c.session.key for c in one] == [c.session.key for c in two]


def test_too_few_rows_say_so() -> None:
    made, _ = sessions([ALPACA])
    _, counts = mixer(0.5)(made, 1_000_000)
    assert counts.ratio < 0.01
    assert counts.left == 0


@pytest.mark.parametrize("text", ["rows.jsonl", "rows.jsonl:", "rows.jsonl:1.5", ":0.5", "a:-1"])
def test_bad_mix_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_mix(text)


def test_mix_of_a_windows_path_and_a_missing_file() -> None:
    assert parse_mix(r"C:\data\rows.jsonl:0.3") == (r"C:\data\rows.jsonl", 0.3)
    with pytest.raises(UsageError):
        list(read_rows("/nowhere/rows.jsonl"))
