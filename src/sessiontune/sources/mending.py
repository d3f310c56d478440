"""Values of damaged lines: what can be mended is mended, what cannot is a fault."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from ..ledger import Ledger
from ..model import Fault
from .lines import BOM

S = TypeVar("S", bound=msgspec.Struct)

#: Most levels of a value: deeper ones break later encoders, and no tool takes such arguments.
MAX_DEPTH = 100

_INT_MIN, _INT_MAX = -(1 << 63), (1 << 64) - 1


class LineFault(Exception):
    """A value that cannot be used; `reason`: that of the fault. Never leaves the reader."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def values(
    line: bytes | memoryview, ledger: Ledger, listed: bool = False
) -> list[dict[str, Any] | LineFault]:
    """Every JSON value of a line that the fast decoder rejected, mended if possible; of the array
    that it is if it is `listed`, whose end may be missing.

    Each entry is an object, or the fault of a value that is not. Repairs are counted once per
    line and kind: `bom`, `nul`, `invalid_utf8`, `lone_surrogate`, `glued`, `number`.
    """
    raw, repairs = bytes(line), set[str]()
    if raw.startswith(BOM):
        raw = raw[3:]
        repairs.add("bom")
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"")
        repairs.add("nul")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
        repairs.add("invalid_utf8")
    text = text.strip(" \t\r\n")
    found = _split(text.removeprefix("[").removesuffix("]") if listed else text, repairs, listed)
    for kind in sorted(repairs) if any(isinstance(v, dict) for v in found) else ():
        ledger.repair(kind)
    return found


#: What opens, closes or hides brackets in JSON.
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*+("?)|[][{}]', re.DOTALL)


def saved(raw: bytes) -> dict[str, Any] | None:
    """What can be told of an object whose end is missing: all before the last element that is whole
    of a list in it. None if there is none."""
    text = raw.decode("utf-8", "replace")
    opened, end = list[str](), 0
    for found in _MARKS.finditer(text):
        mark = found[0][:1]
        if mark == '"' and not found[1]:  # the end is missing within a text
            break
        if mark in "[{":
            opened.append(mark)
        elif mark in "]}":
            if not opened or opened.pop() + mark not in ("[]", "{}"):
                break
            if opened == ["{", "["]:
                end = found.end()
    whole = values(text[:end].encode() + b"]}", Ledger()) if end else []
    return whole[0] if len(whole) == 1 and isinstance(whole[0], dict) else None


def single(found: list[dict[str, Any] | LineFault]) -> dict[str, Any] | LineFault:
    """The only value that `values` found, or the fault if there is no such object."""
    if len(found) == 1:
        return found[0]
    return next((v for v in found if isinstance(v, LineFault)), LineFault("bad_json"))


def _integer(digits: str) -> int | str:
    """An integer; above a thousand digits (Python rejects 4,301) the digits as text."""
    return int(digits) if len(digits) < 1000 else digits


_DECODER = json.JSONDecoder(strict=False, parse_int=_integer)
#: Most records without an end on one line, after which others are looked for.
_MOST_CUTS = 10


def _split(text: str, repairs: set[str], listed: bool) -> list[dict[str, Any] | LineFault]:
    found: list[dict[str, Any] | LineFault] = []
    between = " \t\r\n," if listed else " \t\r\n"
    at = len(text) - len(text.lstrip(between))
    cuts: list[int] = []  # numbers of values up to each that has no end
    while 0 <= at < len(text):
        try:
            value, at = _DECODER.raw_decode(text, at)
            found.append(_checked(value, repairs))
        except RecursionError:
            found.append(LineFault("too_deep"))
            break
        except json.JSONDecodeError as error:
            found.append(LineFault("bad_json"))
            cuts.append(len(found))
            at = _begins_anew(text, at, error.pos) if len(cuts) < _MOST_CUTS else -1
        except LineFault as fault:
            found.append(fault)
        while 0 <= at < len(text) and text[at] in between:
            at += 1
    if cuts and isinstance(found[-1], LineFault):
        del found[cuts[0] :]  # what may be a quotation in the first of them
    if len(found) > 1 and not listed:
        repairs.add("glued")
    return found or [LineFault("bad_json")]


#: The rest of a word, a number or an escape that was cut, and the beginning of another record.
_ANEW = re.compile(r"""\\?[\w.+-]{0,9}(?=\{")""")


def _begins_anew(text: str, start: int, wrong: int) -> int:
    """Where a record begins within the one from `start`, whose end was never written; -1 for
    nowhere. JSON is `wrong` just there: a text that was cut ends with the first quotation mark of
    the other record, as one within a text has a backslash before it. So what the record itself
    holds, or quotes, is never taken for another."""
    if text.startswith('{"', wrong - 2) and wrong - 2 > start:
        return wrong - 2
    rest = _ANEW.match(text, wrong)
    return rest.end() if rest is not None and rest.end() > start else -1


def _checked(value: Any, repairs: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LineFault("not_an_object")
    mended: dict[str, Any] = mend(value, repairs)
    return mended


def mend(value: Any, repairs: set[str] | None = None, depth: int = 0) -> Any:
    """The value without lone surrogates, numbers that JSON or msgpack cannot carry, or depth.

    An integer of more than 64 bits becomes a string of its digits (nothing is lost), NaN and
    the infinities become null. Raises LineFault("too_deep") past MAX_DEPTH levels.
    """
    kind = type(value)
    if kind is str:
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            if repairs is not None:
                repairs.add("lone_surrogate")
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return value
    if kind is dict or kind is list:
        if depth > MAX_DEPTH:
            raise LineFault("too_deep")
        if kind is list:
            return [mend(item, repairs, depth + 1) for item in value]
        return {mend(k, repairs): mend(v, repairs, depth + 1) for k, v in value.items()}
    if (kind is int and not _INT_MIN <= value <= _INT_MAX) or (
        kind is float and not math.isfinite(value)
    ):
        if repairs is not None:
            repairs.add("number")
        return str(value) if kind is int else None
    return value


def fitted(kind: type[S], value: dict[str, Any]) -> S:
    """A record of what fits of an object; an odd field counts as absent."""
    made = kind()
    for name, field, take in _fields(kind):
        given = value.get(name)
        told = take(given) if given is not None else None
        if told is not None:
            setattr(made, field, told)
    return made


@cache
def _fields(kind: type[msgspec.Struct]) -> list[tuple[str, str, Callable[[Any], Any]]]:
    """Name in JSON and in Python of each field, and what fits of a value in it."""
    return [(f.encode_name, f.name, _taker(f.type)) for f in msgspec.structs.fields(kind)]


def _taker(wanted: Any) -> Callable[[Any], Any]:
    """What fits of a value: of an object what fits of its fields, of a list its items that fit."""
    kinds = get_args(wanted) or (wanted,)
    if msgspec.Raw in kinds:
        return raw_json
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return lambda value: fitted(kind, value) if isinstance(value, dict) else None
        if get_origin(kind) is list:
            return _items(*get_args(kind))

    def convert(value: Any) -> Any:
        try:
            return msgspec.convert(value, wanted)
        except msgspec.ValidationError:
            return None

    return convert


def _items(wanted: Any) -> Callable[[Any], list[Any] | None]:
    """The items of a list that fit; where None is one of them, it stands for those that do not."""
    take, some = _taker(wanted), NoneType in get_args(wanted)

    def listed(value: Any) -> list[Any] | None:
        if not isinstance(value, list):
            return None
        return [told for told in map(take, value) if some or told is not None]

    return listed


def raw_json(value: Any) -> msgspec.Raw:
    """The value as JSON that is not decoded yet; nothing if JSON has no form for it."""
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError, ValueError):
        return msgspec.Raw()


def plain(arguments: dict[str, Any]) -> bool:
    """Whether a decoded object holds only scalars of small range, and so needs no mending."""
    for value in arguments.values():
        kind = type(value)
        if (
            kind is not str
            and kind is not bool
            and not (kind is int and _INT_MIN <= value <= _INT_MAX)
            and value is not None
        ):
            return False
    return True


def line_fault(fault: LineFault, path: str, number: int, line: bytes | memoryview) -> Fault:
    """The fault of one value: its place, never its content."""
    reason, raw = fault.reason, bytes(line)
    if reason == "bad_json" and not raw.rstrip().endswith((b"}", b"]")):
        reason = "truncated_line"
    return Fault(reason=reason, file=path, line=number, detail=f"{len(raw)} bytes")
