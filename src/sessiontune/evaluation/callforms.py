"""How model families write tool calls, read back from the text of an answer.

Each has its own form. Calls in a form that is not known here would not count, for base and tuned
alike.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable
from typing import Any

import msgspec


class Call(msgspec.Struct, frozen=True):
    """One tool call; `arguments` decoded."""

    name: str
    arguments: dict[str, Any]


class Written(str):
    """A value of a form that writes text and numbers alike; the wanted call tells which it is."""

    __slots__ = ()

    def value(self) -> Any:
        """As JSON or Python would read it, else the text."""
        for read in (json.loads, ast.literal_eval):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of "\\d" in what a model wrote
                    return read(self)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue
        return str(self)


#: Not JSON, or nested too deep: an answer may keep repeating a bracket.
_UNREAD = (ValueError, RecursionError)


def from_json(body: str) -> Call | None:
    """`{"name": ..., "arguments": {...}}`, or `parameters`."""
    try:
        return _from_value(json.loads(body))
    except _UNREAD:
        return None


def _from_value(value: Any) -> Call | None:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    return _named(value["name"], value.get("arguments", value.get("parameters", {})))


def _named(name: str, arguments: Any) -> Call | None:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except _UNREAD:
            return None
    return Call(name, arguments) if isinstance(arguments, dict) else None


_PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_FUNCTION = re.compile(r"<function=([^>\n]+)>(.*)</function>", re.DOTALL)
_PAIR = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)


def _tagged(match: re.Match[str]) -> Call | None:
    """`<tool_call>` with JSON (Hermes, Qwen 2.5 and 3), with tags (Qwen Coder and 3.5,
    Nemotron), or with keys and values (GLM)."""
    body = match[1].strip()
    if found := _FUNCTION.fullmatch(body):
        return Call(found[1].strip(), {k: Written(v) for k, v in _PARAMETER.findall(found[2])})
    if body.startswith("{"):
        return from_json(body)
    name = body.partition("<arg_key>")[0].strip()
    if not re.fullmatch(r"[\w.:/-]+", name):
        return None
    return Call(name, {k.strip(): Written(v) for k, v in _PAIR.findall(body)})


def _gemma(match: re.Match[str]) -> Call | None:
    """Gemma 4: keys without quotes, texts between marks of their own."""
    parts = match[2].split('<|"|>')
    for number, part in enumerate(parts):
        if number % 2:
            parts[number] = json.dumps(part)
        else:
            parts[number] = re.sub(r"([{,]\s*)([^\s{}\[\],:\"]+)\s*:", r'\1"\2":', part)
    return _named(match[1].strip(), "".join(parts))


def _pair(match: re.Match[str]) -> Call | None:
    return _named(match[1].strip(), match[2])


#: The beginning of a call, the whole call, and the function that reads it.
_FORMS: tuple[tuple[re.Pattern[str], re.Pattern[str], Callable[[re.Match[str]], Call | None]], ...]
_FORMS = (
    (
        re.compile(r"<tool_call>"),
        re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL),
        _tagged,
    ),
    (  # Gemma 4
        re.compile(r"<\|tool_call>call:"),
        re.compile(r"<\|tool_call>call:([^{\n]+)(\{.*?\})(?:<tool_call\|>|\Z)", re.DOTALL),
        _gemma,
    ),
    (  # gpt-oss; its stop token stands for the end of the call
        re.compile(r"to=functions\."),
        re.compile(
            r"to=functions\.([\w.-]+)[^{]*?<\|message\|>(.*?)(?:<\|(?:call|end)\|>|\Z)", re.DOTALL
        ),
        _pair,
    ),
    (  # Mistral since 2025
        re.compile(r"\[TOOL_CALLS\]\s*[\w.-]+(?:\[CALL_ID\]\w+)?\[ARGS\]"),
        re.compile(
            r"\[TOOL_CALLS\]\s*([\w.-]+)(?:\[CALL_ID\]\w+)?\[ARGS\](.*?)(?=\[TOOL_CALLS\]|\Z)",
            re.DOTALL,
        ),
        _pair,
    ),
    (  # DeepSeek
        re.compile(r"<｜tool▁call▁begin｜>"),
        re.compile(
            r"<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?(.*?)(?:<｜tool▁sep｜>|\n```json\n)"
            r"(.*?)(?:\n```)?<｜tool▁call▁end｜>",
            re.DOTALL,
        ),
        _pair,
    ),
    (  # Kimi
        re.compile(r"<\|tool_call_begin\|>"),
        re.compile(
            r"<\|tool_call_begin\|>(?:functions\.)?([^:<]+)(?::\d+)?"
            r"<\|tool_call_argument_begin\|>(.*?)<\|tool_call_end\|>",
            re.DOTALL,
        ),
        _pair,
    ),
)
#: Mistral's older form: all calls in one list.
_LIST = re.compile(r"\[TOOL_CALLS\]\s*(?=[\[{])")
#: Thoughts, which are not part of what is said or done.
_THOUGHTS = re.compile(
    r"\A\s*<think>.*?</think>|\A(?:(?!<tool_call>).)*?</think>"
    r"|<\|channel\|>analysis<\|message\|>.*?(?:<\|end\|>|\Z)"
    r"|<\|channel>thought\n.*?(?:<channel\|>|\Z)|\[THINK\].*?(?:\[/THINK\]|\Z)",
    re.DOTALL,
)
#: A thought that goes on to the end of the text.
_UNENDED = re.compile(
    r"(?:\A\s*<think>|<\|channel\|>analysis<\|message\|>|<\|channel>thought\n|\[THINK\])"
    r"(?:(?!</think>|<tool_call>|<\|end\|>|<channel\|>|\[/THINK\]).)*\Z",
    re.DOTALL,
)
_HEADS = re.compile(r"<\|(?:start|channel|constrain)\|>[^<]*|<\|message\|>|<｜tool▁calls▁begin｜>")


def calls_in(text: str) -> tuple[list[Call], int]:
    """Tool calls of an answer, and how many do not parse. Only the form that comes first counts:
    what a call holds may look like another form."""
    text = _THOUGHTS.sub("", text)
    bare = text.strip().removeprefix("<|python_tag|>").lstrip()
    if bare.startswith("{") and (call := from_json(bare)) is not None:
        return [call], 0
    at, form = _first(text)
    if at < 0:
        return [], 0
    if form < 0:
        return _listed(text[at:])
    begin, whole, read = _FORMS[form]
    found = [read(match) for match in whole.finditer(text)]
    calls = [call for call in found if call is not None]
    return calls, max(len(found), len(begin.findall(text))) - len(calls)


def said_in(text: str) -> str:
    """What an answer says beside its calls and thoughts."""
    text = _THOUGHTS.sub("", text)
    at, _ = _first(text)
    return _HEADS.sub("", text[:at] if at >= 0 else text).strip()


def words_of(text: str) -> str:
    """An answer to a question as a person reads it: without thoughts and calls; if there is nothing
    else, with its calls."""
    return said_in(text) or without_thoughts(text)


def without_thoughts(text: str) -> str:
    """An answer without its thoughts."""
    return _THOUGHTS.sub("", text).strip()


def still_thinking(text: str) -> bool:
    """Does it end inside a thought, before anything was said or done?"""
    return _UNENDED.search(text) is not None


def thought_in(text: str) -> bool:
    """Does it hold a thought?"""
    return _THOUGHTS.search(text) is not None or still_thinking(text)


def _first(text: str) -> tuple[int, int]:
    """Where the first call begins and its form's number (-1: a list); (-1, 0) without any."""
    places = [(m.start(), n) for n, (begin, _, _) in enumerate(_FORMS) if (m := begin.search(text))]
    if listed := _LIST.search(text):
        places.append((listed.start(), -1))
    return min(places, default=(-1, 0))


def _listed(text: str) -> tuple[list[Call], int]:
    """A JSON list of calls, and what may stand after it."""
    body = _LIST.sub("", text, count=1)
    try:
        value, _ = json.JSONDecoder().raw_decode(body)
    except _UNREAD:
        return [], 1
    found = [_from_value(one) for one in (value if isinstance(value, list) else [value])]
    return [call for call in found if call is not None], found.count(None)
