"""Reads one Codex rollout into atoms, from the description of the format alone."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from .atoms import Atom, Log, canon, canon_result, lines, text_of

_INJECTED = (
    "# AGENTS.md instructions",
    "<environment_context>",
    "<turn_aborted>",
    "<subagent_notification>",
    "<skill>",
    "<user_instructions>",
    "<INSTRUCTIONS>",
    "<permissions instructions>",
    "The following is the Codex agent history",
)
_REQUEST = "## My request for Codex:"


def read(path: str) -> Log:
    """Every atom of one rollout, in file order."""
    log = Log(path)
    session, agent, begins = "", None, 0
    hidden: list[str] = []
    scripts: dict[str, Atom | None] = {}  # calls of code mode, and their first outputs
    for line, nth, row in lines(path):
        if isinstance(row, dict) and "payload" not in row:  # the first rollouts: bare items
            header = "id" in row and "type" not in row
            row = {"type": "session_meta" if header else "response_item", "payload": row}
        payload = row.get("payload") if isinstance(row, dict) else None
        if not isinstance(payload, dict):
            continue
        if row.get("type") == "session_meta" and not session:
            session = str(payload.get("id") or "")
            begins = payload.get("subagent_history_start_ordinal") or 0  # a copy until there
            source = payload.get("source")
            if isinstance(source, dict):
                agent = "codex"
                log.junk = "guardian" in json.dumps(source)
        if isinstance(row.get("ordinal"), int) and 0 < row["ordinal"] < begins:
            continue
        if payload.get("call_id") == "REDACTED":  # removed: outputs come in the order of the calls
            call = not str(payload.get("type")).endswith("_output")
            if call:
                hidden.append(f"REDACTED@{session}#{line}")
            payload["call_id"] = hidden[-1] if call else hidden.pop(0)
        atoms = _atoms(row.get("type"), payload)
        if row.get("type") == "response_item":
            atoms = _notices(payload, atoms, scripts, log.atoms)
        for block, atom in enumerate(atoms):
            atom.at = {path: (line, nth, block)}
            atom.record = f"{path}:{line}:{nth}"
            atom.sessions, atom.agent = {session}, agent
            log.atoms.append(atom)
    return log


def _notices(
    p: dict[str, Any], atoms: list[Atom], scripts: dict[str, Atom | None], before: list[Atom]
) -> list[Atom]:
    """What a script tells after its first output is part of that output, or context if something
    else was said in between."""
    call, kind = str(p.get("call_id") or ""), p.get("type")
    if kind == "custom_tool_call" and p.get("name") == "exec":
        scripts[call] = None
    if kind != "custom_tool_call_output" or call not in scripts:
        return atoms
    (atom,), first = atoms, scripts[call]
    if first is None:
        scripts[call] = atom
        return atoms
    if atom.forms == first.forms or not atom.forms[1]:
        return atoms  # the same again, or nothing
    since = before[next(n for n, one in enumerate(before) if one is first) :]
    if all(one.kind in ("result", "context") for one in since):
        first.forms = tuple(form + atom.forms[1] for form in first.forms)
        return []
    return [Atom("context", atom.forms[1:2], {}, True)]


def _atoms(kind: Any, p: dict[str, Any]) -> list[Atom]:
    if kind == "session_meta":
        return [
            _context(t) for k in ("base_instructions", "instructions") for t in _texts(p.get(k))
        ]
    if kind == "turn_context":
        return [_context(t) for t in _texts(p.get("user_instructions"))]
    if kind == "compacted":
        return [_context(t) for t in _texts([p.get("message"), p.get("replacement_history")])]
    if kind != "response_item":
        return []
    return _item(p)


def _context(text: str) -> Atom:
    return Atom("context", (canon(text),), {}, False, loose=True)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, list):
        return [t for v in value for t in _texts(v)]
    if isinstance(value, dict):
        return _texts(value.get("text") or value.get("content"))
    return []


def _item(p: dict[str, Any]) -> list[Atom]:
    kind = p.get("type")
    if kind == "message" or (kind is None and "role" in p):
        return _message(p)
    if kind == "reasoning":
        texts = _texts(p.get("summary")) + _texts(p.get("content"))
        return [Atom("thinking", (canon(t),), {}, False) for t in texts]
    if kind == "agent_message":
        given = [i.get("text") or i.get("encrypted_content") for i in p.get("content") or []]
        return [Atom("prompt", (canon(t),), {}, True) for t in given if isinstance(t, str)]
    call = str(p.get("call_id") or "")
    if kind in ("function_call", "custom_tool_call") and isinstance(p.get("name"), str):
        given = p.get("arguments") if kind == "function_call" else p.get("input")
        if isinstance(given, str) and kind == "function_call":
            with contextlib.suppress(ValueError):
                given = json.loads(given)
        home = p.get("namespace") or ""
        between = "__" if home and not home.endswith("_") and not p["name"].startswith("_") else ""
        return [Atom("call", (), {}, True, call, f"{home}{between}{p['name']}", given)]
    if kind in ("function_call_output", "custom_tool_call_output"):
        text = text_of(p.get("output"))
        forms = [canon_result(text), canon(text)]
        try:
            inner = json.loads(text)
        except ValueError:
            inner = None
        if isinstance(inner, dict):
            forms += [canon_result(t) for k in ("output", "content") for t in _texts(inner.get(k))]
            if isinstance(inner.get("output"), str):
                forms.append(canon_result(inner["output"]))
        return [Atom("result", tuple(forms), {}, True, call)]
    if kind in ("web_search_call", "tool_search_call", "local_shell_call"):
        return [Atom("call", (), {}, False, call, "*", None)]
    if kind == "tool_search_output":
        tools = p.get("tools") if isinstance(p.get("tools"), list) else []
        each = "".join(json.dumps(t, ensure_ascii=False) for t in tools)
        whole = json.dumps(tools, ensure_ascii=False)
        return [Atom("result", (canon(each), canon(whole)), {}, False, call)]
    return []


def _message(p: dict[str, Any]) -> list[Atom]:
    role = p.get("role")
    out = []
    for text in _texts(p.get("content")):
        if role == "assistant":
            out.append(Atom("answer", (canon(text),), {}, True))
        elif role == "user" and not text.lstrip().startswith(_INJECTED):
            forms = [canon(text)]
            if _REQUEST in text:
                forms.append(canon(text.split(_REQUEST, 1)[1]))
            out.append(Atom("prompt", tuple(forms), {}, True))
        elif canon(text):
            out.append(_context(text))
    return out
