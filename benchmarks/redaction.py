"""How much the redaction finds, what it redacts by mistake, and how fast it is.

    python benchmarks/redaction.py [--keys FILE] [--corpus DIR] [--stdlib DIR]

Prints recall by kind and false positives on a labelled set of key formats (each half of it apart:
rules were tuned while looking at the first half only), false redactions per MB of Python's standard
library with syntax-tree survival, findings by kind on the corpus, and throughput as a ratio to
`str.lower()` on the same text in the same run. Times are CPU seconds.
"""

# ruff: noqa: E501

from __future__ import annotations

import argparse
import ast
import base64
import gzip
import json
import os
import resource
import sysconfig
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import orjson

from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def surviving(secret: str, out: str, around: str) -> float:
    """Share of the secret that is still readable in one piece and is not in its surroundings."""
    low, high = 0, len(secret)
    while low < high:
        size = (low + high + 1) // 2
        pieces = {secret[i : i + size] for i in range(len(secret) - size + 1)}
        if any(piece in out and piece not in around for piece in pieces):
            low = size
        else:
            high = size - 1
    return 0.0 if low <= 3 else low / max(1, len(secret))


def key_formats(path: Path, redactor: Redactor, verbose: bool) -> None:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    first = {row["id"] for row in Random(1).sample(rows, len(rows) // 2)}
    for name, chosen in (
        ("first half", [r for r in rows if r["id"] in first]),
        ("held out", [r for r in rows if r["id"] not in first]),
    ):
        seen: Counter[str] = Counter()
        got: Counter[str] = Counter()
        negatives = wrong = 0
        for row in chosen:
            out = redactor.text(row["text"])
            if not row["label"]:
                negatives += 1
                wrong += out != row["text"]
                continue
            seen[row["rule"]] += 1
            got[row["rule"]] += all(
                surviving(s.strip("\"'"), out, row["text"].replace(s.strip("\"'"), "\0")) <= 0.1
                for s in row["secrets"]
            )
        print(f"\nkey formats, {name}: recall {sum(got.values())}/{sum(seen.values())} = "
              f"{sum(got.values()) / sum(seen.values()):.4f}; false positives {wrong}/{negatives} = "
              f"{wrong / max(1, negatives):.4f}")  # fmt: skip
        for kind in sorted(seen):
            if verbose or got[kind] < seen[kind]:
                print(f"  {kind:45} {got[kind]:4} / {seen[kind]}")


def shape(source: str) -> str:
    """The syntax tree without string constants."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            node.value = ""
    return ast.dump(tree)


def standard_library(root: Path, redactor: Redactor) -> None:
    kinds: Counter[str] = Counter()
    size = files = same = parsed = 0
    for path in sorted(root.rglob("*.py")):
        if "site-packages" in path.parts or "test" in path.parts or "tests" in path.parts:
            continue
        try:
            source = path.read_text(encoding="utf-8")
            before = shape(source)
        except (UnicodeDecodeError, SyntaxError):
            continue
        files, size = files + 1, size + len(source)
        redactor.take_counts()
        out = redactor.text(source)
        kinds.update(redactor.take_counts())
        parsed += 1
        try:
            same += out == source or shape(out) == before
        except SyntaxError:
            print(f"  no longer parses: {path}")
    false = sum(n for kind, n in kinds.items() if kind != "email")
    print(f"\nstandard library: {size / 1e6:.1f} MB, {files} files, findings {dict(kinds)}")
    print(f"  not e-mail: {false / (size / 1e6):.2f} per MB; same syntax tree {same}/{parsed} = "
          f"{same / max(1, parsed):.5f}")  # fmt: skip


def corpus_texts(root: Path) -> list[str]:
    """All strings of messages in the logs (what the redact stage sees), images left out."""
    texts: list[str] = []
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            if not name.endswith(".jsonl"):
                continue
            for line in Path(folder, name).read_bytes().split(b"\n"):
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict):
                    _strings(record.get("message") or record.get("payload"), texts)
    return texts


def _strings(value: Any, texts: list[str]) -> None:
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("signature", "encrypted_content", "id", "data"):
                _strings(item, texts)
    elif isinstance(value, list):
        for item in value:
            _strings(item, texts)


def speed(texts: list[str], redactor: Redactor, auditor: Auditor) -> None:
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6
    groups = [texts[i : i + 200] for i in range(0, len(texts), 200)]
    start = time.process_time()
    for text in texts:
        text.lower()
    lower = time.process_time() - start
    redactor.take_counts()
    passes = []
    for _ in range(2):
        start = time.process_time()
        out = [redactor.texts(group) for group in groups]
        passes.append(time.process_time() - start)
    first, redact = passes
    print(
        f"\ncorpus: {size:.1f} MB of message text; findings of both passes {redactor.take_counts()}"
    )
    rows = b"\n".join(orjson.dumps({"content": text}) for group in out for text in group)
    start = time.process_time()
    found = auditor.scan(rows, "rows")
    audit = time.process_time() - start
    print(f"  str.lower() {size / lower:7.0f} MB per CPU s")
    print(
        f"  redact      {size / redact:7.0f} MB per CPU s = {redact / lower:.1f} x the time of lower()"
        f" ({size / first:.0f} in the first pass, which makes the rules' automata:"
        f" {first - redact:.2f} CPU s, once per process)"
    )
    print(f"  gate        {len(rows) / 1e6 / audit:7.0f} MB per CPU s = "
          f"{audit / (len(rows) / 1e6) / (lower / size):.1f} x, {len(found)} findings")  # fmt: skip


def near_misses(redactor: Redactor) -> None:
    """Time of a text and of one four times as long: about four times for linear work."""
    for name, unit in (
        ("key = near miss", "api_key = abc1 token: def2; password = None\n"),
        ("one long run", "a1B2" * 11),
        ("prefixes", "gh" + "p_x AK" + "IAx sk-x "),
    ):
        times = []
        for count in (25_000, 100_000):
            text = unit * count
            start = time.process_time()
            redactor.text(text)
            times.append(time.process_time() - start)
        print(f"  {name:18} x4 the text, x{times[1] / max(times[0], 1e-6):.1f} the time")


def hostile(redactor: Redactor, auditor: Auditor) -> None:
    """One string of 100 MB, a million near misses, ten layers: CPU seconds and peak memory."""
    unit = "def f(token, key):\n    return token.key == self.api_key  # 0123456789abcdef\n"
    layers = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    for _ in range(10):
        layers = base64.b64encode(f"inner: {layers} .".encode()).decode()
    for name, text in (
        ("one string of 100 MB", unit * (100_000_000 // len(unit))),
        ("a million near misses", "api_key = abc1 token: def2\n" * 1_000_000),
        ("ten layers of base64", layers),
    ):
        start = time.process_time()
        redactor.text(text)
        middle = time.process_time()
        auditor.scan(json.dumps({"content": text}).encode(), "f")
        end = time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  {name:22} {len(text) / 1e6:7.2f} MB: redact {middle - start:6.2f} s, "
              f"gate {end - middle:6.2f} s, process peak {peak:.0f} MiB")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=Path, default=SHARED / "redaction" / "key_formats.jsonl.gz")
    parser.add_argument("--corpus", type=Path, default=SHARED / "corpus")
    parser.add_argument("--stdlib", type=Path, default=Path(sysconfig.get_paths()["stdlib"]))
    parser.add_argument("--verbose", action="store_true", help="every kind, not only those missed")
    args = parser.parse_args()
    options = PrivacyOptions()
    redactor = Redactor(b"benchmark", Vocabulary(), options)
    auditor = Auditor(options, Vocabulary(), b"salt")
    if args.keys.exists():
        key_formats(args.keys, redactor, args.verbose)
    standard_library(args.stdlib, redactor)
    if args.corpus.exists():
        speed(corpus_texts(args.corpus), redactor, auditor)
    near_misses(redactor)
    hostile(redactor, auditor)


if __name__ == "__main__":
    main()
