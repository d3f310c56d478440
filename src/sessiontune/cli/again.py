"""The command that was given, as a person can give it again with other options."""

from __future__ import annotations

import contextlib
import shutil
import sys
from pathlib import Path
from shlex import quote

#: The script of the original README: it names the verb and the place of the logs by itself.
_SCRIPT = "export_conversations.py"


def program() -> str:
    """How the user can call us: a virtual environment that is not active needs its path."""
    called = Path(sys.argv[0])
    if called.name != "sessiontune" or shutil.which("sessiontune") == str(called.absolute()):
        return "sessiontune"
    return quote(str(called))


def with_more_held_out(folder: str, split: str, share: float) -> str:
    """The command that was given, so that all sessions are dealt anew into a folder of their own
    and enough are held out for a verdict. `folder` and `split`: those that hold out too few."""
    given, words = [], iter(sys.argv[1:])
    for word in words:
        if word in ("--eval-share", "--split", "-o", "--out"):
            next(words, "")
        elif not word.startswith(("--eval-share=", "--split=", "--out=", "-o")):
            given.append(quote(word))
    script = Path(sys.argv[0]).name == _SCRIPT
    called = f"python3 {quote(sys.argv[0])}" if script else program()
    return " ".join((called, *given, more_held_out(folder, split, share)))


def more_held_out(folder: str, split: str, share: float) -> str:
    """The options for that. A folder that is there already and holds out enough is named again:
    the command brings it up to date. Of others a new name is made."""
    from ..portions import another

    new, name = another(folder, split)
    while Path(new).exists():
        if known := _share_of(Path(new), name):
            share = known
            break
        new, name = another(new, name)
    return f"-o {quote(new)} --split {name} --eval-share {share:g}"


def _share_of(folder: Path, split: str) -> float:
    """The share of the export of this split in `folder`, made by `export` or `tune`, if it holds
    out enough for a verdict; else 0."""
    from ..pipeline.carrying import read_manifest
    from ..portions import few_held_out

    for place in (folder, folder / "data"):
        with contextlib.suppress(OSError):  # no export is there
            made = read_manifest(place)
            if made and made.options.split == split and not few_held_out(made):
                return made.options.eval_share
    return 0.0
