"""Keys known by a word near them: `my acme token is V, try it`, `V is the acme key`.

Sentences, messages of programs and calls differ too much for a pattern of each. Here a key is a long
random run a few words from a word for a key, if no word between says that it is something else: a
digest, an id, a path. Digests and ids are hexadecimal, so more is asked around a run of hexadecimal
digits.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from functools import lru_cache

from .checks import TELLS, count_digits, even_case, is_placeholder, judged_random, wordy
from .examples import is_published_example
from .judge import judge
from .keynames import STRONG, dull, vendor_of
from .rules import NL, Rule, left_edge, quick
from .tokens import names_a_thing
from .values import like_key

SIZE = 20
RUN = rf"[A-Za-z0-9_.-]{{{SIZE}}}"
_SAYS = (
    r"(?:key|token|secret|credential|log ?in\b|auth(?:enticate|orization)?\b|cl\xc3\xa9|\bclave|\bchave|\bchiave|schl\xc3\xbcssel|"
    r"\xd1\x82\xd0\xbe\xd0\xba\xd0\xb5\xd0\xbd|\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87|\xe5\xaf\x86\xe9\x92\xa5|\xe9\x87\x91\xe9\x91\xb0)"
)
_SAID = quick(rf"(?i){_SAYS}")
_IN_TAG = (b"<", b"/")
#: The same for Hyperscan, without `\\b`, which costs it time.
_WORDS = _SAYS.replace(r"\b", "")
#: A line end, and what may stand before a value on the next line: an indent, a list's dash, a tag.
_NEXT_LINE = r"(?:(?:\\+r)?\\+n|\r?\n){1,2}[ \t]{0,12}(?:[-*>][ ]{1,3})?(?:<string>)?"
#: A whole value.
_VALUE = quick(r"[A-Za-z0-9_-]+(?:[.~+/=%][A-Za-z0-9_-]+){0,12}={0,2}")
_RUNS = quick(r"[A-Za-z0-9_-][A-Za-z0-9_.~+/=%-]{19,200}")
#: The last word for a key before a value, with the word before that, and up to five words between it
#: and the value.
_BEFORE = quick(
    rf"(?i)(?:([A-Za-z0-9]{{1,24}})[ ._-]{{1,2}})?\b([\w-]{{0,24}}{_SAYS})s?(?![A-Za-z])"
    r"([^\w]{0,8}+(?:[A-Za-z]\w{0,20}+(?:[.-]\w{1,20}+){0,3}+[^\w]{1,8}+){0,5}+)\Z"
)
#: The same on the line above, with nothing else behind the word.
_ABOVE = quick(
    rf"(?i)(?:([A-Za-z0-9]{{1,24}})[ ._-]{{1,2}})?\b([\w-]{{0,24}}(?:key|token|secret))s?"
    rf"((?:\\*[\"']|[`*])?:?[*]{{0,2}}(?:</key>)?[ \t]{{0,2}}{_NEXT_LINE}\\*[`\"']?)\Z"
)
#: A word for a key behind a value: `is my acme key`, `| acme login`, `<- acme key`, `> acme_token.txt`,
#: `for the acme api key`, `goes into ACME_TOKEN`, `(acme api key)`.
_AFTER = quick(
    r"(?i)[\"'`)*\\]{0,4}[ ]{1,2}((?:(?:is|was|are|as|for|(?:goes )?in(?:to)?|under)\b|<-|#|//|\||>|\()[^\w\n]{0,6}"
    rf"(?:[A-Za-z~]\w{{0,20}}+(?:[./~-]\w{{1,20}}+){{0,4}}+[^\w\n]{{1,4}}+){{0,4}})([\w./~-]{{0,24}}{_SAYS})(?![A-Za-z])"
)
#: What is said of a value on the line above, or of the block of code that it ends: `that's the deploy
#: token`. The value is left to `_ahead`: before it Hyperscan would have no fixed bytes to search by.
_THATS = r"(?i:that(?:'|\xe2\x80\x99)?s|that is|this is)"
#: The same on the line below the value, or below the end of its block of code.
_UNDER = quick(
    rf"(?i)[\"'`*]{{0,4}}[ ]{{0,2}}{NL}(?:```{NL}|[ ]{{0,4}}{NL})?[ ]{{0,4}}({_THATS} (?:[A-Za-z]\w{{0,20}}+[^\w\n]{{1,4}}+){{0,4}})([\w./~-]{{0,24}}{_SAYS})(?![A-Za-z])"
)
#: Of these, the ones that make a run of hexadecimal digits a key, too.
_IS = (b"is ", b"was ", b"are ", b"as ", b"goes in", b"|")
#: The next value of a list.
_NEXT = quick(rf"\\*[\"']?(?:,[ ]?|,?{_NEXT_LINE})\\*[\"']?(?={RUN})")
#: Words that say a run is something else than a key.
_ELSE = quick(
    r"(?i)(?:\b|_)(?:[a-z]*hash(?:es)?|sha-?\d*|md5|[a-z]*digest|[a-z]*sum|commit(?:ted)?|rev(?:ision)?|etag|[ug]uid|[a-z]*ids?|"
    r"fingerprint|thumbprint|public|pub|cache|primary|foreign|sort|partition|index|csrf|count|usage|next|page|cursor|continuation|"
    r"files?|paths?|https?|url|uri|model|branch|version|integrity|idempotency|request|trace|span|messages?|tools?|calls?|example|"
    r"sample|fake|dummy|mock|placeholder|redacted|address|wallet|contract|mint|symbol|image|build|snapshot|nonce|tenant|device|"
    r"signature|ssh|ed25519|rsa|cert(?:ificate)?|object|row|merge|parent|tree|blob|ref|head|step|node|class|fixture|length|h1(?=:))(?:\b|_)"
)
#: The value's own name right before it, where the word for a key stands behind it.
_NAMED = quick(r"[\w-]{1,40}[\"']?[ ]?[:= ][ ]?[\"']?\Z")
_ASSIGNS = quick(r"[^\w]*[:=][^\w]*\Z")
#: The value's own name right before it; then the word for a key further ahead is not its name.
_OWN_NAME = quick(r"([A-Za-z][\w-]*)(?:=>?|\\*[\"'][ ]?(?::|=>?)[ ]?)\\*[\"'`]?\Z")
_FOR_VALUE = frozenset(b"value default content body user username login header data name".split())
#: Words that make even a run of hexadecimal digits a key: whose it is, or what is done with it.
_OWNED = quick(
    r"(?i)(?:my|our|your|the|new|old|right|correct|this|with|using|use|for|call) (?:[\w.-]{2,20} ){0,2}\Z"
)
#: What somebody does with the value that follows: `use V for the acme key`, `echo V > acme_token`.
_PUTS = quick(
    r"(?i)\b(?:use|using|set|put|take|try|add|enter|paste|store|save|keep|with|echo|printf)[ ]{1,2}[\"'`]?\Z"
)
_HEADER = quick(r"(?i)authorization\Z")
_SIGNS_IN = quick(r"(?i)(?:log ?in|auth(?:enticate|orization)?|credential)\Z")
#: A run of nothing but hexadecimal digits, or a UUID.
HEX = quick(
    r"(?:[a-z]{1,12}[_-])?(?:[0-9a-f]+|[0-9A-F]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\Z"
)
#: A path, the name of a thing in a cluster, a date, a number.
_NO_KEY = quick(
    r"[a-z]{4,}/|[a-z]{3,20}(?:-[a-z0-9]{1,15}){2,9}\Z|[A-Za-z0-9_-]{0,40}\d{4}-\d\d-\d\d|-?\d+\.\d+(?:[eE][+-]?\d+)?\Z"
)
#: The digest of a file and the file, as `sha256sum` prints them: the file above may be a `...-auth`.
_SUM = quick(
    r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})[ ][ *][\w./~-]"
)
#: What may stand right before a value.
_OPENS = b" \t\n\"'`(=:*>|,[<{n"
#: Behind a value: the rest of an address, a call, a place in a file or a pattern, a colon (it is a
#: name: `"V": 1`), or dots (it was cut).
_GOES_ON = quick(r"[@#(:/[]|\][{+*?]|\.\.|\xe2\x80\xa6|\\*[\"'][ ]?:")


@lru_cache(maxsize=4096)
def machine_made(value: bytes) -> bool:
    """True for a random run that is no name of a thing. What takes little time is asked first."""
    return (
        count_digits(value) > 1
        and not _NO_KEY.match(value)
        and not names_a_thing(value)
        and not (len(value) > 30 and len(set(value)) == len(value))  # the alphabet of an encoding
        and like_key(value, True)
        and judged_random(value, SIZE)
        and all(_no_words(part) for part in value[:TELLS].split(b"."))
        and not is_placeholder(value)
        and not is_published_example(value)
    )


def _no_words(part: bytes) -> bool:
    return len(part) < 4 or wordy(part) < (0.6 if even_case(part) else 0.42)


#: A whole name made of words, perhaps with a short digest behind them, also where something is
#: assigned to it (`...={`): the most common near miss.
_A_NAME = quick(
    r"(?:[A-Za-z]+[_.-])+(?:[A-Za-z]+|[0-9a-z]{1,14})={0,2}(?![A-Za-z0-9_~+/=%-]|\.[A-Za-z0-9_-])"
)


def no_name(data: bytes, end: int) -> bool:
    """The look (`Rule.near`) for such rules: True unless the value whose first `SIZE` characters end
    at `end` is a name made of words."""
    return _A_NAME.match(data, end - SIZE, end + 100) is None


def whole_key(data: bytes, start: int) -> tuple[int, int] | None:
    """The key that begins at `start`, or None: it must be a random run, with nothing before or behind
    it that makes it a part of something longer."""
    if not left_edge(data, start) or (start and data[start - 1] not in _OPENS):
        return None
    match = _VALUE.match(data, start, start + 900)
    if match is None or _GOES_ON.match(data, match.end(), match.end() + 8):
        return None
    if _A_NAME.match(data, start, start + 120) or _SUM.match(data, start, start + 140):
        return None
    return match.span() if machine_made(match.group()) else None


def _behind(data: bytes, end: int) -> list[tuple[int, int]]:
    """The key whose first `SIZE` characters end at `end`, behind a word for a key, and the keys that
    follow in its list."""
    span = whole_key(data, end - SIZE)
    if span is None:
        return []
    low, start = max(0, span[0] - 110), span[0]
    # of a list of commits, the line above may end in `fix the token of a session`
    line = data.rfind(b"\n", low, start) + 1 if HEX.match(data, *span) else 0
    match = _BEFORE.search(data, max(low, line), start) or _ABOVE.search(data, low, start)
    if match is None:
        return []
    word, said, between = (part or b"" for part in match.groups())
    if said == b"key" and data[match.start(2) - 1 : match.start(2)] in _IN_TAG:
        between = between.removesuffix(b"<string>")  # a property list: `<key>` is a tag, no word
        if not _SAID.search(between.replace(b"</key>", b"")):
            return []
    name = word + b"_" + said if word else said
    if (dull(name) and not _HEADER.search(said)) or _ELSE.search(
        word + b" " + said + b" " + between
    ):
        return []
    told = name if vendor_of(name) else said if _ASSIGNS.match(between) else b""
    if told and not _HEADER.search(said) and judge(told, data[slice(*span)], True, b"=") is None:
        return []  # `judge` rejects the value under this name
    if between[:1] == b"." and between[1:2].isalpha():  # a file: `token.py`
        return []
    own = _OWN_NAME.search(between)
    if own and own.group(1).lower() not in _FOR_VALUE:
        return []
    if HEX.match(data, *span) and (
        span[1] - start < 24
        or not (
            STRONG.search(name)
            or said.isupper()
            or said[:2].lower() == b"x-"
            or data[match.start(2) - 2 : match.start(2)] == b"--"
            or vendor_of(said)
            or _SIGNS_IN.search(said)
            or _OWNED.search(data, max(0, match.start(2) - 60), match.start(2))
        )
    ):
        return []
    found = [span]
    while (more := _NEXT.match(data, span[1], span[1] + 40)) and len(found) < 99:
        other = whole_key(data, more.end())
        if other is None:
            break
        span = other
        found.append(span)
    return found


def _ahead(data: bytes, end: int) -> list[tuple[int, int]]:
    """The key before the word for a key that ends at `end`."""
    for run in _RUNS.finditer(data, max(0, end - 240), end):
        match = _AFTER.match(data, run.end(), run.end() + 120) or _UNDER.match(
            data, run.end(), run.end() + 120
        )
        if match is None or match.end() < end:
            continue
        between, said = match.groups()
        escape = data[run.start() - 1 : run.start()] == b"\\" and data[run.start()] in b"nrt"
        span = whole_key(data, run.start() + escape)
        if span is None or span[1] != run.end() or dull(said):
            continue
        if not between.lower().startswith(_IS) and not _put_in(data, span, between + said):
            continue
        named = _NAMED.search(data, max(0, span[0] - 44), span[0])
        if _ELSE.search(b" ".join((named.group() if named else b"", between, said))):
            continue
        return [span]
    return []


def _put_in(data: bytes, span: tuple[int, int], purpose: bytes) -> bool:
    """True where `V for the acme key` puts V there: a verb says so, or V is no hexadecimal number."""
    if not HEX.match(data, *span):
        return True
    told = _PUTS.search(data, max(0, span[0] - 24), span[0]) is not None
    return told and STRONG.search(purpose.replace(b" ", b"_")) is not None


def _option(data: bytes, end: int) -> list[tuple[int, int]]:
    """The key behind an option of one letter (`-k V`), unless it is hexadecimal: a digest, an id, if
    the command is no service's own (`codecov -t V`)."""
    span = whole_key(data, end - SIZE)
    if span is None:
        return []
    line = data[max(0, span[0] - 100, data.rfind(b"\n", 0, span[0])) : span[0]]
    return [span] if not HEX.match(data, *span) or vendor_of(line) else []


#: From a value to the word for a key behind it, for the prefilter. A dash is none: it begins what is
#: said of any long name, and to ask each time took 3% of the gate.
_MARKS = r"(?:is |as |for |\| |> |\()"
_ENDS = "(?i:key|token|secret|credential|login)"

#: A key in base64, whose signs part it into runs that are too short: it must end as base64 does.
_BASE64 = quick(r"[A-Za-z0-9+/]{38,170}={1,2}(?![A-Za-z0-9+/=])")

RULES: tuple[Rule, ...] = (
    Rule(
        "secret",
        rf"(?i:key|token|secret)s?[^\w\n\x00](?:[^\n\x00]{{0,30}}[^A-Za-z0-9_.+/\x00-])?[A-Za-z0-9+/]{{{SIZE}}}",
        near=lambda data, end: _BASE64.match(data, end - SIZE, end + 180) is not None,
        direct=_behind,
        rank=1,
    ),
    *(
        Rule("secret", anchor, near=no_name, direct=_behind, rank=1)
        for anchor in (
            rf"(?i:{_WORDS})s?[^\w\n\x00](?:[^\n\x00]{{0,30}}[^A-Za-z0-9_.+/\x00-])?{RUN}",
            rf"(?i:key|token|secret)s?[\"'`:*<>/a-z \t\\]{{0,12}}{_NEXT_LINE}\\*[`\"']?{RUN}",
        )
    ),
    *(
        Rule("secret", rf"{RUN}={{0,2}}[\"'`)*\\]{{0,4}}{way}", direct=_ahead, rank=1)
        for way in (
            rf"[ ]{{1,2}}{_MARKS}[^\n\x00]{{0,30}}{_ENDS}",
            r"[ ]{1,2}[^\n\x00]{0,40}_(?:KEY|TOKEN|SECRET)",
        )
    ),
    Rule(
        "secret",
        rf"{_THATS} (?i:the|my|our|your|an?) [^\n\x00]{{0,20}}{_ENDS}",
        direct=_ahead,
        rank=1,
    ),
    *(
        Rule("secret", rf"[ \t]-{letter}[ =]\\*[\"']?{RUN}", direct=_option, rank=1)
        for letter in "ktp"
    ),
)
