"""Plant each silent failure in the files of a real trainer: preflight must stop the run.

    python tools/plant_failures.py [--env NAME=PYTHON ...] [--only llamafactory,axolotl,unsloth]

For each trainer with a separate environment, a run on made-up rows is written as `sessiontune
train` writes it. Then one thing is changed, the trainer prepares its data with it, and the result
is compared with ours, as before each training. Prints what was said; the exit status is the number
of failures that were missed. TRL's are in tests/training/test_preflight.py.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "training"))

from exports import make_export  # noqa: E402

from sessiontune.errors import PreflightError, ToolError  # noqa: E402
from sessiontune.runtime import trainothers as others  # noqa: E402
from sessiontune.runtime.process import write_files  # noqa: E402
from sessiontune.runtime.trainprep import Ready, make_ready  # noqa: E402
from sessiontune.training.spec import make_spec  # noqa: E402

Change = Callable[[Path], None]


def replaced(name: str, old: str, new: str) -> Change:
    """A change of the text of a file below the run."""

    def change(run: Path) -> None:
        text = (run / name).read_text("utf-8")
        if old not in text:
            raise SystemExit(f"{name} does not hold {old!r}: the plant is out of date")
        (run / name).write_text(text.replace(old, new), "utf-8")

    return change


def renamed(run: Path) -> None:
    """Give the template's loop variable another name than the one that Axolotl looks for."""
    path = run / "template.jinja"
    path.write_text(re.sub(r"\bmessage\b", "entry", path.read_text("utf-8")), "utf-8")


def rows(change: Callable[[list[str]], list[str]]) -> Change:
    """A change of the lines of the trainer's own rows."""

    def apply(run: Path) -> None:
        path = run / "trainer" / "data" / "train.jsonl"
        path.write_text("".join(change(path.read_text("utf-8").splitlines(keepends=True))))

    return apply


LF, AX, UN = "trainer/llamafactory.yaml", "trainer/axolotl.yaml", "trainer/train_unsloth.py"
NOT_ALTERNATING = '{"from": "human", "value": "x"}, {"from": "human", "value": "y"}'
PLANTS: dict[str, dict[str, Change]] = {
    "llamafactory": {
        "nothing": lambda run: None,
        "template of another family": replaced(LF, "template: empty", "template: llama3"),
        "over-long rows": replaced(LF, "cutoff_len: 512", "cutoff_len: 64"),
        "questions and tool output trained": replaced(
            LF, "mask_history: true", "mask_history: false\ntrain_on_prompt: true"
        ),
        "a lost row": rows(lambda lines: lines[1:]),
        "a row twice": rows(lambda lines: [lines[0], *lines]),
        "turns that do not alternate": rows(
            lambda lines: [f'{{"conversations": [{NOT_ALTERNATING}]}}\n', *lines[1:]]
        ),
        "doubled BOS": rows(
            lambda lines: [x.replace('"value":"', '"value":"<|endoftext|>', 1) for x in lines]
        ),
    },
    "axolotl": {
        "nothing": lambda run: None,
        "lost tool calls": renamed,
        "over-long rows": replaced(AX, "sequence_len: 512", "sequence_len: 64"),
        "masked turns trained": replaced(
            AX,
            "message_field_training: train\n    roles_to_train: []",
            "roles_to_train: [assistant]",
        ),
        "all masked": replaced("trainer/data/train.jsonl", '"train":true', '"train":false'),
        "untrained stop token": replaced(AX, "train_on_eos: turn", "train_on_eos: none"),
        "a lost row": rows(lambda lines: lines[1:]),
    },
    "unsloth": {
        "nothing": lambda run: None,
        "everything trained": replaced(
            UN,
            'return Dataset(pq.read_table(name, columns=["input_ids", "labels"]))',
            'table = pq.read_table(name, columns=["input_ids"])\n'
            '    return Dataset(table.append_column("labels", table["input_ids"]))',
        ),
        "over-long rows": replaced(
            UN,
            'return Dataset(pq.read_table(name, columns=["input_ids", "labels"]))',
            'made = Dataset(pq.read_table(name, columns=["input_ids", "labels"]))\n'
            "    return made.map(lambda row: {k: v[:64] for k, v in row.items()})",
        ),
        "a lost row": replaced(
            UN, 'columns=["input_ids", "labels"]))', 'columns=["input_ids", "labels"]).slice(1))'
        ),
    },
}


def main() -> int:
    """Plant them all; returns the number that was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--env", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--only", default=",".join(PLANTS))
    chosen = parser.parse_args()
    pythons = dict(item.split("=", 1) for item in chosen.env)
    unseen = 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        export = make_export(place / "export")
        for trainer in chosen.only.split(","):
            whole = place / trainer
            given = {"trainer": trainer, "python": pythons.get(trainer, ""), "length": 512}
            spec = make_spec(given, None, "demo")
            ready = make_ready(
                export, spec, whole, whole, lambda event: None, download=False, elsewhere=False
            )
            write_files(ready.job(), whole)
            ready.write(whole, lambda event: None)
            for what, change in PLANTS[trainer].items():
                run = place / f"{trainer}-planted"
                shutil.copytree(whole, run)
                change(run)
                said = preflight(ready, run)
                right = (said == "") == (what == "nothing")
                unseen += not right
                mark = "" if right else "  NOT AS IT SHOULD BE"
                print(f"{trainer:14}{what:34}{said or 'all alike'}{mark}", flush=True)
                shutil.rmtree(run)
    return unseen


def preflight(ready: Ready, run: Path) -> str:
    """What stopped it; "" if nothing did."""
    try:
        others.preflight(ready, run, lambda event: None)
    except (PreflightError, ToolError) as error:
        return error.message
    return ""


if __name__ == "__main__":
    sys.exit(main())
