"""Which languages a tool call touches, told by the file names in its arguments."""

from __future__ import annotations

from typing import Any

_FILE_KEYS = ("file_path", "path", "filePath", "notebook_path", "filename", "absolute_path")
_NAMING = frozenset((*_FILE_KEYS, "input", "patch"))
_PATCH_MARKS = ("*** Update File: ", "*** Add File: ")
LANGUAGES = {
    "py": "Python", "pyi": "Python", "ipynb": "Jupyter", "js": "JavaScript", "mjs": "JavaScript",
    "cjs": "JavaScript", "jsx": "JavaScript", "ts": "TypeScript", "tsx": "TypeScript",
    "go": "Go", "rs": "Rust", "java": "Java", "kt": "Kotlin", "kts": "Kotlin", "swift": "Swift",
    "c": "C", "h": "C", "cc": "C++", "cpp": "C++", "hpp": "C++", "cs": "C#", "fs": "F#",
    "rb": "Ruby", "php": "PHP", "scala": "Scala", "clj": "Clojure", "ex": "Elixir",
    "exs": "Elixir", "erl": "Erlang", "hs": "Haskell", "ml": "OCaml", "lua": "Lua", "r": "R",
    "jl": "Julia", "dart": "Dart", "zig": "Zig", "nim": "Nim", "pl": "Perl", "sh": "Shell",
    "bash": "Shell", "zsh": "Shell", "ps1": "PowerShell", "sql": "SQL", "html": "HTML",
    "css": "CSS", "scss": "CSS", "vue": "Vue", "svelte": "Svelte", "md": "Markdown",
    "mdx": "Markdown", "rst": "reStructuredText", "json": "JSON", "jsonl": "JSON",
    "yaml": "YAML", "yml": "YAML", "toml": "TOML", "xml": "XML", "csv": "CSV", "tf": "Terraform",
    "proto": "Protobuf", "graphql": "GraphQL", "sol": "Solidity", "tex": "LaTeX",
}  # fmt: skip


def languages_of(arguments: dict[str, Any]) -> list[str]:
    """One name for each file that is named; unknown extensions are left out."""
    if _NAMING.isdisjoint(arguments):
        return []
    paths = [p for p in map(arguments.get, _FILE_KEYS) if isinstance(p, str)]
    patch = arguments.get("input", arguments.get("patch"))
    if isinstance(patch, str) and "*** " in patch[:2000]:
        for line in patch.splitlines():
            paths += [line[len(mark) :] for mark in _PATCH_MARKS if line.startswith(mark)]
    found = []
    for path in paths:
        _, dot, extension = path[-40:].rpartition(".")
        language = LANGUAGES.get(extension.strip().lower()) if dot else None
        if language:
            found.append(language)
    return found
