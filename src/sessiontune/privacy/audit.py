"""The gate: a second look at the very bytes that are about to be published.

It does not know what the redactor did. It scans files (JSONL, JSON, Markdown, TOML) as bytes. A row
in which its bytes show something is decoded and judged string by string, so that escapes neither
hide a secret nor pass for one. Texts that a format put side by side in one string are judged one by
one (`seams`), as they were redacted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson
from msgspec.structs import replace

from ..model import Finding
from ..seams import SEAM
from .detect import Detector
from .joined import LONG, Place, encoded, looked
from .options import PrivacyOptions
from .pseudonym import Pseudonyms, is_pseudonym
from .rules import Span
from .together import groups, laid
from .trees import hot, keyed_text, may_tell, within
from .vocabulary import Vocabulary
from .words import Names

#: Bytes scanned at once. Blocks end at line ends, so that no value is cut in two.
BLOCK = 8 << 20
#: A string to judge: its path in the row, the key it stands under ("" for none), the string.
_Look = tuple[str, str, str]


class Auditor:
    """Scans bytes before they are published. `salt` keys the fingerprints of findings: without a
    secret salt, a weak password could be guessed from its fingerprint."""

    def __init__(self, options: PrivacyOptions, vocabulary: Vocabulary, salt: bytes) -> None:
        self._marks = Pseudonyms(salt)
        allow = frozenset(text.encode() for text in options.allow)
        forced = PrivacyOptions(
            secrets=options.secrets, personal=options.personal, places=options.places
        )
        self._names = Names(vocabulary, options)
        self._detector = Detector(forced.layers(), self._stand_in, allow, self._named)

    def scan(self, data: bytes, where: str) -> list[Finding]:
        """The findings in a file's bytes; each names `where` and its line."""
        findings: list[Finding] = []
        at, line, counted = 0, 1, 0
        block = data
        while at < len(data):
            end = min(len(data), at + BLOCK)
            if end < len(data):
                cut = data.rfind(b"\n", at, end)
                end = cut + 1 if cut >= at else _next_line(data, end)
            del block  # frees its memory before the next block is cut
            block = data[at:end] if (at, end) != (0, len(data)) else data
            found = self._judged(block, self._raw_spans(block), 0)
            if found:
                line += data.count(b"\n", counted, at)
                counted = at
                findings.extend(_numbered(found, block, where, line))
            at = end
        return findings

    def scan_block(self, block: bytes, where: str, line: int = 1, after: int = 0) -> list[Finding]:
        """The findings in one block that end behind byte `after`; the block begins at line
        `line`."""
        return _numbered(self._judged(block, self._raw_spans(block), after), block, where, line)

    def _judged(
        self, block: bytes, spans: list[Span], after: int
    ) -> list[tuple[int, list[Finding]]]:
        """The findings of each line that has any, with the line's first byte. Lines of JSON are
        judged as values; elsewhere the spans stand as they are."""
        found: list[tuple[int, list[Finding]]] = []
        checked = -1
        for span in spans:
            if span.end <= after or span.start < checked:
                continue
            low = block.rfind(b"\n", 0, span.start) + 1
            high = _next_line(block, span.start)
            value = _json(block[low:high])
            if value is None:
                found.append((low, [self._finding("", span, block, low)]))
                continue
            checked = high
            mine: list[Finding] = []
            self._walk(value, mine)
            if mine:
                found.append((low, mine))
        return found

    def _raw_spans(self, block: bytes) -> list[Span]:
        return _with_names(self._detector.find(block), block, self._names.find(block))

    def _named(self, data: bytes) -> list[Span]:
        return _with_names([], data, self._names.find(data))

    def _walk(self, value: Any, findings: list[Finding]) -> None:
        """Judges all strings of a decoded row, each under its key, in few passes of the
        prefilter."""
        looks: list[_Look] = []
        size = 0
        for path, key, text in self._strings(value, findings):
            for one in text.split(SEAM):
                if len(one) > LONG:  # in pieces, so that not all of its hits are in memory at once
                    raw = encoded(one)
                    spans = self._raw_spans(raw)
                    findings.extend(self._finding(path, span, raw, 0) for span in spans)
                    continue
                looks.append((path, "", one))
                if key and 4 <= len(one) <= 4096 and hot(key):
                    looks.append((path, key, one))
                size += len(one)
            if size > LONG:
                self._judge(looks, findings)
                looks, size = [], 0
        self._judge(looks, findings)

    def _strings(self, value: Any, findings: list[Finding]) -> Iterator[_Look]:
        """The strings of a row, its keys, and numbers that `may_tell`. Structures (the arguments of
        a call) are also judged on the way, by `_beside`."""
        stack: list[tuple[str, str, Any, bool]] = [("", "", value, False)]
        while stack:
            path, key, item, inside = stack.pop()
            if isinstance(item, str):
                yield path, key, item
            elif inside and may_tell(key, item):
                told = json.dumps(item)
                yield path, "", f'"{key}": {told}'
                if not isinstance(item, list):
                    yield path, key, told
            elif isinstance(item, dict):
                for name, child in item.items():
                    yield f"{path}.<key>", "", name
                    structure = name in _STRUCTURES and isinstance(child, dict | list)
                    stack.append((f"{path}.{_plain(name)}", name, child, inside or structure))
                    if structure:
                        self._beside(f"{path}.{name}", child, findings)
            elif isinstance(item, list):
                stack.extend((f"{path}[{i}]", "", child, inside) for i, child in enumerate(item))

    def _judge(self, looks: list[_Look], findings: list[Finding]) -> None:
        texts = [keyed_text(key, text) if key else text for _, key, text in looks]
        joined = encoded("\x00".join(texts))
        for index, raw, hits, names in looked(self._detector, self._names.find, texts, joined):
            path, key, text = looks[index]
            spans = self._detector.find(raw, hits)
            if key:
                raw = encoded(text)
                spans = [
                    span
                    for span in within(spans, key, len(raw))
                    if not is_pseudonym(raw[span.start : span.end])
                ]
            else:
                spans = _with_names(spans, raw, names)
            findings.extend(self._finding(path, span, raw, 0) for span in spans)

    def _beside(self, path: str, value: Any, findings: list[Finding]) -> None:
        """Judges strings of a structure that must be read together (`together`)."""
        for group in groups(value):
            whole = laid(group)
            if whole is None:
                continue
            for _, _, spans in whole.within(self._detector.find(whole.text)):
                findings.extend(self._finding(path, s, whole.text, 0) for s in spans)

    def _finding(self, where: str, span: Span, data: bytes, low: int) -> Finding:
        return Finding(
            where=where,
            kind=span.kind,
            detector="audit",
            start=span.start - low,
            length=span.end - span.start,
            fingerprint=self._marks.fingerprint(data[span.start : span.end]),
        )

    def _stand_in(self, kind: str, shape: str, value: bytes) -> bytes:
        return self._marks.make(kind, "placeholder", value)


def _with_names(spans: list[Span], data: bytes, names: list[Place]) -> list[Span]:
    """The spans and the names in order, less names that are pseudonyms."""
    for start, end in names:
        if not is_pseudonym(data[start:end]):
            spans.append(Span(start, end, "name", "name", 1))
    spans.sort(key=lambda span: span.start)
    return spans


def _numbered(
    found: list[tuple[int, list[Finding]]], block: bytes, where: str, line: int
) -> list[Finding]:
    """The findings with their line numbers, which are counted only where something is found."""
    findings: list[Finding] = []
    seen = 0
    for low, mine in found:
        line += block.count(b"\n", seen, low)
        seen = low
        findings.extend(replace(one, where=f"{where}:{line}{one.where}") for one in mine)
    return findings


#: Keys of a row whose values were redacted as structures.
_STRUCTURES = ("arguments", "parameters")
_PLAIN_NAME = re.compile(r"[A-Za-z_]{1,32}")


def _plain(name: str) -> str:
    """A key as a report shows it: `<key>` in place of one that could be private itself."""
    return name if _PLAIN_NAME.fullmatch(name) else "<key>"


def _next_line(data: bytes, at: int) -> int:
    end = data.find(b"\n", at)
    return len(data) if end < 0 else end + 1


def _json(row: bytes) -> Any:
    """The row's value if it is a JSON object or array, else None."""
    text = row.strip().rstrip(b",")
    if text[:1] not in (b"{", b"["):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _with_halves(text)


def _with_halves(text: bytes) -> Any:
    """The value of a row with lone surrogates (`\\ud83d`), which orjson refuses, or None."""
    if b"\\ud" not in text.lower():
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
