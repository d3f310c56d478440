"""mini-swe-agent: trajectories of both versions, with calls and with commands in the text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_other_agents import run, shape
from tests.support import Reading

from sessiontune import registry

TASK = {"role": "user", "content": "Please solve this issue: the till"}


def reading(tmp_path: Path, *messages: dict[str, Any], version: str = "2.4.6") -> Reading:
    model = {"model_name": "anthropic/claude-sonnet-4-5"}
    info = {
        "model_stats": {"instance_cost": 0.1, "api_calls": 2},
        "config": {"model": model, "environment": {"cwd": "/testbed"}},
        "mini_version": version,
    }
    path = tmp_path / "shop__till-7.traj.json"
    path.write_text(json.dumps({"info": info, "messages": messages}, indent=2))
    return run("mini-swe-agent", path)


def called(text: str, *commands: str, first: int = 1) -> dict[str, Any]:
    calls = [
        {
            "id": f"c{at}",
            "type": "function",
            "function": {"name": "bash", "arguments": json.dumps({"command": command})},
        }
        for at, command in enumerate(commands, first)
    ]
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    response = {"model": "claude-sonnet-4-5", "usage": usage}
    extra = {"response": response, "timestamp": 1775795869.5}
    return {
        "role": "assistant",
        "content": text,
        "tool_calls": calls,
        "reasoning_content": "hm",
        "extra": extra,
    }


def output(call: str, content: str, code: int = 0, info: str = "") -> dict[str, Any]:
    extra = {"returncode": code, "exception_info": info, "raw_output": ""}
    return {"role": "tool", "tool_call_id": call, "content": content, "extra": extra}


def test_calls_and_their_outputs(tmp_path: Path) -> None:
    told = reading(
        tmp_path,
        {"role": "system", "content": "You are helpful."},
        TASK,
        called("I look.", "ls", "pwd"),
        output("c1", "till.py"),
        output("c2", "/testbed", 1),
        called("Done.", "submit", first=3),
        output("c3", "", -1, "action was not executed"),
        {"role": "exit", "content": "a patch", "extra": {"exit_status": "Submitted"}},
    )
    assert shape(told) == [
        [
            ("context", "You are helpful."),
            ("prompt", "Please solve this issue: the till"),
            ("answer", "hm", "I look.", ("bash", {"command": "ls"}), ("bash", {"command": "pwd"})),
            ("results", ("till.py", "ok"), ("/testbed", "error")),
            ("answer", "hm", "Done.", ("bash", {"command": "submit"})),
            ("results", ("", "cancelled")),
        ]
    ]
    (session,) = told.sessions
    answer = session.messages[2]
    assert (session.project, session.cwd) == ("shop__till", "/testbed")
    assert (answer.model, answer.vendor) == ("claude-sonnet-4-5", "anthropic")
    assert answer.at == "2026-04-10T04:37:49.500Z"
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output, answer.usage.cache_read) == (5, 2, 4)
    assert told.ledger.drops["read/exit"] == 1


def test_the_vendor_s_responses(tmp_path: Path) -> None:
    response = {
        "object": "response",
        "model": "gpt-5-mini",
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "I look."}]},
            {
                "type": "function_call",
                "call_id": "c1",
                "name": "bash",
                "arguments": '{"command": "ls"}',
            },
        ],
    }
    back = {"type": "function_call_output", "call_id": "c1", "output": "till.py"}
    told = reading(tmp_path, TASK, response, back)
    assert shape(told) == [
        [
            ("prompt", "Please solve this issue: the till"),
            ("answer", "hm", "I look.", ("bash", {"command": "ls"})),
            ("results", ("till.py", "ok")),
        ]
    ]


@pytest.mark.parametrize(
    "fenced", ["```bash\nls\n```", "```mswea_bash_command\nls\n```", "<mswea_bash_command>ls</>"]
)
def test_a_command_in_the_text_is_a_call(tmp_path: Path, fenced: str) -> None:
    fenced = fenced.replace("</>", "</mswea_bash_command>")
    told = reading(
        tmp_path,
        TASK,
        {"role": "assistant", "content": f"THOUGHT: look\n\n{fenced}"},
        {"role": "user", "content": "<returncode>2</returncode>\n<output>no</output>"},
        {"role": "assistant", "content": "I am done."},
        {"role": "user", "content": "Please always provide EXACTLY ONE action."},
        version="1.17.0",
    )
    assert shape(told) == [
        [
            ("prompt", "Please solve this issue: the till"),
            ("answer", "THOUGHT: look", ("bash", {"command": "ls"})),
            ("results", ("<returncode>2</returncode>\n<output>no</output>", "error")),
            ("answer", "I am done."),
            ("context", "Please always provide EXACTLY ONE action."),
        ]
    ]


def test_words_of_a_person_who_breaks_in(tmp_path: Path) -> None:
    head = "The user rejected your commands with the following message: "
    told = reading(
        tmp_path,
        TASK,
        called("", "rm -r x"),
        output("c1", "-1", -1, "action was not executed"),
        {
            "role": "user",
            "content": f"Commands not executed. {head}use pwd",
            "extra": {"interrupt_type": "UserRejection"},
        },
        {"role": "user", "content": "User command: \n```bash\nls\n```", "extra": {"actions": []}},
        {"role": "user", "content": "till.py", "extra": {"returncode": 0}},
        called("Fine.", "pwd", first=2),
        output("c2", "/testbed"),
        {"role": "user", "content": "Interrupted by user: Temporary interruption caught."},
        {"role": "user", "content": "The user added a new task: test it"},
        {"role": "user", "content": "No tool calls.", "extra": {"interrupt_type": "FormatError"}},
    )
    assert shape(told) == [
        [
            ("prompt", "Please solve this issue: the till"),
            ("answer", "hm", ("bash", {"command": "rm -r x"})),
            ("results", ("-1", "rejected")),
            ("prompt", "use pwd"),
            ("context", "User command: \n```bash\nls\n```"),
            ("context", "till.py"),
            ("answer", "hm", "Fine.", ("bash", {"command": "pwd"})),
            ("results", ("/testbed", "ok")),
            ("prompt", "test it"),
            ("context", "No tool calls."),
        ]
    ]
    assert told.ledger.drops["read/interrupt_marker"] == 1


def test_a_refused_command_in_the_text(tmp_path: Path) -> None:
    head = "Command not executed. The user rejected your command with the following message: "
    told = reading(
        tmp_path,
        TASK,
        {"role": "assistant", "content": "```bash\nrm -r x\n```"},
        {"role": "user", "content": head + "use pwd"},
        {"role": "assistant", "content": "```bash\npwd\n```"},
        {"role": "user", "content": "Command not executed. Switching to human mode"},
    )
    assert shape(told) == [
        [
            ("prompt", "Please solve this issue: the till"),
            ("answer", ("bash", {"command": "rm -r x"})),
            ("results", (head.rstrip(" :"), "rejected")),
            ("prompt", "use pwd"),
            ("answer", ("bash", {"command": "pwd"})),
            ("results", ("Command not executed. Switching to human mode", "rejected")),
        ]
    ]


@pytest.mark.parametrize("odd", [42, None, {"role": 7}, {"role": "assistant", "content": 3}])
def test_odd_messages_are_dropped_each_with_a_reason(tmp_path: Path, odd: Any) -> None:
    told = reading(tmp_path, odd, TASK, called("I look.", "ls"), output("c9", "whose?"))
    assert [m.kind for m in told.sessions[0].messages] == ["prompt", "answer", "results"]
    assert told.ledger.drops["read/result_without_call"] == 1


def test_the_last_run_lies_among_the_settings() -> None:
    roots = registry.source("mini-swe-agent").roots
    assert roots({"MSWEA_GLOBAL_CONFIG_DIR": "/m"}, "/home/u") == ["/m"]
    assert roots({}, "/home/u")[0].endswith("mini-swe-agent")
