"""What a check before or after training says, and when it stops the run."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..errors import AdviceError, PreflightError


class Check(msgspec.Struct, frozen=True):
    """One check and what was seen. level: good, note, soft (--force passes it) or bad."""

    name: str
    level: str
    seen: str
    hint: str = ""


def stop_on(checks: Sequence[Check], force: bool) -> None:
    """Raise PreflightError for the first check that stops the run."""
    for check in checks:
        if check.level == "bad" or (check.level == "soft" and not force):
            said = f"{check.name}: {check.seen}"
            if check.level == "bad":
                raise PreflightError(said, check.hint)
            hint = f"{check.hint} Or go on all the same with --force.".strip()
            raise AdviceError(said, hint, check.hint)
