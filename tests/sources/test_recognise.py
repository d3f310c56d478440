"""Which files are logs, by their content; where logs lie."""

from __future__ import annotations

import pytest

from sessiontune import registry

USER = b'{"parentUuid":null,"sessionId":"s","type":"user","message":{"role":"user","content":"x"}}'


@pytest.mark.parametrize(
    ("head", "claude", "codex"),
    [
        (USER, True, False),
        (b"42\n[1]\n{broken\n" + USER, True, False),
        (b"\xef\xbb\xbf" + USER, True, False),
        (USER.replace(b":", b": ").replace(b",", b", "), True, False),
        (b'{"type":"summary","summary":"t","leafUuid":"u"}', True, False),
        (b'{"type":"file-history-snapshot","messageId":"m","snapshot":{}}', True, False),
        (b'{"type":"system","subtype":"init","session_id":"s","cwd":"/x","tools":[]}', True, False),
        (b'{"display":"hi","pastedContents":{},"timestamp":1,"project":"/x","sessionId":"s"}',) * 1
        + (False, False),
        (b'{"type":"user","timestamp":"2026","content":"hi"}', False, False),
        (b'{"type":"tool_use","timestamp":"2026","tool_name":"x"}', False, False),
        (b'[{"type":"user","parentUuid":null}]', False, False),
        (b'{"timestamp":"t","type":"session_meta","payload":{"id":"x"}}', False, True),
        (b'{"timestamp":"t","type":"response_item","payload":{"type":"message"}}', False, True),
        (b'{"session_id":"s","ts":1,"text":"x"}', False, False),
        (b"", False, False),
    ],
)
def test_recognised_by_content(head: bytes, claude: bool, codex: bool) -> None:
    assert registry.source("claude").recognise("/x/a.jsonl", head) is claude
    assert registry.source("codex").recognise("/x/a.jsonl", head) is codex


def test_a_side_file_is_no_log() -> None:
    assert not registry.source("claude").recognise("/p/s/tool-results/a.jsonl", USER)
    assert not registry.source("claude").recognise("/p/s/memory/MEMORY.md", USER)


def test_roots() -> None:
    claude, codex = registry.source("claude"), registry.source("codex")
    desktop = "Claude/local-agent-mode-sessions"
    assert claude.roots({}, "/h") == [
        "/h/.claude/projects",
        "/h/.config/claude/projects",
        f"/h/Library/Application Support/{desktop}",
        f"/h/.config/{desktop}",
    ]
    assert claude.roots({"CLAUDE_CONFIG_DIR": "/c"}, "/h")[0] == "/c/projects"
    assert codex.roots({"CODEX_HOME": "/k"}, "/h") == [
        "/k/sessions",
        "/k/archived_sessions",
        "/h/.codex/sessions",
        "/h/.codex/archived_sessions",
    ]
