"""Real logs, and those of the bundled sample, against the independent checker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.checker import checker
from tests.conftest import corpus
from tests.random_logs import Writer
from tests.random_rollouts import random_rollouts
from tests.support import Reading, kind_of, logs_under, read

from sessiontune.model import Text
from sessiontune.sample import write_sample

FOLDERS = {"claude": "claude-code", "codex": "codex"}


def _repositories() -> list[tuple[str, Path]]:
    root = corpus()
    if root is None:
        return []
    found = []
    for source, folder in FOLDERS.items():
        if (root / folder).is_dir():
            found += [(source, p) for p in sorted((root / folder).iterdir()) if p.is_dir()]
    return found


REPOSITORIES = _repositories()
FILES = [(source, repo, file) for source, repo in REPOSITORIES for file in logs_under(repo, source)]
NO_CORPUS = pytest.mark.skipif(
    not REPOSITORIES, reason="no real logs: set SESSIONTUNE_CORPUS (0 of 2 agents read)"
)


@lru_cache(maxsize=2)
def reading(source: str, repo: Path) -> Reading:
    return read(source, repo)


@lru_cache(maxsize=2)
def counts(source: str, repo: Path) -> dict[str, int]:
    return checker.record_counts(logs_under(repo, source))


def _id(value: object) -> str:
    if isinstance(value, Path):
        return value.name
    return os.path.basename(value)[:24] if isinstance(value, str) else str(value)


@NO_CORPUS
def test_every_log_of_the_corpus_is_recognised() -> None:
    root = corpus()
    assert root is not None
    for source, folder in FOLDERS.items():
        known = set(logs_under(root / folder, source))
        for place, _, names in os.walk(root / folder):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as log:
                    head = log.read(4096)
                is_list = b'"display"' in head or b'"ts":' in head or b'"thread_name"' in head
                assert (path in known) != (is_list or not name.endswith(".jsonl")), path


@pytest.mark.parametrize(("source", "repo", "file"), FILES, ids=_id)
def test_every_record_is_used_or_dropped_for_a_reason(source: str, repo: Path, file: str) -> None:
    got = reading(source, repo)
    n = counts(source, repo)[file]
    assert got.ledger.records[file] == n
    used = len(got.origins().get(file, ()))
    gone = got.ledger.by_file.get(file, {})
    assert all(name.split("/")[-1] for name in gone)
    assert used + sum(gone.values()) == n, (used, gone)


def _typed(source: str, file: str) -> set[str]:
    """What a person typed, as the program noted it beside the conversation; without white space.

    Not what went from the queue back to the line, what the program queued, or its commands.
    """
    found: set[str] = set()
    for raw in Path(file).read_bytes().split(b"\n"):
        try:
            row = orjson.loads(raw)
        except orjson.JSONDecodeError:
            continue
        row = row if isinstance(row, dict) else {}
        kind, payload = row.get("type"), row.get("payload")
        if source == "codex":
            told = isinstance(payload, dict) and payload.get("type") == "user_message"
            text = payload.get("message") if told else None
        else:
            text = row.get("content" if kind == "queue-operation" else "lastPrompt")
        if isinstance(text, str) and not text.startswith(('{"task_id"', "<", "/")):
            cut = "".join(text.split()).rstrip("\u2026")[:150]
            back = row.get("operation") == "popAll"
            found = found - {cut} if back else found | {cut}
    return found - {""}


@pytest.mark.parametrize(("source", "repo"), REPOSITORIES, ids=_id)
def test_what_a_person_typed_stands_in_a_prompt(source: str, repo: Path) -> None:
    got = reading(source, repo)
    said = "\n".join(
        "".join(part.text.split())
        for session in got.sessions
        for message in session.messages
        if message.role == "user"
        for part in message.parts
        if isinstance(part, Text)
    )
    for file in logs_under(repo, source):
        lost = [text for text in _typed(source, file) if text not in said and "[Image" not in text]
        assert not lost, (os.path.basename(file), len(lost), [len(text) for text in lost])


@pytest.mark.parametrize(("source", "repo"), REPOSITORIES, ids=_id)
def test_nothing_is_invented_lost_doubled_or_out_of_order(source: str, repo: Path) -> None:
    got = reading(source, repo)
    turns = [t for s in got.sessions for t in checker.turns_of_session(s)]
    problems = checker.check(source, logs_under(repo, source), turns)
    assert not problems, f"{len(problems)} problems\n" + "\n".join(problems[:20])


# ------------------------------------------------------------------ the written data set


class Export:
    """A data set written by the command, with privacy off so that words can be compared."""

    planted: tuple[str, ...] = ()

    def __init__(self, folder: Path, roots: list[Path], private: bool = False) -> None:
        self.out = folder / ("private" if private else "out")
        command = [sys.executable, "-m", "sessiontune", "--quiet", "export", *map(str, roots)]
        command += ["-o", str(self.out), "--state", str(folder / "state")]
        command += ["--thinking", "--jobs", "1", "--name", "out"]
        command += [] if private else ["--no-privacy"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.manifest = json.loads((self.out / "manifest.json").read_text("utf-8"))

    def rows(self, name: str) -> list[dict[str, Any]]:
        with (self.out / name).open("rb") as lines:
            return [orjson.loads(line) for line in lines]

    def raw(self, source: str) -> list[dict[str, Any]]:
        return [r for r in self.rows("out_conversations_raw.jsonl") if r["source"] == source]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Export:
    root = corpus()
    assert root is not None
    return Export(tmp_path_factory.mktemp("real"), [root / f for f in FOLDERS.values()])


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Export:
    folder = tmp_path_factory.mktemp("sample")
    planted = [p.value for p in write_sample(folder / "logs").planted]
    export = Export(folder, [folder / "logs"])
    export.planted = tuple(planted)
    return export


def _raw_is_right(export: Export, root: Path) -> None:
    read_in_all = 0
    for source in FOLDERS:
        files = logs_under(root, source)
        turns = checker.turns_of_rows(export.raw(source))
        assert bool(turns) == bool(files)
        problems = checker.check(source, files, turns)
        assert not problems, f"{len(problems)} problems\n" + "\n".join(problems[:20])
        read_in_all += sum(checker.record_counts(files).values())
    records = export.manifest["records"]
    assert records["read"] == read_in_all
    assert records["read"] == records["used"] + records["dropped"] + records["faulty"]
    assert not export.manifest["duplicates"]["duplicate"]


def _others_agree_with_raw(export: Export) -> None:
    """Combined holds what raw holds. Every openai row ends with its own rows of raw; what comes
    before is another thread's."""
    own: dict[str, list[Any]] = defaultdict(list)
    everything = set()
    for row in export.rows("out_conversations_raw.jsonl"):
        message = _plain(row)
        own[row["id"]].append(message)
        everything.add(repr(message))
    combined = json.loads((export.out / "out_conversations_combined.json").read_text("utf-8"))
    whole = {c["id"]: [_plain(m) for m in c["messages"]] for c in combined["conversations"]}
    assert whole == dict(own)
    seen = set()
    for name in ("out_conversations_openai.jsonl", "eval/openai.jsonl"):
        for row in export.rows(name):
            assert row["id"] not in seen
            seen.add(row["id"])
            messages = [_plain(m) for m in row["messages"]]
            mine = own[row["id"]]
            assert messages[-len(mine) :] == mine, row["id"]
            before = len(messages) - len(mine)
            assert all(repr(m) in everything for m in messages[:before])
            assert not any(m["train"] for m in row["messages"][:before])
            assert before == 0 or row["forked_from"] is not None
    silent = {k for k, v in own.items() if not any(m[0] == "assistant" for m in v)}
    lost = export.manifest["losses"]
    assert len(own) - len(seen) == sum(n for k, n in lost.items() if k.startswith("openai/row_"))
    assert silent.isdisjoint(seen)


def _plain(row: dict[str, Any]) -> tuple[Any, ...]:
    content = row["content"]
    if row["role"] == "tool" and content == "[no result in the log]":
        content = ""  # a chat needs an answer to every call; raw says `status: missing`
    return row["role"], content, orjson.dumps(row.get("tool_calls")), row.get("tool_call_id")


@NO_CORPUS
def test_the_raw_file_of_the_corpus_is_right(real: Export) -> None:
    root = corpus()
    assert root is not None
    _raw_is_right(real, root)


@NO_CORPUS
def test_the_openai_file_of_the_corpus_agrees(real: Export) -> None:
    _others_agree_with_raw(real)


def test_the_raw_file_of_the_sample_is_right(sample: Export) -> None:
    _raw_is_right(sample, sample.out.parent / "logs")


def test_the_openai_file_of_the_sample_agrees(sample: Export) -> None:
    _others_agree_with_raw(sample)


def test_redaction_changes_words_and_nothing_else(sample: Export) -> None:
    """With privacy on the same turns come out in the same order, and no planted secret does."""
    private = Export(sample.out.parent, [sample.out.parent / "logs"], private=True)

    def shape(export: Export) -> list[Any]:
        return [
            (r["role"], r["kind"], r["epoch"], r["status"], len(r["tool_calls"] or ()), r["source"])
            for r in export.rows("out_conversations_raw.jsonl")
        ]

    assert shape(private) == shape(sample)
    assert private.manifest["redactions"]
    assert sample.planted
    for path in private.out.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found = [
                n
                for n, secret in enumerate(sample.planted)
                if secret.encode() in data or orjson.dumps(secret)[1:-1] in data
            ]
            assert not found, (path.name, found)


def test_random_projects_through_the_command(tmp_path: Path) -> None:
    for seed in range(30):
        writer = Writer(seed)
        writer.project()
        writer.save(tmp_path / "logs" / str(seed))
    for seed in range(10):
        random_rollouts(seed, tmp_path / "logs" / f"codex{seed}")
    export = Export(tmp_path, [tmp_path / "logs"])
    _raw_is_right(export, tmp_path / "logs")
    _others_agree_with_raw(export)


def test_twenty_variants_of_what_the_corpus_lacks(tmp_path: Path) -> None:
    """Forks, nested agents, meta files and side files come from the sample's generator."""
    forks = nested = metas = sides = 0
    for seed in range(10):
        root = tmp_path / str(seed)
        write_sample(root, seed=seed)
        files = logs_under(root, "claude")
        got = read("claude", root, files)
        assert got.unbalanced() == {}
        counted = checker.record_counts(files)
        assert got.ledger.records == counted
        turns = [t for s in got.sessions for t in checker.turns_of_session(s)]
        problems = checker.check("claude", files, turns)
        assert not problems, f"seed {seed}: {len(problems)} problems\n" + "\n".join(problems[:20])
        forks += sum(kind_of(s) == "branch" for s in got.sessions)
        nested += len(list(root.rglob("subagents/agent-*.jsonl")))
        metas += len(list(root.rglob("*.meta.json")))
        sides += len(list(root.rglob("tool-results/*")))
    assert min(forks, nested, metas, sides) >= 20, (forks, nested, metas, sides)
