"""Lines of other exports: odd ones, copies, and what is taken for one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.sources.test_other_agents import run, shape, write
from tests.support import Reading, read

from sessiontune import registry
from sessiontune.model import Text

NAME = "anna_conversations_raw.jsonl"


def row(role: str, content: str, message: str, **more: Any) -> dict[str, Any]:
    kinds = {"user": "prompt", "assistant": "answer", "tool": "results", "system": "context"}
    plain: dict[str, Any] = {
        "role": role,
        "content": content,
        "kind": kinds[role],
        "message_id": message,
        "session_id": "s",
        "thread": "t1",
        "lineage": "l1",
        "epoch": 0,
        "source": "claude",
        "id": "k1",
        "at": "2026-03-01T10:00:00.000Z",
    }
    return plain | more


CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "Bash", "arguments": '{"command":"ls"}'},
}
ASKED = [
    row("user", "look", "m1"),
    row("assistant", "", "m2", tool_calls=[CALL], model="claude-opus-4-5", vendor="anthropic"),
    row("tool", "a.py", "m3", tool_call_id="c1", name="Bash", status="error"),
    row("tool", "later", "m3", tool_call_id="c2", name="Bash", status="rejected"),
    row("assistant", "One file.", "m4", labels="edited_by_user,retried"),
]


def test_results_of_one_message_are_joined_and_statuses_and_labels_kept(tmp_path: Path) -> None:
    reading = run("sessiontune", write(tmp_path, NAME, ASKED))
    assert shape(reading) == [
        [
            ("prompt", "look"),
            ("answer", ("Bash", {"command": "ls"})),
            ("results", ("a.py", "error"), ("later", "rejected")),
            ("answer", "One file."),
        ]
    ]
    (session,) = reading.sessions
    assert session.messages[-1].flags == ("edited", "retried")
    assert session.source == "claude"
    assert session.key not in ("k1", session.lineage)


def test_rows_of_any_shape_cost_no_other_row(tmp_path: Path) -> None:
    good = ASKED[0]
    wrong = [{**good, name: value} for name in good for value in (-7, 1 << 60, None, [], {"a": 1})]
    lines = [good, *wrong, {"an": "object"}, ASKED[-1]]
    path = tmp_path / NAME
    path.write_bytes(
        b"".join(orjson.dumps(line) + b"\n" for line in lines)
        + b'42\n{"role":"us\n\xff\xfe\n'
        + orjson.dumps(ASKED[2])
        + orjson.dumps(ASKED[3])
        + b"\n"
        + orjson.dumps(row("user", "h\u00e9llo", "m9")).replace(b"\xc3\xa9", b"\xe9")
    )

    reading = read("sessiontune", tmp_path, [str(path)])

    assert reading.unbalanced() == {}
    texts = [
        p.text for s in reading.sessions for m in s.messages for p in m.parts if isinstance(p, Text)
    ]
    assert texts == ["look", "One file.", "h\ufffdllo"]
    assert reading.sessions[0].source == "claude"
    faults = {f.reason for f in reading.ledger.faults}
    assert faults == {"not_a_row", "not_an_object", "truncated_line"}
    assert all(f.line for f in reading.ledger.faults)


def _texts(reading: Reading) -> list[str]:
    return [
        p.text for s in reading.sessions for m in s.messages for p in m.parts if isinstance(p, Text)
    ]


@pytest.mark.parametrize("joined", [False, True])
def test_of_an_older_and_a_newer_export_the_longer_session_counts(
    tmp_path: Path, joined: bool
) -> None:
    other = [row("user", "else", "x1", id="k2", thread="t2", lineage="l2")]
    old, new = [ASKED[0], ASKED[-1]], [*ASKED, row("user", "thanks", "m5"), *other]
    if joined:
        write(tmp_path, NAME, [*old, *other, *new])
    else:
        write(tmp_path, "2025_conversations_raw.jsonl", [*old, *other])
        write(tmp_path, NAME, new)

    reading = read("sessiontune", tmp_path, sorted(map(str, tmp_path.iterdir())))

    assert reading.unbalanced() == {}
    assert sorted(_texts(reading)) == ["One file.", "else", "look", "thanks"]
    assert reading.ledger.drops == {"link/resumed_copy": 3}


def test_of_a_file_that_was_shuffled_each_session_is_whole(tmp_path: Path) -> None:
    """Its rows are in pieces between those of others; their times say how they follow."""
    rows = [
        {**line, "at": f"2026-03-01T10:00:{at:02}.000Z"}
        for at, line in enumerate([*ASKED[:3], ASKED[4], row("user", "go", "m5")])
    ]
    other = [row("user", f"else {n}", f"x{n}", id=f"k{n}", thread=f"t{n}") for n in range(2, 6)]
    mixed = [rows[4], other[0], rows[1], other[1], rows[3], other[2], rows[0], rows[0], other[3]]
    reading = run("sessiontune", write(tmp_path, NAME, [*mixed, rows[2]]))
    whole = next(told for told in shape(reading) if len(told) > 1)
    assert [kind for kind, *_ in whole] == ["prompt", "answer", "results", "answer", "prompt"]
    assert len(reading.sessions) == 5
    assert reading.ledger.drops == {"link/resumed_copy": 1}


@pytest.mark.parametrize("untimed", [(), (9, 11), range(8, 12)])
def test_sessions_whose_rows_alternate_keep_the_order_of_the_file(
    tmp_path: Path, untimed: Sequence[int]
) -> None:
    """Also where their messages have one time, or some have none."""
    said = [row("user", f"ask {n}", f"m{n % 10}{n}") for n in range(8, 12)]
    said = [{**one, "at": ""} if n in untimed else one for n, one in enumerate(said, 8)]
    other = [
        {**one, "id": "k2", "thread": "t2", "message_id": f"x{n}"} for n, one in enumerate(said)
    ]
    mixed = [one for pair in zip(said, other, strict=True) for one in pair]
    reading = run("sessiontune", write(tmp_path, NAME, mixed))
    asked = [("prompt", f"ask {n}") for n in range(8, 12)]
    assert [[tuple(one[:2]) for one in told] for told in shape(reading)] == [asked, asked]


@pytest.mark.parametrize(
    ("head", "name", "taken"),
    [
        (orjson.dumps(ASKED[0]) + b"\n", "any.jsonl", True),
        (b'{"role":"user","content":"' + b"x" * 70_000, NAME, True),
        (b'{"role":"user","content":"' + b"x" * 70_000, "any.jsonl", False),
        (b'{"cut\n' + orjson.dumps(ASKED[1]) + b"\n", "any.jsonl", True),
        (b'{"role":"user","content":"hi"}\n', "any.jsonl", False),
        (b'{"messages":[],"lineage":"a"}\n', "any.jsonl", False),
        (b"[1]\n" + orjson.dumps(ASKED[1]), "any.jsonl", False),
    ],
)
def test_what_is_taken_for_an_export(head: bytes, name: str, taken: bool) -> None:
    assert registry.source("sessiontune").recognise(f"/x/{name}", head[:65536]) is taken
