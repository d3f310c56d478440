"""Laws of the Claude Code source that hold for any log, and oddities too small for a trap."""

from __future__ import annotations

import gc
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.neighbours import GOOD, SESSION, claude_lines
from tests.support import Reading, keyed, read, texts_of

from sessiontune import registry
from sessiontune.ledger import Ledger
from sessiontune.linking import Thread
from sessiontune.model import Message, Session, Text, ToolCall, ToolResult
from sessiontune.ports import ReadOptions


def user(uuid: str, parent: str | None, content: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "user",
        "uuid": uuid,
        "parentUuid": parent,
        "sessionId": "s",
        "cwd": "/home/dev/shop",
        "message": {"role": "user", "content": content},
        **more,
    }


def answer(uuid: str, parent: str | None, name: str, *blocks: Any, **more: Any) -> dict[str, Any]:
    message = {"id": name, "role": "assistant", "model": "claude-opus-4-6", "content": [*blocks]}
    return {
        "type": "assistant",
        "uuid": uuid,
        "parentUuid": parent,
        "sessionId": "s",
        "message": {**message, **more.pop("message", {})},
        **more,
    }


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(name: str, tool: str = "Bash", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": name, "name": tool, "input": arguments}


def result(name: str, content: Any = "done", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": name, "content": content, **more}


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_rows(tmp_path: Path, rows: list[dict[str, Any]]) -> Reading:
    write(tmp_path, "s.jsonl", rows)
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    return reading


def only(reading: Reading) -> tuple[Message, ...]:
    assert len(reading.sessions) == 1
    return reading.sessions[0].messages


# ------------------------------------------------------------------ laws

_ids = st.sampled_from(["u1", "u2", "u3", "u4", "u5", "u6"])
_odd = st.sampled_from([None, 1, 1.5, True, "x", [], {}, ["x"], {"type": 3}, [[]], ""])
_words = st.sampled_from(
    [
        "hello",
        "",
        "<command-name>/review</command-name><command-args>it</command-args>",
        "<command-name>/clear</command-name>",
        "<local-command-stdout>x</local-command-stdout>",
        "[Request interrupted by user]",
        "<system-reminder>x</system-reminder>",
        "This session is being continued from a previous conversation",
        "Warmup",
        "<task-notification><summary>s</summary></task-notification>",
    ]
)
_calls = st.sampled_from(["c1", "c2", "c3"])
_block = (
    st.builds(text, _words)
    | st.builds(call, _calls)
    | st.builds(result, _calls, _words | _odd)
    | st.builds(lambda t: {"type": "thinking", "thinking": t, "signature": "x"}, _words)
    | _odd
)
_content = _words | st.lists(_block, max_size=3) | _odd
_row = st.builds(
    lambda kind, uuid, parent, content, name, more: {
        "type": kind,
        "uuid": uuid,
        "parentUuid": parent,
        "sessionId": "s",
        "message": {"id": name, "content": content},
        **more,
    },
    st.sampled_from(["user", "assistant", "system", "progress", "attachment", "new"]) | _odd,
    _ids | _odd,
    _ids | _odd,
    _content,
    st.sampled_from(["m1", "m2"]) | _odd,
    st.dictionaries(
        st.sampled_from(
            [
                "isMeta",
                "isSidechain",
                "isCompactSummary",
                "message",
                "attachment",
                "toolUseResult",
                "timestamp",
                "agentId",
                "subtype",
                "logicalParentUuid",
                "origin",
                "data",
                "cwd",
                "sessionId",
            ]
        ),
        _odd
        | st.just({"type": "queued_command", "prompt": "later", "commandMode": "prompt"})
        | st.just({"agentId": "a1", "userModified": True})
        | st.just("compact_boundary"),
        max_size=3,
    ),
)


def _all(folder: Path) -> Reading:
    files = sorted(str(p) for p in folder.rglob("*.jsonl"))
    return read("claude", folder, files)


def _pieces(sessions: list[Session]) -> Counter[str]:
    return Counter(repr(part) for s in sessions for m in s.messages for part in m.parts)


@settings(max_examples=300)
@given(st.lists(_row | _odd, max_size=14), st.lists(_row, max_size=8), st.booleans())
def test_every_record_ends_somewhere_whatever_it_holds(
    first: list[Any], second: list[Any], agent: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, "s.jsonl", first)
        write(folder, "agent-a1.jsonl" if agent else "t.jsonl", second)
        reading = _all(folder)
    assert reading.unbalanced() == {}
    assert sum(reading.ledger.records.values()) == len(first) + len(second)
    keys = [s.key for s in reading.sessions]
    assert len(keys) == len(set(keys))
    ids = [m.id for s in reading.sessions for m in s.messages]
    assert len(ids) == len(set(ids))
    for session in reading.sessions:
        _assert_paired(session)


def _assert_paired(session: Session) -> None:
    """Every call is answered by the message that follows it."""
    for at, message in enumerate(session.messages):
        calls = [p.id for p in message.parts if isinstance(p, ToolCall)]
        if calls:
            following = session.messages[at + 1]
            answered = [p.call_id for p in following.parts if isinstance(p, ToolResult)]
            assert answered == calls


@settings(max_examples=60)
@given(st.lists(_row, max_size=10), st.lists(_row, max_size=10), st.lists(_row, max_size=6))
def test_the_order_in_which_files_are_given_does_not_matter(
    first: list[Any], second: list[Any], third: list[Any]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [
            str(write(folder, f"{n}.jsonl", rows))
            for n, rows in (("s", first), ("t", second), ("agent-a1", third))
        ]
        out = []
        for order in (files, files[::-1], [files[1], files[0], files[2]]):
            ledger = Ledger()
            source = registry.source("claude")
            out.append((list(source.sessions(tuple(order), ReadOptions(), ledger, keyed)), ledger))
    assert out[0][0] == out[1][0] == out[2][0]
    assert out[0][1].drops == out[1][1].drops == out[2][1].drops


def _talk(turns: int) -> list[dict[str, Any]]:
    rows, parent = [], None
    for n in range(turns):
        rows.append(user(f"u{n}", parent, f"question {n}"))
        rows.append(answer(f"a{n}", f"u{n}", f"m{n}", call(f"c{n}", command=str(n))))
        rows.append(user(f"r{n}", f"a{n}", [result(f"c{n}")]))
        rows.append(answer(f"b{n}", f"r{n}", f"n{n}", text(f"answer {n}")))
        parent = f"b{n}"
    return rows


def test_keys_survive_growth_and_a_resumed_copy(tmp_path: Path) -> None:
    rows = _talk(4)
    (before,) = read_rows(tmp_path / "a", rows[:6]).sessions
    (after,) = read_rows(tmp_path / "b", rows).sessions
    assert before.key == after.key
    assert after.messages[: len(before.messages) - 1] == before.messages[:-1]  # its call was open
    folder = tmp_path / "c"
    write(folder, "s.jsonl", rows)
    tail = user("x1", "b2", "another way")
    copy = [{**row, "sessionId": "t"} for row in [*rows[:12], tail]]
    write(folder, "t.jsonl", copy)
    main, branch = read("claude", folder).sessions
    assert main.messages == after.messages
    assert main.key == after.key
    assert branch.forked_from is not None
    assert branch.forked_from.session == main.key
    assert branch.forked_from.message == "b2"
    assert branch.lineage == main.lineage
    assert branch.thread != main.thread


def test_a_copy_that_grew_longer_takes_over_and_keys_stay(tmp_path: Path) -> None:
    rows = _talk(3)
    longer = [{**row, "sessionId": "t"} for row in _talk(6)]
    (alone,) = read_rows(tmp_path / "a", rows).sessions
    write(tmp_path / "b", "s.jsonl", rows)
    write(tmp_path / "b", "t.jsonl", longer)
    (both,) = read("claude", tmp_path / "b").sessions
    assert both.key == alone.key
    assert both.session_id == "t"


def test_a_longer_file_that_begins_with_the_compaction_goes_on_with_the_shorter(
    tmp_path: Path,
) -> None:
    rows = _talk(1)
    boundary = {"type": "system", "subtype": "compact_boundary", "uuid": "z", "parentUuid": None}
    boundary |= {"logicalParentUuid": "b0", "sessionId": "t"}
    summary = user("y", "z", "What happened so far.", isCompactSummary=True)
    more = [answer(f"x{n}", f"x{n - 1}" if n else "y", f"q{n}", text("on")) for n in range(9)]
    write(tmp_path, "s.jsonl", rows)
    write(tmp_path, "t.jsonl", [boundary, summary, *more])
    first, second = read("claude", tmp_path).sessions
    assert (first.epoch, second.epoch) == (0, 1)
    assert first.thread == second.thread
    assert second.messages[0].kind == "summary"
    assert [m.kind for m in first.messages] == ["prompt", "answer", "results", "answer"]


def test_a_copy_that_compacts_and_names_a_record_in_no_file_stays_in_the_lineage(
    tmp_path: Path,
) -> None:
    rows = _talk(2)
    boundary = {"type": "system", "subtype": "compact_boundary", "uuid": "z", "parentUuid": None}
    copies = [{**row, "sessionId": "t"} for row in rows]
    copies.append({**boundary, "logicalParentUuid": "gone", "sessionId": "t"})
    copies.append(user("y", "z", "What happened so far.", isCompactSummary=True, sessionId="t"))
    copies.append(answer("x", "y", "q", text("on"), sessionId="t"))
    more = [user("n", rows[-1]["uuid"], "And now?"), answer("m", "n", "k", text("x" * 999))]
    write(tmp_path, "s.jsonl", rows + more)
    write(tmp_path, "t.jsonl", copies)
    first, second = read("claude", tmp_path).sessions
    assert second.messages[0].kind == "summary"
    assert second.epoch == 1
    assert second.lineage == first.lineage


def test_a_copy_that_compacts_while_the_first_goes_on_begins_with_its_summary(
    tmp_path: Path,
) -> None:
    rows = _talk(2)
    last = rows[-1]["uuid"]
    boundary = {"type": "system", "subtype": "compact_boundary", "uuid": "z", "parentUuid": None}
    copies = [{**row, "sessionId": "t"} for row in rows]
    copies.append({**boundary, "logicalParentUuid": last, "sessionId": "t"})
    copies.append(user("y", "z", "What happened so far.", isCompactSummary=True, sessionId="t"))
    copies.append(answer("x", "y", "q", text("on"), sessionId="t"))
    more = [user("n", last, "And now?"), answer("m", "n", "k", text("x" * 999))]
    write(tmp_path, "s.jsonl", rows + more)
    write(tmp_path, "t.jsonl", copies)
    first, second = read("claude", tmp_path).sessions
    assert (first.epoch, second.epoch) == (0, 1)
    assert second.messages[0].kind == "summary"
    assert second.forked_from is None  # what a branch repeats the model did not see here
    assert second.lineage == first.lineage


# ------------------------------------------------------------------ oddities


@pytest.mark.parametrize("times", [("10:00", "10:01"), ("10:01", "10:00")])
@pytest.mark.parametrize("names", [("a1", "a2"), ("a2", "a1")])
def test_an_agent_of_an_agent_whose_own_caller_is_gone(
    tmp_path: Path, names: tuple[str, str], times: tuple[str, str]
) -> None:
    """The names are drawn at random, and a clock may be set back: neither tells who called whom."""
    upper, lower = names
    rows = [
        user("u", None, "survey"),
        answer("a", "u", "m", call("c", "Agent", prompt="count")),
        user("r", "a", [result("c", "3")], toolUseResult={"agentId": lower}),
        answer("b", "r", "n", text("three")),
    ]
    below = [user("v", None, "count it"), answer("d", "v", "o", text("3"))]
    for name, found, at in ((upper, rows, times[0]), (lower, below, times[1])):
        own = {"agentId": name, "isSidechain": True, "timestamp": f"2026-03-01T{at}:00.000Z"}
        write(tmp_path / "s/subagents", f"agent-{name}.jsonl", [{**row, **own} for row in found])
    by_name = {s.agent_id: s for s in read("claude", tmp_path).sessions}
    assert by_name[lower].parent_call == "c"
    assert by_name[lower].parent_session == by_name[upper].key


def test_a_client_that_hangs_every_answer_below_the_prompt_makes_no_branches(
    tmp_path: Path,
) -> None:
    rows = [
        user("u", None, "go"),
        answer("a1", "u", "m1", call("c1", n=1)),
        user("r1", "a1", [result("c1")]),
        answer("a2", "u", "m2", call("c1", n=1), call("c2", n=2)),
        user("r2", "a2", [result("c2")]),
        answer("a3", "u", "m3", text("done")),
    ]
    messages = only(read_rows(tmp_path, rows))
    roles = [m.role for m in messages]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant"]


def test_a_message_id_that_comes_back_in_a_later_turn_is_another_message(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "one"),
        answer("a1", "u1", "same", text("first")),
        user("u2", "a1", "two"),
        answer("a2", "u2", "other", text("second")),
        user("u3", "a2", "three"),
        answer("a3", "u3", "same", text("third")),
    ]
    words = [p.text for m in only(read_rows(tmp_path, rows)) for p in m.parts if type(p) is Text]
    assert words == ["one", "first", "two", "second", "three", "third"]


def test_a_call_id_that_is_used_again_is_answered_where_it_was_asked(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "one"),
        answer("a1", "u1", "m1", call("call_0", n=1)),
        user("r1", "a1", [result("call_0", "first")]),
        answer("a2", "r1", "m2", call("call_0", n=2)),
        user("r2", "a2", [result("call_0", "second")]),
    ]
    messages = only(read_rows(tmp_path, rows))
    contents = [p.content for m in messages for p in m.parts if type(p) is ToolResult]
    assert contents == ["first", "second"]


@pytest.mark.parametrize("command", ["model", "clear", "compact"])
def test_commands_of_the_program_are_no_prompts(tmp_path: Path, command: str) -> None:
    words = f"<command-name>/{command}</command-name><command-args>opus</command-args>"
    rows = [*_talk(1), user("u9", "b0", words), user("u10", "u9", "and now?")]
    reading = read_rows(tmp_path, rows)
    assert reading.ledger.drops["read/local_command"] == 1
    assert reading.sessions[-1].messages[-1].parts == (Text("and now?"),)


def test_a_custom_command_without_words_is_a_prompt_when_the_model_answers(tmp_path: Path) -> None:
    command = "<command-message>review</command-message>\n<command-name>/review</command-name>"
    rows = [
        user("u1", None, command),
        user("u2", "u1", "# Review\nRead the diff.", isMeta=True),
        answer("a1", "u2", "m1", text("Reviewed.")),
        user("u3", "a1", "<command-name>/mine</command-name>"),
    ]
    reading = read_rows(tmp_path, rows)
    prompt, body, said = only(reading)
    assert (prompt.kind, prompt.parts) == ("prompt", (Text("/review"),))
    assert prompt.flags == ("command:review",)
    assert (body.kind, body.role, body.injected) == ("context", "system", True)
    assert said.kind == "answer"
    assert reading.ledger.drops["read/local_command"] == 1


def test_the_person_s_edit_and_the_denial_are_flagged(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "edit"),
        answer("a1", "u1", "m1", call("c1", "Edit", file_path="a")),
        user("r1", "a1", [result("c1")], toolUseResult={"userModified": True, "filePath": "a"}),
        answer("a2", "r1", "m2", call("c2")),
        user("r2", "a2", [result("c2", "no", is_error=True)], toolDenialKind="rule"),
    ]
    flags = [m.flags for m in only(read_rows(tmp_path, rows)) if m.role == "tool"]
    assert flags == [("edited",), ("rejected", "denied")]


def test_a_prompt_that_was_taken_back_does_not_break_off_the_answer_before_it(
    tmp_path: Path,
) -> None:
    rows = [
        user("u1", None, "one"),
        answer("a1", "u1", "m1", text("done")),
        user("u2", "a1", "to"),
        user("i", "u2", [text("[Request interrupted by user]")]),
        user("u3", "i", "two"),
        answer("a2", "u3", "m2", text("I will")),
        user("j", "a2", [text("[Request interrupted by user]")]),
    ]
    flags = {m.id: m.flags for m in only(read_rows(tmp_path, rows)) if m.kind == "answer"}
    assert sorted(flags.values()) == [(), ("interrupted",)]


def test_a_document_is_text_or_a_digest(tmp_path: Path) -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "aGk="}
    plain = {"type": "text", "media_type": "text/plain", "data": "the text"}
    content = [{"type": "document", "source": source} for source in (pdf, plain)]
    (prompt,) = only(read_rows(tmp_path, [user("u1", None, content)]))
    image, words = prompt.parts
    assert (image.media_type, image.bytes) == ("application/pdf", 2)
    assert words == Text("the text")


def test_an_agent_that_inherits_its_parent_s_context_is_forked_from_it(tmp_path: Path) -> None:
    write(tmp_path, "s.jsonl", _talk(2))
    ref = {"type": "fork-context-ref", "agentId": "f", "parentSessionId": "s"}
    rows = [
        {**ref, "parentLastUuid": "b0", "contextLength": 4},
        user("f1", None, "and so?", isSidechain=True, agentId="f"),
        answer("f2", "f1", "fm", text("so."), isSidechain=True, agentId="f"),
    ]
    write(tmp_path, "s/subagents/agent-f.jsonl", rows)
    main, agent = read("claude", tmp_path).sessions
    assert agent.agent_id == "f"
    assert agent.forked_from is not None
    assert (agent.forked_from.session, agent.forked_from.message) == (main.key, "b0")


def test_a_title_is_the_person_s_before_the_model_s(tmp_path: Path) -> None:
    titles = [
        {"type": "custom-title", "customTitle": "Mine", "sessionId": "s"},
        {"type": "ai-title", "aiTitle": "Its", "sessionId": "s"},
        {"type": "summary", "summary": "Old", "leafUuid": "b0"},
    ]
    for rows, title in ((titles, "Mine"), (titles[1:], "Its"), (titles[2:], "Old")):
        reading = read_rows(tmp_path / title, [*_talk(1), *rows])
        assert reading.sessions[0].title == title


def test_an_sdk_stream(tmp_path: Path) -> None:
    head = {"type": "system", "subtype": "init", "session_id": "z", "cwd": "/w/shop", "uuid": "i"}
    ids = {"sessionId": None, "session_id": "z"}
    rows = [
        head,
        {**user("u1", None, "go"), **ids, "cwd": None},
        {**answer("a1", None, "m1", call("t1", "Task", prompt="look")), **ids},
        {**user("k1", None, "look"), **ids, "parent_tool_use_id": "t1"},
        {**answer("k2", None, "m2", text("saw")), **ids, "parent_tool_use_id": "t1"},
        {**user("r1", None, [result("t1", "saw")]), **ids},
        {"type": "result", "subtype": "success", "session_id": "z", "uuid": "q"},
    ]
    path = write(tmp_path, "audit.jsonl", rows)
    assert registry.source("claude").recognise(str(path), path.read_bytes())
    main, agent = read("claude", tmp_path).sessions
    assert (main.session_id, main.project) == ("z", "shop")
    assert [m.kind for m in agent.messages] == ["task", "answer"]
    assert (agent.parent_call, agent.parent_session) == ("t1", main.key)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_transcript_that_a_hook_kept_as_an_array(tmp_path: Path, indent: int | None) -> None:
    rows = [json.loads(line) for line in claude_lines()]
    path = tmp_path / "logs" / "chat.json"
    path.parent.mkdir()
    path.write_text(json.dumps(rows, indent=indent))
    source = registry.source("claude")
    assert source.recognise(str(path), path.read_bytes())
    assert source.index(str(path)).links == (f"session:{SESSION}",)
    reading = read("claude", tmp_path, [str(path)])
    assert reading.unbalanced() == {}
    assert texts_of(reading.sessions) == GOOD
    log = tmp_path / f"{SESSION}.jsonl"
    log.write_bytes(b"\n".join(claude_lines()))
    both = read("claude", tmp_path, [str(path), str(log)])
    assert texts_of(both.sessions) == GOOD
    assert both.ledger.drops["link/resumed_copy"] == len(rows)
    path.write_text(json.dumps(rows)[:-40])
    cut = read("claude", tmp_path, [str(path)])
    assert cut.unbalanced() == {}
    assert [fault.reason for fault in cut.ledger.faults] == ["truncated_line"]
    for other in ('[{"display": "x", "sessionId": "y"}]', '{"type": "user"}', "[]"):
        assert not source.recognise(str(path), other.encode())


def test_what_a_mention_showed(tmp_path: Path) -> None:
    def mention(uuid: str, parent: str, kind: str, content: Any) -> dict[str, Any]:
        given = {"type": kind, "filename": "/w/a", "content": content}
        return {"type": "attachment", "uuid": uuid, "parentUuid": parent, "attachment": given}

    png = {"base64": "iVBORw0KGgo=", "type": "image/png"}
    rows = [
        user("u1", None, "see @a, @b, @c, @d and @e"),
        mention("f1", "u1", "file", {"type": "text", "file": {"content": "in a"}}),
        mention("f2", "f1", "file", {"type": "image", "file": png}),
        mention("f3", "f2", "directory", "d.py\ne.py"),
        mention("f4", "f3", "file", {"type": "notebook", "file": {"cells": [{"source": "1+1"}]}}),
        mention("f5", "f4", "file", {"type": "file_unchanged"}),
        answer("a1", "f5", "m1", {"type": "text", "text": "Seen."}),
        {"type": "permission-mode", "permissionMode": "plan", "sessionId": "s"},
        {"type": "content-replacement", "replacements": [], "sessionId": "s"},
        user("u2", "a1", "<command-name>/install-github-app</command-name>"),
    ]
    reading = read_rows(tmp_path, rows)
    (session,) = reading.sessions
    told = [p.text if isinstance(p, Text) else type(p).__name__ for m in session.messages
            for p in m.parts]  # fmt: skip
    assert told == [
        "see @a, @b, @c, @d and @e",
        "in a",
        "Image",
        "d.py\ne.py",
        '[{"source":"1+1"}]',
        "Seen.",
    ]
    assert [m.kind for m in session.messages][1:5] == ["context"] * 4
    assert reading.ledger.drops == {
        "read/attachment:file": 1,
        "read/permission-mode": 1,
        "read/content-replacement": 1,
        "read/local_command": 1,
    }


def test_a_result_in_another_file_than_its_call(tmp_path: Path) -> None:
    """Whichever of the two is read first: the longer one is."""
    rows = [
        user("u1", None, "look"),
        answer("a1", "u1", "m1", call("c1"), call("c2")),
        user("r1", "a1", [result("c1", "one")]),
        user("r2", "r1", [result("c2", "two")]),
        answer("a2", "r2", "m2", text("Both. " * 200)),
        user("u2", "a2", [result("gone", "three")]),
    ]
    write(tmp_path, "s.jsonl", rows[:3])
    write(tmp_path, "t.jsonl", rows[3:])
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    results = {
        p.content: p.status
        for s in reading.sessions
        for m in s.messages
        for p in m.parts
        if isinstance(p, ToolResult) and p.status != "missing"
    }
    assert results == {"one": "ok", "two": "ok"}
    assert [s.messages[0].id for s in reading.sessions] == ["u1", "r2"]
    assert [m.kind for m in reading.sessions[-1].messages] == ["results", "answer"]
    assert [s.forked_from.message for s in reading.sessions if s.forked_from] == ["a1"], "its call"
    assert reading.ledger.drops == {"read/result_without_call": 1}


def test_results_of_parallel_calls_stand_once_in_the_order_of_the_calls(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "look"),
        answer("a1", "u1", "m1", call("c1"), call("c2"), call("c3")),
        user("r3", "a1", [result("c3", "three")]),
        user("r1", "r3", [result("c1", "one")]),
        user("r2", "r1", [result("c2", "two")]),
    ]
    parts = only(read_rows(tmp_path, rows))[-1].parts
    assert [p.content for p in parts if isinstance(p, ToolResult)] == ["one", "two", "three"]


def test_who_typed_what_was_queued(tmp_path: Path) -> None:
    def queued(uuid: str, parent: str, words: str, **more: Any) -> dict[str, Any]:
        given = {"type": "queued_command", "prompt": words, "commandMode": "prompt", **more}
        return {"type": "attachment", "uuid": uuid, "parentUuid": parent, "attachment": given}

    rows = [
        user("u1", None, "go"),
        queued("q1", "u1", "typed", origin={"kind": "human"}),
        queued("q2", "q1", "of another session", origin={"kind": "peer"}),
        queued("q3", "q2", "from a channel", isMeta=True, origin={"kind": "channel"}),
        queued("q4", "q3", "odd", isMeta="?", origin=7),
        user("u2", "q4", "went on", origin={"kind": "auto-continuation"}),
        answer("a1", "u2", "m1", text("ok")),
    ]
    kinds = {p.text: m.kind for m in only(read_rows(tmp_path, rows)) for p in m.parts
             if isinstance(p, Text)}  # fmt: skip
    assert kinds == {
        "go": "prompt",
        "typed": "prompt",
        "of another session": "task",
        "from a channel": "context",
        "odd": "prompt",
        "went on": "context",
        "ok": "answer",
    }


def test_agents_of_a_workflow_lie_deeper(tmp_path: Path) -> None:
    stub = (
        "<persisted-output>\nOutput too large (9KB). Full output saved to: /x/tool-results/b1.txt\n"
    )
    stub += "\nPreview (first 2KB):\nbegin\n...\n</persisted-output>"
    (tmp_path / "p" / "s" / "tool-results").mkdir(parents=True)
    (tmp_path / "p" / "s" / "tool-results" / "b1.txt").write_text("begin and end")
    inside = {"isSidechain": True, "agentId": "k1"}
    rows = [
        user("u1", None, "look", **inside),
        answer("a1", "u1", "m1", call("c1"), **inside),
        user("r1", "a1", [result("c1", stub)], **inside),
    ]
    for row in rows:
        row.pop("sessionId", None)
        row.pop("cwd", None)
    path = write(tmp_path, "p/s/subagents/workflows/run1/agent-k1.jsonl", rows)
    assert registry.source("claude").index(str(path)).links == ("session:s",)
    (session,) = read("claude", tmp_path, [str(path)]).sessions
    assert (session.agent_id, session.project) == ("k1", "p")
    found = session.messages[2].parts[0]
    assert isinstance(found, ToolResult)
    assert found.content == "begin and end"


def test_a_resumed_copy_under_new_record_ids(tmp_path: Path) -> None:
    """Versions of 2025 drew new ids for what a resumed session repeats; texts became blocks."""
    first, second = "msg_01AAAAAAAAAAAAAAAAAAAAAA", "msg_01BBBBBBBBBBBBBBBBBBBBBB"
    rows = [
        user("u1", None, "look"),
        answer("a1", "u1", first, text("I look.")),
        answer("a2", "a1", first, call("c1")),
        user("r1", "a2", [result("c1", "a.txt")]),
        answer("a3", "r1", second, text("There.")),
    ]
    copies = [
        user("v1", None, [text("look")]),
        user("v2", "v1", "<user-prompt-submit-hook>x</user-prompt-submit-hook>"),
        answer("b1", "v2", first, text("I look.")),
        answer("b2", "b1", first, call("c1")),
        user("s1", "b2", [result("c1", "a.txt")]),
        answer("b3", "s1", second, text("There.")),
        user("v3", "b3", "go on"),
        answer("b4", "v3", "msg_01CCCCCCCCCCCCCCCCCCCCCC", text("There.")),
        answer("b5", "b4", "m", text("There.")),
    ]
    for row in copies:
        row["sessionId"] = "t"
    write(tmp_path, "s.jsonl", [*rows, user("u2", "a3", "more. " * 400)])
    write(tmp_path, "t.jsonl", copies)
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    main, branch = reading.sessions
    assert [p.text for m in branch.messages for p in m.parts if isinstance(p, Text)] == [
        "go on",
        "There.",
        "There.",
    ]
    assert branch.forked_from is not None
    assert branch.forked_from.message == next(
        m.id for m in main.messages for p in m.parts if p == Text("There.")
    )
    assert branch.lineage == main.lineage
    assert reading.ledger.drops["link/resumed_copy"] == 5


def test_what_a_copy_holds_more_of_an_answer_is_kept(tmp_path: Path) -> None:
    """The longer file lost a call at its end: the words before it alone make no copy."""
    name = "msg_01AAAAAAAAAAAAAAAAAAAAAA"
    lost = [user("u1", None, "look " * 400), answer("a1", "u1", name, text("I look."))]
    copy = [
        user("v1", None, "look", sessionId="t"),
        answer("b1", "v1", name, text("I look."), call("c1"), sessionId="t"),
        user("s1", "b1", [result("c1", "a.txt")], sessionId="t"),
    ]
    write(tmp_path, "s.jsonl", lost)
    write(tmp_path, "t.jsonl", copy)
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    parts = [p for s in reading.sessions for m in s.messages for p in m.parts]
    assert [p.content for p in parts if isinstance(p, ToolResult)] == ["a.txt"]
    assert "read/result_without_call" not in reading.ledger.drops


def test_a_branch_that_begins_with_results_is_there_once_in_spite_of_a_copy(tmp_path: Path) -> None:
    """The longest file went on before the call had its result; the others are the same."""
    begin = [user("u1", None, "look"), answer("a1", "u1", "m1", call("c1"))]
    branch = [
        *begin,
        user("r1", "a1", [result("c1", "<persisted-output>kept elsewhere")]),
        answer("a2", "r1", "m2", text("There.")),
        user("u2", "a2", "And that?"),
        answer("a3", "u2", "m3", text("Here.")),
    ]
    write(tmp_path, "s.jsonl", [*begin, user("u3", "a1", "Not so. " * 400)])
    write(tmp_path, "t.jsonl", branch)
    write(tmp_path, "copy of t.jsonl", branch)
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    assert [m.id for s in reading.sessions for m in s.messages] == [
        *("u1", "a1", "a1:missing", "u3"),
        *("r1", "a2", "u2", "a3"),
    ]
    assert reading.ledger.drops["link/resumed_copy"] == 2 + len(branch)


def test_nothing_of_a_unit_stays_in_memory_when_it_is_read(tmp_path: Path) -> None:
    """Nodes and threads hold one another, and no garbage collector sees the nodes."""
    first = [user("u1", None, "Fix it."), answer("a1", "u1", "m1", call("c1"))]
    rows = [*first, user("u2", "a1", [result("c1")]), user("u3", "a1", "Another way.")]

    def kept() -> int:
        gc.collect()
        return sum(type(thing) is Thread for thing in gc.get_objects())

    before = kept()
    reading = read_rows(tmp_path, rows)
    assert kept() == before
    write(tmp_path, "s.jsonl", rows)
    unread = registry.source("claude").sessions(
        (str(tmp_path / "s.jsonl"),), ReadOptions(), Ledger(), keyed
    )
    assert next(unread).messages == reading.sessions[0].messages
    del unread  # given up in the middle
    assert kept() == before


@pytest.mark.parametrize("lost", ["answer of the copy", "answer of the first", "head of the copy"])
def test_a_copy_under_new_record_ids_that_lost_its_begin(tmp_path: Path, lost: str) -> None:
    names = [f"msg_01{letter * 22}" for letter in "ABC"]
    files = []
    for prefix in ("a", "b"):
        rows, up = [], None
        for number, name in enumerate(names):
            rows.append(user(f"{prefix}p{number}", up, f"ask {number}"))
            rows.append(
                answer(f"{prefix}q{number}", f"{prefix}p{number}", name, text(f"t{number}"))
            )
            up = f"{prefix}q{number}"
        files.append([{**row, "sessionId": prefix} for row in rows])
    del files[lost != "answer of the first"][
        0 if lost[0] == "h" else 1 : 3 if lost[0] == "h" else 2
    ]
    for name, rows in zip(("a", "b"), files, strict=True):
        write(tmp_path, f"{name}.jsonl", rows)
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    (session,) = reading.sessions
    assert [m.kind for m in session.messages] == ["prompt", "answer"] * 3


def test_a_forks_copy_finds_the_output_beside_the_session_that_it_copied(tmp_path: Path) -> None:
    stub = (
        "<persisted-output>\nOutput too large (9KB). Full output saved to: "
        "/x/-p/s1/tool-results/b1.txt\n\nPreview (first 2KB):\nbegin\n...\n</persisted-output>"
    )
    folder = tmp_path / "p"
    (folder / "s1" / "tool-results").mkdir(parents=True)
    (folder / "s1" / "tool-results" / "b1.txt").write_text("begin and end")
    rows = [
        user("u1", None, "look"),
        answer("a1", "u1", "m1", call("c1")),
        user("r1", "a1", [result("c1", stub)]),
        answer("a2", "r1", "m2", text("Seen.")),
    ]
    write(tmp_path, "p/s1.jsonl", rows)
    longer = [*rows, user("u2", "a2", "on"), answer("a3", "u2", "m3", text("Gone on."))]
    write(tmp_path, "p/s2.jsonl", [{**row, "sessionId": "s2"} for row in longer])
    parts = [p for s in read("claude", tmp_path).sessions for m in s.messages for p in m.parts]
    assert [p.content for p in parts if isinstance(p, ToolResult)] == ["begin and end"]
