"""Settings of coding clients for our server: as text, and merged into their own files.

Written are only files of the current project or, for Codex, its own configuration; what stands
there already is kept, and a copy of the old file is made first.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..errors import UsageError


class Target(msgspec.Struct, frozen=True):
    """What a client must know. `url` without a path; `context` in tokens."""

    url: str
    model: str
    context: int

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"


class Settings(msgspec.Struct, frozen=True):
    """For one client: what to show, which file it reads, and how to change that file's text.

    `merge` takes the old text ("" when there is no file) and gives the new one.
    """

    client: str
    text: str
    file: Path | None = None
    merge: Callable[[str], str] | None = None


def settings(client: str, target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    """Settings of the client of that name. UsageError for an unknown one."""
    if client not in CLIENTS:
        raise UsageError(f"No client '{client}'.", f"Known: {', '.join(CLIENTS)}.")
    return CLIENTS[client](target, project, env)


def write(found: Settings) -> tuple[Path, Path | None]:
    """Change the client's file; it and the copy of the old one. UsageError without one."""
    if found.file is None or found.merge is None:
        raise UsageError(
            f"{found.client} keeps its settings where no program can write them.",
            f"Enter them by hand: sessiontune serve RUN --client {found.client}",
        )
    old = found.file.read_text(encoding="utf-8") if found.file.is_file() else ""
    new = found.merge(old)
    backup: Path | None = None
    found.file.parent.mkdir(parents=True, exist_ok=True)
    if old:
        names = (found.file.with_name(f"{found.file.name}.bak{n}") for n in itertools.count(1))
        backup = next(name for name in names if not name.exists())
        shutil.copy2(found.file, backup)
    beside = found.file.with_name(f".{found.file.name}.part")
    beside.write_text(new, encoding="utf-8")
    if old:
        shutil.copymode(found.file, beside)
    beside.replace(found.file)
    return found.file, backup


def _claude(target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    names = {
        "ANTHROPIC_BASE_URL": target.url,
        "ANTHROPIC_AUTH_TOKEN": "local",
        "ANTHROPIC_MODEL": target.model,
        "ANTHROPIC_SMALL_FAST_MODEL": target.model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    lines = [f"export {key}={value}" for key, value in names.items()]
    text = "\n".join([*lines, f"claude --model {target.model}"])

    def merge(old: str) -> str:
        data = _object(old, "settings.local.json")
        return _json({**data, "env": {**(data.get("env") or {}), **names}})

    return Settings("claude", text, project / ".claude/settings.local.json", merge)


def _opencode(target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "sessiontune",
        "options": {"baseURL": target.v1, "apiKey": "local"},
        "models": {
            target.model: {
                "name": target.model,
                "tool_call": True,
                "limit": {"context": target.context, "output": target.context // 4},
            }
        },
    }
    mine: dict[str, Any] = {
        "$schema": "https://opencode.ai/config.json",
        "provider": {"sessiontune": provider},
        "model": f"sessiontune/{target.model}",
    }

    def merge(old: str) -> str:
        data = _object(old, "opencode.json")
        merged = {**data, **mine}
        merged["provider"] = {**(data.get("provider") or {}), "sessiontune": provider}
        return _json(merged)

    return Settings("opencode", _json(mine), project / "opencode.json", merge)


_MARKS = ("# sessiontune: begin", "# sessiontune: end")


def _codex(target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    block = "\n".join(
        [
            "[model_providers.sessiontune]",
            'name = "sessiontune"',
            f"base_url = {json.dumps(target.v1)}",
            'wire_api = "responses"',
            "",
            "[profiles.sessiontune]",
            f"model = {json.dumps(target.model)}",
            'model_provider = "sessiontune"',
        ]
    )
    home = Path(env.get("CODEX_HOME") or Path(env.get("HOME", "~")).expanduser() / ".codex")

    def merge(old: str) -> str:
        import tomllib

        begin, end = _MARKS
        kept = re.sub(rf"\n*{re.escape(begin)}.*?{re.escape(end)}\n?", "\n", old, flags=re.S)
        try:
            known = tomllib.loads(kept)
        except tomllib.TOMLDecodeError as wrong:
            raise UsageError(f"config.toml is not valid: {wrong}", "Repair it first.") from wrong
        if "sessiontune" in {**known.get("model_providers", {}), **known.get("profiles", {})}:
            raise UsageError(
                "config.toml has a 'sessiontune' of its own.", "Change it by hand, or remove it."
            )
        return f"{kept.rstrip()}\n\n{begin}\n{block}\n{end}\n".lstrip("\n")

    text = f"{block}\n\n# then: codex --profile sessiontune"
    return Settings("codex", text, home / "config.toml", merge)


def _continue(target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    text = "\n".join(
        [
            "name: sessiontune",
            "version: 0.0.1",
            "schema: v1",
            "models:",
            f"  - name: {json.dumps(target.model)}",
            "    provider: openai",
            f"    model: {json.dumps(target.model)}",
            f"    apiBase: {json.dumps(target.v1)}",
            "    apiKey: local",
            "    roles: [chat, edit, apply]",
            "    capabilities: [tool_use]",
            "    defaultCompletionOptions:",
            f"      contextLength: {target.context}",
        ]
    )
    file = project / ".continue/models/sessiontune.yaml"
    return Settings("continue", text, file, lambda old: text + "\n")


def _aider(target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    lines = {
        "openai-api-base": target.v1,
        "openai-api-key": "local",
        "model": f"openai/{target.model}",
    }
    text = "\n".join(
        [
            f"export OPENAI_API_BASE={target.v1}",
            "export OPENAI_API_KEY=local",
            f"aider --model openai/{target.model}",
        ]
    )

    def merge(old: str) -> str:
        kept = [x for x in old.splitlines() if x.split(":", 1)[0].strip() not in lines]
        return "\n".join([*kept, *(f"{k}: {json.dumps(v)}" for k, v in lines.items())]) + "\n"

    return Settings("aider", text, project / ".aider.conf.yml", merge)


def _cline(target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    text = "\n".join(
        [
            "In Cline's settings:",
            "  API Provider:    OpenAI Compatible",
            f"  Base URL:        {target.v1}",
            "  API Key:         local",
            f"  Model ID:        {target.model}",
            f"  Context Window:  {target.context}",
        ]
    )
    return Settings("cline", text)


CLIENTS: dict[str, Callable[[Target, Path, Mapping[str, str]], Settings]] = {
    "claude": _claude,
    "opencode": _opencode,
    "codex": _codex,
    "continue": _continue,
    "aider": _aider,
    "cline": _cline,
}


def _object(text: str, name: str) -> dict[str, Any]:
    """The JSON object in a settings file; UsageError when it is none (comments, say)."""
    try:
        data = json.loads(text) if text.strip() else {}
    except ValueError as wrong:
        raise UsageError(
            f"{name} is not plain JSON: {wrong}", "Add the settings by hand: leave --write out."
        ) from wrong
    if not isinstance(data, dict):
        raise UsageError(f"{name} does not hold an object.", "Add the settings by hand.")
    return data


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + os.linesep
