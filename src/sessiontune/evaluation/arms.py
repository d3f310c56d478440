"""Arms: the models that an evaluation compares, and how a command line names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from ..errors import UsageError
from ..runs import is_run, known_record, read_record, settled
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
    digest  of everything that its results depend on, except the cases
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
    """Base, base with the project's rules in its prompt (if there are any), tuned."""
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


def seed_arm(run: Run, number: int, path: str) -> Arm:
    """A run that differs from this one in its seed alone. UsageError for an address: its loss is
    not to be had."""
    if "://" in path:
        raise UsageError(f"--seed-run '{path}' is no run.", "Name the folder of a run.")
    return read_arm(run, f"seed{number}={path}")


#: Settings that are compared by other means, or change no more than the order of sums.
_PASSING = {"seed", "base", "threads", "preset", "checkpointing"}


def unlike(run: Run, path: str) -> str:
    """In what a seed run differs from this one besides its seed; "" if in nothing that is known."""
    record = known_record(Path(path)) or {}
    mine, other = settled(run.record), settled(record)
    if not other:
        return ""
    found = sorted(k for k in mine.keys() & other.keys() - _PASSING if mine[k] != other[k])
    found += ["the same seed"] if mine.get("seed") == other.get("seed") else []
    rows = {(r.get("data") or {}).get("digest") for r in (run.record, record)} - {None}
    found += ["other rows"] if len(rows) > 1 else []
    return ", ".join(found)


def _local(run: Run, name: str, path: Path) -> Arm:
    if path.is_file() and path.suffix == ".gguf":
        return Arm(name=name, kind="gguf", digest=folder_digest([path]), path=str(path.resolve()))
    if is_run(path):
        path = path / str(read_record(path).get("adapter") or "adapter")
    arm = _trained(run, name, path)
    if arm.kind == "adapter":
        _same_base(run, name, path)
    return arm


def _same_base(run: Run, name: str, adapter: Path) -> None:
    """Refuse an adapter of another base: it may fit, but means nothing there. An adapter that no
    run made does not tell its base."""
    here = adapter.resolve()
    maker = next(filter(is_run, here.parents), None)
    base = read_record(maker).get("base") if maker else None
    if maker is None or not isinstance(base, dict) or not base.get("sha256"):
        return  # or the file is another program's
    if base["sha256"] == base_digest(run):
        return
    if base.get("id") == "tiny":
        raise UsageError(
            f"The adapter of arm '{name}' belongs to another tiny base: each is made from its own"
            " export.",
            f"To compare two runs, train both on one: --base {maker / 'base'}.",
        )
    raise UsageError(
        f"The adapter of arm '{name}' was trained on another base ({base.get('id')}).",
        "Evaluate that run by itself; or serve its model, and name the URL: answers are compared as"
        " text.",
    )


def _trained(run: Run, name: str, folder: Path) -> Arm:
    """An adapter on the run's base, or a whole model (merged, or all of its weights trained)."""
    if (folder / "adapter_config.json").is_file():
        found = digest("adapter", base_digest(run), folder_digest(_weights(folder)))
        return Arm(name=name, kind="adapter", digest=found, path=str(folder.resolve()))
    if (folder / "config.json").is_file():
        found = folder_digest(_weights(folder))
        return Arm(name=name, kind="folder", digest=found, path=str(folder.resolve()))
    raise UsageError(
        f"{folder} (arm '{name}') is not a model.",
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
