"""Lines out of files, and values out of damaged lines."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontune.ledger import Ledger
from sessiontune.ports import ReadOptions
from sessiontune.sources import lines
from sessiontune.sources.lines import read_lines
from sessiontune.sources.mending import LineFault, mend, values
from sessiontune.sources.shapes import safe_name, utc


def _read(path: Path, max_line: int = 1 << 20) -> tuple[list[tuple[int, bytes]], Ledger]:
    ledger = Ledger()
    found = read_lines(str(path), ReadOptions(max_line=max_line), ledger)
    return [(number, bytes(raw)) for number, raw in found], ledger


@given(
    data=st.lists(
        st.sampled_from([b"{", b"}", b"\n", b"\r\n", b" ", b"ab", b"\xe2\x80\xa8", b"x" * 9])
    ).map(b"".join),
    chunk=st.integers(4, 40),
    max_line=st.integers(1, 60),
)
def test_lines_are_those_between_line_feeds(data: bytes, chunk: int, max_line: int) -> None:
    expected, too_long = [], []
    for number, line in enumerate(data.split(b"\n"), 1):
        if len(line) > max_line:
            too_long.append(number)
        elif line.strip():
            expected.append((number, line))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "CHUNK", chunk)
        path = Path(folder) / "log"
        path.write_bytes(data)
        found, ledger = _read(path, max_line)
    assert found == expected
    assert [fault.line for fault in ledger.faults] == too_long
    assert sum(ledger.records.values()) == len(too_long)


def test_what_is_added_while_reading_waits_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"{1}\n{2}\n")
    found = []
    for number, raw in read_lines(str(path), ReadOptions(), Ledger()):
        found.append((number, bytes(raw)))
        with path.open("ab") as log:
            log.write(b"{3}\n")
    assert found == [(1, b"{1}"), (2, b"{2}")]


def test_a_file_that_shrinks_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"{1}\n")
    found = list(read_lines(str(path), ReadOptions(), Ledger(), 0, 1000))
    assert len(found) == 1


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "gone"])
def test_what_is_no_file_is_a_fault(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "log"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    found, ledger = _read(path)
    assert found == []
    assert [(fault.file, fault.line) for fault in ledger.faults] == [(str(path), 0)]
    assert ledger.faults[0].reason == ("symlink_loop" if kind == "loop" else "unreadable_file")


@pytest.mark.parametrize(
    ("raw", "expected", "repairs"),
    [
        (b'\xef\xbb\xbf{"a":1}', [{"a": 1}], {"bom"}),
        (b'{"a":"\xff"}', [{"a": "\ufffd"}], {"invalid_utf8"}),
        (b'{"a":"\\ud83d!"}', [{"a": "\ufffd!"}], {"lone_surrogate"}),
        (b'{"a":"\\ud83d\\ude00"}', [{"a": "\U0001f600"}], set()),
        (b'{"a":NaN,"b":1e999,"c":-Infinity}', [{"a": None, "b": None, "c": None}], {"number"}),
        (
            b'{"a":123456789012345678901234567890}',
            [{"a": "123456789012345678901234567890"}],
            {"number"},
        ),
        (b'{"a":1}{"b":2}', [{"a": 1}, {"b": 2}], {"glued"}),
        (b'{"a":1} [2] {"b":3}', [{"a": 1}, "not_an_object", {"b": 3}], {"glued"}),
        (b'{"a":1}{"b":', [{"a": 1}, "bad_json"], {"glued"}),
        *[
            (cut + b'{"b":{"c":2}}', ["bad_json", {"b": {"c": 2}}], {"glued"})
            for cut in (
                *(b"{", b'{"', b'{"a', b'{"a"', b'{"a":"x', b'{"a":"x\\', b'{"a":"x\\\\'),
                *(b'{"a":"\\u0', b'{"a":"\\u00e', b'{"a":"x"', b'{"a":"x",', b'{"a":1', b'{"a":-'),
                *(
                    b'{"a":1.',
                    b'{"a":1e-',
                    b'{"a":fals',
                    b'{"a":[tru',
                    b'{"a":[{"d":1}',
                    b'{"a":{"',
                ),
                *(b'{"a":"{\\"d\\":1}', b'{"a":"{\\"d'),
            )
        ],
        (b'{"a":"\xe2\x80{"b":2}', ["bad_json", {"b": 2}], {"glued", "invalid_utf8"}),
        (b'{"a":"x{"b":{"c{"d":3}{"e":4}', ["bad_json", "bad_json", {"d": 3}, {"e": 4}], {"glued"}),
        (b'{"a":"x{"b":2}{"c', ["bad_json"], set()),
        (b'{"a":"he said {"b":1} to me"}', ["bad_json"], set()),
        (b'{"a":"he said {"b":1}', ["bad_json", {"b": 1}], {"glued"}),
        (b'{"a":"{\\"b\\":1}', ["bad_json"], set()),
        (b'{"a":1,"d":{"b":1}', ["bad_json"], set()),
        (b'{"a":[{"b":1},{"b":2}', ["bad_json"], set()),
        (b'{"a":"x,"d":{"b":1}}', ["bad_json"], set()),
        (b'{"a":"x,"d":{"b":1}', ["bad_json"], set()),
        (b'{"a":"x{"b":[1', ["bad_json"], set()),
        (b'{"a{"' * 1000 + b'b":1}', ["bad_json"], set()),
        (b'{"a":"x\0y"}', [{"a": "xy"}], {"nul"}),
        (b'{"a":1,"a":2}', [{"a": 2}], set()),
        (b"42", ["not_an_object"], set()),
        (b"[" * 100_000, ["too_deep"], set()),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, ["too_deep"], set()),
        (b'{"a":' * 200 + b"1" + b"}" * 200, ["too_deep"], set()),
        (b'{"a":"\xe2\x80\xa8"}', [{"a": "\u2028"}], set()),
        (b"{'a':1}", ["bad_json"], set()),
    ],
)
def test_values_of_a_damaged_line(raw: bytes, expected: list[object], repairs: set[str]) -> None:
    ledger = Ledger()
    found = [v.reason if isinstance(v, LineFault) else v for v in values(raw, ledger)]
    assert found == expected
    assert set(ledger.repairs) == repairs


def test_a_record_that_was_cut_anywhere_makes_up_none() -> None:
    quoted = json.dumps({"b": [{"c": 1}], "d": '{"e":{}}'})
    first = json.dumps({"a": {"b": quoted, "n": [1.5e-7, True, {"c": quoted}]}, "z": quoted})
    other = {"b": {"c": quoted}}
    for end in range(1, len(first)):
        alone = values(first[:end].encode(), Ledger())
        assert [type(value) for value in alone] == [LineFault]
        fault, *rest = values((first[:end] + json.dumps(other)).encode(), Ledger())
        assert isinstance(fault, LineFault)
        assert rest in ([other], [])
        assert rest or first[:end].rstrip()[-1] in ":,["  # it may belong to the first


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)


@given(_json)
def test_mended_values_can_be_encoded_and_mending_again_changes_nothing(value: object) -> None:
    import msgspec

    mended = mend(value)
    msgspec.msgpack.encode(mended)
    msgspec.json.encode(mended)
    assert mend(mended) == mended


def test_times_become_utc() -> None:
    assert utc("2026-03-01T10:00:00.000Z") == "2026-03-01T10:00:00.000Z"
    assert utc("2026-03-01T12:00:00+02:00") == "2026-03-01T10:00:00.000Z"
    assert utc("yesterday") == ""
    assert utc("0001-01-01T00:00:00+05:00") == ""  # before the first day, in UTC
    assert utc("9999-12-31T23:59:59-05:00") == ""
    assert utc("") == ""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("file-history-snapshot", "file-history-snapshot"),
        ("session.model_change", "session.model_change"),
        ("brand new", "brand_new"),
        ("", "none"),
        ("gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "other"),
        ("h" + "f_" + "abcdefghijKLMNOPQRSTUVWXyzabcdefgh", "other"),
        ("AK" + "IA" + "WNUXJIFEEGXJRX42", "other"),
        ("gl" + "pat-" + "NgNZoAVkiLErfXIYzDgQ", "other"),
        ("PreToolUse:Bash", "PreToolUse:Bash"),
        ("VSCodeState", "VSCodeState"),
        ("someone" + "@" + "corp.io", "other"),
        ("0151 23456789", "other"),
    ],
)
def test_a_reason_holds_no_word_of_a_log_that_may_be_a_secret(name: str, shown: str) -> None:
    assert safe_name(name) == shown
