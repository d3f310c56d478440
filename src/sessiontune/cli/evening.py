"""The stages of `tune` and `demo`: export, train, evaluate, ship, one answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import AdviceError, SessiontuneError, UsageError, WorseError
from ..figures import several
from .again import program, with_more_held_out
from .console import Console

if TYPE_CHECKING:
    from ..recipe import Recipe
    from ..runtime.evening import Done, Stage
    from ..runtime.train import Outcome
    from ..training.spec import TrainSpec

#: What the served model is asked at the end.
QUESTION = "Say hello in one short sentence."


class Evening(msgspec.Struct, frozen=True):
    """Paths and settings of one way through, and its stages.

    ask     answers a gate's question
    more    what a person may do next besides: a word and the command's arguments
    """

    console: Console
    folder: Path
    roots: tuple[str, ...]
    recipe: Recipe
    spec: TrainSpec
    state: Path | None = None
    types: tuple[str, ...] = ("q8_0",)
    jobs: int = 0
    max_cases: int = 40
    ask: Callable[[str], bool] = lambda question: False
    more: tuple[tuple[str, str], ...] = ()

    @property
    def data(self) -> Path:
        """The export."""
        return self.folder / "data"

    @property
    def run(self) -> Path:
        """A run for each data set and each set of training settings."""
        return self.folder / f"run-{self._train_key()[:8]}"

    @property
    def weights(self) -> list[Path]:
        """The files of what was trained, of an adapter or of a whole model; none before that."""
        from ..runs import known_record

        made = self.run / str((known_record(self.run) or {}).get("adapter") or "adapter")
        return sorted(made.glob("*.safetensors"))

    def after(self) -> list[tuple[str, str]]:
        """What a person may do next: a word and the command."""
        return [
            ("chat", f"{program()} chat {quote(str(self.run))}"),
            ("serve", f"{program()} serve {quote(str(self.run))}"),
            *((name, f"{program()} {arguments}") for name, arguments in self.more),
        ]

    def stages(self) -> list[Stage]:
        """All of them, in order."""
        from ..runtime.evening import Stage

        return [
            # The export, and shipping, know by themselves what is there.
            Stage(name="export", run=self._export, gate=self._findings),
            Stage(
                name="train",
                fingerprint=self._train_key,
                present=lambda: bool(self.weights),
                run=self._train,
            ),
            Stage(
                name="evaluate",
                fingerprint=self._evaluate_key,
                present=lambda: (self.run / "evaluation/result.json").is_file(),
                run=self._evaluate,
                gate=self._worse,
            ),
            Stage(name="ship", run=self._ship),
            Stage(name="answer", run=self._answer),
        ]

    # ------------------------------------------------------------ stages

    def _export(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        from ..portions import few_held_out, share_for
        from .export import run_export

        result = run_export(self.console, self.recipe, self.roots, self.data, self.state, self.jobs)
        made = result.manifest
        rows = {file.path: file.rows for file in made.files if file.rows}
        said = (
            f"{made.records.files} log files, {made.records.read:,} records;"
            f" {sum(made.redactions.values()):,} findings replaced"
        )
        said += "; nothing new" if result.unchanged else ""
        leaks = {x.split: max(x.exact, x.near) for x in made.leakage}
        data = {
            "unchanged": result.unchanged,
            "rows": rows,
            "redactions": made.redactions,
            "leakage": leaks,
            "few": few_held_out(made, command=False),
            "split": made.options.split,
            "share": share_for(sum(side.groups for side in made.statistics.splits.values())),
        }
        links = {"data card": "README.md", "report": "report.html"}
        return said, self._links(self.data, links), data

    def _findings(self, done: Done) -> None:
        """The gates after the export: enough for a verdict, what was found, a split that leaks."""
        from ..reasons import kind_words

        few = str(done.data.get("few", ""))
        if few and not self.ask(f"{few} Train all the same?"):
            raise UsageError(
                f"Stopped before training: {few}",
                f"{self._more_held(done)}Or run it again and answer, or add --yes.",
            )
        redactions: dict[str, int] = done.data.get("redactions", {})
        first = sorted(redactions.items(), key=lambda item: -item[1])[:4]
        kinds = ", ".join(f"{kind_words(kind)} {count}" for kind, count in first)
        if redactions and not self.ask(
            f"{sum(redactions.values()):,} secrets and personal details were replaced ({kinds})."
            f" The published rows were scanned again and are clean. Train on them?"
        ):
            raise UsageError(
                f"Stopped before training: {sum(redactions.values()):,} replaced secrets and"
                " personal details want your yes.",
                f"Look at {self.data / 'report.html'}, then run it again and answer, or add --yes.",
            )
        leak = float(done.data.get("leakage", {}).get("this split", 0.0))
        if leak > 0 and not self.ask(
            f"{leak:.1%} of the held-out conversations stand in training too, as a copy or nearly"
            " so: the evaluation would flatter. Train all the same?"
        ):
            raise UsageError(
                f"Stopped before training: {leak:.1%} of the held-out conversations stand in"
                " training too.",
                "Choose other sessions, or --split-by project with a --split and -o of its own; or"
                " run it again and answer, or add --yes.",
            )

    def _more_held(self, done: Done) -> str:
        """The same command, so that enough is held out; "" where no share would do."""
        share = done.data.get("share")
        if not share:
            return ""
        split = str(done.data.get("split", ""))
        return f"{with_more_held_out(str(self.folder), split, share)}\n  "

    def _train(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        from ..runs import known_record

        run = known_record(self.run) or {}
        if run.get("status") != "done":
            resume = bool(run)
            try:
                made = self._trained(resume)
            except AdviceError as error:
                said = f"{error.message} {error.advice}".strip()
                if not self.ask(f"The checks before training say: {said} Train all the same?"):
                    raise
                made = self._trained(resume, force=True)
            run = made.run
        metrics = run.get("metrics", {})
        what = "model made from" if run.get("model") else "adapter for"
        said = f"{what} {run.get('base', {}).get('id', self.spec.base)}"
        if "eval_loss" in metrics and "base_eval_loss" in metrics:
            said += f"; held-out loss {metrics['base_eval_loss']:.2f} -> {metrics['eval_loss']:.2f}"
        return said, self._links(self.run, {"curves": "report.html"}), {"metrics": metrics}

    def _trained(self, resume: bool, force: bool = False) -> Outcome:
        from .train import run_train

        try:
            return run_train(
                self.console, self.data, self.run, self.spec,
                resume=resume, force=force, heed=True,
            )  # fmt: skip
        except SessiontuneError as error:
            raise _on_with_tune(error) from error

    def _evaluate(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        from .evaluate import run_evaluation

        result = run_evaluation(self.console, self.run, self.max_cases)
        links = self._links(self.run, {"evaluation": "evaluation/report.html"})
        return result.words, links, {"outcome": result.outcome}

    def _worse(self, done: Done) -> None:
        if done.data.get("outcome") == "worse" and not self.ask(
            f"{done.said} Ship it all the same?"
        ):
            raise WorseError(done.said, f"Look at {self.run / 'evaluation/report.html'}.")

    def _ship(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        from ..runtime.shop import ShipOptions
        from .ship import run_ship

        shipped, out, _ = run_ship(self.console, self.run, None, ShipOptions(types=self.types))
        parts = []
        for file in shipped.files:
            passed = sum(1 for check in file.checks if check.ok)
            checked = f"{several(passed, 'check')} passed"
            parts.append(f"{file.name}, {file.size / 1e6:,.1f} MB, {checked}")
        files = [f.name for f in shipped.files]
        data = {"reused": sorted(shipped.reused) == sorted(files), "files": files}
        links = {"shipped": shipped.files[0].name, "commands": "commands.md"}
        return "; ".join(parts), self._links(out, links), data

    def _answer(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        from ..runtime.host import Hosting, hosted
        from ..runtime.talk import Talk
        from ..shipping.run import read_run

        with hosted(read_run(self.run), Hosting(), os.environ) as model:
            talk = Talk(model.client, ("tuned",), "", {"max_tokens": 48, "temperature": 0})
            answer = talk.ask(QUESTION, lambda side, piece: None)["tuned"]
        shown = " ".join(answer.split())
        shown = shown if len(shown) <= 60 else f"{shown[:60].rstrip()} ..."
        said = f"“{QUESTION}” -> “{shown}”"
        said += " (a tiny model: it answers, and knows nothing)" if self.spec.base == "tiny" else ""
        return said, {}, {"question": QUESTION, "answer": answer}

    # ------------------------------------------------------------ fingerprints

    def _train_key(self) -> str:
        """Digest of the exported rows and the training settings."""
        import hashlib

        from ..shipping.run import file_digest

        said = msgspec.json.encode(msgspec.to_builtins(self.spec))
        rows = file_digest(self.data / "manifest.json")
        return hashlib.sha256(rows.encode() + said).hexdigest()

    def _evaluate_key(self) -> str:
        from ..evaluation.cache import folder_digest

        return f"{folder_digest(self.weights)} {self.max_cases}"

    def _links(self, folder: Path, names: dict[str, str]) -> dict[str, str]:
        shown = folder if self.folder.is_absolute() else Path(os.path.relpath(folder))
        return {k: str(shown / name) for k, name in names.items() if (folder / name).exists()}


def _on_with_tune(error: SessiontuneError) -> SessiontuneError:
    """The same error for someone who ran `tune`, which has no --resume and no --force."""
    import re

    hint = re.sub(r"with (the same command and )?--resume", "with the same command", error.hint)
    if isinstance(error, AdviceError):
        hint = f"{error.advice} To train all the same: answer yes, or add --yes.".strip()
        return AdviceError(error.message, hint, error.advice)
    return type(error)(error.message, hint)


def go(console: Console, evening: Evening) -> list[Done]:
    """Walk the stages, saying where we are."""
    import warnings

    from ..runtime.checkup import need_extras
    from ..runtime.evening import walk

    need_extras()
    # Libraries warn of names that other libraries still use: nothing that a user could change.
    warnings.simplefilter("ignore", FutureWarning)
    stages = evening.stages()
    return walk(
        evening.folder,
        stages,
        lambda number, stage: console.say(f"[{number}/{len(stages)}] {stage.name}"),
    )
