"""`openai`: one row a conversation, messages as chat templates take them.

    {"messages": [{"role", "content", "reasoning_content" with thinking, "tool_calls",
                   "tool_call_id", "name", "train"}], "tools": JSON text, "tools_inferred", ...}

`train` says whether a message bears loss. A branch repeats the messages before its fork point,
untrained. Rows in which nothing would be trained are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from ..ledger import add_counts
from ..ports import Conversation, EncodeOptions
from ..rows import decode, pieces
from ..rows.flat import flat

_ENDS = (b',"train":false},', b',"train":true},')


class OpenAI:
    """See the module's head."""

    name = "openai"
    filename = "{name}_conversations_openai.jsonl"
    separator = b"\n"
    declared_losses = (
        *pieces.LOSSES,
        "missing_result",
        "result_without_call",
        "row_without_answer",
        "row_without_trained_answer",
    )

    def parts(
        self, conversation: Conversation, options: EncodeOptions, losses: dict[str, int]
    ) -> list[list[bytes]]:
        """One row, or none when there is no answer to train on."""
        made = flat(conversation, options)
        found, lost = made.rendered()
        add_counts(losses, lost)
        if not any(p.train for p in found):
            pieces.count_no_row(found, losses)
            return []
        row = [b'{"messages":[']
        for piece in found:
            row += (pieces.HEADS[piece.role], piece.text, b'"', piece.rest, _ENDS[piece.train])
        row[-1] = row[-1][:-1]
        tools, shared = made.tail()
        inferred = b"true" if conversation.tools_inferred else b"false"
        row += (b"]", tools, b',"tools_inferred":' + inferred, shared, b"}")
        return [row]

    encode = pieces.encoded

    def decode(self, rows: Iterable[bytes]) -> list[Conversation]:
        """Rows of ours or of others' chat files, as conversations."""
        return [self._decode(orjson.loads(row)) for row in rows]

    def _decode(self, row: dict[str, Any]) -> Conversation:
        messages, train = decode.messages_of(row.get("messages") or [])
        return decode.conversation(row, messages, train)


FORMAT = OpenAI()
