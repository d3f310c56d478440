"""The events of OpenHands before its version 1 as nodes.

An event is an action (with `args`) or an observation (with `content` and `extras`). Where the model
called a function, `tool_call_metadata` holds its whole response. What an agent did to which a task
was given stands between that action and its observation, and makes a thread of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from ..linking import Frame, Node, placed
from ..model import Image, Part, ResultStatus, Session, Text
from .linear import Linear
from .openhands_events import filed, printed
from .openhands_files import about_of, name_of, numbered
from .pictures import picture_of_url
from .printed import array_lines
from .projects import project_name
from .shapes import (
    elements,
    images_of,
    inside,
    mapping,
    objects,
    pictures,
    safe_name,
    texts,
    thoughts,
    unwrapped,
    words,
)
from .toolbox import tool_defs
from .twice import Twice
from .units import Unit

#: What the program says in the user's name if nobody is there to answer.
_BY_PROGRAM = (
    "Please continue on whatever approach you think is suitable.",
    "Please continue working on the task on whatever approach you think is suitable.",
)
#: How the program tells the model of a command that a person ran, and of its output.
_BY_HAND = "User executed the command:\n"
_SEEN_BY_HAND = "Observed result of command executed by user:\n"
#: What an action asks for: of agents that call no functions, the arguments of a call.
_ASKS = {
    "run": ("command",),
    "run_ipython": ("code",),
    "browse": ("url",),
    "browse_interactive": ("browser_actions",),
    "read": ("path", "start", "end"),
    "write": ("path", "content", "start", "end"),
    "edit": ("path", "content", "start", "end", "command", "old_str", "new_str", "file_text"),
    "delegate": ("agent", "inputs"),
    "call_tool_mcp": ("name", "arguments"),
    "task_tracking": ("command", "task_list"),
    "think": ("thought",),
}
#: Actions and observations that are no part of a conversation.
_SIDE = {
    "system": "system_prompt",
    "condensation_request": "condensation_request",
    **dict.fromkeys(("change_agent_state", "agent_state_changed", "start", "null"), "state"),
    **dict.fromkeys(("pause", "resume", "stop", "success", "loop_recovery"), "state"),
}


class Older:
    """One conversation. `logs`: its own, then one for each task that was given to another agent,
    with the call that gave it."""

    def __init__(self, path: str, unit: Unit) -> None:
        self.path, self.unit = path, unit
        self.before = dict(unit.owner)
        self.name = name_of(path)
        self.log = unit.log(path, self.name)
        self.twice = Twice(self.log)
        self.logs: list[tuple[Linear, Node | None, str]] = [(self.log, None, "")]
        self.given: list[tuple[Linear, str]] = []  # who waits for another agent, with its call
        self.calls: dict[str, str] = {}  # a call's id or its event's -> its name in the log
        self.response: tuple[str, Node | None] = "", None
        self.model = self.cwd = self.project = ""
        self.copied: Node | None = None

    def read(self) -> None:
        """Read the events."""
        files = numbered(self.path)
        if not files:
            for number, raw in array_lines(self.path, self.unit.options, self.unit.ledger):
                self.log.part(number)
                event = orjson.loads(raw)
                self._event(event) if isinstance(event, dict) else self.log.drop("no_message")
        for number, one in enumerate(files, 1):
            event = filed(self.log, one, number)
            if event is not None:
                self._event(event)

    def _event(self, event: dict[str, Any]) -> None:
        log, at = self.log, words(event.get("timestamp"))
        own = f"{event.get('id')}@{at}" if at else ""
        if own in self.before:
            log.drop("resumed_copy", "link")
            self.copied = self.before[own]
            return
        self.twice.log = log
        if self.twice.drops(event, own):
            return
        with log.taking() as made:
            self._take(event, at)
        if made and len(made) == len(log.nodes) and log is self.logs[0][0]:
            made[0].up = self.copied
        if own:
            self.unit.owner[own] = log.nodes[-1] if log.nodes else self.copied

    def _take(self, event: dict[str, Any], at: str) -> None:
        action, seen = words(event.get("action")), words(event.get("observation"))
        kind = action or seen
        args = mapping(event.get("args"))
        if action == "system":
            self.log.tools |= tool_defs(args.get("tools"))
        if kind in _SIDE or (kind == "recall" and action):
            self.log.drop(_SIDE.get(kind, "state"))
        elif action == "message":
            self._message(event, args, at)
        elif action == "condensation":
            self._condensed(args, at)
        elif action == "finish" and event.get("source") != "agent":
            self.log.drop("state")
        elif action in _ASKS or action in ("finish", "reject"):
            self._action(event, action, args, at)
        elif seen == "recall":
            self._recalled(mapping(event.get("extras")), at)
        elif seen and "content" in event:
            self._observed(event, seen, at)
        else:
            self.log.drop(f"unknown_type:{safe_name(kind)}")

    # ------------------------------------------------------------ messages

    def _message(self, event: dict[str, Any], args: dict[str, Any], at: str) -> None:
        log, text = self.log, words(args.get("content"))
        parts = texts(text) + _drawn(args.get("image_urls") or args.get("images_urls"))
        source = event.get("source")
        if not parts:
            log.drop("empty")
        elif source == "agent":
            self.response = "", None
            log.new_answer([*_thoughts(args), *parts], at, self.model)
        elif source != "user" or text.startswith(_BY_PROGRAM):
            log.node("context", parts, at)
        else:
            log.node("task" if self.given and not log.nodes else "prompt", parts, at)

    def _condensed(self, args: dict[str, Any], at: str) -> None:
        self.log.boundary()
        self.log.say("summary", texts(args.get("summary")), at, reason="condensation")

    def _recalled(self, extras: dict[str, Any], at: str) -> None:
        """What the program found for the model: instructions of the project, notes on a topic."""
        self.project = self.project or words(extras.get("repo_name"))
        notes = [one.get("content") for one in objects(extras.get("microagent_knowledge"))]
        self.log.say("context", texts(extras.get("repo_instructions"), *notes), at)

    # ------------------------------------------------------------ calls

    def _action(self, event: dict[str, Any], action: str, args: dict[str, Any], at: str) -> None:
        log, made = self.log, mapping(event.get("tool_call_metadata"))
        if event.get("source") != "agent":  # a person ran it
            self._ran(action, args, at)
            return
        answer = mapping(made.get("model_response"))
        self.model = words(answer.get("model")) or self.model
        message = next((mapping(one.get("message")) for one in objects(answer.get("choices"))), {})
        if not made and action in ("finish", "reject"):
            said = texts(words(args.get("thought")) or args.get("final_thought"))
            log.told_answer([*_thoughts(args), *said] if said else [], [], at, self.model)
            return
        node = self._answer(words(answer.get("id")), message, args if not made else {}, at)
        self._call(node, event, action, args, made, message)

    def _ran(self, action: str, args: dict[str, Any], at: str) -> None:
        """What a person did by hand."""
        text = words(args.get("command")) or words(args.get("path"))
        by_hand = _BY_HAND if action == "run" and text.strip() else ""
        self.log.say("context", texts(by_hand + text), at)

    def _answer(
        self, response: str, message: dict[str, Any], args: dict[str, Any], at: str
    ) -> Node:
        """The answer that an action is a part of: that of the same response, or a new one."""
        known, node = self.response
        if node is not None and response and known == response and self.log.last is node:
            if not placed(node.places, self.log.place):
                node.places.append(self.log.place)
            return node
        text = words(message.get("content")) or words(args.get("thought"))
        node = self.log.new_answer(_thoughts(message) + texts(text), at, self.model)
        self.response = response, node
        return node

    def _call(
        self,
        node: Node,
        event: dict[str, Any],
        action: str,
        args: dict[str, Any],
        made: dict[str, Any],
        message: dict[str, Any],
    ) -> None:
        """Add the call of an action. Its id may stand for another call too: where a model has no
        functions, the program counts its calls anew after each summary."""
        told = words(made.get("tool_call_id"))
        call = told if told and told not in self.log.calls else f"{node.id}:{len(node.parts)}"
        own = next((one for one in objects(message.get("tool_calls")) if one.get("id") == told), {})
        given = unwrapped(inside(own, "function", "arguments"))
        if given is None:
            given = {key: args[key] for key in _ASKS.get(action, ()) if key in args}
        name = words(inside(own, "function", "name")) or words(made.get("function_name")) or action
        self.log.call(node, call, name, given)
        for key in (_number(event.get("id")), told):
            if key:
                self.calls[key] = call
        if action == "delegate":
            self._gives(node, call)

    def _gives(self, node: Node, call: str) -> None:
        """Begin the thread of an agent to which a task is given."""
        self.given.append((self.log, call))
        agent = self.unit.log(self.path, f"{self.name}/{len(self.logs)}")
        agent.tools, agent.place = self.log.tools, self.log.place
        self.logs.append((agent, node, call))
        self.log, self.response = agent, ("", None)

    # ------------------------------------------------------------ results

    def _observed(self, event: dict[str, Any], seen: str, at: str) -> None:
        extras = mapping(event.get("extras"))
        told = words(inside(event, "tool_call_metadata", "tool_call_id"))
        call = self.calls.get(told or _number(event.get("cause")), "")
        if seen == "delegate" and self.given:
            place = self.log.place
            self.log, call = self.given.pop()
            self.log.place, self.response = place, ("", None)
        text, status, images = _result(event, seen, extras)
        self.cwd = self.cwd or words(inside(extras, "metadata", "working_dir"))
        if call or told:
            self.log.result(call, text, status, at, images)
        elif text.strip():
            head = _SEEN_BY_HAND if seen == "run" else ""
            self.log.node("context", [Text(head + text), *images], at)
        else:
            self.log.drop("empty")

    # ------------------------------------------------------------ sessions

    def sessions(self) -> Iterator[Session]:
        """The linked sessions, that of the conversation first."""
        about = about_of(self.path)
        project = words(about.get("selected_repository")) or self.project
        for log, caller, call in self.logs:
            frame = Frame(
                session_id=self.name,
                agent_id=log.session_id if caller is not None else None,
                project=project_name(project or self.cwd),
                cwd=self.cwd,
                title="" if call else words(about.get("title"))[:200],
            )
            yield from self.unit.sessions(log, frame, (call, caller) if caller else None)


def _number(name: Any) -> str:
    """The number of an event, apart from the ids of calls; "" if it has none."""
    return f"#{name}" if type(name) is int else ""


def _thoughts(message: dict[str, Any]) -> list[Part]:
    return thoughts(message.get("reasoning_content"))


def _drawn(urls: Any) -> list[Part]:
    return [*pictures(*map(picture_of_url, elements(urls)))]


def _result(
    event: dict[str, Any], seen: str, extras: dict[str, Any]
) -> tuple[str, ResultStatus, tuple[Image, ...]]:
    """An observation as the program gives it to the model."""
    text, about = words(event.get("content")), mapping(extras.get("metadata"))
    images = images_of(_drawn(extras.get("image_urls")))
    if seen == "error":
        return f"{text}\n[Error occurred in processing last action]", "error", ()
    if seen == "user_rejected":
        return f"OBSERVATION:\n{text}\n[Last action has been rejected by the user]", "rejected", ()
    if seen == "delegate":
        return words(inside(extras, "outputs", "content")) or text, "ok", ()
    code = about.get("exit_code", extras.get("exit_code"))
    failed = extras.get("error") is True or (type(code) is int and code not in (0, -1))
    text = printed(text, about) if seen == "run" and about else text
    return text, "error" if failed else "ok", images
