"""Cursor: the database with all chats of its editor."""

from __future__ import annotations

import copy
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_odd_fields import places, put
from tests.sources.test_other_agents import run, shape
from tests.support import read

from sessiontune import registry
from sessiontune.model import Image

TABLES = """
CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB);
CREATE TABLE cursorDiskKV (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB);
"""
AT = "2026-05-02T08:32:{:02}.000Z"
Chat = dict[str, Any]


def said(kind: int, text: str = "", **more: Any) -> dict[str, Any]:
    return {"_v": 3, "type": kind, "text": text, "codeBlocks": [], **more}


def called(own: str, result: Any = None, status: str = "completed", **more: Any) -> dict[str, Any]:
    tool = {
        "tool": 15,
        "name": "run_terminal_cmd",
        "toolCallId": own,
        "status": status,
        "rawArgs": json.dumps({"command": own}),
        "params": json.dumps({"command": own, "requireUserApproval": True}),
        **({"result": json.dumps(result)} if result is not None else {}),
        **more,
    }
    return said(2, capabilityType=15, toolFormerData=tool)


def chat(own: str, *messages: dict[str, Any], **more: Any) -> Chat:
    """A chat with its messages, which get their ids and times."""
    held = []
    for nth, message in enumerate(messages):
        stamp = {"bubbleId": f"{own}-{nth}", "createdAt": AT.format(nth)}
        held.append({**stamp, **message})
    about = {
        "_v": 16,
        "composerId": own,
        "name": "T",
        "createdAt": 1777710752243,
        "modelConfig": {"modelName": "claude-4.5-sonnet"},
        "fullConversationHeadersOnly": [{"bubbleId": m["bubbleId"], "type": 1} for m in held],
        **more,
    }
    return {"about": about, "held": held}


def database(tmp_path: Path, *chats: Chat, name: str = "globalStorage") -> Path:
    (tmp_path / name).mkdir(exist_ok=True)
    base = sqlite3.connect(tmp_path / name / "state.vscdb")
    base.executescript(TABLES)
    base.execute("INSERT INTO ItemTable VALUES ('cursorAuth/accessToken', 'x')")
    for one in chats:
        own = one["about"]["composerId"]
        rows = [(f"composerData:{own}", one["about"])]
        rows += [(f"bubbleId:{own}:{m['bubbleId']}", m) for m in reversed(one["held"])]
        for key, value in rows:
            base.execute("INSERT INTO cursorDiskKV VALUES (?, ?)", (key, json.dumps(value)))
    base.commit()
    base.close()
    return tmp_path / name / "state.vscdb"


SHELL = "run_terminal_cmd"
MAIN = chat(
    "c",
    said(1, "list it", workspaceUris=["file:///home/u/my%20shop"]),
    said(2, thinking={"text": "hm", "signature": "x"}, capabilityType=30),
    said(2, "I list.", tokenCount={"inputTokens": 7, "outputTokens": 3}),
    called("ls", {"output": "till.py", "exitCodeV2": 0}, modelCallId="m1"),
    called("cat x", {"output": "no", "exitCodeV2": 1}, modelCallId="m1"),
    called("look", {"agentId": "a"}, modelCallId="m2", name="task_v2"),
    said(2, "One file."),
)
AGENT = chat(
    "a",
    said(1, "look around"),
    said(2, "Seen."),
    name="Look",
    subagentInfo={"parentComposerId": "c", "toolCallId": "look", "subagentTypeName": "explore"},
)
TOLD = [
    ("prompt", "list it"),
    ("answer", "hm", "I list.", (SHELL, {"command": "ls"}), (SHELL, {"command": "cat x"})),
    ("results", ("till.py", "ok"), ("no", "error")),
    ("answer", ("task_v2", {"command": "look"})),
    ("results", ('{"agentId": "a"}', "ok")),
    ("answer", "One file."),
]


def test_a_chat_and_its_sub_agent(tmp_path: Path) -> None:
    path = database(tmp_path, AGENT, MAIN)
    told = run("cursor", path)
    assert shape(told) == [TOLD, [("task", "look around"), ("answer", "Seen.")]]
    session, agent = told.sessions
    assert (session.session_id, session.project, session.title) == ("c", "my shop", "T")
    assert session.messages[1].vendor == "anthropic"
    assert session.messages[0].at == "2026-05-02T08:32:00.000Z"
    usage = session.messages[1].usage
    assert usage is not None
    assert (usage.input, usage.output) == (7, 3)
    assert (agent.agent_id, agent.agent_type, agent.project) == ("a", "explore", "my shop")
    assert (agent.parent_session, agent.parent_call) == (session.key, "look")
    assert told.ledger.records[str(path)] == 9
    index = registry.source("cursor").index(str(path))
    assert index.links == ("session:a", "session:c")
    assert index.names == ("/home/u/my shop",)
    assert (index.lines, index.first) == (9, "2026-05-02T08:32:32.243Z")


def test_a_chat_that_holds_its_messages(tmp_path: Path) -> None:
    old = chat("c", said(1, "list it"), said(2, "One file."))
    old["about"] |= {"conversation": old["held"], "fullConversationHeadersOnly": []}
    old["held"] = []
    told = run("cursor", database(tmp_path, old))
    assert shape(told) == [[("prompt", "list it"), ("answer", "One file.")]]
    mapped = chat("c", said(1, "list it"), said(2, "One file."))
    mapped["about"]["conversationMap"] = {m["bubbleId"]: m for m in mapped["held"]}
    mapped["held"] = []
    (tmp_path / "b").mkdir()
    assert shape(run("cursor", database(tmp_path / "b", mapped))) == shape(told)


def test_a_chat_that_lists_nothing_is_told_by_time(tmp_path: Path) -> None:
    bare = chat("c", said(1, "list it"), said(2, "One file."), fullConversationHeadersOnly=[])
    told = run("cursor", database(tmp_path, bare))
    assert shape(told) == [[("prompt", "list it"), ("answer", "One file.")]]


def test_how_calls_end(tmp_path: Path) -> None:
    error = json.dumps({"clientVisibleErrorMessage": "!", "modelVisibleErrorMessage": "No file."})
    told = run(
        "cursor",
        database(
            tmp_path,
            chat(
                "c",
                said(1, "go"),
                called("1", {"rejected": True, "output": ""}),
                called("2", userDecision="rejected"),
                called("3", status="cancelled"),
                called("4", status="error", error=error),
                called("5", status="loading"),
                called("6", {"contents": "x = 1"}, rawArgs="", toolCallId="4"),
                called("7", {"diff": {"chunks": []}}, params="{", rawArgs='{"half'),
                said(2, "Done."),
            ),
        ),
    )
    ends = [m.parts[0] for s in told.sessions for m in s.messages if m.kind == "results"]
    assert [(e.content, e.status) for e in ends] == [
        ("", "rejected"),
        ("", "rejected"),
        ("", "interrupted"),
        ("No file.", "error"),
        ("", "missing"),
        ("x = 1", "ok"),
        ('{"diff": {"chunks": []}}', "ok"),
    ]
    calls = [p for s in told.sessions for m in s.messages if m.kind == "answer" for p in m.parts]
    assert calls[5].arguments == {"command": "6", "requireUserApproval": True}
    assert calls[6].arguments == {"input": '{"half'}
    assert calls[5].id == "c-6"


def test_what_stands_beside_a_prompt(tmp_path: Path) -> None:
    rich = {"root": {"children": [{"children": [{"text": "fix "}, {"text": "it"}]}, {"text": "!"}]}}
    told = run(
        "cursor",
        database(
            tmp_path,
            chat(
                "c",
                said(
                    1,
                    richText=json.dumps(rich),
                    images=[{"data": "iVBORw0KGgo="}, {"uuid": "only a name"}],
                    context={"selections": [{"text": "x = 1", "uri": {}}, {"rawText": "y"}]},
                    attachedCodeChunks=[{"lines": ["a", "b"]}, {"contents": "y"}],
                    modelInfo={"modelName": "default"},
                ),
                said(2, "Done."),
                said(1, "Go on with the to-do list.", isNudge=True),
                said(2, "And on."),
                said(2, errorDetails={"error": "overloaded"}),
                said(1),
                said(7, "?"),
                status="aborted",
            ),
        ),
    )
    assert [m.kind for s in told.sessions for m in s.messages] == [
        *("context", "prompt", "answer", "context", "answer")
    ]
    (session,) = told.sessions
    assert [p.text for p in session.messages[0].parts] == ["x = 1", "y", "a\nb"]
    assert session.messages[1].parts[0].text == "fix it\n!"
    assert isinstance(session.messages[1].parts[1], Image)
    assert session.messages[2].model == ""
    assert "interrupted" in session.messages[4].flags
    assert told.ledger.repairs["unknown_part"] == 1
    for reason in ("api_error", "empty", "unknown_type:message"):
        assert told.ledger.drops[f"read/{reason}"] == 1


def test_a_summary_begins_an_epoch(tmp_path: Path) -> None:
    summary = json.dumps({"summary": "so far", "truncationLastBubbleIdInclusive": "c-1"})
    told = run(
        "cursor",
        database(
            tmp_path,
            chat(
                "c",
                said(1, "list it"),
                said(2, "One file."),
                said(2, conversationSummary=summary),
                said(1, "on"),
                said(2, "Done."),
            ),
        ),
    )
    assert shape(told) == [
        [("prompt", "list it"), ("answer", "One file.")],
        [("summary", "so far"), ("prompt", "on"), ("answer", "Done.")],
    ]


def test_what_was_taken_back_and_deleted_chats(tmp_path: Path) -> None:
    path = database(tmp_path, MAIN)
    base = sqlite3.connect(path)
    for key in ("bubbleId:c:gone", "bubbleId:deleted:m"):
        base.execute("INSERT INTO cursorDiskKV VALUES (?, ?)", (key, json.dumps(said(1, "no"))))
    base.execute("UPDATE cursorDiskKV SET value = 'null' WHERE key = 'bubbleId:c:c-6'")
    base.commit()
    base.close()
    told = run("cursor", path)
    assert shape(told) == [TOLD[:-1]]
    assert told.ledger.drops["read/not_listed"] == 2
    assert told.ledger.drops["read/no_message"] == 1


def test_a_chat_that_goes_on_from_a_copy_of_another(tmp_path: Path) -> None:
    fork = chat("f", said(1, "and now"), said(2, "Now."))
    fork["held"] = [*copy.deepcopy(MAIN["held"][:3]), *fork["held"]]
    listed = [{"bubbleId": m["bubbleId"]} for m in fork["held"]]
    fork["about"]["fullConversationHeadersOnly"] = listed
    path = database(tmp_path, MAIN, fork)
    told = run("cursor", path)
    assert shape(told) == [TOLD, [("prompt", "and now"), ("answer", "Now.")]]
    main, branch = told.sessions
    assert branch.lineage == main.lineage
    assert branch.forked_from is not None
    assert told.ledger.drops["link/resumed_copy"] == 3
    paths = [str(path), str(database(tmp_path, MAIN, fork, name="backup"))]
    again = read("cursor", tmp_path, paths)
    assert again.unbalanced() == {}
    assert shape(again) == shape(told)


def test_a_database_without_chats_is_no_log(tmp_path: Path) -> None:
    path = database(tmp_path, name="0a1b")
    source = registry.source("cursor")
    assert not source.recognise(str(path), path.read_bytes()[:65536])
    (tmp_path / "2").mkdir()
    path = database(tmp_path / "2", MAIN, name="0a1b")
    assert source.recognise(str(path), path.read_bytes()[:65536])
    assert not source.recognise(str(path), b"SQLite format 3\0")


@pytest.mark.parametrize("odd", [42, [], {"type": "text"}, None], ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    full = chat(
        "c",
        said(
            1,
            "x",
            richText="{}",
            images=[{"data": "eA=="}],
            context={"selections": [{"text": "t"}]},
            attachedCodeChunks=[{"lines": ["a"]}],
            workspaceUris=["file:///w"],
            modelInfo={"modelName": "m"},
        ),
        said(2, thinking={"text": "h"}, tokenCount={"inputTokens": 1, "outputTokens": 1}),
        called("ls", {"output": "o", "exitCode": 0}, modelCallId="m"),
        said(2, conversationSummary='{"summary": "s"}', timingInfo={"clientRpcSendTime": 1}),
        subagentInfo={"parentComposerId": "c", "toolCallId": "t", "subagentTypeName": "x"},
        workspaceIdentifier={"uri": {"fsPath": "/w"}},
        conversation=[said(2, "old")],
    )
    for nth, at in enumerate(places(full)):
        if at in (("about",), ("held",), ("about", "composerId")) or (
            at[0] == "held" and (len(at) < 3 or at[2] == "bubbleId")
        ):
            continue
        folder = tmp_path / str(nth)
        folder.mkdir()
        told = read("cursor", folder, [str(database(folder, put(full, at, odd)))])
        assert told.unbalanced() == {}, at
        registry.source("cursor").index(str(folder / "globalStorage" / "state.vscdb"))


def test_an_output_nested_too_deep_is_a_fault_and_nothing_else(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    call = called("ls")
    call["toolFormerData"]["result"] = {"told": deep}
    path = database(tmp_path, chat("c", said(1, "x"), call, said(2, "y")))
    told = read("cursor", tmp_path, [str(path)])
    assert told.unbalanced() == {}
    assert [fault.reason for fault in told.ledger.faults] == ["too_deep"]
    assert [shown[1] for shown in shape(told)[0]] == ["x", "y"]


def test_each_message_of_a_deleted_chat_is_counted(tmp_path: Path) -> None:
    path = database(tmp_path, chat("c", said(1, "x"), said(2, "y")))
    base = sqlite3.connect(path)
    for own in ("1", "2", "3"):
        base.execute("INSERT INTO cursorDiskKV VALUES (?, '{}')", (f"bubbleId:gone:{own}",))
    base.commit()
    base.close()
    told = read("cursor", tmp_path, [str(path)])
    assert told.unbalanced() == {}
    assert told.ledger.drops["read/not_listed"] == 3


def test_a_call_without_arguments_has_none(tmp_path: Path) -> None:
    call = called("a", {"output": "o"}, rawArgs="{}", params="{}")
    told = run("cursor", database(tmp_path, chat("c", said(1, "x"), call)))
    assert shape(told)[0][1] == ("answer", (SHELL, {}))


def test_calls_and_messages_without_ids(tmp_path: Path) -> None:
    calls = [called("", {"output": words}, modelCallId="m") for words in ("one", "two")]
    path = database(tmp_path, chat("c", conversation=[said(1, "x"), *calls, said(2, "y")]))
    given = (SHELL, {"command": ""})
    results = ("results", ("one", "ok"), ("two", "ok"))
    assert shape(run("cursor", path)) == [
        [("prompt", "x"), ("answer", given, given), results, ("answer", "y")]
    ]
