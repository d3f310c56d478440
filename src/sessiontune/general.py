"""General rows from a local file, in any of the formats this project writes, as sessions.

Nothing is assumed of them: a row that cannot be read is counted with its reason and left out. Rows
come from JSONL, a JSON array, `combined` files or Parquet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

import msgspec

from .errors import UsageError
from .model import UNTRAINED, Message, Role, Session, Text, Thinking, ToolCall, ToolResult
from .rows.decode import listed, spoken, told, tools_of

_ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "prompter": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "observation": "tool",
    "function": "tool",
}


def read_rows(path: str) -> Iterator[dict[str, Any]]:
    """The rows of a file. Raises UsageError if it is missing or of no known kind.

    A line that is no JSON object gives an empty row, so that it is counted.
    """
    must_be_there(path)
    file = Path(path)
    if file.suffix == ".parquet":
        yield from _parquet(file)
        return
    if file.suffix == ".json" and (document := _document(file)) is not None:
        yield from document
        return
    with file.open("rb") as source:
        for line in source:
            if line.strip():
                yield _object(line)


def must_be_there(path: str) -> None:
    """UsageError if there is no such file."""
    if not Path(path).is_file():
        raise UsageError(f"There is no file {path}.", "It must be a local JSONL or Parquet file.")


def _parquet(file: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(file).iter_batches(512):
            yield from batch.to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"{file}: {error}", "It must be a valid Parquet file.") from error


def _document(file: Path) -> list[dict[str, Any]] | None:
    """The rows of a JSON array or a `combined` file; None if it is no single document."""
    try:
        rows = json.loads(file.read_text("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None
    if isinstance(rows, dict):
        inner = rows.get("conversations")
        several = isinstance(inner, list) and all(
            isinstance(r, dict) and "messages" in r for r in inner
        )
        rows = inner if several else [rows]
    if not isinstance(rows, list):
        return None
    return [row if isinstance(row, dict) else {} for row in rows]


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def to_sessions(rows: Iterable[dict[str, Any]], refused: dict[str, int]) -> Iterator[Session]:
    """Rows as sessions; what cannot be used is counted in `refused` by reason.

    `raw` files hold one message a row: consecutive rows of one session become one, but a sub-agent,
    a branch and an epoch, which have its id, become their own.
    """
    for (name, _, _), run in groupby(enumerate(rows), _thread):
        found = [row for _, row in run]
        turns = found if name is None else _turns(found[0])
        if turns is None:
            refused["unknown_row"] = refused.get("unknown_row", 0) + 1
        else:
            yield from _made(turns, found[0].get("tools"), refused)


def _thread(row: tuple[int, dict[str, Any]]) -> tuple[int | None, str, str]:
    """What the lines of one conversation have in common: the place of a row that is a whole one."""
    place, given = row
    if isinstance(given.get("role"), str) and "messages" not in given:
        thread = given.get("id") if "message_id" in given else ""  # else `id` may be a message's
        return None, str(given.get("session_id")), str(thread)
    return place, "", ""


def _turns(row: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The turns of one row as dictionaries, whatever the format calls them."""
    for name in ("messages", "conversations", "conversation"):
        turns = row.get(name)
        if isinstance(turns, str):
            turns = listed(turns) or None
        if isinstance(turns, list) and all(isinstance(t, dict) for t in turns):
            system = row.get("system")
            first = [{"role": "system", "content": system}] if system else []
            return [*first, *turns]
    if isinstance(row.get("instruction"), str) and isinstance(row.get("output"), str):
        prompt = "\n\n".join(p for p in (row["instruction"], row.get("input") or "") if p)
        system = row.get("system")
        first = [{"role": "system", "content": system}] if system else []
        said = {"role": "assistant", "content": row["output"]}
        return [*first, {"role": "user", "content": prompt}, said]
    return None


def _made(turns: list[dict[str, Any]], tools: Any, refused: dict[str, int]) -> Iterator[Session]:
    plain = [{k: str(v) for k, v in t.items()} for t in turns]
    try:
        raw = msgspec.json.encode(plain, order="sorted")
    except UnicodeEncodeError:  # half a character
        refused["unknown_row"] = refused.get("unknown_row", 0) + 1
        return
    key = "general-" + hashlib.blake2b(raw, digest_size=8).hexdigest()
    messages = _messages(turns, key)
    reason = ""
    if messages is None:
        reason = "unknown_role"
    elif not any(m.role == "assistant" and UNTRAINED not in m.flags for m in messages):
        reason = "no_answer"
    elif not any(m.role == "user" for m in messages):
        reason = "no_prompt"
    if reason or messages is None:
        refused[reason] = refused.get(reason, 0) + 1
        return
    yield Session(
        key=key,
        thread=key,
        lineage=key,
        source="general",
        session_id=key,
        messages=tuple(messages),
        tools=tools_of(tools),
    )


def _messages(turns: list[dict[str, Any]], key: str) -> list[Message] | None:
    """The messages of a conversation; None where a role is not known."""
    out: list[Message] = []
    open_calls: list[ToolCall] = []
    for number, turn in enumerate(turns):
        role = _ROLES.get(str(turn.get("role") or turn.get("from") or "").lower())
        if role is None:
            return None
        content = turn.get("content")
        if content is None:  # Parquet fills missing columns with nulls
            content = turn.get("value")
        text = content if isinstance(content, str) else _text(content)
        name = f"{key}:{number}"
        if role == "assistant":
            parts, open_calls = _answer(turn, text, name)
            if parts:
                flags = (UNTRAINED,) if turn.get("train") is False else ()
                out.append(
                    Message(id=name, role=role, kind="answer", parts=tuple(parts), flags=flags)
                )
        elif role == "tool" and turn.get("from") == "observation" and open_calls:
            contents, rest = told(text, len(open_calls))
            pairs = zip(open_calls, contents, strict=False)
            results = tuple(ToolResult(c.id, c.name, said) for c, said in pairs)
            out.append(Message(id=name, role=role, kind="results", parts=results))
            open_calls = []
            if rest:
                out.append(
                    Message(id=f"{name}:said", role="user", kind="prompt", parts=(Text(rest),))
                )
        elif role == "tool":
            call = turn.get("tool_call_id")
            known = next((c for c in open_calls if call is None or c.id == str(call)), None)
            if known is None:  # a result without its call stays as text that the model was shown
                out.append(Message(id=name, role="user", kind="prompt", parts=(Text(text),)))
                continue
            open_calls = [c for c in open_calls if c is not known]
            result = ToolResult(known.id, known.name, text)
            if out and out[-1].role == "tool":
                merged = msgspec.structs.replace(out[-1], parts=(*out[-1].parts, result))
                out[-1] = merged
            else:
                out.append(Message(id=name, role=role, kind="results", parts=(result,)))
        elif text:
            kind = "prompt" if role == "user" else "context"
            out.append(Message(id=name, role=role, kind=kind, parts=(Text(text),)))  # type: ignore[arg-type]
    return out


def _answer(
    turn: dict[str, Any], text: str, name: str
) -> tuple[list[Thinking | Text | ToolCall], list[ToolCall]]:
    """The parts of an answer, and its calls among them."""
    given = turn.get("tool_calls")
    if turn.get("from") == "function_call":
        text, given = spoken(text)
        text = text.strip() if given else text
    parts: list[Thinking | Text | ToolCall] = []
    thought = turn.get("reasoning_content")
    if isinstance(thought, str) and thought:
        parts.append(Thinking(thought))
    if text:
        parts.append(Text(text))
    calls = _calls(given, name)
    return [*parts, *calls], calls


def _text(content: Any) -> str:
    """Text of OpenAI-style content lists; "" for anything else."""
    if not isinstance(content, list):
        return ""
    parts = [p.get("text") for p in content if isinstance(p, dict)]
    return "\n".join(p for p in parts if isinstance(p, str))


def _calls(calls: Any, name: str) -> list[ToolCall]:
    out: list[ToolCall] = []
    for number, call in enumerate(listed(calls)):
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            continue
        arguments = function.get("arguments", {})
        if isinstance(arguments, str):
            try:
                arguments = msgspec.json.decode(arguments)
            except (ValueError, RecursionError):
                arguments = {"input": arguments}
        if not isinstance(arguments, dict):
            arguments = {"input": arguments}
        id = call.get("id") or f"{name}.{number}"
        out.append(ToolCall(str(id), function["name"], arguments))
    return out


assert set(_ROLES.values()) == set(get_args(Role))
