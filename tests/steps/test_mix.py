"""General rows of every format, to a token ratio, never in the evaluation set."""

from __future__ import annotations

import json
import random
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
