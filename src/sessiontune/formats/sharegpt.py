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

import json
import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

import orjson

from ..model import Message, Part, Text, ToolResult
from ..ports import Conversation, EncodeOptions
from ..rows import columns, decode
from ..rows.pieces import GAP, NO_RESULT, Call, Piece, add, count, dumps, escaped, flat

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_BLOCK = (b"<tool_call>\\n", b"\\n</tool_call>")
_GAP = b"\\n\\n"
#: Tags that trainers look for in a call's JSON. They can only stand inside its strings, where the
#: escape below means the same character.
_TAGS = re.compile(rb"<(?=/?think|/?tool_call|/?seed:|\|)")
_LESS = b"\\\\\\\\u003c"  # as re.sub takes it: gives \\u003c inside the row, \u003c in the value


class ShareGPT:
    """See the module's head."""

    name = "sharegpt"
    filename = "{name}_conversations_sharegpt.jsonl"
    separator = b"\n"
    declared_losses = (
        "thinking",
        "image",
        "tool_call",
        "tool_result",
        "empty_message",
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

    def encode(
        self, conversation: Conversation, options: EncodeOptions, losses: dict[str, int]
    ) -> list[bytes]:
        """One row, or none when there is no answer to train on."""
        pieces, lost = flat(conversation, options).rendered()
        add(losses, lost)
        system, turns = _turns(pieces, losses)
        if not any(p.train for p in pieces) or not turns:
            answered = any(p.role == "assistant" for p in pieces)
            reason = "row_without_trained_answer" if answered else "row_without_answer"
            count(losses, reason)
            return []
        if system and options.tools:
            turns.insert(0, b'{"from":"system","value":"%b"}' % system)
            system = b""
        return [
            b"".join(
                (
                    b'{"conversations":[',
                    b",".join(turns),
                    b'],"tools":',
                    columns.tools_text(conversation.tools, options),
                    b',"system":"%b",' % system,
                    dumps(columns.columns(conversation))[1:],
                )
            )
        ]

    def decode(self, rows: Iterable[bytes]) -> list[Conversation]:
        """Rows of ours or of others' ShareGPT files, as conversations."""
        return [_decode(orjson.loads(row)) for row in rows]


# ------------------------------------------------------------------------------ encoding


def _turns(pieces: list[Piece], losses: dict[str, int]) -> tuple[bytes, list[bytes]]:
    """The system text and the encoded turns, alternating, human side first, even in number."""
    first = next((i for i, p in enumerate(pieces) if p.role != "system"), len(pieces))
    system = _GAP.join([p.text for p in pieces[:first]])
    if first and first < len(pieces) and pieces[first].role == "assistant":
        # An epoch that goes on after its summary: the summary is what the model answered to.
        first, system = 0, b""
    turns: list[bytes] = []
    for answers, run in groupby(pieces[first:], key=lambda p: p.role == "assistant"):
        side = list(run)
        if answers and not turns:
            count(losses, "leading_answer", len(side))
        elif answers:
            turns.append(_answer(side, losses))
        else:
            turn = _request(side, bool(turns), losses)
            if turn is not None:
                turns.append(turn)
    if len(turns) % 2:
        turns.pop()
        count(losses, "trailing_turn")
    return system, turns


def _answer(run: list[Piece], losses: dict[str, int]) -> bytes:
    """Neighbouring answers as one turn; only the last can hold calls."""
    if not all(p.train for p in run):
        count(losses, "untrained_turn")
    texts = []
    for piece in run:
        if piece.thinking:
            texts.append(b"<think>\\n" + piece.thinking + b"\\n</think>" + _GAP + piece.text)
        elif piece.start != piece.end:
            texts.append(piece.text)
    text = texts[0] if len(texts) == 1 else _GAP.join(texts)
    calls = run[-1].calls
    if not calls:
        return b'{"from":"gpt","value":"%b"}' % text
    count(losses, "call_id", len(calls))
    body = b",".join([_call(call) for call in calls])
    if len(calls) > 1:
        body = b"[%b]" % body
    if text:
        block = _BLOCK[0] + body + _BLOCK[1]
        # The first block in the value counts: ours goes first where the text holds such a tag.
        body = block + text + b"\\n" if b"<tool_call>" in text else text + b"\\n" + block
    return b'{"from":"function_call","value":"%b"}' % body


def _call(call: Call) -> bytes:
    arguments = call.arguments
    if b"<" in arguments:
        arguments = _TAGS.sub(_LESS, arguments)
    name = escaped(dumps(call.name).decode())
    if b"<" in name:
        name = _TAGS.sub(_LESS, name)
    return b'{\\"name\\":%b,\\"arguments\\":%b}' % (name, arguments)


def _request(run: list[Piece], answered: bool, losses: dict[str, int]) -> bytes | None:
    """Neighbouring prompts, contexts and results as one turn; None when nothing can be said.

    Results come first: every call is directly followed by its own. Before the first answer there
    is no call that they could belong to.
    """
    results = [p for p in run if p.result is not None]
    texts = [p.text for p in run if p.result is None]
    systems = sum(p.role == "system" for p in run)
    if systems:
        count(losses, "system_as_human", systems)
    if results and not answered:
        count(losses, "result_without_call", len(results))
        results = []
    if not results:
        return b'{"from":"human","value":"%b"}' % _GAP.join(texts) if texts else None
    if texts:
        count(losses, "text_after_results", len(texts))
    if len(results) == 1:
        value = results[0].text
    else:
        contents = [b'"' + p.text + b'"' for p in results]
        value = escaped((b"[" + b",".join(contents) + b"]").decode())
    return b'{"from":"observation","value":"%b"}' % _GAP.join([value, *texts])


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
    start = value.find(_OPEN)
    end = value.find(_CLOSE, start)
    text, body = "", value
    if start >= 0 and end >= 0:
        body = value[start + len(_OPEN) : end]
        text = (value[:start] + value[end + len(_CLOSE) :]).removesuffix("\n")
    calls = orjson.loads(body)
    calls = calls if isinstance(calls, list) else [calls]
    parts: list[Part] = [Text(text)] if text else []
    for i, call in enumerate(calls):
        parts.append(decode.call_of({"id": f"{place}.{i}", "function": call}))
    return parts


def _results(value: str, calls: list[tuple[str, str]]) -> tuple[list[Part], str]:
    contents, rest = [value], ""
    if len(calls) > 1:
        listed, end = json.JSONDecoder().raw_decode(value)
        contents, rest = listed, value[end:].removeprefix(GAP)
    found: list[Part] = []
    for content, (call, name) in zip(contents, calls or [("", "")], strict=False):
        status = "missing" if content == NO_RESULT else "ok"
        found.append(ToolResult(call, name, content, status))  # type: ignore[arg-type]
    return found, rest


FORMAT = ShareGPT()
