"""Copilot CLI: sub-agents between the events of their parent, compactions, what was taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_other_agents import shape, write
from tests.support import Reading, read

from sessiontune.model import Image, ToolResult, Usage


def event(kind: str, name: str, agent: str = "", **data: Any) -> dict[str, Any]:
    row = {"type": kind, "id": name, "timestamp": "2026-03-01T10:00:00.000Z", "data": data}
    return {**row, "agentId": agent} if agent else row


def call(name: str, tool: str) -> dict[str, Any]:
    return {"toolCallId": name, "name": tool, "arguments": {}}


def events(tmp_path: Path, *rows: Any) -> Reading:
    head = event("session.start", "e0", sessionId="k", context={"cwd": "/w/shop"})
    path = write(tmp_path, "events.jsonl", [head, *rows])
    reading = read("copilot", tmp_path, [str(path)])
    assert reading.unbalanced() == {}
    return reading


@pytest.mark.parametrize("newer", [True, False])
def test_a_sub_agent_is_a_thread_of_its_own(tmp_path: Path, newer: bool) -> None:
    agent = "a1" if newer else ""
    mine: dict[str, Any] = {} if newer else {"parentToolCallId": "c1"}
    started = {"toolCallId": "c1", "agentName": "explore"}
    rows = [
        event("user.message", "e1", content="go"),
        event("assistant.message", "e2", content="", toolRequests=[call("c1", "task")]),
        event("user.message", "e4", agent, content="look", **mine),
        event("subagent.started", "e3", agent, **started),
        event("assistant.message", "e5", agent, content="", toolRequests=[call("c2", "bash")],
              **mine),
        event("tool.execution_complete", "e6", agent, toolCallId="c2", result={"content": "a.txt"},
              shellExecution={"exitCode": 2}, **mine),
        event("assistant.message", "e7", agent, content="There.", **mine),
        event("tool.execution_complete", "e8", toolCallId="c1", result={"content": "There."}),
        event("assistant.message", "e9", content="Done."),
    ]  # fmt: skip
    reading = events(tmp_path, *rows)
    assert shape(reading) == [
        [
            ("prompt", "go"),
            ("answer", ("task", {})),
            ("results", ("There.", "ok")),
            ("answer", "Done."),
        ],
        [
            ("task", "look"),
            ("answer", ("bash", {})),
            ("results", ("a.txt", "error")),
            ("answer", "There."),
        ],
    ]
    main, child = reading.sessions
    assert (child.agent_id, child.agent_type) == ("a1" if newer else "c1", "explore")
    assert (child.parent_session, child.parent_call) == (main.key, "c1")
    assert child.session_id == "k"


def test_a_compaction_and_what_was_taken_back(tmp_path: Path) -> None:
    reading = events(
        tmp_path,
        event("user.message", "e1", content="one"),
        event("assistant.message", "e2", content="first"),
        event("user.message", "e3", content="two"),
        event("assistant.message", "e4", content="second"),
        event("session.snapshot_rewind", "e5", upToEventId="e3", eventsRemoved=2),
        event("user.message", "e6", content="or so"),
        event("session.compaction_complete", "e7", success=True, summaryContent="We talked."),
        event("user.message", "e8", content="go on"),
        event("session.compaction_complete", "e9", success=False),
        event("user.message", "e10", content="keep at it", isAutopilotContinuation=True),
        event("user.message", "e11", content="# PDF", source="skill-pdf"),
        event("session.context_cleared", "e12"),
        event("user.message", "e13", content="anew"),
    )
    assert shape(reading) == [
        [("prompt", "one"), ("answer", "first"), ("prompt", "two"), ("answer", "second")],
        [("prompt", "or so")],
        [
            ("summary", "We talked."),
            ("prompt", "go on"),
            ("context", "keep at it"),
            ("context", "# PDF"),
        ],
        [("prompt", "anew")],
    ]
    main, branch, *_ = reading.sessions
    assert branch.forked_from is not None
    assert branch.forked_from.message == main.messages[1].id


def test_pictures_are_digests(tmp_path: Path) -> None:
    png = {"mimeType": "image/png", "data": "iVBORw0KGgo="}
    named = {"type": "image", "assetId": "sha256:1", "mimeType": "image/png"}
    reading = events(
        tmp_path,
        event("user.message", "e1", content="see", attachments=[{"type": "blob", **png}]),
        event("assistant.message", "e2", content="", toolRequests=[call("c1", "view")]),
        event("session.binary_asset", "e3", assetId="sha256:1", **png),
        event("tool.execution_complete", "e4", toolCallId="c1",
              result={"content": "Viewed.", "binaryResultsForLlm": [named, {"assetId": "?"}]}),
    )  # fmt: skip
    prompt, _, results = reading.sessions[0].messages
    result = results.parts[0]
    assert isinstance(result, ToolResult)
    assert isinstance(prompt.parts[1], Image)
    assert result.images == (prompt.parts[1],)


def test_what_a_request_took_stands_in_a_record_of_its_own(tmp_path: Path) -> None:
    """Newer versions; a call that the program puts into the model's mouth was no request."""
    took = {"inputTokens": 9, "outputTokens": 5, "cacheReadTokens": 4, "apiCallId": "r1"}
    reading = events(
        tmp_path,
        event("user.message", "1", content="Look."),
        event("session.usage_record", "2", usage=took),
        event("assistant.message", "3", content="I look.", model="m", apiCallId="r1"),
        event("assistant.message", "4", content="", toolRequests=[call("c1", "read_agent")]),
        event("tool.execution_complete", "5", toolCallId="c1", success=True, result="idle"),
        event("assistant.message", "6", content="", model="m", apiCallId="r1"),
    )
    (session,) = reading.sessions
    own, program = [m for m in session.messages if m.kind == "answer"]
    assert (own.usage, own.injected) == (Usage(5, 5, 4, 0), False)
    assert program.injected


@pytest.mark.parametrize(
    "source",
    ["instruction-discovery", "thinking-exhausted-continuation", "autopilot", "system", "skill-a"],
)
def test_what_the_program_sent_was_not_typed(tmp_path: Path, source: str) -> None:
    rows = [
        event("user.message", "e1", content="go", source="user"),
        event("assistant.message", "e2", content="I do"),
        event("user.message", "e3", content="Please continue from where you left off.",
              source=source),
        event("assistant.message", "e4", content="and more"),
        event("user.message", "e5", content="what of instructions?", source="immediate-prompt"),
        event("assistant.message", "e6", content="none"),
    ]  # fmt: skip
    assert [kind for kind, *_ in shape(events(tmp_path, *rows))[0]] == [
        *("prompt", "answer", "context", "answer", "prompt", "answer")
    ]


def test_a_notification_that_names_no_sender_or_an_agent_is_context(tmp_path: Path) -> None:
    told = "<system_notification>\nAgent finished</system_notification>"
    rows = [
        event("user.message", "e1", content="go"),
        event("assistant.message", "e2", content="I do"),
        event("user.message", "e3", content=told),
        event("user.message", "e4", content=told, source="agent-workspace-1"),
        event("assistant.message", "e5", content="done"),
    ]
    kinds = [kind for kind, *_ in shape(events(tmp_path, *rows))[0]]
    assert kinds == ["prompt", "answer", "context", "context", "answer"]


def test_what_another_session_sent_is_a_task(tmp_path: Path) -> None:
    """Only what the model saw tells it; a person who quotes such a message typed it."""
    head = (
        "<current_datetime>now</current_datetime>\n<cross_session_message>\nfrom_session_id: s2\n"
    )
    quoted = "why is there <cross_session_message>\nfrom_session_id: s2\nAudit?"
    rows = [
        event("user.message", "e1", content="Audit finished.",
              transformedContent=f"{head}Audit finished.\n</cross_session_message>"),
        event("assistant.message", "e2", content="merging"),
        event("user.message", "e3", content=quoted, transformedContent=f"<a>now</a>\n{quoted}"),
        event("assistant.message", "e4", content="to tell them apart"),
        event("user.message", "e5",
              content="<cross_session_message>\nfrom_session_id: s2\nMerge"),
        event("assistant.message", "e6", content="merged"),
    ]  # fmt: skip
    kinds = [kind for kind, *_ in shape(events(tmp_path, *rows))[0]]
    assert kinds == ["task", "answer", "prompt", "answer", "task", "answer"]


def test_the_prompt_of_an_agent_is_not_of_the_main_thread(tmp_path: Path) -> None:
    """Some versions name the agent on its prompt alone by where the message comes from."""
    rows = [
        event("user.message", "e1", content="go"),
        event("assistant.message", "e2", content="", toolRequests=[call("c1", "task")]),
        event("user.message", "e3", content="look", source="agent-a1"),
        event("assistant.message", "e4", "a1", content="There."),
        event("tool.execution_complete", "e5", toolCallId="c1", result={"content": "There."}),
        event("assistant.message", "e6", content="Done."),
    ]
    main, side = shape(events(tmp_path, *rows))
    assert [kind for kind, *_ in main] == ["prompt", "answer", "results", "answer"]
    assert side == [("task", "look"), ("answer", "There.")]
