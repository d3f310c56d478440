"""User names in home folders: in paths of all systems, and in agents' names for folders."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .pseudonym import LETTERS, is_pseudonym
from .rules import Rule, left_edge, quick
from .vocabulary import is_generic, stands_alone

_SEPS = ("/", r"\\+", r"%(?:25){0,4}(?:2[Ff]|5[Cc])")
_SEP = f"(?:{'|'.join(_SEPS)})"
_ROOT = (
    rf"(?:{_SEP}(?:home|Users|export{_SEP}home|var{_SEP}home)|[A-Za-z]:{_SEP}(?:[Uu]sers|USERS|"
    rf"Documents and Settings))"
)
#: Claude Code's name for a folder is its path with dashes. Behind a space, only the forms that no
#: option of a command has.
_SLUG_ROOT = (
    r"(?:(?:^|[/\\\"'`=\n\x00\x92(\[:]|\\n)-(?:(?:mnt-[a-z]|var|export|usr|private)-)?(?:home|Users)|"
    r"[ \t]-(?:mnt-[a-z]-)?Users|[A-Z]--Users)-"
)
_SLUG_HEAD = _SLUG_ROOT + "[A-Za-z0-9]"
#: Of `müller` it makes `m-ller`: a single letter is a name where more follows.
_SLUG = _SLUG_ROOT + (
    r"([A-Za-z0-9](?:[A-Za-z0-9_.]{1,31}(?:-[A-Za-z0-9_.-]{0,160}[A-Za-z0-9])?|"
    r"-[A-Za-z0-9_.-]{0,160}[A-Za-z0-9]))"
)

#: The beginning of a user name, less those of our own pseudonyms (`userbcdf...`).
_NOT_MADE_USER = (
    r"(?:[A-Za-tv-z0-9_\x80-\xff]|u(?:[^s]|s(?:[^e]|e(?:[^r]|r"
    rf"(?:[^{LETTERS}]|[{LETTERS}]{{1,13}}[^{LETTERS}]|[{LETTERS}]{{14}}[A-Za-z0-9_])))))"
)
_SEPARATOR = quick(r"(?s:.*)(?:[/\\]|2[Ff]|5[Cc])")

_NAME = quick(r"[A-Za-z0-9_.@\x80-\xff-]{1,64}")
#: A first name and a family name with a space between, up to the next folder.
_TWO_NAMES = quick(
    r"[A-Z\xc3-\xc5][A-Za-z\x80-\xff.'-]{1,24}(?:(?: |\\{1,4} |%20)[A-Z\xc3-\xc5][A-Za-z\x80-\xff.'-]{0,24}){1,2}(?=[/\\]|%(?:25)?(?:2[Ff]|5[Cc]))"
)

_PLAIN_ROOTS = (b"/home/", b"/Users/", b"\\Users\\")
#: The most common beginnings of a path: a root behind a space, a quote or a bracket.
_PLAIN = frozenset(bytes((mark,)) + root for root in _PLAIN_ROOTS for mark in b" \"'\n=(:\t`,[")


def _home(data: bytes, end: int) -> list[tuple[int, int]]:
    """The user name behind `/home/`, `C:\\Users\\` ...; the anchor's hit ends inside it."""
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
    stop = start + len(name)
    if 65 <= data[start] <= 90 and data[stop : stop + 1] in (b" ", b"\\", b"%"):
        both = _TWO_NAMES.match(data, start, start + 90)
        stop = both.end() if both else stop
    found = [(start, stop)]
    before = data[start - 8 if start > 8 else 0 : start]
    if before in _PLAIN or before[1:] in _PLAIN or (start < 8 and before in _PLAIN_ROOTS):
        return found
    low = max(0, start - 64)
    window = data[low:start]
    word = max(window.rfind(mark) for mark in (b"home", b"Users", b"users", b"USERS", b"Documents"))
    return [] if _inside_path(window, word) else found


_SEPARATORS = quick(r"(?:[/\\]|%(?:25){0,4}2[Ff]|%(?:25){0,4}5[Cc])+\Z")
_MOUNTS = (b"export", b"var", b"/c", b"/d", b"/e", b"/C", b"/D")
#: What may stand before `/home` in an absolute path: a mounted file system, a file server, `file:`.
_ROOTED = quick(
    r"(?:(?:(?<![\w.~)}\]-])|(?<=\\[nt]))/(?:usr|mnt|net|nfs|data|cluster|gpfs|lustre|afs|media|vol\d?|storage|private|rootfs|host|System/Volumes/Data|Volumes/[\w ]{1,24})|"
    r"(?:(?<![\w:/])|(?<=\\n))//[\w.$-]{2,40}/[\w.$-]{1,40}|(?:smb|sftp|nfs|afp|ssh|rsync|scp|vscode(?:-insiders|-remote)?|cursor|cifs|file)://[^\s/]{1,40})(?:/[\w.+-]{1,32})*\Z"
)
_UNC = quick(r"(?:(?<![\w\\])|(?<=\\n))(\\{2,32})[\w.$-]{1,40}((?:\\{1,16}[\w.$-]{1,40})*)\Z")


def _inside_path(window: bytes, low: int) -> bool:
    """True where `/home` at `low` is inside a relative path: `src/home/index`, `api/users/1`."""
    match = _SEPARATORS.search(window, max(0, low - 24), low)
    if match is None:
        return False
    start = match.start()
    before = window[max(0, start - 8) : start]
    if before.endswith(_MOUNTS):
        return False
    if left_edge(window, start) and before[-1:] not in (b"_", b".", b")", b"}", b"]"):
        return False
    served = _UNC.search(window, 0, start)
    if served and len(served.group(1)) > match.end() - start:
        return False
    return _ROOTED.search(window, 0, start) is None


@lru_cache(maxsize=4096)
def _personal(name: bytes) -> bool:
    """True where a folder among the homes names a person."""
    text = name.decode("utf-8", "replace")
    if is_pseudonym(name) or is_generic(text) or text in ("Shared", "Public", "index", "page"):
        return False
    return b"." not in name or name.rsplit(b".", 1)[1] not in _ENDINGS


_ENDINGS = frozenset(b"tsx ts js jsx py html css md json vue php rb go java txt svelte".split())


def _slug(data: bytes, match: Any) -> tuple[int, int] | None:
    """`USER-code-app` of `-home-USER-code-app`: the user and the project."""
    start, end = match.span(1)
    user = match.group(1).split(b"-", 1)[0]
    placeholder = is_generic(user.decode("latin-1")) if len(user) > 1 else user in b"xX"
    return None if placeholder or is_pseudonym(user) else (start, end)


def _named(data: bytes, match: Any) -> tuple[int, int] | None:
    """A folder's name, unless it is a word of language or code."""
    start, end = match.span(1)
    name = match.group(1)
    if not stands_alone(name.decode("latin-1")) or not _personal(name):
        return None
    return (start, end) if left_edge(data, match.start()) else None


def _tilde(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return (start, end) if _personal(match.group(1)) and len(match.group(1)) > 2 else None


#: Folders that lie in homes.
_IN_HOMES = r"(?:\.[a-z]|public_html|bin|src|code|dev|work|projects?|repos?|git|Documents|Desktop|Downloads|Library|www|mail|data|tmp|lib|go|app)"

#: What follows `~a`. Hyperscan looks for the tilde alone, which is less work than all the folders.
_TILDE_REST = quick(rf"[a-z0-9_.-]{{2,31}}/{_IN_HOMES}")

RULES: tuple[Rule, ...] = (
    Rule(
        "home",
        rf"{_ROOT}{_SEP}{_NOT_MADE_USER}",
        shape="user",
        direct=_home,
        rank=2,
        # these need no look at what stands before the home
        faster=(
            rf"{_SEP}(?:home|Users){_SEP}{_NOT_MADE_USER}",
            *(
                rf"[A-Za-z]:{sep}(?:users|USERS|Documents and Settings){_SEP}{_NOT_MADE_USER}"
                for sep in _SEPS  # each apart: `:\` is everywhere
            ),
        ),
    ),
    Rule(
        "home",
        r"(?i:home|users|profiles)\$\\{1,8}[A-Za-z]",
        # with the server, because code has `users$\n`
        r"\\{2}[A-Za-z0-9_.-]{2,40}\\{1,8}[A-Za-z0-9_-]{0,24}(?i:home|users|profiles)\$\\{1,8}([A-Za-z][A-Za-z0-9_.-]{1,63})",
        _tilde,
        "user",
        window=(110, 70),
        rank=2,
    ),
    Rule("slug", _SLUG_HEAD, _SLUG, _slug, "slug", window=(48, 240), rank=2),
    Rule(
        "home",
        r"(?:/scratch|/work/users|/u/home|/gpfs/home|/run/media)/[a-z]",
        r"(?:/scratch|/work/users|/u/home|/gpfs/home|/run/media)/([a-z][a-z0-9_.-]{2,31})(?:[/\s\"'\x00]|$)",
        _named,
        "user",
        window=(24, 40),
        rank=2,
    ),
    Rule(
        "home",
        r"(?:^|[\s\"'`(\[=:,\x00n])~[a-z]",
        rf"(?:[\s\"'`(\[=:,]|\\n|^)~([a-z][a-z0-9_.-]{{2,31}})/{_IN_HOMES}",
        _tilde,
        "user",
        near=lambda data, end: _TILDE_REST.match(data, end, end + 48) is not None,
        window=(4, 48),
        rank=2,
    ),
)
