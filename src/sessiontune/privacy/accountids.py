"""Ids of accounts: AWS, Azure, organisations, and UUIDs under names such as `account_id`."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import counts_up
from .rules import UUID, Rule

#: The beginning of a UUID, less those of our own pseudonyms (`5e55....-....-8`).
_NOT_MADE_UUID = (
    r"(?:(?:[0-46-9A-Fa-f]HHH|5(?:[0-9A-Fa-df]HH|e(?:[0-46-9A-Fa-f]H|5[0-46-9A-Fa-f])))H{4}-H{4}-|"
    r"5e55H{4}-H{4}-[^8])"
).replace("H", "[0-9A-Fa-f]")


def _aws(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    value = match.group(1)
    if len(set(value)) < 4 or value == b"210987654321" or counts_up(value, (0, 1)) > 0.7:
        return None
    return start, end


def _account(data: bytes, match: Any) -> tuple[int, int] | None:
    """The id, unless it counts up (`12345678-1234-...`): such ids are made up."""
    return None if counts_up(match.group(1), (0, 1)) > 0.7 else match.span(1)


_ACCOUNT = (
    r"(?i:account|organi[sz]ation|org|user|owner|tenant|customer|subscription|workspace|installation|"
    r"device|machine|profile|member|hardware|provisioning)[ _-]?(?i:uuid|id)"
)
_QUOTED = r"(?:\\*[\"'])?[ ]{0,2}[:=][ ]{0,2}(?:\\*[\"'])?"
_AWS_ID = (
    r"(?:\"(?:Account|OwnerId|AccountId)\\*\": ?\\*\"|"
    r"(?i:aws_?account(?:_?id)?|account_id)(?:\\*\")? ?[:=] ?(?:\\*[\"'])?)"
)
_AZURE = r"(?:subscriptions?|--tenant)[/ =]"
#: A subscription in a list of the `az` command, where the tenant's id stands on the line before.
_LISTED_BY_AZURE = r"enantId\\*\": \\*\"[0-9a-f-]{36}\\*\",(?:\s|\\n){1,20}\\*\"id\\*\": \\*\""


RULES: tuple[Rule, ...] = (
    Rule(
        "cloud-account",
        r"\barn:aws[a-z-]{0,8}:[a-z0-9-]{1,30}:[a-z0-9-]{0,20}:(\d{12})",
        check=_aws,
        window=(100, 8),
        rank=2,
    ),
    Rule(
        "cloud-account",
        rf"{_AWS_ID}(\d{{12}}|[0-9a-f]{{32}})\b",
        check=_aws,
        window=(64, 4),
        rank=2,
    ),
    Rule(
        "account",
        r"(?i)\"user_?id\\*\": ?\\*\"([0-9a-f]{64})\b",
        check=_account,
        window=(100, 4),
        rank=2,
    ),
    Rule(
        "cloud-account",
        r"\b(\d{12})\.dkr\.ecr\.",
        check=_aws,
        window=(32, 8),
        rank=2,
    ),
    Rule(
        "organisation",
        r"\b(org-[A-Za-z0-9]{24})\b",
        window=(32, 8),
        rank=2,
    ),
    Rule(
        "account",
        rf"(?:{_ACCOUNT}[\\\"']{{0,66}} {{0,2}}[:=] {{0,2}}[\\\"']{{0,66}}|{_AZURE}){_NOT_MADE_UUID}",
        rf"(?:{_ACCOUNT}{_QUOTED}|{_AZURE})({UUID})",
        _account,
        "uuid",
        window=(160, 40),
        rank=2,
    ),
    Rule(
        "account",
        rf"{_LISTED_BY_AZURE}{_NOT_MADE_UUID}",
        rf"{_LISTED_BY_AZURE}({UUID})",
        _account,
        "uuid",
        window=(160, 40),
        rank=2,
    ),
)
