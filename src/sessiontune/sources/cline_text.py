"""Tags and heads that Cline writes into plain text: calls, results, notes, a person's words."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..model import Part, ResultStatus
from .shapes import texts, thoughts

#: Tools that a model calls with tags in its text.
_TOOL_NAMES = """
access_mcp_resource apply_diff ask_followup_question attempt_completion browser_action
codebase_search condense edit_file execute_command fetch_instructions generate_image
insert_content list_code_definition_names list_files load_mcp_documentation new_rule new_task
plan_mode_respond plan_mode_response read_file replace_in_file report_bug run_slash_command
search_and_replace search_files summarize_task switch_mode update_todo_list use_mcp_tool
web_fetch web_search write_to_file
"""
_TOOL = re.compile(rf"^[ \t]*<({'|'.join(_TOOL_NAMES.split())})>", re.MULTILINE)
_FIRST_FIELD = re.compile(r"\s*<\w+>")
_FIELD = re.compile(r"<(\w+)>")
_LONG = ("content", "diff", "args", "arguments", "result")  # may hold tags of their own
_THOUGHT = re.compile(r"\A\s*<thinking>(.*?)</thinking>\s*", re.DOTALL)
RESULT = re.compile(
    r"\A\s*\[([\w-]+)(?: for (?:'.*?'|[^\n]*?))?(?:\.\.\.)?\] Result:[ \t]*\n?", re.DOTALL
)
_NOTES, _NOTES_END = re.compile(r"(?:\A|\n)[ \t]*<environment_details>"), "</environment_details>"
#: How a person's words begin: the whole text, a part of it, or beside the result of a tool. They
#: end with the text.
_WHOLE = re.compile(r"\A\s*<(task|feedback|user_message)>")
_SAID = re.compile(r"(?:\A\s*|:[ \t]*\n\s*)<(feedback|user_message)>")
_SAID_BESIDE = re.compile(r"feedback[^\n]*:[ \t]*\n\s*<(feedback)>")
#: Tools whose results are a person's words.
_ASKING = ("ask_followup_question", "attempt_completion", "plan_mode_respond", "plan_mode_response")
_ANSWER = re.compile(r"\A\s*<(answer)>")

#: What the program writes as the user -> the reason of its drop, or "" if it is context.
_PROGRAM = (
    ("# task_progress", "todo_reminder"),
    ("# TODO LIST", "todo_reminder"),
    ("# Todo List", "todo_reminder"),
    ("[ERROR]", ""),
    ("[TASK RESUMPTION]", ""),
    ("Files attached by the user:", ""),
    ("<file_content", ""),
    ("<folder_content", ""),
    ("<url_content", ""),
    ("<explicit_instructions", ""),
    ("<slash_command", ""),
)
SUMMARY = "This session is being continued from a previous conversation"
_DENIED = "The user denied this operation"


class Call(msgspec.Struct):
    """A call; without an id if it was written as tags."""

    name: str
    arguments: Any
    id: str = ""


def without_notes(text: str) -> str:
    """The text without the editor's notes at its end."""
    notes = _NOTES.search(text) if text.rstrip().endswith(_NOTES_END) else None
    return text if notes is None else text[: notes.start()]


def said(text: str, tool: str | None) -> tuple[str, str]:
    """The text without what a person said in it, and these words.

    `tool`: it is a result of this tool; "" a text of the program, None any other.
    """
    form = _WHOLE if tool is None else _SAID if tool in ("", *_ASKING) else _SAID_BESIDE
    before, own = _ending(form, text)
    if own is not None:
        return before, own
    _, answer = _ending(_ANSWER, text) if tool is not None else ("", None)
    return (text.strip() if answer is None else answer), ""


def _ending(form: re.Pattern[str], text: str) -> tuple[str, str | None]:
    """What is before the first tag of this form that is closed at the end of the text, and what is
    in it; None if there is none."""
    whole = text.rstrip()
    for found in form.finditer(whole) if whole.endswith(">") else ():
        close = f"</{found[1]}>"
        if whole.endswith(close):
            return text[: found.start(1) - 1].strip(), whole[found.end() : -len(close)].strip()
    return text, None


def added(text: str) -> str | None:
    """The reason to drop a text of the program, "" if it is context; None for any other text."""
    return next((why for start, why in _PROGRAM if text.lstrip().startswith(start)), None)


def written(text: str) -> list[Part | Call]:
    """The text of an answer in pieces: thinking, words, and calls written as tags."""
    steps: list[Part | Call] = []
    thought = _THOUGHT.match(text)
    if thought is not None:
        steps += thoughts(thought[1].strip())
        text = text[thought.end() :]
    at, unclosed = 0, set[str]()  # names that no tag closes any more
    for found in _TOOL.finditer(text):
        name, begin = found[1], found.end()
        if found.start() < at:  # in the call before
            continue
        end = -1 if name in unclosed else text.find(f"</{name}>", begin)
        if end < 0:
            unclosed.add(name)
            if _FIRST_FIELD.match(text, begin) is None:
                continue
        steps += texts(text[at : found.start()].strip())
        steps.append(Call(name, _fields(text[begin:end] if end >= 0 else text[begin:])))
        at = end + len(f"</{name}>") if end >= 0 else len(text)
    rest = text[at:].strip() if at else text
    return [*steps, *texts(rest)]


def _fields(body: str) -> dict[str, str]:
    """The arguments of a call that was written as tags."""
    given: dict[str, str] = {}
    at = 0
    while (found := _FIELD.search(body, at)) is not None:
        name, close = found[1], f"</{found[1]}>"
        end = body.rfind(close) if name in _LONG else body.find(close, found.end())
        end = end if end >= found.end() else len(body)
        given.setdefault(name, body[found.end() : end].strip("\n"))
        at = end + len(close)
    return given


def status_of(text: str) -> ResultStatus:
    """How a call ended, by how its result begins."""
    if text.startswith(_DENIED):
        return "rejected"
    return "error" if text.startswith(("The tool execution failed", "<error>", "Error")) else "ok"
