"""Writes docs/reference/cli.md and recipe.md from the code; `--check` only compares.

python tools/make_reference.py [--check]
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click
import msgspec

from sessiontune.cli.main import VERBS, cli
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.recipe import Recipe

DOCS = Path(__file__).resolve().parent.parent / "docs" / "reference"


def commands() -> str:
    """The help of every verb."""
    parts = [
        "# Commands\n\nGlobal options, before or after the verb: `--json` (one object on stdout; "
        "diagnostics go to stderr), `-q`/`--quiet`, `-v`/`--verbose`, `--no-input`. `-h` is "
        f"`--help`, `NO_COLOR` is honoured. {cli.epilog}\n"
        "\nThe Tab key completes verbs, options and files after `eval "
        '"$(_SESSIONTUNE_COMPLETE=bash_source sessiontune)"`, in zsh with `zsh_source`.\n'
    ]
    root = click.Context(cli, info_name="sessiontune", max_content_width=92, terminal_width=92)
    for verb in VERBS:
        command = cli.get_command(root, verb)
        if command is None:
            raise SystemExit(f"no command {verb}")
        parts.append(f"## sessiontune {verb}\n\n```text\n{_help(command, verb, root)}\n```\n")
        if isinstance(command, click.Group):
            for name in command.list_commands(root):
                inner = command.get_command(root, name)
                if inner is not None:
                    full = f"{verb} {name}"
                    text = _help(inner, full, root)
                    parts.append(f"### sessiontune {full}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def _help(command: click.Command, name: str, root: click.Context) -> str:
    context = click.Context(
        command, info_name=name, parent=root, max_content_width=92, terminal_width=92
    )
    return command.get_help(context).rstrip()


def recipe() -> str:
    """Every field with its default and meaning."""
    text = [
        "# The recipe\n",
        "A recipe is a TOML file. Every field of the first table is also an option of `export` and "
        "`tune`; `[privacy]` is a table of its own, and so is "
        "[`[train]`](training.md).\n\n"
        '```toml\nsince = "2025-09-01"\nexclude = ["scratch-*"]\n\n'
        '[privacy]\nnames = ["Ada Example"]\n```\n',
        "An export writes the recipe that it used beside the data, as `recipe.toml`. What is "
        "private in it (names, words, projects, paths) is a keyed digest there, which `--recipe` "
        "refuses: write the values into a copy.\n",
        "A setting comes from the first of these that has it: flags; `SESSIONTUNE_*` in the "
        "environment (`SESSIONTUNE_MAX_TOKENS`); `--recipe FILE`, or `sessiontune.toml` in the "
        "working folder; the user's own file (`config.toml` in `~/.config/sessiontune` on Linux, "
        "in `~/Library/Application Support/sessiontune` on macOS); the defaults.\n",
        _table(Recipe),
        "\n## [privacy]\n",
        _table(PrivacyOptions),
    ]
    return "\n".join(text) + "\n"


def _table(record: type) -> str:
    lines = ["| field | default | meaning |", "|---|---|---|"]
    meanings = _meanings(inspect.getdoc(record) or "")
    for field in msgspec.structs.fields(record):
        if field.name == "privacy":
            continue
        default = msgspec.json.encode(field.default).decode()
        lines.append(f"| `{field.name}` | `{default}` | {meanings[field.name]} |")
    return "\n".join(lines)


def _meanings(doc: str) -> dict[str, str]:
    """Field descriptions of a docstring: `name  text`, continued by deeper lines."""
    found: dict[str, str] = {}
    current: list[str] = []
    for line in doc.splitlines():
        head, _, rest = line.partition("  ")
        if rest.strip() and not line.startswith(" ") and " " not in head.replace(", ", ","):
            current = [name.strip() for name in head.split(",")]
            for name in current:
                found[name] = rest.strip()
        elif line.startswith("  ") and line.strip():
            for name in current:
                found[name] += " " + line.strip()
    return {name: text.replace("|", "\\|") for name, text in found.items()}


def main() -> int:
    check = "--check" in sys.argv
    stale = []
    for name, text in (("cli.md", commands()), ("recipe.md", recipe())):
        path = DOCS / name
        if check and (not path.exists() or path.read_text() != text):
            stale.append(name)
        elif not check:
            path.write_text(text)
    if stale:
        print(f"out of date: {', '.join(stale)}; run python tools/make_reference.py")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
