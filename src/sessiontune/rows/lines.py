"""Messages with all that is known of them: the lines of `raw`, the messages of `combined`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model import Image, Label, Text
from ..ports import Conversation, EncodeOptions
from .pieces import Piece, dumps, flat, instant


def lines(conversation: Conversation, options: EncodeOptions) -> list[bytes]:
    """The session's own pieces with all that is known of them (`columns.OF_A_LINE`), encoded,
    without braces: what `raw` writes a line each and `combined` in one list."""
    found = flat(conversation, options)
    if found.lines is None:
        labels = _labels(conversation.labels)
        found.lines = [
            b"".join((p.core, b",", dumps(_details(p, labels))[1:-1])) for p in found.own
        ]
    return found.lines


def _labels(labels: Sequence[Label]) -> dict[str, str]:
    named: dict[str, list[str]] = {}
    for label in labels:
        named.setdefault(label.message, []).append(label.name)
    return {message: ",".join(names) for message, names in named.items()}


def _details(piece: Piece, labels: dict[str, str]) -> dict[str, Any]:
    message, result, usage = piece.message, piece.result, piece.message.usage
    if result is not None:
        images = result.images
    elif len(message.parts) == 1 and type(message.parts[0]) is Text:
        images = ()
    else:
        images = tuple(p for p in message.parts if isinstance(p, Image))
    return {
        "kind": message.kind,
        "status": result.status if result is not None else "",
        "message_id": message.id,
        "at": instant(message.at),
        "model": message.model,
        "vendor": message.vendor,
        "train": piece.train,
        "labels": labels.get(message.id, ""),
        "images": dumps([_image(i) for i in images]).decode() if images else "",
        "input_tokens": usage.input + usage.cache_read + usage.cache_write if usage else 0,
        "output_tokens": usage.output if usage else 0,
    }


def _image(image: Image) -> dict[str, Any]:
    return {"digest": image.digest, "media_type": image.media_type, "bytes": image.bytes}
