"""Random logs of the real shapes, for the checker: every text in them is different.

A `Writer` grows a project the way the agent program does: prompts, answers in pieces, parallel
calls whose results arrive between the pieces, side records in the chain of parents, rewinds,
retries, compactions, resumed copies, queued prompts, rejections, errors, and sub-agents.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import orjson


class Thread:
    """One file that grows: its records, and the uuid at the tip of the conversation."""

    def __init__(self, session: str, agent: str = "") -> None:
        self.session, self.agent = session, agent
        self.records: list[dict[str, Any]] = []
        self.tip: str | None = None
        self.prompts: list[tuple[str | None, bool]] = []  # parent of each prompt; was it answered?
        self.epoch_start = 0
        self.ends: list[int] = []  # number of records after each turn


class Writer:
    """Writes one random project. `forks` counts the real forks that were made.

    `in_the_middle`: sessions are also copied while an answer is being written. `beside`: some
    outputs are long, and lie in files beside the log (`sides`: path -> words).
    """

    def __init__(self, seed: int, in_the_middle: bool = False, beside: bool = False) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.in_the_middle, self.beside = in_the_middle, beside
        self.n = 0
        self.forks = 0
        self.threads: list[Thread] = []
        self.metas: dict[str, dict[str, Any]] = {}
        self.paths: dict[int, str] = {}
        self.sides: dict[str, str] = {}

    def fresh(self, what: str) -> str:
        self.n += 1
        return f"{what}-{self.seed}-{self.n:05d}"

    # -------------------------------------------------------------- records

    def add(self, t: Thread, kind: str, parent: str | None, **more: Any) -> str:
        uuid = self.fresh("uuid")
        record = {
            "parentUuid": parent,
            "isSidechain": bool(t.agent),
            "cwd": "/home/dev/shop",
            "sessionId": t.session,
            "version": "2.1.50",
            "type": kind,
            "uuid": uuid,
            "timestamp": f"2026-03-01T10:{self.n // 60 % 60:02d}:{self.n % 60:02d}.000Z",
            **more,
        }
        if t.agent:
            record["agentId"] = t.agent
        t.records.append(record)
        return uuid

    def side(self, t: Thread) -> None:
        """Perhaps a record that is no part of the conversation; some are in the chain of
        parents."""
        draw = self.random.random()
        if draw < 0.15:
            data = {"type": "bash_progress", "output": self.fresh("live")}
            t.tip = self.add(t, "progress", t.tip, data=data)
        elif draw < 0.25:
            inner = {"type": "hook_success", "content": self.fresh("hook")}
            t.tip = self.add(t, "attachment", t.tip, attachment=inner)
        elif draw < 0.32:
            t.tip = self.add(t, "system", t.tip, subtype="turn_duration", durationMs=3)
        elif draw < 0.4:
            t.records.append({"type": "file-history-snapshot", "messageId": "m", "snapshot": {}})

    def user(self, t: Thread, content: Any, **more: Any) -> str:
        message = {"role": "user", "content": content}
        t.tip = self.add(t, "user", t.tip, message=message, **more)
        return t.tip

    def prompt(self, t: Thread, lost: bool = False) -> None:
        """What a person says. `lost`: its parent was never written."""
        t.prompts.append((t.tip, True))
        if lost:
            t.tip = self.fresh("nowhere")
        words = self.fresh("prompt")
        draw = self.random.random()
        if t.agent or draw < 0.6:
            self.user(t, words)
        elif draw < 0.75:
            self.user(t, [{"type": "text", "text": words}])
        elif draw < 0.85:
            reminder = "<system-reminder>never seen</system-reminder>"
            self.user(t, [{"type": "text", "text": reminder}, {"type": "text", "text": words}])
        else:
            inner = {"type": "queued_command", "prompt": words, "commandMode": "prompt"}
            t.tip = self.add(t, "attachment", t.tip, attachment=inner)

    # -------------------------------------------------------------- answers

    def answer(self, t: Thread, last: bool) -> None:
        """One API message in pieces, and the results of its calls."""
        mid = self.fresh("msg")
        blocks: list[dict[str, Any]] = []
        if self.random.random() < 0.4:
            words = self.fresh("thought") if self.random.random() < 0.7 else ""
            blocks.append({"type": "thinking", "thinking": words, "signature": "sig"})
        if last or self.random.random() < 0.6:
            blocks.append({"type": "text", "text": self.fresh("answer")})
        calls = (
            [] if last else [self.fresh("call") for _ in range(self.random.choice([1, 1, 2, 4]))]
        )
        for call in calls:
            given = {"command": self.fresh("command")}
            blocks.append({"type": "tool_use", "id": call, "name": "Bash", "input": given})
        waiting: list[tuple[str, str]] = []
        done: list[str] = []
        for i, block in enumerate(blocks):
            self.piece(t, mid, block, i)
            if block["type"] == "tool_use":
                waiting.append((block["id"], str(t.tip)))
            if waiting and self.random.random() < 0.25:
                done.append(self.result(t, waiting.pop(self.random.randrange(len(waiting)))))
        while waiting:
            if self.random.random() < 0.03:
                waiting.pop()  # interrupted: no result
                continue
            done.append(self.result(t, waiting.pop(self.random.randrange(len(waiting)))))
        if done:
            t.tip = done[-1]

    def piece(self, t: Thread, mid: str, block: dict[str, Any], i: int) -> None:
        usage = {"input_tokens": 5, "output_tokens": 10 * i + 1}
        message = {"id": mid, "role": "assistant", "model": "claude-opus-4-6", "usage": usage}
        t.tip = self.add(t, "assistant", t.tip, message={**message, "content": [block]})
        if self.random.random() < 0.2:
            self.side(t)

    def result(self, t: Thread, waiting: tuple[str, str]) -> str:
        call, parent = waiting
        words = self.fresh("output")
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": call, "content": words}
        draw = self.random.random()
        if draw < 0.08:
            said = self.fresh("objection")
            block["content"] = (
                "The user doesn't want to proceed with this tool use. The tool use was rejected. "
                f"To tell you how to proceed, the user said:\n{said}"
            )
            block["is_error"] = True
        elif draw < 0.2:
            block["content"] = [{"type": "text", "text": words}]
        elif draw < 0.3:
            block["content"] = words + "\n\n<system-reminder>never seen</system-reminder>"
        elif draw < 0.7 and self.beside:
            block["content"] = self.moved_out(t, call, words)
        message = {"role": "user", "content": [block]}
        copy = {"stdout": words + " second copy"}
        return self.add(t, "user", parent, message=message, toolUseResult=copy)

    def moved_out(self, t: Thread, call: str, words: str) -> str:
        """What the program writes in place of a long output."""
        name = f"{t.session}/tool-results/{call}.txt"
        whole = "\n".join([words, *(f"row {n}" for n in range(600)), f"{words}-end"])
        self.sides[name] = whole
        return (
            f"<persisted-output>\nOutput too large (5KB). Full output saved to: /home/x/{name}\n\n"
            f"Preview (first 2KB):\n{whole[:2000]}\n...\n</persisted-output>"
        )

    def error(self, t: Thread) -> None:
        """The program's own notice instead of an answer."""
        message = {"id": self.fresh("err"), "role": "assistant", "model": "<synthetic>"}
        content = [{"type": "text", "text": "API Error: 529 never seen"}]
        more = {"isApiErrorMessage": True}
        t.tip = self.add(t, "assistant", t.tip, message={**message, "content": content}, **more)

    # -------------------------------------------------------------- turns

    def turn(self, t: Thread, lost: bool = False) -> None:
        self.prompt(t, lost)
        self.side(t)
        for _ in range(self.random.choice([0, 0, 1, 2, 4])):
            self.answer(t, last=False)
            self.side(t)
        self.answer(t, last=True)
        if self.random.random() < 0.08:
            self.error(t)
        self.side(t)
        t.ends.append(len(t.records))

    def rewind(self, t: Thread) -> None:
        """The person goes back to an earlier prompt and says something else."""
        candidates = [p for p, _ in t.prompts[t.epoch_start + 1 :] if p is not None]
        if candidates:
            t.tip = self.random.choice(candidates)
            self.forks += 1
            if not t.agent and self.random.random() < 0.3:  # and runs a command before that
                self.user(t, f"<bash-input>{self.fresh('ran')}</bash-input>")
                self.user(t, f"<bash-stdout>{self.fresh('out')}</bash-stdout>")
            self.turn(t)

    def compaction(self, t: Thread) -> None:
        before = t.tip
        meta = {"trigger": "auto", "preTokens": 150_000}
        more = {"subtype": "compact_boundary", "logicalParentUuid": before, "compactMetadata": meta}
        t.tip = self.add(t, "system", None, **more)
        flags = {"isCompactSummary": True, "isVisibleInTranscriptOnly": True}
        words = f"This session is being continued from a previous conversation. {self.fresh('sum')}"
        self.user(t, words, **flags)
        t.epoch_start = len(t.prompts)
        self.turn(t)

    def agent(self, t: Thread, nested: bool) -> None:
        """A call that starts a sub-agent with a separate file."""
        number = self.fresh("a").replace("a-", "").replace("-", "")
        name = f"{int(number):017x}" if nested else f"{int(number):08x}"
        self.prompt(t)
        call = self.fresh("call")
        given = {"prompt": "p", "description": self.fresh("task")}
        block = {"type": "tool_use", "id": call, "name": "Task", "input": given}
        self.piece(t, self.fresh("msg"), block, 0)
        child = Thread(t.session, name)
        for _ in range(self.random.choice([1, 2])):
            self.turn(child)
        self.threads.append(child)
        folder = f"{t.session}/subagents/" if nested else ""
        self.paths[id(child)] = f"{folder}agent-{name}.jsonl"
        if nested and self.random.random() < 0.6:
            self.metas[f"{folder}agent-{name}.meta.json"] = {"agentType": "x", "toolUseId": call}
        words = self.fresh("output")
        content = [{"type": "tool_result", "tool_use_id": call, "content": words}]
        self.user(t, content, toolUseResult={"status": "completed", "agentId": name})
        self.answer(t, last=True)

    def resumed(self, t: Thread) -> None:
        """A new file that repeats all or some records of another, and continues."""
        copy = Thread(self.fresh("session"))
        keep = len(t.records) if self.random.random() < 0.6 else self.random.choice(t.ends)
        if self.in_the_middle:
            keep = self.random.randint(1, len(t.records))
        for record in t.records[:keep]:
            copy.records.append({**record, "sessionId": copy.session})
        tips = [r["uuid"] for r in copy.records if r.get("type") in ("user", "assistant")]
        copy.tip = tips[-1] if tips else None
        copy.epoch_start = 0
        self.main(copy)
        if self.random.random() < 0.8:
            self.turn(copy)

    def main(self, t: Thread) -> None:
        self.threads.append(t)
        self.paths[id(t)] = f"{t.session}.jsonl"

    def project(self, plain: bool = False) -> None:
        """A whole project. `plain`: no copies and no compactions."""
        for _ in range(self.random.choice([1, 1, 2])):
            t = Thread(self.fresh("session"))
            self.main(t)
            self.turn(t)
            for _ in range(self.random.randint(1, 6)):
                draw = self.random.random()
                if draw < 0.5 or (plain and draw >= 0.85):
                    self.turn(t, lost=self.random.random() < 0.1)
                elif draw < 0.72:
                    self.rewind(t)
                elif draw < 0.85:
                    self.agent(t, nested=self.random.random() < 0.6)
                else:
                    self.compaction(t)
            if not plain and self.random.random() < 0.35:
                self.resumed(t)

    def save(self, root: Path, spoil: bool = False) -> list[str]:
        """Write all files; `spoil`: lose some lines and insert broken ones."""
        files = []
        records = {r["uuid"] for t in self.threads for r in t.records if "uuid" in r}
        lost = {u for u in sorted(records) if spoil and self.random.random() < 0.04}
        for t in self.threads:
            path = root / "projects" / "-home-dev-shop" / self.paths[id(t)]
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [orjson.dumps(r) for r in t.records if r.get("uuid") not in lost]
            if spoil:
                for _ in range(self.random.randint(0, 3)):
                    at = self.random.randint(0, len(lines))
                    lines.insert(at, self.random.choice([b'{"type":"us', b"42", b"", b"\x00\xff"]))
            end = self.random.choice([b"\n", b""])
            path.write_bytes(b"\n".join(lines) + end)
            files.append(str(path))
        for name, meta in self.metas.items():
            (root / "projects" / "-home-dev-shop" / name).write_bytes(orjson.dumps(meta))
        for name, whole in self.sides.items():
            path = root / "projects" / "-home-dev-shop" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(whole)
        return sorted(files)
