"""Cost of each stage of an export: CPU in multiples of bare `orjson.loads` of the same lines.

    python benchmarks/stages.py CORPUS [--no-privacy] [--json FILE]

One process, one fresh state. The functions of the stages are wrapped in timers that subtract the
time of the stages inside them, so the lines add up to the whole. A timer is around whole sessions,
files or rows of a session, never around single messages, and adds about a percent.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

#: (module, attribute, stage). "A.b" is a method; "()" marks a factory whose product is timed,
#: "*" a generator.
STAGES = (
    ("sessiontune.pipeline.build", "discover", "find the logs, tell what changed"),
    ("sessiontune.pipeline.inputs", "index_one", "index: ids, names, times"),
    ("sessiontune.sources.claude.source", "ClaudeSource.sessions*", "read and link"),
    ("sessiontune.sources.claude.read", "Reader.read", "read and link"),
    ("sessiontune.pipeline.prepare", "clean", "clean"),
    ("sessiontune.pipeline.prepare", "redactor_stage()", "redact"),
    ("sessiontune.pipeline.prepare", "mark", "mark: digest, MinHash, anchors"),
    ("sessiontune.pipeline.prepare", "keys_of", "mark: digest, MinHash, anchors"),
    ("sessiontune.pipeline.prepare", "head_of", "heads and tool shapes"),
    ("sessiontune.pipeline.prepare", "observe", "heads and tool shapes"),
    ("sessiontune.pipeline.prepare", "lines_of", "heads and tool shapes"),
    ("sessiontune.codec", "write_session", "write shards"),
    ("sessiontune.codec", "read_sessions*", "read shards"),
    ("sessiontune.privacy.engine", "Redactor.__init__", "compile the rules of privacy"),
    ("sessiontune.privacy.audit", "Auditor.__init__", "compile the rules of privacy"),
    ("sessiontune.pipeline.build", "choose", "decide: copies, groups, split"),
    ("sessiontune.pipeline.examples", "labels_of", "label"),
    ("sessiontune.pipeline.examples", "_topic_finder()", "topics"),
    ("sessiontune.pipeline.examples", "_conversation", "tools called"),
    ("sessiontune.stats", "Stats.add", "statistics"),
    ("sessiontune.rows.flat", "Flat.__init__", "rows: encode each message once"),
    ("sessiontune.formats.sharegpt", "ShareGPT.parts", "rows: sharegpt"),
    ("sessiontune.formats.openai", "OpenAI.parts", "rows: openai"),
    ("sessiontune.formats.raw", "Raw.parts", "rows: raw"),
    ("sessiontune.formats.combined", "Combined.parts", "rows: combined"),
    ("sessiontune.pipeline.finish", "Segment.add", "rows: gather, tell what the gate has not seen"),
    ("sessiontune.privacy.audit", "Auditor.scan", "gate: scan what will be published"),
    ("sessiontune.pipeline.finish", "Segment.flush", "write segments"),
    ("sessiontune.pipeline.publish", "Staging.rows", "files: copies and digests"),
    ("sessiontune.pipeline.publish", "Staging._columns", "files: Parquet"),
    ("sessiontune.pipeline.publish", "Staging.commit", "files: sync and swap in"),
    ("sessiontune.store", "Store.put_units", "state: notes of units and their sums"),
    ("sessiontune.store", "Store.put_builds", "state: notes of units and their sums"),
    ("sessiontune.pipeline.preparing", "add_up", "state: notes of units and their sums"),
    ("sessiontune.pipeline.finishing", "add_up", "state: notes of units and their sums"),
    ("sessiontune.pipeline.build", "describe", "files: manifest, card, report"),
    ("sessiontune.pipeline.build", "write_folder", "files: manifest, card, report"),
)  # fmt: skip

spent: dict[str, float] = {}
stack: list[list[float]] = []


def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, its own CPU time added to `stage`."""

    def wrapper(*args: Any, **more: Any) -> Any:
        inner = [0.0]
        stack.append(inner)
        start = time.process_time()
        try:
            return function(*args, **more)
        finally:
            took = time.process_time() - start
            stack.pop()
            spent[stage] = spent.get(stage, 0.0) + took - inner[0]
            if stack:
                stack[-1][0] += took

    return wrapper


def timed_iterator(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A generator function, the time of each step added to `stage`."""

    def wrapper(*args: Any, **more: Any) -> Iterator[Any]:
        step = timed(stage, function(*args, **more).__next__)
        while True:
            try:
                item = step()
            except StopIteration:
                return
            yield item

    return wrapper


class InOrder:
    """Replaces a thread pool: CPU time has one owner only if one thing runs at a time."""

    def __init__(self, workers: int) -> None:
        pass

    def __enter__(self) -> InOrder:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*args))
        return done


def install() -> None:
    """Wrap every stage that exists."""
    from importlib import import_module

    import_module("sessiontune.pipeline.publish").ThreadPoolExecutor = InOrder  # type: ignore[attr-defined]
    for module, name, stage in STAGES:
        owner: Any = import_module(module)
        path = name.rstrip("()*").split(".")
        for part in path[:-1]:
            owner = getattr(owner, part)
        function = getattr(owner, path[-1])
        if name.endswith("()"):
            made = _factory(stage, function)
        elif name.endswith("*"):
            made = timed_iterator(stage, function)
        else:
            made = timed(stage, function)
        setattr(owner, path[-1], made)


def _factory(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **more: timed(stage, function(*args, **more))


def run(corpus: str, more: list[str]) -> float:
    """Export once; CPU seconds, including imports."""
    start = time.process_time()
    from sessiontune.cli.main import main

    install()
    spent["start: imports"] = time.process_time() - start
    work = Path(tempfile.mkdtemp(prefix="sessiontune-stages-"))
    try:
        arguments = ["export", corpus, "-o", str(work / "out"), "--state", str(work / "state")]
        main([*arguments, "--quiet", "--jobs", "1", *more])
    except SystemExit as end:
        if end.code:
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus")
    parser.add_argument("--no-privacy", action="store_true")
    parser.add_argument("--json", default="", help="also write the multiples there")
    args = parser.parse_args()
    from export import loads

    before = loads(Path(args.corpus))
    total = run(args.corpus, ["--no-privacy"] if args.no_privacy else [])
    bare = (before + loads(Path(args.corpus))) / 2
    spent["everything else"] = total - sum(spent.values())
    ratios = {stage: took / bare for stage, took in {**spent, "all": total}.items()}
    for stage, ratio in ratios.items():
        print(f"{stage:46} {ratio * bare:8.2f} s {ratio:7.2f} x")
    if args.json:
        Path(args.json).write_text(json.dumps(ratios) + "\n")


if __name__ == "__main__":
    main()
