"""Cutting a row that is longer than the context, so that no answer is lost.

A window is a pinned head (system messages and the task), context without loss, and a segment of
targets. Every trained answer is a target in exactly one window; a call and its results stay
together; tool output is thinned before anything is dropped. A row that fits is unchanged. An answer
that fills the window takes the place of what is around it; a longer one is cut after it is
rendered (templating/parts.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

Message = Mapping[str, Any]
#: Counts the tokens of a text.
Count = Callable[[str], int]

#: Tokens that a template puts around one message, a generous estimate.
AROUND = 12
#: Most shares of the budget: for context before the segment, for the pinned head, and for each of
#: head, context and tool definitions before an answer that is longer than the window.
CONTEXT, HEAD, LEAST = 0.25, 0.5, 1 / 6


class Unit(msgspec.Struct):
    """Messages that stay together: a question, or an answer with the results of its calls."""

    messages: list[dict[str, Any]]
    size: int
    target: bool


def windows(
    row: Mapping[str, Any], count: Count, length: int, schemas: int
) -> list[dict[str, Any]]:
    """The row as rows that should fit into `length` tokens; [row] if it already does.

    `schemas`: tokens of the row's tool definitions, as the template writes them. An answer that
    alone is longer than the budget stays whole, in a window of its own.
    """
    messages = [dict(m) for m in row["messages"]]
    free = length - 8 * AROUND
    budget = free - schemas
    if budget < length // 4:
        # The definitions would fill the window: leave them out, as the calls show the tools' use.
        row, schemas, budget = {**row, "tools": None}, 0, free
    sizes = [_size(m, count) for m in messages]
    if sum(sizes) <= budget:
        return [dict(row)]
    whole, rest = _split_head(messages)
    head = _thinned_all(whole, int(budget * HEAD), count)
    used = sum(_size(m, count) for m in head)
    units = _units(rest, max(64, (budget - used) // 3), count)
    out = []
    for window, size in _segments(units, budget - used, budget, count):
        if size <= budget - used:
            out.append({**row, "messages": [*head, *window]})
            continue
        without = schemas > length * LEAST
        most = free if without else budget  # the head may take the definitions' place
        room = most - size if size <= most else int(most * LEAST)
        thin = _thinned_all(whole, min(room, int(most * HEAD)), count)
        out.append({**row, "messages": [*thin, *window]})
        if without:
            out[-1]["tools"] = None
    return out


def _size(message: Message, count: Count) -> int:
    text = str(message.get("content") or "") + str(message.get("reasoning_content") or "")
    if message.get("tool_calls"):
        text += json.dumps(message["tool_calls"], ensure_ascii=False)
    return count(text) + AROUND


def _split_head(
    messages: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """System messages and the first question, and the rest."""
    end = 0
    while end < len(messages) and messages[end]["role"] == "system":
        end += 1
    if end < len(messages) and messages[end]["role"] == "user":
        end += 1
    return messages[:end], messages[end:]


def _units(messages: Sequence[dict[str, Any]], cap: int, count: Count) -> list[Unit]:
    units: list[Unit] = []
    for message in messages:
        role = message["role"]
        if role == "tool" and units:
            kept = thinned(message, cap, count)
            units[-1].messages.append(kept)
            units[-1].size += _size(kept, count)
            continue
        kept = message if role == "assistant" else thinned(message, cap, count)
        target = role == "assistant" and message.get("train", True) is not False
        units.append(Unit([kept], _size(kept, count), target))
    return units


def _segments(
    units: list[Unit], budget: int, whole: int, count: Count
) -> list[tuple[list[dict[str, Any]], int]]:
    """Greedy segments of units, each with context before it, and their lengths. `whole`: the budget
    without a head; a longer answer has little context, but at least its question."""
    out: list[tuple[list[dict[str, Any]], int]] = []
    start = 0
    while start < len(units):
        room = budget if start == 0 else int(budget * (1 - CONTEXT))
        end, size = start, 0
        while end < len(units) and (end == start or size + units[end].size <= room):
            size += units[end].size
            end += 1
        if any(u.target for u in units[start:end]):
            first = start
            least = int(budget * LEAST)
            room = budget if size <= whole else size + least
            while first > 0 and size + units[first - 1].size <= room:
                first -= 1
                size += units[first].size
            context = [_masked(m) for u in units[first:start] for m in u.messages]
            if size > whole and not context and start and len(units[start - 1].messages) == 1:
                question = units[start - 1].messages[0]
                if question["role"] == "user":
                    context = [thinned(question, least, count)]
            out.append((context + [m for u in units[start:end] for m in u.messages], size))
        start = end
    return out


def _masked(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "train": False} if message["role"] == "assistant" else message


def _thinned_all(messages: list[dict[str, Any]], budget: int, count: Count) -> list[dict[str, Any]]:
    """Head messages, the longest ones thinned until all fit."""
    sizes = sorted(_size(m, count) for m in messages)
    if sum(sizes) <= budget:
        return messages
    share = left = budget
    for number, size in enumerate(sizes):  # what a short one leaves is shared by the longer ones
        share = left // (len(sizes) - number)
        left -= min(size, share)
    return [thinned(m, max(1, share - AROUND), count) for m in messages]


def thinned(message: dict[str, Any], cap: int, count: Count) -> dict[str, Any]:
    """The message with its text cut to about `cap` tokens: head and tail, and between them a line
    that tells how much was left out."""
    text = str(message.get("content") or "")
    size = count(text)
    if size <= cap:
        return message
    keep = max(16, int(len(text) * max(1, cap - 24) / size))
    head, tail = text[: keep * 2 // 3], text[len(text) - keep // 3 :]
    gone = len(text) - len(head) - len(tail)
    return {**message, "content": f"{head}\n[{gone} characters left out]\n{tail}"}
