"""Arguments of calls as they are read and searched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sessiontune.review.spelling import spelled


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"command": "cat log.txt\nwc", "timeout": 5}, "command:\ncat log.txt\nwc\ntimeout: 5"),
        ({"todos": [{"id": 1, "text": "Größe"}]}, 'todos: [{"id":1,"text":"Größe"}]'),
        (
            {"edits": [{"old": "a\nrow", "new": ""}, {"old": "b"}], "file": "x"},
            'edits[0].old:\na\nrow\nedits[0].new: \nedits[1]: {"old":"b"}\nfile: x',
        ),
        ({"": {"": 'say "this"'}}, ': say "this"'),
        ({}, ""),
        ([1, 2], "[1, 2]"),
    ],
)
def test_texts_stand_as_they_were_written(arguments: Any, text: str) -> None:
    assert spelled(json.dumps(arguments)) == text


@pytest.mark.parametrize("arguments", ["", "not json", '{"a": ', "[" * 5000, '{"a":' * 5000])
def test_what_is_no_object_stays(arguments: str) -> None:
    assert spelled(arguments) == arguments
