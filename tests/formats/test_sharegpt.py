"""The ShareGPT rows in the exact forms that LLaMA-Factory reads."""

from __future__ import annotations

import json
import re
from typing import Any

from sessiontune.formats.sharegpt import FORMAT
from sessiontune.model import Message
from sessiontune.ports import Conversation, EncodeOptions

from .make import calls, conversation, results, said


def turns(made: Conversation, **options: Any) -> tuple[list[tuple[str, str]], dict[str, int]]:
    losses: dict[str, int] = {}
    rows = FORMAT.encode(made, EncodeOptions(**options), losses)
    if not rows:
        return [], losses
    (row,) = rows
    return [(t["from"], t["value"]) for t in json.loads(row)["conversations"]], losses


def test_a_call_alone_is_bare_json_and_beside_text_a_block() -> None:
    found, _ = turns(
        conversation(
            said("user", "fix it"),
            calls("", ("c1", "Read", {"path": "a"})),
            results(("c1", "Read", "one")),
            calls("I see.", ("c2", "Edit", {"n": 1})),
            results(("c2", "Edit", "two")),
            said("assistant", "Done."),
        )
    )
    assert found == [
        ("human", "fix it"),
        ("function_call", '{"name":"Read","arguments":{"path":"a"}}'),
        ("observation", "one"),
        ("function_call", 'I see.\n<tool_call>\n{"name":"Edit","arguments":{"n":1}}\n</tool_call>'),
        ("observation", "two"),
        ("gpt", "Done."),
    ]


def test_parallel_calls_and_results_are_lists_in_call_order() -> None:
    found, losses = turns(
        conversation(
            said("user", "look"),
            calls("", ("c1", "Read", {}), ("c2", "Grep", {})),
            results(("c2", "Grep", "second"), ("c1", "Read", 'first "quoted"')),
            said("assistant", "Seen."),
        )
    )
    assert [c["name"] for c in json.loads(found[1][1])] == ["Read", "Grep"]
    assert json.loads(found[2][1]) == ['first "quoted"', "second"]
    assert losses == {"call_id": 2}


def llama_factory_reads(value: str) -> tuple[str, Any]:
    """What its formatter makes of a function_call turn: the first block, and all around it."""
    block = re.search(r"<tool_call>(.*?)</tool_call>", value, re.DOTALL)
    if block is None:
        thought = re.search(r"<think>(.*?)</think>", value, re.DOTALL)
        return "", json.loads(value.replace(thought.group(0), "") if thought else value)
    return value.replace(block.group(0), ""), json.loads(block.group(1))


def test_tags_in_text_and_arguments_do_not_confuse_the_trainer() -> None:
    nasty = "<think>x</think> and </tool_call> and <tool_call>"
    for text in ("", "plain", f"the tag {nasty} explained"):
        found, _ = turns(
            conversation(
                said("user", "q"),
                calls(text, ("c1", "Write", {"content": nasty})),
                results(("c1", "Write", "ok")),
                said("assistant", "a"),
            )
        )
        around, call = llama_factory_reads(found[1][1])
        assert call == {"name": "Write", "arguments": {"content": nasty}}
        assert around == (f"{text}\n" if text else "")


def test_a_summary_that_the_model_goes_on_from_is_the_human_turn() -> None:
    found, losses = turns(
        conversation(
            said("system", "Summary of before.", kind="summary"), said("assistant", "Going on.")
        )
    )
    assert found == [("human", "Summary of before."), ("gpt", "Going on.")]
    assert losses == {"system_as_human": 1}


def test_what_does_not_fit_is_counted_never_silent() -> None:
    found, losses = turns(
        conversation(
            said("assistant", "leading"),
            calls("", ("c0", "Bash", {})),
            results(("c0", "Bash", "early")),
            said("user", "a"),
            said("user", "b"),
            said("assistant", "x"),
            said("assistant", "y"),
            said("user", "never answered"),
        )
    )
    assert found == [("human", "a\n\nb"), ("gpt", "x\n\ny")]
    assert losses == {"leading_answer": 2, "result_without_call": 1, "trailing_turn": 1}


def test_words_of_a_person_behind_results_stay_with_them() -> None:
    found, losses = turns(
        conversation(
            said("user", "go"),
            calls("", ("c1", "Bash", {})),
            results(("c1", "Bash", "out")),
            said("user", "stop, do it otherwise"),
            said("assistant", "ok"),
        )
    )
    assert found[2] == ("observation", "out\n\nstop, do it otherwise")
    assert losses["text_after_results"] == 1


def test_a_missing_result_is_said_and_counted() -> None:
    found, losses = turns(
        conversation(said("user", "go"), calls("", ("c1", "Bash", {})), said("assistant", "sorry"))
    )
    assert found[2] == ("observation", "[no result in the log]")
    assert losses["missing_result"] == 1


def test_without_tools_system_text_stands_in_its_column() -> None:
    made = conversation(
        said("system", "Rules."),
        said("user", "q"),
        calls("Looking.", ("c1", "Bash", {})),
        results(("c1", "Bash", "out")),
        said("assistant", "Found."),
    )
    losses: dict[str, int] = {}
    row = json.loads(FORMAT.encode(made, EncodeOptions(tools=False), losses)[0])
    assert [t["value"] for t in row["conversations"]] == ["q", "Looking.\n\nFound."]
    assert row["system"] == "Rules."
    assert losses == {"tool_call": 1, "tool_result": 1}


def test_a_branch_repeats_its_prefix_and_counts_what_it_cannot_mask() -> None:
    made = conversation(
        said("user", "again, but shorter"),
        said("assistant", "short"),
        prefix=(said("user", "write"), said("assistant", "long")),
    )
    found, losses = turns(made)
    assert [r for r, _ in found] == ["human", "gpt", "human", "gpt"]
    assert losses == {"untrained_turn": 1}


def test_nothing_to_train_gives_no_row() -> None:
    only_asked = conversation(said("user", "hello?"))
    assert turns(only_asked)[1]["row_without_answer"] == 1
    failed = conversation(said("user", "q"), said("assistant", "wrong"), train=(False, False))
    assert turns(failed)[0] == []
    assert turns(failed)[1]["row_without_trained_answer"] == 1


def test_a_notice_is_never_shown() -> None:
    notice = Message(id="n", role="user", kind="notice", parts=said("user", "[stop]").parts)
    found, _ = turns(conversation(said("user", "q"), said("assistant", "a"), notice))
    assert found == [("human", "q"), ("gpt", "a")]


def test_rows_that_others_wrote_are_read() -> None:
    theirs = {
        "conversations": [
            {"from": "system", "value": "S"},
            {"from": "human", "value": "Q"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
            {"from": "observation", "value": "R"},
            {"from": "gpt", "value": "A"},
        ]
    }
    (read,) = FORMAT.decode([json.dumps(theirs).encode()])
    assert [m.role for m in read.session.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
