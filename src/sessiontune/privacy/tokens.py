"""Keys known by their form alone, whoever issued them: `acme_live_V`.

Most vendors write their tokens as one to four short words with `_` or `-` between, and one unbroken
run of random letters and digits. The run must be long and mixed, and no chain of words. A word in
front that stands for an identifier, a digest or a built file (`msg_`, `sha-`, `chunk-`) says that
it is no key.
"""

from __future__ import annotations

import re
from itertools import pairwise

from .checks import count_digits, counts_up, entropy, is_placeholder, wordy
from .examples import is_published_example
from .rules import Rule, ends_with, left_edge, quick

#: Characters of a run that the prefilter asks for. Its pattern leaves out `toolu_01...` and
#: `call_...`, which are in every log.
_RUN = 20
_ANCHOR = (
    r"(?:[A-Za-z0-9][A-Za-km-z0-9]|[A-Za-km-z0-9]l)[_-]"
    r"(?:[A-Za-z1-9][A-Za-z0-9]|0[A-Za-z02-9])[A-Za-z0-9]{18}"
)
_SIZE = 23
#: The mark and the run, for Hyperscan; `near` checks what stands before the mark. The control
#: characters keep Hyperscan from searching for the marks one by one, which takes twice as long.
MARKED_RUN = (r"[_\x01-\x08-][A-Za-z1-9][A-Za-z0-9]{19}", r"[_-]0[A-Za-z02-9][A-Za-z0-9]{18}")
_WORDS = quick(r"(?:[a-z][a-z0-9]{0,14}[_-]|[A-Z][A-Z0-9]{0,9}[_-]){1,4}")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_REST = quick(r"[A-Za-z0-9]*(?:[_-][A-Za-z0-9_-]{1,200})?={0,2}")
_BASE64 = quick(r"[A-Za-z0-9+/=_-]*")
_SINGLE = quick(r"[A-Za-z0-9]*")
#: What follows the name of a file, a host, a call or a member.
_GOES_ON = quick(r"\.\.|\.[A-Za-z]|[@(#]|::")

#: Before a digest, which a mark in it may make look like a token: `sha256=ab-...`.
_DIGEST = quick(r"(?i)(?:sha\d{1,3}|md5)[=:-]\Z")

#: Words before a run that say it is a key.
_TELLING = frozenset(
    """
    sk pk rk ak api key keys secret token pat live prod auth access private pass password apikey
    credential oauth bot service refresh personal admin
    """.split()  # noqa: SIM905
)
#: Words that say it is none: identifiers of APIs, digests, built files.
_NONE = frozenset(
    """
    id ids uid uuid guid msg message toolu tooluse srvtoolu tool call req request chatcmpl cmpl
    resp response rs fc asst assistant thread file files run step org project proj prj user usr
    account acct customer batch ft ftjob vs cus pi ch evt event price prod product sub si in ii
    seti pm src card ba py txn tx po re dp du fee plan coupon promo invoice session sess conv item
    gen txt snap team dpl deployment wf ws space page node layer image img pod container task job
    build release commit rev ref branch sha sha1 sha256 sha384 sha512 md5 hash digest etag nonce
    chunk chunks index main vendor vendors css jsx svelte sc style styles emotion module modules
    bundle asset assets runtime polyfill polyfills app polyfills webpack vite sentry trace span
    cache tmp temp db boundary block addr address snapshot vol volume subnet vpc ami eni igw sg rtb
    dataset model row column cell entry node record doc component test tests spec example sample
    cluster instance svc deploy public anchor section heading footnote uuidv4 ulid nanoid gist
    some other thing my your
    """.split()  # noqa: SIM905
)


def _values(data: bytes, end: int) -> list[tuple[int, int]]:
    """The token around a hit, which ends `_RUN` characters into its run."""
    run_start = end - _RUN
    if not count_digits(data[run_start:end]):
        return []
    start, floor = run_start, max(0, run_start - 48)
    while start > floor and data[start - 1] in _WORD:
        start -= 1
    if start == floor > 0:
        return []
    if data[start - 1 : start] == b"\\" and data[start : start + 1] in b"nrt":
        start += 1
    if data[start - 1 : start] in (b".", b"#", b"@") or not left_edge(data, start):
        return []
    if _DIGEST.search(data, max(0, start - 8), start):
        return []
    words = data[start:run_start]
    if not _WORDS.fullmatch(words):
        return []
    run = data[run_start : _SINGLE.match(data, run_start, run_start + 400).end()]  # type: ignore[union-attr]
    stop = _REST.match(data, run_start, run_start + 600).end()  # type: ignore[union-attr]
    if data[stop : stop + 1] == b"+":  # the run is base64
        stop = _BASE64.match(data, stop, stop + 2000).end()  # type: ignore[union-attr]
    if _GOES_ON.match(data, stop, stop + 2):
        return []
    value = data[start:stop]
    if (
        not _machine_made(words.decode("ascii"), run)
        or is_placeholder(value)
        or is_published_example(value)
    ):
        return []
    return [(start, stop)]


#: Prefixes of formats that are known whole and have rules of their own: what only begins so is no
#: key.
_STRICT = frozenset({"ops", "bedrock", "sntrys", "sgp", "ghp", "glpat", "npm"})


#: A part of a digest.
_ID = re.compile(r"(?=(?:[a-f]*\d){3})[0-9a-f]{7,}\Z")
#: The beginning of a short MessagePack array in base64: GitHub's ids of issues and the like,
#: `PR_kw...`.
_PACKED = (b"kg", b"kw", b"lA", b"lQ")


def _machine_made(words: str, run: bytes) -> bool:
    """True where the run is random and no digest, and the words in front do not say that it is no
    key. Words that say it is one make shorter runs and hexadecimal ones count."""
    parts = words.lower().replace("-", "_").strip("_").split("_")
    telling = any(part in _TELLING for part in parts)
    if parts[0] == "pk" and parts[-1] in ("test", "live"):
        return False  # public keys of Stripe, Clerk and Paystack
    if any(_ID.match(part, 0, len(part)) for part in parts):
        return False  # an id of two parts, as in an ETag
    if parts[0] in _STRICT or (words.isupper() and run.startswith(_PACKED)):
        return False
    if not telling and any(part in _NONE for part in parts):
        return False
    if all(c in b"0123456789abcdef" for c in run) or all(c in b"0123456789ABCDEF" for c in run):
        return telling and parts[-1] != "key" and len(run) not in (32, 40, 64, 128)
    digits = count_digits(run)
    if digits == len(run):
        return False
    if run.islower() or run.isupper():
        if len(run) < (20 if telling else 24) or digits < 3 or _changes(run) < 5:
            return False
    elif digits < 3 and not 0.25 <= sum(65 <= c <= 90 for c in run) / (len(run) - digits) <= 0.75:
        return False
    return entropy(run) >= 3.3 and wordy(run) < 0.4 and counts_up(run) < 0.3


def names_a_thing(value: bytes) -> bool:
    """True where the words in front of a run say that it is no key: `msg_`, `sha256-`."""
    match = _WORDS.match(value, 0, len(value))
    if match is None:
        return False
    parts = match.group().decode().lower().replace("-", "_").split("_")
    return any(part in _NONE for part in parts) and not any(part in _TELLING for part in parts)


def _changes(run: bytes) -> int:
    """How often a digit follows a letter or a letter a digit."""
    kinds = [48 <= c <= 57 for c in run]
    return sum(a != b for a, b in pairwise(kinds))


RULES = (
    Rule(
        "prefixed-token",
        _ANCHOR,
        direct=_values,
        rank=4,
        near=ends_with(_ANCHOR, _SIZE),
        faster=MARKED_RUN,
    ),
)
