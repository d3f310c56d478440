"""The user's own preprocessing, `module:function`: loaded, called and checked.

What it prints goes to stderr, since stdout belongs to `--json`. What it returns must be a session
of the right types, and the same one: a session's identity decides the names of its rows and its
side of the split, and its logs are what is counted.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import Any, NoReturn

import msgspec

from .. import codec
from ..errors import UsageError
from ..ledger import lines_of
from ..model import Drop, Origin, Session
from ..ports import Stage

_IDENTITY = ("key", "thread", "lineage", "epoch", "files")


def keeping(hook: Stage, keep: Callable[[Session], None]) -> Stage:
    """The hook; `keep` is given each session that it leaves out or changes, as it was before. Once
    the log has vanished nothing else holds what the hook took out, and a hook can be removed."""

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
        result = _called(function, name, session)
        if isinstance(result, Session):
            result = _checked(result, session, name)
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


class _Exit(SystemExit):
    """The user's code called `os._exit`."""


_exit = os._exit
#: The process and the thread that run the user's code, if one does.
_running: tuple[int, int] | None = None


def _exit_in_words(status: int = 0) -> NoReturn:
    """`os._exit` ends the program without a word. In the user's code it is an error like any other;
    a process that this code forked may end so."""
    if _running == (os.getpid(), threading.get_ident()):
        raise _Exit(status)
    _exit(status)


@contextmanager
def _users_code() -> Iterator[None]:
    """Run the user's code: what it prints goes to stderr, and it does not end the program."""
    global _running
    os._exit = _exit_in_words  # for good: the user's code may keep it under a name of its own
    outer, _running = _running, (os.getpid(), threading.get_ident())
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _running = outer


def _called(function: Callable[[Session], Any], name: str, session: Session) -> Any:
    try:
        with _users_code():
            return function(deepcopy(session))  # which it may change in place
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also a cancelled task, or a panic in Rust
        how = _ending(error) + _line(error, function)
        raise UsageError(
            f"The preprocessing hook {name} failed on {_where(session)}: {how}.",
            "Mend the hook; it takes a Session and returns a Session or None.",
        ) from error


def _ending(error: BaseException) -> str:
    """How a hook ended, without the error's own text, which is not redacted."""
    kind = "os._exit" if isinstance(error, _Exit) else type(error).__name__
    return f"it ends the program ({kind})" if isinstance(error, SystemExit) else kind


def _line(error: BaseException, function: Callable[[Session], Any]) -> str:
    """The last line of the user's own file that ran, or "" where none is known."""
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    mine = [frame for frame in extract_tb(error.__traceback__) if frame.filename == file]
    return f" in {Path(file).name}:{mine[-1].lineno}" if mine else ""


def _checked(result: Session, given: Session, name: str) -> Session:
    """`result` as the later stages may rely on it. Raises UsageError naming what is wrong."""
    try:  # there and back: the types are checked, and arguments become what JSON can say
        result = msgspec.json.decode(msgspec.json.encode(result), type=Session)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _unusable(name, given, _why(error)) from error
    changed = [f for f in _IDENTITY if getattr(result, f) != getattr(given, f)]
    if changed:
        raise _unusable(name, given, f"`{changed[0]}` is not what it was")
    if not _origins(result) <= _origins(given):
        raise _unusable(name, given, "it names an `origin` that it did not have")
    if _repeated(result) > _repeated(given):
        raise _unusable(name, given, "two messages have one `id`")
    return result


def _why(error: Exception) -> str:
    """What is wrong, without the value itself, which is not redacted."""
    return str(error) if isinstance(error, msgspec.ValidationError) else type(error).__name__


def _origins(session: Session) -> set[Origin]:
    return {origin for message in session.messages for origin in message.origin}


def _repeated(session: Session) -> int:
    return len(session.messages) - len({m.id for m in session.messages})


def _unusable(name: str, session: Session, why: str) -> UsageError:
    return UsageError(
        f"What the preprocessing hook {name} made of {_where(session)} cannot be used: {why}.",
        "It may change messages, their parts and a session's project; a session's name stays.",
    )


def _where(session: Session) -> str:
    return session.files[0] if session.files else session.key


def load_hook(name: str) -> Callable[[Session], Any]:
    """Import `module:function`, looking in the working folder too."""
    module, _, function = name.partition(":")
    if not function:
        raise UsageError(f"'{name}' is not module:function.", "For example my_hooks:shorten.")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        with _users_code():
            found: Callable[[Session], Any] = getattr(import_module(module), function)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # importing runs the user's code
        why = _ending(error) if isinstance(error, SystemExit) else error
        missing = isinstance(error, ModuleNotFoundError)
        raise UsageError(
            f"The preprocessing hook {name} cannot be loaded: {why}.",
            "Run the command in the folder that holds the module, or install it."
            if missing
            else "Mend the file that defines it.",
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
