"""Keys under the name of a service that fewer use, with no word for key: `acme = "..."`, and those
that stand right behind the name of any: `acme V`.

Such names hardly ever stand in a text, so only they are looked for in the pass over it, and what
follows where one stands.
"""

from __future__ import annotations

from .context import VENDOR_VALUE, assign, assigned
from .keynames import FEWER_USE, dull, vendor_of
from .looks import vendor_value_follows
from .nearby import HEX, whole_key
from .rules import Rule, quick

_VALUE = quick(f"(?i){VENDOR_VALUE}")
#: What it takes at least, in one go: it tries every way to part what follows a name in a sentence.
_MAY = quick(
    r"(?i)(?=[\w.\-\"'`\]\\&;%]*?(?:%3|\\u003))|[\w.\-\"'`\]\\&;%]*+(?:[:=>|?+,\xef]|"
    r"[ \t*&]++(?:[.\-:=>|?+,\xef%\\]|[a-z_][\w.<>?*]*+[ \t]++[.\-:=>|?+,\xef%\\]))"
)


def _follows(data: bytes, end: int) -> bool:
    """The value behind the name that ends at `end` would be a key."""
    if _MAY.match(data, end, end + 160) is None:
        return False
    match = _VALUE.match(data, end, end + 160)
    return match is not None and vendor_value_follows(data, match.end())


#: Between a name and the key that stands right behind it.
_GAP = quick(r"[ \t]?[ \t,|:][ \t]?[\"'`]?(?=[A-Za-z0-9_.-]{20})")
_NAME = quick(r"[\w.-]{1,40}\Z")


def _beside(data: bytes, end: int) -> list[tuple[int, int]]:
    """The key right behind the service's name that ends at `end`: no digest, no id."""
    gap = _GAP.match(data, end, end + 24)
    name = _NAME.search(data, max(0, end - 40), end)
    if gap is None or name is None or dull(name.group()) or vendor_of(name.group()) is None:
        return []
    span = whole_key(data, gap.end())
    return [span] if span and not HEX.match(data, *span) else []


RULES: tuple[Rule, ...] = (
    Rule(
        kind="secret",
        layer="secrets",
        anchor=f"(?i)(?:{FEWER_USE})",
        exact=assign(FEWER_USE),
        check=assigned,
        near=_follows,
        before=40,
        after=1000,
        first=256,
        rank=2,
    ),
    Rule(
        kind="secret",
        layer="secrets",
        anchor=f"(?i)(?:{FEWER_USE})",
        exact="()",
        direct=_beside,
        near=lambda data, end: _GAP.match(data, end, end + 24) is not None,
        rank=1,
    ),
)
