"""Keys behind the name of a service, without a word for key: `acme = "V"`, `acme V`.

Here are the services of `FEWER_USE`, which texts rarely name: the prefilter looks for the name
alone, and the value is looked at where a name stands. The others are in `context`.
"""

from __future__ import annotations

from .context import VENDOR_VALUE, assign, assigned
from .keynames import FEWER_USE, dull, vendor_of
from .looks import vendor_value_follows
from .nearby import HEX, whole_key
from .rules import Rule, quick

_VALUE = quick(f"(?i){VENDOR_VALUE}")
#: A quick test without backtracking for what every match of `_VALUE` needs: `_VALUE` tries every
#: way to divide the words behind a name.
_MAY = quick(
    r"(?i)(?=[\w.\-\"'`\]\\&;%]*?(?:%3|\\u003))|[\w.\-\"'`\]\\&;%]*+(?:[:=>|?+,\xef]|"
    r"[ \t*&]++(?:[.\-:=>|?+,\xef%\\]|[a-z_][\w.<>?*]*+[ \t]++[.\-:=>|?+,\xef%\\]))"
)


def _follows(data: bytes, end: int) -> bool:
    """True where the value behind the name that ends at `end` may be a key."""
    if _MAY.match(data, end, end + 160) is None:
        return False
    match = _VALUE.match(data, end, end + 160)
    return match is not None and vendor_value_follows(data, match.end())


#: What may stand between a name and a key right behind it.
_GAP = quick(r"[ \t]?[ \t,|:][ \t]?[\"'`]?(?=[A-Za-z0-9_.-]{20})")
_NAME = quick(r"[\w.-]{1,40}\Z")


def _beside(data: bytes, end: int) -> list[tuple[int, int]]:
    """The key right behind the service's name that ends at `end`, unless it is hexadecimal: a
    digest, an id."""
    gap = _GAP.match(data, end, end + 24)
    name = _NAME.search(data, max(0, end - 40), end)
    if gap is None or name is None or dull(name.group()) or vendor_of(name.group()) is None:
        return []
    span = whole_key(data, gap.end())
    return [span] if span and not HEX.match(data, *span) else []


RULES: tuple[Rule, ...] = (
    Rule(
        kind="secret",
        anchor=f"(?i)(?:{FEWER_USE})",
        exact=assign(FEWER_USE),
        check=assigned,
        near=_follows,
        window=(40, 1000),
        first=256,
        rank=2,
    ),
    Rule(
        kind="secret",
        anchor=f"(?i)(?:{FEWER_USE})",
        direct=_beside,
        near=lambda data, end: _GAP.match(data, end, end + 24) is not None,
        rank=1,
    ),
)
