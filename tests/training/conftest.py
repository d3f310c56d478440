"""A small export and a tiny model, made once for all tests here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from exports import conversation, make_export

from warm import warm_workers


@pytest.fixture(scope="module", autouse=True)
def warm() -> Iterator[None]:
    with warm_workers():
        yield


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_export(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose tokenizer knows the words of the export."""
    pytest.importorskip("transformers")
    from sessiontune.training.tiny import make_tiny

    texts = [json.dumps(conversation(i)) for i in range(40)]
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny", texts, vocab=1024)
