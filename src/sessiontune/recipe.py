"""The recipe: every choice that shapes a data set, as one TOML-able value.

Order of settings: command-line flags, environment `SESSIONTUNE_*`, the recipe file (or
`sessiontune.toml` in the working folder), the user's own file (platformdirs), the defaults here.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from .codec import meant
from .errors import UsageError
from .privacy.options import PrivacyOptions

#: Begins a value that the published recipe holds as a keyed digest only.
DIGEST = "keyed:"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
#: The largest number that a field takes: a state can hold no larger one.
_MOST = 1 << 53
DEFAULT_FORMATS = ("sharegpt", "raw", "combined", "openai")


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes into a data set and how it is written.

    name         file prefix; "" takes the folder's name
    formats      what is written at the top of the folder
    since        keep sessions whose newest message is of this date or later (YYYY-MM-DD, UTC)
    until        keep sessions whose newest message is of this date or earlier
    projects     keep sessions whose working folder or its last part matches one of these globs
    sources      keep these agents ("claude", "codex", ...)
    models       keep sessions whose answers, also those in a branch's context, all match one of
                 these globs
    vendors      the same by vendor ("anthropic", "openai", ...)
    exclude      leave out projects matching one of these globs
    tools        keep tool calls and results in the rows
    thinking     keep reasoning
    subagents    keep sub-agent threads
    preprocess   "module:function", from a session to a session or None, called before redaction
    max_tokens   cut examples to this length; 0 cuts nothing
    tokenizer    folder or tokenizer.json used for counting; "" estimates 4 bytes a token
    eval_share   share of groups held out, newest first
    split_by     "time" or "project"
    split        name of a further split, which assigns all sessions anew and is remembered; ""
                 takes that of the folder, or the usual one for a new folder
    mix          "FILE:RATIO": general rows mixed into the training side
    preferences  write preferences/ (KTO and DPO)
    parquet      write train/data.parquet and eval/data.parquet
    topics       TOML taxonomy; "" takes the bundled one
    clusters     group conversations that no topic covers (extra `topics`)
    cluster_namer  "URL#MODEL" of a model on this machine that names the groups; "" takes terms
    date         date that the card states; "" takes the newest record's
    max_line     longest line read, in bytes
    """

    name: str = ""
    formats: tuple[str, ...] = DEFAULT_FORMATS
    since: str = ""
    until: str = ""
    projects: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tools: bool = True
    thinking: bool = False
    subagents: bool = True
    preprocess: str = ""
    max_tokens: int = 0
    tokenizer: str = ""
    eval_share: float = 0.15
    split_by: Literal["time", "project"] = "time"
    split: str = ""
    mix: str = ""
    preferences: bool = False
    parquet: bool = True
    topics: str = ""
    clusters: bool = False
    cluster_namer: str = ""
    date: str = ""
    max_line: int = 64 * 1024 * 1024
    privacy: PrivacyOptions = PrivacyOptions()


def load_recipe(
    flags: Mapping[str, Any], file: str = "", env: Mapping[str, str] | None = None
) -> Recipe:
    """Merge all settings into one recipe.

    `flags` holds only what the user gave. Raises UsageError naming the file and field.
    """
    env = os.environ if env is None else env
    merged: dict[str, Any] = {}
    for path in _files(file):
        merged = _merge(merged, _read(path))
    merged = _merge(merged, _from_env(env))
    merged = _merge(merged, dict(flags))
    merged.pop("train", None)  # the table of `sessiontune train`, which reads it itself
    try:
        recipe = msgspec.convert(merged, Recipe, strict=False)
    except msgspec.ValidationError as error:
        where = ", ".join(map(str, _files(file))) or "SESSIONTUNE_*"
        raise UsageError(
            f"Recipe ({where}): {error}.",
            f"{_place(error)}An export's own recipe.toml shows every field.",
        ) from error
    _check(recipe)
    return recipe


def _place(error: msgspec.ValidationError) -> str:
    """A hint for an unknown field: what is near it in that table, and whether it stands in the
    other one."""
    inner, outer = PrivacyOptions.__struct_fields__, Recipe.__struct_fields__
    within = str(error).endswith("`$.privacy`")
    here, there = (inner, outer) if within else (outer, inner)
    belongs = [name for name in there if f"unknown field `{name}`" in str(error)]
    where = "above" if within else "in"
    return meant(error, here) + "".join(f"`{name}` stands {where} [privacy]. " for name in belongs)


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as TOML, every field in order; loading it gives the same recipe."""
    data = msgspec.to_builtins(recipe)
    plain = {k: v for k, v in data.items() if not isinstance(v, dict)}
    tables = {k: v for k, v in data.items() if isinstance(v, dict)}
    lines = [f"{k} = {_toml(v)}" for k, v in plain.items()]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{k} = {_toml(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"


def _files(file: str) -> list[Path]:
    import platformdirs

    found = [Path(platformdirs.user_config_dir("sessiontune", appauthor=False)) / "config.toml"]
    if file:
        if not Path(file).is_file():
            raise UsageError(f"There is no recipe {file}.", "Give the path of a TOML file.")
        return [*(p for p in found if p.is_file()), Path(file)]
    return [p for p in (*found, Path("sessiontune.toml")) if p.is_file()]


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}", "Mend the TOML syntax there.") from error


def _from_env(env: Mapping[str, str]) -> dict[str, Any]:
    """`SESSIONTUNE_MAX_TOKENS=4096` and the like. Lists are separated by commas."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(Recipe):
        text = env.get(f"SESSIONTUNE_{field.name.upper()}")
        if text is None or field.name == "privacy":
            continue
        if isinstance(field.default, tuple):
            found[field.name] = [part for word in text.split(",") if (part := word.strip())]
        else:
            found[field.name] = text
    return found


#: Names of the environment that are read elsewhere, or by the project's own tests.
_NO_FIELDS = (
    "STATE CACHE LLAMA_CPP ENDPOINT_KEY WATCH_STDIN CORPUS CLIENTS GOLDENS LIBLLAMA TEMPLATES"
)


def ignored(env: Mapping[str, str]) -> list[str]:
    """A sentence on each `SESSIONTUNE_*` that sets nothing."""
    from difflib import get_close_matches

    before = "SESSIONTUNE_"
    fields = [field.upper() for field in Recipe.__struct_fields__ if field != "privacy"]
    names = {name.removeprefix(before) for name in env if name.startswith(before)}
    said = []
    for name in sorted(names.difference(fields, _NO_FIELDS.split())):
        near = get_close_matches(name, fields, n=1, cutoff=0.75)
        said.append(
            f"{before}{name} is ignored: no setting has that name."
            + (f" Did you mean {before}{near[0]}?" if near else "")
        )
    return said


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = _merge(out[key], value) if both else value
    return out


def _check(recipe: Recipe) -> None:
    from datetime import date

    for name in ("since", "until", "date"):
        text = getattr(recipe, name)
        try:
            if text and date.fromisoformat(text).isoformat() != text:  # dates compare as text
                raise ValueError(text)
        except ValueError as error:
            raise UsageError(
                f"{name}: '{text}' is not a date.", "Write it as YYYY-MM-DD."
            ) from error
    if recipe.since and recipe.until and recipe.since > recipe.until:
        raise UsageError(
            f"since: {recipe.since} is later than until: {recipe.until}.", "Exchange the two dates."
        )
    _check_digests(recipe)
    if recipe.split and not _NAME.fullmatch(recipe.split):
        raise UsageError(
            f"split: '{recipe.split}' is not a name.", "Use letters, digits, '-', '_' and '.'."
        )
    if not 0 <= recipe.eval_share < 1:
        raise UsageError(
            f"eval_share: {recipe.eval_share} is not in [0, 1).",
            "It is a share: 0.15 holds out 15%.",
        )
    for field, least, why in (
        ("max_tokens", 0, "0 cuts nothing."),
        ("max_line", 1024, "Leave it out for 64 MiB: a longer line is not read."),
    ):
        value = getattr(recipe, field)
        if value < least:
            raise UsageError(f"{field}: {value} is less than {least}.", why)
        if value > _MOST:
            raise UsageError(f"{field}: {value} is more than {_MOST:,}.", why)


def _check_digests(recipe: Recipe) -> None:
    """Raise UsageError for a digest of the recipe beside an export, where a private value is
    needed. As a name to be replaced it would leave the name itself in the data.
    """
    data = msgspec.to_builtins(recipe)
    for name, value in {**data, **data["privacy"]}.items():
        values = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(text, str) and text.startswith(DIGEST) for text in values):
            raise UsageError(
                f"{name}: the recipe of an export holds only a digest of this, because it is"
                " private.",
                "Give the value as an option, or write it into a copy of the file and name that"
                " with --recipe.",
            )


def _toml(value: Any) -> str:
    """Strings, numbers, booleans, lists of them. JSON strings are TOML strings except for DEL."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    text = msgspec.json.encode(value).decode()
    return text.replace("\x7f", "\\u007f")
