"""Settings of coding clients for our server: as text, and merged into their own files.

Only files of the current project are written or, for Codex, a profile of its own. Other settings in
them are kept, and the old file is copied first. Every form here was run with the client's own
program (docs/howto/clients.md says which versions).
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..errors import UsageError

_BY_HAND = "Enter them by hand: the same command without --write prints them."


class Target(msgspec.Struct, frozen=True):
    """What a client must know. `url` without a path; `context` in tokens."""

    url: str
    model: str
    context: int

    @property
    def v1(self) -> str:
        """The address of the OpenAI-like interface."""
        return f"{self.url}/v1"


class Change(msgspec.Struct, frozen=True):
    """A file that a client reads, and how its text, without the last line end, changes ("" when
    there is no file)."""

    file: Path
    merge: Callable[[str], str]


class Settings(msgspec.Struct, frozen=True):
    """For one client: what to show, and which files to change."""

    client: str
    text: str
    changes: tuple[Change, ...] = ()


class Written(msgspec.Struct, frozen=True):
    """A changed file, and the copy of the old one if there was one."""

    file: Path
    backup: Path | None = None


def write(found: Settings) -> list[Written]:
    """Change the client's files. UsageError, without any change, if that is not possible."""
    if not found.changes:
        raise UsageError(
            f"{found.client} keeps its settings where no program can write them.",
            _BY_HAND,
        )
    texts = []
    for change in found.changes:
        file = change.file.resolve()  # who keeps it elsewhere, behind a link, goes on so
        old = _read(file)
        texts.append((file, old, f"{change.merge(old)}\n"))
    return [_put(*text) for text in texts]


def _read(file: Path) -> str:
    """The text of a settings file, "" where there is none. UsageError if it is no text."""
    try:
        return file.read_text(encoding="utf-8-sig") if file.exists() else ""
    except (UnicodeDecodeError, IsADirectoryError) as wrong:
        raise UsageError(f"{file} is no text: {wrong}.", _BY_HAND) from wrong


def _put(file: Path, old: str, new: str) -> Written:
    backup: Path | None = None
    if old == new:
        return Written(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    if old:
        names = (file.with_name(f"{file.name}.bak{n}") for n in itertools.count(1))
        backup = next(name for name in names if not name.exists())
        _write_like(file, backup, file.read_bytes())
        shutil.copystat(file, backup)
    beside = file.with_name(f".{file.name}.part")
    _write_like(file, beside, new.encode())
    beside.replace(file)
    return Written(file, backup)


def _write_like(file: Path, other: Path, data: bytes) -> None:
    """Write `other` with the mode of `file` from its first byte on: it may hold a key."""
    there = file.exists()
    mode = stat.S_IMODE(file.stat().st_mode) if there else 0o666
    other.unlink(missing_ok=True)
    with open(other, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as made:
        made.write(data)
    if there:
        shutil.copymode(file, other)  # the umask may have taken some


def _claude(target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    names = {
        "ANTHROPIC_BASE_URL": target.url,
        "ANTHROPIC_AUTH_TOKEN": "local",
        "ANTHROPIC_MODEL": target.model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": target.model,
        "ANTHROPIC_SMALL_FAST_MODEL": target.model,  # the same, before 2.0
        "CLAUDE_CODE_AUTO_COMPACT_WINDOW": str(target.context),
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(target.context // 4),
        "API_TIMEOUT_MS": "3600000",  # else it gives up after ten minutes, and asks again
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    lines = [f"export {key}={value}" for key, value in names.items()]
    text = "\n".join([*lines, f"claude --model {target.model}"])

    def merge(old: str) -> str:
        data = _object(old, "settings.local.json")
        return _json({**data, "env": {**_inner(data, "env"), **names}})

    file = project / ".claude/settings.local.json"
    return Settings("claude", text, (Change(file, merge),))


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
        providers = {**_inner(data, "provider"), "sessiontune": provider}
        return _json({**data, **mine, "provider": providers})

    return Settings("opencode", _json(mine), (Change(project / "opencode.json", merge),))


def _codex(target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    """A profile in a separate file: Codex no longer takes profiles inside config.toml."""
    home = Path(env.get("CODEX_HOME") or Path(env.get("HOME", "~")).expanduser() / ".codex")
    file = home / "sessiontune.config.toml"
    text = "\n".join(
        [
            f"model = {json.dumps(target.model)}",
            'model_provider = "sessiontune"',
            f"model_context_window = {target.context}",
            "",
            "[model_providers.sessiontune]",
            'name = "sessiontune"',
            f"base_url = {json.dumps(target.v1)}",
            'wire_api = "responses"',
        ]
    )
    shown = f"# {file}\n{text}\n\n# then: codex --profile sessiontune"
    return Settings("codex", shown, (Change(file, lambda old: text),))


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
    return Settings("continue", text, (Change(file, lambda old: text),))


def _aider(target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    """aider asks the network for the context size of a model that it does not know, so a file tells
    it."""
    name = f"openai/{target.model}"
    known = project / ".aider.model.metadata.json"
    metadata = {
        "max_input_tokens": target.context,
        "max_output_tokens": target.context // 4,
        "max_tokens": target.context // 4,
        "input_cost_per_token": 0,
        "output_cost_per_token": 0,
        "litellm_provider": "openai",
        "mode": "chat",
    }
    lines = {
        "openai-api-base": target.v1,
        "openai-api-key": "local",
        "model": name,
        "model-metadata-file": known.name,
    }
    text = "\n".join(
        [
            f"# {known.name}",
            _json({name: metadata}),
            "# then",
            f"export OPENAI_API_BASE={target.v1}",
            "export OPENAI_API_KEY=local",
            f"aider --model {name} --model-metadata-file {known.name}",
        ]
    )

    def settings(old: str) -> str:
        kept = [x for x in old.splitlines() if x.split(":", 1)[0].strip() not in lines]
        return "\n".join([*kept, *(f"{k}: {json.dumps(v)}" for k, v in lines.items())])

    def models(old: str) -> str:
        return _json({**_object(old, known.name), name: metadata})

    changes = (Change(project / ".aider.conf.yml", settings), Change(known, models))
    return Settings("aider", text, changes)


def _cline(target: Target, project: Path, env: Mapping[str, str]) -> Settings:
    text = "\n".join(
        [
            "In Cline's settings, in the editor:",
            "  API Provider:    OpenAI Compatible",
            f"  Base URL:        {target.v1}",
            "  API Key:         local",
            f"  Model ID:        {target.model}",
            f"  Context Window:  {target.context}",
            "",
            "In the terminal:",
            f"  cline auth -p openai-compatible -k local -m {target.model} -b {target.v1}",
        ]
    )
    return Settings("cline", text)


#: Name -> its settings for a target, in a project's folder, with this environment.
CLIENTS: dict[str, Callable[[Target, Path, Mapping[str, str]], Settings]] = {
    "claude": _claude,
    "opencode": _opencode,
    "codex": _codex,
    "continue": _continue,
    "aider": _aider,
    "cline": _cline,
}


def _object(text: str, name: str) -> dict[str, Any]:
    """The JSON object in a settings file; UsageError if it is not one (for comments, say)."""
    try:
        data = json.loads(text) if text.strip() else {}
    except ValueError as wrong:
        raise UsageError(f"{name} is not plain JSON: {wrong}", _BY_HAND) from wrong
    if not isinstance(data, dict):
        raise UsageError(f"{name} does not hold an object.", _BY_HAND)
    return data


def _inner(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object in the settings, empty where there is none."""
    inner = data.get(name) or {}
    if not isinstance(inner, dict):
        raise UsageError(f"'{name}' in the settings is no object.", _BY_HAND)
    return inner


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)
