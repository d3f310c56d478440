"""Values nested deeper than JSON's encoders go, and calls that share an id: nothing breaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sources import test_gemini, test_goose, test_kiro, test_odd_fields
from tests.sources.test_odd_fields import lines
from tests.support import read

from sessiontune.model import ToolCall


@pytest.mark.parametrize("levels", [150, 300, 1000])
def test_what_is_nested_too_deep_breaks_nothing(tmp_path: Path, levels: int) -> None:
    deep = '{"a":' * levels + "1" + "}" * levels
    shown = {"kind": "json", "data": "DEEP"}
    kiro = [*test_kiro.MAIN[:2], test_kiro.line("ToolResults", "r", test_kiro.back("ls", shown))]
    answer = {"functionResponse": {"response": "DEEP"}}
    call = {"id": "c1", "name": "ls", "status": "success", "result": [answer]}
    gemini = [test_gemini.HEADER, {"id": "1", "type": "gemini", "model": "m", "toolCalls": [call]}]
    block = {"type": "DEEP", "text": "DEEP", "id": "DEEP"}
    goose = [test_odd_fields.HEAD, *test_goose.MESSAGES, test_goose.said("user", block)]
    for source, rows in {"kiro": kiro, "gemini": gemini, "goose": goose}.items():
        paths = [tmp_path / name / source / "20260110_1.jsonl" for name in "ab"]
        for path in paths:
            path.parent.mkdir(parents=True)
            path.write_text(lines(rows).replace('"DEEP"', deep))
        assert read(source, tmp_path, map(str, paths)).unbalanced() == {}, source


def test_calls_of_one_answer_have_ids_of_their_own(tmp_path: Path) -> None:
    calls = [test_goose.call(name, command=name) for name in ("c", "c", "", "")]
    rows = [
        test_odd_fields.HEAD,
        test_goose.said("user", "x"),
        test_goose.said("assistant", *calls),
    ]
    path = tmp_path / "20260110_1.jsonl"
    path.write_text(lines(rows))
    (session,) = read("goose", tmp_path, [str(path)]).sessions
    assert len({part.id for part in session.messages[1].parts if isinstance(part, ToolCall)}) == 4
