"""Codex forks: where they leave their parents, whatever either does before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.sources.test_codex import row, said, write
from tests.sources.test_codex_shapes import whole

from sessiontune.model import Message, Text

SETTING = [
    said("developer", "<permissions instructions>all</permissions instructions>"),
    said("user", "<environment_context><cwd>/srv</cwd></environment_context>"),
]


def turn(words: str, *, setting: bool = False) -> list[dict[str, Any]]:
    return [
        *(SETTING if setting else []),
        said("user", f"ask {words}"),
        said("assistant", f"say {words}"),
    ]


def back(turns: int) -> dict[str, Any]:
    return row("event_msg", 9, type="thread_rolled_back", num_turns=turns)


def head(name: str, of: str, until: int | None = None) -> dict[str, Any]:
    """The header of a fork; `until`: it refers to its parent's history up to an ordinal."""
    base = {"thread_id": of, "end_ordinal_exclusive": until}
    more = {} if until is None else {"history_base": base}
    return row("session_meta", 0, id=name, forked_from_id=of, **more)


def after(folder: Path, threads: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """For each prompt with a place: what was said before it; "" if nothing."""
    for name, rows in threads.items():
        base = rows[0]["payload"].get("history_base") or {}
        since = base.get("end_ordinal_exclusive") or 0
        write(folder, name, [{"ordinal": n, **r} for n, r in enumerate(rows, since)])
    reading = whole(folder, *sorted(folder.iterdir()))
    every = {(s.key, m.id): m for s in reading.sessions for m in s.messages}
    found: dict[str, str] = {}

    def words(message: Message | None) -> str:
        texts = [p.text for p in message.parts if isinstance(p, Text)] if message else []
        return " ".join(texts)

    for session in reading.sessions:
        fork = session.forked_from
        last = every[fork.session, fork.message] if fork is not None else None
        for message in session.messages:
            assert words(message) not in found, "it stands twice"
            found[words(message)] = words(last)
            last = message
    return found


def test_what_the_program_repeats_in_a_turn_moves_no_fork(tmp_path: Path) -> None:
    """The setting that a fork's first own turn repeats stands again in a later turn of its parent,
    too."""
    parent = [row("session_meta", 0, id="p"), *turn("1", setting=True)]
    fork = [head("f", "p"), *parent[1:], *turn("f", setting=True)]
    later = [*turn("2"), *turn("3", setting=True)]
    found = after(tmp_path, {"b": [*parent, *later], "a": fork})
    assert found["ask f"] == "say 1"
    assert found["ask 3"] == "say 2"


def test_a_fork_goes_back_to_before_a_prompt_that_followed_going_back(tmp_path: Path) -> None:
    parent = [row("session_meta", 0, id="p"), *turn("1"), *turn("2"), back(1), *turn("3")]
    fork = [head("f", "p", len(parent)), *turn("f"), back(2), *turn("g")]
    found = after(tmp_path, {"b": parent, "a": fork})
    assert found["ask f"] == "say 3"
    assert found["ask g"] == "say 1"


def test_a_fork_goes_back_behind_the_first_own_prompt_of_a_copied_fork(tmp_path: Path) -> None:
    parent = [row("session_meta", 0, id="p"), *turn("1"), *turn("2"), *turn("3")]
    fork = [head("f", "p"), *parent[1:5], *turn("f")]
    other = [head("g", "f", len(fork)), back(1), *turn("g")]
    found = after(tmp_path, {"c": parent, "b": fork, "a": other})
    assert found["ask f"] == "say 2"
    assert found["ask g"] == "say 2"


def test_a_fork_points_into_the_copy_that_its_parent_begins_with(tmp_path: Path) -> None:
    parent = [row("session_meta", 0, id="p"), *turn("1"), *turn("2"), *turn("3")]
    fork = [head("f", "p"), *parent[1:5], *turn("f")]
    found = after(tmp_path, {"c": parent, "b": fork, "a": [head("g", "f", 3), *turn("g")]})
    assert found["ask g"] == "say 1"


def test_a_fork_points_into_a_copy_in_which_something_else_stands(tmp_path: Path) -> None:
    parent = [row("session_meta", 0, id="p"), *turn("1"), *turn("2"), *turn("3")]
    other = said("user", "<user_action>what the parent's log has lost</user_action>")
    fork = [head("f", "p"), other, *parent[1:5], *turn("f")]
    found = after(tmp_path, {"c": parent, "b": fork, "a": [head("g", "f", 4), *turn("g")]})
    assert found["ask g"] == "say 1"


def test_a_fork_points_at_where_a_person_had_just_gone_back(tmp_path: Path) -> None:
    parent = [row("session_meta", 0, id="p"), *turn("1"), *turn("2"), back(1), *turn("3")]
    found = after(tmp_path, {"b": parent, "a": [head("f", "p", 6), *turn("f")]})
    assert found["ask 3"] == found["ask f"] == "say 1"
