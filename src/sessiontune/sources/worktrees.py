"""Working copies of a project belong to it."""

from __future__ import annotations

import re

#: Where Claude Code puts its working copies of a project.
_COPIES = re.compile(r"[\\/]\.claude[\\/]worktrees[\\/][^\\/]+.*\Z", re.DOTALL)


def project_folder(cwd: str) -> str:
    """The folder of the project that a working folder belongs to."""
    return _COPIES.sub("", cwd)
