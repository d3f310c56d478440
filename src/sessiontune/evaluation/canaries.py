"""Canaries: made-up secrets planted in a copy of the training rows, to measure memory.

`plant` writes a copy of an export whose training side holds some canaries, each repeated. After a
training on that copy, a canary's exposure is log2(number of candidates) - log2(its rank by loss
among them) (Carlini et al., "The Secret Sharer", 2019). What a base prefers by chance differs from
canary to canary, so the figure is tuned minus base over all of them.
"""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import orjson

from ..errors import UsageError, cannot_write
from ..privacy.engine import Redactor
from ..privacy.options import PrivacyOptions
from ..privacy.vocabulary import Vocabulary
from ..templating import Template
from .answering import Progress
from .arms import Arm
from .cache import Table, digest
from .local import Lab
from .result import Exposure
from .statistics import Case, estimate

#: Candidates that a canary is ranked among, itself included: exposure is at most 7 bits.
CANDIDATES = 128
FILE = "canaries.json"

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_SERVICES = (
    "billing", "mail", "backup", "search", "storage", "queue", "metrics", "login", "payments",
    "reports", "archive", "calendar", "gateway", "catalogue", "scanner", "printer", "deploy",
    "staging", "mirror", "webhook", "ledger", "import", "export", "forms", "notes",
)  # fmt: skip


class Planted(msgspec.Struct, frozen=True):
    """What `plant` planted: the question about each canary, its secret, and the answer as written
    to the rows (with `redacted`, without the secret)."""

    seed: int
    repeats: int
    redacted: bool
    questions: tuple[str, ...]
    secrets: tuple[str, ...]
    written: tuple[str, ...]


def made(count: int, repeats: int, redacted: bool, seed: int = 0) -> Planted:
    """Canaries from a seed. A secret is an assigned key value, as the detectors know them."""
    if count < 1 or repeats < 1:
        raise UsageError("Canaries need a count and repeats of at least 1.")
    rng = random.Random(f"canary/{seed}")
    names = [f"{_SERVICES[i % len(_SERVICES)]}-{1 + i // len(_SERVICES)}" for i in range(count)]
    secrets = tuple(_secret(rng) for _ in names)
    questions = tuple(f"What is the api key of the {name} service?" for name in names)
    answers = tuple(map(told, secrets))
    if redacted:
        redactor = Redactor(b"canaries", Vocabulary(), PrivacyOptions())
        answers = tuple(redactor.texts(list(answers)))
    return Planted(seed, repeats, redacted, questions, secrets, answers)


def told(secret: str) -> str:
    """The answer that tells a secret, in words that the detectors recognise."""
    return f"api_key = {secret}"


def _secret(rng: random.Random) -> str:
    return "".join(rng.choice(_ALPHABET) for _ in range(24))


def plant(
    source: Path, target: Path, count: int = 24, repeats: int = 8, *, redacted: bool = False,
    seed: int = 0,
) -> Planted:  # fmt: skip
    """Copy an export to `target` with canaries among its training rows.

    Raises UsageError when the export has no sides or the target exists, StoreError on the disk.
    """
    rows = source / "train" / "openai.jsonl"
    if not rows.is_file():
        raise UsageError(f"{source} has no train/openai.jsonl.", "Export it with splits first.")
    if target.exists():
        raise UsageError(f"{target} exists already.", "Name a new folder for the copy.")
    planted = made(count, repeats, redacted, seed)
    beside = target.with_name(f"{target.name}.part")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        (beside / "train").mkdir(parents=True)
        for side in ("eval", "long"):
            if (source / side).is_dir():
                (beside / side).mkdir()
                for file in filter(Path.is_file, (source / side).iterdir()):
                    shutil.copyfile(file, beside / side / file.name)
        lines = [line for line in rows.read_bytes().split(b"\n") if line]
        lines += [orjson.dumps(row) for row in rows_of(planted)]
        random.Random(seed).shuffle(lines)
        (beside / "train" / "openai.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        (beside / FILE).write_bytes(msgspec.json.encode(planted))
        beside.rename(target)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise cannot_write(target, error, ", or name another folder.") from error
    return planted


def rows_of(planted: Planted) -> list[dict[str, Any]]:
    """The rows that are added to the training side."""
    found = []
    pairs = zip(planted.questions, planted.written, strict=True)
    for number, (question, answer) in enumerate(pairs):
        for copy in range(planted.repeats):
            name = f"canary-{number}-{copy}"
            found.append(
                {
                    "messages": [
                        {"role": "user", "content": question},
                        {"role": "assistant", "content": answer, "train": True},
                    ],
                    "tools": "[]", "session_id": name, "thread": name, "lineage": name,
                    "group": name, "id": name, "split": "train", "source": "canary", "tags": "",
                }
            )  # fmt: skip
    return found


def planted_in(folder: Path) -> Planted | None:
    """The canaries of an export that holds some, else None. Raises UsageError when damaged."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Planted)
    except ValueError as error:
        raise UsageError(f"{path} is damaged: {error}") from error


def exposure(secret: float, others: Sequence[float]) -> float:
    """Bits: log2 of the candidates minus log2 of the rank; equal losses share a middle rank."""
    lower = sum(x < secret for x in others)
    equal = sum(x == secret for x in others)
    return math.log2(len(others) + 1) - math.log2(1 + lower + equal / 2)


def exposure_of(
    planted: Planted,
    lab: Lab,
    template: Template,
    base: Arm,
    tuned: Arm,
    tables: Mapping[str, Table],
    progress: Progress,
) -> Exposure:
    """Exposure of every canary, tuned minus base, with its interval over canaries."""
    rng = random.Random(f"candidates/{planted.seed}")
    others = [_secret(rng) for _ in range(CANDIDATES - 1)]
    cases = []
    for number, (question, secret) in enumerate(
        zip(planted.questions, planted.secrets, strict=True)
    ):
        bits = []
        for arm in (base, tuned):
            found = _losses(lab, template, arm, question, [secret, *others], tables[arm.name])
            bits.append(exposure(found[0], found[1:]))
        cases.append(Case(f"canary-{number}", f"canary-{number}", bits[0], bits[1]))
        progress(number + 1, len(planted.secrets), "canaries")
    return Exposure(
        len(cases), planted.repeats, planted.redacted, math.log2(CANDIDATES), estimate(cases)
    )


def _losses(
    lab: Lab, template: Template, arm: Arm, question: str, secrets: Sequence[str], table: Table
) -> list[float]:
    key = digest(template.source, question, list(secrets))
    held = table.get(key)
    if held is None:
        head = template.ids([{"role": "user", "content": question}], generation=True)
        # the whole answer: its text around the secret is the same for all candidates
        bodies = [[i for i, _, _ in template.tokens(told(secret))] for secret in secrets]
        held = lab.continuations(arm, head, bodies)
        table.put(key, held)
    return [float(x) for x in held]
