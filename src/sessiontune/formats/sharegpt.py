"""`sharegpt`: turns that strictly alternate, as LLaMA-Factory and the original data set take them.

    {"conversations": [{"from", "value"}], "tools": JSON text, "system": "", ...}

Roles are system (first only), human, observation | gpt, function_call. Neighbours of one side are
merged. An answer with calls is one `function_call`: the bare JSON of the call (a list for several),
or, beside text, the text and then `<tool_call>` JSON `</tool_call>`: LLaMA-Factory's formatter
takes the first such block as the calls and everything around it as text. Results of parallel
calls are one `observation` holding a JSON list.

Without tools the roles are exactly human and gpt, and system text stands in the column `system`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from ..ledger import add_counts
from ..model import Message, Part, Text, ToolResult
from ..ports import Conversation, EncodeOptions
from ..rows import decode
from ..rows.flat import flat
from ..rows.pieces import LOSSES, NO_RESULT, count_no_row, encoded
from ..rows.turns import alternate


class ShareGPT:
    """See the module's head."""

    name = "sharegpt"
    filename = "{name}_conversations_sharegpt.jsonl"
    separator = b"\n"
    declared_losses = (
        *LOSSES,
        "missing_result",
        "result_without_call",
        "call_id",
        "system_as_human",
        "text_after_results",
        "leading_answer",
        "trailing_turn",
        "untrained_turn",
        "row_without_answer",
        "row_without_trained_answer",
    )

    def parts(
        self, conversation: Conversation, options: EncodeOptions, losses: dict[str, int]
    ) -> list[list[bytes]]:
        """One row, or none when there is no answer to train on."""
        made = flat(conversation, options)
        pieces, lost = made.rendered()
        add_counts(losses, lost)
        system, turns = alternate(pieces, losses, ends="answer")
        if not any(p.train for p in pieces) or not turns:
            count_no_row(pieces, losses)
            return []
        if system and options.tools:
            turns.insert(0, (b'{"from":"system","value":"', system, b'"}'))
            system = b""
        row = [b'{"conversations":[']
        for turn in turns:
            row += turn
            row.append(b",")
        row[-1] = b"]"
        tools, shared = made.tail()
        row += (tools, b',"system":"%b"' % system, shared, b"}")
        return [row]

    encode = encoded

    def decode(self, rows: Iterable[bytes]) -> list[Conversation]:
        """Rows of ours or of others' ShareGPT files, as conversations."""
        return [_decode(orjson.loads(row)) for row in rows]


# ------------------------------------------------------------------------------ decoding


def _decode(row: dict[str, Any]) -> Conversation:
    messages: list[Message] = []
    open_calls: list[tuple[str, str]] = []

    def put(role: Any, parts: list[Part]) -> None:
        messages.append(decode.message(len(messages), role, parts))

    if row.get("system"):
        put("system", [Text(str(row["system"]))])
    for turn in row.get("conversations") or []:
        kind, value = str(turn.get("from")), str(turn.get("value") or "")
        if kind == "system":
            put("system", [Text(value)])
        elif kind in ("gpt", "assistant"):
            put("assistant", [Text(value)])
        elif kind == "function_call":
            parts = _answer_parts(value, len(messages))
            open_calls = [(p.id, p.name) for p in parts if not isinstance(p, Text)]  # type: ignore[union-attr]
            put("assistant", parts)
        elif kind == "observation":
            results, rest = _results(value, open_calls)
            put("tool", results)
            if rest:
                put("user", [Text(rest)])
        else:
            put("user", [Text(value)])
    return decode.conversation(row, messages, None)


def _answer_parts(value: str, place: int) -> list[Part]:
    """Text and calls of a `function_call` turn. Calls get ids from their place."""
    text, calls = decode.spoken(value)
    parts: list[Part] = [Text(text)] if text else []
    for i, call in enumerate(calls):
        parts.append(decode.call_of({"id": f"{place}.{i}", "function": call}))
    return parts


def _results(value: str, calls: list[tuple[str, str]]) -> tuple[list[Part], str]:
    contents, rest = decode.told(value, len(calls))
    found: list[Part] = []
    for content, (call, name) in zip(contents, calls or [("", "")], strict=False):
        status = "missing" if content == NO_RESULT else "ok"
        found.append(ToolResult(call, name, content, status))  # type: ignore[arg-type]
    return found, rest


FORMAT = ShareGPT()
