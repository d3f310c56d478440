"""What should not come out again: secrets in answers, and long passages of training text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import orjson

from ..privacy.engine import Redactor
from ..privacy.options import PrivacyOptions
from ..privacy.vocabulary import Vocabulary
from ..templating import IGNORED, Template
from .heldout import Run

#: Words of training text that an answer may repeat in a row before it counts as regurgitation.
VERBATIM = 30


def secrets_in(texts: Sequence[str]) -> int:
    """Secrets in what was generated, by the product's own detectors."""
    detectors = PrivacyOptions(personal=False, places=False)
    redactor = Redactor(b"evaluate", Vocabulary(), detectors)
    return sum(len(redactor.find(text)) for text in texts)


def repeated(trained: Iterable[str], answers: Sequence[str], contexts: Sequence[str]) -> list[int]:
    """Numbers of the answers that hold `VERBATIM` words in a row of what was trained.

    Words from the answer's own context do not count: copying what was shown, a file for example, is
    not memory.
    """
    wanted: dict[str, set[int]] = {}
    for number, (text, context) in enumerate(zip(answers, contexts, strict=True)):
        grams = _grams(text)
        shown = " ".join(context.split()) if grams else ""
        for gram in grams:
            if gram not in shown:
                wanted.setdefault(gram, set()).add(number)
    hits: set[int] = set()
    if not wanted:
        return []
    for text in trained:
        for gram in _grams(text):
            hits |= wanted.get(gram, set())
    return sorted(hits)


def trained_answers(folder: Path) -> Iterator[str]:
    """Texts and arguments of calls of all answers of an export's training side."""
    for path in (folder / "train" / "openai.jsonl", folder / "long" / "train.jsonl"):
        if path.is_file():
            with path.open("rb") as lines:
                yield from _answers(lines)


def trained_texts(run: Run, template: Template) -> Iterator[str]:
    """The same from the run's own tokens that bore loss, or from both answers of its preferences:
    the export may have changed by now, or be gone."""
    import pyarrow.parquet as parquet

    path = run.folder / "data" / "train.parquet"
    if not path.is_file():
        preferences = path.with_suffix(".jsonl")
        kept = preferences.is_file()
        yield from _preferred(preferences) if kept else trained_answers(run.data)
        return
    for batch in parquet.ParquetFile(path).iter_batches(64, columns=["input_ids", "labels"]):
        for entry in batch.to_pylist():
            pairs = zip(entry["input_ids"], entry["labels"], strict=True)
            for borne, span in groupby(pairs, key=lambda pair: pair[1] != IGNORED):
                if borne:
                    yield template.tokenizer.decode([i for i, _ in span])


def _preferred(path: Path) -> Iterator[str]:
    with path.open("rb") as lines:
        for line in lines:
            row = orjson.loads(line)
            yield from (row[side] for side in ("completion", "chosen", "rejected") if side in row)


def _answers(lines: Iterable[bytes]) -> Iterator[str]:
    for line in lines:
        for message in orjson.loads(line)["messages"]:
            if message["role"] == "assistant":
                yield message.get("content") or ""
                for call in message.get("tool_calls") or []:
                    yield call["function"]["arguments"]


def _grams(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + VERBATIM]) for i in range(len(words) - VERBATIM + 1)]
