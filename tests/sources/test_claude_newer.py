"""What newer versions of Claude Code write: tags, origins, kinds of denial, runs of workflows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_claude import answer, call, only, read_rows, result, text, user, write
from tests.support import read

from sessiontune import registry
from sessiontune.model import Text, ToolCall, ToolDef
from sessiontune.sources.claude.text import classify


def said(messages: Any) -> list[tuple[str, list[str]]]:
    return [(m.kind, [p.text for p in m.parts if isinstance(p, Text)]) for m in messages]


PASTE = '<pasted_content id="9ef7">\n    indented = 1\n</pasted_content id="9ef7">'


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (f"\n\n{PASTE}\n", "    indented = 1"),
        (f"Why this?\n\n{PASTE}\n", "Why this?\n\n    indented = 1"),
        (f"Why\n\n{PASTE}\n\nand that?", "Why\n\n    indented = 1\n\nand that?"),
        (f"{PASTE}\n\n{PASTE.replace('9ef7', 'b2')}", "    indented = 1\n\n\n\n    indented = 1"),
        ('<pasted_content id="a1">\nno end', '<pasted_content id="a1">\nno end'),
    ],
)
def test_tags_around_pasted_words_are_no_words_of_a_person(
    tmp_path: Path, given: str, words: str
) -> None:
    rows = [user("u1", None, given), answer("a1", "u1", "m1", text("Well."))]
    assert said(only(read_rows(tmp_path, rows)))[0] == ("prompt", [words])


@pytest.mark.parametrize("at", [{}, {"timestamp": "2026-01-01T00:00:00.000Z"}])
def test_a_pasted_prompt_that_was_queued_stands_once(tmp_path: Path, at: dict[str, str]) -> None:
    queued = {"type": "queued_command", "prompt": "    indented = 1", "commandMode": "prompt"}
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", text("On it.")),
        {"type": "attachment", "uuid": "q", "parentUuid": "a1", "attachment": queued, **at},
        user("u2", "q", f"\n\n{PASTE}\n", **at),
        answer("a2", "u2", "m2", text("Seen.")),
    ]
    reading = read_rows(tmp_path, rows)
    assert [kind for kind, _ in said(only(reading))] == ["prompt", "answer", "prompt", "answer"]
    assert reading.ledger.drops == {"read/queued_twin": 1}
    assert not any(m.flags for m in only(reading))


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        ({"kind": "human"}, "prompt"),
        ({"kind": "channel", "server": "phone"}, "prompt"),
        ({"kind": "coordinator"}, "task"),
        ({"kind": "peer"}, "task"),
        ({"kind": "slack-ping"}, "task"),
        ({"kind": "observer", "from": "observer:x"}, "context"),
        ({"kind": "observer-activity"}, "context"),
        ({"kind": "voice-call"}, "context"),
        ({"kind": "task-notification"}, "context"),
        ({"kind": "auto-continuation"}, "context"),
        ({"kind": "plugin", "name": "p"}, "context"),
        ({"kind": "plugin", "name": "p", "asUser": True}, "prompt"),
        ({"kind": ["odd"], "asUser": "odd"}, "prompt"),
    ],
)
def test_who_wrote_a_record_in_the_user_s_name(
    tmp_path: Path, origin: dict[str, Any], kind: str
) -> None:
    rows = [user("u1", None, "The build is done.", origin=origin)]
    assert said(only(read_rows(tmp_path, rows))) == [(kind, ["The build is done."])]


@pytest.mark.parametrize("tag", ["teammate-message", "cross-session-message"])
def test_mail_of_other_agents_is_a_task_and_a_notice_is_none(tmp_path: Path, tag: str) -> None:
    mail = f'<{tag} from="lead">Ship it.</{tag}>'
    notice = f'<{tag} from="worker">{{"type":"idle_notification"}}</{tag}>'
    both = f"{notice}\n\n{mail}"
    rows = [user("u1", None, mail), user("u2", "u1", notice), user("u3", "u2", both)]
    told = said(only(read_rows(tmp_path, rows)))
    assert told == [("task", [mail]), ("context", [notice]), ("task", [both])]


@pytest.mark.parametrize(
    ("cwd", "project"),
    [
        ("/w/shop/.claude/worktrees/agent-a1", "shop"),
        ("/w/shop/.claude/worktrees/till/backend", "shop"),
        ("C:\\w\\shop\\.claude\\worktrees\\till", "shop"),
        ("/w/shop/.claude/worktrees", "worktrees"),
    ],
)
def test_a_working_copy_belongs_to_its_project(tmp_path: Path, cwd: str, project: str) -> None:
    (session,) = read_rows(tmp_path, [user("u1", None, "go", cwd=cwd)]).sessions
    assert (session.project, session.cwd) == (project, cwd)


SIBLING = "<tool_use_error>Cancelled: parallel tool call Bash(ls) errored</tool_use_error>"
REFUSED = "The user doesn't want to take this action right now. STOP what you are doing."


@pytest.mark.parametrize(
    ("words", "denial", "status", "flags"),
    [
        (REFUSED, "user-rejected", "rejected", ("rejected",)),
        (REFUSED, "cancelled", "cancelled", ()),
        (REFUSED, "interrupted", "interrupted", ("interrupted",)),
        ("No.", "permission-rule", "rejected", ("rejected", "denied")),
        ("No.", "automode-blocked", "rejected", ("rejected", "denied")),
        (SIBLING, None, "cancelled", ()),
        ("Streaming fallback - tool execution discarded", None, "cancelled", ()),
        ("<tool_use_error>String to replace not found</tool_use_error>", None, "error", ()),
    ],
)
def test_why_a_call_was_not_done(
    tmp_path: Path, words: str, denial: str | None, status: str, flags: tuple[str, ...]
) -> None:
    more = {"toolDenialKind": denial} if denial else {}
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", call("c1")),
        user("r1", "a1", [result("c1", words, is_error=True)], **more),
    ]
    done = only(read_rows(tmp_path, rows))[-1]
    assert ([p.status for p in done.parts if not isinstance(p, Text)], done.flags) == (
        [status],
        flags,
    )


def test_a_command_of_the_person_and_its_output_are_context(tmp_path: Path) -> None:
    output = "<bash-stdout>1 &lt; 2 &amp;&amp; ok\n</bash-stdout><bash-stderr>slow</bash-stderr>"
    rows = [
        user("b1", None, "<bash-input> npm test</bash-input>"),
        user("b2", "b1", f"{output}<bash-exit-code>1</bash-exit-code>"),
        answer("a1", "b2", "m1", text("It is slow.")),
        user("b3", "a1", "<bash-input>true</bash-input>"),
        user("b4", "b3", "<bash-stdout></bash-stdout><bash-stderr></bash-stderr>"),
    ]
    reading = read_rows(tmp_path, rows)
    messages = only(reading)
    assert said(messages) == [
        ("context", ["! npm test"]),
        ("context", ["1 < 2 && ok", "slow"]),
        ("answer", ["It is slow."]),
        ("context", ["! true"]),
    ]
    assert all(m.injected for m in messages if m.kind == "context")
    assert reading.ledger.drops == {"read/shell_mode": 1}


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ("<bash-input> is a tag", "prompt", ["<bash-input> is a tag"]),
        ("<bash-stdout>a</bash-stdout> and why?", "context", ["a", "and why?"]),
        ("<bash-stdout></bash-stdout> and why?", "context", ["and why?"]),
    ],
)
def test_words_beside_the_tags_of_a_command_are_kept(
    tmp_path: Path, given: str, kind: str, words: list[str]
) -> None:
    assert said(only(read_rows(tmp_path, [user("u1", None, given)]))) == [(kind, words)]


def test_an_empty_paste_is_no_request(tmp_path: Path) -> None:
    paste = '<pasted_content id="a1">\n</pasted_content id="a1">'
    rows = [user("u1", None, "go"), user("u2", "u1", paste)]
    reading = read_rows(tmp_path, rows)
    assert said(only(reading)) == [("prompt", ["go"])]
    assert reading.ledger.drops == {"read/empty": 1}


def test_the_session_that_another_came_from_gives_it_no_name(tmp_path: Path) -> None:
    boundary = {"type": "system", "subtype": "compact_boundary", "uuid": "z", "parentUuid": None}
    rows = [
        user("u1", None, "one", session_id="older"),
        answer("a1", "u1", "m1", text("did"), session_id="older"),
        {**boundary, "logicalParentUuid": "gone", "sessionId": "s", "session_id": "oldest"},
        user("y", "z", "So far.", isCompactSummary=True, session_id="oldest"),
        answer("a2", "y", "m2", text("on"), session_id="oldest"),
    ]
    sessions = read_rows(tmp_path, rows).sessions
    assert [(s.session_id, s.epoch) for s in sessions] == [("s", 0), ("s", 1)]
    assert len({s.thread for s in sessions}) == 1


def test_an_agent_of_a_workflow_hangs_below_the_call_that_ran_it(tmp_path: Path) -> None:
    ran = {"status": "async_launched", "runId": "wf_1", "taskId": "t"}
    rows = [
        user("u1", None, "sweep"),
        answer("a1", "u1", "m1", call("w1", "Workflow", scriptPath="sweep.js")),
        user("r1", "a1", [result("w1", "Workflow launched in background.")], toolUseResult=ran),
    ]
    write(tmp_path, "s.jsonl", rows)
    below = "s/subagents/workflows/wf_1"
    side = {"isSidechain": True, "agentId": "a9"}
    told = [user("k1", None, "Batch a.", **side), answer("k2", "k1", "m9", text("Swept."), **side)]
    path = write(tmp_path, f"{below}/agent-a9.jsonl", told)
    (path.parent / "agent-a9.meta.json").write_text(json.dumps({"agentType": "workflow-subagent"}))
    write(tmp_path, f"{below}/journal.jsonl", [{"type": "started", "key": "k", "agentId": "a9"}])
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    main, agent = reading.sessions
    assert (agent.parent_call, agent.parent_session) == ("w1", main.key)
    assert (agent.agent_id, agent.agent_type) == ("a9", "workflow-subagent")


DEEP = b'{"x": %s}' % (b"[" * 20_000 + b"]" * 20_000)


@pytest.mark.parametrize(
    "told", [b"", b"{", b"[]", b'{"agentType": "\xff"}', b'{"agentType": 3}', DEEP], ids=len
)
def test_a_damaged_file_beside_an_agents_log_says_nothing(tmp_path: Path, told: bytes) -> None:
    side = {"isSidechain": True, "agentId": "a9"}
    rows = [user("k1", None, "Batch a.", **side), answer("k2", "k1", "m9", text("Swept."), **side)]
    path = write(tmp_path, "s/subagents/agent-a9.jsonl", rows)
    (path.parent / "agent-a9.meta.json").write_bytes(told)
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    (agent,) = reading.sessions
    assert (agent.agent_id, agent.agent_type) == ("a9", "")


def test_a_bad_byte_in_a_file_that_was_shown_costs_only_itself(tmp_path: Path) -> None:
    shown = {"type": "file", "filename": "a", "content": {"type": "text", "file": {"content": "@"}}}
    asked = {"type": "queued_command", "prompt": "and also % this"}
    rows = [
        user("u1", None, "look"),
        {"type": "attachment", "uuid": "f", "parentUuid": "u1", "attachment": shown},
        answer("a1", "f", "m1", text("I see.")),
        {"type": "attachment", "uuid": "q", "parentUuid": "a1", "attachment": asked},
        answer("a2", "q", "m2", text("Done.")),
    ]
    path = write(tmp_path, "s.jsonl", rows)
    path.write_bytes(path.read_bytes().replace(b"@", b"before \xff after").replace(b"%", b"\x80"))
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    assert reading.ledger.repairs == {"invalid_utf8": 2}
    said = [part.text for s in reading.sessions for m in s.messages for part in m.parts]
    assert [t for t in said if "before" in t] == ["before \ufffd after"]
    assert [t for t in said if "also" in t] == ["and also \ufffd this"]


def test_files_of_one_name_are_not_tied_together(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        row = {"type": "user", "sessionId": name, "uuid": f"u-{name}", "message": {"content": "hi"}}
        for stem in ("full", "audit", "0f"):
            (folder / f"{stem}.jsonl").write_text(json.dumps(row) + "\n")
    index = registry.source("claude").index
    assert index(str(tmp_path / "a" / "full.jsonl")).links == ("session:a",)
    assert index(str(tmp_path / "b" / "audit.jsonl")).links == ("session:b",)
    assert index(str(tmp_path / "b" / "0f.jsonl")).links == ("session:0f", "session:b")
    (tmp_path / "a" / "full").mkdir()  # its agents lie there
    assert index(str(tmp_path / "a" / "full.jsonl")).links == ("session:a", "session:full")


@pytest.mark.parametrize(
    ("text", "kind", "texts"),
    [
        ("<task-notification><summary>" + " " * 100_000, "drop", []),
        ("<task-notification><event>" + " " * 100_000, "drop", []),
        ("<task-notification>" + "<event>" * 50_000, "drop", []),
        ("<task-notification>" + "<result>a</result>" * 2, "context", ["a</result><result>a"]),
        ("<command-name>" + " " * 100_000, "prompt", ["<command-name>" + " " * 100_000]),
        ("<system-reminder></system-reminder>" * 50_000 + "go", "prompt", ["go"]),
        ("[SYSTEM NOTIFICATION - NOT USER INPUT]\n" * 50_000, "drop", []),
        ("[SYSTEM NOTIFICATION - NOT USER INPUT]\n\n" * 50_000, "context", None),
        ("<agent-message>" * 50_000, "peer", ["<agent-message>" * 50_000]),
    ],
)
def test_marks_that_are_never_closed_cost_no_more_than_their_length(
    text: str, kind: str, texts: list[str] | None
) -> None:
    said = classify(text)
    assert said.kind == kind
    assert texts is None or said.texts == texts


# ------------------------------------------------------------------ answers that are taken back


def taken_back(printed: bool, *uuids: str) -> dict[str, Any]:
    name = "retracted_message_uuids" if printed else "retractedMessageUuids"
    notice = {"type": "system", "subtype": "model_refusal_fallback", "uuid": "f", name: [*uuids]}
    return {**notice, "parentUuid": uuids[-1], "sessionId": "s", "direction": "retry"}


@pytest.mark.parametrize("printed", [False, True])
def test_an_answer_that_a_filter_broke_off_is_none(tmp_path: Path, printed: bool) -> None:
    rows = [
        user("u1", None, "ask"),
        answer("a1", "u1", "msg_01" + "1" * 20, text("First I")),
        answer("a2", "a1", "msg_01" + "1" * 20, call("c1", "Bash", command="ls")),
        user("r1", "a2", [result("c1", "files")]),
        taken_back(printed, "a1", "a2", "r1"),
        answer("a3", "f", "msg_01" + "3" * 20, text("Here it is.")),
        user("u2", "a3", "thanks"),
        answer("a4", "u2", "msg_01" + "4" * 20, text("Good.")),
    ]
    reading = read_rows(tmp_path, rows)
    assert said(only(reading)) == [
        ("prompt", ["ask"]),
        ("answer", ["Here it is."]),
        ("prompt", ["thanks"]),
        ("answer", ["Good."]),
    ]
    assert reading.ledger.drops["read/withdrawn_answer"] == 3


def test_what_stands_before_the_break_stays(tmp_path: Path) -> None:
    """Of an answer in pieces those are taken back that are named."""
    rows = [
        user("u1", None, "ask"),
        answer("a1", "u1", "msg_01" + "1" * 20, text("First")),
        answer("a2", "a1", "msg_01" + "1" * 20, text("and then")),
        taken_back(False, "a2"),
        answer("a3", "f", "msg_01" + "3" * 20, text("second.")),
    ]
    assert [words for _, words in said(only(read_rows(tmp_path, rows)))] == [
        ["ask"],
        ["First"],
        ["second."],
    ]


def test_a_record_of_several_parts_is_taken_back_whole(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "ask"),
        answer("a1", "u1", "msg_01" + "1" * 20, text("First I"), call("c1", "Bash", command="ls")),
        user("r1", "a1", [result("c1", "files")]),
        taken_back(False, "a1", "r1"),
        answer("a3", "f", "msg_01" + "3" * 20, text("Here it is.")),
    ]
    assert [words for _, words in said(only(read_rows(tmp_path, rows)))] == [
        ["ask"],
        ["Here it is."],
    ]


def test_what_another_log_tells_is_not_taken_back_by_the_lines_of_this_one(tmp_path: Path) -> None:
    """Where the answer stands in the longer log, under another record id."""
    first = [
        user("u1", None, "ask"),
        answer("a1", "u1", "msg_01" + "1" * 20, text("First I")),
        user("u2", "a1", "more"),
        answer("a2", "u2", "msg_01" + "2" * 20, text("long " * 500)),
    ]
    second = [
        user("v1", None, "ask"),
        answer("b1", "v1", "msg_01" + "1" * 20, text("First I")),
        taken_back(False, "b1"),
        answer("b3", "f", "msg_01" + "3" * 20, text("Here it is.")),
    ]
    write(tmp_path, "s.jsonl", first)
    write(tmp_path, "t.jsonl", [{**row, "sessionId": "t"} for row in second])
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    assert "read/withdrawn_answer" not in reading.ledger.drops


def test_a_copy_of_an_answer_that_was_taken_back_is_none(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "ask"),
        answer("a1", "u1", "msg_01" + "1" * 20, text("First I")),
        taken_back(False, "a1"),
        answer("a3", "f", "msg_01" + "3" * 20, text("Here it is.")),
    ]
    copied = [{**row, "sessionId": "t"} for row in rows]
    more = [user("u2", "a3", "thanks"), answer("a4", "u2", "msg_01" + "4" * 20, text("Good."))]
    write(tmp_path, "s.jsonl", rows)
    write(tmp_path, "t.jsonl", [*copied, *({**row, "sessionId": "t"} for row in more)])
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    assert [words for _, words in said(only(reading))] == [
        ["ask"],
        ["Here it is."],
        ["thanks"],
        ["Good."],
    ]


NAMED = "<command-name>/review</command-name>"
REFUSED = "This skill can only be invoked by Claude, not directly by users."


@pytest.mark.parametrize(
    ("given", "kind", "texts"),
    [
        (f"{NAMED} is what I typed; why did nothing happen?", "prompt", None),
        (f"{NAMED}\n<command-args>it</command-args>\n", "prompt", ["it"]),
        (f"{NAMED}<command-args>a </command-x> b</command-args>", "prompt", ["a </command-x> b"]),
        (f"{NAMED}<command-contents>Look.</command-contents>", "command", ["/review"]),
        (f'{REFUSED} Ask Claude to use the "tidy" skill for you.', "drop", []),
        (f"{REFUSED} Why?", "prompt", None),
    ],
)
def test_a_person_who_speaks_of_a_command(given: str, kind: str, texts: list[str] | None) -> None:
    said = classify(given)
    assert (said.kind, said.texts) == (kind, [given] if texts is None else texts)


@pytest.mark.parametrize("fold", [{}, {"fold": {"command": {"commandMode": "prompt"}}}])
def test_talk_of_a_call_that_hides_in_a_system_record_is_context(
    tmp_path: Path, fold: dict[str, Any]
) -> None:
    talk = {
        "type": "system",
        "subtype": "voice_call_talk",
        "uuid": "v1",
        "parentUuid": "a1",
        "isMeta": True,
        "origin": {"kind": "voice-call"},
        "content": "They said: ship it.",
        **fold,
    }
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", text("Gone.")),
        talk,
        {**talk, "uuid": "v2", "parentUuid": "v1", "content": ["odd"]},
        answer("a2", "v2", "m2", text("Shipped.")),
    ]
    reading = read_rows(tmp_path, rows)
    assert said(only(reading))[1:] == [
        ("answer", ["Gone."]),
        ("context", ["They said: ship it."]),
        ("answer", ["Shipped."]),
    ]
    assert reading.ledger.drops == {"read/empty": 1}


def test_a_prompt_that_was_stored_under_a_new_id_is_known_by_its_old_one(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", text("Gone.")),
        user("new", "a1", "and on", sentAsUuid="u2"),
        answer("a2", "u2", "m2", text("On.")),
        answer("a3", "u2", "m3", text("On, again.")),
    ]
    main, retry = read_rows(tmp_path, rows).sessions
    assert [m.id for m in main.messages] == ["u1", "a1", "u2", "a2"]
    assert retry.forked_from is not None
    assert retry.forked_from.message == "u2"


def test_a_copy_of_a_prompt_that_was_stored_under_a_new_id_is_one(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", text("Gone.")),
        user("new", "a1", "and on", sentAsUuid="u2"),
        answer("a2", "new", "m2", text("On.")),  # this one names the new id
    ]
    more = [user("u3", "a2", "more"), answer("a3", "u3", "m3", text("More."))]
    write(tmp_path, "p/s1.jsonl", rows)
    write(tmp_path, "p/s2.jsonl", [{**row, "sessionId": "s2"} for row in [*rows, *more]])
    reading = read("claude", tmp_path)
    assert [m.id for m in only(reading)] == ["u1", "a1", "u2", "a2", "u3", "a3"]
    assert reading.ledger.drops == {"link/resumed_copy": 4}
    assert reading.unbalanced() == {}


PLANNED = {"plan": "# All of it", "planFilePath": "/home/dev/.claude/plans/x.md"}


@pytest.mark.parametrize("field", ["wireToolInputs", "wire_tool_inputs"])
@pytest.mark.parametrize(
    ("kept", "sent"),
    [
        ({"command": "make"}, {"command": "cd /home/dev/shop && make"}),
        ({"old_string": "a", "replace_all": False}, {"old_string": "a"}),
        (PLANNED, {}),
    ],
)
def test_a_call_has_the_arguments_that_the_model_wrote(
    tmp_path: Path, field: str, kept: dict[str, Any], sent: dict[str, Any]
) -> None:
    """The program changes them before it keeps them; newer versions keep both."""
    done = answer("a1", "u1", "m1", call("c1", "Any", **kept), **{field: {"c1": sent}})
    rows = [user("u1", None, "go"), done, user("r1", "a1", [result("c1")])]
    (part,) = only(read_rows(tmp_path, rows))[1].parts
    assert part == ToolCall("c1", "Any", sent)


@pytest.mark.parametrize("odd", [7, [], "x", {"c1": "x"}, {"c2": {}}])
def test_odd_arguments_beside_a_call_change_nothing(tmp_path: Path, odd: Any) -> None:
    done = answer("a1", "u1", "m1", call("c1", command="make"), wireToolInputs=odd)
    (part,) = only(read_rows(tmp_path, [user("u1", None, "go"), done]))[1].parts
    assert part == ToolCall("c1", "Bash", {"command": "make"})


def test_arguments_of_the_model_in_a_line_with_an_odd_field(tmp_path: Path) -> None:
    sent = {"c1": {"command": "cd /srv && make \ud83d"}}
    done = answer("a1", "u1", "m1", call("c1", command="make"), wireToolInputs=sent, cwd=7)
    (part,) = only(read_rows(tmp_path, [user("u1", None, "go"), done]))[1].parts
    assert part == ToolCall("c1", "Bash", {"command": "cd /srv && make \ufffd"})


def test_arguments_that_are_no_json_are_without_the_program_s_wrapping(tmp_path: Path) -> None:
    wrapped = {"__unparsedToolInput": {"raw": '{"command": "ls"}}', "len": 18}}
    done = answer("a1", "u1", "m1", call("c1", **wrapped), call("c2", __unparsedToolInput={}))
    first, second = only(read_rows(tmp_path, [user("u1", None, "go"), done]))[1].parts
    assert first == ToolCall("c1", "Bash", {"input": '{"command": "ls"}}'})
    assert second == ToolCall("c2", "Bash", {"__unparsedToolInput": {}})


def test_a_copy_without_the_arguments_that_the_model_wrote_stands_once(tmp_path: Path) -> None:
    """What the program prints, or copies into a fork, may hold only its own form of them."""
    name, served = "toolu_01AbCdEfGhIjKlMnOp", "msg_01AbCdEfGhIjKlMnOpQr"
    sent = {name: {"command": "cd /srv && make"}}
    done = answer("a1", "u1", served, call(name, command="make"))
    ran = user("r1", "a1", [result(name)])
    write(tmp_path, "s.jsonl", [user("u1", None, "go"), {**done, "wireToolInputs": sent}, ran])
    new = {"u1": "v1", "a1": "b1", "r1": "q1"}
    rows = [user("u1", None, "go"), done, ran]
    again = [
        {**r, "uuid": new[r["uuid"]], "parentUuid": new.get(r["parentUuid"]), "sessionId": "t"}
        for r in rows
    ]
    write(tmp_path, "t.jsonl", [*again, user("u2", "q1", "And now?")])
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    calls = [p for s in reading.sessions for m in s.messages for p in m.parts]
    assert [p.id for p in calls if isinstance(p, ToolCall)] == [name]


def test_calls_with_an_id_made_by_hand_are_no_copies_for_it(tmp_path: Path) -> None:
    """Logs that people wrote repeat such ids; what they say is not lost."""
    for name, todo in (("s", "wash"), ("t", "dry")):
        done = answer("a1", "u1", "m1", call("toolu_todowrite_002", todo=todo))
        rows = [user("u1", None, "go"), done]
        write(tmp_path, f"{name}.jsonl", [{**row, "sessionId": name} for row in rows])
    reading = read("claude", tmp_path)
    calls = [p for s in reading.sessions for m in s.messages for p in m.parts]
    assert {p.arguments["todo"] for p in calls if isinstance(p, ToolCall)} == {"wash", "dry"}


def test_tools_that_the_model_looked_up_are_defined(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"at": {"type": "string"}}}
    entries = [
        {"name": "Cron", "description": "At a time.", "input_schema": schema},
        {"name": "Unused", "description": "", "input_schema": schema},
        {"description": "no name"},
        "odd",
    ]
    record = {"type": "deferred_tools_record", "entries": entries}
    rows = [
        user("u1", None, "go"),
        {"type": "attachment", "uuid": "d", "parentUuid": "u1", "attachment": record},
        answer("a1", "d", "m1", call("c1", "Cron", at="noon")),
    ]
    (session,) = read_rows(tmp_path, rows).sessions
    assert session.tools == (ToolDef("Cron", "At a time.", schema),)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("<task-notification><summary>It stopped.</summary></task-notification>", ""),
        ("A note.", ""),
        ("Words of a person.", "prompt"),
    ],
)
def test_a_notice_that_only_the_transcript_shows_is_nothing_that_the_model_saw(
    tmp_path: Path, words: str, kind: str
) -> None:
    origin = {} if kind else {"origin": {"kind": "task-notification"}}
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", text("Done.")),
        user("u2", "a1", words, queueTranscriptOnly=True, **origin),
        user("u3", "u2", "Next."),
        answer("a2", "u3", "m2", text("Yes.")),
    ]
    reading = read_rows(tmp_path, rows)
    kinds = ["prompt", "answer", *([kind] if kind else []), "prompt", "answer"]
    assert [m.kind for m in only(reading)] == kinds
    assert reading.ledger.drops.get("read/transcript_only", 0) == (0 if kind else 1)
