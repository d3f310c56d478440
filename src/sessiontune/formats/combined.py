"""`combined`: everything in one JSON document, for inspection.

    {"conversations": [{columns..., "tools", "messages": [...]}, ...], "export": {metadata}}

Written as a stream, each conversation is one row. The counts come last, so that a longer file
begins like the former one. The messages are those of `raw`, each part exactly once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from ..ledger import add_counts
from ..ports import Conversation, EncodeOptions
from ..rows import columns, decode, lines, pieces
from ..rows.flat import flat
from ..seams import seamed


class Combined:
    """See the module's head."""

    name = "combined"
    filename = "{name}_conversations_combined.json"
    separator = b",\n"
    head = b'{"conversations":[\n'
    declared_losses = pieces.LOSSES

    def tail(self, metadata: Mapping[str, Any]) -> bytes:
        """The end of the document. `metadata`: export date, counts and whatever is known."""
        return b'\n],"export":' + pieces.dumps(dict(metadata)) + b"}\n"

    def parts(
        self, conversation: Conversation, options: EncodeOptions, losses: dict[str, int]
    ) -> list[list[bytes]]:
        """One conversation; none when no message of its own is left."""
        made = flat(conversation, options)
        add_counts(losses, made.own_losses)
        tools = [columns.tool_entry(tool) for tool in conversation.tools] if options.tools else []
        shared = columns.with_nulls(made.columns())
        shared |= {"tools": tools, "tools_inferred": conversation.tools_inferred}
        head = pieces.dumps(shared)
        # The gate reads the columns, and the last message, as separate lines of JSON.
        row: list[bytes] = [seamed(head[:-1] + b',"messages":[\n', (head + b"\n",))]
        for line in lines.lines(conversation, options):
            row += line
            row.append(b"},\n")
        if len(row) == 1:
            return []
        row[-1] = seamed(b"}]}", (b"}",))
        return [row]

    encode = pieces.encoded

    def decode(self, rows: Iterable[bytes]) -> list[Conversation]:
        """The members of `conversations`, each as JSON."""
        loaded = (orjson.loads(row) for row in rows)
        return [decode.conversation_of_lines(row, row["messages"]) for row in loaded]


FORMAT = Combined()
