"""Tests of a value by itself: is it a placeholder, is it random?

All are plain functions of bytes, linear in their length.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any

import re2

#: How common each pair of letters is in English words and identifiers, 0 (never) to 9; a row for each
#: first letter. Counted over the words of Python's standard library: random letters score about 2 on
#: average, a word above 4.
_PAIRS = (
    "04550140403656040656332230",
    "61436000560611530442600050",
    "60216105405521710426400010",
    "52247200600302510443500020",
    "41554520101646242655032530",
    "50224510700511710544500020",
    "40117034500525420563520001",
    "60018000600221600424300010",
    "33444440001557530456030303",
    "40108000202000620220600010",
    "40238130500504330352315000",
    "51147600600502520154400040",
    "64037000500341660143400010",
    "50566360403303620056430020",
    "24451320302457350645534100",
    "60226201400501650636421040",
    "00020000100203201431800000",
    "51337240502245610555421040",
    "40317124502321440156401030",
    "50326206600321430544502040",
    "33326430400656250656100000",
    "70008000500021310000001000",
    "60135106700304501641002100",
    "51715301500320260137000320",
    "12325311400344470266014011",
    "30008000700342400111000020",
)
_SCORE = {
    (97 + i, 97 + j): int(cell) for i, row in enumerate(_PAIRS) for j, cell in enumerate(row)
}.__getitem__

#: Of the standard library, because it is asked for each run of each value: RE2 takes five times as long.
_RUNS = re.compile(rb"[A-Z]?[a-z]+|[A-Z]+")
_FILLER = re2.compile(
    rb"(?i)x{5,}|\*{3,}|\.{3,}|_{4,}|-{4,}|0{8,}|1{8,}|#{4,}|\?{3,}|\x{2026}|example|placeholder|redacted"
    rb"|change_?-?me|dummy|your[_-]?[a-z]*[_-]?(?:key|token|secret|pass|api|here|value|id|client)"
    rb"|(?:key|token|secret|password)[_-]?here|put[_-]your|insert[_-]|replace[_-](?:me|with|this)"
    rb"|fake[_-]|not[_-]?a?[_-]?(?:real|secret)|sample|abcdefghijkl|lorem|masked|scrubbed|censored"
    rb"|todo|fixme|hidden|undefined|randomstring|notreal|invalid|deadbeefdeadbeef".replace(
        rb"\x{2026}", rb"\xe2\x80\xa6"
    )
)
#: Values that say themselves that they are made up: `my-secret-key`.
_SAYS_WHAT = re2.compile(
    rb"(?i)mysecret|my[_-](?:key|token|secret|pass|api)|supersecret|top[_-]?secret"
)
#: Words of tests and templates, which real passwords do not hold.
_OF_TESTS = re2.compile(
    rb"(?i)test|demo|temp|tmp|foo|bar|baz|qux|wrong|bad|incorrect|unsafe|insecure|change|your|some|not|mock|string|value|hello|world"
)

#: `_FILLER` for keys of a known format, less what a real key may hold by chance (a run of one digit).
_MADE_UP = re2.compile(
    rb"(?i)x{5,}|\*{3,}|\.{3,}|#{4,}|example|placeholder|redacted|your[_-]|_here\b|fake[_-]|[_-]fake"
    rb"|randomstring|deadbeefdeadbeef|(?-i:abcdefghijklmnopqrst|ABCDEFGHIJKLMNOPQRST)"
)

#: Whole values that are stand-ins, compared in lower case.
PLACEHOLDERS = frozenset(
    b"""
    password passwd pass passphrase passcode pwd pw secret token key apikey api_key api-key test
    testing tests testpass test123 test1234 testpassword test-password test_password testpasswd
    user username login admin root guest postgres mysql mariadb redis rabbitmq minioadmin mongo
    neo4j elastic oracle sa none null nil undefined true false yes no on off empty blank string
    str text int integer number float bool boolean bytes object any optional required default
    value values foo bar baz qux foobar foobarbaz spam eggs abc abcd abcde abcdef abc123 xyz 123
    1234 12345 123456 1234567 12345678 123456789 1234567890 qwerty changeme changeit
    change_me change-me change-this changethis mypassword my_password my-password mypass
    mypasswd mysecret my_secret my-secret my-secret-key mytoken my_token my-token yourpassword
    your_password your-password yourpass yoursecret your_secret your-secret yourtoken your_token
    your-token newpassword new_password new-password oldpassword old_password old-password
    hello world hidden basic bearer digest plain text/plain env file prompt stdin ask input
    password123 password1 password1234 secret123 secretkey
    secret_key secret-key somepassword some_password some-password somesecret sometoken
    some-token some_token invalid invalidpassword wrongpassword wrong_password wrong-password
    badpassword incorrect correct wrong bad good valid fake fakepassword fake-token dummy
    dummypassword example examplepassword sample unset set unknown n/a na tbd todo disabled
    enabled not-set not_set notset auto automatic manual never always encrypted hashed plaintext plain_text cleartext
    private public internal external local remote oauth oauth2 saml ldap kerberos ntlm jwt sha256
    sha512 md5 bcrypt scrypt argon2 pbkdf2 base64 hex utf-8 latin1 latin-1 ascii xxx xxxx xxxxx
    none:none *** **** ***** ****** ******** ... .... none. redacted removed deleted masked hide show
    toggle visible current confirm confirmation required. forgot forgotten reset expired strong
    weak medium short long keyring keychain vault gnome-keyring pass: file: env: pinentry getpass
    changed stored saved protected verified generated updated confirmed encoded mandatory rotated
    rejected accepted provided missing
    md5sum password: reader writer owner sudo usr pwd123
    123e4567-e89b-12d3-a456-426614174000 123123 111111 000000 654321 666666 abc12345 asdf asdfgh asdfasdf zxcvbn docker tiger
    """.split()
)


#: Stand-ins made of nothing but such words and a number: `rootpasswd`, `test-key-01`.
_STAND_IN = re2.compile(
    rb"(?:(?:root|admin|user|test(?:ing)?|dev|local|demo|my|some|new|old|the|a|api|db|app|pass(?:word|wd|phrase)?|"
    rb"pwd|secret|s3cr3t|token|key|foo|bar|baz|qux|string|value|here|default|example|sample|hello|world|client|"
    rb"access|auth|private|postgres|mysql|redis|mongo|guest|login|super|very|long|random|"
    rb"secure|strong|not|real|your|temp|tmp|fake|mock|dummy|wrong|bad|invalid|incorrect|unsafe|insecure)(?:[_.-]?))+(?:[_.-]?\d{1,4})?[!.]?"
)
#: Of these, the ones that people do use, as default passwords of servers show: `admin123`.
_SET_SO = re2.compile(
    rb"(?:root|admin|postgres|mysql|redis|mongo|guest|super|db)+[_.-]?\d{1,4}[!.]?"
)


_SMALL_WORDS = frozenset(
    b"and are can for from if instead is must not option options or should then to was when will with "
    b"und oder nicht kann muss wird ist et ou est avec pas pour y con para sin e non per".split()
)


def is_small_word(value: bytes) -> bool:
    """True for the next word of a sentence that names an option: `-keypass und -storepass`."""
    return value.rstrip(b".").lower() in _SMALL_WORDS


def count_digits(value: bytes) -> int:
    return len(value) - len(value.translate(None, b"0123456789"))


def digits_of(value: bytes) -> bytes:
    """The digits of a value, without what stands between them."""
    return bytes(c for c in value if 48 <= c <= 57)


def both_cases(value: bytes) -> bool:
    return value != value.lower() and value != value.upper()


def numbered(value: bytes) -> bool:
    """True for letters and digits alone, with two digits or more."""
    return value.isalnum() and count_digits(value) > 1


def entropy(value: bytes) -> float:
    """Shannon entropy of the value's own distribution of bytes, in bits per byte."""
    size = len(value)
    if not size:
        return 0.0
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())


def wordy(value: bytes) -> float:
    """Share of the bytes (0 to 1) in runs of letters that read like words or identifiers: runs whose
    pairs of letters score 3.6 on average (`_PAIRS`), and a list of short words."""
    covered = 0
    for run in _RUNS.findall(value):
        size, low = len(run), run.lower()
        if size < 4:
            covered += size if low in _SHORT_WORDS else 0
        elif sum(map(_SCORE, pairwise(low))) / (size - 1) >= 3.6:
            covered += size
    return covered / max(1, len(value))


_SHORT_WORDS = frozenset(
    b"a an and api app arg bin box by css db dev dir do doc end env for get has id idx if in int "
    b"ip is it jar js key lib log map max min mod msg my new no not num obj of off ok old on one "
    b"or out pkg png pre pub put ref req res run set sha sql src str sub sum svg sys tag tmp to top "
    b"two txt ui up uri url use val var via web xml yml zip gif jpg the md py ts tsx row col len "
    b"cls ctx err fmt ptr buf cmd cfg".split()
)


def even_case(body: bytes) -> bool:
    """True where capitals and small letters are about as many (16 letters or more): the letters are
    random even if they hold words. Names in camel case have one capital in five or so."""
    letters = [c for c in body if c >= 65]
    capitals = sum(c < 91 for c in letters)
    return len(letters) >= 16 and 0.32 <= capitals / len(letters) <= 0.68


@lru_cache(maxsize=4096)
def is_placeholder(value: bytes) -> bool:
    """True for stand-ins: `xxxx`, `<your key>`, `${VAR}`, `changeme`, `REDACTED_...`."""
    plain = value.strip(b" \t'\"`")
    if not plain:
        return True
    low = plain.lower()
    if (
        low in PLACEHOLDERS
        or low.rstrip(b"]") in PLACEHOLDERS
        or low.startswith((b"redacted", b"<", b"${", b"$(", b"{{", b"%(", b"#{", b"@{"))
    ):
        return True
    if plain[:1] == b"$" and (len(plain) < 2 or plain[1:2].isalpha() or plain[1] in b"_{("):
        return True
    if plain[0] in b"{[(" and plain[-1] in b"}])" and not any(c in b"0123456789" for c in plain):
        return True
    if len(plain) > 2 and plain[:1] == b"%" and plain[-1:] == b"%":
        return True
    if plain[:1] == b"@" == plain[-1:] and plain[1:-1].replace(b"_", b"").isalpha():
        return True
    if len(set(plain)) <= 2 or _FILLER.search(plain) or _in_angles(plain):
        return True
    stands = _SAYS_WHAT.search(plain) or _STAND_IN.fullmatch(low)
    if stands and not _SET_SO.fullmatch(low) and not as_servers_ask(plain):
        return True
    return any(mark in plain for mark in (b"${", b"{{", b"$(")) or _is_template(plain)


def as_servers_ask(value: bytes) -> bool:
    """True for what servers ask of a password (letters of both cases, a digit, a sign), without words
    of tests: somebody set `Secret2024!`."""
    return (
        8 <= len(value) <= 40
        and both_cases(value)
        and count_digits(value) > 0
        and any(c in b"!@#$%^&*?+." for c in value)
        and _OF_TESTS.search(value) is None
    )


def _in_angles(value: bytes) -> bool:
    """True for `https://<host>/`, but not for a password that holds `<` and `>`."""
    around: bytes = _ANGLES.sub(b"", value) if b"<" in value else value
    return around != value and not (
        len(around) >= 6
        and around.isalnum()
        and count_digits(around) > 0
        and around != around.lower()
        and wordy(around) < 0.5
    )


_ANGLES = re2.compile(rb"<[^>]*>")
_HOLE = re2.compile(rb"\{[A-Za-z_][\w.]*\}")


def no_stand_in(data: bytes, match: Any) -> tuple[int, int] | None:
    """A rule's check: accepts a value that is no placeholder and has six different bytes or more."""
    value = match.group(1)
    return None if is_placeholder(value) or len(set(value)) < 6 else match.span(1)


def random_of(least: int) -> Callable[[bytes, Any], tuple[int, int] | None]:
    """A rule's check: accepts what `no_stand_in` does, if a machine made it (`looks_random`)."""
    return lambda data, match: (
        no_stand_in(data, match) if judged_random(match.group(1), least) else None
    )


def _is_template(value: bytes) -> bool:
    """True for a template: a hole with fewer than 12 letters and digits around it (`v-{name}`)."""
    if b"{" not in value or _HOLE.search(value) is None:
        return False
    around: bytes = _HOLE.sub(b"", value)
    return sum(48 <= c <= 57 or c >= 65 for c in around) < 12


def is_example(value: bytes) -> bool:
    """True for a key of a known format that is plainly made up: one character fills it, a word says
    so, or it is the alphabet. A key that only counts up (`1234567890abcdef...`) is not taken for one:
    replacing a made-up key costs nothing."""
    if _MADE_UP.search(value):
        return True
    top = Counter(value).most_common(1)[0][1]
    return top > 0.6 * len(value) or len(set(value[-16:])) < 4


def _sequential(value: bytes) -> bool:
    """True where most characters repeat or follow their neighbour (`abcdef...`, `123456...`)."""
    return len(value) >= 12 and counts_up(value, (0, 1)) > 0.6


def typed_out(value: bytes) -> bool:
    """True where all of it counts up: `0123456789abcdef`, `1234-1234-...`, `a1b2c3d4...`."""
    if len(value) < 12:
        return False
    return counts_up(value) == 1 or (counts_up(value[::2]) == 1 and counts_up(value[1::2]) == 1)


def counts_up(value: bytes, steps: tuple[int, ...] = (1,)) -> float:
    """Share (0 to 1) of the letters and digits in runs of three or more that count up (`abc`, `789`),
    or, with 0 among `steps`, repeat. Such runs were typed by hand; random text has next to none."""
    inside, run, last, step = 0, 1, -1, 0
    size = 0
    for char in value + b"\x00":
        move = char - last
        if (char, last) == (48, 57):
            move = 1
        if move == step and move in steps and last >= 48:
            run += 1
        else:
            inside += run if run >= 3 else 0
            run, step = (2, move) if move in steps and last >= 48 else (1, -1)
        last = char
        size += 48 <= char <= 57 or 65 <= char <= 90 or 97 <= char <= 122
    return inside / max(1, size)


#: How many bytes of a value are enough to tell whether a machine made it.
TELLS = 256


def looks_random(value: bytes, least: int = 10) -> bool:
    """True for a value of at least `least` bytes that a machine made: digits among letters, no words,
    enough entropy. Only the first `TELLS` bytes are read."""
    size, value = len(value), value[:TELLS]
    if size < least or not count_digits(value):
        return size >= 20 and _mixed_letters(value)
    letters = sum(1 for c in value if 65 <= c <= 90 or 97 <= c <= 122)
    if not letters:
        return size >= 15 and len(set(value)) >= 5 and value.isdigit() and not _sequential(value)
    bits = entropy(value)
    floor = 2.5 if size < 14 else 2.8 if size < 20 else 3.0
    if all(c in b"0123456789abcdefABCDEF-" for c in value):
        return size >= 12 and bits >= 2.6 and not _sequential(value) and not typed_out(value)
    if bits < floor:
        return False
    return wordy(value) < (0.42 if size < 20 else 0.55) and not typed_out(value)


def _mixed_letters(value: bytes) -> bool:
    """True for nothing but letters of both cases that are no chain of words."""
    if not value.isalpha() or value.islower() or value.isupper():
        return False
    return entropy(value) >= 3.5 and wordy(value) < 0.4


@lru_cache(maxsize=4096)
def judged_random(value: bytes, least: int = 10) -> bool:
    """`looks_random`, remembered, because logs repeat their values."""
    return looks_random(value, least)


def is_limit(value: bytes) -> bool:
    """True for the largest or smallest integer of some number of bits: `9223372036854775807`."""
    if not value.isdigit() or len(value) > 40:
        return False
    number = int(value)
    return number & (number + 1) == 0 or number & (number - 1) == 0


#: A name with its namespaces: `SshHostKeyType::Ed25519`.
_QUALIFIED = re2.compile(rb"[A-Za-z_]\w*(?:::[A-Za-z_]\w*)+")


def is_qualified(value: bytes) -> bool:
    return (
        b"::" in value
        and _QUALIFIED.fullmatch(value) is not None
        and wordy(value.rpartition(b"::")[0]) > 0.6
    )
