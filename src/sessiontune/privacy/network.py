"""Addresses of machines: public IPv4 and IPv6 addresses, hardware addresses."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

import base64
import ipaddress
from functools import lru_cache
from itertools import pairwise
from typing import Any

import re2

from .rules import Rule, left_edge, pattern, quick

_IPV4 = quick(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")
#: The first address of a range, right before the last one.
_FROM = quick(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}-\Z")


def _ipv4(data: bytes, hit: int) -> list[tuple[int, int]]:
    """The public IPv4 address around `hit`, if it is no version number and belongs to somebody."""
    floor = hit - 15 if hit > 15 else 0
    start = floor + len(data[floor:hit].rstrip(b"0123456789."))
    match = _IPV4.match(data, start, hit + 3)
    if match is None or not _public(match.group()):
        return []
    end, text = match.end(), match.group()
    before, after = data[start - 1 : start], data[end : end + 1]
    if not left_edge(data, start) or before in (b".", b"_"):
        return []
    if (
        before in (b"-", b"+")
        and (start > 1 and data[start - 2 : start - 1] not in (b"\n", b"n"))
        and not _FROM.search(data, max(0, start - 16), start)
    ):
        return []  # the dash is neither the sign of a diff nor of a range
    if (
        after.isalnum()
        or after == b"_"
        or (after == b"+" and data[end + 1 : end + 2].isdigit())  # Debian's: `17.0.21.1+2-1`
        or (after == b"-" and not _IPV4.match(data, end + 1, end + 16))
        or (after == b"." and data[end + 1 : end + 2].isdigit())
    ):
        return []
    if _drawn(data, start, end):
        return []
    near = data[max(0, start - 40) : start].lower()
    if _VERSION_WORDS.search(near) or (_small(text) and not _ADDRESS_WORDS.search(near[-24:])):
        return []
    return [(start, end)]


#: Four characters of base64 that encode digits and dots.
_CODED = r"[L-O][CDSTijyz][AEIMQUYcgk4][uw-z0-5]"
_CODED_RUN = quick(rf"(?:{_CODED})+(?:[L-O][CDSTijyz][AEIMQUYcgk4]=?|[L-O][AQgw](?:==)?)?")


def _coded(data: bytes, hit: int) -> list[tuple[int, int]]:
    """Base64 of nothing but a public IPv4 address, whose first characters end at `hit`."""
    start = hit - 12
    match = _CODED_RUN.match(data, start, start + 24)
    if match is None or not left_edge(data, start) or data[match.end() : match.end() + 1].isalnum():
        return []
    text = match.group().rstrip(b"=")
    plain = base64.b64decode(text + b"=" * (-len(text) % 4))
    return [match.span()] if _IPV4.fullmatch(plain) and _public(plain) else []


#: What no path of a drawing (SVG) holds; and how its numbers run into each other, as those of
#: addresses, times and versions never do: `1.06-.53`, `1-1.06-1.06`, `9v.5`, `3c-1`.
_NO_DRAWING = quick(r"[a-zA-Z]{2}|[^0-9.,\s+a-zA-Z-]")
_RUN_ON = re2.compile(rb"\d-\.\d|\d-\d*\.\d+-\d*\.\d|\d[achlmqstvACHLMQSTV](?:-\.?\d|\.\d)")
_SIGNS = (b" ", b",", b"-")


def _drawn(data: bytes, start: int, end: int) -> bool:
    """True for numbers of an SVG path, which may have no marks between them: `a.75.75 0 0 1 0`."""
    if data[start - 1 : start] not in _SIGNS and data[end : end + 1] not in _SIGNS:
        return False
    left, right = data[max(0, start - 40) : start], data[end : end + 40]
    sides = _NO_DRAWING.split(left)[-1], _NO_DRAWING.split(right)[0]
    return any(_RUN_ON.search(side) is not None for side in sides)


@lru_cache(maxsize=4096)
def _small(text: bytes) -> bool:
    """True for small numbers, as sections and versions have them and addresses rarely do."""
    parts = [int(octet) for octet in text.split(b".")]
    return max(parts[:3]) <= 20 or max(parts[1:]) <= 12


_ADDRESS_WORDS = pattern(r"ip|host|addr|inet|from|remote|server|peer|dns|ping|ssh|://|@")
_VERSION_WORDS = re2.compile(
    rb"(?:version(?:[_ -]?(?:number|string|name|code))?|@jls|\bver|release|\brev|\bv|\bv8|build|chrome|chromium|firefox|webkit|safari/|\bopr/|edg/|windows nt|[a-z]/|==|>=|<=|~=|"
    rb"\^|~|sections?|rfc|oid|figure|table|chapter|agent)[ =:\"'/v]*$|version(?:_number)? ?[:=]\s*\"$"
)


@lru_cache(maxsize=4096)
def _public(text: bytes) -> bool:
    octets = text.split(b".")
    parts = [int(octet) for octet in octets]
    if any(p > 255 for p in parts) or any(len(o) > 1 and o[:1] == b"0" for o in octets):
        return False
    if not ipaddress.IPv4Address(bytes(parts)).is_global or parts[0] >= 224 or parts[0] < 5:
        return False
    if len({b - a for a, b in pairwise(parts)}) == 1:
        return False  # 42.42.42.42, 12.34.56.78: made up
    if parts[:3] in ([192, 0, 0], [192, 88, 99]):
        return False  # reserved for protocols (192.0.0.0/24), and for relays of 6to4
    return text not in _KNOWN_IPS and not (parts[2] == 0 and parts[3] == 0)


#: Addresses of public name servers and of example.com: they say nothing about anybody.
_KNOWN_IPS = frozenset(
    b"8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 149.112.112.112 208.67.222.222 208.67.220.220 "
    b"4.2.2.1 4.2.2.2 1.2.3.4 169.254.169.254 168.63.129.16 100.100.100.200".split()
)


def _ipv6(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    before, after = data[start - 1 : start], data[end : end + 1]
    if (
        not left_edge(data, start)
        or before in (b":", b".", b"_")
        or after.isalnum()
        or after in (b":", b"_")
    ):
        return None
    try:
        address = ipaddress.IPv6Address(match.group(1).decode("ascii"))
    except ValueError:
        return None
    if not address.is_global or address.ipv4_mapped or (int(address) >> 125) != 1:
        return None
    if match.group(1).count(b":") < 3 or match.group(1).lower() in _KNOWN_IPV6:
        return None
    return start, end


_KNOWN_IPV6 = frozenset(
    b"2001:4860:4860::8888 2001:4860:4860::8844 2606:4700:4700::1111 2606:4700:4700::1001 "
    b"2620:fe::fe 2606:2800:220:1:248:1893:25c8:1946".split()
)


def _mac(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    value = match.group(1)
    before, after = data[start - 1 : start], data[end : end + 1]
    if (
        not left_edge(data, start)
        or before in (b":", b"-")
        or after.isalnum()
        or after in (b":", b"-")
    ):
        return None
    plain = bytes(c for c in value.lower() if c not in b":.- ")
    octets = [plain[i : i + 2] for i in range(0, 12, 2)]
    if (
        int(octets[0], 16) & 3
        or len(set(octets)) < 3
        or octets[:5] == [b"00", b"00", b"5e", b"00", b"53"]
    ):
        return None
    if b"." in value and (plain.isdigit() or plain.isalpha() or b"." in (before, after)):
        return None  # numbers or words
    steps = [(int(b, 16) - int(a, 16)) % 256 for a, b in pairwise(octets)]
    return None if len(set(steps)) == 1 else (start, end)


def _reversed(data: bytes, match: Any) -> tuple[int, int] | None:
    """An address in a name for reverse look-up: `4.3.2.1.in-addr.arpa`."""
    digits = match.group(1).replace(b".", b"")[::-1].ljust(32, b"0")
    address = ipaddress.IPv6Address(bytes.fromhex(digits.decode("ascii")))
    return match.span(1) if address.is_global and (int(address) >> 125) == 1 else None


#: Words before a hardware address without marks.
_MAC_WORDS = r"(?:\bmac(?:[ _-]?addr(?:ess)?)?(?: is)?|bssid|hwaddr|hardware (?:address|ethernet)|\bether|physical address)[\\\"' :=.]{1,40}"
_V6 = r"([0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7})"

RULES: tuple[Rule, ...] = (
    Rule(
        "ip",
        r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}",
        shape="ip",
        near=lambda data, end: not data[end : end + 1].isdigit(),  # only the hit on its last digit
        direct=_ipv4,
        rank=2,
    ),
    Rule("ip", rf"(?:{_CODED}){{3}}", direct=_coded, rank=2),
    Rule(
        "ipv6",
        r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{2}",
        _V6,
        _ipv6,
        "ipv6",
        window=(48, 48),
        rank=2,
    ),
    Rule(
        "mac",
        r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
        r"([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})",
        _mac,
        "mac",
        window=(24, 4),
        rank=2,
        faster=(
            r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}",
            r"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}",
            r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
        ),
    ),
    Rule(
        "mac",
        rf"(?i){_MAC_WORDS}[0-9a-f]{{2}} ?[0-9a-f]{{2}} ?[0-9a-f]{{2}}[ -]?[0-9a-f]{{2}}",
        rf"(?i){_MAC_WORDS}([0-9a-f]{{6}}-?[0-9a-f]{{6}}|[0-9a-f]{{2}}(?: [0-9a-f]{{2}}){{5}})",
        _mac,
        window=(64, 16),
        rank=2,
    ),
    Rule(
        "ipv6",
        r"\.ip6\.arpa",
        r"((?:[0-9a-f]\.){12,31}[0-9a-f])\.ip6\.arpa",
        _reversed,
        window=(80, 4),
        rank=3,
    ),
)
