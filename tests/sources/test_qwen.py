"""Qwen Code: prompts, answers and results as contents; forks, rewinds, compressions, agents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_codex_shapes import told
from tests.support import Reading, read

from sessiontune import registry
from sessiontune.model import Text


def row(name: str, above: str | None, kind: str, *parts: Any, **more: Any) -> dict[str, Any]:
    role = "model" if kind == "assistant" else "user"
    listed = [{"text": p} if isinstance(p, str) else p for p in parts]
    head = {"uuid": name, "parentUuid": above, "sessionId": "s", "type": kind, "cwd": "/work/shop"}
    content = {"message": {"role": role, "parts": listed}} if parts else {}
    return {**head, "timestamp": "2026-08-17T12:00:00.000Z", **content, **more}


def call(name: str, tool: str, **given: Any) -> dict[str, Any]:
    return {"functionCall": {"id": name, "name": tool, "args": given}}


def back(name: str, text: str) -> dict[str, Any]:
    return {"functionResponse": {"id": name, "name": "x", "response": {"output": text}}}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(r, separators=(",", ":")) + "\n" for r in rows))
    return path


def whole(*paths: Path) -> Reading:
    for path in paths:
        head = path.read_bytes()[:65536]
        names = [
            n for n in registry.source_names() if registry.source(n).recognise(str(path), head)
        ]
        assert names == ["qwen"]
    reading = read("qwen", paths[0].parent, map(str, paths))
    assert reading.unbalanced() == {}
    assert not reading.ledger.faults
    return reading


TALK = [
    row("u1", None, "user", "List it.", provenance="real_user"),
    row("t0", "u1", "system", subtype="ui_telemetry", systemPayload={"uiEvent": {}}),
    row(
        "a1",
        "t0",
        "assistant",
        {"text": "I look.", "thought": True},
        "Looking.",
        call("c1", "ls", path="."),
        call("c2", "cat", path="a"),
        model="qwen3-coder-plus",
        usageMetadata={
            "promptTokenCount": 9,
            "candidatesTokenCount": 4,
            "cachedContentTokenCount": 5,
        },
    ),
    row("r1", "a1", "tool_result", back("c1", "a.py"), toolCallResult={"status": "success"}),
    row("r2", "r1", "tool_result", back("c2", "no"), toolCallResult={"status": "error"}),
    row("r3", "r2", "tool_result", back("c9", "lost")),
    row("a2", "r3", "assistant", "One file.", model="qwen3-coder-plus"),
    row("n1", "a2", "user", "A task is done.", subtype="notification", provenance="system"),
    row("m1", "n1", "system", subtype="custom_title", systemPayload={"customTitle": "Files"}),
]
TOLD = [
    ("prompt", "List it."),
    ("answer", "I look.", "Looking.", ("ls", {"path": "."}), ("cat", {"path": "a"})),
    ("results", ("ls", "a.py", "ok"), ("cat", "no", "error")),
    ("answer", "One file."),
    ("context", "A task is done."),
]


def test_a_chat(tmp_path: Path) -> None:
    reading = whole(write(tmp_path / "s.jsonl", TALK))
    assert told(reading) == [TOLD]
    session = reading.sessions[0]
    assert (session.session_id, session.project, session.title) == ("s", "shop", "Files")
    usage = session.messages[1].usage
    assert usage is not None
    assert (usage.input, usage.output, usage.cache_read) == (4, 4, 5)
    assert session.messages[1].model == "qwen3-coder-plus"
    assert reading.ledger.drops["read/result_without_call"] == 1


def test_a_fork_begins_with_copies(tmp_path: Path) -> None:
    origin = {"sessionId": "s", "messageUuid": "u1"}
    copies = [{**r, "sessionId": "f", "forkedFrom": origin} for r in TALK[:7]]
    own = [
        row("u9", "a2", "user", "And now?", sessionId="f"),
        row("a9", "u9", "assistant", "Nothing.", sessionId="f"),
    ]
    first, fork = write(tmp_path / "a.jsonl", TALK), write(tmp_path / "b.jsonl", copies[3:] + own)
    links = registry.source("qwen").index(str(fork)).links
    assert links == ("session:f", "session:s")
    reading = whole(first, fork)
    assert told(reading) == [TOLD, [("prompt", "And now?"), ("answer", "Nothing.")]]
    point = reading.sessions[1].forked_from
    assert point is not None
    assert point.message == reading.sessions[0].messages[3].id


def test_back_to_an_earlier_record_is_a_branch(tmp_path: Path) -> None:
    again = [
        *TALK,
        row("u2", "a2", "user", "First."),
        row("a3", "u2", "assistant", "One."),
        row("w", "a3", "system", subtype="rewind", systemPayload={"truncatedCount": 2}),
        row("u3", "a2", "user", "Second."),
        row("a4", "u3", "assistant", "Two."),
    ]
    reading = whole(write(tmp_path / "s.jsonl", again))
    first, second = told(reading)
    assert first[-2:] == [("prompt", "First."), ("answer", "One.")]
    assert second == [("prompt", "Second."), ("answer", "Two.")]


def test_a_compression_begins_an_epoch(tmp_path: Path) -> None:
    history = [{"role": "user", "parts": [{"text": "Summary: one file."}]}]
    kept = {"compressedHistory": history}
    rows = [
        *TALK,
        row("k", "m1", "system", subtype="chat_compression", systemPayload=kept),
        row("u5", "k", "user", "Go on."),
        row("a5", "u5", "assistant", "Yes."),
        row("k2", "a5", "system", subtype="chat_compression"),
        row("u6", "k2", "user", "More."),
    ]  # fmt: skip
    reading = whole(write(tmp_path / "s.jsonl", rows))
    assert told(reading) == [
        TOLD,
        [("summary", "Summary: one file."), ("prompt", "Go on."), ("answer", "Yes.")],
        [("prompt", "More.")],
    ]
    assert [s.epoch for s in reading.sessions] == [0, 1, 2]


def test_agents_are_threads_of_their_own(tmp_path: Path) -> None:
    agent = {"agentId": "explore-1", "isSidechain": True}
    rows = [
        *TALK[:3],
        row("g1", None, "user", "Find it.", subtype="agent_launch_prompt", **agent),
        row("g2", "g1", "assistant", call("d1", "ls"), **agent),
        row("g3", "g2", "tool_result", back("d1", "b.py"), **agent),
        *TALK[3:],
    ]
    reading = whole(write(tmp_path / "s.jsonl", rows))
    assert told(reading) == [
        TOLD,
        [("task", "Find it."), ("answer", ("ls", {})), ("results", ("ls", "b.py", "ok"))],
    ]
    assert [s.agent_id for s in reading.sessions] == [None, "explore-1"]


def test_logs_of_other_agents_that_look_alike_are_not_taken() -> None:
    cursor = (
        b'{"type":"system","subtype":"init","cwd":"/p","session_id":"u","model":"Auto"}\n'
        b'{"type":"user","message":{"role":"user","content":[]},"session_id":"u"}\n'
        b'{"type":"tool_call","subtype":"started","call_id":"t","session_id":"u"}\n'
    )
    droid = (
        b'{"type":"session_start","id":"d","title":"T","version":2,"cwd":"/p"}\n'
        b'{"type":"message","id":"m","message":{"role":"user","content":[]}}\n'
    )
    printed = (
        b'{"type":"init","timestamp":"2026-01-01T00:00:00Z","session_id":"s","model":"g"}\n'
        b'{"type":"message","timestamp":"2026-01-01T00:00:00Z","role":"user","content":"hi"}\n'
    )
    stream = b'{"type":"system","subtype":"init","sessionId":"s","cwd":"/p","tools":[],"id":"x"}\n'
    for head, whose in ((cursor, []), (droid, ["droid"]), (printed, []), (stream, [])):
        taken = [
            n for n in registry.source_names() if registry.source(n).recognise("/x/a.jsonl", head)
        ]
        assert taken == whose


def test_an_agent_in_the_background_hangs_below_its_call(tmp_path: Path) -> None:
    """A small file with notes beside it; its answer comes back as a notice of the program."""
    notices = "\n".join(
        f"<task-notification>\n<task-id>{n}</task-id>\n<summary>Agent {n} is done.</summary>\n"
        f"<result>{result}</result>\n<usage>9</usage>\n</task-notification>"
        for n, result in (("a", "Seven tables."), ("b", "Two keys."))
    )
    shown = ("--- Content from referenced files ---", "the rules", "--- End of content ---")
    talk = [
        row("u1", None, "user", "Count @rules.", *shown, provenance="real_user"),
        row("a1", "u1", "assistant", call("c1", "agent", prompt="Look."), model="m"),
        row("r1", "a1", "tool_result", back("c1", "launched")),
        row("n1", "r1", "user", notices, subtype="notification", provenance="system"),
        row("a2", "n1", "assistant", "Seven, and two keys.", model="m"),
    ]
    side = {"agentId": "general-c1", "isSidechain": True}
    agent = [row("k1", None, "user", "Look.", **side)]
    agent += [row(f"k{n}", f"k{n - 1}", "assistant", "Seven. " * 300, **side) for n in (2, 3)]
    about = {"agentType": "general", "toolUseId": "c1", "createdAt": "2026-11-02", "model": "m-2"}
    beside = write(tmp_path / "agent-general-c1.jsonl", agent)
    (tmp_path / "agent-general-c1.meta.json").write_text(json.dumps(about))
    main, sub = whole(beside, write(tmp_path / "s.jsonl", talk)).sessions
    assert [m.kind for m in main.messages] == [
        *("prompt", "context", "answer", "results", "context", "answer")
    ]
    assert [p.text for p in main.messages[0].parts if isinstance(p, Text)] == ["Count @rules."]
    assert [p.text for p in main.messages[4].parts if isinstance(p, Text)] == [
        *("Agent a is done.", "Seven tables.", "Agent b is done.", "Two keys.")
    ]
    assert (sub.agent_id, sub.agent_type) == ("general-c1", "general")
    assert (sub.parent_session, sub.parent_call) == (main.key, "c1")
    assert sub.messages[0].kind == "task"
    assert {m.model for m in sub.messages[1:]} == {"m-2"}


@pytest.mark.parametrize(
    "before",
    [
        "during tool execution",
        "while you were responding",
        "while you were responding; your response was interrupted",
    ],
)
def test_words_typed_meanwhile_stand_without_what_the_program_put_before(
    tmp_path: Path, before: str
) -> None:
    said = f"\n[User message received {before}]: [sic] save logs "
    rows = [
        row("u1", None, "user", "go"),
        row("a1", "u1", "assistant", call("c1", "ls")),
        row("r1", "a1", "tool_result", back("c1", "x")),
        row("u2", "r1", "user", said, subtype="mid_turn_user_message"),
        row("a2", "u2", "assistant", "did"),
        row("u3", "a2", "user", f"what is {said}"),
        row("a3", "u3", "assistant", "a note"),
    ]
    prompts = [t[1] for t in told(whole(write(tmp_path / "s.jsonl", rows)))[0] if t[0] == "prompt"]
    assert prompts == ["go", "[sic] save logs ", f"what is {said}"]


def test_what_a_hook_adds_is_no_part_of_the_prompt(tmp_path: Path) -> None:
    hook = "<qwen:user-prompt-submit-context>\nbe brief\n</qwen:user-prompt-submit-context>"
    rows = [
        row("u1", None, "user", "go", hook, systemPayload={"displayText": "go"}),
        row("a1", "u1", "assistant", "did"),
    ]
    assert told(whole(write(tmp_path / "s.jsonl", rows))) == [
        [("prompt", "go"), ("context", hook), ("answer", "did")]
    ]


def test_the_talk_with_a_voice_model_is_left_out(tmp_path: Path) -> None:
    """The program writes it with the roles of a conversation, but never sends it to the model; the
    prompt that the voice model passed on is a record of the usual kind."""
    voice = {"subtype": "realtime_message"}
    rows = [
        row("v1", None, "user", "hm, could you, well, list it", **voice),
        row("v2", "v1", "assistant", "Sure, I ask!", model="qwen3-omni-flash-realtime", **voice),
        row("u1", "v2", "user", "List it.", provenance="real_user"),
        row("a1", "u1", "assistant", "One file.", model="qwen3-coder-plus"),
        row("v3", "a1", "assistant", "It is one file, he says.", model="omni", **voice),
    ]
    reading = whole(write(tmp_path / "s.jsonl", rows))
    assert told(reading) == [[("prompt", "List it."), ("answer", "One file.")]]
    assert reading.ledger.drops == {"read/realtime_message": 3}
