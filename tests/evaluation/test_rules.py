"""Rules come from the training side, and say what is said and done often."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sessiontune.evaluation.answering import with_rules
from sessiontune.evaluation.rules import MOST, mined_rules, rules_of


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": json.dumps(arguments)}}


def row(number: int) -> dict[str, Any]:
    return {
        "messages": [
            {
                "role": "system",
                "content": "# CLAUDE.md\n- Always use pnpm, never npm.\nHello there.",
            },
            {"role": "user", "content": "Don't edit the generated files.\nAdd a page."},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    call("Bash", command=f"cd web && pnpm test pages {number}"),
                    call("Read", file_path=f"src/pages/{number}.tsx"),
                    {"function": {"name": "Bash", "arguments": "{broken"}},
                ],
            },
        ]
    }


def test_what_the_rules_say() -> None:
    text = rules_of([row(n) for n in range(3)])
    assert "- Always use pnpm, never npm." in text
    assert "- Don't edit the generated files." in text
    assert "- `pnpm test pages`" in text
    assert "- `src/pages`" in text
    assert text.index("- Bash") < text.index("- Read")
    assert "Hello there" not in text
    assert "Add a page" not in text


def test_once_is_no_habit_and_long_texts_are_bounded() -> None:
    assert "pnpm test" not in rules_of([row(1)])
    many = [
        {"messages": [{"role": "system", "content": f"Always do the thing number {n} " + "x" * 90}]}
        for n in range(500)
    ]
    assert 0 < len(rules_of(many)) <= MOST


def test_the_held_out_side_is_not_read(tmp_path: Path) -> None:
    for side, said in (("train", "Always run make."), ("eval", "Never tell anyone the answer.")):
        (tmp_path / side).mkdir()
        body = {"messages": [{"role": "system", "content": said}]}
        (tmp_path / side / "openai.jsonl").write_text(json.dumps(body) + "\n")
    text = mined_rules(tmp_path)
    assert "Always run make." in text
    assert "Never tell" not in text
    assert mined_rules(tmp_path / "nowhere") == ""


def test_rules_join_the_system_message() -> None:
    system, user = {"role": "system", "content": "S"}, {"role": "user", "content": "U"}
    assert with_rules([system, user], "R")[0]["content"] == "R\n\nS"
    assert with_rules([user], "R") == [{"role": "system", "content": "R"}, user]
    assert with_rules([user], "") == [user]
    assert system["content"] == "S"
