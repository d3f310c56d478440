"""`alpaca`: a single question with its answer, text only.

    {"instruction", "input": "", "output", "system", ...}

Only conversations of one prompt fit: a later question means little without what came before, so
conversations of several turns are left out and counted. Tool work between the question and the
answer is left out; the answer is all text that the model wrote in reply.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from ..ledger import add_counts
from ..model import Message, Text
from ..ports import Conversation, EncodeOptions
from ..rows import columns, decode
from ..rows.flat import flat
from ..rows.pieces import ESCAPED_GAP, LOSSES, count, dumps, encoded
from ..seams import joined


class Alpaca:
    """See the module's head."""

    name = "alpaca"
    filename = "{name}_conversations_alpaca.jsonl"
    separator = b"\n"
    declared_losses = (
        *LOSSES,
        "untrained_turn",
        "several_turns",
        "row_without_answer",
        "row_without_trained_answer",
    )

    def parts(
        self, conversation: Conversation, options: EncodeOptions, losses: dict[str, int]
    ) -> list[list[bytes]]:
        """One row, or none."""
        pieces, lost = flat(conversation, EncodeOptions(tools=False)).rendered()
        add_counts(losses, lost)
        prompts = [p for p in pieces if p.role == "user"]
        answers = [p for p in pieces if p.role == "assistant"]
        if not prompts or not answers:
            count(losses, "row_without_answer")
            return []
        if len(prompts) > 1 or pieces.index(prompts[0]) > pieces.index(answers[0]):
            count(losses, "several_turns")
            return []
        if not any(a.train for a in answers):
            count(losses, "row_without_trained_answer")
            return []
        if not all(a.train for a in answers):
            count(losses, "untrained_turn")
        systems = [p.text for p in pieces if p.role == "system"]
        row = [
            b'{"instruction":"',
            prompts[0].text,
            b'","input":"","output":"',
            joined(ESCAPED_GAP, [a.text for a in answers]),
            b'","system":"',
            joined(ESCAPED_GAP, systems) if systems else b"",
            b'",',
            dumps(columns.columns(conversation))[1:],
        ]
        return [row]

    encode = encoded

    def decode(self, rows: Iterable[bytes]) -> list[Conversation]:
        """Rows of ours or of others' Alpaca files, as conversations."""
        found = []
        for line in rows:
            row = orjson.loads(line)
            asked = "\n".join(filter(None, (row.get("instruction"), row.get("input"))))
            messages: list[Message] = []
            for role, text in (
                ("system", row.get("system")),
                ("user", asked),
                ("assistant", row.get("output")),
            ):
                if text:
                    messages.append(decode.message(len(messages), role, [Text(str(text))]))  # type: ignore[arg-type]
            found.append(decode.conversation(row, messages, None))
        return found


FORMAT = Alpaca()
