"""What the examples stage costs: CPU of an export with it, over that of an export without it.

    python benchmarks/examples.py CORPUS [--max-tokens N] [--no-privacy] [--repeat N]

With it: marks, decisions, labels, topics, windows, preferences, all five formats, Parquet.
Without it: the same logs to `sharegpt`, `raw` and `combined`, every session taken, no row cut;
the functions of the stage are replaced by ones that do nothing. Each run is a fresh process with
a fresh state and one job; the least CPU time of the repeats counts. The target is a ratio of at
most 1.60.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TARGET = 1.60
EVERYTHING = ("--format", "sharegpt,raw,combined,openai,alpaca", "--preferences", "--parquet")
BASE = ("--format", "sharegpt,raw,combined", "--no-parquet")


def switch_off() -> None:
    """Replace the stage by functions that do nothing."""
    from sessiontune.decisions import SplitMemory
    from sessiontune.pipeline import build, examples, prepare
    from sessiontune.pipeline.choosing import Chosen
    from sessiontune.pipeline.examples import Choice
    from sessiontune.pipeline.preparing import outlines
    from sessiontune.steps.dedupe import Mark

    def no_mark(session: Any, prefix: Any = (), **more: Any) -> Mark:
        return Mark(key=session.key, thread=session.thread, lineage=session.lineage, digest="")

    def take_all(prepared: Any, inputs: Any, recipe: Any, store: Any) -> Chosen:
        choices = {
            unit.key: {head.key: Choice("", "train", head.lineage) for head in unit.heads}
            for unit in outlines(prepared.units, store)
        }
        return Chosen(choices, SplitMemory(), {}, ())

    changed: Any = (prepare, examples, build)
    changed[0].mark = no_mark
    changed[1].labeller = lambda *given: lambda session, continued=False: ((), "")
    changed[1].train_flags = lambda session, *given: tuple(
        m.role == "assistant" for m in session.messages
    )
    changed[1]._topic_finder = lambda path: lambda session: ()
    changed[2].choose = take_all


def run(corpus: str, arguments: list[str], without: bool) -> None:
    """One export in this process; prints its CPU seconds."""
    import time

    if without:
        switch_off()
    from sessiontune.cli.main import main as command

    work = Path(tempfile.mkdtemp(prefix="sessiontune-examples-"))
    try:
        places = ["-o", str(work / "out"), "--state", str(work / "state")]
        code = command(["export", corpus, *places, "--quiet", "--jobs", "1", *arguments])
        found = json.loads((work / "out" / "manifest.json").read_text()) if not code else {}
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if code:
        raise SystemExit(code)
    print(json.dumps({"cpu": time.process_time(), "read": found["records"]["read"]}))


def measured(corpus: str, arguments: list[str], without: bool, repeat: int) -> dict[str, float]:
    """The least CPU time of several processes."""
    command = [sys.executable, __file__, corpus, "--child", json.dumps(arguments)]
    command += ["--without"] if without else []
    found = []
    for _ in range(repeat):
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    best: dict[str, float] = min(found, key=lambda x: x["cpu"])
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("--max-tokens", type=int, default=8192)
    parser.add_argument("--no-privacy", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--without", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        run(given.corpus, given.child, given.without)
        return
    privacy = ["--no-privacy"] if given.no_privacy else []
    full = [*EVERYTHING, "--max-tokens", str(given.max_tokens), *privacy]
    with_it = measured(given.corpus, full, False, given.repeat)
    base = measured(given.corpus, [*BASE, *privacy], True, given.repeat)
    assert with_it["read"] == base["read"], "the two exports read different logs"
    ratio = with_it["cpu"] / base["cpu"]
    print(f"records read      {base['read']:>12,}")
    print(f"without the stage {base['cpu']:12.2f} s of CPU")
    print(f"with it           {with_it['cpu']:12.2f} s of CPU")
    print(f"ratio             {ratio:12.2f} (target at most {TARGET:.2f})")


if __name__ == "__main__":
    main()
