"""Pieces as ShareGPT turns: the human side and the model's side alternate strictly.

The forms are those of LLaMA-Factory 0.9.5: its converter skips rows that do not alternate, and its
formatter reads the first `<tool_call>` block of a turn as the calls (one object, or a list) and
everything around it as text; without such a block the whole turn is the calls' JSON.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from ..seams import apart, in_turn, joined, seamed, spread
from .pieces import ESCAPED_GAP, Call, Piece, count, dumps, escaped

_FUNCTION = b'{"from":"function_call","value":"'
_BLOCK = (b"<tool_call>\\n", b"\\n</tool_call>")
#: Tags that trainers look for in a call's JSON. They can only be inside its strings, where the
#: escape below means the same character.
_TAGS = re.compile(rb"<(?=/?think|/?tool_call|/?seed:|\|)")
#: As a number, which is faster to look for: bytes are first tried as a number.
_SIGN = ord("<")
_LESS = b"\\\\\\\\u003c"  # as re.sub takes it: gives \\u003c inside the row, \u003c in the value


#: An encoded turn in parts, so that texts are copied only once, with the whole row.
Turn = tuple[bytes, ...]


def alternate(
    pieces: Sequence[Piece], losses: dict[str, int], *, ends: Literal["answer", "request"]
) -> tuple[bytes, list[Turn]]:
    """The system text and the alternating encoded turns, human side first, last side `ends`.

    Calls must be followed by their results (`Flat.rendered`). What does not fit is counted.
    """
    first = next((i for i, p in enumerate(pieces) if p.role != "system"), len(pieces))
    system = joined(ESCAPED_GAP, [p.text for p in pieces[:first]]) if first else b""
    if first and first < len(pieces) and pieces[first].role == "assistant":
        # In an epoch that begins with a summary, the model answered to the summary.
        first, system = 0, b""
    turns: list[Turn] = []
    for side in _sides(pieces[first:]):
        answers = side[0].role == "assistant"
        if answers and not turns:
            count(losses, "leading_answer", len(side))
        elif answers:
            turns.append(answer_turn(side, losses))
        else:
            turn = _request(side, bool(turns), losses)
            if turn is not None:
                turns.append(turn)
    if turns and len(turns) % 2 != (ends == "request"):
        turns.pop()
        count(losses, "trailing_turn")
    return system, turns


def _sides(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Groups of neighbouring answers, and of what is between them."""
    sides: list[list[Piece]] = []
    before: bool | None = None
    for piece in pieces:
        answer = piece.role == "assistant"
        if answer is before:
            sides[-1].append(piece)
        else:
            sides.append([piece])
            before = answer
    return sides


def answer_turn(run: list[Piece], losses: dict[str, int]) -> Turn:
    """Neighbouring answers as one turn; only the last one can hold calls."""
    if [p for p in run if not p.train]:
        count(losses, "untrained_turn")
    texts = []
    for piece in run:
        if piece.thinking:
            thought = b"<think>\\n" + piece.thinking + b"\\n</think>"
            read = apart(piece.thinking)
            texts.append(joined(ESCAPED_GAP, [seamed(thought, read), piece.text]))
        elif piece.text:
            texts.append(piece.text)
    text = joined(ESCAPED_GAP, texts) if texts else b""
    calls = run[-1].calls
    if not calls:
        return b'{"from":"gpt","value":"', text, b'"}'
    count(losses, "call_id", len(calls))
    body = b",".join([_call(call) for call in calls])
    if len(calls) > 1:
        body = b"[%b]" % body
    # The gate reads the calls as a separate structure, not as text after the text.
    read = (b'","calls":[', *spread(b",", [call.read() for call in calls]), b"]")
    if not text:
        return _FUNCTION, seamed(body, ()), seamed(b'"', read), b"}"
    block = _BLOCK[0] + body + _BLOCK[1]
    # The first block counts, so ours goes first if the text holds such a tag.
    if _SIGN in text and b"<tool_call>" in text:
        return _FUNCTION, seamed(block, ()), text, seamed(b'\\n"', read), b"}"
    return _FUNCTION, text, seamed(b"\\n" + block, ()), seamed(b'"', read), b"}"


def _call(call: Call) -> bytes:
    arguments = call.arguments
    if _SIGN in arguments:
        arguments = _TAGS.sub(_LESS, arguments)
    return b'{\\"name\\":' + _name(call.name) + b',\\"arguments\\":' + arguments + b"}"


@lru_cache(maxsize=1024)
def _name(name: str) -> bytes:
    return _TAGS.sub(_LESS, escaped(dumps(name).decode()))


def _request(run: list[Piece], answered: bool, losses: dict[str, int]) -> Turn | None:
    """Neighbouring prompts, contexts and results as one turn; None if nothing is left.

    Results come first, as every call is directly followed by its own. Before the first answer
    there is no call that they could belong to.
    """
    if len(run) == 1 and run[0].role == "tool" and answered:  # as nearly always
        return b'{"from":"observation","value":"', run[0].text, b'"}'
    results = [p for p in run if p.result is not None]
    texts = [p.text for p in run if p.result is None]
    systems = [p for p in run if p.role == "system"]
    if systems:
        count(losses, "system_as_human", len(systems))
    if results and not answered:
        count(losses, "result_without_call", len(results))
        results = []
    if not results:
        return (b'{"from":"human","value":"', joined(ESCAPED_GAP, texts), b'"}') if texts else None
    if texts:
        count(losses, "text_after_results", len(texts))
    if len(results) == 1:
        value = results[0].text
    else:
        contents = [b'"' + p.text + b'"' for p in results]
        value = b"[" + b",".join(contents) + b"]"
        value = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        value = seamed(value, in_turn([p.text for p in results]))
    return b'{"from":"observation","value":"', joined(ESCAPED_GAP, [value, *texts]), b'"}'
