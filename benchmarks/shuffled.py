"""Does tuning learn answers, or only what answers look like? The control with shuffled answers.

    python benchmarks/shuffled.py FOLDER [--runs 6] [--first 1]

For each run the bundled sample is written and exported (conversation only) and cut into turns, a
request with what was answered; the arms take the short ones. `sessiontune train` tunes a tiny base
on the training side, and a second time on the same turns with whole answers exchanged between the
requests; `sessiontune evaluate` compares base, tuned and shuffled on the same held-out lineages.
Both arms see the same requests, the same answers and the same number of steps; only which answer
belongs to which request differs. So the lead of tuned over shuffled is what it learned about
answers *given* requests. Held-out turns whose answer is word for word in training are left out:
they would test memory. Nothing is chosen by the held-out side: no early stop, one evaluation after
the last step.

In a short training, a model of random weights learns only the frequencies of words, in which the
arms do not differ. So the base is trained before, once for all runs: on another sample (another
seed and salt), with its answers shuffled too. It knows how these people write, but not which answer
belongs to which request. All of its weights are tuned.

In run N, N is the seed of the sample, the salt of the export's pseudonyms, and the seed of the
shuffle and of both trainings. The settings were found on runs 1, 2 and 101; runs from 3 on were
first made with the present settings.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from sessiontune.cli.main import main as sessiontune
from sessiontune.evaluation.result import Measure, Result
from sessiontune.sample import write_sample

#: All weights, no early stop, nothing evaluated before the last step.
ALWAYS = (
    "--method", "full", "--accumulation", 1, "--length", 512, "--patience", 0,
    "--eval-every", 10**6, "--device", "cpu", "--threads", 1,
)  # fmt: skip
LANGUAGE = ("--rate", 1e-3, "--epochs", 3, "--batch", 4, "--eval-limit", 8, *ALWAYS)
TUNING = ("--rate", 1e-3, "--epochs", 4, "--batch", 4, *ALWAYS)
#: Characters of a turn of the arms. Longer answers of the sample end with details of the moment
#: (a commit, a number of rows) that no request decides.
SHORT = 250
#: Seed and salt of the sample that the base learns its language from; no run has them.
OTHER = 1000
Row = dict[str, Any]


def command(*words: object) -> None:
    """Run the command line; it must succeed."""
    if code := sessiontune(["--quiet", "--no-input", *map(str, words)]):
        raise SystemExit(code)


def rows_of(path: Path) -> list[Row]:
    """Rows of a JSON Lines file. Only a line feed ends a line: text may hold U+2028."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def turns_of(row: Row) -> Iterator[Row]:
    """The turns of a conversation: a request and all up to its last answer that is trained."""
    messages = row["messages"]
    starts = [n for n, m in enumerate(messages) if m["role"] == "user"]
    for start, end in zip(starts, [*starts[1:], len(messages)], strict=True):
        turn = messages[start:end]
        while turn and not (turn[-1]["role"] == "assistant" and turn[-1].get("train", True)):
            turn.pop()
        if turn:
            yield {**row, "messages": turn}


def parted(turn: Row) -> tuple[list[Row], list[Row]]:
    """What was asked, and what was answered: all from the first answer on."""
    messages = turn["messages"]
    first = [m["role"] for m in messages].index("assistant")
    return messages[:first], messages[first:]


def text_of(turn: Row) -> tuple[str, ...]:
    """The answer as text."""
    return tuple(m["content"] or "" for m in parted(turn)[1])


def shuffled(turns: Sequence[Row], seed: int) -> list[Row]:
    """The turns with their answers exchanged; none stays in its lineage.

    Raises ValueError if one lineage holds most of them.
    """
    groups = [turn["group"] for turn in turns]
    halves = [parted(turn) for turn in turns]
    rng = Random(seed)
    source = rng.sample(range(len(turns)), len(turns))
    for at, group in enumerate(groups):
        if groups[source[at]] != group:
            continue
        free = [n for n, s in enumerate(source) if group not in (groups[s], groups[n])]
        if not free:
            raise ValueError(f"lineage {group} holds most of the answers")
        n = rng.choice(free)
        source[at], source[n] = source[n], source[at]
    return [
        {**turn, "messages": [*request, *halves[s][1]]}
        for turn, (request, _), s in zip(turns, halves, source, strict=True)
    ]


def sides_of(folder: Path, seed: int, salt: int, share: float) -> list[list[Row]]:
    """The turns of a sample's export below `folder`: for training, and held out."""
    write_sample(folder / "logs", seed=seed)
    (folder / "state").mkdir()
    (folder / "state" / "salt").write_text(hashlib.sha256(str(salt).encode()).hexdigest())
    command(
        "export", folder / "logs", "-o", folder / "export", "--state", folder / "state",
        "--eval-share", share, "--no-tools",
    )  # fmt: skip
    train, held = (
        [t for row in rows_of(folder / "export" / side / "openai.jsonl") for t in turns_of(row)]
        for side in ("train", "eval")
    )
    known = {text_of(turn) for turn in train}
    return [train, [turn for turn in held if text_of(turn) not in known]]


def trained(folder: Path, train: Sequence[Row], held: Sequence[Row], *words: object) -> None:
    """`sessiontune train` on these turns; the run is `folder`."""
    data = folder.with_name(f"{folder.name}-data")
    write_rows(data / "train" / "openai.jsonl", train)
    write_rows(data / "eval" / "openai.jsonl", held)
    command("train", data, "-o", folder, *words)


def base_of(folder: Path) -> Path:
    """A tiny base, made below `folder`, trained on the shuffled turns of another sample."""
    train, held = sides_of(folder, OTHER, OTHER, 0.1)
    trained(folder / "run", shuffled(train, 0), held, "--base", "tiny", *LANGUAGE)
    return folder / "run" / "model"


def go(folder: Path, base: Path, seed: int, salt: int, draw: int) -> Result:
    """One run, below `folder`: base, tuned and shuffled on the held-out side."""
    from sessiontune.evaluation.evaluate import EvaluationOptions, evaluate
    from sessiontune.evaluation.heldout import open_run
    from sessiontune.runtime.heldside import examples_of, side_of

    train, held = (
        [t for t in side if sum(len(m["content"] or "") for m in t["messages"]) <= SHORT]
        for side in sides_of(folder, seed, salt, 0.35)
    )
    words = ("--base", base, "--seed", draw, *TUNING)
    trained(folder / "tuned", train, held, *words)
    trained(folder / "shuffled", shuffled(train, draw), held, "--eval-limit", 8, *words)
    options = EvaluationOptions(max_cases=0, rules=False, arms=(f"shuffled={folder / 'shuffled'}",))
    run = open_run(folder / "tuned")
    side = side_of(run)
    return evaluate(run, options, lambda *_: None, side, examples_of(run, side))


def loss_of(result: Result, arm: str, against: str) -> Measure:
    """The held-out loss of one arm minus that of another."""
    found = next(c for c in result.comparisons if (c.arm, c.against) == (arm, against))
    return found.measures[0]


def said(m: Measure) -> str:
    """One measure in a line, with its control."""
    e, c = m.found, m.control
    return (
        f"{e.difference:+.4f} ({e.low:+.4f} to {e.high:+.4f}), {e.clusters} lineages; "
        f"names permuted {c.difference:+.4f} ({c.low:+.4f} to {c.high:+.4f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--first", type=int, default=1)
    chosen = parser.parse_args()
    base = base_of(chosen.folder / "base")
    for n in range(chosen.first, chosen.first + chosen.runs):
        result = go(chosen.folder / str(n), base, n, n, n)
        for arm, against in (("tuned", "base"), ("shuffled", "base"), ("tuned", "shuffled")):
            print(f"{n}: {arm} minus {against}: {said(loss_of(result, arm, against))}", flush=True)


if __name__ == "__main__":
    main()
