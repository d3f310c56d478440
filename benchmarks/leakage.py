"""Leakage of the published split, measured on the published rows alone.

    python benchmarks/leakage.py [--sessions 160] [--seed 0] [--weeks 10]

Writes Claude Code logs of which 30% are forks (in one file), 10% resumed copies (same record ids in
a second file), 8% renamed copies that went on, and 7% near-copies; exports them with the command
itself; then compares `eval/openai.jsonl` with `train/openai.jsonl` by exact Jaccard similarity of
word trigrams and by exact pairs of prompt and answer. The same measure on a random split of the
same rows shows that the test can fail. With --weeks the logs arrive in portions and the share of
the evaluation side is followed. Exit code 1 when a law is broken.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

WORDS = (
    "cache",
    "shard",
    "ledger",
    "socket",
    "policy",
    "schema",
    "render",
    "router",
    "query",
    "branch",
)


class Log:
    """One log under construction."""

    def __init__(self, rng: random.Random, day: int) -> None:
        self.rng = rng
        self.session = self.id()
        self.records: list[dict[str, Any]] = []
        self.day = day

    def id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def prose(self, n: int) -> str:
        return " ".join(f"{self.rng.choice(WORDS)}{self.rng.randrange(90)}" for _ in range(n))

    def add(self, kind: str, content: Any, parent: str | None) -> str:
        n, message = len(self.records), {"role": kind, "content": content}
        record = {
            "type": kind,
            "uuid": self.id(),
            "parentUuid": parent,
            "sessionId": self.session,
            "cwd": f"/work/project{self.day % 3}",
            "version": "2.1.0",
            "isSidechain": False,
            "timestamp": f"2026-{self.day // 28 + 1:02d}-{self.day % 28 + 1:02d}"
            f"T{n // 60 % 24:02d}:{n % 60:02d}:00.000Z",
            "message": message,
        }
        if kind == "assistant":
            message |= {"id": f"msg_{record['uuid']}", "model": "claude-opus-4-5"}
        self.records.append(record)
        return str(record["uuid"])

    def turn(self, parent: str | None) -> str:
        """A prompt, a call with its result, an answer; returns the last record's id."""
        parent = self.add("user", self.prose(15), parent)
        call = f"toolu_{self.id()}"
        use = {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": self.prose(4)}}
        parent = self.add("assistant", [{"type": "text", "text": self.prose(6)}, use], parent)
        given = {"type": "tool_result", "tool_use_id": call, "content": self.prose(30)}
        parent = self.add("user", [given], parent)
        return self.add("assistant", [{"type": "text", "text": self.prose(40)}], parent)

    def talk(self, turns: int, parent: str | None = None) -> None:
        for _ in range(turns):
            parent = self.turn(parent)

    def copied(self, rename: bool, change: float = 0.0) -> Log:
        """The same conversation in another session: with the same record ids, or with new ones."""
        twin = Log(self.rng, self.day)
        new = {r["uuid"]: self.id() if rename else r["uuid"] for r in self.records}
        text = json.dumps(self.records)
        for old, fresh in new.items():
            text = text.replace(old, fresh)
        twin.records = json.loads(text)
        for record in twin.records:
            record["sessionId"] = twin.session
            content = record["message"]["content"]
            for part in content if isinstance(content, list) else []:
                if part.get("type") == "text":
                    part["text"] = self.blur(part["text"], change)
        return twin

    def blur(self, text: str, change: float) -> str:
        return " ".join("other" if self.rng.random() < change else w for w in text.split())

    def write(self, root: Path) -> None:
        folder = root / f"-work-project{self.day % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(r) + "\n" for r in self.records)
        (folder / f"{self.session}.jsonl").write_text(lines, "utf-8")


def make(sessions: int, seed: int) -> list[Log]:
    """Logs in the order of their days; about half are relatives of an earlier one."""
    rng = random.Random(seed)
    logs: list[Log] = []
    for day in range(sessions):
        chance = rng.random()
        old = rng.choice(logs) if logs else None
        if old is None or chance < 0.45:
            log = Log(rng, day)
            log.talk(rng.randrange(2, 6))
        elif chance < 0.75:  # a rewind in the same file: two prompts below one record
            log = Log(rng, day)
            log.talk(3)
            log.talk(2, log.records[3]["uuid"])
        elif chance < 0.85:
            log = old.copied(rename=False)
            log.talk(2, log.records[-1]["uuid"])
        elif chance < 0.93:
            log = old.copied(rename=True)
            log.talk(rng.randrange(0, 8), log.records[-1]["uuid"])
        else:
            log = old.copied(rename=True, change=rng.choice((0.01, 0.03)))
        logs.append(log)
    return logs


def export(logs: Path, out: Path, state: Path) -> float:
    """Run the command; returns its CPU-bound wall seconds."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "sessiontune", "export", str(logs), "-o", str(out)]
    done = subprocess.run(
        [*command, "--state", str(state), "--jobs", "1", "--quiet"], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"export failed ({done.returncode}): {done.stderr}")
    return time.perf_counter() - start


Row = tuple[str, frozenset[tuple[str, ...]], frozenset[tuple[str, str]]]


def rows(path: Path) -> list[Row]:
    """Per row: its name, its word trigrams, its pairs of prompt and answer."""
    out: list[Row] = []
    for line in path.read_text("utf-8").split("\n") if path.exists() else []:
        if not line:
            continue
        row = json.loads(line)
        said = [(m["role"], m.get("content") or "") for m in row["messages"]]
        words = " ".join(text for _, text in said).split()
        grams = frozenset(zip(words, words[1:], words[2:], strict=False))
        pairs, prompt = set(), ""
        for role, text in said:
            if role == "user":
                prompt = text
            elif role == "assistant" and len(text) > 100:
                pairs.add((prompt, text))
        out.append((row["id"], grams, frozenset(pairs)))
    return out


def leaks(train: list[Row], held: list[Row]) -> tuple[float, float]:
    """Shares of held-out rows with an exact pair in train, and with Jaccard >= .8 to a row."""
    known = {pair for _, _, pairs in train for pair in pairs}
    exact = sum(bool(pairs & known) for _, _, pairs in held)
    near = sum(
        any(len(a & b) >= 0.8 * len(a | b) for _, b, _ in train if len(b)) for _, a, _ in held
    )
    return exact / max(1, len(held)), near / max(1, len(held))


def main() -> int:
    """Run the benchmark; returns 0 if every law held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weeks", type=int, default=0)
    options = parser.parse_args()
    logs = make(options.sessions, options.seed)
    good = True
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        portions = options.weeks + 1
        before: dict[str, set[str]] = {"train": set(), "eval": set()}
        done: int | None = 0
        for week in range(portions):
            until = (
                len(logs) // 2 + len(logs) * week // (2 * options.weeks) if portions > 1 else None
            )
            for log in logs[done:until]:
                log.write(root / "logs")
            done = until
            seconds = export(root / "logs", root / "out", root / "state")
            train = rows(root / "out" / "train" / "openai.jsonl")
            held = rows(root / "out" / "eval" / "openai.jsonl")
            exact, near = leaks(train, held)
            share = len(held) / (len(train) + len(held))
            stayed = before["eval"] <= {n for n, _, _ in held}
            moved = before["train"] & {n for n, _, _ in held}
            before = {"train": {n for n, _, _ in train}, "eval": {n for n, _, _ in held}}
            every = train + held
            draws = []
            for draw in range(5):
                random.Random(draw).shuffle(every)
                draws.append(leaks(every[len(held) :], every[: len(held)]))
            r_exact, r_near = (sum(d[i] for d in draws) / len(draws) for i in (0, 1))
            good &= exact == near == 0 and stayed and not moved and 0.13 <= share <= 0.17
            good &= r_exact >= 0.3
            print(
                f"{week}: {len(train)} train, {len(held)} eval ({share:.1%}), {seconds:.1f} s; "
                f"exact {exact:.0%}, near {near:.0%}; random split: exact {r_exact:.0%}, near "
                f"{r_near:.0%}; eval kept {stayed}, moved from train {len(moved)}"
            )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
