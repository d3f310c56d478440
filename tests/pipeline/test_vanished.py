"""Logs vanish while others of their unit are read again: nothing lost, doubled or dealt anew."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from tests.random_logs import Thread, Writer
from tests.runs import rows, run

from sessiontune.pipeline import build
from sessiontune.pipeline.inputs import Inputs, discover
from sessiontune.pipeline.vanished import Vanished
from sessiontune.privacy.detect import Detector

Row = dict[str, Any]


def _export(folder: Path, *more: str) -> list[Row]:
    args: list[str | Path] = ["--json", "export", folder / "logs", "-o", folder / "data"]
    args += ["--state", folder / "state", "--jobs", "1", "--thinking", "--no-parquet", *more]
    done = run(folder / "run", *args)
    assert done.code == 0, done.err
    records = done.json()["manifest"]["records"]
    assert records["read"] == records["used"] + records["dropped"] + records["faulty"]
    return rows(folder / "data")


def _words(row: Row) -> tuple[str, str, str]:
    calls = [call["function"] for call in row["tool_calls"] or []]
    return row["role"], row["content"] + (row["reasoning_content"] or ""), str(calls)


def _another(folder: Path, seed: int) -> None:
    """A project in another folder: its names make all logs be read again."""
    writer = Writer(seed)
    writer.project(plain=True)
    writer.save(folder / "logs" / str(seed))
    for log in (folder / "logs" / str(seed)).rglob("*.jsonl"):
        log.write_bytes(log.read_bytes().replace(b"/home/dev/shop", b"/home/" + b"eve%d/x" % seed))


def _whole(row: Row, by_id: dict[str, list[Row]]) -> bool:
    """Whether the message that a branch leaves, and the call that an agent answers, are there."""
    session, _, message = (row["forked_from"] or "").partition("/")
    if message:
        found = by_id[session]
        while all(r["message_id"] != message for r in found):
            assert found[0]["forked_from"], row["forked_from"]
            found = by_id[found[0]["forked_from"].partition("/")[0]]
    caller = by_id[row["parent_session"]] if row["parent_session"] else []
    calls = {call["id"] for r in caller for call in r["tool_calls"] or []}
    return not row["parent_session"] or row["parent_call"] in calls


def test_what_only_a_vanished_log_held_stays_when_its_copy_goes_on(tmp_path: Path) -> None:
    writer = Writer(1)
    first = Thread(writer.fresh("session"))
    writer.main(first)
    for _ in range(2):
        writer.turn(first)
    copy = Thread(writer.fresh("session"))
    copy.records = [{**record, "sessionId": copy.session} for record in first.records]
    copy.tip = first.tip
    writer.main(copy)
    for _ in range(4):
        writer.turn(first)
    writer.turn(copy)
    files = [Path(file) for file in writer.save(tmp_path / "logs")]
    before = _export(tmp_path, "--no-privacy")
    branch = next(r for r in before if r["forked_from"])
    assert run(tmp_path / "run", "drop", branch["thread"], "--state", tmp_path / "state").code == 0
    dropped = [r for r in before if r["thread"] == branch["thread"]]
    kept = Counter(map(_words, before)) - Counter(map(_words, dropped))
    next(file for file in files if file.stem == first.session).unlink()
    writer.turn(copy)
    path = next(file for file in files if file.stem == copy.session)
    path.write_bytes(b"\n".join(orjson.dumps(record) for record in copy.records))
    assert Counter(map(_words, _export(tmp_path, "--no-privacy"))) == kept


def _says(uuid: str, parent: str | None, *blocks: dict[str, Any], of: str = "") -> dict[str, Any]:
    """A record: a piece of the answer `of`, or the user's."""
    message = {"role": "assistant" if of else "user", "content": list(blocks)}
    if of:
        message |= {"id": of, "model": "claude-opus-4-6"}
    record = {"type": message["role"], "uuid": uuid, "parentUuid": parent, "message": message}
    return {**record, "timestamp": f"2026-03-01T10:00:{int(uuid[1:]):02d}.000Z", "cwd": "/home/x/y"}


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def _call(name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": name, "name": "Bash", "input": {"command": f"run {name}"}}


def _result(name: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": name, "content": f"said {name}"}


@pytest.mark.parametrize("privacy", ["--privacy", "--no-privacy"])
@pytest.mark.parametrize("stays", ["whole", "cut", "cut and went on", "whole, later cut"])
def test_of_an_answer_that_a_copy_cuts_in_two_every_part_stays(
    tmp_path: Path, stays: str, privacy: str
) -> None:
    """The longer log owns what both hold; it vanishes, and the other one is read again."""
    whole = [
        _says("u1", None, _text("begin")),
        _says("u2", "u1", _call("c1"), of="msg1"),
        _says("u3", "u2", _call("c2"), of="msg1"),
        _says("u4", "u2", _result("c1")),
        _says("u5", "u3", _result("c2")),
        _says("u6", "u5", _text("done"), of="msg2"),
    ]
    on = [_says("u7", "u2", _text("go on")), _says("u8", "u7", _text("so" * 900), of="msg3")]
    longer = [_says("u9", "u6", _text("more")), _says("u10", "u9", _text("yes" * 900), of="msg4")]
    logs = {"stays": whole, "goes": whole[:2] + on}
    if stays != "whole":
        logs = {"stays": whole[:2] + on if "on" in stays else whole[:2], "goes": whole + longer}
    if "later" in stays:
        logs["stays"] = whole
    folder = tmp_path / "logs" / "p"
    folder.mkdir(parents=True)

    def write(name: str, records: list[dict[str, Any]]) -> None:
        lines = [orjson.dumps({**record, "sessionId": name}) for record in records]
        (folder / f"{name}-0001.jsonl").write_bytes(b"\n".join(lines))

    for name, records in logs.items():
        write(name, records)
    before = _export(tmp_path, privacy)
    (folder / "goes-0001.jsonl").unlink()
    if "later" in stays:
        write("later", [*whole[:2], *on, _says("u11", "u8", _text("end" * 900))])
    after = _export(tmp_path, privacy, "--verify")
    _another(tmp_path, 3)  # all is read again, also from the older shards
    later = [r for r in _export(tmp_path, privacy) if r["project"] == before[0]["project"]]
    new = Counter(["go on", "so" * 900, "end" * 900] if "later" in stays else [])
    assert _parts(after) == _parts(later) == _parts(before) + new


@pytest.mark.parametrize("order", ["first", "second"])
def test_what_two_older_shards_tell_of_different_logs_stays(tmp_path: Path, order: str) -> None:
    """In the first one the copy held the beginning, in the other one the log that vanished."""
    begun = [_says("u1", None, _text("begin")), _says("u2", "u1", _text("so"), of="msg1")]
    goes, stays = ("a", "b") if order == "first" else ("b", "a")
    on = [*begun, _says("u3", "u2", _text("go on")), _says("u4", "u3", _text("yes"), of="msg2")]
    longer = [_says("u5", "u2", _text("else")), _says("u6", "u5", _text("no " * 900), of="msg3")]
    _replace(tmp_path, {goes: begun, stays: on})
    _export(tmp_path)
    _replace(tmp_path, {goes: [*begun, *longer], stays: on})
    _run_dry(tmp_path)
    _replace(tmp_path, {stays: on})
    assert Counter(map(_words, _export(tmp_path))) == Counter(
        [
            *(("user", words, "[]") for words in ("begin", "go on", "else")),
            *(("assistant", words, "[]") for words in ("so", "yes", "no " * 900)),
        ]
    )


def _run_dry(folder: Path) -> None:
    """An export that writes nothing: shards of both forms are in the state."""
    args: list[str | Path] = ["--json", "export", folder / "logs", "-o", folder / "data"]
    done = run(folder / "run", *args, "--state", folder / "state", "--jobs", "1", "--dry-run")
    assert done.code == 0, done.err


@pytest.mark.parametrize("calls", [1, 2])
def test_a_result_that_a_copy_lacks_is_not_replaced_by_a_missing_one(
    tmp_path: Path, calls: int
) -> None:
    """The copy ends, or was made, while a call ran: `clean` says that its result is missing."""
    whole = [
        _says("u1", None, _text("begin")),
        _says("u2", "u1", *[_call(f"c{n}") for n in range(calls)], of="msg1"),
        *[_says(f"u{3 + n}", "u2", _result(f"c{n}")) for n in range(calls)],
    ]
    _replace(tmp_path, {"goes": whole, "stays": whole[:-1]})
    before = _export(tmp_path)
    assert f"said c{calls - 1}" in str(before)
    _replace(tmp_path, {"stays": whole[:-1]})
    assert Counter(map(_words, _export(tmp_path, "--verify"))) == Counter(map(_words, before))


def _replace(tmp_path: Path, logs: dict[str, list[dict[str, Any]]]) -> None:
    """Logs in place of those that were there: session -> records."""
    folder = tmp_path / "logs" / "p"
    folder.mkdir(parents=True, exist_ok=True)
    for log in folder.iterdir():
        log.unlink()
    for name, records in logs.items():
        lines = [orjson.dumps({**record, "sessionId": name}) for record in records]
        (folder / f"{name}-0001.jsonl").write_bytes(b"\n".join(lines))


@pytest.mark.parametrize("first", ["whole", "cut and its rest"])
@pytest.mark.parametrize("more", [0, 1])
def test_the_rest_of_an_answer_that_is_words_alone_stands_once(
    tmp_path: Path, first: str, more: int
) -> None:
    """No call tells what it is a part of."""
    whole = [
        _says("u1", None, _text("begin")),
        _says("u2", "u1", {"type": "thinking", "thinking": "think " * 20}, of="msg1"),
        _says("u3", "u2", _text("first " * 40), of="msg1"),
        *[_says("u4", "u3", _text("second " * 40), of="msg1")] * more,
    ]
    cut = whole[: 2 + more]
    on = [
        _says("u7", cut[-1]["uuid"], _text("go on")),
        _says("u8", "u7", _text("so " * 900), of="msg2"),
    ]

    def write(**logs: list[dict[str, Any]]) -> Counter[str]:
        _replace(tmp_path, logs)
        _export(tmp_path)
        text = " ".join(
            f"{row['content']} {row['reasoning_content'] or ''}" for row in rows(tmp_path / "data")
        )
        return Counter(text.split())

    once = {"begin": 1, "think": 20, "first": 40, "so": 900, "go": 1, "on": 1}
    if more:
        once["second"] = 40
    if first == "whole":
        write(a=whole)
        assert write(b=[*cut, *on], c=whole) == once
    else:
        assert write(a=whole, b=[*cut, *on]) == once
        assert write(c=whole) == once


def test_the_rest_of_an_answer_stands_once_if_a_vanished_log_told_what_it_holds(
    tmp_path: Path,
) -> None:
    """It is known by its words, so they must be redacted as they were."""
    value = "Zr7" + "qPw" + "92kdLm"
    whole = [
        _says("u1", None, _text("begin")),
        _says("u2", "u1", _text("first"), of="msg1"),
        _says("u3", "u2", _text(f"{value} is refused"), of="msg1"),
    ]
    on = [
        _says("u7", "u2", _text(f"DB_PASSWORD={value}")),
        _says("u8", "u7", _text("so " * 900)),
    ]

    def write(**logs: list[dict[str, Any]]) -> list[str]:
        _replace(tmp_path, logs)
        return sorted(" ".join(row["content"] for row in _export(tmp_path)).split())

    before = write(a=whole, b=[*whole[:2], *on])
    assert write(c=whole) == before
    assert before.count("refused") == 1
    assert value not in str(before)


@pytest.mark.parametrize("more", [0, 1])
def test_a_copy_that_holds_all_of_a_vanished_log_takes_its_place(tmp_path: Path, more: int) -> None:
    """One session under the key that it had, not the old one and a branch of it."""
    talk = [
        _says("u1", None, _text("begin")),
        _says("u2", "u1", _text("first"), of="msg1"),
        _says("u3", "u2", _text("go on")),
        _says("u4", "u3", _text("second"), of="msg2"),
    ]
    on = [_says("u5", "u4", _text("more")), _says("u6", "u5", _text("third"), of="msg3")]
    _replace(tmp_path, {"a": talk})
    (key,) = {row["id"] for row in _export(tmp_path)}
    _replace(tmp_path, {"b": [*talk, *on[: 2 * more]]})
    after = _export(tmp_path)
    assert [(row["id"], row["forked_from"]) for row in after] == [(key, None)] * len(after)
    assert [row["content"] for row in after] == [
        *("begin", "first", "go on", "second"),
        *("more", "third")[: 2 * more],
    ]


def test_what_a_log_repeats_of_a_vanished_one_is_counted_as_a_copy(tmp_path: Path) -> None:
    """It is no more used than it was while both were there, and each branch leaves where it did."""
    talk = [_says("u1", None, _text("begin")), _says("u2", "u1", _text("first"), of="msg1")]
    on = [_says("u5", "u2", _text("more")), _says("u6", "u5", _text("third"), of="msg3")]
    ways = [_says("u7", "u6", _text("this way")), _says("u8", "u6", _text("that way"))]
    longer = [_says(f"u{n}", f"u{n - 1 if n > 11 else 2}", _text(f"on {n}")) for n in range(11, 17)]

    def told() -> tuple[dict[str, int], dict[str, str]]:
        found = _export(tmp_path, "--verify")
        assert len(found) == len({row["message_id"] for row in found}) == 12
        manifest = orjson.loads((tmp_path / "data" / "manifest.json").read_bytes())
        return manifest["drops"], {row["content"]: row["forked_from"] for row in found}

    _replace(tmp_path, {"a": [*talk, *longer], "b": [*talk, *on, *ways]})
    before = told()
    (tmp_path / "logs" / "p" / "a-0001.jsonl").unlink()
    assert before == told()
    assert before[0] == {"link/resumed_copy": 2}
    assert len(set(before[1].values())) == 3


def test_what_stands_between_two_vanished_logs_is_two_sessions(tmp_path: Path) -> None:
    uuids = [f"u{n}" for n in range(1, 9)]
    talk = [_says(u, f"u{n}" if n else None, _text(f"say {u}")) for n, u in enumerate(uuids)]
    aside = [_says("u20", "u2", _text("aside")), _says("u21", "u20", _text("and more"))]
    _replace(tmp_path, {"a": [*talk[:2], *aside], "c": talk[4:6]})
    _export(tmp_path)
    _replace(tmp_path, {"b": talk})
    found = _export(tmp_path)
    said = Counter(row["content"] for row in found)
    assert said == Counter([*(f"say {u}" for u in uuids), "aside", "and more"])
    assert len({row["id"] for row in found}) == 4
    places = [row["forked_from"].partition("/")[2] for row in found if row["forked_from"]]
    by_id = {row["message_id"]: row["content"] for row in found}
    assert {by_id[place] for place in places} == {"say u2", "say u6"}


def _parts(found: list[Row]) -> Counter[str]:
    """Words, calls and results; not how they stand together."""
    words = [row["content"] for row in found if row["status"] != "missing"]
    calls = [str(call["function"]) for row in found for call in row["tool_calls"] or []]
    return Counter([*filter(None, words), *calls])


@pytest.mark.parametrize("seed", range(6))
def test_random_logs_vanish_one_after_the_other(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    for number in range(4):
        writer = Writer(100 * seed + number)
        writer.project()
        writer.save(tmp_path / "logs" / f"p{number}")
    before = _export(tmp_path, *random.choice([(), ("--no-privacy",)]))
    sides = {_words(row): row["split"] for row in before}
    for day in range(2):
        files = sorted((tmp_path / "logs").glob("p*/**/*.jsonl"))
        for file in random.sample(files, len(files) // 3):
            file.unlink()
        _another(tmp_path, 5000 + 10 * seed + day)
        after = _export(tmp_path, *random.choice([(), ("--no-privacy",)]))
        assert not Counter(map(_words, before)) - Counter(map(_words, after))
        ours = [row for row in after if _words(row) in sides and row["status"] is None]
        assert len(ours) == len([row for row in before if row["status"] is None])
        assert all(row["split"] == sides[_words(row)] for row in ours)
        by_id: dict[str, list[Row]] = {}
        for row in after:
            by_id.setdefault(row["id"], []).append(row)
        assert all(_whole(row, by_id) for row in after)


def test_a_vanished_log_beside_living_ones_that_are_read_again(tmp_path: Path) -> None:
    """All lie in one pack; when the others are read again it is written anew without them."""
    for number in range(3):
        writer = Writer(40 + number)
        writer.project(plain=True)
        writer.save(tmp_path / "logs" / f"p{number}")
    before = _export(tmp_path)
    for log in (tmp_path / "logs" / "p0").rglob("*.jsonl"):
        log.unlink()
    assert _export(tmp_path) == before
    assert _export(tmp_path, "--verify", "--preferences") == before  # all rows are made anew


def test_what_is_carried_needs_no_rules_of_redaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """To set them up for each unit costs more than reading it."""

    def never(*_: object) -> None:
        raise AssertionError("rules are set up")

    monkeypatch.setattr(Detector, "__init__", never)
    assert not list(Vanished((), (), b"salt", lambda _: iter(()), lambda _, name: name).rest())


_HOOKS = """
import msgspec

def none(session):
    return None

def some(session):
    return None if int(session.key[-1], 16) % 2 else session

def half(session):
    half = session.messages[: (len(session.messages) + 1) // 2]
    return msgspec.structs.replace(session, messages=half)
"""


@pytest.mark.parametrize(
    ("seed", "hook", "privacy"),
    [
        (0, "none", "--privacy"),
        (1, "some", "--no-privacy"),
        (1, "half", "--privacy"),
        (2, "none", "--no-privacy"),
        (2, "half", "--no-privacy"),
    ],
)
def test_what_a_hook_took_out_of_a_log_that_vanished_is_there_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, hook: str, privacy: str
) -> None:
    module = f"vanishing_{seed}_{hook}_{privacy.replace('-', '')}"
    (tmp_path / f"{module}.py").write_text(_HOOKS)
    monkeypatch.syspath_prepend(tmp_path)
    hooked = ("--preprocess", f"{module}:{hook}", privacy)
    writer = Writer(seed)
    writer.project(plain=True)
    writer.save(tmp_path / "logs" / "first")
    logs = sorted((tmp_path / "logs").rglob("*.jsonl"))
    before = _export(tmp_path, *hooked)
    kept = {log: log.read_bytes() for log in logs[::2]}
    for log in kept:
        log.unlink()
    assert _export(tmp_path, *hooked) == before
    if seed:  # read again, all of it, while they are gone: from the older shards
        _another(tmp_path, 100 + seed)
        _export(tmp_path, *hooked)
    without = Counter(map(_words, _export(tmp_path, privacy)))
    held = {row["message_id"] for row in _export(tmp_path, *hooked)}
    assert {row["message_id"] for row in before} <= held
    for log, data in kept.items():
        log.write_bytes(data)
    assert Counter(map(_words, _export(tmp_path, privacy))) == without
    assert sum(without.values()) > len(before) or hook == "some"


def test_what_a_hook_took_out_is_forgotten_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forgetting.py").write_text(_HOOKS)
    monkeypatch.syspath_prepend(tmp_path)
    writer = Writer(1)
    thread = Thread(writer.fresh("session"))
    writer.main(thread)
    writer.turn(thread)
    writer.save(tmp_path / "logs" / "first")
    log = next((tmp_path / "logs").rglob("*.jsonl"))
    word = next(str(r["content"]) for r in _export(tmp_path, "--no-privacy") if r["content"])
    _another(tmp_path, 3)  # what stays
    _export(tmp_path, "--no-privacy", "--preprocess", "forgetting:none")
    log.unlink()
    state = tmp_path / "state"

    def held() -> bool:
        files = (p for p in state.rglob("*") if p.is_file())
        return any(word.encode() in p.read_bytes() for p in files)

    assert held()
    assert run(tmp_path / "run", "forget", log, "--yes", "--state", state).code == 0
    assert not held()


def _left(state: Path) -> list[tuple[str, int, int]]:
    """Where that lies."""
    found = "select pack, at, size from places where key like '%.left' and size > 0"
    with closing(sqlite3.connect(state / "state.sqlite")) as db:
        return db.execute(found).fetchall()


def _damage(state: Path) -> None:
    for pack, at, size in _left(state):
        with open(state / "shards" / pack, "r+b") as file:
            file.seek(at + size // 2)
            odd = file.read(1)[0] ^ 1
            file.seek(at + size // 2)
            file.write(bytes([odd]))


def test_what_a_hook_took_out_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it left of logs that vanished stays, the others are read again, and what belongs
    together is grouped as ever when the run begins again."""
    writer = Writer(1)
    threads = [Thread(writer.fresh("session")) for _ in range(3)]
    dropped = {thread.session for thread in threads[:2]}
    (tmp_path / "damaging.py").write_text(
        f"def hook(session):\n    return None if session.session_id in {dropped} else session\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    hooked = ("--preprocess", "damaging:hook", "--no-privacy")
    for thread, turns in zip(threads, (1, 1, 4), strict=True):
        writer.main(thread)
        for _ in range(turns):
            writer.turn(thread)
    copy = Thread(writer.fresh("session"))
    copy.records = [{**r, "sessionId": copy.session} for r in thread.records]
    copy.tip = thread.tip
    writer.main(copy)
    writer.turn(copy)
    files = {Path(file).stem: Path(file) for file in writer.save(tmp_path / "logs")}

    def words(*how: str) -> Counter[tuple[str, str, str]]:
        ours = [row for row in _export(tmp_path, *how) if row["project"] == project]
        return Counter(map(_words, ours))

    project = _export(tmp_path, *hooked)[0]["project"]
    before = words(*hooked)
    files[threads[0].session].unlink()
    _damage(tmp_path / "state")
    _another(tmp_path, 3)  # all is read again, also from the older shards
    assert words(*hooked) == before
    assert len(_left(tmp_path / "state")) == 1
    whole = words("--no-privacy")
    assert sum(whole.values()) > sum(before.values())
    files[threads[1].session].unlink()
    assert words("--no-privacy") == whole


def test_a_log_that_comes_back_as_it_was_is_read_again(tmp_path: Path) -> None:
    """What stood for it while it was away had been made by other options: it stayed."""
    for number in range(2):
        writer = Writer(70 + number)
        writer.project(plain=True)
        writer.save(tmp_path / "logs" / f"p{number}")
    folder = tmp_path / "logs" / "p0"
    plain = _export(tmp_path, "--no-privacy")
    redacted = _export(tmp_path)
    assert plain != redacted
    folder.rename(tmp_path / "away")
    _export(tmp_path, "--no-privacy")
    (tmp_path / "away").rename(folder)
    assert _export(tmp_path, "--no-privacy") == plain
    assert _export(tmp_path) == redacted


def test_what_vanished_before_a_move_stays_when_all_vanishes_after_it(tmp_path: Path) -> None:
    """Nothing of the former export is read again, but the same folder is asked for."""
    for number in range(2):
        writer = Writer(70 + number)
        writer.project(plain=True)
        writer.save(tmp_path / "old" / f"p{number}")

    def export(home: str) -> list[Row]:
        args: list[str | Path] = ["export", tmp_path / home, "-o", tmp_path / "data", "--jobs", "1"]
        more = ("--state", tmp_path / "state", "--no-privacy", "--no-parquet", "--thinking")
        done = run(tmp_path / "run", *args, *more)
        assert done.code == 0, done.err
        return rows(tmp_path / "data")

    before = export("old")
    (tmp_path / "old" / "p0").rename(tmp_path / "away")
    (tmp_path / "old").rename(tmp_path / "new")
    assert export("new") == before
    (tmp_path / "new" / "p1").rename(tmp_path / "off")
    assert export("new") == before


@pytest.mark.parametrize("salt", range(4))
def test_a_log_that_vanished_after_a_move_is_missed_at_one_path(tmp_path: Path, salt: int) -> None:
    """Another export names it at the path before. (Shards are taken in an order that the salt
    gives.)"""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "salt").write_text(f"{salt:064x}")
    begun = [_says("u1", None, _text("begin")), _says("u2", "u1", _text("so"), of="msg1")]
    longer = [*begun, _says("u3", "u2", _text("on")), _says("u4", "u3", _text("yes"), of="msg2")]

    def export(data: str) -> list[Row]:
        args: list[str | Path] = ["export", tmp_path / "logs", "-o", tmp_path / data, "--jobs", "1"]
        done = run(tmp_path / "run", *args, "--state", tmp_path / "state", "--no-parquet")
        assert done.code == 0, done.err
        return rows(tmp_path / data)

    _replace(tmp_path, {"a": begun, "b": longer})
    assert export("one") == export("two")
    (tmp_path / "logs" / "p").rename(tmp_path / "away")
    (tmp_path / "logs").rmdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "away").rename(tmp_path / "home" / "p")
    (tmp_path / "logs").symlink_to("home")
    before = export("one")
    (tmp_path / "home" / "p" / "b-0001.jsonl").unlink()
    for data in ("two", "one", "two"):
        assert len(export(data)) == len(before)


def test_a_log_that_comes_back_in_another_home_may_vanish_there_too(tmp_path: Path) -> None:
    """The first export, which another one went past meanwhile, does not miss it at its old path."""
    for number in range(2):
        writer = Writer(70 + number)
        writer.project(plain=True)
        writer.save(tmp_path / "old" / f"p{number}")

    def export(home: str, data: str) -> list[Row]:
        args: list[str | Path] = ["export", tmp_path / home, "-o", tmp_path / data, "--jobs", "1"]
        more = ("--state", tmp_path / "state", "--no-privacy", "--no-parquet", "--thinking")
        done = run(tmp_path / "run", *args, *more)
        assert done.code == 0, done.err
        return rows(tmp_path / data)

    before = export("old", "data")
    (tmp_path / "old" / "p0").rename(tmp_path / "away")
    assert export("old", "data") == export("old", "other") == before
    (tmp_path / "old").rename(tmp_path / "new")
    (tmp_path / "away").rename(tmp_path / "new" / "p0")
    assert export("new", "other") == before
    (tmp_path / "new" / "p0").rename(tmp_path / "away")
    assert export("new", "data") == before


def _closed(path: Path) -> Callable[[], None]:
    """Make a path one that cannot be opened, for root too."""

    def close() -> None:
        def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(name: Any, *args: Any, **kw: Any) -> Any:
                if name == str(path):
                    raise PermissionError(errno.EACCES, "Permission denied", name)
                return real(name, *args, **kw)

            return call

        os.open, os.scandir = guarded(os.open), guarded(os.scandir)

    return close


@pytest.mark.parametrize("closed", ["file", "folder"])
@pytest.mark.parametrize("more", ["--force", "--verify", "--prune"])
def test_a_log_that_cannot_be_opened_any_more_is_no_vanished_one(
    tmp_path: Path, closed: str, more: str
) -> None:
    """What it told stays, `--prune` too; also when it then vanishes before it can be read again."""
    for number in range(2):
        writer = Writer(70 + number)
        writer.project(plain=True)
        writer.save(tmp_path / "logs" / f"p{number}")
    before = _export(tmp_path)
    log = sorted((tmp_path / "logs" / "p0").rglob("*.jsonl"))[0]
    shut = log if closed == "file" else tmp_path / "logs" / "p0"
    os.utime(log)  # it is looked at again
    args: list[str | Path] = ["--json", "export", tmp_path / "logs", "-o", tmp_path / "data"]
    args += ["--state", tmp_path / "state", "--jobs", "1", "--thinking", "--no-parquet", more]
    done = run(tmp_path / "run", *args, prepare=_closed(shut))
    assert done.code == 0, done.err
    manifest = done.json()["manifest"]
    assert any(log["gone"] for log in manifest["inputs"])
    assert manifest["source_gone"] == 0, "it is not said to have vanished"
    assert rows(tmp_path / "data") == before
    log.unlink()
    assert _export(tmp_path) == before
    assert _export(tmp_path, "--prune") != before


@pytest.mark.parametrize("how", ["folder", "nothing"])
def test_a_log_that_is_shut_between_finding_and_reading_is_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """It is as it was, so nothing but the state tells that it must be read. One that was read
    before loses nothing, though the run was to read it again, and though it then stays away."""
    for number in range(2):
        writer = Writer(70 + number)
        writer.project(plain=True)
        writer.save(tmp_path / "logs" / f"p{number}")
    log = sorted((tmp_path / "logs" / "p0").rglob("*.jsonl"))[0]
    aside = log.with_suffix(".aside")

    def meanwhile() -> None:
        def found(*args: Any, **kw: Any) -> Inputs:
            inputs = discover(*args, **kw)
            log.rename(aside)
            if how == "folder":
                log.mkdir()
            return inputs

        monkeypatch.setattr(build, "discover", found)

    def back() -> None:
        if how == "folder":
            log.rmdir()
        aside.rename(log)

    args: list[str | Path] = ["--json", "export", tmp_path / "logs", "-o", tmp_path / "data"]
    args += ["--state", tmp_path / "state", "--jobs", "1", "--thinking", "--no-parquet"]
    first = run(tmp_path / "run", *args, prepare=meanwhile)
    assert first.code == 0, first.err
    assert first.json()["manifest"]["faults"] == {"unreadable": 1}
    short = rows(tmp_path / "data")
    back()
    before = _export(tmp_path)
    assert len(before) > len(short)
    again = run(tmp_path / "run", *args, "--verify", prepare=meanwhile)
    assert again.code == 0, again.err
    assert [log["gone"] for log in again.json()["manifest"]["inputs"]].count(True) == 1
    assert rows(tmp_path / "data") == before
    assert _export(tmp_path, "--verify") == before  # it is away
    back()
    assert _export(tmp_path, "--verify") == before
