"""Owners and repositories in the addresses of git remotes."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .rules import Rule

_GENERIC_OWNERS = frozenset(
    b"user username owner org organization organisation your-org your-username yourname you me "
    b"example acme repo someone foo bar my-org myorg company your-name <owner> namespace group "
    b"octocat orgname userid project user-name team".split()
)


def _owner(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return None if match.group(1).lower() in _GENERIC_OWNERS else (start, end)


def _repo(data: bytes, match: Any) -> tuple[int, int] | None:
    """The repository (group 2), unless its owner (group 1) is a stand-in."""
    start, end = match.span(2)
    return None if match.group(1).lower() in _GENERIC_OWNERS else (start, end)


#: Where git prints or keeps a remote: `To ...`, `From ...`, `[remote "origin"]` in its settings.
_REMOTE = (
    r"(?:\bTo |remote:[ ]{1,8}|\bgit push (?:-[\w-]{1,20} ){0,3}|(?:^|[\n\"\x00]|\\n)From |\[remote \\*\"[^\"\n]{1,20}\"\](?:\n|\\+n|\t|\\+t| ){1,10}url = )"
    r"(?:ssh://git@|https://)?(?:github|gitlab|bitbucket|codeberg)\.[a-z]{2,4}[:/]"
)
_ORIGIN = r"(?:origin|upstream|fork)(?:[ \t]|\\+t)+https?://(?:[^\s@/]{1,120}@)?[A-Za-z0-9.-]{3,60}(?::\d{2,5})?/"
_SSH = r"git@[A-Za-z0-9.-]{3,60}[:/]"


def _owner_rule(anchor: str, exact: str, before: int, after: int) -> Rule:
    return Rule("git-owner", anchor, exact, _owner, "org", window=(before, after), rank=2)


def _repo_rule(anchor: str, exact: str, before: int, after: int) -> Rule:
    return Rule("git-repo", anchor, exact, _repo, "repo", window=(before, after), rank=2)


_NAMED = "[A-Za-z0-9][A-Za-z0-9_.-]{1,60}"
_OWNER = "[A-Za-z0-9_.-]{1,60}"
_SSH_ANCHOR = rf"{_SSH}[A-Za-z0-9_.-]{{1,40}}/[A-Za-z0-9_.-]"
_ORIGIN_ANCHOR = rf"{_ORIGIN}[A-Za-z0-9_.-]"

RULES: tuple[Rule, ...] = (
    _owner_rule(rf"{_REMOTE}[A-Za-z0-9]", rf"{_REMOTE}({_NAMED})/", 110, 70),
    _repo_rule(
        rf"{_REMOTE}[A-Za-z0-9]", rf"{_REMOTE}({_NAMED})/([A-Za-z0-9_-]{{1,100}})", 110, 170
    ),
    _owner_rule(rf"//{_OWNER}@dev\.azure", rf"//({_OWNER})@dev\.azure", 96, 4),
    _owner_rule(
        rf"//(?:{_OWNER}@)?dev\.azure\.com/[A-Za-z0-9]",
        rf"//(?:{_OWNER}@)?dev\.azure\.com/({_NAMED})/",
        96,
        70,
    ),
    _owner_rule(_SSH_ANCHOR, rf"{_SSH}({_OWNER})/[A-Za-z0-9_./-]{{1,100}}", 140, 120),
    _repo_rule(
        _SSH_ANCHOR,
        rf"{_SSH}({_OWNER})/([A-Za-z0-9_./-]{{1,100}}?)(?:\.git\b|[^A-Za-z0-9_./-]|$)",
        140,
        120,
    ),
    _owner_rule(_ORIGIN_ANCHOR, rf"{_ORIGIN}({_OWNER})/[A-Za-z0-9_.-]", 140, 120),
    _repo_rule(_ORIGIN_ANCHOR, rf"{_ORIGIN}({_OWNER})/([A-Za-z0-9_-]{{1,100}})", 140, 120),
)
