"""The events of OpenHands as nodes: a message, a call, a result, a summary."""

from __future__ import annotations

from typing import Any

from ..ledger import Ledger
from ..linking import Node, placed
from ..model import Fault, Image, Part, ResultStatus, Text
from .linear import Linear
from .lines import read_lines
from .mending import LineFault, line_fault, single, values
from .pictures import picture, picture_of_url
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

#: What the program says in the user's name; newer versions mark it as their own.
_BY_PROGRAM = (
    "Your last response did not include a function call or a message.",
    "Your previous response was blocked by the model's content filter.",
    "The task appears incomplete (iteration ",
    "<<RESUMED CONVERSATION>>",
)
_ROOT = "__root__"  # above a new beginning before everything else
_FAILED = "[An error occurred during execution.]"
_REFUSED = "User rejected the action"  # if the person said nothing
#: Events that are no part of a conversation.
_SIDE = {
    "SystemPromptEvent": "system_prompt",
    "ACPToolCallEvent": "acp_tool_call",
    "CondensationRequest": "condensation_request",
    "ConversationErrorEvent": "conversation_error",
    "ConversationStateUpdateEvent": "state",
    "HookExecutionEvent": "hook",
    "LLMCompletionLogEvent": "completion_log",
    "PauseEvent": "pause",
    "SecurityAnalysisEvent": "security_analysis",
    "StreamingDeltaEvent": "streaming_delta",
    "TokenEvent": "token_ids",
}


class Conversation:
    """Goes through the events of one conversation.

    events    id -> the node that what follows an event hangs below, in all conversations of a unit
    response  the answer that takes further calls of the same response of the model; those that were
              made at once may stand behind the output of the first
    """

    def __init__(
        self, log: Linear, model: str, events: dict[str, Node | None], agent: bool
    ) -> None:
        self.log, self.model, self.events, self.agent = log, model, events, agent
        self.before = dict(events)  # of other conversations: what is here too is a copy
        self.cwd = ""
        self.last = ""  # the previous event
        self.response: tuple[str, Node | None] = "", None

    def event(self, path: str, number: int) -> None:
        """Take one event, from its file."""
        log = self.log
        event = filed(log, path, number)
        if event is None:
            return
        name, upper = words(event.get("id")), words(event.get("parent_id"))
        if name and name in self.before:
            log.drop("resumed_copy", "link")
        else:
            self._hung(event, upper)
        if name:
            self.events.setdefault(name, log.nodes[-1] if log.nodes else self.events.get(upper))
        self.last = name or self.last

    def _hung(self, event: dict[str, Any], upper: str) -> None:
        """Take an event; if it is not below the last one, a branch begins."""
        log = self.log
        if upper not in ("", self.last):
            log.open, self.response = None, ("", None)
        if upper == _ROOT and log.nodes:
            log.boundary()
        with log.taking() as made:
            self._take(event, words(event.get("kind")))
        if made:
            made[0].up = self.events.get(upper)

    def _take(self, event: dict[str, Any], kind: str) -> None:
        log = self.log
        if kind == "MessageEvent":
            self._message(event)
        elif kind == "ActionEvent":
            self._action(event)
        elif kind == "ObservationEvent":
            self._observation(event)
        elif kind == "UserRejectObservation":
            self._refused(event)
        elif kind == "AgentErrorEvent":
            self._ended(event, words(event.get("error")), "error")
        elif kind == "Condensation":
            self._condensed(event)
        elif kind == "InterruptEvent":
            log.interrupted()
            log.drop("interrupt_marker")
        else:
            log.drop(_SIDE.get(kind) or f"unknown_type:{safe_name(kind)}")

    def _message(self, event: dict[str, Any]) -> None:
        message, at = mapping(event.get("llm_message")), event.get("timestamp")
        role, source = words(message.get("role")), words(event.get("source"))
        parts = _parts(message.get("content"))
        if role == "assistant":
            self._answer([*_thoughts(message), *parts], event)
            return
        if role not in ("user", "system"):
            self.log.drop(f"unknown_role:{safe_name(role)}")
            return
        first = next((part.text for part in parts if isinstance(part, Text)), "")
        added = _parts(event.get("extended_content"))  # from rules and hooks; the model sees it too
        if source != "user" or role == "system" or first.startswith(_BY_PROGRAM):
            parts, added = [], [*parts, *added]
        if added:
            self.log.node("context", added, at, f"{words(event.get('id'))}^")
        if parts:
            other = self.agent or bool(event.get("sender"))
            self.log.node("task" if other else "prompt", parts, at, words(event.get("id")))
        if not parts and not added:
            self.log.drop("empty")

    def _answer(self, parts: list[Part], event: dict[str, Any]) -> Node | None:
        """The answer that an event belongs to; None, and a drop, for an empty one."""
        response = words(event.get("llm_response_id"))
        known, node = self.response
        if not response or known != response or node is None or self.log.last is not node:
            node = None
        if not parts and _call(event) == "":
            self.log.drop("empty")
            return None
        if node is None:
            name = words(event.get("id"))
            node = self.log.new_answer([], event.get("timestamp"), self.model, name)
        elif not placed(node.places, self.log.place):
            node.places.append(self.log.place)
        node.parts.extend(parts)
        self.response = response, node
        return node

    def _action(self, event: dict[str, Any]) -> None:
        node = self._answer([*_thoughts(event), *_parts(event.get("thought"))], event)
        if node is None or not _call(event):
            return
        made, action = event.get("tool_call"), event.get("action")
        name = words(inside(made, "name")) or words(event.get("tool_name"))
        given = unwrapped(inside(made, "arguments"))
        if given is None and isinstance(action, dict):
            given = {key: value for key, value in action.items() if key != "kind"}
        self.log.call(node, _call(event), name, given)

    def _observation(self, event: dict[str, Any]) -> None:
        seen = event.get("observation")
        text, images = _shown(mapping(seen))
        self.cwd = self.cwd or words(inside(seen, "metadata", "working_dir"))
        self._ended(
            event, text, _status(seen), images, context=_parts(event.get("extended_content"))
        )

    def _refused(self, event: dict[str, Any]) -> None:
        """Take a call that a person or a hook refused. What the person said is a prompt."""
        reason = words(event.get("rejection_reason"))
        by_person = event.get("rejection_source") in (None, "user")
        if by_person and reason.strip() and not reason.startswith(_REFUSED):
            self._ended(event, "Action rejected", "rejected", prompt=[Text(reason)])
        else:
            self._ended(event, f"Action rejected: {reason or _REFUSED}", "rejected")

    def _ended(
        self,
        event: dict[str, Any],
        text: str,
        status: ResultStatus,
        images: tuple[Image, ...] = (),
        **beside: list[Part],
    ) -> None:
        """Take the result of a call, and what the same event says besides, under its kind."""
        log, at = self.log, event.get("timestamp")
        counted = dict(log.counts)
        used = log.result(_call(event), text, status, at, images)
        for kind, parts in beside.items():
            if parts:
                log.node(kind, parts, at, f"{words(event.get('id'))}^")
                used = True
        log.once(counted, used, "empty")

    def _condensed(self, event: dict[str, Any]) -> None:
        self.log.boundary()
        at, name = event.get("timestamp"), words(event.get("id"))
        self.log.say("summary", texts(event.get("summary")), at, name, "condensation")


def filed(log: Linear, path: str, number: int) -> dict[str, Any] | None:
    """The event in a file, as record `number` of a log; None, and a fault, if there is none."""
    pieces = Ledger()
    log.part(number)
    raw = b"\n".join(bytes(line) for _, line in read_lines(path, log.options, pieces))
    if pieces.faults:
        log.ledger.fault(Fault(pieces.faults[0].reason, log.path, number, "a file of its own"))
        return None
    found = single(values(raw, log.ledger))
    if isinstance(found, LineFault):
        log.ledger.fault(line_fault(found, log.path, number, raw))
        return None
    return found


def _call(event: dict[str, Any]) -> str:
    return words(event.get("tool_call_id")) or words(inside(event.get("tool_call"), "id"))


def _parts(content: Any) -> list[Part]:
    """Texts and pictures of a content."""
    parts = texts(content)
    for block in objects(content):
        parts += texts(block.get("text"))
        for url in elements(block.get("image_urls")):
            image = picture_of_url(url)
            parts.append(image if image is not None else Text(f"[image: {words(url)}]"))
    return parts


def _thoughts(told: dict[str, Any]) -> list[Part]:
    """The reasoning of an answer, which has one of three forms."""
    item = told.get("responses_reasoning_item")
    listed = inside(item, "content") or inside(item, "summary")
    found = thoughts(*(block.get("thinking") for block in objects(told.get("thinking_blocks"))))
    found = found or thoughts(told.get("reasoning_content"))
    return found or thoughts(*elements(listed))


def _shown(seen: dict[str, Any]) -> tuple[str, tuple[Image, ...]]:
    """The result of a tool, as the program gives it to the model."""
    content = seen.get("content") or seen.get("output") or seen.get("error")
    parts = _parts(content)
    said = [part.text for part in parts if isinstance(part, Text)]
    images = [*images_of(parts), *pictures(picture(seen.get("screenshot_data"), "image/png"))]
    about = seen.get("metadata")
    if isinstance(about, dict) and "exit_code" in about:
        said = [printed("".join(said), about)]
    if words(seen.get("task_id")):
        named = ("Task ID", "task_id"), ("Subagent", "subagent"), ("Status", "status")
        said.insert(0, "\n".join(f"{label}: {words(seen.get(field))}" for label, field in named))
    if seen.get("is_error") is True:
        said.insert(0, _FAILED)
    return "\n".join(said), tuple(images)


def printed(output: str, about: dict[str, Any]) -> str:
    """The output of a command, with what the program says about it."""
    text = f"{words(about.get('prefix'))}{output}{words(about.get('suffix'))}"
    if folder := words(about.get("working_dir")):
        text += f"\n[Current working directory: {folder}]"
    if python := words(about.get("py_interpreter_path")):
        text += f"\n[Python interpreter: {python}]"
    if type(code := about.get("exit_code")) is int and code != -1:
        text += f"\n[Command finished with exit code {code}]"
    return text


def _status(seen: Any) -> ResultStatus:
    codes = inside(seen, "metadata", "exit_code"), inside(seen, "exit_code")
    failed = any(type(code) is int and code not in (0, -1) for code in codes)
    return "error" if failed or inside(seen, "is_error") is True else "ok"
