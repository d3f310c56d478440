"""General rows from a local file, in any of the formats this project writes, as sessions.

Nothing is assumed of them: a row that cannot be read is counted with its reason and left out. Rows
come from JSONL, a JSON array, `combined` files or Parquet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from .errors import UsageError
from .model import Message, Role, Session, Text, Thinking, ToolCall, ToolResult

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
    with file.open("rb") as source:
        head = source.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if file.suffix == ".json" and head[:1] in (b"[", b"{"):
        yield from _json(file)
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


def _json(file: Path) -> Iterator[dict[str, Any]]:
    try:
        data = json.loads(file.read_text("utf-8", "replace"))
    except ValueError as error:
        raise UsageError(f"{file}: {error}", "Give JSONL, a JSON array or Parquet.") from error
    rows = data.get("conversations", [data]) if isinstance(data, dict) else data
    for row in rows:
        yield row if isinstance(row, dict) else {}


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return row if isinstance(row, dict) else {}


def to_sessions(rows: Iterable[dict[str, Any]], refused: dict[str, int]) -> Iterator[Session]:
    """Rows as sessions; what cannot be used is counted in `refused` by reason.

    `raw` files hold one message a row: consecutive rows of one session id become one session.
    """
    held: list[dict[str, Any]] = []
    for row in rows:
        if isinstance(row.get("role"), str) and "messages" not in row:
            if held and held[-1].get("session_id") != row.get("session_id"):
                yield from _made(held, refused)
                held = []
            held.append(row)
            continue
        turns = _turns(row)
        if turns is None:
            refused["unknown_row"] = refused.get("unknown_row", 0) + 1
            continue
        yield from _made(turns, refused)
    if held:
        yield from _made(held, refused)


def _turns(row: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The turns of one row as dictionaries, whatever the format calls them."""
    for name in ("messages", "conversations", "conversation"):
        turns = row.get(name)
        if isinstance(turns, str):
            turns = msgspec.json.decode(turns) if turns[:1] == "[" else None
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


def _made(turns: list[dict[str, Any]], refused: dict[str, int]) -> Iterator[Session]:
    raw = msgspec.json.encode([{k: str(v) for k, v in t.items()} for t in turns], order="sorted")
    key = "general-" + hashlib.blake2b(raw, digest_size=8).hexdigest()
    messages = _messages(turns, key)
    reason = ""
    if messages is None:
        reason = "unknown_role"
    elif not any(m.role == "assistant" for m in messages):
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
                out.append(Message(id=name, role=role, kind="answer", parts=tuple(parts)))
        elif role == "tool" and turn.get("from") == "observation" and open_calls:
            told = _told(text, len(open_calls))
            pairs = zip(open_calls, told, strict=False)
            results = tuple(ToolResult(c.id, c.name, said) for c, said in pairs)
            out.append(Message(id=name, role=role, kind="results", parts=results))
            open_calls = []
        elif role == "tool":
            call = turn.get("tool_call_id")
            known = next((c for c in open_calls if call is None or c.id == call), None)
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
        text, given = _spoken_calls(text)
    parts: list[Thinking | Text | ToolCall] = []
    thought = turn.get("reasoning_content")
    if isinstance(thought, str) and thought:
        parts.append(Thinking(thought))
    if text:
        parts.append(Text(text))
    calls = _calls(given, name)
    return [*parts, *calls], calls


def _spoken_calls(value: str) -> tuple[str, list[Any]]:
    """Text and calls of a `function_call` turn: bare JSON, or text with a <tool_call> block."""
    before, opened, rest = value.partition("<tool_call>")
    body, closed, after = rest.partition("</tool_call>")
    text = "\n".join(t for t in (before.strip(), after.strip()) if t) if closed else ""
    try:
        calls = msgspec.json.decode(body if opened and closed else value)
    except msgspec.DecodeError:
        return value, []
    return text, calls if isinstance(calls, list) else [calls]


def _told(value: str, calls: int) -> list[str]:
    """The results of an `observation`: a JSON list where several calls were made."""
    if calls > 1:
        try:
            given = msgspec.json.decode(value)
        except msgspec.DecodeError:
            return [value]
        if isinstance(given, list):
            return [g if isinstance(g, str) else str(g) for g in given]
    return [value]


def _text(content: Any) -> str:
    """Text of OpenAI-style content lists; "" for anything else."""
    if not isinstance(content, list):
        return ""
    parts = [p.get("text") for p in content if isinstance(p, dict)]
    return "\n".join(p for p in parts if isinstance(p, str))


def _calls(calls: Any, name: str) -> list[ToolCall]:
    if isinstance(calls, str):
        calls = msgspec.json.decode(calls) if calls[:1] == "[" else None
    if not isinstance(calls, list):
        return []
    out: list[ToolCall] = []
    for number, call in enumerate(calls):
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            continue
        arguments = function.get("arguments", {})
        if isinstance(arguments, str):
            try:
                arguments = msgspec.json.decode(arguments)
            except msgspec.DecodeError:
                arguments = {"input": arguments}
        if not isinstance(arguments, dict):
            arguments = {"input": arguments}
        id = call.get("id") or f"{name}.{number}"
        out.append(ToolCall(str(id), function["name"], arguments))
    return out


assert set(_ROLES.values()) == set(get_args(Role))
