"""Mix general data into the training side, to a share of its tokens.

The default share, 50% of tokens, is a guess (25 to 80 are reasonable); measure forgetting to
decide. General rows are tagged, keep their own groups, and never enter the evaluation set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import msgspec

from ..errors import UsageError
from ..measure import Meter
from ..model import UNTRAINED, Session, Split
from ..ports import Conversation

TAG = "general"


class Mixed(msgspec.Struct):
    """The result of mixing. `ratio`: the share reached, less than asked for if rows ran out."""

    rows: int = 0
    tokens: int = 0
    ratio: float = 0.0
    left: int = 0


def parse_mix(text: str) -> tuple[str, float]:
    """`FILE:RATIO` of the recipe; the ratio is general tokens / all training tokens. Raises
    UsageError if it is missing or out of range."""
    path, colon, ratio = text.rpartition(":")
    try:
        share = float(ratio) if colon else -1.0
    except ValueError:
        share = -1.0
    if not path or not 0 <= share < 1:
        raise UsageError(
            f"--mix {text!r} is not FILE:RATIO.", "For example general.jsonl:0.5 (of all tokens)."
        )
    return path, share


def mixer(
    ratio: float, meter: Meter | None = None
) -> Callable[[Iterable[Session], int], tuple[list[Conversation], Mixed]]:
    """A function (general sessions, own training tokens) -> (conversations, counts).

    Rows are taken in the order of a hash of their content, so neither the file's place nor the
    order of its lines matters. Equal rows are taken once.
    """
    measure = meter or Meter()

    def mix(general: Iterable[Session], own_tokens: int) -> tuple[list[Conversation], Mixed]:
        wanted = ratio / (1 - ratio) * own_tokens
        unique = {s.key: s for s in general}
        counts = Mixed()
        taken: list[Conversation] = []
        for session in sorted(unique.values(), key=lambda s: _chance(s.key)):
            tokens = measure.messages(session.messages)
            over = counts.tokens + tokens - wanted
            if counts.tokens >= wanted or over > tokens / 2:
                counts.left += 1
                continue
            counts.tokens += tokens
            counts.rows += 1
            taken.append(_conversation(session))
        total = counts.tokens + own_tokens
        counts.ratio = counts.tokens / total if total else 0.0
        return taken, counts

    return mix


def _conversation(session: Session) -> Conversation:
    side: Split = "train"
    return Conversation(
        session=session,
        tools=session.tools,
        tools_inferred=not session.tools,
        split=side,
        train=tuple(m.role == "assistant" and UNTRAINED not in m.flags for m in session.messages),
        tags=(TAG,),
        group=session.key,
    )


def _chance(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=8, person=b"mix").digest()
