"""Random Codex rollouts of the real shapes, for the checker: every text in them is different."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import orjson


class Rollout:
    """One random Codex rollout."""

    def __init__(self, name: str, random: Random, parent: str = "") -> None:
        self.name, self.random, self.n = name, random, 0
        self.lines: list[bytes] = []
        self.children: list[str] = []
        spawn = {"subagent": {"thread_spawn": {"parent_thread_id": parent, "depth": 1}}}
        self.meta = {"id": name, "cwd": "/home/dev/shop", "source": spawn if parent else "cli"}
        self.add("session_meta", **self.meta)

    def fresh(self, what: str) -> str:
        self.n += 1
        return f"{what}-{self.name}-{self.n:05d}"

    def add(self, kind: str, **payload: Any) -> None:
        at = f"2026-03-02T09:{len(self.lines) // 60 % 60:02d}:{len(self.lines) % 60:02d}.000Z"
        self.lines.append(orjson.dumps({"timestamp": at, "type": kind, "payload": payload}))

    def item(self, kind: str, **payload: Any) -> None:
        self.add("response_item", type=kind, **payload)

    def said(self, role: str, text: str) -> None:
        kind = "output_text" if role == "assistant" else "input_text"
        self.item("message", role=role, content=[{"type": kind, "text": text}])

    def event(self, kind: str, **payload: Any) -> None:
        self.add("event_msg", type=kind, **payload)

    def turn(self) -> None:
        self.add("turn_context", model="gpt-5.2-codex", cwd="/home/dev/shop")
        words = self.fresh("prompt")
        self.said("user", words)
        self.event("user_message", message=words)
        for _ in range(self.random.choice([0, 1, 3])):
            self.step()
        if self.random.random() < 0.2:
            self.script()
        words = self.fresh("answer")
        self.event("agent_message", message=words)
        self.said("assistant", words)
        self.event("token_count", info=None)

    def step(self) -> None:
        if self.random.random() < 0.5:
            summary = [{"type": "summary_text", "text": self.fresh("thought")}]
            self.item("reasoning", summary=summary, encrypted_content="x")
        if self.random.random() < 0.4:
            self.said("assistant", self.fresh("answer"))
        calls = [self.fresh("call") for _ in range(self.random.choice([1, 1, 3]))]
        for call in calls:
            given = orjson.dumps({"cmd": self.fresh("command")}).decode()
            if self.random.random() < 0.2:
                patch = f"*** Begin Patch\n{self.fresh('patch')}\n*** End Patch"
                self.item("custom_tool_call", name="apply_patch", call_id=call, input=patch)
            else:
                self.item("function_call", name="shell", call_id=call, arguments=given)
        self.random.shuffle(calls)
        for call in calls:
            if self.random.random() < 0.95:
                self.item("function_call_output", call_id=call, output=self.fresh("output"))

    def script(self) -> None:
        """A call of code mode that tells more, also after the next answer."""
        call = self.fresh("call")
        self.item("custom_tool_call", name="exec", call_id=call, input=self.fresh("script"))
        for after in self.random.choices([True, False], k=self.random.choice([1, 2, 4])):
            self.item("custom_tool_call_output", call_id=call, output=self.fresh("told"))
            if after:
                self.said("assistant", self.fresh("answer"))

    def compaction(self) -> None:
        prefix = "Another language model started to solve this problem and produced a summary"
        content = [{"type": "input_text", "text": f"{prefix} {self.fresh('sum')}"}]
        history = [{"type": "message", "role": "user", "content": content}]
        self.add("compacted", message="", replacement_history=history)

    def oddity(self) -> None:
        draw = self.random.random()
        if draw < 0.3:
            self.add("session_meta", **self.meta)  # resumed in place
        elif draw < 0.6:
            self.said("user", "<environment_context>never seen</environment_context>")
        elif draw < 0.8:
            self.said("user", "<turn_aborted>never seen</turn_aborted>")
            self.event("turn_aborted", reason="interrupted")
        else:
            self.said(
                "developer", "<permissions instructions>never seen</permissions instructions>"
            )


def random_rollouts(seed: int, root: Path) -> list[str]:
    """Write a random rollout, and perhaps a sub-agent's; returns the files."""
    random = Random(seed)
    main = Rollout(f"m{seed}", random)
    rollouts = [main]
    for _ in range(random.randint(1, 6)):
        main.turn()
        if random.random() < 0.4:
            main.oddity()
        if random.random() < 0.2:
            main.compaction()
    if random.random() < 0.5:
        child = Rollout(f"c{seed}", random, parent=main.name)
        call = main.fresh("call")
        main.item("function_call", name="spawn_agent", call_id=call, arguments="{}")
        output = orjson.dumps({"agent_id": child.name}).decode()
        main.item("function_call_output", call_id=call, output=output)
        main.said("assistant", main.fresh("answer"))
        child.turn()
        rollouts.append(child)
    root.mkdir(parents=True, exist_ok=True)
    files = []
    for rollout in rollouts:
        path = root / f"rollout-2026-03-02T09-00-00-{rollout.name}.jsonl"
        path.write_bytes(b"\n".join(rollout.lines) + b"\n")
        files.append(str(path))
    return sorted(files)
