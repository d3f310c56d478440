"""Vendors from model names."""

from __future__ import annotations

import pytest

from sessiontune.vendors import vendor_of


@pytest.mark.parametrize(
    ("model", "vendor"),
    [
        ("claude-opus-4-6", "anthropic"),
        ("openrouter/anthropic/claude-3.5-sonnet", "anthropic"),
        ("gpt-5.2-codex", "openai"),
        ("o3", "openai"),
        ("o4-mini", "openai"),
        ("deepseek-v4-flash", "deepseek"),
        ("deepseek-r1-distill-llama-70b", "deepseek"),
        ("glm-4.7", "zhipu"),
        ("MiniMax-M2", "minimax"),
        ("unsloth/Qwen3-Coder-30B", "qwen"),
        ("gemini-3-pro", "google"),
        ("devstral-small", "mistral"),
        ("Llama-4", "meta"),
        ("kimi-k2", "moonshot"),
        ("ollama_chat/command-r", "cohere"),
        ("ollama/qwen3:8b", "qwen"),
        ("ollama/orca-mini", "unknown"),
        ("openai/kimi-k2", "moonshot"),  # any server that speaks OpenAI's language
        ("openai/llama-3.3-70b", "meta"),
        ("azure/openai/o3-mini", "openai"),
        ("orca-mini", "unknown"),
        ("", ""),
    ],
)
def test_vendor_of(model: str, vendor: str) -> None:
    assert vendor_of(model) == vendor
