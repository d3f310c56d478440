"""Makes a large corpus of Claude Code logs of the real shape, for benchmarks. Deterministic.

    python benchmarks/make_corpus.py OUT --mb 500 --big-session-mb 100 --seed 1 [--one-project]

Shape: shares of bytes, kinds of records, sizes of files, split and interleaved messages,
sub-agents, resumed copies and compactions as measured on real logs (docs/reference/sample.md has
the table). Text comes from a pool of some 150,000 lines of code, prose, SQL and output made from
the sample's world; each block draws lines from the pool and puts names of its own into them, so
that equal lines are rare and near-duplicates rarer. Fake secrets are planted, about one a
megabyte; `--planted FILE` lists them.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import orjson

from corpus_text import MARK, Text
from sessiontune.sample import planted

DAY = 86_400_000  # milliseconds


class Session:
    """Writes records of one file until it has the wanted size."""

    def __init__(self, rng: Random, seed: int, cwd: str, session_id: str, agent: str = "") -> None:
        self.rng, self.text, self.session_id = rng, Text(rng, seed), session_id
        self.out: list[bytes] = []
        self.size = 0
        self.target = math.inf
        self.tip: str | None = None
        self.day, self.ms = 20_000 + rng.randrange(400), rng.randrange(DAY)
        self.prefix = ""
        self.planted: list[str] = []
        self.agent = agent
        self.env: dict[str, Any] = {
            "isSidechain": bool(agent), "userType": "external", "cwd": cwd,
            "sessionId": session_id, "version": "2.1.40", "gitBranch": "main",
        }  # fmt: skip
        if agent:
            self.env["agentId"] = agent
        self.rewound = rng.choice(("claude-sonnet-4-5-20250929", "claude-opus-4-6", "glm-4.6"))

    # ------------------------------------------------------------ envelope

    def uuid(self) -> str:
        h = f"{self.rng.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def stamp(self) -> str:
        self.ms += self.rng.randrange(20, 9000)
        if self.ms >= DAY or not self.prefix:
            self.day += self.ms // DAY
            self.ms %= DAY
            self.prefix = time.strftime("%Y-%m-%dT", time.gmtime(self.day * 86_400))
        rest, ms = divmod(self.ms, 1000)
        minutes, s = divmod(rest, 60)
        return f"{self.prefix}{minutes // 60:02d}:{minutes % 60:02d}:{s:02d}.{ms:03d}Z"

    def put(self, record: dict[str, Any]) -> None:
        line = orjson.dumps(record) + b"\n"
        self.out.append(line)
        self.size += len(line)

    def linked(self, kind: str, body: dict[str, Any], parent: str | None = "") -> str:
        uuid = self.uuid()
        self.put(
            {"parentUuid": self.tip if parent == "" else parent, **self.env, "type": kind, **body,
             "uuid": uuid, "timestamp": self.stamp()}
        )  # fmt: skip
        return uuid

    # ------------------------------------------------------------ one turn

    def prompt(self) -> None:
        rng, text = self.rng, self.text
        said = text.block(text.size(600, 1.4, 60_000))
        if rng.random() < 0.12:
            make_value, story = rng.choice(list(planted.STORIES.values()))
            value = make_value(rng)
            self.planted.append(value)
            said = story.format(value) + "\n" + said
        content: Any = said
        if rng.random() < 0.03:
            data = base64.b64encode(
                b"\x89PNG\r\n\x1a\n" + rng.randbytes(rng.randrange(3_000, 40_000))
            )
            source = {"type": "base64", "media_type": "image/png", "data": data.decode()}
            content = [{"type": "image", "source": source}, {"type": "text", "text": said}]
        self.tip = self.linked("user", {"message": {"role": "user", "content": content}})

    def turn(self) -> None:
        rng = self.rng
        if rng.random() < 0.3:
            self.put({"type": "file-history-snapshot", "messageId": self.uuid(), "snapshot": {
                "messageId": self.uuid(), "trackedFileBackups": {self.text.block(90): {
                    "backupFileName": self.uuid(), "version": 1}}, "timestamp": self.stamp()},
                "isSnapshotUpdate": False})  # fmt: skip
        self.prompt()
        for _ in range(min(60, 1 + int(rng.expovariate(1 / 8)))):
            if self.size >= self.target:
                break
            self.message()
        self.message(final=True)
        if rng.random() < 0.5:
            self.tip = self.linked("system", {"subtype": "turn_duration", "durationMs": self.ms})
        if rng.random() < 0.3:
            for operation in ("enqueue", "dequeue"):
                self.put({"type": "queue-operation", "operation": operation,
                          "timestamp": self.stamp(), "sessionId": self.session_id})  # fmt: skip

    def message(self, final: bool = False) -> None:
        """One API message: a chain of pieces, each its own record, then the results."""
        rng, text = self.rng, self.text
        blocks: list[dict[str, Any]] = []
        if rng.random() < 0.45:
            thought = "" if rng.random() < 0.25 else text.block(text.size(330, 1.0, 20_000))
            signature = base64.b64encode(rng.randbytes(int(text.size(620, 0.8, 9000)))).decode()
            blocks.append({"type": "thinking", "thinking": thought, "signature": signature})
        if final or rng.random() < 0.33:
            blocks.append({"type": "text", "text": text.block(text.size(330, 1.0, 20_000))})
        calls = 0 if final else 1 if rng.random() < 0.86 else rng.randrange(2, 5)
        usage = {
            "input_tokens": rng.randrange(1, 9), "cache_creation_input_tokens": rng.randrange(9999),
            "cache_read_input_tokens": rng.randrange(99999), "cache_creation": {
                "ephemeral_5m_input_tokens": rng.randrange(999), "ephemeral_1h_input_tokens": 0},
            "output_tokens": 3, "service_tier": "standard", "inference_geo": "not_available",
        }  # fmt: skip
        name = f"{rng.getrandbits(96):x}"
        head = {"model": self.rewound, "id": f"msg_01{name}", "type": "message",
                "role": "assistant", "stop_reason": None, "stop_sequence": None}  # fmt: skip
        request = f"req_011{name}"
        waiting = []
        interleave = rng.random() < 0.1
        for index in range(len(blocks) + calls):
            call = index >= len(blocks)
            if call:
                tool, given, shown, rich = self.tool()
                call_id = f"toolu_01{rng.getrandbits(108):x}"
                block = {"type": "tool_use", "id": call_id, "name": tool, "input": given}
            else:
                block = blocks[index]
            usage["output_tokens"] = (
                3 if index + 1 < len(blocks) + calls else rng.randrange(20, 3000)
            )
            message = {**head, "content": [block], "usage": usage}
            self.tip = self.linked("assistant", {"message": message, "requestId": request})
            if call:
                waiting.append((call_id, shown, rich, self.tip))
                if interleave:
                    self.results(waiting)
                    waiting = []
        self.results(waiting)
        if rng.random() < 0.16:
            self.attachment()

    def results(self, waiting: list[tuple[str, str, Any, str]]) -> None:
        asked = self.tip
        for call_id, shown, rich, parent in waiting:
            if self.rng.random() < 0.5:
                self.progress(call_id)
            block = {"tool_use_id": call_id, "type": "tool_result", "content": shown}
            body: dict[str, Any] = {"message": {"role": "user", "content": [block]}}
            if not self.agent:
                body["toolUseResult"] = rich
            body["sourceToolAssistantUUID"] = parent
            asked = self.linked("user", body, parent)
        self.tip = asked

    def progress(self, call_id: str) -> None:
        output = self.text.block(self.text.size(170, 1.2, 60_000))
        data = {"type": "bash_progress", "output": output, "fullOutput": output, "totalLines": 9}
        self.linked("progress", {"data": data, "parentToolUseID": call_id, "toolUseID": "bash-0"})

    def attachment(self) -> None:
        rng, text = self.rng, self.text
        kind = rng.choice(
            ("total_tokens_reminder", "hook_success", "task_reminder", "skill_listing")
        )
        body = {"type": kind, "content": text.block(text.size(1700, 1.1, 30_000)), "itemCount": 0}
        self.tip = self.linked("attachment", {"attachment": body})

    # ------------------------------------------------------------ tools

    def tool(self) -> tuple[str, dict[str, Any], str, Any]:
        """A call: its name, input, the result as shown, and the program's copy of it."""
        rng, text = self.rng, self.text
        chance = rng.random()
        word = f"{rng.getrandbits(36):x}"
        path = f"{self.env['cwd']}/backend/app/{word}.py"
        if rng.random() < 0.06:
            path = f"C:\\work\\velmarro\\src\\{word}.tsx"
        if chance < 0.52:
            out = text.block(text.size(620, 1.35))
            if rng.random() < 0.06:
                out = json.dumps({"rows": out.split("\n"), "path": path}, ensure_ascii=False)
            if rng.random() < 0.03:
                value = planted.connection(rng, planted.password(rng))
                self.planted.append(value)
                out += f"\nREPORT_DB={value}\n"
            given = {"command": text.block(text.size(220, 0.8)), "description": f"Run {word}"}
            return "Bash", given, out, {"stdout": out, "stderr": "", "interrupted": False}
        if chance < 0.76:
            lines = text.lines(text.size(1500, 1.0))
            body = "\n".join(lines).replace(MARK, word)
            shown = "\n".join([f"{i:>6}→{x}" for i, x in enumerate(lines, 1)]).replace(MARK, word)
            file = {"filePath": path, "content": body, "numLines": len(lines), "startLine": 1}
            return "Read", {"file_path": path}, shown, {"type": "text", "file": file}
        if chance < 0.90:
            old, new = text.block(text.size(260, 0.8)), text.block(text.size(380, 0.9))
            whole = "\n".join((text.block(text.size(2600, 1.0)), old, text.block(900)))
            patch = {"oldStart": 9, "lines": [f"-{old}", f"+{new}"]}
            given = {"file_path": path, "old_string": old, "new_string": new}
            rich = {"filePath": path, "oldString": old, "newString": new, "originalFile": whole,
                    "structuredPatch": [patch], "userModified": False}  # fmt: skip
            return "Edit", given, f"The file {path} has been updated.\n{new}", rich
        if chance < 0.94:
            body = text.block(text.size(1500, 0.9))
            rich = {"type": "create", "filePath": path, "content": body, "structuredPatch": []}
            return "Write", {"file_path": path, "content": body}, f"File created: {path}", rich
        out = text.block(text.size(900, 1.0))
        return "Grep", {"pattern": f"{word}.*"}, out, {"mode": "content", "content": out}


#: The invented user in whose home the logs are.
USER = "dkorrin"


def session_lines(rng: Random, seed: int, cwd: str, session_id: str, target: float,
                  agent: str = "") -> Session:  # fmt: skip
    """A session of about `target` bytes; one in 40 is compacted in the middle."""
    session = Session(rng, seed, cwd, session_id, agent)
    compacted = rng.random() > 0.025
    session.target = target
    while session.size < target:
        session.turn()
        if not compacted and session.size > target / 2:
            compacted = True
            meta = {"trigger": "auto", "preTokens": 160_000}
            tip = session.linked("system", {"subtype": "compact_boundary", "compactMetadata": meta,
                                 "logicalParentUuid": session.tip}, None)  # fmt: skip
            text = "This session is being continued from a previous conversation."
            content = f"{text}\n{session.text.block(6000)}"
            session.tip = session.linked("user", {"isCompactSummary": True, "message": {
                "role": "user", "content": content}}, tip)  # fmt: skip
    return session


def write_unit(job: tuple[int, str, float], *, seed: int) -> tuple[int, int, list[str]]:
    """One session with its sub-agents and perhaps a resumed copy: files, bytes, planted."""
    number, folder, target = job
    rng = Random(f"{seed}/{number}")
    projects = Path(folder)
    cwd = f"/home/{USER}/work/{projects.name.rpartition('-work-')[2]}"
    ids = Session(rng, seed, cwd, "")
    session = session_lines(rng, seed, cwd, ids.uuid(), target)
    path = projects / f"{session.session_id}.jsonl"
    data = b"".join(session.out)
    path.write_bytes(data)
    files, size, found = 1, len(data), session.planted
    for _ in range(int(rng.expovariate(1 / 1.4))):
        agent = f"{rng.getrandbits(68):017x}"
        share = 1500 if rng.random() < 0.4 else min(target / 2, 60_000 * rng.expovariate(1))
        child = session_lines(rng, seed, cwd, session.session_id, share, agent)
        place = projects / session.session_id / "subagents" / f"agent-{agent}.jsonl"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"".join(child.out))
        (place.with_suffix(".meta.json")).write_text(json.dumps({"agentType": "Explore"}))
        files, size, found = files + 1, size + child.size, found + child.planted
    if rng.random() < 0.06 and target < 4e6:
        copy_id = ids.uuid()
        kept = b"".join(session.out[: max(1, len(session.out) * 2 // 3)])
        more = Session(rng, seed, cwd, copy_id)
        more.turn()
        kept = kept.replace(session.session_id.encode(), copy_id.encode()) + b"".join(more.out)
        (projects / f"{copy_id}.jsonl").write_bytes(kept)
        files, size = files + 1, size + len(kept)
    return files, size, found


def plan(out: Path, mb: float, big: float, seed: int, one: bool) -> list[tuple[int, str, float]]:
    """Sessions to write: number, project folder and bytes, which add up to about `mb`."""
    rng = Random(f"{seed}/plan")
    sizes = [big * 1e6] if big else []
    while sum(sizes) * 1.03 + 48_000 * len(sizes) < mb * 1e6:
        sizes.append(min(8e6, 1500 + 42_000 * math.exp(1.9 * rng.gauss(0, 1))))
    count = 1 if one else max(1, round(mb / 15))
    folders = [out / ".claude" / "projects" / f"-home-{USER}-work-app{i}" for i in range(count)]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return [(i, str(rng.choice(folders)), size) for i, size in enumerate(sizes)]


def make(out: Path, mb: float, big: float = 0, seed: int = 1, one_project: bool = False,
         jobs: int = 1) -> tuple[int, int, list[str]]:  # fmt: skip
    """Write the corpus below `out/.claude`; returns files, bytes and the planted values."""
    work = plan(out, mb, big, seed, one_project)
    write = partial(write_unit, seed=seed)
    if jobs > 1:
        with ProcessPoolExecutor(jobs) as workers:
            done = list(workers.map(write, work, chunksize=4))
    else:
        done = [write(job) for job in work]
    return sum(d[0] for d in done), sum(d[1] for d in done), [v for d in done for v in d[2]]


def main() -> None:
    """Read the options, write, and report what was written."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--mb", type=float, default=500, help="size of the corpus in 10^6 bytes")
    parser.add_argument("--big-session-mb", type=float, default=0, help="one session of this size")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one-project", action="store_true")
    parser.add_argument("--jobs", type=int, default=1, help=f"processes (of {os.cpu_count()})")
    parser.add_argument("--planted", type=Path, help="write the planted values here, as JSON")
    given = parser.parse_args()
    start = time.perf_counter()
    files, size, values = make(given.out, given.mb, given.big_session_mb, given.seed,
                               given.one_project, given.jobs)  # fmt: skip
    if given.planted:
        given.planted.write_text(json.dumps(values))
    seconds = time.perf_counter() - start
    print(f"{files} files, {size / 1e6:,.0f} MB, {len(values)} planted values, "
          f"{seconds:.1f} s, {size / 1e6 / seconds:.0f} MB/s")  # fmt: skip


if __name__ == "__main__":
    main()
