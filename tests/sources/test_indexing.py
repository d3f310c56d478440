"""The index of a file, whole and in two steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontune import registry
from sessiontune.ports import merge_index
from sessiontune.sources.indexing import digests

CLAUDE = [
    {
        "type": "user",
        "uuid": f"0000000{i}-0000-4000-8000-000000000000",
        "parentUuid": f"0000000{i - 1}-0000-4000-8000-000000000000" if i else None,
        "sessionId": "s1",
        "cwd": "/home/a" if i < 3 else "/home/b",
        "timestamp": f"2026-01-0{9 - i}T00:00:00.000Z",
        "message": {"role": "user", "content": '"uuid":"quoted"'},
    }
    for i in range(5)
]
CODEX = [
    {"timestamp": "2026-01-01T00:00:00Z", "type": "session_meta", "payload": {"id": "t1"}},
    {
        "timestamp": "2026-01-02T00:00:00Z",
        "type": "response_item",
        "payload": {"type": "function_call", "name": "x", "call_id": "c1", "arguments": "{}"},
    },
    {
        "timestamp": "2026-01-03T00:00:00Z",
        "type": "event_msg",
        "payload": {"type": "collab_agent_spawn_end", "call_id": "c1", "new_thread_id": "t2"},
    },
]


@pytest.mark.parametrize(("source", "rows"), [("claude", CLAUDE), ("codex", CODEX)])
def test_two_steps_equal_one(tmp_path: Path, source: str, rows: list[dict[str, object]]) -> None:
    adapter = registry.source(source)
    path = tmp_path / "log.jsonl"
    lines = [json.dumps(row).encode() + b"\n" for row in rows] + [b"{broken\n", b"\n"]
    for cut in range(len(lines) + 1):
        path.write_bytes(b"".join(lines[:cut]))
        before = adapter.index(str(path))
        path.write_bytes(b"".join(lines))
        after = adapter.index(str(path), before.size)
        whole = adapter.index(str(path))
        assert merge_index(before, after) == whole
    assert whole.lines == len(rows) + 1


def test_what_an_index_holds(tmp_path: Path) -> None:
    path = tmp_path / "s9.jsonl"
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in CLAUDE))
    index = registry.source("claude").index(str(path))
    assert index.ids == digests({str(row["uuid"]) for row in CLAUDE})
    assert index.links == ("session:s1", "session:s9")
    assert index.names == ("/home/a", "/home/b")
    assert (index.first, index.last) == ("2026-01-05T00:00:00.000Z", "2026-01-09T00:00:00.000Z")
    assert index.size == path.stat().st_size


def test_a_line_that_does_not_decode_still_ties(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    row = json.dumps(CLAUDE[1]).replace('"quoted', '"\\ud800').encode()
    path.write_bytes(row + row + b"\n")
    assert digests({str(CLAUDE[0]["uuid"])}) in registry.source("claude").index(str(path)).ids


def test_an_unreadable_file_has_the_links_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "s1" / "subagents" / "agent-x.jsonl"
    index = registry.source("claude").index(str(path))
    assert index.links == ("session:s1",)
    assert index.lines == 0


def test_nested_agents_are_tied_to_the_folder_of_their_session(tmp_path: Path) -> None:
    main = tmp_path / "s1.jsonl"
    agent = tmp_path / "s1" / "subagents" / "agent-a1.jsonl"
    agent.parent.mkdir(parents=True)
    for path in (main, agent):
        path.write_bytes(b"{}\n")
    source = registry.source("claude")
    assert set(source.index(str(main)).links) & set(source.index(str(agent)).links)


def test_a_damaged_line_ties_what_it_tied(tmp_path: Path) -> None:
    """Two records on one line, behind a byte order mark: the index sees both."""
    path = tmp_path / "rollout-x.jsonl"
    rows = [json.dumps(row).encode() for row in CODEX]
    path.write_bytes(b"\n".join(rows))
    whole = registry.source("codex").index(str(path))
    path.write_bytes(b"\xef\xbb\xbf" + rows[0] + rows[1] + b"\n" + rows[2])
    glued = registry.source("codex").index(str(path))
    assert (glued.ids, glued.links) == (whole.ids, whole.links)
    path.write_bytes(rows[0] + b"\n" + rows[1].rstrip(b'}"') + rows[2])
    cut = registry.source("codex").index(str(path))
    assert (cut.ids, cut.links) == (whole.ids, whole.links)


_DIGIT = st.sampled_from("0123456789abcdefABCDEF- \tg\u00e9")
_ODD = st.text(_DIGIT, min_size=36, max_size=36)


@given(st.sets(st.uuids().map(str) | _ODD | st.just("agent-7") | st.none(), max_size=5))
def test_an_id_has_the_same_digest_alone_and_among_others(names: set[str | None]) -> None:
    alone = {digests({name}) for name in names if name}
    assert digests(names) == b"".join(sorted(alone))


def test_a_digest_is_half_of_a_uuid_or_the_hash_of_any_other_name() -> None:
    name = "0000000a-00b0-4000-8000-00000000000f"
    assert digests({name}).hex() == "0000000a00b04000"
    short = "1000000a-00b0-4000-8000-00000000000-"  # one digit too few, and one too many:
    long = "2000000a00b0-4000-8000-00000000000fa"  # together they are as long as two UUIDs
    halves = [f"{n}000000a00b04000" for n in range(3)]
    assert digests({name, short, long}).hex() == "".join(halves)
    assert digests({name, "agent-7"}) != digests({name})
