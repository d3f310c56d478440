"""What a user message of a rollout is: typed by a person, or written by the program."""

from __future__ import annotations

import re

from ...injected import unescaped

_REQUEST = re.compile(r"\n#+ My request for Codex:[ \t]*\n?")
#: The same in newer versions: a person may well write that too, further down.
_NEWER_REQUEST = re.compile(r"\n## My request:[ \t]*\n?")
_DELEGATED = re.compile(r"<input>(.*?)</input>", re.DOTALL)

#: What a program-written message begins with -> what becomes of it: "context" stays, as the
#: model saw it; anything else is the reason why it goes.
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
    ("<recommended_plugins>", "plugins_instructions"),
    ("Here is a list of plugins that are available but not installed.", "plugins_instructions"),
    ("Warning: The maximum number of unified exec processes you can keep open is", "warning"),
    ("Warning: apply_patch was requested via ", "warning"),
    ("Warning: Your account was flagged for potentially high-risk cyber activity", "warning"),
)
_WRAPPERS = ("# Files mentioned by the user", "# Context from my IDE setup")
_VOICE = "<realtime_delegation>"
_SUMMARY = "Another language model started to solve this problem"
_GUARDIAN = "The following is the Codex agent history"


def classify(text: str) -> tuple[str, str]:
    """(kind, words): kind "prompt", "context", "summary", or the reason of the drop."""
    start = text.lstrip()
    if not start:
        return "empty", ""
    if start[0] not in "<#ATHW":
        return "prompt", text
    for begin, kind in _STARTS:
        if start.startswith(begin):
            return kind, text
    if start.startswith(_WRAPPERS):
        found = None
        for found in _REQUEST.finditer(text):  # noqa: B007  (the last one counts)
            pass
        found = found or _NEWER_REQUEST.search(text)
        words = text[found.end() :].strip() if found is not None else ""
        return ("prompt", words) if words else ("context", text)
    if start.startswith(_VOICE):  # a request that was spoken, not the talk before it
        asked = _DELEGATED.search(start)
        if asked is None or "<source>" in start[: asked.start()]:  # by the program, in the end
            return "context", text
        return "prompt", unescaped(asked[1]).strip()
    if start.startswith(_SUMMARY):
        return "summary", text
    if start.startswith(_GUARDIAN):
        return "guardian_prompt", text
    return "prompt", text
