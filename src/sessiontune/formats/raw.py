"""`raw`: one message a line, each part of each message exactly once, in the thread that owns it.

    {"role", "content", "reasoning_content" with thinking, "tool_calls", "tool_call_id", "name",
     "kind", "status", "message_id", "at", "model", "vendor", "train", "labels", "images", ...}

A message that holds several tool results gives a line for each. The messages that a branch
repeats from its parent are not written again: `forked_from` says where they stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import orjson

from ..ledger import add_counts
from ..ports import Conversation, EncodeOptions
from ..rows import columns, decode, lines, pieces
from ..rows.flat import flat


class Raw:
    """See the module's head."""

    name = "raw"
    filename = "{name}_conversations_raw.jsonl"
    separator = b"\n"
    declared_losses = pieces.LOSSES

    def parts(
        self, conversation: Conversation, options: EncodeOptions, losses: dict[str, int]
    ) -> list[list[bytes]]:
        """One row for each of the session's own messages and results."""
        made = flat(conversation, options)
        add_counts(losses, made.own_losses)
        shared = columns.with_nulls(made.columns())
        rest = {k: v for k, v in shared.items() if k not in columns.OF_A_LINE}
        tail = b"," + pieces.dumps(rest)[1:-1]
        return [[*line, tail, b"}"] for line in lines.lines(conversation, options)]

    encode = pieces.encoded

    def decode(self, rows: Iterable[bytes]) -> list[Conversation]:
        """Lines, those of one session next to each other, as conversations."""
        loaded = (orjson.loads(row) for row in rows)
        found = []
        for _, run in groupby(loaded, key=lambda r: (r.get("session_id"), r.get("id"))):
            lines = list(run)
            found.append(decode.conversation_of_lines(lines[0], lines))
        return found


FORMAT = Raw()
