"""Fake secrets and personal data for the privacy stage to catch, made when the sample is written.

No value is in this source: prefixes are joined from pieces and the rest is random, with the check
digits that the formats require, so that a detector takes them for real. People, numbers and
addresses are invented; phone numbers come from ranges that regulators keep for fiction.
"""

from __future__ import annotations

import base64
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


@dataclass(frozen=True)
class Planted:
    """A planted value that must not reach an export."""

    kind: str
    value: str


def _letters(rng: Random, count: int, alphabet: str = _BASE62) -> str:
    return "".join(rng.choices(alphabet, k=count))


def github_token(rng: Random) -> str:
    """A personal access token with a valid checksum."""
    body = _letters(rng, 30)
    check, number = "", zlib.crc32(body.encode())
    for _ in range(6):
        number, digit = divmod(number, 62)
        check = _BASE62[digit] + check
    return "gh" + "p_" + body + check


def model_key(rng: Random) -> str:
    """A key of a model vendor."""
    return "sk-" + "ant-" + "api03-" + _letters(rng, 93, _BASE62 + "-_") + "AA"


def cloud_key(rng: Random) -> str:
    """An access key id of a cloud."""
    return "AK" + "IA" + _letters(rng, 16, string.ascii_uppercase + "234567")


def payment_key(rng: Random) -> str:
    """A live key of a payment service."""
    return "sk" + "_live_" + _letters(rng, 32)


def password(rng: Random) -> str:
    """A password as people choose it when they must."""
    return (
        _letters(rng, 5, string.ascii_lowercase)
        + _letters(rng, 3, string.ascii_uppercase)
        + _letters(rng, 4, string.digits)
        + rng.choice("!#%+")
    )


def connection(rng: Random, secret: str) -> str:
    """A connection string that holds a password."""
    return f"postgresql://ops_rw:{secret}@db{rng.randrange(1, 9)}.velmarro-ops.net:5432/ops"


def token(rng: Random) -> str:
    """A JSON web token."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = part(b'{"alg":"HS256","typ":"JWT"}')
    body = part(b'{"sub":"studio-desk","iat":%d}' % rng.randrange(1_757_000_000, 1_764_000_000))
    return f"{head}.{body}.{part(rng.randbytes(32))}"


def private_key(rng: Random) -> str:
    """A private key over several lines."""
    body = base64.b64encode(rng.randbytes(288)).decode()
    lines = [body[i : i + 64] for i in range(0, len(body), 64)]
    frame = "-" * 5
    name = "PRIVATE" + " KEY"
    return "\n".join([f"{frame}BEGIN {name}{frame}", *lines, f"{frame}END {name}{frame}"])


def iban(rng: Random) -> str:
    """A German account number with valid check digits."""
    body = "".join(rng.choices(string.digits, k=18))
    check = 98 - int(body + "131400") % 97
    return f"DE{check:02d}{body}"


def email(rng: Random) -> str:
    """The address of a client's employee."""
    first = rng.choice(("renata", "ambrose", "linnea", "tobin", "maelle"))
    last = rng.choice(("aldine", "thorncroft", "veresk", "quillon", "hartsey"))
    return f"{first}.{last}@" + rng.choice(("quillmere-resorts.com", "osterlin-stays.com"))


def phone(rng: Random) -> str:
    """A British or American number from the ranges for fiction."""
    if rng.random() < 0.5:
        return f"+44 {20} 7946 0{rng.randrange(100, 999)}"
    return f"+1 415 555 01{rng.randrange(10, 99)}"


#: kind -> (maker, how a person shows it)
STORIES: dict[str, tuple[Callable[[Random], str], str]] = {
    "model_key": (
        model_key,
        "The extraction job answers 401. My .env has\n\nMODEL_API_KEY={0}\n\nIs the name wrong?",
    ),
    "github_token": (
        github_token,
        "git push is refused although I put {0} into the remote. What did I miss?",
    ),
    "payment_key": (
        payment_key,
        "Payments are booked twice since I set PAYMENTS_KEY={0} in compose.yml. Why?",
    ),
    "cloud_key": (
        cloud_key,
        "The backup script uses {0} as the access key, and the bucket says forbidden.",
    ),
    "jwt": (token, "The dashboard logs me out. This is the token from the browser: {0}"),
    "private_key": (
        private_key,
        "I pasted the deploy key into deploy/id_ops, does it look complete?\n\n{0}",
    ),
    "iban": (iban, "Accounts wants the bank line on the invoice: {0}. Where does it go?"),
    "email": (email, "The client writes from {0} and the importer says other. Why?"),
    "phone": (phone, "Please add the client's phone {0} to the contact card of the project."),
}
PERSONAL = ("iban", "email", "phone")
ADVICE = (
    "Please take that value out of the chat and give it a new one: it belongs into the secret "
    "store, and the code reads it from the environment. The rest of the setting looks right.",
    "The setting itself is right. The value should not stand in a file that is committed, so I "
    "moved it to the environment and left a placeholder.",
    "I left the value out of the code. It is read at start, and the error comes from the missing "
    "restart of the worker.",
)
CONTACT = (
    "The contact belongs to the client's row, and the importer links mail by the domain of the "
    "address. I would store it there and nowhere else.",
    "It goes into the contact card of the project; the invoice takes it from there.",
)
