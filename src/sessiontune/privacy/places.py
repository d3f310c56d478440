"""Places: home folders, shell prompts, machine names, git remotes, account ids."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from .checks import counts_up
from .pseudonym import LETTERS, is_pseudonym
from .rules import Rule, left_edge, quick
from .vocabulary import is_generic

_SEP = r"(?:/|\\+|%(?:25){0,4}2[Ff]|%(?:25){0,4}5[Cc])"
_ROOT = (
    rf"(?:{_SEP}(?:home|Users|export{_SEP}home|var{_SEP}home)|[A-Za-z]:{_SEP}(?:[Uu]sers|USERS|"
    rf"Documents and Settings))"
)
_SLUG_ROOT = r"(?:(?:^|[/\\\"'`=\n\x00])-(?:home|Users)|[ \t]-Users|[A-Z]--Users)-"
_SLUG_HEAD = _SLUG_ROOT + "[A-Za-z0-9]"
_SLUG = _SLUG_ROOT + r"([A-Za-z0-9][A-Za-z0-9_.]{1,31}(?:-[A-Za-z0-9_.-]{0,160}[A-Za-z0-9])?)"


#: What the prefilter leaves out: `userbcdf...` and `5e55....-....-8`, our own pseudonyms.
_NOT_MADE_USER = (
    r"(?:[A-Za-tv-z0-9_\x80-\xff]|u(?:[^s]|s(?:[^e]|e(?:[^r]|r"
    rf"(?:[^{LETTERS}]|[{LETTERS}]{{1,13}}[^{LETTERS}]|[{LETTERS}]{{14}}[A-Za-z0-9_])))))"
)
_NOT_MADE_UUID = (
    r"(?:(?:[0-46-9A-Fa-f]HHH|5(?:[0-9A-Fa-df]HH|e(?:[0-46-9A-Fa-f]H|5[0-46-9A-Fa-f])))H{4}-H{4}-|"
    r"5e55H{4}-H{4}-[^8])"
).replace("H", "[0-9A-Fa-f]")
_SEPARATOR = quick(r"(?s:.*)(?:[/\\]|2[Ff]|5[Cc])")

_NAME = quick(r"[A-Za-z0-9_.@\x80-\xff-]{1,64}")


_PLAIN_ROOTS = (b"/home/", b"/Users/", b"\\Users\\")


def _home(data: bytes, end: int) -> list[tuple[int, int]]:
    """The user name after `/home/`, `C:\\Users\\` ..., of which the anchor saw a part."""
    start = end - 1
    if data[start - 1] not in b"/\\":
        low = max(0, end - 24)
        last = _SEPARATOR.match(data, low, start)
        start = last.end() if last else start
    match = _NAME.match(data, start, start + 64)
    if match is None:
        return []
    name = match.group().rstrip(b".-@")
    if not name or not _personal(name):
        return []
    found = [(start, start + len(name))]
    before = data[max(0, start - 8) : start]
    for root in _PLAIN_ROOTS:  # by far the most: nothing but a space or a quote before it
        if before.endswith(root) and before[: -len(root)][-1:] in b" \"'\n=(:\t`,[":
            return found
    low = max(0, start - 64)
    window = data[low:start]
    word = max(window.rfind(mark) for mark in (b"home", b"Users", b"users", b"USERS", b"Documents"))
    return [] if _inside_path(window, word) else found


_SEPARATORS = quick(r"(?:[/\\]|%(?:25){0,4}2[Ff]|%(?:25){0,4}5[Cc])+\Z")
_MOUNTS = (b"export", b"var", b"/c", b"/d", b"/e", b"/C", b"/D")


def _inside_path(window: bytes, low: int) -> bool:
    """`src/home/index`, `api/users/1`: what stands before `/home` at `low` is a relative path."""
    match = _SEPARATORS.search(window, max(0, low - 24), low)
    if match is None:
        return False
    start = match.start()
    before = window[max(0, start - 8) : start]
    if before.endswith(_MOUNTS):
        return False
    return not left_edge(window, start) or before[-1:] in (b"_", b".", b")", b"}", b"]")


@lru_cache(maxsize=4096)
def _personal(name: bytes) -> bool:
    """True for a folder of homes that names a person."""
    text = name.decode("utf-8", "replace")
    if is_pseudonym(name) or is_generic(text) or text in ("Shared", "Public", "index", "page"):
        return False
    return b"." not in name or name.rsplit(b".", 1)[1] not in _ENDINGS


_ENDINGS = frozenset(b"tsx ts js jsx py html css md json vue php rb go java txt svelte".split())


def _slug(data: bytes, match: Any) -> tuple[int, int] | None:
    """The rest of `-home-USER-code-app`: who, and which project."""
    start, end = match.span(1)
    user = match.group(1).split(b"-", 1)[0]
    return None if is_generic(user.decode("latin-1")) or is_pseudonym(user) else (start, end)


def _prompt_user(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return None if is_generic(match.group(1).decode("latin-1")) else (start, end)


_COMMON_HOSTS = frozenset(
    b"localhost host hostname server ubuntu debian github gitlab bitbucket ssh example remote "
    b"machine computer local docker container node vm box my-host myhost yourhost origin".split()
)


def _host(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    name = match.group(1).lower()
    if name in _COMMON_HOSTS or b"example" in name or name.split(b".")[0] in _COMMON_HOSTS:
        return None
    return start, end


_GENERIC_OWNERS = frozenset(
    b"user username owner org organization organisation your-org your-username yourname you me "
    b"example acme repo someone foo bar my-org myorg company your-name <owner> namespace group "
    b"octocat orgname userid project user-name team".split()
)


def _owner(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return None if match.group(1).lower() in _GENERIC_OWNERS else (start, end)


def _repo(data: bytes, match: Any) -> tuple[int, int] | None:
    """The repository of a remote, unless its owner is a stand-in."""
    start, end = match.span(2)
    return None if match.group(1).lower() in _GENERIC_OWNERS else (start, end)


def _aws(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    value = match.group(1)
    if len(set(value)) < 4 or value == b"210987654321" or counts_up(value, (0, 1)) > 0.7:
        return None
    return start, end


def _plain(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return start, end


def _account(data: bytes, match: Any) -> tuple[int, int] | None:
    """An id that counts up (`12345678-1234-...`) is nobody's."""
    return None if counts_up(match.group(1), (0, 1)) > 0.7 else match.span(1)


_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_ACCOUNT = (
    r"(?i:account|organi[sz]ation|org|user|owner|tenant|customer|subscription|workspace|installation|"
    r"device|machine|profile|member)_?-?(?i:uuid|id)"
)
_QUOTED = r"(?:\\*[\"'])?[ ]{0,2}[:=][ ]{0,2}(?:\\*[\"'])?"
_SSH = r"git@[A-Za-z0-9.-]{3,60}[:/]"

RULES: tuple[Rule, ...] = (
    Rule(
        "home",
        "places",
        rf"{_ROOT}{_SEP}{_NOT_MADE_USER}",
        "()",
        None,
        "user",
        direct=_home,
        rank=2,
    ),
    Rule("slug", "places", _SLUG_HEAD, _SLUG, _slug, "slug", before=48, after=240, rank=2),
    Rule(
        "user",
        "places",
        r"\b[a-z_][a-z0-9_.-]{1,31}@[A-Za-z0-9][A-Za-z0-9.-]{1,60}:[~/][^\s]{0,100}[$#%] ",
        r"\b([a-z_][a-z0-9_.-]{1,31})@[A-Za-z0-9][A-Za-z0-9.-]{1,60}:[~/][^\s]{0,100}[$#%] ",
        _prompt_user,
        "user",
        before=240,
        after=8,
        rank=3,
    ),
    Rule(
        "host",
        "places",
        r"\b[a-z_][a-z0-9_.-]{1,31}@[A-Za-z0-9][A-Za-z0-9.-]{1,60}:[~/][^\s]{0,100}[$#%] ",
        r"\b[a-z_][a-z0-9_.-]{1,31}@([A-Za-z0-9][A-Za-z0-9.-]{1,60}):[~/][^\s]{0,100}[$#%] ",
        _host,
        "host",
        before=240,
        after=8,
        rank=3,
    ),
    Rule(
        "user",
        "places",
        r"\[[a-z_][a-z0-9_.-]{1,31}@[A-Za-z0-9][A-Za-z0-9.-]{1,60} [^\]\n]{1,80}\][$#] ",
        r"\[([a-z_][a-z0-9_.-]{1,31})@[A-Za-z0-9][A-Za-z0-9.-]{1,60} [^\]\n]{1,80}\][$#] ",
        _prompt_user,
        "user",
        before=240,
        after=8,
        rank=3,
    ),
    Rule(
        "host",
        "places",
        r"\[[a-z_][a-z0-9_.-]{1,31}@[A-Za-z0-9][A-Za-z0-9.-]{1,60} [^\]\n]{1,80}\][$#] ",
        r"\[[a-z_][a-z0-9_.-]{1,31}@([A-Za-z0-9][A-Za-z0-9.-]{1,60}) [^\]\n]{1,80}\][$#] ",
        _host,
        "host",
        before=240,
        after=8,
        rank=3,
    ),
    Rule(
        "host",
        "places",
        r"(?:MacBook|iMac|Mac-mini|MacBook-Pro|MacBook-Air|Mac-Studio|PC|Laptop|laptop|"
        r"desktop|Desktop|ThinkPad|XPS|workstation)[A-Za-z0-9-]{0,24}\.(?:local|lan|home|fritz\.box)\b",
        r"\b([A-Za-z0-9][A-Za-z0-9-]{1,62})\.(?:local|lan|home|fritz\.box)\b",
        _host,
        "host",
        before=80,
        after=16,
        rank=2,
    ),
    Rule(
        "host",
        "places",
        r"\b(?:DESKTOP|LAPTOP)-[A-Z0-9]{7}\b|\bWIN-[A-Z0-9]{11}\b",
        r"\b((?:DESKTOP|LAPTOP)-[A-Z0-9]{7}|WIN-[A-Z0-9]{11})\b",
        _plain,
        "host",
        before=24,
        after=8,
        rank=2,
    ),
    Rule(
        "git-owner",
        "places",
        rf"{_SSH}[A-Za-z0-9_.-]{{1,40}}/[A-Za-z0-9_.-]",
        rf"{_SSH}([A-Za-z0-9_.-]{{1,60}})/[A-Za-z0-9_./-]{{1,100}}",
        _owner,
        "org",
        before=140,
        after=120,
        rank=2,
    ),
    Rule(
        "git-repo",
        "places",
        rf"{_SSH}[A-Za-z0-9_.-]{{1,40}}/[A-Za-z0-9_.-]",
        rf"{_SSH}([A-Za-z0-9_.-]{{1,60}})/([A-Za-z0-9_./-]{{1,100}}?)(?:\.git\b|[^A-Za-z0-9_./-]|$)",
        _repo,
        "repo",
        before=140,
        after=120,
        rank=2,
    ),
    Rule(
        "git-owner",
        "places",
        r"(?:origin|upstream|fork)[ \t]+https?://[A-Za-z0-9.-]{3,60}/[A-Za-z0-9_.-]",
        r"(?:origin|upstream|fork)[ \t]+https?://[A-Za-z0-9.-]{3,60}/([A-Za-z0-9_.-]{1,60})/[A-Za-z0-9_.-]",
        _owner,
        "org",
        before=140,
        after=120,
        rank=2,
    ),
    Rule(
        "git-repo",
        "places",
        r"(?:origin|upstream|fork)[ \t]+https?://[A-Za-z0-9.-]{3,60}/[A-Za-z0-9_.-]",
        r"(?:origin|upstream|fork)[ \t]+https?://[A-Za-z0-9.-]{3,60}/([A-Za-z0-9_.-]{1,60})/"
        r"([A-Za-z0-9_-]{1,100})",
        _repo,
        "repo",
        before=140,
        after=120,
        rank=2,
    ),
    Rule(
        "cloud-account",
        "places",
        r"\barn:aws[a-z-]{0,8}:[a-z0-9-]{1,30}:[a-z0-9-]{0,20}:\d{12}",
        r"\barn:aws[a-z-]{0,8}:[a-z0-9-]{1,30}:[a-z0-9-]{0,20}:(\d{12})",
        _aws,
        before=100,
        after=8,
        rank=2,
    ),
    Rule(
        "cloud-account",
        "places",
        r"\b\d{12}\.dkr\.ecr\.",
        r"\b(\d{12})\.dkr\.ecr\.",
        _aws,
        before=32,
        after=8,
        rank=2,
    ),
    Rule(
        "organisation",
        "places",
        r"\borg-[A-Za-z0-9]{24}\b",
        r"\b(org-[A-Za-z0-9]{24})\b",
        _plain,
        before=32,
        after=8,
        rank=2,
    ),
    Rule(
        "account",
        "places",
        r"(?i:id)[\\\"']{0,66} {0,2}[:=] {0,2}[\\\"']{0,66}" + _NOT_MADE_UUID,
        rf"{_ACCOUNT}{_QUOTED}({_UUID})",
        _account,
        "uuid",
        before=160,
        after=40,
        rank=2,
    ),
)

#: Fields of records whose value is an identity, whatever it looks like.
IDENTITY_KEYS = re2.compile(
    r"(?i)(?:owner|user|account|organi[sz]ation|org|tenant|customer|device|machine|installation)"
    r"_?(?:account|organi[sz]ation)?_?(?:uuid|id|name|login|email)|hostname|login|author(?:_?name|_?email)"
)
