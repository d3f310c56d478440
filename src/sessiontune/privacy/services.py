"""Keys under the name of a service that fewer use, with no word for key: `acme = "..."`.

Such names hardly ever stand in a text, so only they are looked for in the pass over it, and what
follows where one stands.
"""

from __future__ import annotations

from .context import VENDOR_VALUE, assign, assigned, vendor_value_follows
from .keynames import FEWER_USE
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
)
