"""The checks that tool calls are trained and their results are not.

Both are looked for in the decoded text of what bears loss, independently of how the mask was made.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ..templating import IGNORED, Encoded, Template
from .checks import Check
from .data import Row
from .prepare import Prepared


def _trained_text(examples: Sequence[Encoded], template: Template) -> dict[str, str]:
    """Row -> text of everything that bears loss in it."""
    out: dict[str, list[str]] = {}
    for example in examples:
        ids = [label for label in example.labels if label != IGNORED]
        out.setdefault(example.where, []).append(template.tokenizer.decode(ids))
    return {where: "\n".join(parts) for where, parts in out.items()}


def _answers(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The answers of a row that must bear loss."""
    return [
        m for m in row["messages"] if m.get("role") == "assistant" and m.get("train") is not False
    ]


def tool_calls(rows: Sequence[Row], train: Prepared, template: Template) -> Check:
    """Look for the names of calls in trained answers in what bears loss."""
    name = "tool-call tokens trained"
    texts = _trained_text(train.examples, template)
    wanted = found = 0
    for row in rows:
        if row.where not in texts or row.where in train.lost_in:
            continue
        names: Counter[str] = Counter()
        for message in _answers(row.body):
            for call in message.get("tool_calls") or ():
                names[str((call.get("function") or call).get("name"))] += 1
        for called, times in names.items():
            seen = texts[row.where].count(called)
            wanted += times
            found += min(times, seen)
            if seen < times:
                return Check(
                    name, "bad",
                    f"{row.where}: {times} calls of {called}, {seen} of them trained.",
                    "The template or trainer loses tool calls; use --template chatml.",
                )  # fmt: skip
    return Check(name, "good", f"{found} of {wanted} calls")


def _own_lines(row: Mapping[str, Any]) -> str:
    """All that the trained answers of a row may say: their text, thoughts and arguments. These raw
    and decoded, as a template may write either."""
    parts: list[str] = []

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                parts.append(str(key))
                add(inner)
        elif isinstance(value, list):
            for inner in value:
                add(inner)
        elif value is not None:
            parts.append(str(value))

    for message in _answers(row):
        add(message.get("content"))
        add(message.get("reasoning_content"))
        for call in message.get("tool_calls") or ():
            arguments = (call.get("function") or call).get("arguments")
            add(arguments)
            if isinstance(arguments, str):
                with contextlib.suppress(ValueError):  # a patch or a script: no JSON
                    add(orjson.loads(arguments))
            else:
                add(orjson.dumps(arguments).decode())
    return "\n".join(parts)


def tool_results(rows: Sequence[Row], train: Prepared, template: Template) -> Check:
    """Look for long lines of tool output in what bears loss. An answer may repeat some."""
    name = "tool-result tokens masked"
    texts = _trained_text(train.examples, template)
    looked = 0
    for row in rows:
        text = texts.get(row.where, "")
        whole = set(text.splitlines())
        own: str | None = None
        for message in row.body["messages"]:
            if message.get("role") != "tool":
                continue
            lines = str(message.get("content") or "").splitlines()
            for number, line in enumerate(lines):
                if len(line) < 40:
                    continue
                looked += 1
                # The first and last lines share theirs with what the template writes around them.
                edge = number in (0, len(lines) - 1)
                if line not in whole and not (edge and line in text):
                    continue
                own = _own_lines(row.body) if own is None else own
                if line not in own:
                    return Check(
                        name, "bad", f"{row.where}: tool output bears loss.",
                        "The mask does not fit the template; use --template chatml.",
                    )  # fmt: skip
    return Check(name, "good", f"{looked:,} lines of tool output looked for, none trained")
