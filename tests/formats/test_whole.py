"""`raw` and `combined`: everything, exactly once, and the document as a stream."""

from __future__ import annotations

import json

from sessiontune import registry
from sessiontune.formats.combined import FORMAT as COMBINED
from sessiontune.formats.raw import FORMAT as RAW
from sessiontune.model import ForkPoint, Image, Label, Message, Text, ToolResult, Usage
from sessiontune.ports import Conversation, EncodeOptions

from .make import calls, conversation, results, said


def branch() -> Conversation:
    return conversation(
        said("user", "do it otherwise", id="u2"),
        calls("Trying.", ("c1", "Bash", {}), ("c2", "Bash", {}), usage=Usage(1, 2, 3, 4)),
        Message(
            id="r1",
            role="tool",
            kind="results",
            parts=(
                ToolResult("c1", "Bash", "no", "error"),
                ToolResult("c2", "Bash", "", "missing"),
            ),
        ),
        prefix=(said("user", "do it"), said("assistant", "done")),
        forked_from=ForkPoint("k0", "m3"),
        labels=(
            Label("calls-c1", "tool_error", "structural", "e"),
            Label("calls-c1", "x", "lexical", "e"),
        ),
    )


def test_a_branch_has_only_its_own_messages_and_says_where_it_begins() -> None:
    rows = [json.loads(r) for r in RAW.encode(branch(), EncodeOptions(), {})]
    assert [(r["role"], r["content"]) for r in rows] == [
        ("user", "do it otherwise"),
        ("assistant", "Trying."),
        ("tool", "no"),
        ("tool", ""),
    ]
    assert {r["forked_from"] for r in rows} == {"k0/m3"}
    assert [r["status"] for r in rows] == ["", "", "error", "missing"]
    assert [r["message_id"] for r in rows[2:]] == ["r1", "r1"]
    assert rows[1]["labels"] == "tool_error,x"
    assert (rows[1]["input_tokens"], rows[1]["output_tokens"]) == (8, 2)
    assert [r["agent_id"] for r in rows] == [None] * 4


def test_the_documents_pieces_make_one_json_text() -> None:
    losses: dict[str, int] = {}
    rows: list[bytes] = []
    for made in (branch(), conversation(), conversation(said("user", 'a "b"\n'))):
        rows += COMBINED.encode(made, EncodeOptions(), losses)
    tail = COMBINED.tail({"date": "2025-11-23", "conversations": 2})
    whole = json.loads(COMBINED.head + COMBINED.separator.join(rows) + tail)
    assert whole["export"]["date"] == "2025-11-23"
    assert [len(c["messages"]) for c in whole["conversations"]] == [4, 1]
    assert whole["conversations"][1]["messages"][0]["content"] == 'a "b"\n'
    assert json.loads(COMBINED.head + COMBINED.tail({}))["conversations"] == []


def test_pictures_keep_their_digest() -> None:
    picture = Image("d" * 32, "image/png", 99)
    asked = Message(id="u", role="user", kind="prompt", parts=(Text("see"), picture))
    shot = Message(
        id="r",
        role="tool",
        kind="results",
        parts=(ToolResult("c1", "Shot", "shown", "ok", (picture,)),),
    )
    rows = RAW.encode(conversation(asked, shot), EncodeOptions(), {})
    assert len(rows) == 2
    for row in map(json.loads, rows):
        assert json.loads(row["images"]) == [
            {"digest": "d" * 32, "media_type": "image/png", "bytes": 99}
        ]
        assert "[image: png, 1 kB]" in row["content"]


def test_options_leave_out_and_count() -> None:
    losses: dict[str, int] = {}
    made = conversation(
        said("user", "q"), calls("", ("c1", "Bash", {})), results(("c1", "Bash", "x"))
    )
    assert len(RAW.encode(made, EncodeOptions(tools=False), losses)) == 1
    assert losses == {"tool_call": 1, "tool_result": 1, "empty_message": 1}


def test_rows_are_the_same_whether_or_not_another_format_came_first() -> None:
    from sessiontune.rows.flat import forget

    before = [f.encode(branch(), EncodeOptions(), {}) for f in (RAW, COMBINED)]
    forget()
    after = [f.encode(branch(), EncodeOptions(), {}) for f in (COMBINED, RAW)]
    assert after[::-1] == before


def test_a_message_is_encoded_once_for_all_rows_of_its_session() -> None:
    asked, answer = said("user", "q" * 99), said("assistant", "a" * 99)

    def texts(made: Conversation, name: str) -> dict[bytes, int]:
        rows = registry.format(name).parts(made, EncodeOptions(), {})  # type: ignore[attr-defined]
        return {p: id(p) for row in rows for p in row if p in (b"q" * 99, b"a" * 99)}

    whole = texts(conversation(asked, answer, train=(False, False)), "raw")
    window = texts(conversation(asked, answer, train=(False, True)), "openai")
    assert len(whole) == 2
    assert window == whole
    again = conversation(asked, answer, thread="t2")  # another session: nothing is kept for it
    assert texts(again, "openai") != whole
