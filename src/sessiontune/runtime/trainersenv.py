"""Environments for the trainers that cannot share ours: one virtual environment each.

Their versions of transformers and TRL exclude one another, and their audio and vision dependencies
often have no build that fits the installed torch. LLaMA-Factory imports torchaudio even for text;
where it does not load, an empty module takes its place.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ..errors import ToolError, cannot_write
from ..ports import Job
from ..training.others import ENV
from .process import environment, run_kept
from .trainothers import environment_of

TORCH = "torch>=2.6,<2.14"
#: What pip is asked for.
PACKAGES: dict[str, tuple[str, ...]] = {
    "llamafactory": ("llamafactory==0.9.5", "bitsandbytes>=0.46.1", TORCH),
    "axolotl": ("axolotl==0.19.0", TORCH),
    "unsloth": ("unsloth>=2026.9", TORCH),
}
#: Imported to see that the environment works.
PROBE = {
    "llamafactory": "import llamafactory.data, llamafactory.hparams",
    "axolotl": "import axolotl.cli.config, axolotl.common.datasets",
    "unsloth": "from unsloth import FastLanguageModel",
}
#: Optional in each, and harmful when their build does not match torch's.
BRITTLE = ("torchvision", "torchaudio", "torchao")
STUB = '"""Empty stand-in: imported by LLaMA-Factory even where no audio is used."""\n'


def states() -> list[dict[str, str]]:
    """Each trainer: name, state, place of its environment."""
    here = all(map(find_spec, ("trl", "peft", "torch")))
    where = "this environment" if here else "pip install 'sessiontune[train]'"
    places = {name: environment_of(name) for name in PACKAGES}
    found = [("trl", here, where)]
    found += [(n, (p / "bin" / "python").is_file(), str(p)) for n, p in places.items()]
    words = {True: "there", False: "not installed"}
    return [{"name": n, "state": words[there], "place": place} for n, there, place in found]


def make(name: str, force: bool, on_line: Callable[[str], None], place: Path | None = None) -> Path:
    """Make the environment of one trainer and return its folder.

    A failure leaves nothing. Raises ToolError with pip's last error, StoreError when the folder
    cannot be written.
    """
    target = place or environment_of(name)
    if (target / "bin" / "python").is_file() and not force:
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target.parent, error) from error
    # Scripts of an environment hold its path, so it cannot be made elsewhere and renamed.
    shutil.rmtree(target, ignore_errors=True)
    try:
        _run("make the environment", [sys.executable, "-m", "venv", str(target)], on_line)
        python = str(target / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--no-compile"]
        _run(f"install {name}", [*pip, *PACKAGES[name]], on_line)
        _mend(name, python, target, on_line)
        _run(f"import {name}", [python, "-c", PROBE[name]], on_line)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return target


def _mend(name: str, python: str, target: Path, on_line: Callable[[str], None]) -> None:
    """Take out optional packages that do not load beside this torch."""
    for package in BRITTLE:
        probe = f"import importlib.util as u\nif u.find_spec({package!r}): import {package}"
        if _ran([python, "-c", probe], lambda line: None)[0] != 0:
            on_line(f"{package} does not load beside this torch: removed")
            _run("remove", [python, "-m", "pip", "uninstall", "-y", "-q", package], on_line)
    if name == "unsloth":
        # The newest release has a CPU path; pip may have chosen an older one because an index does
        # not have the newest certificates that it asks for.
        newest = [python, "-m", "pip", "install", "-q", "--no-deps", "--upgrade"]
        _run("update unsloth", [*newest, "unsloth", "unsloth_zoo"], on_line)
    if name == "llamafactory":
        site = next(target.glob("lib/python*/site-packages"))
        if not (site / "torchaudio").exists():
            (site / "torchaudio").mkdir()
            (site / "torchaudio" / "__init__.py").write_text(STUB, encoding="utf-8")


def _ran(argv: list[str], on_line: Callable[[str], None]) -> tuple[int, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        job = Job(name=argv[0], argv=tuple(argv), env=environment(ENV))
        return run_kept(job, Path(folder), on_line)


def _run(what: str, argv: list[str], on_line: Callable[[str], None]) -> None:
    status, seen = _ran(argv, on_line)
    if status != 0:
        errors = [line for line in seen if "ERROR" in line] or seen or ["no output"]
        raise ToolError(
            f"Could not {what}: {errors[-1][:300]}",
            "Make an environment by hand and name its interpreter with --python.",
        )
