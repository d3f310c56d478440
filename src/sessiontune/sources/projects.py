"""Which project a working folder belongs to."""

from __future__ import annotations

import re

#: Where Claude Code puts its working copies of a project.
_COPIES = re.compile(r"[\\/]\.claude[\\/]worktrees[\\/][^\\/]+.*\Z", re.DOTALL)


def project_folder(cwd: str) -> str:
    """The folder of a working folder's project: a copy of a project belongs to it."""
    return _COPIES.sub("", cwd)


def project_name(cwd: str) -> str:
    """The last part of that folder's path, of Windows or Unix."""
    return project_folder(cwd).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
