"""Whose key a bare `key` is: a section, a block or an address around it names the service.

`key: V` names anything; in `[acme]`, below `acme:`, in `acme: {...}` or in an address of
`api.acme.com` it is Acme's key, and is judged as `acme_key` is.
"""

from __future__ import annotations

from .keynames import vendor_of
from .rules import quick

#: How far before a name its block may begin, and the longest line that is a head, in bytes.
_FAR, _HEAD = 400, 80
_LINE_END = quick(r"\r?\n|(?:\\+r)?\\+n")
#: What may stand before the name on its line: an indent, a list's dash, a quote.
_INDENT = quick(r"(?:[ \t]|\\+t)*(?:- )?(?:\\*[\"'`])?\Z")
_SECTION = quick(r"(?:^[ \t]*|\")\[{1,2}[^\[\]]{2,60}\]{1,2}[ \t]*\Z")
#: `acme: { on: 1, ` and `https://api.acme.com/x?on=1&`
_OPENED = quick(r"([\w.-]{2,40})(?:\\*[\"'`])?[ ]?(?:[:=]>?[ ]?)?[{\[(][^{}\[\]()]{0,160}\Z")
_ADDRESS = quick(r"//([\w.-]{4,80})(?::\d{1,5})?/[^\s\"'`<>?]{0,160}\?(?:[^\s\"'`<>?]{0,160}&)?\Z")


def vendor_around(data: bytes, at: int) -> bytes | None:
    """The vendor whose block or address the name at `at` stands in, or None."""
    *above, line = _LINE_END.split(data[max(0, at - _FAR) : at])
    inside = _OPENED.search(line) or _ADDRESS.search(line)
    if inside:
        return vendor_of(inside[1])
    head = _head(above, line) if _INDENT.match(line) else b""
    return vendor_of(head.strip()) if 0 < len(head) <= _HEAD else None


def _head(above: list[bytes], line: bytes) -> bytes:
    """The line that opens the block of `line`: the last one with less indent, or the section's."""
    depth = _depth(line)
    for other in reversed(above):
        if other.strip() and (_depth(other) < depth or _SECTION.search(other)):
            return other
    return b""


def _depth(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" \t-"))
