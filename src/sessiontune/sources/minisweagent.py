"""mini-swe-agent: `<instance>.traj.json`, one JSON document with the messages that the model saw.

Newer runs call a tool, by chat completions or by the Responses API. Older ones, and those set to
do so, write one command into the text: it becomes a call of `bash`, the next message its result.
What the program answers to a reply without a command is context.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..linking import Frame
from ..model import Part, ResultStatus, Session, Text
from ..ports import FileIndex
from .indexing import unread
from .linear import Linear
from .orders import told_apart
from .pictures import picture_of_url
from .projects import project_name
from .shapes import (
    elements,
    images_of,
    inside,
    joined,
    mapping,
    number,
    objects,
    pictures,
    safe_name,
    text_of,
    texts,
    thoughts,
    unwrapped,
    usage_with_cache,
    words,
)
from .units import Unit, UnitSource

_ENDS = (".traj.json", ".json")
_FORMAT = re.compile(
    rb'"trajectory_format"\s*:\s*"mini-swe-agent|"mini_version"\s*:|"type"\s*:\s*"minisweagent\.'
)
_RUN = re.compile(rb'"model_stats"\s*:\s*\{[^{}]*"api_calls"\s*:')
_ACTION = re.compile(
    r"```(?:bash|mswea_bash_command)\s*\n(?P<a>.*?)\n```"
    r"|<mswea_bash_command>(?P<b>.*?)</mswea_bash_command>",
    re.DOTALL,
)
#: What the program puts before the words of a person who interrupted.
_BROKE_IN = re.compile(
    r"\A(?P<head>Interrupted by user: |The user added a new task: |Commands? not executed\. "
    r"The user rejected your commands? with the following message: )(?P<words>.*)",
    re.DOTALL,
)
_FAILED = re.compile(r"<returncode>-?0*[1-9]")
_NO_WORDS = "Temporary interruption caught."
_NOT_DONE = "Command not executed", "Commands not executed"
_BY_HAND = "User command:"


class MiniSweAgentSource(UnitSource):
    """mini-swe-agent trajectories."""

    name = "mini-swe-agent"
    suffixes = (".json",)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folder of the last run of `mini`; benchmarks write to a given folder."""
        given = env.get("MSWEA_GLOBAL_CONFIG_DIR")
        settings = (".config",) if sys.platform != "darwin" else ("Library", "Application Support")
        return [given] if given else [os.path.join(home, *settings, "mini-swe-agent")]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins like a trajectory of this program."""
        if not path.endswith(_ENDS) or _RUN.search(head) is None:
            return False
        return path.endswith(".traj.json") or _FORMAT.search(head) is not None

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """The document is always indexed whole; runs of one name are read together."""
        return unread(path, "session:" + _name(path))

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """One session a file."""
        for path, name in told_apart(files, _name):
            yield from _read(unit.log(path, name), unit)


SOURCE = MiniSweAgentSource()


def _name(path: str) -> str:
    """The run's folder and the instance, as runs repeat instances."""
    return f"{os.path.basename(os.path.dirname(path))}/{_instance(path)}"


def _instance(path: str) -> str:
    return os.path.basename(path).removesuffix(".json").removesuffix(".traj")


def _read(log: Linear, unit: Unit) -> Iterator[Session]:
    document = log.document()
    if document is None:
        return
    run = _Run(log, words(inside(document, "info", "config", "model", "model_name")))
    for item in log.listed(document, "messages"):
        with log.taking():
            run.take(item)
    instance = _instance(log.path)
    cwd = words(inside(document, "info", "config", "environment", "cwd"))
    project = instance.rpartition("-")[0] if "__" in instance else project_name(cwd)
    frame = Frame(session_id=log.session_id, project=project or instance, cwd=cwd)
    yield from unit.sessions(log, frame)


class _Run:
    """Goes through the messages of a run. `waiting`: calls without an output so far."""

    def __init__(self, log: Linear, model: str) -> None:
        self.log, self.model = log, model
        self.waiting: list[str] = []
        self.asked = False  # a person's words, or those of the task, were read

    def take(self, item: dict[str, Any]) -> None:
        role, kind = words(item.get("role")), words(item.get("type"))
        if role == "assistant":
            self._answer(item, _text(item.get("content")), item.get("tool_calls"))
        elif item.get("object") == "response":
            self._response(item)
        elif role == "tool" or kind == "function_call_output":
            self._output(item, item.get("tool_call_id") or item.get("call_id"))
        elif role == "user":
            self._user(item)
        elif role == "system":
            self.log.say("context", _parts(item.get("content")))
        elif role == "exit":
            self.log.drop("exit")  # how the run ended
        else:
            self.log.drop(f"unknown_role:{safe_name(role or kind)}")

    # ------------------------------------------------------------ answers

    def _answer(self, item: dict[str, Any], text: str, listed: Any) -> None:
        calls = objects(listed)
        thought = words(item.get("reasoning_content")) or words(item.get("reasoning"))
        commands = [] if calls else _commands(item, text)
        if commands and (found := _ACTION.search(text)):
            text = (text[: found.start()].rstrip() + "\n\n" + text[found.end() :].lstrip()).strip()
        made = []
        for call in calls:
            function = mapping(call.get("function"))
            made.append((words(call.get("id")), words(function.get("name")), function))
        self._told(item, thoughts(thought), text, made, commands)

    def _response(self, item: dict[str, Any]) -> None:
        """Take an answer of the Responses API: a list of items."""
        reasoned: list[Part] = []
        said: list[str] = []
        made = []
        for block in elements(item.get("output")):
            kind = block.get("type") if isinstance(block, dict) else None
            if kind == "reasoning":
                reasoned += thoughts(_text(block.get("content")) or _text(block.get("summary")))
            elif kind == "message":
                said.append(_text(block.get("content")))
            elif kind == "function_call":
                call = words(block.get("call_id")) or words(block.get("id"))
                made.append((call, words(block.get("name")), block))
            else:
                self.log.unknown_part()
        self._told(item, reasoned, joined(*said), made, [])

    def _told(
        self,
        item: dict[str, Any],
        parts: list[Part],
        text: str,
        made: list[tuple[str, str, dict[str, Any]]],
        commands: list[str],
    ) -> None:
        parts += texts(text)
        self.waiting = []
        if not parts and not made and not commands:
            self.log.drop("empty")
            return
        response = inside(item, "extra", "response")
        source = response if isinstance(response, dict) else item
        model = words(source.get("model")) or self.model
        node = self.log.new_answer(parts, _at(item), model)
        for call, name, given in made:
            call = call or f"{node.id}:{len(self.waiting)}"
            self.log.call(node, call, name, unwrapped(given.get("arguments")))
            self.waiting.append(call)
        for command in commands:
            self.waiting.append(f"{node.id}:{len(self.waiting)}")
            self.log.call(node, self.waiting[-1], "bash", {"command": command})
        self._usage(source.get("usage"))

    def _usage(self, usage: Any) -> None:
        if not isinstance(usage, dict):
            return
        details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
        read = number(usage.get("prompt_tokens")) or usage.get("input_tokens")
        wrote = number(usage.get("completion_tokens")) or usage.get("output_tokens")
        self.log.usage(usage_with_cache(read, wrote, inside(details, "cached_tokens")))

    # ------------------------------------------------------------ outputs and words

    def _output(self, item: dict[str, Any], named: Any) -> None:
        call = words(named) or (self.waiting[0] if self.waiting else "")
        self.waiting = [waiting for waiting in self.waiting if waiting != call]
        content = item.get("output") if "output" in item else item.get("content")
        parts = _parts(content)
        self.log.result(call, text_of(parts), _status(item), _at(item), images_of(parts))

    def _user(self, item: dict[str, Any]) -> None:
        parts, text, extra = _parts(item.get("content")), _text(item.get("content")), _extra(item)
        broke_in = _BROKE_IN.match(text)
        if self.waiting and broke_in is None and not text.startswith(_NOT_DONE):
            self._output(item, "")  # of a command in the text
            return
        for call in self.waiting:
            told = broke_in["head"].rstrip(" :") if broke_in else text
            self.log.result(call, told, "rejected", _at(item))
        if extra.get("interrupt_type") == "UserRejection":
            self._refused()
        refused, self.waiting = bool(self.waiting), []
        if broke_in is not None:
            if broke_in["head"].startswith("Interrupted"):
                self.log.interrupted()
            parts = [] if broke_in["words"] == _NO_WORDS else [Text(broke_in["words"])]
        if not parts or (refused and broke_in is None):
            if not refused:
                self.log.drop("interrupt_marker" if broke_in else "empty")
            return
        last = self.log.nodes[-1] if self.log.nodes else None
        missed = last is not None and last.kind == "answer" and not last.results
        by_program = extra.get("interrupt_type") == "FormatError" or "returncode" in extra
        if broke_in is None and self.asked:
            by_program = by_program or missed or text.startswith((_BY_HAND, *_NOT_DONE))
        self.asked = True
        self.log.node("context" if by_program else "prompt", parts, _at(item))

    def _refused(self) -> None:
        """Mark the cancelled calls of the last answer as refused by the person."""
        last = self.log.nodes[-1] if self.log.nodes else None
        for call, result in dict(last.results if last is not None else {}).items():
            if result.status == "cancelled" and last is not None:
                last.results[call] = msgspec.structs.replace(result, status="rejected")
                last.result_flags = ["rejected"]


def _commands(item: dict[str, Any], text: str) -> list[str]:
    """The commands of an answer without calls: exactly one in a text counts."""
    told = [action.get("command") for action in objects(_extra(item).get("actions"))]
    found = [a or b for a, b in _ACTION.findall(text)]
    return [c for c in told if isinstance(c, str)] or (
        [found[0].strip()] if len(found) == 1 else []
    )


def _status(item: dict[str, Any]) -> ResultStatus:
    extra = _extra(item)
    if extra.get("exception_info") == "action was not executed":
        return "cancelled"
    failed = _FAILED.match(_text(item.get("content"))) is not None  # older runs say it only there
    return "error" if extra.get("returncode") or failed else "ok"


def _extra(item: dict[str, Any]) -> dict[str, Any]:
    return mapping(item.get("extra"))


def _at(item: dict[str, Any]) -> int:
    """The time in milliseconds, or 0."""
    at = _extra(item).get("timestamp") or item.get("timestamp")
    return int(at * 1000) if isinstance(at, int | float) and 0 < at < 1 << 33 else 0


def _parts(content: Any) -> list[Part]:
    """Texts and pictures of a content in any of its forms."""
    parts: list[Part] = []
    for block in content if isinstance(content, list) else [content]:
        text = block if isinstance(block, str) else words(inside(block, "text"))
        url = inside(block, "image_url", "url") or inside(block, "image_url")
        parts += texts(text) or pictures(picture_of_url(url))
    return parts


def _text(content: Any) -> str:
    return text_of(_parts(content))
