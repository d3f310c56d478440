"""Places: shell prompts, machine names, git remotes, account ids."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import counts_up
from .rules import Rule
from .vocabulary import is_generic

#: What the prefilter leaves out: `5e55....-....-8`, our own pseudonyms.
_NOT_MADE_UUID = (
    r"(?:(?:[0-46-9A-Fa-f]HHH|5(?:[0-9A-Fa-df]HH|e(?:[0-46-9A-Fa-f]H|5[0-46-9A-Fa-f])))H{4}-H{4}-|"
    r"5e55H{4}-H{4}-[^8])"
).replace("H", "[0-9A-Fa-f]")


def prompt_user(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return None if is_generic(match.group(1).decode("latin-1")) else (start, end)


_COMMON_HOSTS = frozenset(
    b"localhost host hostname server ubuntu debian github gitlab bitbucket ssh example remote "
    b"machine computer local docker container node vm box my-host myhost yourhost origin codeberg".split()
)


def host_name(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return (start, end) if is_machine(match.group(1)) else None


def is_machine(name: bytes) -> bool:
    """No name that stands for any machine."""
    name = name.lower()
    return b"example" not in name and name.split(b".")[0] not in _COMMON_HOSTS


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
_AWS_ID = (
    r"(?:\"(?:Account|OwnerId|AccountId)\\*\": ?\\*\"|"
    r"(?i:aws_?account(?:_?id)?|account_id)(?:\\*\")? ?[:=] ?(?:\\*[\"'])?)"
)
_AZURE = r"(?:subscriptions?|--tenant)[/ =]"
#: A subscription, behind whose it is.
_LISTED_BY_AZURE = r"enantId\\*\": \\*\"[0-9a-f-]{36}\\*\",(?:\s|\\n){1,20}\\*\"id\\*\": \\*\""
#: What git prints and keeps of a remote: `To ...`, `From ...` of a fetch, the section of a file.
_REMOTE = (
    r"(?:\bTo |remote:[ ]{1,8}|\bgit push (?:-[\w-]{1,20} ){0,3}|(?:^|[\n\"\x00]|\\n)From |\[remote \\*\"[^\"\n]{1,20}\"\](?:\n|\\+n|\t|\\+t| ){1,10}url = )"
    r"(?:ssh://git@|https://)?(?:github|gitlab|bitbucket|codeberg)\.[a-z]{2,4}[:/]"
)
_ORIGIN = r"(?:origin|upstream|fork)(?:[ \t]|\\+t)+https?://(?:[^\s@/]{1,120}@)?[A-Za-z0-9.-]{3,60}(?::\d{2,5})?/"
#: How Windows names a machine by itself.
_MACHINE = r"(?:DESKTOP|LAPTOP)-[A-Z0-9]{7}|WIN-[A-Z0-9]{11}"
_SSH = r"git@[A-Za-z0-9.-]{3,60}[:/]"

RULES: tuple[Rule, ...] = (
    Rule(
        "user",
        "places",
        r"\b[a-z_][a-z0-9_.-]{1,31}@[A-Za-z0-9][A-Za-z0-9.-]{1,60}:[~/][^\s]{0,100}[$#%] ",
        r"\b([a-z_][a-z0-9_.-]{1,31})@[A-Za-z0-9][A-Za-z0-9.-]{1,60}:[~/][^\s]{0,100}[$#%] ",
        prompt_user,
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
        host_name,
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
        prompt_user,
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
        host_name,
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
        host_name,
        "host",
        before=80,
        after=16,
        rank=2,
    ),
    Rule(
        "host",
        "places",
        rf"\b(?:{_MACHINE})\b",
        rf"\b({_MACHINE})\b",
        _plain,
        "host",
        before=24,
        after=8,
        rank=2,
    ),
    Rule(
        "user",
        "places",
        rf"\b(?:{_MACHINE})\\{{1,4}}[A-Za-z]",
        rf"\b(?:{_MACHINE})\\{{1,4}}([A-Za-z][\w.-]{{1,31}})",
        prompt_user,
        "user",
        before=24,
        after=40,
        rank=2,
    ),
    Rule(
        "user",
        "places",
        r"@(?:[A-Za-z0-9]{1,24}s-)?(?:MacBook|iMac|Mac)[A-Za-z0-9-]{0,30}(?:\.[a-z]{2,8})? [^\s]{1,60} %",
        r"\b([a-z_][a-z0-9_.-]{1,31})@[A-Za-z0-9-]{3,60}(?:\.[a-z]{2,8})? [^\s]{1,60} %",
        prompt_user,
        "user",
        before=160,
        after=4,
        rank=3,
    ),
    Rule(
        "git-owner",
        "places",
        rf"{_REMOTE}[A-Za-z0-9]",
        rf"{_REMOTE}([A-Za-z0-9][A-Za-z0-9_.-]{{1,60}})/",
        _owner,
        "org",
        before=110,
        after=70,
        rank=2,
    ),
    Rule(
        "git-repo",
        "places",
        rf"{_REMOTE}[A-Za-z0-9]",
        rf"{_REMOTE}([A-Za-z0-9][A-Za-z0-9_.-]{{1,60}})/([A-Za-z0-9_-]{{1,100}})",
        _repo,
        "repo",
        before=110,
        after=170,
        rank=2,
    ),
    Rule(
        "git-owner",
        "places",
        r"//[A-Za-z0-9_.-]{1,60}@dev\.azure",
        r"//([A-Za-z0-9_.-]{1,60})@dev\.azure",
        _owner,
        "org",
        before=96,
        after=4,
        rank=2,
    ),
    Rule(
        "git-owner",
        "places",
        r"//(?:[A-Za-z0-9_.-]{1,60}@)?dev\.azure\.com/[A-Za-z0-9]",
        r"//(?:[A-Za-z0-9_.-]{1,60}@)?dev\.azure\.com/([A-Za-z0-9][A-Za-z0-9_.-]{1,60})/",
        _owner,
        "org",
        before=96,
        after=70,
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
        rf"{_ORIGIN}[A-Za-z0-9_.-]",
        rf"{_ORIGIN}([A-Za-z0-9_.-]{{1,60}})/[A-Za-z0-9_.-]",
        _owner,
        "org",
        before=140,
        after=120,
        rank=2,
    ),
    Rule(
        "git-repo",
        "places",
        rf"{_ORIGIN}[A-Za-z0-9_.-]",
        rf"{_ORIGIN}([A-Za-z0-9_.-]{{1,60}})/"
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
        rf"{_AWS_ID}(?:\d{{12}}|[0-9a-f]{{32}})\b",
        rf"{_AWS_ID}(\d{{12}}|[0-9a-f]{{32}})\b",
        _aws,
        before=64,
        after=4,
        rank=2,
    ),
    Rule(
        "account",
        "places",
        r"(?i)\"user_?id\\*\": ?\\*\"[0-9a-f]{64}\b",
        r"(?i)\"user_?id\\*\": ?\\*\"([0-9a-f]{64})\b",
        _account,
        before=100,
        after=4,
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
        rf"(?:{_ACCOUNT}[\\\"']{{0,66}} {{0,2}}[:=] {{0,2}}[\\\"']{{0,66}}|{_AZURE}){_NOT_MADE_UUID}",
        rf"(?:{_ACCOUNT}{_QUOTED}|{_AZURE})({_UUID})",
        _account,
        "uuid",
        before=160,
        after=40,
        rank=2,
    ),
    Rule(
        "account",
        "places",
        rf"{_LISTED_BY_AZURE}{_NOT_MADE_UUID}",
        rf"{_LISTED_BY_AZURE}({_UUID})",
        _account,
        "uuid",
        before=160,
        after=40,
        rank=2,
    ),
)
