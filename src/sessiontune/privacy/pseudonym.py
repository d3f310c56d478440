"""Pseudonyms: what replaces a found value. They show its kind and keep its shape.

With the same salt the same value always gets the same pseudonym; without the salt nothing links two
data sets. A pseudonym is recognised as one, so redacting twice equals redacting once. Its tail is a
keyed digest (BLAKE2b) in 14 of 19 consonants, 59 bits: among a million values the chance of a
collision is 6 in 10 million. Consonants alone make no word and no number, and nothing that a
scanner takes for a key.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

LETTERS = "bcdfghjkmnpqrstvwxz"
_TAIL = f"[{LETTERS}]{{14}}"

#: Matches a whole pseudonym of any shape. (A pattern of the standard library: values are short, and
#: a call costs a tenth of RE2's. It has no nested repeats.)
_WHOLE = re.compile(
    (
        rf"(?:\{{?REDACTED_[A-Z0-9_]+_{_TAIL}\}}?|user{_TAIL}-project{_TAIL}|person-{_TAIL}@example\.com"
        rf"|ip-{_TAIL}\.example\.net|[a-z]{{2,12}}-?{_TAIL}"
        rf"|5e55[0-9a-f]{{4}}-[0-9a-f]{{4}}-8[0-9a-f]{{3}}-8[0-9a-f]{{3}}-[0-9a-f]{{12}}"
        rf"|2001:db8(?::[0-9a-f]{{4}}){{6}}|[0-9a-f][26ae](?:[:-][0-9a-f]{{2}}){{5}}|[0-9a-f][26ae][0-9a-f]{{2}}(?:\.[0-9a-f]{{4}}){{2}}|-?0\.0\d{{15}})"
    ).encode()
)
#: A pseudonym in a text, to be shown as one; the name before its tail says of which kind it is.
#: Coordinates and hardware addresses have no mark of their own, and are not told apart.
_SHOWN = re2.compile(
    rf"\b(?:\{{?REDACTED_([A-Z0-9_]+?)_{_TAIL}\}}?|(?:user{_TAIL}-)?(project)-?{_TAIL}"
    rf"|(person)-{_TAIL}@example\.com|(ip)-{_TAIL}\.example\.net|([a-z]{{2,12}})-?{_TAIL}"
    r"|(5e55)[0-9a-f]{4}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}"
    r"|(2001:db8)(?::[0-9a-f]{4}){6})\b"
)
_SHOWN_AS = {"5e55": "id", "2001:db8": "ip", "person": "e-mail"}
#: The characters of pseudonyms, and the fewest that one has.
_CHARACTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789{}_@.:-"
_SHORTEST = 14
#: A pseudonym inside decoded text, which shows that the encoded text was redacted.
_INSIDE = re2.compile(rf"REDACTED_[A-Z0-9_]+_{_TAIL}|person-{_TAIL}@example\.com".encode())
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_ONE = [letter.encode() for letter in LETTERS]
_THREE, _SEVEN = len(LETTERS) ** 3, len(LETTERS) ** 7
#: All numbers of three digits in base 19, written with the last digit first.
_TRIPLES = [a + b + c for c in _ONE for b in _ONE for a in _ONE]

_HEX = "[0-9a-fA-F]"
_UUID = re.compile(rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}".encode())
#: The pseudonym of a UUID.
_MADE_UUID = re.compile(rb"5e55[0-9a-f]{4}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}")
_MADE_DIGEST = re.compile(r"5e55[0-9a-f]{28}")


class Pseudonyms:
    """Makes pseudonyms under a salt, which must stay secret and local. Values of different kinds
    get different pseudonyms."""

    def __init__(self, salt: bytes) -> None:
        self._salt = hashlib.blake2b(salt, digest_size=32, person=b"sessiontune-psd").digest()
        self._made: dict[tuple[str, bytes], bytes] = {}
        self._idents: dict[tuple[str, str], str] = {}
        self._keyed: dict[str, Any] = {}  # by kind: the digest before any value
        self._shapes: dict[str, Callable[[str, bytes], bytes]] = {
            "email": self._email,
            "user": lambda _, v: b"user" + self._tail("user", v.lower()),
            "host": lambda _, v: b"host" + self._tail("host", v.lower()),
            "org": lambda _, v: b"org" + self._tail("org", v.lower()),
            "repo": lambda _, v: b"repo" + self._tail("repo", v.lower()),
            "name": lambda _, v: b"name" + self._tail("name", _spelled(v)),
            "ip": lambda _, v: b"ip-" + self._tail("ip", v) + b".example.net",
            "ipv6": self._ipv6,
            "mac": self._mac,
            "braced": lambda k, v: b"{" + self._placeholder(k, v) + b"}",
            "slug": self._slug,
            "uuid": lambda k, v: self._uuid(v),
            "degree": self._degree,
        }

    def make(self, kind: str, shape: str, value: bytes) -> bytes:
        """The pseudonym of `value`; a pseudonym comes back unchanged."""
        known = self._made.get((shape + kind, value))
        if known is None:
            if is_pseudonym(value):
                return value
            known = _saying_nothing(self._shapes.get(shape, self._placeholder)(kind, value))
            if len(self._made) < 200_000:
                self._made[(shape + kind, value)] = known
        return known

    def ident(self, kind: str, value: str) -> str:
        """The pseudonym of an identifier (session id, project, branch, call id). A UUID becomes a
        UUID."""
        known = self._idents.get((kind, value))
        if known is None:
            known = self._ident(kind, value)
            if len(self._idents) >= 65_536:
                self._idents.clear()
            self._idents[kind, value] = known
        return known

    def _ident(self, kind: str, value: str) -> str:
        raw = value.encode("utf-8", "surrogatepass")
        if _UUID.fullmatch(raw):
            return value if _MADE_UUID.fullmatch(raw) else self._uuid(raw).decode()
        if not value or is_pseudonym(raw):
            return value
        return f"{kind}-" + self._tail(kind, raw).decode()

    def fingerprint(self, value: bytes) -> str:
        """A short keyed digest for reports, 10 hex digits."""
        return self._digest("fingerprint", value)[:5].hex()

    def digest(self, value: str) -> str:
        """A keyed digest, 32 hex digits that begin with `5e55`."""
        if _MADE_DIGEST.fullmatch(value):
            return value
        return "5e55" + self._digest("digest", value.encode())[:14].hex()

    def _digest(self, kind: str, value: bytes) -> bytes:
        keyed = self._keyed.get(kind)
        if keyed is None:
            tag = hashlib.blake2b(kind.encode(), digest_size=16).digest()
            keyed = hashlib.blake2b(digest_size=32, key=self._salt, person=tag)
            self._keyed[kind] = keyed
        mine = keyed.copy()
        mine.update(value)
        return mine.digest()

    def _tail(self, kind: str, value: bytes) -> bytes:
        """The 14 letters of a pseudonym: the digest in base 19, last digit first."""
        number = int.from_bytes(self._digest(kind, value)[:16], "big")
        number, low = divmod(number, _SEVEN)
        return _seven(low) + _seven(number % _SEVEN)

    def _placeholder(self, kind: str, value: bytes) -> bytes:
        name = kind.upper().replace("-", "_").encode()
        return b"REDACTED_" + name + b"_" + self._tail(kind, value)

    def _email(self, kind: str, value: bytes) -> bytes:
        return b"person-" + self._tail("email", value.lower()) + b"@example.com"

    def _slug(self, kind: str, value: bytes) -> bytes:
        """For `alice-code-app`: one word for the user's name, one for the rest."""
        user, _, rest = value.partition(b"-")
        made = self.make("user", "user", user)
        return made + b"-project" + self._tail("project", rest) if rest else made

    def _uuid(self, value: bytes) -> bytes:
        h = self._digest("uuid", value.lower()).hex()
        return f"5e55{h[:4]}-{h[4:8]}-8{h[8:11]}-8{h[11:14]}-{h[14:26]}".encode()

    def _ipv6(self, kind: str, value: bytes) -> bytes:
        h = self._digest("ipv6", value.lower()).hex()
        return ("2001:db8:" + ":".join(h[i : i + 4] for i in range(0, 24, 4))).encode()

    def _mac(self, kind: str, value: bytes) -> bytes:
        """A locally administered hardware address, by a permutation of the 46 free bits: none
        collide."""
        number = int(bytes(c for c in value.lower() if c in b"0123456789abcdef"), 16)
        free = (number >> 42) << 40 | (number & 0xFFFFFFFFFF)
        left, right = free >> 23, free & 0x7FFFFF
        for step in range(4):
            mixed = self._digest(f"mac{step}", right.to_bytes(3, "big"))
            left, right = right, left ^ (int.from_bytes(mixed[:3], "big") & 0x7FFFFF)
        free = left << 23 | right
        full = ((free >> 40) << 2 | 2).to_bytes(1, "big") + (free & 0xFFFFFFFFFF).to_bytes(5, "big")
        if b"." in value:
            return b".".join(full[i : i + 2].hex().encode() for i in (0, 2, 4))
        mark = b"-" if b"-" in value else b":"
        return mark.join(f"{b:02x}".encode() for b in full)

    def _degree(self, kind: str, value: bytes) -> bytes:
        number = int.from_bytes(self._digest("degree", value)[:8], "big") % 10**15
        sign = b"-" if value.startswith(b"-") else b""
        return sign + f"0.0{number:015d}".encode()


def _saying_nothing(made: bytes) -> bytes:
    """The pseudonym, changed where its letters spell a short name of a secret by chance: a rule
    would take what follows it and a colon (a port and a path behind a host) for a secret."""
    return made.replace(b"pwd", b"pwb").replace(b"jwt", b"jwb")


def _spelled(name: bytes) -> bytes:
    """A name in lower case without marks between its words, so that all spellings get one
    pseudonym."""
    text = unicodedata.normalize("NFC", name.decode("utf-8", "replace")).casefold()
    return re.sub(r"[\s_.+>#*/|-]+", " ", text).encode()


def _seven(number: int) -> bytes:
    """The last seven digits of a number in base 19, last digit first."""
    number, first = divmod(number, _THREE)
    last, second = divmod(number, _THREE)
    return _TRIPLES[first] + _TRIPLES[second] + _ONE[last]


def without_pseudonyms(data: bytes) -> bytes:
    """The text without the pseudonyms in it."""
    return _INSIDE.sub(b"", data)  # type: ignore[no-any-return]


def told_apart(text: str) -> list[tuple[str, str]]:
    """The text in pieces: each with the kind of the pseudonym that it is, or "" for what stands as
    it was."""
    pieces, end = [], 0
    for match in _SHOWN.finditer(text):
        if match.start() > end:
            pieces.append((text[end : match.start()], ""))
        kind = next(filter(None, match.groups()))
        pieces.append((match[0], _SHOWN_AS.get(kind, kind.lower().replace("_", " "))))
        end = match.end()
    if end < len(text) or not pieces:
        pieces.append((text[end:], ""))
    return pieces


def inside_pseudonym(data: bytes, start: int, end: int) -> bool:
    """True where bytes `start` to `end` are part of a pseudonym (`example` in an e-mail
    address)."""
    before, after = data[max(0, start - 80) : start], data[end : end + 80]
    low = start - len(before) + len(before.rstrip(_CHARACTERS))
    high = end + len(after) - len(after.lstrip(_CHARACTERS))
    if high - low < _SHORTEST:  # true of nearly all words and folders, so this is asked first
        return False
    made = _WHOLE.finditer(data, low, high)
    return any(match.start() <= start and end <= match.end() for match in made)


@lru_cache(maxsize=65536)
def is_pseudonym(value: bytes) -> bool:
    """True for a pseudonym (under any salt), and for base64 of a text that holds one."""
    if len(value) < 200 and _WHOLE.fullmatch(value) is not None:
        return True
    if not 32 <= len(value) <= 4096 or _BASE64.fullmatch(value) is None:
        return False
    plain = value.rstrip(b"=").translate(_STANDARD)
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    content = base64.b64decode(plain + b"=" * (-len(plain) % 4))
    if b"REDACTED_" not in content and b"@example.com" not in content:
        return False
    return _INSIDE.search(content) is not None
