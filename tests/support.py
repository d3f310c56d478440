"""Reading logs through a source and `clean`, and comparing with `expected.json`.

The vocabulary of `expected.json` is described in `tests/logs/README.md`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from sessiontune import registry
from sessiontune.ledger import Ledger
from sessiontune.model import Image, Session, Text, Thinking, ToolCall, ToolResult
from sessiontune.ports import ReadOptions
from sessiontune.steps.branches import Branches
from sessiontune.steps.clean import clean

LOGS = Path(__file__).parent / "logs"


def growth(prepare: Callable[[int], Callable[[], object]], count: int) -> float:
    """How many times as long eight times `count` takes: 8 where cost is that of the length, 64
    where it is its square, so that tests say `< 24`. What `prepare(n)` gives is timed; of three
    runs in turn the fastest counts, since one may meet a pause."""
    times: dict[int, list[float]] = {count: [], 8 * count: []}
    for _ in range(3):
        for size, taken in times.items():
            run = prepare(size)
            begun = time.process_time()
            run()
            taken.append(time.process_time() - begun)
    return min(times[8 * count]) / max(min(times[count]), 0.001)


def steps(run: Callable[[], object]) -> int:
    """How many instructions of Python are carried out: a measure of the work that no load of the
    machine changes."""
    done = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal done
        frame.f_trace_opcodes = True
        done += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return done


#: word used in `expected.json` -> spellings of a reason that mean the same.
REASONS: dict[str, tuple[str, ...]] = {
    "caveat": ("caveat", "meta", "command", "local"),
    "command": ("command", "local"),
    "progress": ("progress",),
    "snapshot": ("snapshot", "history", "side"),
    "attachment": ("attachment", "context", "hook", "injected"),
    "system": ("system", "notice", "recap", "duration", "hook", "summary"),
    "copy": ("copy", "copies", "duplicate", "resumed"),
    "warmup": ("warmup", "warm_up"),
    "suggestion": ("suggestion",),
    "compaction-agent": ("compact",),
    "aside": ("aside",),
    "guardian": ("guardian",),
    "queue": ("queue", "side"),
    "synthetic": ("synthetic", "api_error"),
    "orphan result": ("orphan", "without_call", "no_call", "unmatched", "unasked", "result"),
    "second result": ("second", "duplicate", "repeated", "again", "result"),
}


def keyed(text: str) -> str:
    """A keyed hash for tests: 16 hex digits."""
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), digest_size=8, key=b"t"
    ).hexdigest()


@dataclass
class Reading:
    """What was read from some logs. Paths are relative to `root`."""

    root: Path
    sessions: list[Session] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)

    def rel(self, path: str) -> str:
        return os.path.relpath(path, self.root)

    def origins(self) -> dict[str, set[tuple[int, int]]]:
        """file -> the (line, nth) that are in a message."""
        found: dict[str, set[tuple[int, int]]] = {}
        for session in self.sessions:
            for message in session.messages:
                for o in message.origin:
                    found.setdefault(session.files[o.file], set()).add((o.line, o.nth))
        return found

    def used(self) -> dict[str, set[int]]:
        """file (relative) -> lines that are in a message."""
        return {self.rel(f): {line for line, _ in at} for f, at in self.origins().items()}

    def drops(self) -> dict[str, dict[str, int]]:
        return {self.rel(f): dict(counts) for f, counts in self.ledger.by_file.items()}

    def unbalanced(self) -> dict[str, tuple[int, int, int]]:
        """file -> (records, used, accounted for), for files that break the law."""
        origins = self.origins()
        wrong = {}
        for file, n in self.ledger.records.items():
            used = len(origins.get(file, ()))
            gone = sum(self.ledger.by_file.get(file, {}).values())
            if used + gone != n:
                wrong[self.rel(file)] = (n, used, gone)
        return wrong


def logs_under(root: Path, source: str) -> list[str]:
    """Files below `root` that the source recognises, hidden folders too, sorted."""
    adapter = registry.source(source)
    suffixes = tuple(getattr(adapter, "suffixes", ())) or (".jsonl",)
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith(suffixes) and os.path.isfile(path):
                with open(path, "rb") as log:
                    head = log.read(64 * 1024)
                if adapter.recognise(path, head):
                    found.append(path)
    return sorted(found)


def units(source: str, files: Iterable[str]) -> list[tuple[str, ...]]:
    """Connected components of files, by the source's own index."""
    adapter = registry.source(source)
    owner: dict[object, int] = {}
    group: list[set[str]] = []
    of: dict[int, int] = {}

    def find(i: int) -> int:
        while of[i] != i:
            i = of[i]
        return i

    for i, path in enumerate(sorted(files)):
        of[i] = i
        group.append({path})
        index = adapter.index(path, 0)
        keys: list[object] = [("link", link) for link in index.links]
        keys += [index.ids[j : j + 8] for j in range(0, len(index.ids), 8)]
        for key in keys:
            j = find(owner.setdefault(key, i))
            k = find(i)
            if j != k:
                of[k] = j
                group[j] |= group[k]
                group[k] = set()
    return sorted(tuple(sorted(g)) for g in group if g)


def read(
    source: str,
    root: Path,
    files: Iterable[str] | None = None,
    options: ReadOptions | None = None,
) -> Reading:
    """Read logs unit by unit through the source and `clean`; count every drop."""
    reading = Reading(root)
    adapter = registry.source(source)
    for unit in units(source, logs_under(root, source) if files is None else files):
        stage = Branches(clean)
        for session in adapter.sessions(unit, options or ReadOptions(), reading.ledger, keyed):
            kept, drops = stage(session)
            for drop in drops:
                reading.ledger.drop(drop)
            if kept is not None:
                reading.sessions.append(kept)
    return reading


# ------------------------------------------------------------------ comparing with expected.json


def kind_of(session: Session) -> str:
    """main, agent, branch or epoch."""
    if session.epoch:
        return "epoch"
    if session.forked_from:
        return "branch"
    return "agent" if session.agent_id is not None else "main"


def texts_of(sessions: Iterable[Session]) -> list[str]:
    """Every text of every part, calls as JSON."""
    found = []
    for session in sessions:
        for message in session.messages:
            if message.kind == "notice":
                continue
            for part in message.parts:
                if isinstance(part, Text | Thinking):
                    found.append(part.text)
                elif isinstance(part, ToolCall):
                    found.append(json.dumps(part.arguments, ensure_ascii=False))
                elif isinstance(part, ToolResult):
                    found.append(part.content)
    return found


def _plain(part: Any) -> list[Any]:
    if isinstance(part, Text):
        return ["text", part.text]
    if isinstance(part, Thinking):
        return ["thinking", part.text]
    if isinstance(part, ToolCall):
        return ["call", part.id, part.name, part.arguments]
    if isinstance(part, ToolResult):
        return ["result", part.call_id, part.name, part.status, part.content, len(part.images)]
    assert isinstance(part, Image)
    return ["image"]


def plain_messages(session: Session, flat: bool = False) -> list[dict[str, Any]]:
    """Messages as dicts, notices left out; `flat` joins neighbours of one role and kind."""
    out: list[dict[str, Any]] = []
    for m in session.messages:
        if m.kind == "notice" or not m.parts:
            continue
        row = {
            "role": m.role,
            "kind": m.kind,
            "parts": [_plain(p) for p in m.parts],
            "flags": list(m.flags),
            "model": m.model,
            "vendor": m.vendor,
            "usage": m.usage
            and [m.usage.input, m.usage.output, m.usage.cache_read, m.usage.cache_write],
        }
        joins = flat and out and m.role in ("assistant", "tool")
        if joins and (out[-1]["role"], out[-1]["kind"]) == (m.role, m.kind):
            out[-1]["parts"] += row["parts"]
        else:
            out.append(row)
    return out


def _text_ok(want: Any, got: str) -> bool:
    if want is None:
        return True
    if isinstance(want, str):
        return want == got
    if "strip" in want:
        return bool(want["strip"].strip() == got.strip())
    if "any" in want:
        return any(w in got.lower() for w in want["any"])
    has = want["has"]
    return all(h in got for h in ([has] if isinstance(has, str) else has))


def _part_ok(want: list[Any], got: list[Any]) -> bool:
    if want[0] != got[0]:
        return False
    if want[0] in ("text", "thinking"):
        return _text_ok(want[1], got[1])
    if want[0] == "call":
        if want[1:3] != got[1:3]:
            return False
        if isinstance(want[3], dict) and set(want[3]) == {"has"}:
            return _text_ok(want[3], "\n".join(map(str, got[3].values())))
        return bool(want[3] == got[3])
    if want[0] == "result":
        same = want[1:3] == got[1:3] and want[3] in (None, got[3]) and _text_ok(want[4], got[4])
        return bool(same and (len(want) < 6 or want[5] == got[5]))
    return True


def _parts_ok(want: list[list[Any]], got: list[list[Any]]) -> bool:
    if not want:
        return not got
    first, free = want[0], False
    if isinstance(first[-1], dict) and first[-1] == {"optional": True}:
        first, free = first[:-1], True
    if got and _part_ok(first, got[0]) and _parts_ok(want[1:], got[1:]):
        return True
    return free and _parts_ok(want[1:], got)


def _message_ok(want: dict[str, Any], got: dict[str, Any]) -> bool:
    if want["role"] not in ("*", got["role"]):
        return False
    kind = want["kind"]
    if not (kind == "*" or kind == got["kind"] or (kind[0] == "!" and kind[1:] != got["kind"])):
        return False
    if any(f not in [g.replace(":/", ":") for g in got["flags"]] for f in want.get("flags", ())):
        return False
    for name in ("model", "vendor"):
        if name in want and not _text_ok(want[name], got[name]):
            return False
    if "usage" in want and want["usage"] != got["usage"]:
        return False
    return _parts_ok(want["parts"], got["parts"])


def messages_match(want: list[dict[str, Any]], got: list[dict[str, Any]]) -> bool:
    """Whether the messages match; optional ones may be absent."""
    if not want:
        return not got
    if got and _message_ok(want[0], got[0]) and messages_match(want[1:], got[1:]):
        return True
    return bool(want[0].get("optional")) and messages_match(want[1:], got)


def _thread_ok(want: dict[str, Any], session: Session, flat: bool) -> bool:
    kind = want["kind"]
    if kind == "agent*":
        if session.forked_from or session.epoch:
            return False
    elif kind not in ("*", kind_of(session)):
        return False
    for name in ("session_id", "agent_id", "epoch", "parent_call", "agent_type"):
        if name in want and getattr(session, name) != want[name]:
            return False
    return messages_match(want["messages"], plain_messages(session, flat))


def _relations(threads: list[dict[str, Any]], chosen: list[Session]) -> list[str]:
    wrong = []
    for want, got in zip(threads, chosen, strict=True):
        if "parent" in want:
            parent = None if want["parent"] is None else chosen[want["parent"]].key
            if got.parent_session != parent:
                wrong.append(f"parent_session is {got.parent_session}, not {parent}")
        if "thread_of" in want and got.thread != chosen[want["thread_of"]].thread:
            wrong.append("an epoch is not of the same thread")
        if "of" in want and got.forked_from is not None:
            owner = next((s for s in chosen if s.key == got.forked_from.session), None)
            if owner is None:
                wrong.append("forked_from names no session that came out")
                continue
            if owner is not chosen[want["of"]]:
                wrong.append("forked_from names the wrong session")
            at = [m for m in owner.messages if m.id == got.forked_from.message]
            if not at or not any(want["after"] in str(_plain(p)) for p in at[0].parts):
                wrong.append(f"forked_from is not after {want['after']!r}")
    return wrong


def _assign(
    threads: list[dict[str, Any]], sessions: list[Session], flat: bool
) -> list[list[Session]]:
    """Every way to give each expected thread a different session."""
    if not threads:
        return [[]] if not sessions else []
    found = []
    for i, session in enumerate(sessions):
        if _thread_ok(threads[0], session, flat):
            rest = sessions[:i] + sessions[i + 1 :]
            found += [[session, *more] for more in _assign(threads[1:], rest, flat)]
    return found


def describe(sessions: Iterable[Session], flat: bool = False) -> str:
    """Sessions in words, for a failing test."""
    out = []
    for s in sessions:
        head = f"{kind_of(s)} session={s.session_id} agent={s.agent_id} epoch={s.epoch} key={s.key}"
        fork = f" forked={s.forked_from.session}" if s.forked_from else ""
        out.append(f"- {head}{fork} parent={s.parent_session} call={s.parent_call}")
        for m in plain_messages(s, flat):
            extra = {k: m[k] for k in ("flags",) if m[k]}
            out.append(f"    {m['role']}/{m['kind']} {m['parts']} {extra or ''}"[:400])
    return "\n".join(out) or "(nothing)"


def compare(expected: dict[str, Any], reading: Reading) -> list[str]:
    """What is wrong with the sessions; empty if all is as expected."""
    flat = bool(expected.get("flat"))
    alternatives = expected.get("any_of") or [expected["threads"]]
    sessions = [s for s in reading.sessions if plain_messages(s, flat)]
    reasons: list[str] = []
    for threads in alternatives:
        ways = _assign(threads, sessions, flat)
        for chosen in ways:
            wrong = _relations(threads, chosen)
            if not wrong:
                return []
            reasons += wrong
    if reasons:
        return ["the messages are right, but " + reasons[0] + "\n" + describe(sessions, flat)]
    want = "\n".join(
        f"- {t['kind']} {({k: v for k, v in t.items() if k not in ('messages', 'kind')}) or ''}\n"
        + "\n".join(
            f"    {m['role']}/{m['kind']} {m['parts']}{' ?' if m.get('optional') else ''}"
            for m in t["messages"]
        )
        for t in alternatives[0]
    )
    return [
        f"threads differ; expected{' (one way)' if len(alternatives) > 1 else ''}:\n{want}\n"
        f"got:\n{describe(sessions, flat)}"
    ]


def counted(counts: dict[str, int], word: str) -> int:
    """Records dropped for a reason that the word means."""
    spellings = REASONS[word]
    return sum(n for name, n in counts.items() if any(s in name.lower() for s in spellings))
