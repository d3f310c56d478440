"""A user's own function between clean and redact: `module:function`, Session -> Session or None."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from .. import codec
from ..errors import UsageError
from ..ledger import lines_of
from ..model import Drop, Session
from ..ports import Stage


def keeping(hook: Stage, keep: Callable[[Session], None]) -> Stage:
    """The hook; `keep` takes each session that it leaves out or changes, as it was. When the log
    has vanished nothing else holds what the hook took out, and a hook can be taken away."""

    def stage(session: Session) -> tuple[Session | None, list[Drop]]:
        result, drops = hook(session)
        if result is not session and result != session:
            keep(session)
        return result, drops

    return stage


@lru_cache(maxsize=4)
def hook_stage(name: str) -> Stage:
    """The user's `module:function` as a stage, counted like any other."""
    function = load_hook(name)

    def stage(session: Session) -> tuple[Session | None, list[Drop]]:
        try:
            result = function(session)
        except Exception as error:
            where = session.files[0] if session.files else session.key
            raise UsageError(
                f"The preprocessing hook {name} failed on {where}: {type(error).__name__}.",
                "Mend the hook; it takes a Session and returns a Session or None.",
            ) from error
        if isinstance(result, Session):
            before, after = lines_of(session), lines_of(result)
            gone = [
                Drop("preprocess", "cut_by_hook", file=f, count=n - after.get(f, 0))
                for f, n in before.items()
                if n > after.get(f, 0)
            ]
            return result, gone
        if result is None or isinstance(result, Drop):
            reason = result.reason if isinstance(result, Drop) else "dropped_by_hook"
            return None, [
                Drop("preprocess", reason, file=f, count=n) for f, n in lines_of(session).items()
            ]
        raise UsageError(
            f"The preprocessing hook {name} returned {type(result).__name__}.",
            "It must return a Session, a Drop or None.",
        )

    return stage


def load_hook(name: str) -> Callable[[Session], Any]:
    """Import `module:function`, looking in the working folder too."""
    import sys

    module, _, function = name.partition(":")
    if not function:
        raise UsageError(f"'{name}' is not module:function.", "For example my_hooks:shorten.")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Callable[[Session], Any] = getattr(import_module(module), function)
    except Exception as error:  # importing runs the user's code
        raise UsageError(
            f"The preprocessing hook {name} cannot be loaded: {error}.",
            "Start the command where the module lies, or install it.",
        ) from error
    if not callable(found):
        raise UsageError(
            f"The preprocessing hook {name} is no function.", "For example my_hooks:shorten."
        )
    return found


def hook_digest(name: str) -> str:
    """Changes when the hook's source file does, so that shards are made anew."""
    if not name:
        return ""
    file = getattr(import_module(load_hook(name).__module__), "__file__", None)
    return codec.digest(name, Path(file).read_bytes() if file else b"")
