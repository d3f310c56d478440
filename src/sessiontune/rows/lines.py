"""Messages with all that is known of them: the lines of `raw`, the messages of `combined`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from ..model import Image, Label, Text
from ..ports import Conversation, EncodeOptions
from .flat import flat
from .pieces import HEADS, Piece, dumps, instant

_KNOWN = b',"message_id":%b,"at":%b,%b,"labels":%b,"images":%b,"input_tokens":%d,"output_tokens":%d'


def lines(
    conversation: Conversation, options: EncodeOptions
) -> Iterator[tuple[bytes, bytes, bytes, bytes, bytes]]:
    """The session's own pieces with all that is known of them (`columns.OF_A_LINE`): the parts of
    an object without its closing brace, for `raw` a line each and for `combined` one list."""
    found = flat(conversation, options)
    if found.known is None:
        labels = _labels(conversation.labels)
        found.known = [_known(piece, labels) for piece in found.own]
    for piece, known in zip(found.own, found.known, strict=True):
        yield HEADS[piece.role], piece.text, b'"', piece.rest, known


def _labels(labels: Sequence[Label]) -> dict[str, bytes]:
    """Message -> the names of its labels, encoded."""
    named: dict[str, list[str]] = {}
    for label in labels:
        named.setdefault(label.message, []).append(label.name)
    return {message: dumps(",".join(names)) for message, names in named.items()}


def _known(piece: Piece, labels: dict[str, bytes]) -> bytes:
    message, result, usage = piece.message, piece.result, piece.message.usage
    if result is not None:
        images: Sequence[Image] = result.images
    elif len(message.parts) == 1 and type(message.parts[0]) is Text:
        images = ()
    else:
        images = [p for p in message.parts if type(p) is Image]
    return _KNOWN % (
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
