"""Which sessions a recipe takes, decided by their heads alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from ..model import Verdict
from ..recipe import Recipe
from ..sources.projects import project_folder
from .prepare import Head


def has_filters(recipe: Recipe) -> bool:
    """Whether a recipe leaves anything out, verdicts apart."""
    return not recipe.subagents or any(getattr(recipe, name) for name in _FILTERS)


_FILTERS = ("sources", "since", "until", "projects", "exclude", "models", "vendors")


def reason_to_leave_out(
    head: Head,
    recipe: Recipe,
    verdicts: Mapping[str, Verdict],
    names: Mapping[str, tuple[str, ...]],
) -> str:
    """`stage/reason` for a session that is not taken, else "".

    `names`: log file -> working folders seen in it (heads hold pseudonyms only). A thread counts
    by its newest message, so that it falls into exactly one period. A model or vendor filter
    keeps a thread only when all its answers pass, those that a branch repeats too (`contexts`): a
    text by another vendor cannot slip in as context.
    """
    verdict = verdicts.get(head.key) or verdicts.get(head.thread)
    if verdict is not None and verdict.decision == "drop":
        return "verdict/dropped_by_hand"
    if recipe.sources and head.source not in recipe.sources:
        return "select/source"
    if not recipe.subagents and head.agent_id is not None:
        return "select/subagent"
    day = head.last[:10]
    if recipe.since and day < recipe.since[:10]:
        return "select/before_since"
    if recipe.until and day > recipe.until[:10]:
        return "select/after_until"
    if recipe.projects or recipe.exclude:
        places = {name for file in head.lines for name in names.get(file, ())}
        if recipe.projects and not _any_match(places, recipe.projects):
            return "select/project"
        if recipe.exclude and _any_match(places, recipe.exclude):
            return "select/excluded_project"
    if recipe.models and not _all_match(head.models, recipe.models):
        return "select/model"
    return "" if passes(head, recipe) else "select/vendor"


def passes(head: Head, recipe: Recipe) -> bool:
    """By model and vendor: the filters that also look at what a branch repeats."""
    by_model = not recipe.models or _all_match(head.models, recipe.models)
    return by_model and (not recipe.vendors or _all_match(head.vendors, recipe.vendors))


def with_projects(folders: Iterable[str]) -> set[str]:
    """Working folders, and those of the projects that they are copies of."""
    return {place for folder in folders for place in (folder, project_folder(folder))}


def _any_match(values: Iterable[str], globs: tuple[str, ...]) -> bool:
    """Does a folder, its project's, or the last part of one match a glob (case ignored)?"""
    names = {v.lower() for v in with_projects(values) if v}
    names |= {v.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] for v in names}
    return any(fnmatchcase(name, glob.lower()) for name in names for glob in globs)


def _all_match(values: tuple[str, ...], globs: tuple[str, ...]) -> bool:
    return bool(values) and all(
        any(fnmatchcase(v.lower(), g.lower()) for g in globs) for v in values
    )
