"""Marks: what the search for near-duplicates keeps of a session, and how two are compared.

A `Mark` is a few hundred bytes: an exact digest, a MinHash sketch of word pairs, and hashes of
the longer messages ("anchors"). Marks of all shards meet in `steps.dedupe.decide`, so nothing here
may depend on other sessions.

Sources of the numbers: MinHash with 128 permutations in 32 bands of 4 rows finds every pair of
true Jaccard >= .7, and verification of the estimate at .55 keeps precision at 1.0 (measured for
this project with `rensa`). MinHash alone misses a resumed copy that has grown to three times the
length (Jaccard about .33): anchors find it, because two sessions that share one long answer word
for word are copies, not coincidence.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from itertools import starmap
from typing import get_args

import msgspec

from .model import Message, Role, Text, Thinking, ToolCall, ToolResult

PERMUTATIONS = 128
BANDS = 32
ROWS = PERMUTATIONS // BANDS
SEED = 42
#: Characters of one session that are hashed, of one tool argument, and of one tool result.
TEXT_CAP = 200_000
ARGUMENT_CAP = 2_000
RESULT_CAP = 256
#: A message with less text than this, white space apart, is no anchor by itself ("continue",
#: "Done."); a run of them that ends in an answer is one.
ANCHOR_CHARS = 132
#: Anchors kept per session: the smallest hashes, so that samples of two sessions are comparable.
ANCHORS = 256
#: Two sessions are relatives if what they share makes up this share of the smaller one.
CONTAINED = 0.5

_ANCHOR = struct.Struct("<QI")
_SKETCH = struct.Struct(f"<{PERMUTATIONS}I")
_HIGH = int.from_bytes(b"\0\0\0\x80" * PERMUTATIONS, "little")
_LOW = int.from_bytes(b"\xff\xff\xff\x7f" * PERMUTATIONS, "little")
_ANSWER_BIT = 1
_RUN_BIT = 2
_SPACE = b" \t\n\r\f\v"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What `decide` knows of one session.

    digest    hash over roles and whole content; equal digest means equal content
    minhash   128 little-endian u32 of the session's own text, or None where it has no words
    anchors   sorted (u64 hash, u32 length) of longer messages; the lowest bit of the hash is set
              for a model's answer, the next one for a run of short messages
    at        newest timestamp (ISO-8601 UTC), or ""
    size      characters of the session's own content
    forked_from  key of the session whose messages this branch repeats
    family    names that tie sessions together whatever their text: the agent program's own session
              id (sub-agents carry their parent's) and the key of the session that started it
    """

    key: str
    thread: str
    lineage: str
    digest: str
    project: str = ""
    at: str = ""
    size: int = 0
    minhash: bytes | None = None
    anchors: bytes = b""
    forked_from: str | None = None
    family: tuple[str, ...] = ()


class Look(msgspec.Struct):
    """What one reading of the messages of a session gives.

    digest    exact, of roles and content (thinking included)
    size      characters of that content
    texts     what MinHash sees: prose and calls, results cut short, about `TEXT_CAP` characters
    anchors   hash -> characters of the longer prompts and answers, and of runs of shorter ones
    """

    digest: str
    size: int
    texts: list[str]
    anchors: dict[int, int]


def look(messages: Iterable[Message]) -> Look:
    """Read messages once, for all that a mark holds of them."""
    h = hashlib.sha256()  # which processors compute in hardware
    size, room = 0, TEXT_CAP
    texts: list[str] = []
    found: dict[int, int] = {}
    run = _Run()
    for message in messages:
        if message.kind == "notice":
            continue
        seeing = room > 0
        # Piece by piece: Python has kept the UTF-8 of non-ASCII texts since they were written.
        raw = [_BEGIN[message.role]]
        said: list[str] = []
        for part in message.parts:
            kind = type(part)
            if kind is ToolCall:
                leaves = [part.name]  # type: ignore[union-attr]
                _leaves(part.arguments, leaves)  # type: ignore[union-attr]
                raw += [leaf.encode("utf-8", "replace") for leaf in leaves]
                size += sum(map(len, leaves))
                if seeing:
                    if max(map(len, leaves)) > ARGUMENT_CAP:
                        leaves = [leaf[:ARGUMENT_CAP] for leaf in leaves]
                    texts += leaves
                    room -= len(leaves[-1])
                continue
            shown = None
            if kind is ToolResult:
                text = part.content  # type: ignore[union-attr]
                shown = text[:RESULT_CAP]
            elif kind is Text:
                text = part.text  # type: ignore[union-attr]
                shown = text[:room]
                said.append(text)
            else:
                text = part.text if kind is Thinking else part.digest  # type: ignore[union-attr]
            raw.append(text.encode("utf-8", "replace"))
            size += len(text)
            if seeing and shown is not None:
                texts.append(shown)
                room -= len(shown)
        h.update(b"\x1f".join(raw))
        if said and message.role in ("user", "assistant"):
            _anchor(message.role == "assistant", said, run, found)
    return Look(h.hexdigest()[:32], size, _capped(texts), found)


#: How a message begins in the digest.
_BEGIN = {role: f"\x1e{role}".encode() for role in get_args(Role)}


def _leaves(value: object, out: list[str]) -> None:
    """Append every string of a JSON value in document order, keys included; scalars as text."""
    if type(value) is dict:
        for name, inner in value.items():
            out.append(str(name))
            if type(inner) is str:
                out.append(inner)
            else:
                _leaves(inner, out)
    elif isinstance(value, str):
        out.append(value)
    elif isinstance(value, list | tuple):
        for inner in value:
            _leaves(inner, out)
    else:
        out.append(str(value))


def _capped(texts: list[str]) -> list[str]:
    """At least one text, and together no longer than the cap allows."""
    if _length(texts) <= _MOST:
        return texts or [""]
    return ["\n".join(texts)[:_MOST]]


#: Characters that MinHash sees at most.
_MOST = TEXT_CAP + ARGUMENT_CAP


def _length(texts: list[str]) -> int:
    """Characters of the texts with a line end between."""
    return sum(map(len, texts)) + len(texts) - 1


def sketch(texts: list[str]) -> bytes | None:
    """MinHash of the word pairs of texts as 512 bytes, or None where there are no words.

    Pairs and not longer runs: a copy in which every seventh word was changed still passes the
    threshold, and on real logs no more groups are joined than with runs of three. Text without
    spaces (Chinese, Japanese, minified code) is taken character by character.
    """
    from rensa import RMinHash

    words: list[str] = []
    for text in texts:
        words += text.split()
    if not words:
        return None
    if len(words) * 20 < _length(texts):
        words = list("\n".join(texts))
    minhash = RMinHash(PERMUTATIONS, SEED)
    # zip reuses one tuple; pairwise makes a new one for each pair.
    pairs = map(" ".join, zip(words, words[1:], strict=False))  # noqa: RUF007
    minhash.update(pairs if len(words) > 1 else words)
    return _SKETCH.pack(*minhash.digest())


class _Run(msgspec.Struct):
    """Short prompts and answers in a row: text and length; the first `counted` are counted."""

    said: list[tuple[bytes, int]] = []
    counted: int = 0


def _anchor(answer: bool, said: list[str], run: _Run, found: dict[int, int]) -> None:
    """Add the hash of a prompt or an answer that is long enough; for a shorter answer that of as
    many short messages up to it as are long enough together."""
    text = said[0] if len(said) == 1 else "".join(said)
    # Copies may differ in white space. Only ASCII's is stripped: the rest is the same in both.
    spaced = text.encode("utf-8", "replace")
    raw = spaced.translate(None, _SPACE)
    length = len(text) - (len(spaced) - len(raw))
    if length >= ANCHOR_CHARS:
        run.said, run.counted = [], 0
        found[_number(raw) | _ANSWER_BIT if answer else _number(raw)] = length
    elif raw:
        run.said.append((raw, length))
        if answer:
            _anchor_run(run, found)


def _anchor_run(run: _Run, found: dict[int, int]) -> None:
    """Add the hash of the last messages of the run that are long enough together; earlier ones are
    not needed again."""
    together, at = 0, len(run.said)
    while together < ANCHOR_CHARS and at:
        at -= 1
        together += run.said[at][1]
    if together < ANCHOR_CHARS:
        return
    number = _number(b"\0".join([raw for raw, _ in run.said[at:]])) | _RUN_BIT
    new = sum([length for _, length in run.said[run.counted :]])
    found[number] = found.get(number, 0) + new
    run.said = run.said[at:]
    run.counted = len(run.said)


def _number(raw: bytes) -> int:
    number = int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "little")
    return number & ~(_ANSWER_BIT | _RUN_BIT)


def packed(found: dict[int, int]) -> bytes:
    """The smallest `ANCHORS` of the anchors, sorted."""
    return b"".join(starmap(_ANCHOR.pack, sorted(found.items())[:ANCHORS]))


def anchors(mark: Mark) -> dict[int, int]:
    """The anchors of a mark: hash -> characters."""
    return dict(_ANCHOR.iter_unpack(mark.anchors))


def answers(mark: Mark) -> list[int]:
    """The anchors of a model's answers."""
    return [anchor for anchor, _ in _ANCHOR.iter_unpack(mark.anchors) if anchor & _ANSWER_BIT]


def is_answer(anchor: int) -> bool:
    """Whether an anchor stands for a model's answer (else for a prompt)."""
    return bool(anchor & _ANSWER_BIT)


def is_run(anchor: int) -> bool:
    """Whether an anchor stands for short messages in a row."""
    return bool(anchor & _RUN_BIT)


def jaccard(a: bytes, b: bytes) -> float:
    """Estimated Jaccard similarity of two sketches; standard error at most .045."""
    return 1.0 if a == b else alike(lanes(a), lanes(b))


def lanes(sketch: bytes) -> int:
    """A sketch as one number, for `alike`."""
    return int.from_bytes(sketch, "little")


def alike(a: int, b: int) -> float:
    """`jaccard` of two sketches as numbers. The highest bit of each lane is set where any of its
    bits is, so one sum and one count tell how many of all lanes differ."""
    apart = a ^ b
    return 1 - ((((apart & _LOW) + _LOW) | apart) & _HIGH).bit_count() / PERMUTATIONS


def contained(a: dict[int, int], b: dict[int, int]) -> float:
    """Share of the smaller session's anchored characters that also stand in the other.

    Only hashes below both samples' limits are compared, so that a cut sample is not mistaken
    for a small session (bottom-k sampling).
    """
    limit = min((max(x) if len(x) >= ANCHORS else 1 << 64) for x in (a, b)) if a and b else 0
    one = {k: v for k, v in a.items() if k <= limit}
    two = {k: v for k, v in b.items() if k <= limit}
    smaller = min(sum(one.values()), sum(two.values()))
    return sum(v for k, v in one.items() if k in two) / smaller if smaller else 0.0


def in_common(one: dict[int, int], two: dict[int, int]) -> bool:
    """Whether the anchors that two sessions share make them relatives: one long answer does; long
    prompts, or runs of short messages, do if they are half of the smaller session."""
    common = one.keys() & two.keys()
    if any(is_answer(anchor) for anchor in common):
        return True
    if any(is_run(anchor) for anchor in common) and contained(one, two) >= CONTAINED:
        return True
    return bool(common) and contained(_alone(one), _alone(two)) >= CONTAINED


def _alone(found: dict[int, int]) -> dict[int, int]:
    return {k: v for k, v in found.items() if not is_run(k)}


def outlined(mark: Mark) -> Mark:
    """The mark without what is needed only for sessions that share a key with another one."""
    return msgspec.structs.replace(mark, minhash=None, anchors=b"")
