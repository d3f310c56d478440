"""Gemini CLI: what is taken back, compacted, told twice, or done by a sub-agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_other_agents import gemini, run, shape, write
from tests.support import Reading, read

from sessiontune import registry
from sessiontune.model import Image
from sessiontune.steps.clean import clean

HEADER = {"sessionId": "g", "projectHash": "h", "startTime": "t", "kind": "main"}
PNG = {"inlineData": {"data": "iVBORw0KGgo=", "mimeType": "image/png"}}


def user(name: str, *texts: str) -> dict[str, Any]:
    return {"id": name, "type": "user", "content": [{"text": text} for text in texts]}


def chat(tmp_path: Path, *rows: Any) -> Reading:
    path = write(tmp_path, "session-1.jsonl", [HEADER, *rows])
    reading = read("gemini", tmp_path, [str(path)])
    assert reading.unbalanced() == {}
    assert all(n > 0 for n in reading.ledger.drops.values())
    return reading


def test_what_was_taken_back_is_a_branch(tmp_path: Path) -> None:
    model = {"model": "gemini-2.5-pro"}
    reading = chat(
        tmp_path,
        user("1", "one"),
        gemini("2", "gemini", "first", **model),
        user("3", "two"),
        gemini("4", "gemini", "second", **model),
        {"$rewindTo": "3"},
        user("5", "or so"),
        gemini("6", "gemini", "third", **model),
        {"$rewindTo": "gone"},
        user("7", "anew"),
    )
    assert shape(reading) == [
        [("prompt", "one"), ("answer", "first"), ("prompt", "two"), ("answer", "second")],
        [("prompt", "or so"), ("answer", "third")],
        [("prompt", "anew")],
    ]
    main, branch, _ = reading.sessions
    assert branch.forked_from is not None
    assert branch.forked_from.message == main.messages[1].id
    assert reading.ledger.drops["read/rewind"] == 2


def test_a_history_that_was_rewritten(tmp_path: Path) -> None:
    setting = user("0", "<session_context>\nThis is the Gemini CLI.")
    model = {"model": "gemini-2.5-pro"}
    last = gemini("2", "gemini", "first", **model)
    reading = chat(
        tmp_path,
        {"$set": {"messages": [setting]}},
        user("1", "one"),
        last,
        {"$set": {"messages": [setting, user("1", "one"), last], "lastUpdated": "t"}},
        {"$set": {"messages": [user("8", "<state_snapshot>done</state_snapshot>"), last]}},
        user("3", "two"),
        {"$set": {"lastUpdated": "t"}},
    )
    assert shape(reading) == [
        [("prompt", "one"), ("answer", "first")],
        [("summary", "<state_snapshot>done</state_snapshot>"), ("prompt", "two")],
    ]
    assert [s.epoch for s in reading.sessions] == [0, 1]
    assert reading.ledger.drops == {"read/header": 1, "read/patch": 3}


def test_an_answer_that_was_stopped_is_not_seen_by_what_follows(tmp_path: Path) -> None:
    """The program takes the prompt and what was answered so far out of the history."""
    setting = user("0", "<session_context>\nThis is the Gemini CLI.")
    first = [user("1", "one"), gemini("2", "gemini", "first", model="m")]
    told = {"type": "info", "id": "5", "timestamp": "t", "content": "Request cancelled."}
    reading = chat(
        tmp_path,
        setting,
        *first,
        user("3", "two"),
        gemini("4", "gemini", "I begin", model="m"),
        told,
        {"$set": {"messages": [setting, *first], "lastUpdated": "t"}},
        {**told, "id": "8"},
        user("6", "no, three"),
        gemini("7", "gemini", "third", model="m"),
        {"$set": {"messages": [setting, *first, user("6", "no, three")], "lastUpdated": "t"}},
    )
    assert shape(reading) == [
        [("prompt", "one"), ("answer", "first"), ("prompt", "two"), ("answer", "I begin")],
        [("prompt", "no, three"), ("answer", "third")],
    ]
    main, branch = reading.sessions
    assert branch.forked_from is not None
    assert branch.forked_from.message == main.messages[1].id
    assert reading.ledger.drops["read/rewind"] == 1


def test_what_stands_on_the_screen_alone_makes_no_epoch(tmp_path: Path) -> None:
    """The program's own answer to calls that were stopped stands only in the rewritten history."""
    told = {"type": "info", "id": "3", "timestamp": "t", "content": "A server is slow."}
    own = gemini("4", "gemini", "[The previous response was interrupted before it completed.]")
    begun = [user("1", "one"), gemini("2", "gemini", "first", model="m")]
    history = {"$set": {"messages": [*begun, own]}}
    reading = chat(tmp_path, *begun, told, history, {"$rewindTo": "1"}, told, user("5", "two"))
    assert shape(reading) == [[("prompt", "one"), ("answer", "first")], [("prompt", "two")]]
    reading = chat(tmp_path, *begun, told, history, user("5", "two"))
    assert shape(reading) == [[("prompt", "one"), ("answer", "first"), ("prompt", "two")]]


def test_a_first_answer_that_was_stopped(tmp_path: Path) -> None:
    setting = user("0", "<session_context>\nThis is the Gemini CLI.")
    begun = [setting, user("1", "one"), gemini("2", "gemini", "I begin", model="m")]
    reading = chat(tmp_path, *begun, {"$set": {"messages": [setting]}}, user("3", "two"))
    assert shape(reading) == [[("prompt", "one"), ("answer", "I begin")], [("prompt", "two")]]
    assert [s.epoch for s in reading.sessions] == [0, 1]


def test_what_the_program_says_to_a_model_that_repeats_itself_is_no_prompt(tmp_path: Path) -> None:
    said = "System: Potential loop detected. Details: read a. Please take a step back"
    reading = chat(
        tmp_path, user("1", "one"), user("2", said), gemini("3", "gemini", "a", model="m")
    )
    assert shape(reading) == [[("prompt", "one"), ("context", said), ("answer", "a")]]


def test_results_are_no_prompts_and_stand_once(tmp_path: Path) -> None:
    def answer(call: str, output: str) -> dict[str, Any]:
        return {"functionResponse": {"id": call, "name": "look", "response": {"output": output}}}

    done = {"id": "c1", "name": "look", "args": {}, "status": "success"}
    done["result"] = [answer("c1", "seen"), PNG]
    cut = {"id": "c2", "name": "look", "args": {"b": 1}}
    told = {"id": "4", "type": "user", "content": [answer("c1", "seen"), PNG]}
    late = {"id": "6", "type": "user", "content": [answer("c2", "late")]}
    files = ["--- Content from referenced files ---", "in a", "--- End of content ---"]
    reading = chat(
        tmp_path,
        user("1", "look at @a", *files),
        gemini("3", "gemini", "", model="m", toolCalls=[done]),
        told,
        gemini("5", "gemini", "", model="m", toolCalls=[cut]),
        late,
    )
    (session,) = reading.sessions
    images = [i for m in session.messages for p in m.parts for i in getattr(p, "images", ())]
    assert [type(i) for i in images] == [Image]
    assert shape(reading) == [
        [
            ("prompt", "look at @a"),
            ("context", *files),
            ("answer", ("look", {})),
            ("results", ("seen", "ok")),
            ("answer", ("look", {"b": 1})),
            ("results", ("late", "ok")),
        ]
    ]
    assert reading.ledger.drops["read/second_result"] == 1


def test_a_sub_agent_lies_in_its_parents_folder(tmp_path: Path) -> None:
    chats = tmp_path / "shop" / "chats"
    (chats / "g").mkdir(parents=True)
    call = {"id": "c1", "name": "invoke_agent", "args": {}, "status": "success", "agentId": "k"}
    main = write(chats, "session-1.jsonl", [HEADER, user("1", "go"), gemini("2", "gemini", "",
        model="m", toolCalls=[call])])  # fmt: skip
    head = {**HEADER, "sessionId": "k", "kind": "subagent"}
    given = [{"text": "<loaded_context>\nBe kind.\n</loaded_context>"}, {"text": "look"}]
    last = "You have stopped calling tools without finishing. Call one now."
    rows = [head, {**user("3", ""), "content": given}, gemini("4", "gemini", "x"), user("5", last)]
    child = write(chats / "g", "k.jsonl", [*rows, gemini("6", "gemini", "y")])
    source = registry.source("gemini")
    assert "session:g" in source.index(str(child)).links
    reading = read("gemini", tmp_path, [str(child), str(main)])
    assert reading.unbalanced() == {}
    parent, agent = reading.sessions
    assert shape(reading)[1] == [
        ("task", "look"),
        ("context", given[0]["text"]),
        ("answer", "x"),
        ("context", last),
        ("answer", "y"),
    ]
    assert (agent.agent_id, agent.parent_session, agent.parent_call) == ("k", parent.key, "c1")
    assert (parent.project, agent.project) == ("shop", "shop")


@pytest.mark.parametrize("form", ["lines", "document", "kind behind the messages"])
def test_a_sub_agent_may_lie_beside_its_parent(tmp_path: Path, form: str) -> None:
    """And tell more than its parent; only the call that started it says whose it is."""
    chats = tmp_path / "shop" / "chats"
    chats.mkdir(parents=True)
    call = {"id": "c1", "name": "invoke_agent", "args": {}, "status": "success", "agentId": "k"}
    main = [user("1", "go"), gemini("2", "gemini", "", model="m", toolCalls=[call])]
    child = [user("3", "look"), gemini("4", "gemini", "seen " * 200)]
    for name, kind, rows in (("g", "main", main), ("k", "subagent", child)):
        head = {**HEADER, "sessionId": name, "kind": kind}
        if form == "lines":
            text = "".join(json.dumps(row) + "\n" for row in [head, *rows])
        else:
            last = {"kind": head.pop("kind")} if form != "document" else {}
            text = json.dumps({**head, "messages": rows, **last, "directories": ["x"]}, indent=2)
        (chats / f"session-{name}.json{'l' if form == 'lines' else ''}").write_text(text)
    parent, agent = read("gemini", tmp_path).sessions
    assert (agent.agent_id, agent.parent_session, agent.parent_call) == ("k", parent.key, "c1")


def content(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


SAVED = [
    content(
        "user", {"text": "This is the Gemini CLI. We are setting up the context for our chat."}
    ),
    content("model", {"text": "Got it. Thanks for the context!"}),
    content("user", {"text": "list it"}),
    content(
        "model",
        {"text": "hm", "thought": True},
        {"text": "I list."},
        {"functionCall": {"name": "ls", "args": {"path": "a"}}},
        {"functionCall": {"name": "ls", "args": {"path": "b"}}},
    ),
    content(
        "user",
        {"functionResponse": {"name": "ls", "response": {"output": "one"}}},
        {"functionResponse": {"name": "ls", "response": {"error": "two"}}},
    ),
    content("model", {"text": "One file."}),
    42,
]


@pytest.mark.parametrize("newer", [False, True])
def test_a_saved_history_is_read_where_no_chats_are(tmp_path: Path, newer: bool) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    path = folder / "checkpoint-mine.json"
    path.write_text(json.dumps({"history": SAVED} if newer else SAVED, indent=2))
    told = run("gemini", path)
    assert shape(told) == [
        [
            ("prompt", "list it"),
            ("answer", "hm", "I list.", ("ls", {"path": "a"}), ("ls", {"path": "b"})),
            ("results", ("one", "ok"), ("two", "ok")),
            ("answer", "One file."),
        ]
    ]
    (session,) = told.sessions
    assert (session.session_id, session.project) == ("shop/checkpoint-mine", "shop")
    for reason in ("environment_context", "synthetic", "no_message"):
        assert told.ledger.drops[f"read/{reason}"] == 1
    (folder / "chats").mkdir()
    (folder / "chats" / "session-1.json").write_text("{}")
    assert not registry.source("gemini").recognise(str(path), path.read_bytes())


@pytest.mark.parametrize("newer", [False, True])
def test_what_is_whole_of_a_torn_saved_history_is_read(tmp_path: Path, newer: bool) -> None:
    path = tmp_path / "checkpoint-a.json"
    path.write_text(json.dumps({"history": SAVED} if newer else SAVED, indent=2)[:-20])
    told = run("gemini", path)
    assert [kind for kind, *_ in shape(told)[0]] == ["prompt", "answer", "results"]
    assert len(told.ledger.faults) == 1


def test_what_hooks_and_the_program_add(tmp_path: Path) -> None:
    hooked = "<hook_context>Run the linter.</hook_context>"
    output = {"response": {"output": f"a\n\n{hooked}"}, "id": "c", "name": "ls"}
    listed = {"id": "c", "name": "ls", "args": {}, "status": "success"}
    listed |= {"result": [{"functionResponse": output}], "timestamp": "t"}
    got = {"text": "Binary content received. Proceeding with analysis.", "thought": True}
    got["thoughtSignature"] = "skip_thought_signature_validator"
    reading = chat(
        tmp_path,
        user("1", "look", hooked),
        gemini("2", "gemini", "I look.", model="gemini-2.5-pro", toolCalls=[listed]),
        {"id": "3", "type": "gemini", "content": [got], "thoughts": [], "timestamp": "t"},
        {"id": "4", "type": "info", "content": [PNG], "timestamp": "t"},
        {"id": "5", "type": "gemini", "content": [{**got, "thoughtSignature": "own"}]},
    )
    (session,) = reading.sessions
    assert [m.kind for m in session.messages] == [
        "prompt",
        "context",
        "answer",
        "results",
        "answer",
    ]
    assert [p.text for m in session.messages[:2] for p in m.parts] == ["look", hooked]
    assert reading.ledger.drops == {"read/header": 1, "read/synthetic": 1, "read/info": 1}
    cleaned, _ = clean(session)
    assert cleaned is not None
    assert cleaned.messages[3].parts[0].content == "a"


@pytest.mark.parametrize("indent", [None, 2])
def test_two_documents_of_one_session_are_one_unit(tmp_path: Path, indent: int | None) -> None:
    told = {"id": "m1", "type": "user", "content": "What does it hold?"}
    for name in ("session-a.json", "session-b.json"):
        document = {**HEADER, "messages": [told]}
        (tmp_path / name).write_text(json.dumps(document, indent=indent))
    source = registry.source("gemini")
    for name in ("session-a.json", "session-b.json"):
        assert source.index(str(tmp_path / name)).links == ("session:g",)
