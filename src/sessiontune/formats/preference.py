"""Preference rows from `Pair`s: KTO and DPO, for TRL and for LLaMA-Factory.

    kto.jsonl           {"prompt": [...], "completion": [...], "label": bool, "tools", ...}
    dpo.jsonl           {"prompt": [...], "chosen": [...], "rejected": [...], "tools", ...}
    kto_sharegpt.jsonl  {"conversations": [...], "label": bool, "tools", ...}
    dpo_sharegpt.jsonl  {"conversations": [...], "chosen": {...}, "rejected": {...}, ...}

Each row names its evidence (`because`) and how far it is believed (`tier`). LLaMA-Factory takes
only one turn as chosen or rejected: what follows a first answer with calls is left out there. KTO
takes single sides, so a pair gives a row for each side that it has; if several pairs label the
same answer, the strongest counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from ..ledger import add_counts
from ..model import Message, Pair, Session
from ..ports import Conversation, EncodeOptions
from ..rows.columns import tools_key
from ..rows.flat import Flat, flat
from ..rows.pieces import HEADS, Piece, count, dumps
from ..rows.turns import Turn, alternate, answer_turn

NAMES = ("kto", "dpo", "kto_sharegpt", "dpo_sharegpt")

_TIERS = ("weak", "medium", "strong")

#: A row, or a piece of one, in parts: its texts are as `rows.pieces` encoded them.
Parts = list[bytes]
_NOTHING = Conversation(
    session=Session(key="", thread="", lineage="", source="", session_id="", messages=())
)


def parts(
    name: str,
    pairs: Iterable[Pair],
    options: EncodeOptions,
    losses: dict[str, int],
    whole: Conversation = _NOTHING,
) -> list[Parts]:
    """Rows of one preference file, for pairs of the session `whole`. `name` is one of `NAMES`."""
    rows: list[Parts] = []
    tools = tools_key(whole.tools, options)
    make = _sharegpt if name.endswith("_sharegpt") else _trl
    for pair in _once(pairs) if name.startswith("kto") else pairs:
        tail = [tools, b"," + dumps(_reasons(pair))[1:-1], b"}"]
        rows += [body + tail for body in make(name[:3], pair, _Flats(whole, options), losses)]
    return rows


def _once(pairs: Iterable[Pair]) -> list[Pair]:
    """Each answer with one label, in the pair of the strongest tier, or the first of equals."""
    found = list(pairs)
    best: dict[tuple[str, str], int] = {}
    for at, pair in enumerate(found):
        for side in _names(pair):
            if _TIERS.index(pair.tier) > _TIERS.index(found[best.setdefault(side, at)].tier):
                best[side] = at
    out = []
    for at, pair in enumerate(found):
        mine = {label for label, name in _names(pair) if best[label, name] == at}
        if mine:
            chosen = pair.chosen if "chosen" in mine else ()
            rejected = pair.rejected if "rejected" in mine else ()
            out.append(msgspec.structs.replace(pair, chosen=chosen, rejected=rejected))
    return out


def _names(pair: Pair) -> list[tuple[str, str]]:
    """The sides that a pair has, each with the message that begins it."""
    sides = (("chosen", pair.chosen), ("rejected", pair.rejected))
    return [(label, side[0].id) for label, side in sides if side]


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


class _Flats(NamedTuple):
    """Messages of a session as pieces."""

    whole: Conversation
    options: EncodeOptions

    def __call__(self, messages: tuple[Message, ...]) -> Flat:
        session = msgspec.structs.replace(self.whole.session, messages=messages)
        return flat(Conversation(session=session), self.options)

    def prompt(self, pair: Pair, losses: dict[str, int]) -> list[Piece]:
        """What was said before, every call followed by its results."""
        found, lost = self(pair.prompt).rendered()
        add_counts(losses, lost)
        return found

    def side(self, messages: tuple[Message, ...], losses: dict[str, int]) -> list[Piece]:
        """One side as it stands: calls at its very end have no results yet."""
        made = self(messages)
        add_counts(losses, made.own_losses)
        return made.own


def _trl(kind: str, pair: Pair, flats: _Flats, losses: dict[str, int]) -> list[Parts]:
    prompt = _listed(flats.prompt(pair, losses))
    if kind == "kto":
        found = []
        for side, label in _sides(pair):
            answer = _listed(flats.side(side, losses))
            if not answer:
                count(losses, "side_without_answer")
                continue
            found.append(
                [b'{"prompt":[', *prompt, b'],"completion":[', *answer, b'],"label":' + label]
            )
        return found if prompt else []
    chosen, rejected = (_listed(flats.side(side, losses)) for side in (pair.chosen, pair.rejected))
    if not (chosen and rejected):
        count(losses, "side_without_answer")
        return []
    between = b'],"chosen":[', b'],"rejected":['
    return [[b'{"prompt":[', *prompt, between[0], *chosen, between[1], *rejected, b"]"]]


def _listed(pieces: Iterable[Piece]) -> Parts:
    """Messages with commas between them."""
    out: Parts = []
    for piece in pieces:
        out += (HEADS[piece.role], piece.text, b'"', piece.rest, b"},")
    if out:
        out[-1] = b"}"
    return out


def _sharegpt(kind: str, pair: Pair, flats: _Flats, losses: dict[str, int]) -> list[Parts]:
    system, turns = alternate(flats.prompt(pair, losses), losses, ends="request")
    if not turns:
        count(losses, "prompt_without_request")
        return []
    prompt: Parts = [b'{"conversations":[']
    if system:
        prompt += (b'{"from":"system","value":"', system, b'"},')
    for turn in turns:
        prompt += (*turn, b",")
    if kind == "kto":
        found = []
        for side, label in _sides(pair):
            answer = _first_turn(side, flats, losses)
            if answer:
                found.append([*prompt, *answer, b'],"label":' + label])
        return found
    chosen = _first_turn(pair.chosen, flats, losses)
    rejected = _first_turn(pair.rejected, flats, losses)
    if not (chosen and rejected):
        return []
    prompt[-1] = b'],"chosen":'
    return [[*prompt, *chosen, b',"rejected":', *rejected]]


def _first_turn(messages: tuple[Message, ...], flats: _Flats, losses: dict[str, int]) -> Turn:
    pieces = flats.side(messages, losses)
    run: list[Piece] = []
    for piece in pieces:
        if piece.role != "assistant":
            break
        run.append(piece)
        if piece.calls:
            break
    if not run:
        count(losses, "side_without_answer")
        return ()
    if len(run) < len(pieces):
        count(losses, "later_turns")
    return answer_turn(run, losses)
