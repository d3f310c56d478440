"""Arms: the models that an evaluation compares, and how a command line names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import orjson

from ..errors import UsageError
from .cache import digest, folder_digest
from .endpoint import address
from .heldout import Run

Kind = Literal["base", "rules", "adapter", "folder", "gguf", "endpoint"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf", "*.json")


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One model of the comparison.

    path    folder or file of a local one; url and model those of an endpoint
    rules   text put before the conversation (the arm `rules`)
    digest  of everything that its results depend on, but for the cases
    """

    name: str
    kind: Kind
    digest: str
    path: str = ""
    url: str = ""
    model: str = ""
    rules: str = ""

    @property
    def local(self) -> bool:
        """Can it give the loss of given tokens?"""
        return self.kind != "endpoint"


def usual_arms(run: Run, rules: str) -> list[Arm]:
    """Base, base with the project's rules in its prompt (where there are any), tuned."""
    base = base_digest(run)
    arms = [Arm(name="base", kind="base", digest=digest("base", base))]
    if rules:
        arms.append(
            Arm(name="rules", kind="rules", digest=digest("rules", base, rules), rules=rules)
        )
    arms.append(_trained(run, "tuned", run.adapter))
    return arms


def base_digest(run: Run) -> str:
    """The base model's digest from the run's record, else of its files."""
    known = str(run.record["base"].get("sha256") or "")
    return known or folder_digest(_weights(run.base))


def read_arm(run: Run, text: str) -> Arm:
    """`NAME=PATH` or `NAME=URL[#MODEL]`. Raises UsageError with what is wrong.

    PATH is a run, an adapter or checkpoint, a model folder (merged) or a GGUF file.
    """
    name, equals, target = text.partition("=")
    if not equals or not target or not _NAME.fullmatch(name):
        raise UsageError(
            f"--arm '{text}' is not NAME=PATH or NAME=URL.",
            "For example --arm merged=run/merged or --arm big=http://127.0.0.1:8080/v1#model.",
        )
    if name in ("base", "tuned", "rules"):
        raise UsageError(f"An arm cannot be called '{name}'.", "That name is taken: use another.")
    if "://" in target:
        url, _, model = target.partition("#")
        address(url)  # before anything is computed
        return Arm(name=name, kind="endpoint", digest=digest(url, model), url=url, model=model)
    return _local(run, name, Path(target))


def _local(run: Run, name: str, path: Path) -> Arm:
    if path.is_file() and path.suffix == ".gguf":
        return Arm(name=name, kind="gguf", digest=folder_digest([path]), path=str(path.resolve()))
    if (path / "run.json").is_file():
        path = path / _trained_in(path)
    return _trained(run, name, path)


def _trained_in(folder: Path) -> str:
    try:
        return str(orjson.loads((folder / "run.json").read_bytes()).get("adapter") or "adapter")
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{folder / 'run.json'} is damaged.") from error


def _trained(run: Run, name: str, folder: Path) -> Arm:
    """An adapter on the run's base, or a whole model (merged, or all of its weights trained)."""
    if (folder / "adapter_config.json").is_file():
        found = digest("adapter", base_digest(run), folder_digest(_weights(folder)))
        return Arm(name=name, kind="adapter", digest=found, path=str(folder.resolve()))
    if (folder / "config.json").is_file():
        found = folder_digest(_weights(folder))
        return Arm(name=name, kind="folder", digest=found, path=str(folder.resolve()))
    raise UsageError(
        f"{folder} (arm '{name}') is no model.",
        "Give a run, an adapter, a model folder, a .gguf file or the URL of an endpoint.",
    )


def _weights(folder: Path) -> list[Path]:
    return sorted({p for pattern in _WEIGHTS for p in folder.glob(pattern)})


def check_names(arms: Sequence[Arm]) -> None:
    """Raises UsageError when two arms share a name."""
    names = [a.name for a in arms]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Two arms are called '{name}'.", "Give each --arm its own name.")
