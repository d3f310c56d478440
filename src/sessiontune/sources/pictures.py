"""Pictures by digest: the bytes are hashed, never kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from ..model import Image

#: A word of a log may be anything, and this one is published: only letters and few digits.
_MEDIA_TYPE = re.compile(r"[a-z]{1,12}/[a-z.+-]{1,80}\d{0,2}")


def picture(data: object, media_type: object) -> Image | None:
    """The `Image` of base64 `data`; None if the data or the type is not valid."""
    if not isinstance(data, str) or not isinstance(media_type, str):
        return None
    try:
        raw = base64.b64decode(data)
    except (binascii.Error, ValueError):
        return None
    kind = media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
    return Image(hashlib.blake2b(raw, digest_size=16).hexdigest(), kind, len(raw))


def picture_in(block: dict[str, Any]) -> Image | None:
    """The picture of a block as in Anthropic's API, or of one that holds the data itself."""
    source = block.get("source")
    held = source if isinstance(source, dict) else block
    kind = held.get("media_type") or held.get("mediaType") or held.get("mimeType")
    return picture(held.get("data"), kind)


def picture_of_url(url: object) -> Image | None:
    """The `Image` of a `data:` address; None for any other address."""
    if not isinstance(url, str) or not url.startswith("data:"):
        return None
    head, _, data = url[5:].partition(",")
    if not head.endswith(";base64"):
        return None
    return picture(data, head[: -len(";base64")])
