"""No source keeps anything of a unit in memory once all its sessions are given out.

Nodes and threads stand in circles that the garbage collector does not see, so a reader has to
part them; the readings of other tests are done again here, and what is left is counted.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sources import (
    test_amp,
    test_cline,
    test_codex,
    test_continuedev,
    test_copilot,
    test_crush,
    test_cursor,
    test_cursor_agent,
    test_droid,
    test_gemini,
    test_goose,
    test_kimi,
    test_kiro,
    test_minisweagent,
    test_opencode,
    test_openhands,
    test_other_agents,
    test_qwen,
    test_vscode,
    test_zed,
)

from sessiontune.linking import Thread

READINGS: dict[str, Callable[[Path], None]] = {
    "aider": test_other_agents.test_aider_headings_in_an_answer_are_no_prompts,
    "amp": test_amp.test_a_copy_of_a_thread,
    "cline": test_cline.test_calls_as_tags,
    "codex": test_codex.test_a_fork_that_copies_its_parent_is_a_branch,
    "continue": test_continuedev.test_a_session,
    "copilot": test_copilot.test_a_compaction_and_what_was_taken_back,
    "crush": test_crush.test_a_session_and_its_sub_agent,
    "cursor": test_cursor.test_a_chat_that_goes_on_from_a_copy_of_another,
    "cursor-agent": test_cursor_agent.test_what_a_summary_stands_for,
    "droid": test_droid.test_a_fork_begins_with_copies,
    "gemini": test_gemini.test_what_was_taken_back_is_a_branch,
    "goose": test_goose.test_a_session_of_the_database,
    "kimi": test_kimi.test_a_fork_begins_with_copies,
    "kiro": test_kiro.test_a_fork_repeats_nothing,
    "mini-swe-agent": test_minisweagent.test_calls_and_their_outputs,
    "openhands": test_openhands.test_a_fork_repeats_nothing,
    "opencode": test_opencode.test_a_fork_repeats_nothing,
    "pi": test_other_agents.test_pi_branched_sessions_and_what_extensions_say,
    "qwen": test_qwen.test_a_fork_begins_with_copies,
    "vscode": test_vscode.test_what_was_taken_back_is_a_branch,
    "zed": test_zed.test_a_copy_of_the_database,
    "swe-agent": test_other_agents.test_swe_agent_old_and_new_runs,
}


def kept() -> int:
    gc.collect()
    return sum(type(thing) is Thread for thing in gc.get_objects())


@pytest.mark.parametrize("source", READINGS)
def test_nothing_of_a_unit_stays_in_memory_when_it_is_read(tmp_path: Path, source: str) -> None:
    before = kept()
    READINGS[source](tmp_path)
    assert kept() == before
