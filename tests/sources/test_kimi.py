"""Kimi Code: the records of the agents of a session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_odd_fields import places, put
from tests.sources.test_other_agents import run, shape, write
from tests.support import read

from sessiontune import registry
from sessiontune.model import Image

AT = 1795787868952
HEAD = {"type": "metadata", "protocol_version": "1.5", "created_at": AT}
TOOLS = [{"name": "Bash", "description": "Run it.", "parameters": {"type": "object"}}]
TOOLS += [{"name": "Read", "description": "Read it."}]


class Log:
    """Writes records, each a second after the one before."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = [HEAD]

    def add(self, kind: str, **held: Any) -> Log:
        at = AT + 1000 * len(self.rows)
        self.rows.append({"type": kind, "agentId": "main", **held, "time": at})
        return self

    def user(self, words: str, kind: str = "user", **origin: Any) -> Log:
        content = [{"type": "text", "text": words}]
        told = {"role": "user", "content": content, "origin": {"kind": kind, **origin}}
        return self.add("context.append_message", message={**told, "toolCalls": []})

    def event(self, kind: str, **held: Any) -> Log:
        event = {"type": kind, "uuid": f"u{len(self.rows)}", **held}
        return self.add("context.append_loop_event", event=event)

    def say(self, words: str, *calls: str) -> Log:
        self.event("step.begin")
        self.add("llm.request", model="kimi-k2", modelAlias="kimi")
        self.event("content.part", part={"type": "text", "text": words})
        for call in calls:
            self.event("tool.call", toolCallId=call, name="Bash", args={"command": call})
        return self

    def back(self, call: str, output: Any, **more: Any) -> Log:
        return self.event("tool.result", toolCallId=call, result={"output": output, **more})

    def end(self) -> Log:
        return self.event("step.end", usage={"inputOther": 7, "output": 3})


def keep(root: Path, log: Log, session: str = "s", agent: str = "main", **state: Any) -> Path:
    folder = root / "wd" / session / "agents" / agent
    folder.mkdir(parents=True)
    told = {"id": session, "cwd": "/w/shop", "title": "T", "createdAt": AT, **state}
    (root / "wd" / session / "state.json").write_text(json.dumps(told))
    return write(folder, "wire.jsonl", log.rows)


def begun() -> Log:
    log = Log().add("profile.bind", profileName="agent", systemPrompt="You are")
    log.add("llm.tools_snapshot", tools=TOOLS)
    log.user("list it").user("<system-reminder>x</system-reminder>", "injection")
    log.say("I list.", "ls", "false").back("ls", "till.py")
    log.back("false", [{"type": "text", "text": "no"}], isError=True).end()
    log.say("I ask.", "look")
    log.add("subagent.spawned", subagentId="agent-0", parentToolCallId="look")
    return log.back("look", "Seen.").end().say("One file.").end()


TOLD = [
    ("prompt", "list it"),
    ("answer", "I list.", ("Bash", {"command": "ls"}), ("Bash", {"command": "false"})),
    ("results", ("till.py", "ok"), ("no", "error")),
    ("answer", "I ask.", ("Bash", {"command": "look"})),
    ("results", ("Seen.", "ok")),
    ("answer", "One file."),
]


def test_a_session_and_its_sub_agent(tmp_path: Path) -> None:
    agent = Log().add("profile.bind", profileName="explore")
    agent.user("look", "system_trigger", name="subagent").say("Seen.").end()
    paths = [keep(tmp_path, begun()), keep(tmp_path, agent, agent="agent-0")]
    told = read("kimi", tmp_path, [str(p) for p in paths])
    assert told.unbalanced() == {}
    assert shape(told) == [TOLD, [("task", "look"), ("answer", "Seen.")]]
    main, sub = told.sessions
    assert (main.session_id, main.project, main.title) == ("s", "shop", "T")
    answer = main.messages[1]
    assert (answer.model, answer.vendor) == ("kimi-k2", "moonshot")
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output) == (7, 3)
    assert [tool.name for tool in main.tools] == ["Bash"]
    assert (sub.agent_id, sub.agent_type) == ("agent-0", "explore")
    assert (sub.parent_session, sub.parent_call) == (main.key, "look")
    index = registry.source("kimi").index(str(paths[0]))
    assert (index.links, index.names) == (("session:s",), ("/w/shop",))


def test_what_was_taken_back_is_a_branch(tmp_path: Path) -> None:
    log = begun().user("and now").say("Now.").end().add("context.undo", count=1)
    log.add("context.undone", turns=1).user("or so").say("So.").end()
    told = run("kimi", keep(tmp_path, log))
    assert shape(told) == [
        [*TOLD, ("prompt", "and now"), ("answer", "Now.")],
        [("prompt", "or so"), ("answer", "So.")],
    ]
    assert told.sessions[1].forked_from is not None
    assert told.ledger.drops["read/rewind"] == 1
    first = Log().user("one").say("One.").end().add("context.undo", count=1)
    first.user("two").say("Two.").end().add("context.undo", count=9)
    (tmp_path / "b").mkdir()
    told = run("kimi", keep(tmp_path / "b", first))
    assert shape(told) == [
        [("prompt", "one"), ("answer", "One.")],
        [("prompt", "two"), ("answer", "Two.")],
    ]


def test_compactions_and_an_emptied_context(tmp_path: Path) -> None:
    log = begun().add("context.apply_compaction", summary="short", contextSummary="so far")
    log.user("on").say("Done.").end().add("context.apply_compaction", summary=None)
    log.add("context.clear").user("new").say("New.").end()
    told = run("kimi", keep(tmp_path, log))
    assert shape(told) == [
        TOLD,
        [("summary", "so far"), ("prompt", "on"), ("answer", "Done.")],
        [("prompt", "new"), ("answer", "New.")],
    ]
    assert told.ledger.drops["read/local_command"] == 1


def test_a_fork_begins_with_copies(tmp_path: Path) -> None:
    fork = begun()
    fork.add("forked").user("in the fork").say("Forked.").end()
    paths = [
        keep(tmp_path, fork, "a", createdAt=AT + 1, forkedFrom="b"),
        keep(tmp_path, begun().user("in the main").say("Main.").end(), "b"),
    ]
    told = read("kimi", tmp_path, [str(p) for p in paths])
    assert told.unbalanced() == {}
    assert shape(told) == [
        [*TOLD, ("prompt", "in the main"), ("answer", "Main.")],
        [("prompt", "in the fork"), ("answer", "Forked.")],
    ]
    main, branch = told.sessions
    assert branch.forked_from is not None
    assert branch.forked_from.session == main.key


@pytest.mark.parametrize("at", [AT, None])
def test_records_of_one_time_are_no_copies(tmp_path: Path, at: int | None) -> None:
    log = Log().user("<system-reminder>x</system-reminder>", "injection").user("list it")
    log.say("One.").end().user("go on").say("Two.").end().user("go on").say("Three.").end()
    fork = Log()
    fork.rows = [dict(row) for row in log.rows]
    fork.add("forked").user("in the fork").say("Forked.").end()
    for row in (*log.rows[1:], *fork.rows[1:]):
        row["time"] = at
    paths = [keep(tmp_path, log, "a"), keep(tmp_path, fork, "b", createdAt=AT + 1)]
    told = read("kimi", tmp_path, [str(p) for p in paths])
    assert told.unbalanced() == {}
    both = [("prompt", "go on"), ("answer", "Two."), ("prompt", "go on"), ("answer", "Three.")]
    assert shape(told) == [
        [("prompt", "list it"), ("answer", "One."), *both],
        [("prompt", "in the fork"), ("answer", "Forked.")],
    ]


def test_what_a_person_did_besides(tmp_path: Path) -> None:
    picture = {"type": "image_url", "imageUrl": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    content = [{"type": "text", "text": "see"}, picture, {"type": "video_url"}]
    log = Log().user(
        "<bash-input>\nls &amp;&amp; pwd\n</bash-input>", "shell_command", phase="input"
    )
    log.user("<bash-stdout>a</bash-stdout><bash-stderr></bash-stderr>", "shell_command")
    log.add("context.append_message", message={"role": "user", "content": content})
    log.say("Seen.").add("turn.ended", reason="cancelled")
    log.user("Do so.", "skill_activation", trigger="user-slash", skillName="x", skillArgs="now")
    log.event("content.part", part={"type": "think", "think": "hm"})
    log.user("It ended.", "task").event("tool.result", toolCallId="gone", result={"output": "x"})
    log.add("context.append_message", message={"role": "narrator"}).add("strange.thing")
    told = run("kimi", keep(tmp_path, log))
    (session,) = told.sessions
    said = [
        (m.kind, *(p.text for p in m.parts if not isinstance(p, Image))) for m in session.messages
    ]
    assert said == [
        ("context", "! ls && pwd"),
        ("context", "a"),
        ("prompt", "see"),
        ("answer", "Seen."),
        ("context", "Do so."),
        ("prompt", "/x now"),
        ("answer", "hm"),
        ("context", "It ended."),
    ]
    assert isinstance(session.messages[2].parts[1], Image)
    assert "interrupted" in session.messages[3].flags
    assert told.ledger.repairs["unknown_part"] == 1
    for reason in ("result_without_call", "unknown_role:narrator", "unknown_type:strange.thing"):
        assert told.ledger.drops[f"read/{reason}"] == 1


@pytest.mark.parametrize("marked", [True, False])
def test_what_skills_and_hooks_put_beside_a_prompt(tmp_path: Path, marked: bool) -> None:
    """Newer logs say which parts are those of a skill; in older ones they come first."""
    skill: dict[str, Any] = {"type": "text", "text": "Skill: be brief."}
    hook = {"type": "text", "text": "<hook_result>\nmind\n</hook_result>"}
    hook["meta"] = {"source": "user prompt submit hook"}  # type: ignore[assignment]
    content = [skill | ({"meta": {"source": "skill activation"}} if marked else {})]
    content += [{"type": "text", "text": "go on"}, hook]
    origin = {"kind": "user", "skillActivations": [{"activationId": "a", "skillName": "x"}]}
    log = Log().add(
        "context.append_message", message={"role": "user", "content": content, "origin": origin}
    )
    (session,) = run("kimi", keep(tmp_path, log.say("Done."))).sessions
    said = [(m.kind, *(p.text for p in m.parts)) for m in session.messages]  # type: ignore[union-attr]
    assert said == [
        ("context", "Skill: be brief.", hook["text"]),
        ("prompt", "go on"),
        ("answer", "Done."),
    ]


def test_a_plugins_command_keeps_what_was_typed_behind_it(tmp_path: Path) -> None:
    log = Log().user("Do so.", "plugin_command", trigger="user-slash", pluginId="shop",
                     commandName="till", commandArgs="count it twice").say("Done.")  # fmt: skip
    (session,) = run("kimi", keep(tmp_path, log)).sessions
    said = [(m.kind, *(p.text for p in m.parts)) for m in session.messages]  # type: ignore[union-attr]
    assert said[:2] == [("context", "Do so."), ("prompt", "/shop:till count it twice")]


def test_no_other_source_takes_a_log(tmp_path: Path) -> None:
    path = keep(tmp_path, begun())
    head = path.read_bytes()[:65536]
    names = registry.source_names()
    assert [s for s in names if registry.source(s).recognise(str(path), head)] == ["kimi"]


@pytest.mark.parametrize("odd", [42, [], {"type": "text"}, None], ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    log = begun().user("/x", "skill_activation", trigger="user-slash", skillName="x")
    log.add("context.undo", count=1).user("o", "shell_command", phase="output")
    log.add("context.apply_compaction", summary="s").add("turn.ended", reason="cancelled")
    path = keep(tmp_path, begun())
    for at in places(log.rows):
        write(path.parent, "wire.jsonl", put(log.rows, at, odd))
        assert read("kimi", tmp_path, [str(path)]).unbalanced() == {}, at
        registry.source("kimi").index(str(path))
    (path.parent.parent.parent / "state.json").write_text(json.dumps([odd]))
    assert read("kimi", tmp_path, [str(path)]).unbalanced() == {}


def test_a_call_nested_too_deep_is_a_fault_and_nothing_else(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    log = begun()
    for row in log.rows:
        if row.get("event", {}).get("toolCallId") == "look" and "args" in row["event"]:
            row["event"]["args"] = {"command": deep}
    told = read("kimi", tmp_path, [str(keep(tmp_path, log))])
    assert told.unbalanced() == {}
    assert [fault.reason for fault in told.ledger.faults] == ["too_deep"]
