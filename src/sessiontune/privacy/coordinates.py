"""Coordinates: decimal numbers under a name for them, in addresses of maps, as degrees and minutes.

Two numbers alone may be a point of anything. They are a place behind a word (latitude, GPS, GeoJSON's
`coordinates`), in the address of a map, or with N, S, E or W behind degrees.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .rules import Rule, left_edge, pattern, quick

_DECIMAL = r"-?\d{1,3}\.\d{4,15}"
_NAMED = (
    r"(?i)(m?lat(?:itude)?|lng|m?lon(?:g(?:itude)?)?)(?:_?(?:deg(?:rees)?|dd|[0-9])|_(?:home|work|house|office))?"
    r"[\\\"'\]]{0,6}[ ]?(?:[:=]|%3A|=>)[ ]?[\[({\\\"']{0,4}"
)


def _named(data: bytes, match: Any) -> tuple[int, int] | None:
    """The number of `latitude: ...`, `startLng=...`, but not behind other words (`flat`, `relation`)."""
    start, end = match.span(2)
    word = match.group(1)
    before = data[match.start() - 1 : match.start()]
    if before.isalpha() and not (
        (before.islower() and word[:1].isupper())
        or data[match.start() - 2 : match.start() - 1] == b"\\"
    ):
        return None
    number = float(match.group(2))
    if abs(number) > 180 or abs(number) < 0.1 or data[end : end + 1].isdigit():
        return None
    if word.lower() == b"long":  # may be a type or a size
        near = data[max(0, start - 90) : end + 60].lower()
        if b"lat" not in near:
            return None
    return start, end


def is_degree(value: bytes) -> bool:
    """True for a number that is written as the degrees of a place are."""
    return _A_DEGREE.match(value, 0, len(value)) is not None and 0.1 <= abs(float(value)) <= 180


_A_DEGREE = quick(rf"{_DECIMAL}\Z")
_PLACE_WORDS = re2.compile(
    rb"(?i)\blat(?:itude|[^a-z]|lng|lon)|\blon(?:gitude|[^a-z])|latlng|gps|[ck]oord|geo|location|localisation|standort|ubicaci|posizione"
)
_MORE = quick(r" ?, ?-?\d+\.\d")
_PAIR = rf"({_DECIMAL})(?:, ?|%2C|%20| |/|;)({_DECIMAL})"


def _pair(data: bytes, hit: int) -> list[tuple[int, int]]:
    """Two numbers with a comma between, behind words for a place."""
    found = _both(data, max(0, hit - 48), hit)
    if not found or _MORE.match(data, found[1][1], found[1][1] + 8):  # a longer row of numbers
        return []
    begin = found[0][0]
    if not _PLACE_WORDS.search(data, max(0, begin - 40), begin):
        return []
    area = _LISTED.search(data, max(0, begin - 90), begin)
    return [] if area and _is_region(data, area.end(), _points(data, area.end())) else found


def _mapped(data: bytes, hit: int) -> list[tuple[int, int]]:
    """The two numbers in the address of a map."""
    return _both(data, max(0, hit - 8), hit)


def _both(data: bytes, low: int, hit: int) -> list[tuple[int, int]]:
    match = pattern(_PAIR).search(data, low, min(len(data), hit + 40))
    if match is None or match.start() > hit:
        return []
    if not left_edge(data, match.start()) or data[match.end() : match.end() + 1].isdigit():
        return []
    size = [abs(float(match.group(n))) for n in (1, 2)]
    if min(size) < 0.1 or max(size) > 180 or min(size) > 90 or max(size) < 1:
        return []
    return [match.span(1), match.span(2)]


#: Where the points of a GeoJSON area begin.
_LISTED = quick(r"\"coordinates\\*\": ?\[(?=\s{0,60}\[)")
_NUMBER = r"-?\d{1,3}(?:\.\d{1,15})?"
_HEIGHT = r"-?\d+(?:\.\d+)?"
#: A point with its brackets: `8.68 50.11` of WKT, `[8.68, 50.11]`.
_POINT = quick(
    rf"[\s\[\](,]{{0,90}}+({_NUMBER})(?:[ ]({_NUMBER})(?:[ ]{_HEIGHT})?|,\s{{0,60}}+({_NUMBER})(?:,\s{{0,60}}+{_HEIGHT})?)[\s\])]{{0,90}}+"
)


def _line(data: bytes, hit: int) -> list[tuple[int, int]]:
    """All points of a line or an area, in WKT (`LINESTRING(8.68 50.11, ...)`) or GeoJSON (`[[8.68, 50.11], ...]`)."""
    found = _points(data, hit)
    if _is_region(data, hit, found):
        return []
    return [(low, high) for low, high in found if is_degree(data[low:high])]


def _points(data: bytes, hit: int) -> list[tuple[int, int]]:
    """The places of the numbers of a row of points: first one, then the other of each point."""
    found: list[tuple[int, int]] = []
    at = hit
    while len(found) < 20000 and (point := _POINT.match(data, at, at + 300)):
        found += point.span(1), point.span(point.lastindex or 0)
        at = point.end()
    return found


def _is_region(data: bytes, hit: int, found: list[tuple[int, int]]) -> bool:
    """True for an area of half a degree (50 km) and more each way: a country or a district, nobody's
    plot. A line may be a way home, however long it is."""
    end = found[-1][1] if found else hit
    if not (_AREA.search(data, max(0, hit - 120), hit) or _AREA_BEHIND.match(data, end, end + 300)):
        return False
    numbers = [float(data[low:high]) for low, high in found]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    begin = 0
    while begin < len(points):
        try:
            end = points.index(points[begin], begin + 1)
        except ValueError:
            return False
        ring = points[begin : end + 1]
        if all(max(axis) - min(axis) >= 0.5 for axis in zip(*ring, strict=True)):
            return True
        begin = end + 1
    return False


#: GeoJSON's or WKT's word for an area, right before its points or behind them.
_AREA = quick(r"(?i)polygon[^\w{}]{0,60}(?:coordinates[^\w{}]{0,60})?\Z")
_AREA_BEHIND = quick(r"[\]\s]{3,250},\s{0,40}\\*\"type\\*\": ?\\*\"(?:Multi)?Polygon")


_DEGREE = r"(?:\xc2\xb0|\xc2\xba|\\+u00b0|&deg;| ?deg)"
_MINUTE = r"(?:\\?'|\xe2\x80\xb2|\xe2\x80\x99|\\+u2032|\\+u2019|&#39;|&prime;)"
_SECOND = r"(?:\\*\"|''|\xe2\x80\xb3|\xe2\x80\x9d|\\+u2033|\\+u201[cd]|&quot;|&Prime;)"
_ANGLE = rf"\d{{1,3}}{_DEGREE} ?\d{{1,2}}(?:[.,]\d{{1,7}})? ?{_MINUTE}(?: ?\d{{1,2}}(?:[.,]\d{{1,7}})? ?{_SECOND})?"
#: Degrees and minutes with N, S, E or W.
_DEGREES = rf"(\b[NSEW] ?{_ANGLE}|{_ANGLE} ?[NSEWO]\b)"


def _whole(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return (start, end) if left_edge(data, start) else None


def _rule(anchor: str, exact: str, check: Any, shape: str, before: int, after: int) -> Rule:
    return Rule("gps", anchor, exact, check, shape, window=(before, after), rank=1)


def _direct(anchor: str, find: Any) -> Rule:
    return Rule("gps", anchor, shape="degree", direct=find, rank=1)


RULES: tuple[Rule, ...] = (
    _rule(
        _NAMED.replace("(m?lat", "(?:m?lat", 1) + r"-?\d{1,3}\.\d{4}",
        rf"{_NAMED}({_DECIMAL})",
        _named,
        "degree",
        64,
        24,
    ),
    _direct(r"\d\.\d{4,15}, ?-?\d{1,3}\.\d{4}", _pair),
    _direct(
        r"(?:(?i:\bpoint) ?Z? ?\(|\bGEO:(?:geo:)?|#map=\d{1,2}/|[?&](?:q|ll|sll|center|daddr|saddr|query|destination|origin|loc)=(?:loc:)?|/@|(?i:gps)(?: (?:position|location|coordinates))? ?[:=]? ?|!3d)-?\d{1,3}\.\d{3}",
        _mapped,
    ),
    _direct(
        r"(?:LINESTRING|POLYGON|MULTIPOINT)[ ]?(?:Z[ ]?|M[ ]?)?\({1,3}|\"coordinates\\*\": ?\[",
        _line,
    ),
    _rule(
        rf"{_DEGREE} ?\d{{1,2}}(?:[.,]\d{{1,7}})? ?{_MINUTE}",
        _DEGREES,
        None,
        "placeholder",
        28,
        28,
    ),
    _rule(
        rf"\d ?{_DEGREE} ?[NSEW]\b",
        rf"(-?\d{{1,3}}\.\d{{3,8}}) ?{_DEGREE} ?[NSEW]\b",
        _whole,
        "degree",
        36,
        4,
    ),
    _rule(
        r"\$G[PNLA](?:GGA|RMC|GLL|GNS),[0-9.,AV]{0,16}\d",
        r"\$G[PNLA](?:GGA|RMC|GLL|GNS),(?:[0-9.]{0,12},)?(?:[AV],)?(\d{4}\.\d{2,8},[NS],\d{5}\.\d{2,8},[EW])",
        _whole,
        "placeholder",
        32,
        48,
    ),
)
