"""Codex rollouts of other shapes: documents, compressed files, screens, teams, drawn pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from tests.sources.test_codex import TALK, call, row, said, write
from tests.support import Reading, growth, read

from sessiontune import registry
from sessiontune.model import Image, Text, Thinking, ToolCall, ToolResult

PNG = "iVBORw0KGgo="


def whole(root: Path, *files: Path) -> Reading:
    source = registry.source("codex")
    for path in files:
        assert source.recognise(str(path), path.read_bytes()[:65536])
    reading = read("codex", root, [str(path) for path in files])
    assert reading.unbalanced() == {}
    assert all(n > 0 for n in reading.ledger.drops.values())
    return reading


def told(reading: Reading) -> list[list[tuple[Any, ...]]]:
    def plain(part: Any) -> Any:
        if isinstance(part, Text | Thinking):
            return part.text
        if isinstance(part, ToolCall):
            return (part.name, part.arguments)
        if isinstance(part, ToolResult):
            return (part.name, part.content, part.status, *(i.media_type for i in part.images))
        return part.media_type if isinstance(part, Image) else None

    return [[(m.kind, *map(plain, m.parts)) for m in s.messages] for s in reading.sessions]


def event(kind: str, at: int = 0, **payload: Any) -> dict[str, Any]:
    return row("event_msg", at, type=kind, **payload)


SPOKEN = [
    ("prompt", "one"),
    ("answer", ("shell", {})),
    ("results", ("shell", "out of c1", "ok")),
    ("answer", "did"),
]


def test_a_document_of_the_first_versions(tmp_path: Path) -> None:
    warning = said("system", "Warning: the model is not in the list.")["payload"]
    items = [warning, *(line["payload"] for line in TALK)]
    session = {"timestamp": "2025-05-17T21:00:00.000Z", "id": "old", "instructions": ""}
    path = tmp_path / "rollout-2025-05-17-d07f052f-c44a-43ce-bf73-bfdcca0631c5.json"
    path.write_text(json.dumps({"session": session, "items": items}, indent=2))
    reading = whole(tmp_path, path)
    assert told(reading) == [SPOKEN]
    assert reading.sessions[0].session_id == "old"
    assert reading.sessions[0].messages[0].at == "2025-05-17T21:00:00.000Z"
    assert reading.ledger.records[str(path)] == 6
    index = registry.source("codex").index(str(path))
    assert index.links == ("thread:d07f052f-c44a-43ce-bf73-bfdcca0631c5",)
    assert index.first == "2025-05-17T21:00:00.000Z"
    path.write_text('{\n  "session": {"id": "old"},\n  "items": [{"type": "mess')
    reading = whole(tmp_path, path)
    assert [(f.reason, f.line) for f in reading.ledger.faults] == [("truncated_line", 1)]


def test_a_compressed_rollout_and_the_one_it_was_made_of(tmp_path: Path) -> None:
    """Newer versions compress old rollouts; for a moment both are there."""
    write(tmp_path, "a", [row("session_meta", 0, id="p", cwd="/w/shop"), *TALK])
    plain = tmp_path / "rollout-a.jsonl"
    packed = tmp_path / "rollout-a.jsonl.zst"
    with pyarrow.output_stream(str(packed), compression="zstd") as out:
        out.write(plain.read_bytes())
    source = registry.source("codex")
    assert source.index(str(packed)).links == source.index(str(plain)).links
    assert told(whole(tmp_path, packed)) == [SPOKEN]
    both = whole(tmp_path, packed, plain)
    assert told(both) == [SPOKEN]
    assert both.ledger.drops["link/resumed_copy"] == len(TALK)
    packed.write_bytes(packed.read_bytes()[:40])
    assert not source.recognise(str(packed), b"")


def test_two_files_of_one_thread(tmp_path: Path) -> None:
    head = row("session_meta", 0, id="p")
    write(tmp_path, "a", [head, *TALK])
    write(tmp_path, "b", [head, *TALK, said("user", "two", 4), said("assistant", "done", 5)])
    shutil.copy(tmp_path / "rollout-b.jsonl", tmp_path / "rollout-c.jsonl")
    write(tmp_path, "d", [head, *TALK, said("user", "three", 4)])
    reading = whole(tmp_path, *sorted(tmp_path.iterdir()))
    assert told(reading) == [
        [*SPOKEN, ("prompt", "two"), ("answer", "done")],
        [("prompt", "three")],
    ]
    main, branch = reading.sessions
    assert branch.lineage == main.lineage
    assert branch.forked_from is not None
    assert branch.forked_from.message == main.messages[3].id
    ids = [m.id for s in reading.sessions for m in s.messages]
    assert len(ids) == len(set(ids))


def test_only_what_the_screen_showed(tmp_path: Path) -> None:
    ran = {"call_id": "c1", "command": ["ls"], "cwd": "/w"}
    asked = {"server": "docs", "tool": "find", "arguments": {"q": "x"}}
    found = {"Ok": {"content": [{"type": "text", "text": "a page"}]}}
    failed = {"call_id": "c3", "changes": {"a.py": {}}, "success": False, "stderr": "no such file"}
    shown = [
        row("session_meta", 0, id="p"),
        event("task_started"),
        event("user_message", message="look", images=[f"data:image/png;base64,{PNG}"]),
        event("agent_reasoning", text="hm"),
        event("agent_message", message="I look."),
        event("exec_command_begin", **ran),
        event("exec_command_end", **ran, aggregated_output="a.txt", exit_code=2),
        event("mcp_tool_call_end", call_id="c2", invocation=asked, result=found),
        event("patch_apply_end", **failed),
        event("agent_message", message="There."),
        event("token_count", info=None),
    ]
    write(tmp_path, "a", shown)
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    assert told(reading) == [
        [
            ("prompt", "look", "image/png"),
            ("answer", "hm", "I look.", ("shell", {"command": ["ls"], "workdir": "/w"})),
            ("results", ("shell", "a.txt", "error")),
            ("answer", ("docs__find", {"q": "x"})),
            ("results", ("docs__find", "a page", "ok")),
            ("answer", ("apply_patch", {"changes": {"a.py": {}}})),
            ("results", ("apply_patch", "no such file", "error")),
            ("answer", "There."),
        ]
    ]
    assert reading.ledger.drops == {
        "read/session_meta": 1,
        "read/event:task_started": 1,
        "read/event:token_count": 1,
    }
    write(tmp_path, "a", [*shown, *TALK])  # with items the screen is a second copy
    assert told(whole(tmp_path, tmp_path / "rollout-a.jsonl")) == [SPOKEN]


def test_only_what_newer_screens_showed(tmp_path: Path) -> None:
    def item(kind: str, **more: Any) -> dict[str, Any]:
        return event("item_completed", item={"type": kind, "id": "c1", **more})

    shown = [
        item("UserMessage", content=[{"type": "text", "text": "look"}]),
        item("Reasoning", summary_text=["hm"]),
        item("CommandExecution", command=["ls"], aggregated_output="a.txt", exit_code=0),
        item("Plan", text="?"),
        item("AgentMessage", content=[{"type": "Text", "text": "There."}]),
    ]
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *shown])
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    assert told(reading) == [
        [
            ("prompt", "look"),
            ("answer", "hm", ("shell", {"command": ["ls"]})),
            ("results", ("shell", "a.txt", "ok")),
            ("answer", "There."),
        ]
    ]
    assert reading.ledger.drops["read/event:item_completed"] == 1


@pytest.mark.parametrize("odd", [{}, {"role": 3}, {"cwd": []}], ids=str)
def test_a_drawn_picture_is_a_digest(tmp_path: Path, odd: dict[str, Any]) -> None:
    drawn = {"type": "image_generation_call", "id": "ig_1", "status": "completed", **odd}
    drawn |= {"revised_prompt": "a cat", "result": PNG}
    sound = {"type": "input_audio", "audio_url": "data:audio/wav;base64,UklGRgAA"}
    hidden = {"type": "encrypted_content", "encrypted_content": "gAAA"}
    heard = [sound, hidden, {"type": "input_text", "text": "hear"}]
    given = row("response_item", 4, type="message", role="user", content=heard)
    rows = [row("session_meta", 0, id="p"), said("user", "draw"), row("response_item", 2, **drawn)]
    write(tmp_path, "a", [*rows, said("assistant", "Here.", 3), given])
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    assert told(reading) == [
        [
            ("prompt", "draw"),
            ("answer", ("image_generation", {"prompt": "a cat"})),
            ("results", ("image_generation", "", "ok", "image/png")),
            ("answer", "Here."),
            ("prompt", "hear", "audio/wav"),
        ]
    ]
    assert "UklGR" not in repr(reading.sessions)


def test_words_of_another_agent_are_no_answer(tmp_path: Path) -> None:
    sent = {
        "author": "/root",
        "recipient": "/root/b",
        "content": "Look at b.",
        "trigger_turn": True,
    }
    other = {"type": "agent_message", "author": "/root", "recipient": "/root/b"}
    body = [{"type": "input_text", "text": "And at c."}]
    rows = [
        row("session_meta", 0, id="p"),
        row("inter_agent_communication", 1, **sent),
        said("assistant", json.dumps({**sent, "other_recipients": []}), 1),
        said("assistant", "b is fine.", 2),
        row("response_item", 3, **other, content=body),
        row("inter_agent_communication_metadata", 3, trigger_turn=True),
        row("realtime_item", 3, role="user", text="hm, well"),
        said("assistant", '{"author": "Tolstoy"}', 4),
        row("response_item", 5, **other, content=[{"type": "encrypted_content"}]),
    ]
    write(tmp_path, "a", rows)
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    assert told(reading) == [
        [
            ("task", "Look at b."),
            ("answer", "b is fine."),
            ("task", "And at c."),
            ("answer", '{"author": "Tolstoy"}'),
        ]
    ]
    assert reading.ledger.drops["link/repeated_record"] == 1
    assert reading.ledger.drops["read/realtime_item"] == 1


def test_what_the_program_says_that_it_wrote_was_not_typed(tmp_path: Path) -> None:
    def noted(words: str, *by: str) -> dict[str, Any]:
        line = said("user", words)
        who = [{"provenance": {"type": name}} for name in by]
        note = {"content_item_metadata": who, "create_time": 1.5}
        line["payload"]["internal_chat_message_metadata_passthrough"] = note
        return line

    odd = noted("odd", "user")
    odd["payload"]["internal_chat_message_metadata_passthrough"] = {"content_item_metadata": 7}
    rows = [row("session_meta", 0, id="p"), noted("Remember: be kind.", "harness")]
    write(tmp_path, "a", [*rows, noted("go", "user"), odd])
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    assert told(reading) == [
        [("context", "Remember: be kind."), ("prompt", "go"), ("prompt", "odd")]
    ]


def test_pieces_are_told_apart_by_their_kinds(tmp_path: Path) -> None:
    def kinds(line: dict[str, Any], *names: str | None) -> dict[str, Any]:
        note = {"turn_id": "t", "content_item_kinds": list(names)}
        line["payload"]["internal_chat_message_metadata_passthrough"] = note
        return line

    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}
    mixed = said("user", "Told by a hook.")
    mixed["payload"]["content"] += [picture, {"type": "input_text", "text": "What is this?"}]
    rows = [
        row("session_meta", 0, id="p"),
        kinds(said("user", "Be brief."), "agents_md.instructions"),
        kinds(mixed, "hooks.additional_context", "user.image", "user.text"),
        kinds(said("user", "Look again."), "user.heartbeat"),
        kinds(said("user", "go"), None),
    ]
    write(tmp_path, "a", rows)
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    assert told(reading) == [
        [
            ("context", "Be brief."),
            ("context", "Told by a hook."),
            ("prompt", "What is this?", "image/png"),
            ("context", "Look again."),
            ("prompt", "go"),
        ]
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<goal_context>\nFinish it.\n</goal_context>", ""),
        ('<codex_internal_context source="goal">\nGo on.\n</codex_internal_context>', ""),
        ("<external_mail>hello</external_mail>", ""),
        ('<hook_prompt hook_run_id="h">Run the tests.</hook_prompt>', ""),
        ("<recommended_plugins>\n- a (a)\n</recommended_plugins>", "plugins_instructions"),
        ("Warning: apply_patch was requested via exec_command.", "warning"),
        (
            "Warning: The maximum number of unified exec processes you can keep open is 60",
            "warning",
        ),
    ],
)
def test_what_the_program_wrote_in_the_name_of_the_user(
    tmp_path: Path, text: str, reason: str
) -> None:
    own = ["Warning: the tests fail", "Here is a list of files", "<mine>x</mine>"]
    rows = [row("session_meta", 0, id="p"), said("user", text), *(said("user", t) for t in own)]
    write(tmp_path, "a", rows)
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    context = [] if reason else [("context", text)]
    assert told(reading) == [[*context, *(("prompt", t) for t in own)]]
    assert not reason or reading.ledger.drops[f"read/{reason}"] == 1


def test_tools_of_a_namespace_are_defined_under_the_names_of_their_calls(tmp_path: Path) -> None:
    tools = [
        {"type": "namespace", "name": "mcp__docs", "tools": [{"name": "find", "inputSchema": {}}]},
        {"namespace": "app", "name": "open", "description": "Opens."},
        {"name": "plain"},
    ]
    write(tmp_path, "a", [row("session_meta", 0, id="p", dynamic_tools=tools), said("user", "go")])
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    names = [tool.name for tool in reading.sessions[0].tools]
    assert names == ["mcp__docs__find", "app__open", "plain"]


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ({"subagent": "compact"}, "compaction_agent"),
        ({"subagent": "memory_consolidation"}, "memory_agent"),
        ({"internal": "memory_consolidation"}, "memory_agent"),
        ({"subagent": "review"}, ""),
    ],
)
def test_agents_that_are_named_by_a_word(tmp_path: Path, origin: Any, reason: str) -> None:
    write(tmp_path, "a", [row("session_meta", 0, id="p", source=origin), *TALK, *call("c2")])
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    if reason:
        assert reading.sessions == []
        assert reading.ledger.drops[f"read/{reason}"] == 6
    else:
        (session,) = reading.sessions
        assert (session.agent_id, session.agent_type) == ("p", "review")
        assert session.messages[0].kind == "task"


def test_a_fork_that_points_at_its_parent(tmp_path: Path) -> None:
    """Newer versions copy nothing: the header says up to which line the other history holds."""
    talk = [row("session_meta", 0, id="p"), *TALK, said("user", "two", 4)]
    write(tmp_path, "b", [{**line, "ordinal": at} for at, line in enumerate(talk)])
    base = {"thread_id": "p", "end_ordinal_exclusive": 5, "end_byte_offset": 9}
    head = row("session_meta", 5, id="f", forked_from_id="p", history_base=base)
    own = [head, said("user", "other", 6), said("assistant", "fine", 7)]
    write(tmp_path, "a", [{**line, "ordinal": at} for at, line in enumerate(own, 5)])
    base = {"thread_id": "f", "end_ordinal_exclusive": 8}
    head = row("session_meta", 8, id="g", forked_from_id="f", history_base=base)
    write(tmp_path, "c", [{**head, "ordinal": 8}, said("user", "third", 9)])
    reading = whole(tmp_path, *sorted(tmp_path.iterdir()))
    assert told(reading) == [
        [*SPOKEN, ("prompt", "two")],
        [("prompt", "other"), ("answer", "fine")],
        [("prompt", "third")],
    ]
    main, first, second = reading.sessions
    assert first.forked_from is not None
    assert second.forked_from is not None
    assert first.forked_from.message == main.messages[3].id
    assert second.forked_from.message == first.messages[1].id
    assert len({s.lineage for s in reading.sessions}) == 1


def pointed(tmp_path: Path, *own: dict[str, Any]) -> Reading:
    """A thread of two turns, which then went back, and one that goes on from the two turns."""
    back = row("event_msg", 9, type="thread_rolled_back", num_turns=1)
    talk = [
        row("session_meta", 0, id="p"),
        *TALK,
        said("user", "two", 4),
        said("assistant", "B", 5),
    ]
    rows = [*talk, back, said("user", "else", 9)]
    write(tmp_path, "b", [{"ordinal": at, **line} for at, line in enumerate(rows)])
    base = {"thread_id": "p", "end_ordinal_exclusive": len(talk)}
    head = row("session_meta", 5, id="f", forked_from_id="p", history_base=base)
    rows = [{"ordinal": at, **line} for at, line in enumerate([head, *own], len(talk))]
    write(tmp_path, "a", rows)
    return whole(tmp_path, *sorted(tmp_path.iterdir()))


@pytest.mark.parametrize("again", [[], [row("session_meta", 8, id="f")]])
def test_a_fork_that_goes_back_at_once(tmp_path: Path, again: list[dict[str, Any]]) -> None:
    """Behind all that it points at; a thread that is resumed writes its header again."""
    back = row("event_msg", 7, type="thread_rolled_back", num_turns=2)
    reading = pointed(tmp_path, back, *again, said("user", "third", 9))
    last = reading.sessions[-1]
    assert told(Reading(tmp_path, [last])) == [[("prompt", "third")]]
    assert last.forked_from is None


@pytest.mark.parametrize(("turns", "at"), [(1, 5), (2, 3), (3, 0)])
def test_a_fork_that_goes_back_behind_where_it_points(tmp_path: Path, turns: int, at: int) -> None:
    back = row("event_msg", 8, type="thread_rolled_back", num_turns=turns)
    own = [said("user", "other", 6), said("assistant", "C", 7), back, said("user", "third", 9)]
    reading = pointed(tmp_path, *own)
    last = next(s for s in reading.sessions if told(Reading(tmp_path, [s]))[0][0][1] == "third")
    main = reading.sessions[0]
    if not at:  # before the first prompt
        assert last.forked_from is None
    else:
        assert last.forked_from is not None
        assert last.forked_from.message == main.messages[at].id
        assert len({s.lineage for s in reading.sessions}) == 1


def test_a_fork_that_points_at_its_parent_may_say_the_same_again(tmp_path: Path) -> None:
    again = said("user", "two", 4)
    reading = pointed(tmp_path, again, said("assistant", "C", 7))
    assert [("prompt", "two"), ("answer", "C")] in told(reading)


def test_events_of_a_part_that_stands_in_a_log_twice_count_once(tmp_path: Path) -> None:
    """Who went back once did so once; an answer behind that part was not interrupted."""
    rows = [said("user", "one"), said("assistant", "A", 1)]
    rows += [row("event_msg", 2, type="turn_aborted"), said("user", "two", 3)]
    rows += [said("assistant", "B", 4), said("user", "three", 5), said("assistant", "C", 6)]
    rows += [row("event_msg", 7, type="thread_rolled_back", num_turns=1)]
    rows += [said("user", "else", 8), said("assistant", "D", 9)]
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *rows, *rows, said("user", "on", 10)])
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    main, branch = reading.sessions
    assert [words for _, words in told(reading)[0]] == ["one", "A", "two", "B", "three", "C"]
    assert [words for _, words in told(reading)[1]] == ["else", "D", "on"]
    assert branch.forked_from is not None
    assert branch.forked_from.message == main.messages[3].id
    assert [m.flags for m in (*main.messages, *branch.messages) if m.flags] == [("interrupted",)]


def test_a_tool_of_a_namespace_keeps_it(tmp_path: Path) -> None:
    asked = {"type": "function_call", "name": "find", "namespace": "mcp__docs__"}
    output = {"type": "function_call_output", "call_id": "c", "output": "unsupported call: find"}
    rows = [row("session_meta", 0, id="p"), said("user", "go")]
    rows += [row("response_item", 1, **asked, arguments="{}", call_id="c")]
    write(tmp_path, "a", [*rows, row("response_item", 2, **output)])
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    assert told(reading)[0][1:] == [
        ("answer", ("mcp__docs__find", {})),
        ("results", ("mcp__docs__find", "unsupported call: find", "error")),
    ]


def test_an_item_that_was_written_twice_stands_once(tmp_path: Path) -> None:
    again = [said("user", "one", 9), *call("c1", 9)]
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *TALK, *TALK, *again])
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    assert told(reading) == [[*SPOKEN, ("prompt", "one"), *SPOKEN[1:3]]]  # later is not again
    assert reading.ledger.drops["link/repeated_record"] == len(TALK) - 1
    assert reading.ledger.drops["read/second_result"] == 1


def test_several_items_on_a_line(tmp_path: Path) -> None:
    def put(*items: dict[str, Any], operation: str = "append") -> dict[str, Any]:
        return row("history_mutation", 1, operation=operation, items=list(items))

    one = {"type": "function_call", "name": "shell", "call_id": "c1", "arguments": "{}"}
    two = {"type": "function_call_output", "call_id": "c1", "output": "a.py"}
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": "x"}
    rows = [
        row("session_meta", 0, id="p"),
        put(said("user", "go")["payload"], sealed, said("assistant", "I look.")["payload"], one),
        put({"type": "trae_extra_info"}, two),
        put(sealed),
        put({**two, "call_id": "c8"}),
        put(
            said("assistant", "One.")["payload"],
            said("user", "more")["payload"],
            {**two, "call_id": "c9"},
        ),
        put(operation="replace"),
        put(),
    ]
    write(tmp_path, "a", rows)
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    assert told(reading) == [
        [
            ("prompt", "go"),
            ("answer", "I look.", ("shell", {})),
            ("results", ("shell", "a.py", "ok")),
            ("answer", "One."),
            ("prompt", "more"),
        ]
    ]
    ids = [m.id for m in reading.sessions[0].messages]
    assert len(set(ids)) == len(ids)
    write(tmp_path, "b", rows[:4])
    copied = whole(tmp_path, tmp_path / "rollout-a.jsonl", tmp_path / "rollout-b.jsonl")
    assert told(copied) == told(reading)
    drops = reading.ledger.drops
    assert (drops["read/thinking_signature_only"], drops["read/empty"]) == (1, 1)
    assert drops["read/result_without_call"] == 1
    assert drops["read/unknown_type:history_mutation"] == 1


def test_lines_of_several_items_cost_their_length(tmp_path: Path) -> None:
    def appended(count: int) -> Callable[[], None]:
        rows = [row("session_meta", 0, id="p")]
        for number in range(count):
            pair = [
                said("user", f"q{number}")["payload"],
                said("assistant", f"a{number}")["payload"],
            ]
            rows.append(row("history_mutation", number, operation="append", items=pair))
        write(tmp_path, "a", rows)

        def reads() -> None:
            reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
            assert len(reading.sessions[0].messages) == 2 * count

        return reads

    assert growth(appended, 500) < 24


FILES = "# Files mentioned by the user:\n\n## a.png: /tmp/a.png\n\n"
BROWSER = '<in-app-browser-context source="ambient-ui-state">\n# In app browser:\n- url\n'
BROWSER += "</in-app-browser-context>"
NOTES = "# Diff comments:\n\n## User Comment 1\nFile: a.py\nComment:\nshorter"
CAPTION = "The next image shows PDF page 1 at the time of Comment 1. Outlined."


def reply(told: Any) -> str:
    tag = "send_user_message_question_reply"
    return f"<{tag}>\n{json.dumps(told)}\n</{tag}>"


VOICE = "<realtime_delegation>\n  <input>is 1 &lt; 2?</input>\n"
VOICE += "  <transcript_delta>user: hello</transcript_delta>\n</realtime_delegation>"


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (f"{BROWSER}\n\n## My request for Codex:\nsee {BROWSER}", "prompt", f"see {BROWSER}"),
        (f"## My request for Codex:\nlook\n\n{BROWSER}\n", "prompt", "look"),
        (f"## My request for Codex:\nparse {BROWSER}", "prompt", None),
        (f"{BROWSER}\n{FILES}## My request:\nlook", "prompt", "look"),
        (f"{BROWSER}\n", "context", f"{BROWSER}\n"),
        (f"<a> {BROWSER}", "prompt", f"<a> {BROWSER}"),
        ("# In app browser:\n- url\n\n## My request for Codex:\nlook", "prompt", "look"),
        (f"{FILES}{NOTES}\n\n## My request:\n\n", "prompt", NOTES),
        (f"{NOTES}\n\n## My request:\nalso b", "prompt", f"{NOTES}\n\n## My request:\nalso b"),
        (NOTES, "prompt", NOTES),
        (reply([{"question": "One?", "answer": "yes"}, {"answer": "no"}]), "prompt", "yes\n\nno"),
        (reply([{"answer": 1}]), "prompt", reply([{"answer": 1}])),
        (reply({"answer": "yes"}), "prompt", reply({"answer": "yes"})),
        (reply([]) + " is new", "prompt", reply([]) + " is new"),
        (reply([])[:40] + "}" + reply([])[-40:], "prompt", None),
        (CAPTION, "context", CAPTION),
        ("<heartbeat>\n<instructions>\nlook\n</instructions>\n</heartbeat>", "context", None),
        (f"{FILES}## My request for Codex:\nlook", "prompt", "look"),
        (f"{FILES}## My request:\nlook\n## My request:\nis this", "prompt", None),
        (FILES, "context", FILES),
        (VOICE, "prompt", "is 1 < 2?"),
        (VOICE.replace("is 1 &lt; 2?", " "), "context", None),
        (VOICE.replace("  <input>", "  <source>flush</source>\n  <input>"), "context", None),
    ],
)
def test_words_of_a_person_in_what_the_program_put_around_them(
    tmp_path: Path, given: str, kind: str, words: str | None
) -> None:
    write(tmp_path, "a", [row("session_meta", 0, id="p"), said("user", given)])
    (message,) = read("codex", tmp_path).sessions[0].messages
    expected = words or given.partition("## My request:\n")[2] or given
    assert (message.kind, message.parts) == (kind, (Text(expected),))


def test_what_a_script_tells_after_its_output_is_kept(tmp_path: Path) -> None:
    def output(words: str, at: int) -> dict[str, Any]:
        return row("response_item", at, type="custom_tool_call_output", call_id="c", output=words)

    script = {"type": "custom_tool_call", "name": "exec", "call_id": "c", "input": "notify('n')"}
    rows = [
        row("session_meta", 0, id="p"),
        said("user", "go"),
        row("response_item", 1, **script),
        output("Script running", 2),
        output("half way", 3),
        output("half way", 3),  # the line was written twice
        output("half way", 4),
        said("assistant", "It runs.", 5),
        output("done", 6),
        output("Script running", 7),
        said("assistant", "It is done.", 8),
    ]
    write(tmp_path, "a", rows)
    reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
    assert told(reading)[0][1:] == [
        ("answer", ("exec", {"input": "notify('n')"})),
        ("results", ("exec", "Script running\nhalf way\nhalf way", "ok")),
        ("answer", "It runs."),
        ("context", "done"),
        ("answer", "It is done."),
    ]
    assert reading.ledger.drops["link/repeated_record"] == 1
    assert reading.ledger.drops["read/second_result"] == 1


def test_many_scripts_of_one_answer_that_all_tell_something_cost_their_number(
    tmp_path: Path,
) -> None:
    def scripts(count: int) -> Callable[[], None]:
        calls = [f"c{n}" for n in range(count)]
        script = {"type": "custom_tool_call", "name": "exec", "input": "notify('n')"}
        rows = [row("response_item", 1, **script, call_id=call) for call in calls]
        for at, words in enumerate(("begun", "half way"), 2):
            output = {"type": "custom_tool_call_output", "output": words}
            rows += [row("response_item", at, **output, call_id=call) for call in calls]
        write(tmp_path, "a", [row("session_meta", 0, id="p"), said("user", "go"), *rows])

        def reads() -> None:
            reading = whole(tmp_path, tmp_path / "rollout-a.jsonl")
            (results,) = [m for s in reading.sessions for m in s.messages if m.kind == "results"]
            assert {part.content for part in results.parts} == {"begun\nhalf way"}

        return reads

    assert growth(scripts, 750) < 24


def session(name: str, at: int) -> list[dict[str, Any]]:
    head = row("session_meta", at, id=name, cwd=f"/w/{name}")
    return [head, said("user", f"ask {name}", at + 1), said("assistant", f"say {name}", at + 2)]


@pytest.mark.parametrize("alone", [[], ["b"], ["a", "b"]])
def test_sessions_that_were_put_into_one_file_are_apart(tmp_path: Path, alone: list[str]) -> None:
    """Each in its own folder, below nothing; once, if it stands in a file of its own too."""
    both = [*session("a", 0), session("a", 9)[0], *session("b", 10)]
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(line) + "\n" for line in both))
    for name in alone:
        write(tmp_path, name, session(name, 10 if name == "b" else 0))
    reading = whole(tmp_path, *sorted(tmp_path.iterdir()))
    assert sorted(told(reading)) == [
        [("prompt", f"ask {name}"), ("answer", f"say {name}")] for name in "ab"
    ]
    assert sorted((s.session_id, s.project) for s in reading.sessions) == [("a", "a"), ("b", "b")]
    assert {s.forked_from for s in reading.sessions} == {None}


def test_a_thread_and_its_fork_that_were_put_into_one_file(tmp_path: Path) -> None:
    """What the fork copied is told once, with what it goes on from."""
    first, second = session("a", 0), session("b", 10)
    fork = row("session_meta", 10, id="b", cwd="/w/b", forked_from_id="a")
    rows = [*first, fork, *first, *second[1:]]
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(line) + "\n" for line in rows))
    reading = whole(tmp_path, tmp_path / "all.jsonl")
    assert told(reading) == [
        [("prompt", f"ask {name}"), ("answer", f"say {name}")] for name in "ab"
    ]
    main, branch = reading.sessions
    assert branch.forked_from is not None
    assert branch.forked_from.message == main.messages[-1].id


def test_runs_that_were_printed_into_one_file_are_apart(tmp_path: Path) -> None:
    def run(name: str) -> list[dict[str, Any]]:
        item = {"id": "item_0", "type": "agent_message", "text": f"say {name}"}
        return [
            {"type": "thread.started", "thread_id": name},
            {"type": "turn.started"},
            {"type": "item.completed", "item": item},
        ]

    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for name in "aab" for line in run(name)))
    reading = whole(tmp_path, path)
    answers = [[("answer", "say a"), ("answer", "say a")], [("answer", "say b")]]
    assert told(reading) == answers
    assert [s.session_id for s in reading.sessions] == ["a", "b"]
