"""What should not come out again: secrets in answers, and long passages of training text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import orjson

from ..privacy.engine import Redactor
from ..privacy.options import PrivacyOptions
from ..privacy.vocabulary import Vocabulary
from ..rows.read import rows_in
from ..templating import IGNORED, Template
from .heldout import HeldExample, Run

#: Words of training text that an answer may repeat in a row before it counts as regurgitation.
VERBATIM = 30
#: Words of a question that tell it from what people say in any session.
TELLING = 5


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


def asked_before(trained: Iterable[str], questions: Sequence[str]) -> list[int]:
    """Numbers of the questions that stand word for word in what was trained on, but for those of a
    few words: a model may know their answers by heart."""
    left = {
        number: " ".join(words).casefold()
        for number, question in enumerate(questions)
        if len(words := question.split()) >= TELLING
    }
    hits: list[int] = []
    for text in trained if left else ():
        plain = " ".join(text.split()).casefold()
        hits += [number for number in left if left[number] in plain]
        left = {number: question for number, question in left.items() if number not in hits}
    return sorted(hits)


def trained_rows(folder: Path, read: bool = False) -> Iterator[str]:
    """Texts and arguments of calls of all answers of an export's training side; with `read` of all
    messages."""
    for path in (folder / "train" / "openai.jsonl", folder / "long" / "train.jsonl"):
        for row in rows_in(path, "messages") if path.is_file() else ():
            for message in row["messages"]:
                if read or message["role"] == "assistant":
                    yield message.get("content") or ""
                    for call in message.get("tool_calls") or []:
                        yield call["function"]["arguments"]


def trained_texts(run: Run, template: Template, read: bool = False) -> Iterator[str]:
    """The same from the run's own tokens, or from its preferences: the export may have changed by
    now, or be gone."""
    tokens = run.folder / "data" / "train.parquet"
    preferences = tokens.with_suffix(".jsonl")
    if tokens.is_file():
        yield from _decoded(tokens, template, read)
    elif preferences.is_file():
        sides = ("prompt",) * read + ("completion", "chosen", "rejected")
        with preferences.open("rb") as lines:
            rows = map(orjson.loads, lines)
            yield from (row[side] for row in rows for side in sides if side in row)
    else:
        yield from trained_rows(run.data, read)


def not_trained(run: Run, examples: Sequence[HeldExample]) -> list[HeldExample]:
    """The examples whose tokens the run was not trained on: of general rows some may be mixed in,
    and on those nothing is forgotten."""
    import pyarrow.parquet as parquet

    path = run.folder / "data" / "train.parquet"
    if not path.is_file():
        return list(examples)
    known: set[int] = set()
    for batch in parquet.ParquetFile(path).iter_batches(64, columns=["input_ids"]):
        known.update(hash(tuple(ids)) for ids in batch["input_ids"].to_pylist())
    return [example for example in examples if hash(tuple(example.ids)) not in known]


def _decoded(path: Path, template: Template, read: bool) -> Iterator[str]:
    """The runs of tokens that bore loss, as text; with `read` whole examples."""
    import pyarrow.parquet as parquet

    for batch in parquet.ParquetFile(path).iter_batches(64, columns=["input_ids", "labels"]):
        for entry in batch.to_pylist():
            pairs = zip(entry["input_ids"], entry["labels"], strict=True)
            for borne, span in groupby(pairs, key=lambda pair: read or pair[1] != IGNORED):
                if borne:
                    yield template.tokenizer.decode([i for i, _ in span])


def _grams(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + VERBATIM]) for i in range(len(words) - VERBATIM + 1)]
