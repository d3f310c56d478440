"""The recipe: order of settings, errors that name the field, TOML that comes back the same."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontune.errors import UsageError
from sessiontune.pipeline.finishing import side_files
from sessiontune.pipeline.prepare import Head
from sessiontune.pipeline.select import reason_to_leave_out
from sessiontune.recipe import Recipe, dump_recipe, load_recipe

words = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)


@given(
    st.builds(
        Recipe,
        name=words,
        projects=st.lists(words, max_size=3).map(tuple),
        tools=st.booleans(),
        max_tokens=st.integers(0, 10**6),
        eval_share=st.floats(0, 0.9),
    )
)
def test_toml_comes_back_the_same(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> None:
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(dump_recipe(recipe), "utf-8")
    assert load_recipe({}, str(path), env={}) == recipe


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('name = "file"\nmax_tokens = 1\neval_share = 0.2\n')
    env = {"SESSIONTUNE_NAME": "env", "SESSIONTUNE_MAX_TOKENS": "2", "SESSIONTUNE_FORMATS": "raw"}
    recipe = load_recipe({"name": "flag"}, str(path), env)
    assert (recipe.name, recipe.max_tokens, recipe.eval_share) == ("flag", 2, 0.2)
    assert recipe.formats == ("raw",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_tokens = 'many'", "max_tokens"),
        ("unknown = 1", "unknown"),
        ("name = ", "r.toml"),
        ("eval_share = 1.5", "eval_share"),
        ("split_by = 'dice'", "split_by"),
        ("[privacy]\nenable = true", "enable"),
    ],
)
def test_a_wrong_recipe_names_the_field(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_recipe({}, str(path), env={})
    assert says in caught.value.message + caught.value.hint


HEAD = Head(
    key="k", thread="t", lineage="l", epoch=0, source="claude", project="project-x", cwd="/x",
    agent_id=None, first="2025-10-01T10:00:00Z", last="2025-10-20T10:00:00Z",
    models=("claude-opus-4-5",), vendors=("anthropic",), messages=4, bytes=10, forked_from=None,
    lines={"/logs/a.jsonl": 4},
)  # fmt: skip
NAMES = {"/logs/a.jsonl": ("/home/somebody/work/studio-api",)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"since": "2025-10-20"}, ""),
        ({"since": "2025-10-21"}, "select/before_since"),
        ({"until": "2025-10-20"}, ""),
        ({"until": "2025-10-19"}, "select/after_until"),
        ({"projects": ("studio-*",)}, ""),
        ({"projects": ("/home/*/work/*",)}, ""),
        ({"projects": ("other",)}, "select/project"),
        ({"exclude": ("Studio-API",)}, "select/excluded_project"),
        ({"models": ("claude-*",)}, ""),
        ({"models": ("gpt-*",)}, "select/model"),
        ({"vendors": ("openai",)}, "select/vendor"),
        ({"sources": ("codex",)}, "select/source"),
    ],
)
def test_selection(change: dict[str, object], reason: str) -> None:
    assert reason_to_leave_out(HEAD, Recipe(**change), {}, NAMES) == reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "folder",
    [
        "/w/shop/.claude/worktrees/w1",
        "/w/shop/.claude/worktrees/w1/src",
        "C:\\shop\\.claude\\worktrees\\w1",
    ],
)
def test_a_working_copy_is_chosen_and_left_out_with_its_project(folder: str) -> None:
    names = {"/logs/a.jsonl": (folder,)}
    for globs in (("shop",), (folder.rpartition("shop")[0] + "shop",), (folder,)):
        assert reason_to_leave_out(HEAD, Recipe(projects=globs), {}, names) == ""
        left_out = reason_to_leave_out(HEAD, Recipe(exclude=globs), {}, names)
        assert left_out == "select/excluded_project"
    assert reason_to_leave_out(HEAD, Recipe(projects=("worktrees",)), {}, names)


def test_one_answer_of_another_vendor_is_enough_to_leave_out() -> None:
    mixed = msgspec.structs.replace(HEAD, vendors=("anthropic", "deepseek"))
    chosen = Recipe(vendors=("anthropic",))
    assert reason_to_leave_out(mixed, chosen, {}, NAMES) == "select/vendor"


@pytest.mark.parametrize("text", ["20251001", "2025-W40-3", "2025-10-01T12:00", "2025-10-1", "x"])
def test_a_date_is_written_in_one_way(text: str) -> None:
    """Others that Python reads as dates would compare wrongly, for they are compared as texts."""
    with pytest.raises(UsageError, match="is not a date"):
        load_recipe({"since": text}, None, env={})
    assert load_recipe({"since": "2025-10-01"}, None, env={}).since == "2025-10-01"


def test_a_file_that_a_recipe_names_counts_by_what_is_in_it(tmp_path: Path) -> None:
    """Of a base's folder its tokenizer; the name of what is nowhere stays a name."""
    kept = tmp_path / "tokenizer.json"
    (tmp_path / "tokenizer.model").write_text("other")
    kept.write_text("{}")
    first = side_files(str(tmp_path), str(kept), "", "org/base")
    assert first[0] == first[1]
    assert first[2:] == ["", "org/base"]
    kept.write_text("[]")
    assert side_files(str(tmp_path))[0] != first[0]
