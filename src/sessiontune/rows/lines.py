"""Messages with all that is known of them: the lines of `raw`, the messages of `combined`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from ..model import Image, Label, Text
from ..ports import Conversation, EncodeOptions
from .pieces import KEEP, Piece, dumps, flat, instant

_LINE = (
    b'%b,"message_id":%b,"at":%b,%b,"labels":%b,"images":%b,"input_tokens":%d,"output_tokens":%d'
)


def lines(conversation: Conversation, options: EncodeOptions) -> Iterable[bytes]:
    """The session's own pieces with all that is known of them (`columns.OF_A_LINE`), encoded,
    without braces: what `raw` writes a line each and `combined` in one list."""
    found = flat(conversation, options)
    labels = _labels(conversation.labels)
    if found.size > KEEP:
        return (_line(piece, labels) for piece in found.own)
    if found.lines is None:
        found.lines = [_line(piece, labels) for piece in found.own]
    return found.lines


def _labels(labels: Sequence[Label]) -> dict[str, bytes]:
    """Message -> the names of its labels, encoded."""
    named: dict[str, list[str]] = {}
    for label in labels:
        named.setdefault(label.message, []).append(label.name)
    return {message: dumps(",".join(names)) for message, names in named.items()}


def _line(piece: Piece, labels: dict[str, bytes]) -> bytes:
    message, result, usage = piece.message, piece.result, piece.message.usage
    if result is not None:
        images: Sequence[Image] = result.images
    elif len(message.parts) == 1 and type(message.parts[0]) is Text:
        images = ()
    else:
        images = [p for p in message.parts if type(p) is Image]
    return _LINE % (
        piece.core,
        dumps(message.id),
        dumps(instant(message.at)),
        _kind(
            message.kind,
            result.status if result is not None else "",
            message.model,
            message.vendor,
            piece.train,
        ),
        labels.get(message.id, b'""'),
        dumps(dumps([_image(i) for i in images]).decode()) if images else b'""',
        usage.input + usage.cache_read + usage.cache_write if usage else 0,
        usage.output if usage else 0,
    )


@lru_cache(maxsize=1024)
def _kind(kind: str, status: str, model: str, vendor: str, train: bool) -> bytes:
    """What most lines share with others."""
    shared = {"kind": kind, "status": status, "model": model, "vendor": vendor, "train": train}
    return dumps(shared)[1:-1]


def _image(image: Image) -> dict[str, Any]:
    return {"digest": image.digest, "media_type": image.media_type, "bytes": image.bytes}
