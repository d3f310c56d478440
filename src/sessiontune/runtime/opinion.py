"""The third opinion on files: the scanner `kingfisher` (extra `scan`) with rules of its own,
offline."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..errors import ToolError
from ..model import Finding
from ..privacy import kingfisher
from .process import run_kept


def third_opinion(paths: Sequence[str]) -> list[Finding]:
    """What kingfisher finds in files and folders. Raises ToolError when it is not installed, or
    does not read them to the end."""
    job = kingfisher.plan(paths)
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    program = shutil.which(job.argv[0], path=places)
    if program is None:
        raise ToolError(
            "A third opinion needs the program kingfisher.", "pip install 'sessiontune[scan]'"
        )
    job = msgspec.structs.replace(job, argv=(program, *job.argv[1:]))
    status, lines = run_kept(job, Path.cwd(), lambda line: None)
    if status not in kingfisher.RAN:
        # its own words are not shown: they may quote what it read
        raise ToolError(
            f"kingfisher ended with status {status} before it had read everything.",
            "Run it by hand to see why: kingfisher scan --no-validate --no-update-check PATH",
        )
    return kingfisher.parse("\n".join(lines).encode())
