"""Is a value a secret, given its name? How the two were found makes no difference here.

Under a name that says password every value counts that is not a placeholder; under a name that says
key, token or secret, only a value that a machine made.
"""

from __future__ import annotations

import re2

from .checks import count_digits, is_placeholder, judged_random, wordy
from .examples import is_published_example
from .keynames import ASKED, IS_KEY, STRONG, VAGUE, dull, names_a_file, says_password, vendor_of
from .values import (
    DIGITS,
    HASHES,
    UUID,
    cased,
    like_key,
    like_password,
    like_typed_secret,
    run_together,
)

#: A member in code: `event.key=codes.NUL:event.code`.
_MEMBER = re2.compile(rb"[A-Za-z_]\.[A-Za-z_]")
#: A digest, as lists of files have it behind the name of each file.
_DIGEST = re2.compile(rb"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}")
_HEX40 = re2.compile(rb"[0-9a-f]{40}")


def judge(name: bytes, value: bytes, quoted: bool, operator: bytes) -> str | None:
    """`password`, `secret`, or None where `value` is no secret under `name`.

    All are bytes of the text. `quoted`: the value stands in quotes. `operator`: what stands between
    name and value, `=` or `:` as a rule, `,` in a list, `|` in a table.
    """
    if dull(name) and not _told_by_form(name, value):
        return None
    if names_a_file(name) and (
        not judged_random(value, 16)
        or _MEMBER.search(value)
        or (operator != b"=" and _DIGEST.fullmatch(value))
    ):
        return None
    password = says_password(name)
    if len(value) < (4 if password else 10):
        return None
    if is_placeholder(value) or HASHES.fullmatch(value) or _same_word(name, value):
        return None
    if _COUNT.fullmatch(value):
        return None
    if is_published_example(value):
        return None
    if password:
        return "password" if _is_password(name, value, quoted, operator) else None
    return "secret" if _is_key(name, value, quoted, operator) else None


def _same_word(name: bytes, value: bytes) -> bool:
    """True where the value repeats its name: `SIGN_IN_WITH_PASSWORD = "signInWithPassword"`."""
    plain = value.lower().replace(b"_", b"").replace(b"-", b"")
    return plain.isalpha() and plain in name.lower().replace(b"_", b"").replace(b"-", b"")


#: A count with commas, as reports have under `passwords`: `1,620`.
_COUNT = re2.compile(rb"\d{1,3}(?:,\d{3})+")
#: Names that mostly name no secret, and the form of the keys under them: half of a login to Vault
#: (AppRole), a key of PagerDuty, the key for the columns that Rails encrypts, a key for the queries
#: of Azure Search, one for the events of Inngest, `API_KEYS=V`.
_FORMS = (
    (re2.compile(rb"(?i)secret_?id$"), UUID),
    (re2.compile(rb"(?i)routing_?key$"), re2.compile(rb"[0-9a-f]{32}|R[A-Z0-9]{31}")),
    (re2.compile(rb"(?i)search_?query_?key$"), re2.compile(rb"[A-Za-z0-9]{52}|[0-9A-F]{32}")),
    (re2.compile(rb"(?i)inngest_?event_?key$"), re2.compile(rb"[A-Za-z0-9_-]{80,90}")),
    (re2.compile(rb"(?:^[nrt]?|_)primary_key$"), re2.compile(rb"[A-Za-z0-9]{32}")),
    (
        re2.compile(rb"(?:API|AUTH|SESSION|SECRET|SIGNING|ACCESS|ENCRYPTION)_(?:KEY|TOKEN)S$"),
        re2.compile(
            rb"[A-Za-z0-9_+/=-]{32,}|[A-Za-z0-9]{16,}|[A-Za-z0-9_+/=-]{20,}(?:[,:][A-Za-z0-9_+/=-]{20,})+"
        ),
    ),
    (
        re2.compile(rb"(?i)pass(?:word)?_?confirm(?:ation)?$"),
        re2.compile(rb"[^\s\d]+[^\s]*\d[^\s]*|\d[^\s]*[A-Za-z][^\s]*"),
    ),
)


def _told_by_form(name: bytes, value: bytes) -> bool:
    return any(says.search(name) and form.fullmatch(value) for says, form in _FORMS) and (
        cased(value) or not name.endswith(b"primary_key")
    )


#: Marks of a table's cells, and comparisons: a value behind them needs a digit.
_WEAK_OPERATORS = (b"|", b"\xe2\x94\x82", b"==", b"===", b"!=", b"!==")


def _is_password(name: bytes, value: bytes, quoted: bool, operator: bytes) -> bool:
    if operator.strip() in _WEAK_OPERATORS and not count_digits(value):
        return False  # a word in the next cell of a table, or one of the words that code compares
    assigned = operator == b"=" or (quoted and operator.strip() == b"=")
    glued = assigned and len(value) > 7 and (b"_" in name or _ASKS.search(value))
    worded = (quoted or operator.strip() == b"=") and _WORDED.fullmatch(value) is not None
    if (
        VAGUE.search(name)
        and not ASKED.search(name)
        and not (
            len(value) >= 6
            and not value.isdigit()
            and (
                quoted
                or operator == b"="
                or worded
                or (b"_" in name and judged_random(value, 8))
                or judged_random(value, 20)
                or (operator.strip() == b"=" and cased(value) and judged_random(value, 8))
            )
            and any(48 <= c <= 57 or c in b"!@#$%^&*" for c in value)
            and wordy(value) < (0.9 if glued or worded or (quoted and run_together(value)) else 0.7)
        )
    ):
        return False
    if not quoted and DIGITS.fullmatch(value):
        assigns = operator == b"=" or (operator.strip() == b":" and len(value) >= 8)
        return assigns and _PASSWORD_LAST.search(name) is not None
    return like_password(value, quoted, _shell_like(name, operator))


#: A sign of those that servers ask for in a password, behind a letter or a digit.
_ASKS = re2.compile(rb"\w[!@#$%^&*?+]")
#: Words, a sign and a number: `Timber-7366`, `CopperLantern!48`.
_WORDED = re2.compile(rb"(?:[A-Z][a-z]{2,}){1,3}(?:[!#$*+_.-]\d{2,}|\d{2,}[!#$*?]|\d{4,})")
_PASSWORD_LAST = re2.compile(rb"(?i)(?:pass(?:word|wd|phrase|code)?|pwd)$")


def _shell_like(name: bytes, operator: bytes) -> bool:
    """`DB_PASSWORD=value`: an upper-case name glued to its value, as in a shell or .env file."""
    return operator == b"=" and name.upper() == name and len(name) > 3


def _is_key(name: bytes, value: bytes, quoted: bool, operator: bytes) -> bool:
    vendor = vendor_of(name)
    shell = _shell_like(name, operator)
    strong = vendor is not None or STRONG.search(name) is not None
    strong = strong or (name.isupper() and name.endswith(b"_KEY")) or name[:2].lower() == b"x-"
    if not strong and not IS_KEY.search(name):
        return False
    if STRONG.search(name) is None and (
        (vendor and len(value) < 40 and not IS_KEY.search(name) and _is_thing(name, vendor))
        or value.startswith(_IDS)
    ):
        return False  # the id of something that a service keeps: a voice, a price, a template
    if vendor == b"telegram" and _BOT.match(value) and not _BOT.fullmatch(value):
        return False
    if vendor == b"meraki" and not _HEX40.fullmatch(value):
        return False
    if vendor == b"wandb" and STRONG.search(name) is None and not _HEX40.fullmatch(value):
        return False  # a name that wandb made up for a run, a group or a model
    return like_key(value, quoted or shell, strong) or (
        _SECRET_LAST.search(name) is not None
        and like_typed_secret(value, quoted or shell or (operator == b"=" and b"." in name))
    )


#: Names of secrets that people also type, as they do passwords: `JWT_SECRET`, `secretKey`.
_SECRET_LAST = re2.compile(rb"(?i)(?:secret(?:_?key)?|local_?key|redis_?auth|erlang_?cookie)$")


def _is_thing(name: bytes, vendor: bytes) -> bool:
    """True for `elevenlabs_voice`. Only what follows the vendor's name is looked at: some vendors'
    own names end in such a word (`airtable`, `coinbase`, `plaid`)."""
    return _THING.search(name.lower().rpartition(vendor)[2]) is not None


#: Things that services keep, at the end of a name without a word for key.
_THING = re2.compile(
    rb"(?:id|ids|sid|voice|model|index|channel|table|base|list|project|price|product|plan|template|"
    rb"dataset|database|workspace|space|board|folder|bucket|page|queue|customer|version)$"
)
#: How the ids of such things begin.
_IDS = (b"price_", b"prod_", b"cus_", b"sub_", b"asst_", b"thread_", b"evt_", b"prj_")
_BOT = re2.compile(rb"\d{5,16}:A[A-Za-z0-9_-]{34}|\d{1,20}:")
