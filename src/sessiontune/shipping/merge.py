"""Make the merged model folder: weights, configuration, tokenizer, exact template.

Built beside and renamed into place: an interrupted merge leaves nothing under the final name.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import PreflightError, StoreError
from ..whole import whole_folder
from .run import Run
from .tokenizer import Vocabulary, check_vocabulary, read_vocabulary, write_tokenizer
from .weights import Step, base_weights, merge_pieces, merge_whole, plan_merge

#: Files of a base folder that describe the model and are copied as they are.
_COPIED = ("config.json", "generation_config.json", "preprocessor_config.json")
_ELSEWHERE = ", or name another place with --out DIR, and run the command again."


def check_fit(run: Run) -> None:
    """Everything that can be known without touching the weights' values.

    PreflightError for an adapter of another base, a changed vocabulary or a stop token that does
    not exist.
    """
    check_vocabulary(run, read_vocabulary(run))
    if not run.full:
        plan_merge(run.base, run.adapter)


def merge(run: Run, target: Path, step: Step) -> Path:
    """Merge the run's adapter into its base as the folder `target` and return it.

    `step(done, total)` counts weights. StoreError when the disk is too small or full. If all
    weights were trained there is nothing to merge.
    """
    if run.full:
        return base_folder(run, target)
    vocabulary = read_vocabulary(run)
    check_vocabulary(run, vocabulary)
    plan = plan_merge(run.base, run.adapter)
    need_space(target.parent, _size(run.base))
    with whole_folder(target, _ELSEWHERE) as beside:
        if plan.whole:
            merge_whole(run.base, run.adapter, beside)
        else:
            merge_pieces(run.base, run.adapter, plan, beside, step)
        _describe(run, vocabulary, beside)
    return target


def base_folder(run: Run, target: Path) -> Path:
    """The base model with the run's tokenizer, template and stops: the base for a LoRA GGUF, or the
    tuned model itself if all weights were trained.

    Weights are linked, not copied.
    """
    vocabulary = read_vocabulary(run)
    check_vocabulary(run, vocabulary)
    files = set(base_weights(run.base).values())
    if not files:
        raise PreflightError(f"{run.base} has no safetensors to convert.")
    with whole_folder(target, _ELSEWHERE) as beside:
        index = run.base / "model.safetensors.index.json"
        for file in (*sorted(files), *([index] if index.is_file() else [])):
            (beside / file.name).symlink_to(file)
        _describe(run, vocabulary, beside)
    return target


def _describe(run: Run, vocabulary: Vocabulary, folder: Path) -> None:
    """Put what describes the model beside its weights: configuration, tokenizer, template."""
    for name in _COPIED:
        if (run.base / name).is_file() and not (folder / name).is_file():
            shutil.copyfile(run.base / name, folder / name)
    write_tokenizer(run, vocabulary, folder)


def need_space(folder: Path, wanted: int) -> None:
    """StoreError when the disk below `folder` has less than `wanted` bytes free."""
    place = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < wanted:
        raise StoreError(
            f"{folder} needs {_words(wanted)}, and the disk has {_words(free)} free.",
            "Free some space or name another place with --out DIR.",
        )


def _words(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _size(base: Path) -> int:
    files = set(base_weights(base).values()) or set(base.glob("*.bin"))
    return sum(file.stat().st_size for file in files)
