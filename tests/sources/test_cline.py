"""Cline and its kin: calls as blocks and as tags, results as text, a person's words in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_codex_shapes import told
from tests.support import Reading, growth, read

from sessiontune import registry
from sessiontune.model import Image
from sessiontune.sources.cline_text import said as said_in
from sessiontune.sources.cline_text import without_notes, written

NOTES = """<environment_details>
# Current Time
1/22/2026, 3:48:00 AM (UTC, UTC+0:00)

# Current Working Directory (/work/shop) Files
a.py
</environment_details>"""
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}


def said(role: str, *pieces: Any, **more: Any) -> dict[str, Any]:
    blocks = [{"type": "text", "text": p} if isinstance(p, str) else p for p in pieces]
    return {"role": role, "content": blocks, **more}


def use(call: str, tool: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": tool, "input": given}


def task(
    root: Path, rows: list[Any], name: str = "1769053680585", indent: int | None = None
) -> Path:
    path = root / name / "api_conversation_history.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=indent))
    return path


def whole(*paths: Path) -> Reading:
    for path in paths:
        head = path.read_bytes()[:65536]
        assert registry.source("cline").recognise(str(path), head)
        assert not any(registry.source(n).recognise(str(path), head) for n in ("claude", "codex"))
    reading = read("cline", paths[0].parent.parent, map(str, paths))
    assert reading.unbalanced() == {}
    return reading


BLOCKS = [
    said(
        "user", "<task>\nList it.\n</task>", "\n# task_progress RECOMMENDED\n\nUse a list.", NOTES
    ),
    said(
        "assistant",
        {"type": "thinking", "thinking": "I read.", "signature": "x"},
        "I look <read_file>.",
        use("t1", "read_file", path="a.py"),
        modelInfo={"modelId": "claude-sonnet-4-5", "providerId": "anthropic"},
        metrics={"tokens": {"prompt": 10, "completion": 5, "cached": 90}},
    ),
    said("user", "[read_file for 'a.py'] Result:\n<task>x</task>\nprint(1)", NOTES),
    said("assistant", use("t2", "attempt_completion", result="One file.")),
    said(
        "user",
        "[attempt_completion] Result:",
        "The user has provided feedback on the results:\n<feedback>\nAnd b.py?\n</feedback>",
        NOTES,
    ),
    said("assistant", "There is none."),
]
TALK = [
    ("prompt", "List it."),
    ("answer", "I read.", "I look <read_file>.", ("read_file", {"path": "a.py"})),
    ("results", ("read_file", "<task>x</task>\nprint(1)", "ok")),
    ("answer", ("attempt_completion", {"result": "One file."})),
    ("results", ("attempt_completion", "The user has provided feedback on the results:", "ok")),
    ("prompt", "And b.py?"),
    ("answer", "There is none."),
]


@pytest.mark.parametrize("indent", [None, 1])
def test_calls_as_blocks(tmp_path: Path, indent: int | None) -> None:
    path = task(tmp_path, BLOCKS, indent=indent)
    (path.parent / "task_metadata.json").write_text('{"model_usage": [{"model_id": "other"}]}')
    reading = whole(path)
    assert told(reading) == [TALK]
    session = reading.sessions[0]
    assert (session.session_id, session.project) == ("1769053680585", "shop")
    answers = [m for m in session.messages if m.role == "assistant"]
    assert [m.model for m in answers] == ["claude-sonnet-4-5", "other", "other"]
    assert answers[0].usage is not None
    assert (answers[0].usage.output, answers[0].usage.cache_read) == (5, 90)
    assert session.messages[0].at == "2026-01-22T03:48:00.585Z"
    index = registry.source("cline").index(str(path))
    assert (index.names, index.links) == (("/work/shop",), ("session:1769053680585",))


def test_calls_as_tags(tmp_path: Path) -> None:
    write = (
        "<thinking>\nI write.\n</thinking>\n\nNow I write.\n<write_to_file>\n<path>a.html</path>\n"
        "<content>\n<path>d</path>\n<content>x</content>\n</content>\n</write_to_file>"
    )
    ask = "<ask_followup_question>\n<question>Which?</question>\n</ask_followup_question>"
    rows = [
        said("user", f"<task>\nWrite <b>it</b>.\n</task>\n\n{NOTES}", ts=1769053680000),
        said("assistant", write),
        said("user", "[write_to_file for 'a.html'] Result:", "Saved.", PNG, NOTES),
        said("assistant", ask),
        said("user", "[ask_followup_question for 'Which?'] Result:", "<answer>\nThis.\n</answer>"),
        said("assistant", "<execute_command>\n<command>ls</command>\n"),
        said("user", "[execute_command for 'ls'] Result:", "The user denied this operation."),
        said("assistant", "I stop. Use <read_file> for more."),
        said("user", "[ERROR] You did not use a tool in your previous response!", NOTES),
    ]
    reading = whole(task(tmp_path, rows))
    written = {"path": "a.html", "content": "<path>d</path>\n<content>x</content>"}
    assert told(reading) == [
        [
            ("prompt", "Write <b>it</b>."),
            ("answer", "I write.", "Now I write.", ("write_to_file", written)),
            ("results", ("write_to_file", "Saved.", "ok", "image/png")),
            ("answer", ("ask_followup_question", {"question": "Which?"})),
            ("results", ("ask_followup_question", "This.", "ok")),
            ("answer", ("execute_command", {"command": "ls"})),
            ("results", ("execute_command", "The user denied this operation.", "rejected")),
            ("answer", "I stop. Use <read_file> for more."),
            ("context", "[ERROR] You did not use a tool in your previous response!"),
        ]
    ]


def test_results_as_blocks_and_words_in_them(tmp_path: Path) -> None:
    def result(call: str, *pieces: Any) -> dict[str, Any]:
        content = said("user", *pieces)["content"]
        return {"type": "tool_result", "tool_use_id": call, "content": content}

    rejected = "The user denied this operation and provided the following feedback:"
    denied = f"{rejected}\n<feedback>\nNo, b.\n</feedback>"
    resumed = "[TASK RESUMPTION] Interrupted.\n\nNew instructions:"
    rows = [
        said("user", "<user_message>\nGo.\n</user_message>", NOTES),
        said("assistant", use("c1", "read_file", path="a"), use("c2", "list_files", path=".")),
        said("user", result("c2", "a\nb"), result("c1", denied), result("c9", "lost"), NOTES),
        said("user", result("c1", "again")),
        {**said("assistant", "## What was done"), "isSummary": True},
        said("user", f"{resumed}\n<user_message>\nOn.\n</user_message>"),
        said("user", "My own:\n<feedback>x</feedback>", {"type": "audio"}),
        said("user", {"type": "audio"}),
        said("user", NOTES),
        {"role": "system", "content": "x"},
        7,
    ]  # fmt: skip
    reading = whole(task(tmp_path, rows))
    assert told(reading) == [
        [
            ("prompt", "Go."),
            ("answer", ("read_file", {"path": "a"}), ("list_files", {"path": "."})),
            ("results", ("read_file", rejected, "rejected"), ("list_files", "a\nb", "ok")),
            ("prompt", "No, b."),
        ],
        [
            ("summary", "## What was done"),
            ("context", resumed),
            ("prompt", "On."),
            ("prompt", "My own:\n<feedback>x</feedback>"),
        ],
    ]
    drops = {k: n for k, n in reading.ledger.drops.items() if k.startswith("read/")}
    assert drops == {
        "read/result_without_call": 1,
        "read/unknown_block:audio": 1,
        "read/environment_details": 1,
        "read/unknown_role:system": 1,
        "read/no_message": 1,
    }


def test_a_copy_of_a_task_counts_once(tmp_path: Path) -> None:
    longer, copy = task(tmp_path / "a", BLOCKS), task(tmp_path / "b", [*BLOCKS[:3]])
    assert registry.source("cline").index(str(longer)).links == ("session:1769053680585",)
    reading = whole(longer, copy)
    assert told(reading) == [TALK]
    assert reading.ledger.drops["link/resumed_copy"] == 3


def test_what_is_no_task_is_left(tmp_path: Path) -> None:
    source = registry.source("cline")
    for head in (
        b"[]",
        b'[{"role":"user","content":"hi"}]',
        b'{"role":"user"}',
        b'[{"ts":1,"say":"x"}]',
    ):
        assert not source.recognise("/x/messages.json", head)
    assert source.recognise(
        "/x/api_conversation_history.json", b'[ {"role": "user", "content": "hi"}]'
    )
    odd: list[Any] = [None, 1, "x", {}, {"role": 1}, {"role": "user", "content": 5}, said("user")]
    odd += [said("assistant", "", isSummary=True)]
    reading = whole(task(tmp_path, [said("user", "<task>\na\n</task>"), *odd]))
    assert told(reading) == [[("prompt", "a")]]
    broken = task(tmp_path, BLOCKS, "2")
    broken.write_text(broken.read_text()[:-9])
    assert [f.reason for f in whole(broken).ledger.faults] == ["truncated_line"]


def test_where_tasks_lie(tmp_path: Path) -> None:
    places = [
        ".config/Code/User/globalStorage/saoudrizwan.claude-dev/tasks",
        "Library/Application Support/Cursor/User/globalStorage/rooveterinaryinc.roo-cline/tasks",
        ".vscode-server/data/User/globalStorage/kilocode.kilo-code/tasks",
        ".cline/data/tasks",
    ]
    for place in places:
        (tmp_path / place).mkdir(parents=True)
    found = registry.source("cline").roots({}, str(tmp_path))
    assert sorted(found) == sorted(str(tmp_path / place) for place in places)


def test_a_picture_alone_is_a_prompt(tmp_path: Path) -> None:
    reading = whole(task(tmp_path, [said("user", PNG, NOTES)]))
    assert isinstance(reading.sessions[0].messages[0].parts[0], Image)


def test_a_message_nested_too_deep_is_a_fault_and_nothing_else(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    rows = [BLOCKS[0], said("assistant", use("t", "run", given=deep)), said("user", "y")]
    reading = whole(task(tmp_path, rows))
    assert told(reading) == [[("prompt", "List it."), ("prompt", "y")]]
    assert [fault.reason for fault in reading.ledger.faults] == ["too_deep"]


@pytest.mark.parametrize(
    ("tag", "take"),
    [
        ("<read_file> x\n", written),
        ("\n<environment_details>\n", without_notes),
        (":\n<user_message>\n", lambda text: said_in(text, "")),
        ("<feedback>x" + " " * 9, lambda text: said_in(text, "")),
        ("<answer>x" + " " * 9, lambda text: said_in(text, "run")),
    ],
    ids=["call", "notes", "words", "blanks", "answer"],
)
def test_tags_that_are_never_closed_cost_the_length_of_the_text(
    tag: str, take: Callable[[str], object]
) -> None:
    def prepare(count: int) -> Callable[[], object]:
        text = tag + tag.replace("x", "") * count
        return lambda: take(text)

    assert growth(prepare, 500) < 24
