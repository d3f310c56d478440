"""Messages with all metadata: the lines of `raw`, the messages of `combined`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ..model import Image, Label, Text
from ..ports import Conversation, EncodeOptions
from .flat import flat
from .pieces import HEADS, Piece, dumps, instant


def lines(conversation: Conversation, options: EncodeOptions) -> list[tuple[bytes, ...]]:
    """The session's own pieces with all metadata (`columns.OF_A_LINE`), each as the parts of an
    object without its closing brace: a line of `raw`, an entry of `combined`."""
    found = flat(conversation, options)
    if found.known is None:
        labels = _labels(conversation.labels)
        found.known = [_known(piece, labels) for piece in found.own]
    return [
        (HEADS[piece.role], piece.text, b'"', piece.rest, *known)
        for piece, known in zip(found.own, found.known, strict=True)
    ]


def _labels(labels: Sequence[Label]) -> dict[str, str]:
    """Message -> the names of its labels."""
    named: dict[str, list[str]] = {}
    for label in labels:
        named.setdefault(label.message, []).append(label.name)
    return {message: ",".join(names) for message, names in named.items()}


def _known(piece: Piece, labels: dict[str, str]) -> tuple[bytes, bytes, bytes]:
    message, result, usage = piece.message, piece.result, piece.message.usage
    if result is not None:
        images: Sequence[Image] = result.images
    elif len(message.parts) == 1 and type(message.parts[0]) is Text:
        images = ()
    else:
        images = [p for p in message.parts if type(p) is Image]
    kept = _repeated(
        message.kind,
        result.status if result is not None else "",
        message.model,
        message.vendor,
        piece.train,
        labels.get(message.id, ""),
        dumps([_image(i) for i in images]).decode() if images else "",
    )
    tokens = (usage.input + usage.cache_read + usage.cache_write, usage.output) if usage else (0, 0)
    return (
        b',"message_id":%b,"at":%b' % (dumps(message.id), dumps(instant(message.at))),
        kept,
        b',"input_tokens":%d,"output_tokens":%d' % tokens,
    )


@lru_cache(maxsize=256)
def _repeated(
    kind: str, status: str, model: str, vendor: str, train: bool, labels: str, images: str
) -> bytes:
    """What most messages have in common. The same object, so that the gate reads it once."""
    known = {
        "kind": kind,
        "status": status,
        "model": model,
        "vendor": vendor,
        "train": train,
        "labels": labels,
        "images": images,
    }
    return b"," + dumps(known)[1:-1]


def _image(image: Image) -> dict[str, Any]:
    return {"digest": image.digest, "media_type": image.media_type, "bytes": image.bytes}
