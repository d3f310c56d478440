"""Writes turns as a Codex rollout: what the model saw, and the copies for the screen."""

from __future__ import annotations

import json
from typing import Any

from .records import Expect, Record, Source, Thread, encode
from .tools import Call, Turn
from .world import CWD

_TOOLS = {"Bash": "exec_command", "Read": "exec_command", "Grep": "exec_command"}


class CodexLog:
    """One rollout file."""

    def __init__(self, source: Source) -> None:
        self.src = source
        self.session_id = source.uuid()
        self.records: list[Record] = []
        self.threads = [Thread("main")]
        self.started = source.now
        self._turns = 0
        self._meta()

    def add(self, kind: str, payload: Record) -> int:
        """Append a record; returns its line number."""
        self.records.append({"timestamp": self.src.tick(), "type": kind, "payload": payload})
        return len(self.records)

    def _meta(self) -> None:
        git = {"branch": "main", "commit_hash": self.src.hexes(40)}
        self.add(
            "session_meta",
            {
                "id": self.session_id,
                "timestamp": self.src.stamp(),
                "cwd": CWD,
                "originator": "codex_cli_rs",
                "cli_version": "0.58.0",
                "instructions": None,
                "source": "cli",
                "model_provider": "openai",
                "git": git,
            },
        )
        rules = "# AGENTS.md instructions\n\n<INSTRUCTIONS>\nAmounts are cents.\n</INSTRUCTIONS>"
        where = f"<environment_context>\n  <cwd>{CWD}</cwd>\n</environment_context>"
        self._message(
            "developer", "<permissions instructions>\nSandboxed.\n</permissions instructions>"
        )
        self._message("user", rules)
        self._message("user", where)

    def _message(self, role: str, text: str) -> int:
        kind = "output_text" if role == "assistant" else "input_text"
        content = [{"type": kind, "text": text}]
        return self.add("response_item", {"type": "message", "role": role, "content": content})

    def _expect(self, role: str, kind: str, parts: list[dict[str, Any]], line: int) -> Expect:
        message = Expect(role, kind, parts, [str(line)])
        self.threads[0].messages.append(message)
        return message

    def turn(self, turn: Turn) -> None:
        """A prompt and what answers it."""
        self.src.tick(5, 200)
        self._turns += 1
        turn_id = f"turn-{self._turns}"
        self.add("event_msg", {"type": "task_started", "turn_id": turn_id})
        context = {
            "cwd": CWD,
            "approval_policy": "on-request",
            "sandbox_policy": {"mode": "workspace-write"},
        }
        self.add(
            "turn_context",
            {**context, "model": "gpt-5-codex", "effort": "medium", "summary": "auto"},
        )
        line = self._message("user", turn.prompt)
        self._expect("user", "prompt", [{"type": "text", "text": turn.prompt}], line)
        self.add("event_msg", {"type": "user_message", "message": turn.prompt, "images": []})
        for reply in turn.replies:
            if reply.thinking:
                self._reasoning(reply.thinking)
            if reply.text:
                line = self._message("assistant", reply.text)
                self._expect("assistant", "answer", [{"type": "text", "text": reply.text}], line)
                self.add("event_msg", {"type": "agent_message", "message": reply.text})
            for call in reply.calls:
                self._call(call)
            self._tokens()
        self.add(
            "event_msg", {"type": "task_complete", "last_agent_message": turn.replies[-1].text}
        )

    def _reasoning(self, text: str) -> None:
        summary = [{"type": "summary_text", "text": text}]
        secret = self.src.name("gAAAA", 60)
        self.add("response_item", {"type": "reasoning", "summary": summary, "content": None,
                                   "encrypted_content": secret})  # fmt: skip
        self.add("event_msg", {"type": "agent_reasoning", "text": text})

    def _call(self, call: Call) -> None:
        call_id = self.src.name("call_", 24)
        if call.name in ("Edit", "Write"):
            name, given = "apply_patch", _patch(call)
            body = {"type": "custom_tool_call", "status": "completed", "call_id": call_id,
                    "name": name, "input": given}  # fmt: skip
            arguments: dict[str, Any] = {"input": given}
        else:
            name = _TOOLS.get(call.name, "exec_command")
            arguments = {"cmd": _shell(call), "workdir": CWD}
            body = {"type": "function_call", "name": name, "call_id": call_id,
                    "arguments": json.dumps(arguments)}  # fmt: skip
        asked = self.add("response_item", body)
        part = {"type": "call", "id": call_id, "name": name, "arguments": arguments}
        self._expect("assistant", "answer", [part], asked)
        code = int(call.status == "error")
        output = f"Exit code: {code}\nWall time: 0.2 seconds\nOutput:\n{call.result}"
        kind = "custom_tool_call_output" if name == "apply_patch" else "function_call_output"
        line = self.add("response_item", {"type": kind, "call_id": call_id, "output": output})
        result = {"type": "result", "call_id": call_id, "content": output, "status": call.status}
        self._expect("tool", "results", [result], line)

    def _tokens(self) -> None:
        used = 900 * self._turns + self.src.rng.randrange(400)
        usage = {"input_tokens": used, "cached_input_tokens": used // 2, "output_tokens": used // 9}
        info = {"total_token_usage": usage, "last_token_usage": usage}
        self.add("event_msg", {"type": "token_count", "info": info, "rate_limits": None})

    def compacted(self, summary: str) -> None:
        """Replace the history; what came before stays above."""
        history = [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": summary}],
            }
        ]
        self.add("compacted", {"message": summary, "replacement_history": history})
        self.add("event_msg", {"type": "context_compacted"})

    def aborted(self) -> None:
        """The person interrupted the turn."""
        self.add("event_msg", {"type": "turn_aborted", "reason": "interrupted"})
        self._message("user", "<turn_aborted>\nThe user interrupted the turn.\n</turn_aborted>")

    def lines(self) -> bytes:
        """The file."""
        return b"".join(encode(record) + b"\n" for record in self.records)

    def path(self) -> str:
        """The path of the file under `.codex/sessions`."""
        local = self.started.strftime("%Y-%m-%dT%H-%M-%S")
        return f"{self.started:%Y/%m/%d}/rollout-{local}-{self.session_id}.jsonl"


def _patch(call: Call) -> str:
    path = str(call.input["file_path"]).removeprefix(CWD + "/")
    if call.name == "Write":
        body = "\n".join("+" + line for line in str(call.input["content"]).split("\n"))
        return f"*** Begin Patch\n*** Add File: {path}\n{body}\n*** End Patch"
    old = "\n".join("-" + line for line in str(call.input["old_string"]).split("\n"))
    new = "\n".join("+" + line for line in str(call.input["new_string"]).split("\n"))
    return f"*** Begin Patch\n*** Update File: {path}\n@@\n{old}\n{new}\n*** End Patch"


def _shell(call: Call) -> str:
    given = call.input
    if call.name == "Read":
        return f"cat {str(given['file_path']).removeprefix(CWD + '/')}"
    if call.name == "Grep":
        return f"rg -n '{given['pattern']}' backend frontend"
    if call.name == "Glob":
        return f"rg --files -g '{given['pattern']}'"
    return str(given.get("command") or given.get("query") or call.name)
