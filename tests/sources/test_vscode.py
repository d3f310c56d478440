"""The chat of VS Code: documents, and documents with the changes that came after."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_odd_fields import places, put
from tests.sources.test_other_agents import run, shape, write
from tests.support import read

from sessiontune import registry
from sessiontune.model import Image

Request = dict[str, Any]
AT = 1768000000000


def asked(name: str, text: str, *rounds: dict[str, Any], **more: Any) -> Request:
    """A request with the rounds that its participant noted."""
    results = {c["id"]: output(f"out {c['id']}") for r in rounds for c in r["toolCalls"]}
    told = {"toolCallRounds": list(rounds), "toolCallResults": results, **more.pop("told", {})}
    return {
        "requestId": f"request_{name}",
        "message": {"text": text, "parts": [{"kind": "text", "text": text}]},
        "variableData": {"variables": []},
        "response": [{"value": "shown"}],
        "timestamp": AT,
        "modelId": "copilot/claude-sonnet-4.5",
        "result": {"metadata": told, "usage": {"promptTokens": 7, "completionTokens": 3}},
        **more,
    }


def answered(text: str, *calls: str, **more: Any) -> dict[str, Any]:
    told = [{"id": c, "name": "run", "arguments": json.dumps({"command": c})} for c in calls]
    return {"response": text, "toolCalls": told, "id": f"round {text}", **more}


def output(text: str) -> dict[str, Any]:
    first, _, rest = text.partition(" ")
    tree = {"type": 1, "children": [{"text": first}, {"children": [{"text": f" {rest}"}]}]}
    return {"$mid": 20, "content": [{"$mid": 23, "value": {"node": tree}}]}


def chat(*requests: Request, **more: Any) -> dict[str, Any]:
    return {
        "version": 3,
        "responderUsername": "GitHub Copilot",
        "initialLocation": "panel",
        "requests": list(requests),
        "sessionId": "chat",
        "creationDate": AT,
        "customTitle": "T",
        **more,
    }


def keep(root: Path, document: Any, name: str = "chat.json") -> Path:
    (root / "ws" / "chatSessions").mkdir(parents=True, exist_ok=True)
    (root / "ws" / "workspace.json").write_text('{"folder": "file:///home/u/my%20shop"}')
    path = root / "ws" / "chatSessions" / name
    path.write_text(json.dumps(document))
    return path


def lines(root: Path, *rows: Any) -> Path:
    (root / "chatSessions").mkdir(parents=True, exist_ok=True)
    return write(root / "chatSessions", "chat.jsonl", list(rows))


FIRST = asked("1", "list it", answered("I list.", "a", "b", thinking={"text": ["h", "m"]}))
SECOND = asked("2", "and now", answered("One file."))
RUN = [("run", {"command": "a"}), ("run", {"command": "b"})]
TOLD = [
    ("prompt", "list it"),
    ("answer", "hm", "I list.", *RUN),
    ("results", ("out a", "ok"), ("out b", "ok")),
    ("prompt", "and now"),
    ("answer", "One file."),
]


def test_a_chat(tmp_path: Path) -> None:
    path = keep(tmp_path, chat(FIRST, SECOND))
    told = run("vscode", path)
    assert shape(told) == [TOLD]
    (session,) = told.sessions
    assert (session.session_id, session.project, session.title) == ("chat", "my shop", "T")
    answer = session.messages[1]
    assert (answer.model, answer.vendor) == ("claude-sonnet-4.5", "anthropic")
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output) == (7, 3)
    assert session.messages[0].at == "2026-01-09T23:06:40.000Z"
    assert told.ledger.records[str(path)] == 2
    index = registry.source("vscode").index(str(path))
    assert (index.links, index.names) == (("session:chat",), ("/home/u/my shop",))
    assert len(index.ids) == 16


def changes(*requests: Request) -> list[Any]:
    """The lines of a chat as it grows: a request, its answer bit by bit, what came of it."""
    rows: list[Any] = [{"kind": 0, "v": chat(customTitle=None)}]
    for nth, request in enumerate(requests):
        bare = {**request, "response": [], "result": None}
        rows.append({"kind": 2, "k": ["requests"], "v": [bare]})
        rows.append({"kind": 2, "k": ["requests", nth, "response"], "v": [{"value": "sh"}]})
        rows.append(
            {"kind": 2, "k": ["requests", nth, "response"], "i": 0, "v": request["response"]}
        )
        rows.append({"kind": 1, "k": ["requests", nth, "result"], "v": request["result"]})
    return rows


def test_a_chat_by_its_changes(tmp_path: Path) -> None:
    more = [
        {"kind": 1, "k": ["customTitle"], "v": "T"},
        {"kind": 3, "k": ["inputState"]},
        {"kind": 1, "k": ["requests", 7, "result"], "v": {}},
        {"kind": 2, "k": [], "v": [1]},
        {"kind": 2, "k": ["requests", "x"], "v": [1]},
        {"kind": 9, "k": None},
    ]
    told = run("vscode", lines(tmp_path, *changes(FIRST, SECOND), *more))
    assert shape(told) == [TOLD]
    assert told.sessions[0].title == "T"


def test_what_was_taken_back_is_a_branch(tmp_path: Path) -> None:
    third, other, last = (asked(n, f"do {n}", answered(f"Did {n}.")) for n in ("3", "4", "5"))
    rows = [
        *changes(FIRST, SECOND, third),
        {"kind": 2, "k": ["requests"], "i": 1, "v": [other]},
        {"kind": 2, "k": ["requests"], "i": 2, "v": [last]},
    ]
    told = run("vscode", lines(tmp_path, *rows))
    assert shape(told) == [
        [*TOLD, ("prompt", "do 3"), ("answer", "Did 3.")],
        [("prompt", "do 4"), ("answer", "Did 4."), ("prompt", "do 5"), ("answer", "Did 5.")],
    ]
    main, branch = told.sessions
    assert branch.forked_from is not None
    assert branch.forked_from.session == main.key
    again = [*rows, {"kind": 2, "k": ["requests"], "i": 0, "v": [SECOND | {"requestId": "new"}]}]
    (tmp_path / "b").mkdir()
    told = run("vscode", lines(tmp_path / "b", *again))
    assert [len(s.messages) for s in told.sessions] == [7, 4, 2]
    assert [s.forked_from is None for s in told.sessions] == [True, False, True]
    assert told.sessions[2].lineage != told.sessions[0].lineage


def test_a_chat_that_was_kept_twice_and_one_that_came_of_it(tmp_path: Path) -> None:
    third = asked("3", "do 3", answered("Did 3."))
    paths = [
        keep(tmp_path, chat(FIRST, SECOND)),
        write(tmp_path / "ws" / "chatSessions", "chat.jsonl", changes(FIRST, SECOND)),
        keep(tmp_path, chat(FIRST, third, sessionId="fork"), "fork.json"),
    ]
    told = read("vscode", tmp_path, [str(p) for p in paths])
    assert told.unbalanced() == {}
    assert shape(told) == [TOLD, [("prompt", "do 3"), ("answer", "Did 3.")]]
    assert told.sessions[1].forked_from is not None
    assert told.ledger.drops["link/resumed_copy"] == 3


def test_a_summary_begins_an_epoch(tmp_path: Path) -> None:
    first = asked("1", "one", answered("A", "a"), answered("B", "b", summary="to B"), answered("C"))
    told = {"summary": {"toolCallRoundId": "round C", "text": "to C"}}
    second = asked("2", "two", answered("D"), told=told)
    assert shape(run("vscode", keep(tmp_path, chat(first, second)))) == [
        [
            ("prompt", "one"),
            ("answer", "A", RUN[0]),
            ("results", ("out a", "ok")),
            ("answer", "B", RUN[1]),
            ("results", ("out b", "ok")),
        ],
        [("summary", "to B"), ("answer", "C")],
        [("summary", "to C"), ("prompt", "two"), ("answer", "D")],
    ]


def test_what_the_screen_showed(tmp_path: Path) -> None:
    uri = {"$mid": 1, "path": "/w/till.py", "scheme": "file"}
    terminal = {"kind": "terminal", "commandLine": {"original": "ls"}}
    parts = [
        {"kind": "mcpServersStarting", "didStartServerIds": []},
        {"kind": "thinking", "value": "hm"},
        {"value": "See "},
        {"kind": "inlineReference", "inlineReference": uri},
        {"kind": "markdownContent", "content": {"value": ", it reads:\n"}},
        {"kind": "textEditGroup", "uri": uri, "edits": [[{"text": "x = 1"}], []]},
        {
            "kind": "toolInvocationSerialized",
            "toolCallId": "1",
            "toolId": "runTerminal",
            "toolSpecificData": terminal | {"terminalCommandOutput": {"text": "till.py"}},
        },
        {
            "kind": "toolInvocationSerialized",
            "toolCallId": "2",
            "toolId": "fetch",
            "isConfirmed": {"type": 0},
            "resultDetails": {"input": '{"url": "x"}', "output": [], "isError": False},
        },
        {"value": "Done."},
    ]
    request = asked("1", "list it", response=parts, isCanceled=True)
    told = run("vscode", keep(tmp_path, chat(request)))
    assert shape(told) == [
        [
            ("prompt", "list it"),
            ("answer", "hm", "See `till.py`, it reads:\nx = 1", ("runTerminal", {"command": "ls"})),
            ("results", ("till.py", "ok")),
            ("answer", ("fetch", {"url": "x"})),
            ("results", ("", "rejected")),
            ("answer", "Done."),
        ]
    ]
    assert "interrupted" in told.sessions[0].messages[-1].flags


def test_what_stands_beside_a_request(tmp_path: Path) -> None:
    rendered = [
        {
            "type": 1,
            "text": "<attachments>\nx = 1\n</attachments>\n<context>\nToday\n</context>\n"
            "<userRequest>\nfix it\n</userRequest>",
        }
    ]
    pasted = {"kind": "paste", "code": "y = 2"}
    images = [
        {"kind": "image", "value": {"$base64": "iVBORw0KGgo="}, "mimeType": "image/png"},
        {"kind": "image", "value": {"0": 1}},
    ]
    told = run(
        "vscode",
        keep(
            tmp_path,
            chat(
                asked("1", "fix it", answered("A"), told={"renderedUserMessage": rendered}),
                asked("2", "old form", answered("B")) | {"message": "old form"},
                asked("3", "see", answered("C"), variableData={"variables": [pasted, *images]}),
                asked("4", "Continue", answered("D"), confirmation="Continue"),
                asked("5", "It ended.", answered("E"), isSystemInitiated=True),
                asked("6", "", response=None, result={"errorDetails": {"message": "overloaded"}}),
            ),
        ),
    )
    (session,) = told.sessions
    assert [
        (m.kind, *(p.text for p in m.parts if not isinstance(p, Image))) for m in session.messages
    ] == [
        ("context", "x = 1"),
        ("prompt", "fix it"),
        ("answer", "A"),
        ("prompt", "old form"),
        ("answer", "B"),
        ("context", "y = 2"),
        ("prompt", "see"),
        ("answer", "C"),
        ("answer", "D"),
        ("context", "It ended."),
        ("answer", "E"),
    ]
    assert isinstance(session.messages[6].parts[1], Image)
    assert told.ledger.repairs["unknown_part"] == 1
    assert told.ledger.drops["read/api_error"] == 1


def test_the_places_of_chats(tmp_path: Path) -> None:
    roots = registry.source("vscode").roots
    assert roots({}, str(tmp_path)) == []
    user = tmp_path / ".config" / "Code" / "User"
    found = [
        user / "workspaceStorage" / "0a" / "chatSessions",
        user / "globalStorage" / "emptyWindowChatSessions",
        tmp_path / ".vscode-server" / "data" / "User" / "workspaceStorage" / "b" / "chatSessions",
    ]
    for place in found:
        place.mkdir(parents=True)
    assert roots({}, str(tmp_path)) == [str(place) for place in found]


def test_no_other_source_takes_a_chat(tmp_path: Path) -> None:
    for path in (keep(tmp_path, chat(FIRST)), lines(tmp_path, *changes(FIRST))):
        head = path.read_bytes()[:65536]
        found = [
            s for s in registry.source_names() if registry.source(s).recognise(str(path), head)
        ]
        assert found == ["vscode"]


def test_damaged_lines(tmp_path: Path) -> None:
    path = lines(tmp_path, *changes(FIRST, SECOND))
    path.write_text(path.read_text() + "42\n" + '{"kind": 1, "k": ["customTi')
    told = run("vscode", path)
    assert shape(told) == [TOLD]
    assert sorted(f.reason for f in told.ledger.faults) == ["not_an_object", "truncated_line"]


@pytest.mark.parametrize("odd", [42, [], {"type": "text"}, None], ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    told = {
        "renderedUserMessage": [{"text": "<attachments>a</attachments>"}],
        "summary": {"toolCallRoundId": "round B", "text": "s"},
    }
    tool = {"kind": "toolInvocationSerialized", "toolCallId": "1", "toolId": "t"}
    tool |= {"resultDetails": {"input": "{}", "output": [{"value": "o"}]}, "isConfirmed": True}
    parts = [{"value": "s"}, {"kind": "textEditGroup", "edits": [[{"text": "e"}]]}, tool]
    image = {"kind": "image", "value": {"$base64": "eA=="}, "mimeType": "image/png"}
    full = chat(
        asked("1", "x", answered("B", "a", thinking={"text": "h"}), told=told),
        asked("2", "y", response=parts, modelState={"value": 2}),
        asked("3", "z", variableData={"variables": [image, {"kind": "paste", "code": "c"}]}),
    )
    path = tmp_path / "chat.json"
    for at in places(full):
        path.write_text(json.dumps(put(full, at, odd)))
        assert read("vscode", tmp_path, [str(path)]).unbalanced() == {}, at
        registry.source("vscode").index(str(path))
    rows = changes(*copy.deepcopy(full["requests"]))
    rows += [{"kind": 2, "k": ["requests"], "i": 1, "v": [asked("4", "w", answered("D"))]}]
    log = tmp_path / "chat.jsonl"
    for at in places(rows):
        if len(at) < 5:
            write(tmp_path, "chat.jsonl", put(rows, at, odd))
            assert read("vscode", tmp_path, [str(log)]).unbalanced() == {}, at


def test_a_call_nested_too_deep_is_a_fault_and_nothing_else(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    row = {"kind": 0, "v": chat(asked("1", "x", answered("B", "a")), asked("2", "y"))}
    calls = row["v"]["requests"][0]["result"]["metadata"]["toolCallRounds"][0]["toolCalls"]
    calls[0]["arguments"] = {"command": deep}
    told = read("vscode", tmp_path, [str(write(tmp_path, "chat.jsonl", [row]))])
    assert told.unbalanced() == {}
    assert [fault.reason for fault in told.ledger.faults] == ["too_deep"]
    assert [message[1] for session in shape(told) for message in session][:1] == ["y"]


def test_what_was_taken_back_and_put_there_again_is_no_branch(tmp_path: Path) -> None:
    one, two = asked("1", "x", answered("B")), asked("2", "y", answered("C"))
    rows: list[dict[str, Any]] = [
        {"kind": 0, "v": chat(one, two)},
        {"kind": 2, "k": ["requests"], "i": 1, "v": []},
        {"kind": 2, "k": ["requests"], "v": [two]},
    ]
    told = read("vscode", tmp_path, [str(write(tmp_path, "chat.jsonl", rows))])
    assert told.unbalanced() == {}
    assert shape(told) == [[("prompt", "x"), ("answer", "B"), ("prompt", "y"), ("answer", "C")]]
    assert told.ledger.drops == {}


def test_a_call_without_arguments_has_none(tmp_path: Path) -> None:
    noted = answered("B", "a")
    noted["toolCalls"][0]["arguments"] = "{}"
    tool = {"kind": "toolInvocationSerialized", "toolCallId": "1", "toolId": "run"}
    shown = asked("2", "y", response=[{**tool, "resultDetails": {"input": "{}"}}])
    told = run("vscode", keep(tmp_path, chat(asked("1", "x", noted), shown)))
    calls = [part for message in shape(told)[0] for part in message if part[0] == "run"]
    assert calls == [("run", {}), ("run", {})]
