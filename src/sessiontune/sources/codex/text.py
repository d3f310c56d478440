"""What a user message of a rollout is: typed by a person, or written by the program."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ...injected import unescaped

_REQUEST = re.compile(r"\n#+ My request for Codex:[ \t]*\n?")
#: The same in newer versions; a person may write that too, further down.
_NEWER_REQUEST = re.compile(r"\n## My request:[ \t]*\n?")
_DELEGATED = re.compile(r"<input>(.*?)</input>", re.DOTALL)
_INPUT_END = "</input>"

#: Beginning of a message of the program -> "context", which stays, as the model saw it; anything
#: else is the reason of its drop.
_STARTS = (
    ("# AGENTS.md instructions", "context"),
    ("<user_instructions>", "context"),
    ("<INSTRUCTIONS>", "context"),
    ("<skill>", "context"),
    ("<user_action>", "context"),
    ("<subagent_notification>", "context"),
    ("<environment_context>", "environment_context"),
    ("<turn_aborted>", "turn_aborted"),
    ("<permissions instructions>", "permissions"),
    ("<collaboration_mode>", "collaboration_mode"),
    ("<user_shell_command>", "context"),
    ("<model_switch>", "model_switch"),
    ("<personality_spec>", "personality"),
    ("<apps_instructions>", "apps_instructions"),
    ("<skills_instructions>", "skills_instructions"),
    ("<plugins_instructions>", "plugins_instructions"),
    ("<realtime_conversation>", "realtime_conversation"),
    ("<codex_internal_context", "context"),
    ("<goal_context>", "context"),
    ("<extension_context>", "context"),
    ("<external_", "context"),
    ("<hook_prompt", "context"),
    ("<agent_message_board_notification>", "context"),
    ("<next_prompt_suggestion>", "prompt_suggestion"),
    ("<app-context>", "context"),
    ("<heartbeat>\n", "context"),
    ("# Overview\n\nGenerate 0 to 3 hyperpersonalized suggestions", "context"),
    ("## Memory Writing Agent", "context"),
    ("<recommended_plugins>", "plugins_instructions"),
    ("Here is a list of plugins that are available but not installed.", "plugins_instructions"),
    ("Warning: The maximum number of unified exec processes you can keep open is", "warning"),
    ("Warning: apply_patch was requested via ", "warning"),
    ("Warning: Your account was flagged for potentially high-risk cyber activity", "warning"),
)
_WRAPPERS = (
    "# Files mentioned by the user",
    "# Files pasted by the user",
    "# Context from my IDE setup",
    "# In app browser",
    "# Chrome tabs:",
    "# Failing PR checks:",
    "# Applications mentioned by the user",
    "# MCP app context:",
    "## Prior conversation with Codex:",
    "## Referenced chats with Codex:",
    "## Referenced ChatGPT conversation:",
    "The attached pasted text file(s) contain the user's request.",
)
#: Headings that a person may write too: they are the program's if the heading of a request follows.
_PERHAPS = (
    "## Code review guidelines:",
    "# Pull request merge conflict:",
    "## Pull request fix:",
    "## Pull request merge task:",
    "## Auto resolve merge:",
    "# Review findings:",
)
#: A person's comments on places of a file, a page or an answer, which come before the request.
_NOTED = re.compile(
    r"^# (?:Diff comments|Browser comments|Response annotations|Selected text):", re.MULTILINE
)
_HEADINGS = ("## My request for Codex:", "## My request:")
_AMBIENT = '<in-app-browser-context source="ambient-ui-state">'
_AMBIENT_END = "</in-app-browser-context>"
_CAPTION = re.compile(r"The next image shows [^\n]* at the time of Comment \d+\.")
_REPLY = "<send_user_message_question_reply>"
_REPLY_END = "</send_user_message_question_reply>"
_VOICE = "<realtime_delegation>"
_DELEGATION = "<codex_delegation"
_SUMMARY = "Another language model started to solve this problem"
_GUARDIAN = "The following is the Codex agent history"


def classify(text: str) -> tuple[str, str]:
    """(kind, words): kind "prompt", "task" (of another thread), "context", "summary", or the reason
    of the drop."""
    given, start = text, text.lstrip()
    if not start:
        return "empty", ""
    if start[0] not in "<#ATHW":
        return "prompt", text
    for begin, kind in _STARTS:
        if start.startswith(begin):
            return kind, text
    if _AMBIENT in start:
        start = text = _without_browser(start)
        if not start:
            return "context", given
    if start.startswith(_WRAPPERS) or _NOTED.match(start):
        return _asked(text)
    if start.startswith(_PERHAPS):
        kind, words = _asked(text)
        return (kind, words) if kind == "prompt" else ("prompt", text)
    if start.startswith(_DELEGATION):
        words = delegated(start)
        return ("task", words) if words else ("context", text)
    if start.startswith(_REPLY):
        return "prompt", _answers(start.rstrip()) or text
    if _CAPTION.match(start):
        return "context", text
    if start.startswith(_VOICE):  # a spoken request, not the talk before it
        asked = _input(start)
        if asked is None or "<source>" in start[: asked.start()]:  # from the program, at the end
            return "context", text
        words = unescaped(asked[1]).strip()
        return ("prompt", words) if words else ("context", text)
    if start.startswith(_SUMMARY):
        return "summary", text
    if start.startswith(_GUARDIAN):
        return "guardian_prompt", text
    return "prompt", text


def delegated(text: Any) -> str:
    """The task that another thread gave to this one, or ""."""
    if not isinstance(text, str) or not text.lstrip().startswith(_DELEGATION):
        return ""
    asked = _input(text)
    return unescaped(asked[1]).strip() if asked is not None else ""


def _input(text: str) -> re.Match[str] | None:
    """What was asked. (Unbounded, each beginning without an end would read to the end.)"""
    return _DELEGATED.search(text, 0, text.rfind(_INPUT_END) + len(_INPUT_END))


def _asked(text: str) -> tuple[str, str]:
    """The request at the end of the program's text, with the notes before it."""
    found = None
    for found in _REQUEST.finditer(text):  # noqa: B007  (the last one counts)
        pass
    found = found or _NEWER_REQUEST.search(text)
    words = text[found.end() :].strip() if found is not None else ""
    noted = _NOTED.search(text, 0, found.start() if found is not None else len(text))
    if noted is not None:
        end = len(text) if words or found is None else found.start()
        words = text[noted.start() : end].strip()
    return ("prompt", words) if words else ("context", text)


def _without_browser(text: str) -> str:
    """The words without what the desktop program says about its browser, before or after them."""
    cut = text
    while cut.startswith(_AMBIENT) and _AMBIENT_END in cut:
        cut = cut.partition(_AMBIENT_END)[2].lstrip()
    heading = next((heading for heading in _HEADINGS if cut.startswith(heading)), "")
    words, behind, _ = cut.rpartition(f"\n{_AMBIENT}")
    if heading and behind and cut == text and cut.rstrip().endswith(_AMBIENT_END):
        cut = words.rstrip()
    return cut.removeprefix(heading).strip() if cut != text else text


def _answers(text: str) -> str:
    """A person's answers to questions that the model asked without waiting."""
    if not text.endswith(_REPLY_END):
        return ""
    try:
        told = msgspec.json.decode(text[len(_REPLY) : -len(_REPLY_END)])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""
    if not isinstance(told, list):
        return ""
    answers = [one.get("answer") for one in told if isinstance(one, dict)]
    return "\n\n".join(one for one in answers if isinstance(one, str) and one.strip())
