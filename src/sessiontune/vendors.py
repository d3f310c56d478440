"""Who made a model, from its name. Licences differ by vendor, so every answer carries one."""

from __future__ import annotations

from functools import lru_cache

#: (piece of a lower-case model name, vendor), tried in order: routers prefix names
#: ("openrouter/anthropic/claude-..."), and distilled models carry the teacher's name second.
_PIECES = (
    ("claude", "anthropic"),
    ("deepseek", "deepseek"),
    ("glm", "zhipu"),
    ("zhipu", "zhipu"),
    ("minimax", "minimax"),
    ("abab", "minimax"),
    ("qwen", "qwen"),
    ("qwq", "qwen"),
    ("gpt-oss", "openai"),
    ("gpt", "openai"),
    ("codex", "openai"),
    ("gemini", "google"),
    ("gemma", "google"),
    ("mistral", "mistral"),
    ("mixtral", "mistral"),
    ("codestral", "mistral"),
    ("devstral", "mistral"),
    ("magistral", "mistral"),
    ("llama", "meta"),
    ("kimi", "moonshot"),
    ("moonshot", "moonshot"),
    ("grok", "xai"),
    ("phi-", "microsoft"),
    ("nemotron", "nvidia"),
    ("command-r", "cohere"),
    ("granite", "ibm"),
    ("seed-", "bytedance"),
    ("doubao", "bytedance"),
    ("sonnet", "anthropic"),
    ("opus", "anthropic"),
    ("haiku", "anthropic"),
    # last: "openai/" also stands before others' models, behind a server that speaks its language
    ("anthropic", "anthropic"),
    ("openai", "openai"),
)

_OPENAI_SERIES = ("o1", "o3", "o4", "o5")


@lru_cache(maxsize=1024)
def vendor_of(model: str) -> str:
    """The vendor's short lower-case name; "unknown" if the name does not tell, "" for ""."""
    if not model:
        return ""
    name = model.lower().replace("ollama", "")  # a program that runs models of all vendors
    for piece, vendor in _PIECES:
        if piece in name:
            return vendor
    last = name.rsplit("/", 1)[-1]
    if last.split("-", 1)[0] in _OPENAI_SERIES:
        return "openai"
    return "unknown"
