"""Preference rows and LLaMA-Factory's registry."""

from __future__ import annotations

import json
from typing import Any

from sessiontune import reasons
from sessiontune.formats import preference
from sessiontune.formats.dataset_info import dataset_info
from sessiontune.model import Pair
from sessiontune.ports import EncodeOptions
from sessiontune.rows import columns

from .make import calls, results, said

PROMPT = (
    said("system", "Rules."),
    said("user", "rename it"),
    calls("", ("c1", "Read", {"file_path": "a.py"})),
    results(("c1", "Read", "text")),
)
EDIT = calls("Renaming.", ("c2", "Edit", {"new": "b"}))
OTHER = said("assistant", "Which name?")

LOSSES = {
    *reasons.LOSSES,
    "prompt_without_request",
    "side_without_answer",
    "later_turns",
}


def rows(name: str, *pairs: Pair) -> tuple[list[dict[str, Any]], dict[str, int]]:
    losses: dict[str, int] = {}
    made = [b"".join(row) for row in preference.parts(name, pairs, EncodeOptions(), losses)]
    assert set(losses) <= LOSSES
    found = [json.loads(row) for row in made]
    for row in found:
        assert set(row) == set(columns.schema(name))
    return found, losses


def pair(**more: Any) -> Pair:
    fields = {
        "key": "p1",
        "group": "g1",
        "prompt": PROMPT,
        "chosen": (OTHER,),
        "rejected": (EDIT,),
        "because": "rejected_call",
        "tier": "strong",
    }
    return Pair(**{**fields, **more})


def test_kto_gives_a_row_for_each_side_that_is_there() -> None:
    other = calls("Moving.", ("c3", "Edit", {"new": "c"}))
    found, _ = rows("kto", pair(), pair(chosen=(), rejected=(other,)))
    assert [r["label"] for r in found] == [True, False, False]
    assert [m["role"] for m in found[0]["prompt"]] == ["system", "user", "assistant", "tool"]
    assert found[0]["completion"][0]["content"] == "Which name?"
    assert found[1]["completion"][0]["tool_calls"][0]["function"]["name"] == "Edit"
    assert found[0]["because"] == "rejected_call"


def test_kto_says_of_an_answer_once_what_several_pairs_say() -> None:
    """A prompt was rewritten, which is weak evidence, and the call below it had been refused."""
    weak = pair(chosen=(), because="rewind:edited-prompt:x", tier="weak")
    found, _ = rows("kto", weak, pair(chosen=()))
    assert [(r["label"], r["because"]) for r in found] == [(False, "rejected_call")]
    found, _ = rows("kto", pair(tier="weak"), pair(chosen=(), because="other"))
    assert [(r["label"], r["because"]) for r in found] == [
        (True, "rejected_call"),
        (False, "other"),
    ]
    assert len(rows("dpo", pair(tier="weak"), pair(chosen=()))[0]) == 1


def test_dpo_needs_both_sides() -> None:
    found, losses = rows("dpo", pair(), pair(chosen=()))
    assert len(found) == 1
    assert found[0]["rejected"][0]["tool_calls"][0]["id"] == "c2"
    assert losses == {"side_without_answer": 1}


def test_llama_factory_rows_end_their_prompt_on_a_request() -> None:
    (row,), _ = rows("dpo_sharegpt", pair())
    roles = [t["from"] for t in row["conversations"]]
    assert roles == ["system", "human", "function_call", "observation"]
    assert row["chosen"] == {"from": "gpt", "value": "Which name?"}
    assert row["rejected"]["from"] == "function_call"
    kto, _ = rows("kto_sharegpt", pair())
    assert [r["conversations"][-1]["from"] for r in kto] == ["gpt", "function_call"]
    assert [r["label"] for r in kto] == [True, False]


def test_what_follows_the_first_turn_of_a_side_is_counted_in_llama_factorys_form() -> None:
    longer = (EDIT, results(("c2", "Edit", "ok")), said("assistant", "Done."))
    (row,), losses = rows("dpo_sharegpt", pair(chosen=longer))
    assert row["chosen"]["from"] == "function_call"
    assert losses["later_turns"] == 1
    (whole,), _ = rows("dpo", pair(chosen=longer))
    assert len(whole["chosen"]) == 3


def test_a_prompt_without_a_request_gives_no_llama_factory_row() -> None:
    found, losses = rows("dpo_sharegpt", pair(prompt=(said("assistant", "hello"),)))
    assert found == []
    assert losses["prompt_without_request"] == 1


def test_the_registry_names_every_file_that_llama_factory_can_read() -> None:
    found = dataset_info(
        "work",
        [
            ("work_conversations_sharegpt.jsonl", 9),
            ("work_conversations_raw.jsonl", 90),
            ("work_conversations_alpaca.jsonl", 3),
            ("train/sharegpt.jsonl", 9),
            ("train/alpaca.jsonl", 3),
            ("train/openai.jsonl", 9),
            ("eval/sharegpt.jsonl", 2),
            ("eval/alpaca.jsonl", 0),
            ("preferences/kto_sharegpt.jsonl", 4),
            ("preferences/dpo_sharegpt.jsonl", 2),
            ("preferences/dpo.jsonl", 2),
        ],
    )
    assert {name: entry["file_name"] for name, entry in found.items()} == {
        "work": "../work_conversations_sharegpt.jsonl",
        "work_alpaca": "../work_conversations_alpaca.jsonl",
        "work_train": "../train/sharegpt.jsonl",
        "work_alpaca_train": "../train/alpaca.jsonl",
        "work_eval": "../eval/sharegpt.jsonl",
        "work_kto": "../preferences/kto_sharegpt.jsonl",
        "work_dpo": "../preferences/dpo_sharegpt.jsonl",
    }
    assert found["work_dpo"]["ranking"] is True
    assert found["work_kto"]["columns"]["kto_tag"] == "label"
    assert found["work"]["tags"]["function_tag"] == "function_call"
