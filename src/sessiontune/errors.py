"""Every error the program raises on purpose, as one tree.

    SessiontuneError            1
    |-- UsageError              2   a wrong option, recipe or argument
    |-- SourceError             3   the logs cannot be found or read at all
    |-- PrivacyError            4   the gate found a secret in what would be published
    |-- StoreError              5   the state or the output folder cannot be used
    |   `-- DamagedError        5   a file of the state does not hold what was noted
    |-- ToolError               6   a program or package that we call is missing or failed
    |-- EndpointError           7   a model endpoint does not answer as it should
    |-- FindingsError           8   `scan --fail-on-secrets` found something
    |-- WorseError              9   the tuned model is worse than its base
    |-- PreflightError         10   preflight or parity failed
    |   `-- AdviceError       10   a check that a person may set aside
    `-- Interrupted           130   Ctrl-C; beside a program of ours also TERM or HUP

The number is the exit code. Only `cli/main.py` catches them. Trouble with a single record is
never an exception: it is a `Fault` or a `Drop` (see `model`).
"""

from __future__ import annotations

import errno
from pathlib import Path
from shlex import quote


class SessiontuneError(Exception):
    """Base of the tree. `hint` says what the user can do next; `told` that it was printed."""

    code = 1
    told = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[SessiontuneError], tuple[str, str]]:
        """Errors travel from worker processes with their hint."""
        return type(self), (self.message, self.hint)

    @property
    def kind(self) -> str:
        """The short name used in `--json` output."""
        return type(self).__name__


class UsageError(SessiontuneError):
    code = 2


class SourceError(SessiontuneError):
    code = 3


class PrivacyError(SessiontuneError):
    code = 4


class StoreError(SessiontuneError):
    code = 5


class DamagedError(StoreError):
    pass


def cannot_write(path: object, error: OSError, otherwise: str = ".") -> StoreError:
    """The error for a failed write: why, and what helps. `otherwise` ends the hint."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        helps = "Make it writable"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT, None):  # other libraries give no number
        helps = "Free some space"
    else:
        helps = "Mend that"
    why = error.strerror or str(error)
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        why = "there is a file in the place of a folder"
    return StoreError(f"Cannot write {path}: {why}.", f"{helps}{otherwise}")


def no_port(port: int, error: OSError) -> UsageError:
    """The error for a port of this machine on which nothing can listen."""
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            f"Port {port} is taken by another program.",
            "Name another one with --port N; --port 0 takes any that is free.",
        )
    return UsageError(f"Port {port} cannot be used: {error.strerror}.", "Use one above 1023.")


class ToolError(SessiontuneError):
    code = 6


class EndpointError(SessiontuneError):
    code = 7


class FindingsError(SessiontuneError):
    code = 8


class WorseError(SessiontuneError):
    code = 9


class PreflightError(SessiontuneError):
    code = 10


class AdviceError(PreflightError):
    """`advice`: the hint without the option that sets the check aside."""

    def __init__(self, message: str, hint: str = "", advice: str = "") -> None:
        super().__init__(message, hint)
        self.advice = advice


class Interrupted(SessiontuneError):
    code = 130


def no_run(folder: Path, hint: str = "") -> UsageError:
    """The error for a folder without a run.json that can be read: what it is, and what to do."""
    if (folder / "manifest.json").is_file():
        return UsageError(
            f"{folder} is an export, and no training run.",
            f"Train on it first: sessiontune train {quote(str(folder))} --base MODEL",
        )
    if (folder / "run.json").exists():
        why = "its run.json is damaged"
    else:
        why = "run.json is missing" if folder.is_dir() else "there is no such folder"
    return UsageError(
        f"{folder} is no training run: {why}.",
        hint or "Give the folder that `sessiontune train` made.",
    )
