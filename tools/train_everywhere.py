"""Train for real with all four trainers from generated files, on the CPU, offline, tiny base.

    python tools/train_everywhere.py [--env NAME=PYTHON ...] [--install] [--steps 12]
                                     [--only unmasked,masked,sample]

Uses the environments of `sessiontune trainers install` (made first with --install) or the
interpreters named. Three exports: made-up rows without masked turns, the same with them, and the
bundled sample as `sessiontune export` writes it. For each, the base's loss on the same held-out
rows must agree between the trainers within .01, and the evaluation loss must fall in each. Prints a
table; exit status 1 if anything fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "training"))

from exports import conversation, write_jsonl  # noqa: E402

from sessiontune.cli.console import Console  # noqa: E402
from sessiontune.cli.main import main as sessiontune  # noqa: E402
from sessiontune.cli.train import run_train  # noqa: E402
from sessiontune.errors import SessiontuneError  # noqa: E402
from sessiontune.runtime.trainersenv import PACKAGES, make  # noqa: E402
from sessiontune.sample import write_sample  # noqa: E402
from sessiontune.training.metrics import evaluations, read_metrics  # noqa: E402
from sessiontune.training.spec import TRAINERS, make_spec  # noqa: E402

#: Largest difference of base losses between trainers.
TOLERANCE = 0.01


def main() -> int:
    """Run it all; returns 0 if everything holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--env", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only", default="unmasked,masked,sample")
    chosen = parser.parse_args()
    pythons = dict(item.split("=", 1) for item in chosen.env)
    if chosen.install:
        for name in PACKAGES:
            if name not in pythons:
                make(name, False, lambda line: None)
    good = True
    with tempfile.TemporaryDirectory() as place:
        for kind in chosen.only.split(","):
            folder = MAKE[kind](Path(place))
            losses: dict[str, float] = {}
            for trainer in TRAINERS:
                python = pythons.get(trainer, "")
                good &= one(trainer, folder, Path(place), python, chosen.steps, losses)
            if losses:
                gap = max(losses.values()) - min(losses.values())
                print(f"{kind}: base losses differ by {gap:.6f}", flush=True)
                good &= gap <= TOLERANCE and len(losses) == len(TRAINERS)
    print("holds" if good else "DOES NOT HOLD")
    return 0 if good else 1


def made(place: Path, masked: bool) -> Path:
    """An export of made rows; with `masked`, each third one has an answer without loss."""
    folder = place / ("masked" if masked else "unmasked")
    rows = [conversation(i, masked) for i in range(30)]
    write_jsonl(folder / "train" / "openai.jsonl", rows[:24])
    write_jsonl(folder / "eval" / "openai.jsonl", rows[24:])
    return folder


def sample(place: Path) -> Path:
    """The bundled sample, exported as by a user, but .15 of it would hold out too few rows."""
    write_sample(place / "logs")
    out = place / "sample"
    told = ["--state", str(place / "state"), "--eval-share", "0.35", "--quiet"]
    if sessiontune(["export", str(place / "logs"), "-o", str(out), *told]) != 0:
        raise SystemExit("the sample cannot be exported")
    return out


MAKE: dict[str, Callable[[Path], Path]] = {
    "unmasked": lambda place: made(place, masked=False),
    "masked": lambda place: made(place, masked=True),
    "sample": sample,
}


def one(
    trainer: str, data: Path, place: Path, python: str, steps: int, losses: dict[str, float]
) -> bool:
    """One run; puts its base loss into `losses`. True if its evaluation loss fell."""
    given = {"trainer": trainer, "python": python, "max_steps": steps, "eval_every": steps // 2}
    spec = make_spec(given, None, "demo")
    try:
        run_train(Console(quiet=True), data, place / f"{data.name}-{trainer}", spec)
    except SessiontuneError as error:
        print(f"{data.name:10}{trainer:14}{error.message}\n  {error.hint}", flush=True)
        return False
    held = evaluations(read_metrics(place / f"{data.name}-{trainer}" / "metrics.jsonl"))
    losses[trainer] = held[0][1]
    shown = " -> ".join(f"{loss:.4f}" for _, loss in held)
    print(f"{data.name:10}{trainer:14}{shown}", flush=True)
    return held[0][0] == 0 and held[-1][1] < held[0][1]


if __name__ == "__main__":
    sys.exit(main())
