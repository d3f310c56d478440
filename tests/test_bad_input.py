"""Bad lines between good ones: every good neighbour survives, every fault has a place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.neighbours import (
    GOOD,
    LINES,
    MARK,
    SESSION,
    SOURCES,
    between,
    bot,
    claude_lines,
    codex_lines,
    item,
    read_bytes,
    record_with,
    sound,
    survived,
    user,
)
from tests.support import LOGS, read, texts_of

UNREADABLE = {
    "cut off": lambda s: record_with(s, MARK.encode())[:-20],
    "not JSON": lambda s: f"Error: {MARK}".encode(),
    "NUL bytes": lambda s: b"\x00" * 64,
    "only a brace": lambda s: b"{",
    "deep nesting": lambda s: b'{"type":"user","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": lambda s: b'{"x":' * 100_000 + b"1" + b"}" * 100_000,
    "unclosed nesting": lambda s: b"[" * 100_000,
    "number": lambda s: b"42",
    "list": lambda s: b"[1]",
    "string": lambda s: f'"{MARK}"'.encode(),
    "null": lambda s: b"null",
    "bare NaN": lambda s: b"NaN",
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_line_that_is_no_record_is_a_fault_with_a_place(
    tmp_path: Path, source: str, kind: str
) -> None:
    lines = LINES[source]()
    reading = read_bytes(tmp_path, source, between(lines, UNREADABLE[kind](source)))
    survived(reading)
    assert [(Path(f.file).parent, f.line) for f in reading.ledger.faults] == [
        (tmp_path, len(lines) - 1)
    ]
    assert sum(reading.ledger.records.values()) == len(lines) + 1


@pytest.mark.parametrize("source", SOURCES)
def test_the_last_line_is_cut_off(tmp_path: Path, source: str) -> None:
    lines = LINES[source]()
    data = b"\n".join([*lines, record_with(source, MARK.encode())[:-30]])
    reading = read_bytes(tmp_path, source, data)
    survived(reading)
    assert [f.line for f in reading.ledger.faults] == [len(lines) + 1]


MENDED = {
    "invalid UTF-8": (b"kept \xff\xfe\xc3( words", ["kept", "words"]),
    "lone surrogate": (b"kept \\ud83d words", ["kept", "words"]),
    "two lone surrogates": (b"kept \\ude00\\ud83d words", ["kept", "words"]),
    "encoded surrogate": (b"kept \xed\xa0\xbd words", ["kept", "words"]),
    "raw U+2028": ("kept \u2028\u2029\u0085 words".encode(), ["kept \u2028\u2029\u0085 words"]),
    "escaped NUL": (b"kept \\u0000 words", ["kept", "words"]),
    "carriage return inside": (b"kept \\r\\n words", ["kept", "words"]),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", MENDED)
def test_odd_characters_are_mended_and_the_words_kept(
    tmp_path: Path, source: str, kind: str
) -> None:
    raw, words = MENDED[kind]
    reading = read_bytes(tmp_path, source, between(LINES[source](), record_with(source, raw)))
    survived(reading)
    texts = texts_of(reading.sessions)
    assert any(all(w in t for w in words) for t in texts), texts
    assert not reading.ledger.faults
    for text in texts:
        text.encode("utf-8")


@pytest.mark.parametrize("source", SOURCES)
def test_a_raw_nul_inside_a_string_costs_at_most_its_line(tmp_path: Path, source: str) -> None:
    reading = read_bytes(
        tmp_path, source, between(LINES[source](), record_with(source, b"a \x00 b"))
    )
    survived(reading)
    mended = any("a " in t and " b" in t for t in texts_of(reading.sessions))
    assert mended != bool(reading.ledger.faults)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b"\n  \n"], ids=repr)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
def test_line_ends_and_byte_order_marks(
    tmp_path: Path, source: str, end: bytes, bom: bytes
) -> None:
    lines = LINES[source]()
    reading = read_bytes(tmp_path, source, bom + end.join(lines) + end)
    survived(reading)
    assert not reading.ledger.faults
    assert sum(reading.ledger.records.values()) == len(lines)


@pytest.mark.parametrize("source", SOURCES)
def test_glued_records_are_all_read(tmp_path: Path, source: str) -> None:
    lines = LINES[source]()
    reading = read_bytes(tmp_path, source, b"".join(lines))
    survived(reading)
    assert not reading.ledger.faults
    assert sum(reading.ledger.records.values()) == len(lines)


@pytest.mark.parametrize("source", SOURCES)
def test_a_good_record_glued_to_a_cut_one_survives(tmp_path: Path, source: str) -> None:
    lines = LINES[source]()
    data = b"\n".join([*lines[:-1], lines[-1] + b'{"type":"user","message":{"' + MARK.encode()])
    reading = read_bytes(tmp_path, source, data)
    survived(reading)
    assert [f.line for f in reading.ledger.faults] == [len(lines)]


@pytest.mark.parametrize("source", SOURCES)
def test_a_good_record_after_a_cut_one_on_its_line_survives(tmp_path: Path, source: str) -> None:
    lines = LINES[source]()
    for at, line in enumerate(lines):
        cut = b'{"type":"user","message":{"content":"' + MARK.encode()
        data = b"\n".join([*lines[:at], cut + line, *lines[at + 1 :]])
        reading = read_bytes(tmp_path, source, data)
        survived(reading)
        assert [f.line for f in reading.ledger.faults] == [at + 1]
        assert reading.ledger.repairs["glued"] == 1


NUMBERS = [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1" * 30, b"-" + b"9" * 30]
NUMBERS += [b"1" * 5000, b"18446744073709551616", b"0.1e-400", b"1" + b"0" * 400 + b".5"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: n[:24].decode())
def test_numbers_that_json_libraries_refuse(tmp_path: Path, source: str, number: bytes) -> None:
    lines = LINES[source]()
    if source == "claude":
        use = {"type": "tool_use", "id": "c1", "name": "Bash", "input": {"n": "@@", "say": "hey"}}
        bad = orjson.dumps(bot("bad", [use], "a1")).replace(b'"@@"', number)
    else:
        given = '{"n": ' + number.decode() + ', "say": "hey"}'
        bad = orjson.dumps(
            item("response_item", type="function_call", name="Bash", call_id="c1", arguments=given)
        )
    reading = read_bytes(tmp_path, source, between(lines, bad))
    survived(reading)
    assert any("hey" in t for t in texts_of(reading.sessions))
    assert not reading.ledger.faults


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("levels", [90, 500, 3000])
def test_nesting_inside_an_argument(tmp_path: Path, source: str, levels: int) -> None:
    deep = b"[" * levels + b"]" * levels
    if source == "claude":
        use = {"type": "tool_use", "id": "c1", "name": "Bash", "input": {"n": "@@"}}
        bad = orjson.dumps(bot("bad", [use], "a1")).replace(b'"@@"', deep)
    else:
        given = '{"n": ' + deep.decode() + "}"
        bad = orjson.dumps(
            item("response_item", type="function_call", name="Bash", call_id="c1", arguments=given)
        )
    survived(read_bytes(tmp_path, source, between(LINES[source](), bad)))


@pytest.mark.parametrize("source", SOURCES)
def test_of_duplicate_keys_one_counts(tmp_path: Path, source: str) -> None:
    good = record_with(source, b"said once")
    bad = b'{"type":"progress","uuid":"other","payload":{},' + good[1:]
    reading = read_bytes(tmp_path, source, between(LINES[source](), bad))
    survived(reading)
    assert "said once" in texts_of(reading.sessions)


# ------------------------------------------------------------------ wrong types in every field

WRONG: list[Any] = [None, 42, -1.5, True, "x", "", [], {}, [None], [[]], [42], {"a": {"b": []}}]
WRONG += [[{"type": None}], [{"type": []}], [{"type": "text"}], {"type": {"type": 1}}]


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, inner ones too."""
    if at:
        yield at
    if isinstance(value, dict):
        for key in value:
            yield from _places(value[key], (*at, key))
    elif isinstance(value, list):
        for i in range(len(value)):
            yield from _places(value[i], (*at, i))


def _put(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[at[0]] = _put(value[at[0]], at[1:], new)
    return changed


#: One record of each type with every field that a reader may look at.
RECORDS: dict[str, dict[str, Any]] = json.loads((LOGS / "records.json").read_text("utf-8"))
KINDS = [(source, kind) for source in SOURCES for kind in RECORDS[source]]


@pytest.mark.parametrize(("source", "kind"), KINDS)
def test_wrong_types_in_every_field(tmp_path: Path, source: str, kind: str) -> None:
    record = RECORDS[source][kind]
    n = 0
    for at in [(), *_places(record)]:
        for new in WRONG:
            bad = orjson.dumps(_put(record, at, new))
            lines = claude_lines("bad") if source == "claude" else codex_lines()
            try:
                reading = read_bytes(tmp_path, source, between(lines, bad))
                texts = sound(reading)
            except Exception as error:
                raise AssertionError(f"{at} = {new!r}: {error!r}") from error
            kept = [g for g in GOOD if g in texts]
            assert kept == GOOD, f"{at} = {new!r}: lost {set(GOOD) - set(kept)}"
            n += 1
    assert n >= 4 * len(WRONG)


@pytest.mark.parametrize(("source", "kind"), KINDS)
def test_a_missing_field(tmp_path: Path, source: str, kind: str) -> None:
    record = RECORDS[source][kind]
    for at in _places(record):
        parent: Any = record
        for step in at[:-1]:
            parent = parent[step]
        if not isinstance(parent, dict):
            continue
        without = _put(record, at[:-1], {k: v for k, v in parent.items() if k != at[-1]})
        lines = claude_lines("bad") if source == "claude" else codex_lines()
        reading = read_bytes(tmp_path, source, between(lines, orjson.dumps(without)))
        texts = sound(reading)
        assert [g for g in GOOD if g in texts] == GOOD, at


# ------------------------------------------------------------------ broken graphs


@pytest.mark.parametrize("parent", ["gone", "u2", "a2", 7, ["a1"]], ids=str)
def test_a_parent_that_is_missing_or_leads_back(tmp_path: Path, parent: Any) -> None:
    rows = [orjson.loads(line) for line in claude_lines()]
    rows[2]["parentUuid"] = parent
    survived(read_bytes(tmp_path, "claude", b"\n".join(map(orjson.dumps, rows))))


def test_a_cycle_through_every_record(tmp_path: Path) -> None:
    rows = [orjson.loads(line) for line in claude_lines()]
    for i, row in enumerate(rows):
        row["parentUuid"] = rows[i - 1]["uuid"]
    survived(read_bytes(tmp_path, "claude", b"\n".join(map(orjson.dumps, rows))))


def test_a_cycle_of_records_that_are_left_out(tmp_path: Path) -> None:
    lines = claude_lines("p1")
    side = [
        orjson.dumps({"type": "progress", "uuid": a, "parentUuid": b, "sessionId": SESSION})
        for a, b in [("p1", "p2"), ("p2", "p3"), ("p3", "p1")]
    ]
    survived(read_bytes(tmp_path, "claude", b"\n".join([*lines[:2], *side, *lines[2:]])))


def test_a_chain_of_ten_thousand_records(tmp_path: Path) -> None:
    lines = claude_lines("p9999")
    side = [
        orjson.dumps(
            {"type": "progress", "uuid": f"p{i}", "parentUuid": f"p{i - 1}" if i else "a1"}
        )
        for i in range(10_000)
    ]
    survived(read_bytes(tmp_path, "claude", b"\n".join([*lines[:2], *side, *lines[2:]])))


def test_agents_that_start_each_other(tmp_path: Path) -> None:
    for name, other in (("aaaa0001", "aaaa0002"), ("aaaa0002", "aaaa0001")):
        use = {"type": "tool_use", "id": f"t-{name}", "name": "Task", "input": {"prompt": "p"}}
        result = {"type": "tool_result", "tool_use_id": f"t-{name}", "content": "r"}
        more = {"agentId": name, "isSidechain": True}
        rows = [
            user(f"u-{name}", f"work of {name}", None, **more),
            bot(f"a-{name}", [use], f"u-{name}", **more),
            user(f"r-{name}", [result], f"a-{name}", toolUseResult={"agentId": other}, **more),
        ]
        (tmp_path / f"agent-{name}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    (tmp_path / f"{SESSION}.jsonl").write_bytes(b"\n".join(claude_lines()))
    reading = read("claude", tmp_path)
    texts = sound(reading)
    assert [t for t in texts if t in GOOD] == GOOD
    assert {"work of aaaa0001", "work of aaaa0002"} <= set(texts)


@pytest.mark.parametrize("source", SOURCES)
def test_every_bad_line_at_once(tmp_path: Path, source: str) -> None:
    lines = LINES[source]()
    bad = [make(source) for make in UNREADABLE.values()]
    data = b"\n".join([*lines[:-2], *bad, *lines[-2:]])
    reading = read_bytes(tmp_path, source, data)
    survived(reading)
    at = len(lines) - 1
    assert [f.line for f in reading.ledger.faults] == list(range(at, at + len(bad)))
