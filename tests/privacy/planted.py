"""Twenty kinds of secrets and personal data, put together when the tests run, and the places they
can stand in. No key-shaped text stands in this file."""

# ruff: noqa: E501

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Callable
from random import Random
from urllib.parse import quote

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
DIGITS = "0123456789"
ALNUM = UPPER + LOWER + DIGITS
HEX = DIGITS + "abcdef"


def _pick(rng: Random, letters: str, size: int) -> str:
    """Random letters, with at least one digit, one upper and one lower where they may stand."""
    while True:
        text = "".join(rng.choice(letters) for _ in range(size))
        if size < 8 or len(set(text)) > 6:
            return text


def _luhn(rng: Random) -> str:
    body = "4539" + _pick(rng, DIGITS, 11)
    for check in DIGITS:
        digits = [int(c) for c in (body + check)[::-1]]
        total = sum(digits[::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])
        if total % 10 == 0:
            return body + check
    raise AssertionError


def _iban(rng: Random) -> str:
    body = _pick(rng, DIGITS, 18)
    number = int("".join(str(int(c, 36)) for c in body + "DE00"))
    return f"DE{98 - number % 97:02d}{body}"


def _key_block(rng: Random) -> str:
    body = "\n".join(textwrap.wrap("MIIE" + _pick(rng, ALNUM + "+/", 400), 64))
    name = "RSA PRIVATE" + " KEY"
    return f"-----BEGIN {name}-----\n{body}\n-----END {name}-----"


#: kind -> (text around the value with {} for it, maker of the value)
KINDS: dict[str, tuple[str, Callable[[Random], str]]] = {
    "github": ("{}", lambda r: "gh" + "p_" + _pick(r, ALNUM, 36)),
    "openai": ("{}", lambda r: "sk-" + "proj-" + _pick(r, ALNUM, 48)),
    "anthropic": ("{}", lambda r: "sk-" + "ant-api03-" + _pick(r, ALNUM, 93) + "AA"),
    "aws": ("{}", lambda r: "AK" + "IA" + _pick(r, UPPER + "234567", 16)),
    "slack": ("{}", lambda r: "xo" + "xb-" + _pick(r, DIGITS[1:], 12) + "-" + _pick(r, DIGITS[1:], 12)
              + "-" + _pick(r, ALNUM, 24)),
    "stripe": ("{}", lambda r: "sk_" + "live_" + _pick(r, ALNUM, 24)),
    "google": ("{}", lambda r: "AI" + "zaSy" + _pick(r, ALNUM, 33)),
    "gitlab": ("{}", lambda r: "gl" + "pat-" + _pick(r, ALNUM, 20)),
    "npm": ("{}", lambda r: "np" + "m_" + _pick(r, ALNUM, 36)),
    "huggingface": ("{}", lambda r: "h" + "f_" + _pick(r, UPPER + LOWER, 34)),
    "jwt": ("{}", lambda r: "ey" + "JhbGciOiJIUzI1NiJ9.eyJ" + _pick(r, ALNUM, 40) + "." + _pick(r, ALNUM, 43)),
    "private-key": ("{}", _key_block),
    "url": ("postgres://svc:{}@db.acme-corp.io:5432/x", lambda r: "Q7" + _pick(r, ALNUM, 14)),
    "password": ('password = "{}"', lambda r: "Tr0ub" + _pick(r, ALNUM, 9)),
    "env": ("export DB_PASSWORD={}", lambda r: "h7" + _pick(r, ALNUM, 12)),
    "bearer": ("Authorization: Bearer {}", lambda r: "b9" + _pick(r, ALNUM, 38)),
    "email": ("{}", lambda r: _pick(r, LOWER, 9) + "@" + _pick(r, LOWER, 8) + ".io"),
    "card": ("card {} ok", _luhn),
    "iban": ("{}", _iban),
    "home": ("/home/{}/code/app", lambda r: "q" + _pick(r, LOWER, 9)),
}  # fmt: skip

#: How the carrier may be wrapped into a text.
PLACES: dict[str, Callable[[str], str]] = {
    "plain": lambda t: f"before {t} after",
    "line": lambda t: f"first\n{t}\nlast",
    "json": lambda t: json.dumps({"note": t, "n": 1}),
    "json-in-json": lambda t: json.dumps({"inner": json.dumps({"note": t})}),
    "url-encoded": lambda t: "https://x.dev/?q=" + quote(t, safe=""),
    "base64": lambda t: base64.b64encode(f"data: {t} .".encode()).decode(),
    "base64-twice": lambda t: base64.b64encode(base64.b64encode(f"data: {t} .".encode())).decode(),
    "base64-wrapped": lambda t: base64.encodebytes(
        f"data: {t} ....................".encode()
    ).decode(),
    "hex": lambda t: f"data: {t} .".encode().hex(),
    "ansi": lambda t: f"\x1b[32m{t}\x1b[0m",
    "cjk": lambda t: f"密钥是「{t}」，请保密",
    "diff": lambda t: f"@@ -1 +1 @@\n-{t}\n+{t}",
    "markdown": lambda t: f"Use `{t}` here.\n\n```\n{t}\n```",
    "numbered": lambda t: f"     1→{t}\n     2→done",
}

#: Places that cut the value itself: for keys with a prefix of their own.
CUTTING: dict[str, Callable[[str], str]] = {
    "wrapped": lambda v: v[:11] + "\n" + v[11:],
    "wrapped-shell": lambda v: v[:11] + "\\\n    " + v[11:],
    "ansi-inside": lambda v: v[:9] + "\x1b[m\x1b[K" + v[9:],
    "zero-width": lambda v: "\u200b".join((v[:5], v[5:12], v[12:])),
    "percent-all": lambda v: "".join(f"%{b:02X}" for b in v.encode()),
    "unicode-escapes": lambda v: "".join(f"\\u{b:04x}" for b in v.encode()),
}
PREFIXED = ("github", "openai", "anthropic", "aws", "slack", "stripe", "google", "gitlab", "npm",
            "huggingface")  # fmt: skip


def real(text: str) -> str:
    """`text` without its marks: so that no private-looking path or address stands in a test."""
    return text.replace("§", "")


def carrier(kind: str, seed: int) -> tuple[str, str]:
    """(text that holds the value, the value)."""
    around, make = KINDS[kind]
    value = make(Random(f"{kind}{seed}"))
    return around.format(value), value


def survives(value: str, text: str) -> bool:
    """True when a tenth of the value or more can still be read in one piece."""
    size = max(6, len(value) // 10 + 4)
    pieces = [value[i : i + size] for i in range(len(value) - size + 1)]
    forms = [text, text.replace("\n", "").replace("\\", "")]
    return any(piece in form for piece in pieces for form in forms)
