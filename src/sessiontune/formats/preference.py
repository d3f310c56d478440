"""Preference rows from `Pair`s: KTO and DPO, for TRL and for LLaMA-Factory.

    kto.jsonl           {"prompt": [...], "completion": [...], "label": bool, "tools", ...}
    dpo.jsonl           {"prompt": [...], "chosen": [...], "rejected": [...], "tools", ...}
    kto_sharegpt.jsonl  {"conversations": [...], "label": bool, "tools", ...}
    dpo_sharegpt.jsonl  {"conversations": [...], "chosen": {...}, "rejected": {...}, ...}

Each row names its evidence (`because`) and how far it is believed (`tier`). LLaMA-Factory knows
one turn as chosen or rejected: what follows a first answer with calls is left out there. KTO
takes a side alone, so a pair gives a row for each side that it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..model import Message, Pair, Session, ToolDef
from ..ports import Conversation, EncodeOptions
from ..rows.columns import tools_text
from ..rows.pieces import Flat, Piece, add, count, dumps
from ..rows.turns import alternate, answer_turn

NAMES = ("kto", "dpo", "kto_sharegpt", "dpo_sharegpt")
LOSSES = (
    "prompt_without_request",
    "side_without_answer",
    "later_turns",
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
)


def encode(
    name: str,
    pairs: Iterable[Pair],
    options: EncodeOptions,
    losses: dict[str, int],
    tools: tuple[ToolDef, ...] = (),
) -> list[bytes]:
    """Rows of one preference file. `name` is one of `NAMES`."""
    rows: list[bytes] = []
    for pair in pairs:
        texts = tools_text(tools, options)
        tail = b',"tools":' + texts + b"," + dumps(_reasons(pair))[1:]
        make = _sharegpt if name.endswith("_sharegpt") else _trl
        rows += [body + tail for body in make(name[:3], pair, options, losses)]
    return rows


def _reasons(pair: Pair) -> dict[str, Any]:
    return {
        "because": pair.because,
        "tier": pair.tier,
        "id": pair.key,
        "group": pair.group,
        "split": pair.split or "",
    }


def _sides(pair: Pair) -> list[tuple[tuple[Message, ...], bytes]]:
    """For KTO: each side with its label."""
    both = ((pair.chosen, b"true"), (pair.rejected, b"false"))
    return [(side, label) for side, label in both if side]


def _trl(kind: str, pair: Pair, options: EncodeOptions, losses: dict[str, int]) -> list[bytes]:
    prompt = b",".join([b"{" + p.core + b"}" for p in _prompt(pair, options, losses)])
    if kind == "kto":
        found = []
        for side, label in _sides(pair):
            answer = _messages(side, options, losses)
            if not answer:
                count(losses, "side_without_answer")
                continue
            found.append(b'{"prompt":[%b],"completion":[%b],"label":%b' % (prompt, answer, label))
        return found if prompt else []
    chosen, rejected = (_messages(side, options, losses) for side in (pair.chosen, pair.rejected))
    if not (chosen and rejected):
        count(losses, "side_without_answer")
        return []
    return [b'{"prompt":[%b],"chosen":[%b],"rejected":[%b]' % (prompt, chosen, rejected)]


def _sharegpt(kind: str, pair: Pair, options: EncodeOptions, losses: dict[str, int]) -> list[bytes]:
    system, turns = alternate(_prompt(pair, options, losses), losses, ends="request")
    if not turns:
        count(losses, "prompt_without_request")
        return []
    if system:
        turns.insert(0, (b'{"from":"system","value":"', system, b'"}'))
    prompt = b",".join(map(b"".join, turns))
    if kind == "kto":
        found = []
        for side, label in _sides(pair):
            turn = _first_turn(side, options, losses)
            if turn:
                found.append(b'{"conversations":[%b,%b],"label":%b' % (prompt, turn, label))
        return found
    chosen = _first_turn(pair.chosen, options, losses)
    rejected = _first_turn(pair.rejected, options, losses)
    if not (chosen and rejected):
        return []
    return [b'{"conversations":[%b],"chosen":%b,"rejected":%b' % (prompt, chosen, rejected)]


def _first_turn(
    messages: tuple[Message, ...], options: EncodeOptions, losses: dict[str, int]
) -> bytes:
    pieces = _pieces(messages, options, losses)
    run: list[Piece] = []
    for piece in pieces:
        if piece.role != "assistant":
            break
        run.append(piece)
        if piece.calls:
            break
    if not run:
        count(losses, "side_without_answer")
        return b""
    if len(run) < len(pieces):
        count(losses, "later_turns")
    return b"".join(answer_turn(run, losses))


def _prompt(pair: Pair, options: EncodeOptions, losses: dict[str, int]) -> list[Piece]:
    """What was said before, every call followed by its results."""
    found, lost = _flat(pair.prompt, options).rendered()
    add(losses, lost)
    return found


def _messages(
    messages: tuple[Message, ...], options: EncodeOptions, losses: dict[str, int]
) -> bytes:
    return b",".join([b"{" + p.core + b"}" for p in _pieces(messages, options, losses)])


def _pieces(
    messages: tuple[Message, ...], options: EncodeOptions, losses: dict[str, int]
) -> list[Piece]:
    """One side as it stands: calls at its very end have no results yet."""
    flat = _flat(messages, options)
    add(losses, flat.own_losses)
    return flat.own


def _flat(messages: tuple[Message, ...], options: EncodeOptions) -> Flat:
    session = Session(key="", thread="", lineage="", source="", session_id="", messages=messages)
    return Flat(Conversation(session=session), options)
