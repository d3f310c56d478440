"""What a chat template can render, found by rendering small conversations with it.

Its source would allow only a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..errors import UsageError
from .engine import TemplateRefused
from .rows import Abilities

#: (messages, tools, add_generation_prompt) -> text
Renderer = Callable[[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]] | None, bool], str]

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "probe_tool",
            "description": "probe-description",
            "parameters": {
                "type": "object",
                "properties": {"probe_key": {"type": "string", "description": "probe-field"}},
                "required": ["probe_key"],
            },
        },
    }
]


def user(text: str) -> dict[str, Any]:
    """A question."""
    return {"role": "user", "content": text}


def answer(text: str, **more: Any) -> dict[str, Any]:
    """An answer; `more`: its other fields."""
    return {"role": "assistant", "content": text, **more}


def call(value: str, number: int = 1) -> dict[str, Any]:
    """A call of the tool; two in one message have different numbers."""
    function = {"name": "probe_tool", "arguments": {"probe_key": value}}
    return {"id": f"call{number:05d}", "type": "function", "function": function}


def result(text: str, number: int = 1) -> dict[str, Any]:
    """The result of the call of that number."""
    identity = f"call{number:05d}"
    return {"role": "tool", "content": text, "tool_call_id": identity, "name": "probe_tool"}


SYSTEM = {"role": "system", "content": "probe-system"}
USER = user("probe-user")
CALLED = [USER, answer("", tool_calls=[call("probe-value")]), result("probe-result")]


def probe(render: Renderer) -> Abilities:
    """Find the abilities of a template. Raises UsageError if it renders no plain exchange."""
    shows = partial(_shows, render)
    if not shows([USER, answer("probe-answer")], "probe-user", "probe-answer"):
        raise UsageError(
            "The chat template does not render a question and its answer.",
            "Name another one with --template (chatml, llama3, gemma or a file).",
        )
    tools = shows(
        [*CALLED, answer("probe-end")],
        *("probe_tool", "probe_key", "probe-value", "probe-result", "probe-end"),
        tools=TOOLS,
    )
    long = {**call("probe-value"), "id": "probe_id-longer"}
    told = {**result("probe-result"), "tool_call_id": "probe_id-longer"}
    why = {"reasoning_content": "probe-why", "thinking": "probe-why"}
    two = answer("", tool_calls=[call("probe-value"), call("probe-second", 2)])
    beside = answer("probe-beside", tool_calls=[call("probe-value")])
    return Abilities(
        system=shows([SYSTEM, USER, answer("probe-answer")], "probe-system", "probe-user"),
        mid_system=shows(
            [USER, answer("probe-answer"), SYSTEM, user("probe-next"), answer("probe-end")],
            *("probe-answer", "probe-system", "probe-next"),
        ),
        tools=tools,
        schemas=tools and shows([USER, answer("")], "probe-description", tools=TOOLS),
        parallel=tools
        and shows(
            [USER, two, result("probe-result"), result("probe-last", 2)],
            *("probe-value", "probe-second", "probe-result", "probe-last"),
            tools=TOOLS,
        ),
        beside=tools and shows([USER, beside], "probe-beside", "probe-value", tools=TOOLS),
        thinking=shows([USER, answer("probe-answer", **why)], "probe-why", "probe-answer"),
        all_beside=not tools
        or not shows([USER, answer("", tool_calls=[call("v")], **why)], "probe_tool", tools=TOOLS)
        or shows([USER, answer("t", tool_calls=[call("v")], **why)], "probe_tool", tools=TOOLS),
        any_ids=not tools
        or shows([USER, answer("", tool_calls=[long]), told, answer("probe-end")], "probe-end"),
        repeats=shows([USER, user("probe-next"), answer("probe-answer")], "probe-next")
        and shows([USER, answer("probe-answer"), answer("probe-end")], "probe-end"),
    )


def _shows(
    render: Renderer, messages: Sequence[Mapping[str, Any]], *needles: str, tools: Any = None
) -> bool:
    """Whether the template takes the messages, and the needles come out in this order."""
    try:
        text = render(messages, tools, False)
    except TemplateRefused:
        return False
    at = 0
    for needle in needles:
        at = text.find(needle, at)
        if at < 0:
            return False
    return True


#: Conversations that use every ability: on them, the quick way of finding spans must agree with the
#: careful one before it is trusted.
TRIALS: list[list[dict[str, Any]]] = [
    [USER, answer("probe-answer"), user("probe-next"), answer("probe-end")],
    [SYSTEM, *CALLED, answer("probe-middle"), user("probe-next"), answer("probe-end")],
    [SYSTEM, *CALLED, answer("t", tool_calls=[call("v")]), result("r"), answer("probe-end")],
    [USER, answer("x", tool_calls=[call("1"), call("2", 2)]), result("r"), result("s", 2)],
    [USER, user("probe-next"), answer("a"), answer("b")],
    [USER, answer("a"), SYSTEM, user("probe-next"), answer("b")],
]
