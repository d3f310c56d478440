"""The main job as a user runs it: options, files, errors with advice, nothing of theirs touched."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.neighbours import claude_lines

from sessiontune import __version__
from sessiontune.cli.evaluate import _more_held_out
from sessiontune.portions import few
from sessiontune.shipping.converter import cache_folder
from sessiontune.training.data import read_export

from .conftest import Cli, manifest

ROOT = Path(__file__).resolve().parents[2]


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def test_the_books_balance_and_every_file_is_listed(made: Path) -> None:
    found = manifest(made / "data")
    books = found["records"]
    assert books["read"] == books["used"] + books["dropped"] + books["faulty"]
    assert books["read"] > 3_000
    listed = {f["path"] for f in found["files"]} | {"manifest.json"}
    there = {str(p.relative_to(made / "data")) for p in (made / "data").rglob("*") if p.is_file()}
    assert listed == there
    lines = {f["path"]: f["rows"] for f in found["files"] if f["path"].endswith(".jsonl")}
    assert len(lines) > 4
    assert {name: len(rows(made / "data" / name)) for name in lines} == lines
    for name in ("sharegpt.jsonl", "raw.jsonl", "openai.jsonl", "combined.json"):
        assert f"data_conversations_{name}" in there


def test_nothing_private_is_published(made: Path) -> None:
    """No path of an input, no name of a folder on this machine, no state."""
    paths = [p for p in (made / "data").rglob("*") if p.is_file() and p.suffix != ".parquet"]
    assert len(paths) > 10
    for path in paths:
        text = path.read_text()
        assert str(made) not in text
        assert "state.sqlite" not in text


def test_the_state_is_for_its_owner_only(made: Path) -> None:
    paths = [made / "state", *(made / "state").rglob("*")]
    assert made / "state" / "salt" in paths
    for path in paths:
        assert path.stat().st_mode & 0o077 == 0, path


def test_options_choose_and_reasons_are_counted(world: Path, cli: Cli) -> None:
    args = ("export", world / "logs", "-o", world / "few", "--state", world / "state", "--jobs", 1)
    code, out, _ = cli(
        *args,
        "--json",
        "--since",
        "2025-11-01",
        "--no-subagents",
        "--source",
        "claude",
        "--format",
        "raw,openai",
        "--name",
        "studio",
        "--thinking",
    )
    assert code == 0
    found = json.loads(out)["manifest"]
    assert found["name"] == "studio"
    assert found["sources"] == {"claude": found["records"]["files"]}
    books = found["records"]
    assert books["read"] == books["used"] + books["dropped"] + books["faulty"]
    assert found["drops"]["select/before_since"] > 0
    assert found["drops"]["select/subagent"] > 0
    assert not (world / "few" / "studio_conversations_sharegpt.jsonl").exists()
    raw = rows(world / "few" / "studio_conversations_raw.jsonl")
    assert all(r["agent_id"] in ("", None) for r in raw)
    assert any(r["role"] == "assistant" and r.get("reasoning_content") for r in raw)


def test_without_tools_only_people_and_models_speak(world: Path, cli: Cli) -> None:
    args = ("export", world / "logs", "--state", world / "state", "--jobs", 1, "--no-tools")
    assert cli(*args, "-o", world / "plain")[0] == 0
    for row in rows(world / "plain" / "plain_conversations_sharegpt.jsonl"):
        turns = [t["from"] for t in row["conversations"]]  # type: ignore[attr-defined]
        assert turns == ["human", "gpt"] * (len(turns) // 2)
    # What is said of the data is said of these rows, which hold no call.
    told = manifest(world / "plain")["statistics"]
    lines = rows(world / "plain" / "plain_conversations_raw.jsonl")
    assert told["messages"] == len(lines)
    assert told["conversations"] == len({str(line["id"]) for line in lines})
    assert told["tokens"] == pytest.approx(sum(len(str(r["content"])) for r in lines) / 4, rel=0.02)
    assert not told["tools"]
    card = (world / "plain" / "README.md").read_text("utf-8")
    assert "without the tool calls" in card
    assert "inferred from all calls" not in card


def test_without_tools_only_what_the_rows_hold_counts_for_their_length(
    world: Path, cli: Cli
) -> None:
    args = ("export", world / "logs", "--state", world / "state", "--jobs", 1, "--no-tools")
    assert cli(*args, "-o", world / "plain")[0] == 0

    def made(folder: str) -> list[dict[str, Any]]:
        sides = ("train", "eval")
        return [r for s in sides for r in rows(world / folder / s / "openai.jsonl")]

    sizes = [sum(len(m["content"]) // 2 + 9 for m in row["messages"]) for row in made("plain")]
    assert cli(*args, "-o", world / "cut", "--max-tokens", max(sizes))[0] == 0
    said = [[(row["messages"], row["tags"]) for row in made(name)] for name in ("plain", "cut")]
    assert said[0] == said[1]
    kept = manifest(world / "cut")["truncation"]
    assert kept["turns"] == sum(m["train"] for row in made("plain") for m in row["messages"])


def test_a_project_is_chosen_by_its_real_name(world: Path, cli: Cli) -> None:
    _, out, _ = cli("scan", world / "logs", "--json", "--jobs", 1)
    folder = max(json.loads(out)["projects"], key=len)
    args = ("export", world / "logs", "--state", world / "state", "--jobs", 1, "--json")
    code, out, _ = cli(*args, "-o", world / "one", "--project", Path(folder).name)
    assert code == 0
    kept = json.loads(out)["manifest"]["statistics"]["conversations"]
    code, out, _ = cli(*args, "-o", world / "rest", "--exclude", Path(folder).name)
    assert code == 2  # it is the only one
    assert f"--exclude leaves out {kept} of {kept}" in out


def test_a_hook_changes_and_drops_and_is_counted(
    world: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world / "my_hooks.py").write_text(
        "def only_long(session):\n    return session if len(session.messages) > 4 else None\n"
    )
    monkeypatch.chdir(world)
    code, out, _ = cli(
        "export",
        "logs",
        "-o",
        "hooked",
        "--state",
        "state",
        "--jobs",
        1,
        "--json",
        "--preprocess",
        "my_hooks:only_long",
    )
    assert code == 0
    found = json.loads(out)["manifest"]
    assert found["drops"]["preprocess/dropped_by_hook"] > 0
    card = (world / "hooked" / "README.md").read_text("utf-8")
    assert "sessions that your own hook left out" in card
    books = found["records"]
    assert books["read"] == books["used"] + books["dropped"] + books["faulty"]


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["export", "/no/such/folder"], 3, "no file or folder"),
        (["export", ".", "--format", "sharegtp"], 2, "Did you mean 'sharegpt'"),
        (["export", ".", "--since", "yesterday"], 2, "not a date"),
        (["export", ".", "--since", "2025-10-02", "--until", "2025-10-01"], 2, "is later than"),
        (["export", ".", "--topics", "none.toml"], 2, "none.toml cannot be read"),
        (["export", ".", "--tokenizer", "none"], 2, "no tokenizer none"),
        (["export", ".", "--mix", "none.jsonl:0.1"], 2, "no file none.jsonl"),
        (["export", ".", "--preprocess", "nothing"], 2, "module:function"),
        (["export", ".", "--preprocess", "no_such:thing"], 2, "cannot be loaded"),
        (["export", ".", "--recipe", "none.toml"], 2, "no recipe"),
        (["export", "."], 3, "No session logs found in ."),
        (["export", ".", "--recipe", "typo.toml"], 2, "Did you mean `eval_share`"),
        (["export", ".", "--recipe", "inner.toml"], 2, "Did you mean `names`? `name` stands above"),
        (["export", ".", "--recipe", "outer.toml"], 2, "`names` stands in [privacy]"),
        (["exprot"], 2, "Did you mean 'export'"),
        (["show", "."], 3, "not an export: manifest.json is missing"),
        (["show", "nowhere"], 3, "there is no such folder"),
        (["drop", "nothing", "--state", "s"], 2, "There is no state in s"),
        (["drop", "nothing", "--state", "empty"], 2, "There is no state in empty"),
        (["forget", "nothing", "--state", "s"], 2, "There is no state in s"),
        (["forget", "nothing", "--state", "empty"], 2, "There is no state in empty"),
    ],
)
def test_errors_say_what_and_what_next(
    args: list[str],
    code: int,
    says: str,
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "typo.toml").write_text("eval_shar = 0.2\n")
    (tmp_path / "inner.toml").write_text('[privacy]\nname = ["Ada"]\n')
    (tmp_path / "outer.toml").write_text('names = ["Ada"]\n')
    if args[0] == "export":
        args = [*args, "-o", "out", "--state", "s", "--jobs", "1"]
    got, out, err = cli(*args)
    assert got == code
    assert says in err
    assert "Traceback" not in err
    got, out, _ = cli("--json", *args)
    assert got == code
    assert json.loads(out)["error"]["code"] == code
    assert not (tmp_path / "out").exists()
    assert args[0] == "export" or not (tmp_path / "s").exists()


def test_files_of_another_state_or_a_copy_are_not_taken_for_edited(
    tmp_path: Path, cli: Cli
) -> None:
    data, logs = tmp_path / "data", tmp_path / "logs"
    logs.mkdir()
    (logs / "a.jsonl").write_bytes(b"\n".join(claude_lines()))

    def export(state: str) -> list[Path]:
        args = ("-o", data, "--state", tmp_path / state, "--jobs", 1, "--force")
        assert cli("export", logs, *args)[0] == 0
        return sorted(data.rglob("*.yours"))

    export("one")
    export("two")
    assert export("one") == []
    for path in data.rglob("*.*"):
        os.utime(path, (1, 1))  # as a copy of the folder would have it
    assert export("one") == []
    (data / "recipe.toml").write_text("mine")
    (data / "manifest.json").write_text((data / "manifest.json").read_text() + "\n")
    assert export("one") == [data / "manifest.json.yours", data / "recipe.toml.yours"]


def test_what_a_person_put_into_the_export_survives(exported: Path, cli: Cli) -> None:
    args = ("export", exported / "logs", "-o", exported / "data", "--state", exported / "state")
    (exported / "data" / "notes").mkdir()
    (exported / "data" / "notes" / "mine.txt").write_text("mine")
    (exported / "data" / "README.md").write_text("my own words")
    rows = exported / "data" / "train" / "openai.jsonl"
    whole = rows.read_bytes()
    rows.write_bytes(whole.replace(b"the ", b"The "))
    assert cli(*args, "--jobs", 1, "--force")[0] == 0
    assert rows.read_bytes() == whole, "nothing of it is taken for ours"
    assert rows.with_name("openai.jsonl.yours").stat().st_size == len(whole)
    assert (exported / "data" / "notes" / "mine.txt").read_text() == "mine"
    assert (exported / "data" / "README.md.yours").read_text() == "my own words"
    assert (exported / "data" / "README.md").read_text() != "my own words"
    (exported / "data" / "README.md").write_text("and again")
    assert cli(*args, "--jobs", 1, "--force")[0] == 0
    kept = {path.read_text() for path in (exported / "data").glob("README.md.yours*")}
    assert kept == {"my own words", "and again"}


def test_a_restored_state_takes_no_export_for_an_edited_one(exported: Path, cli: Cli) -> None:
    args = ("export", exported / "logs", "-o", exported / "data", "--state", exported / "state")
    shutil.copytree(exported / "state", exported / "copy")
    for more in ((), ("--eval-share", "0.3")):  # the same rows once more, and others
        assert cli(*args, "--jobs", 1, "--force", *more)[0] == 0
        shutil.rmtree(exported / "state")
        shutil.copytree(exported / "copy", exported / "state")
        (exported / "data" / "README.md").write_text("my own words")
        assert cli(*args, "--jobs", 1, "--force")[0] == 0
        kept = exported / "data" / "README.md.yours"
        assert list((exported / "data").rglob("*.yours*")) == [kept]
        assert kept.read_text() == "my own words"
        kept.unlink()


def test_a_new_state_keeps_what_a_person_edited(exported: Path, cli: Cli) -> None:
    args = ("export", exported / "logs", "-o", exported / "data", "--jobs", 1, "--state")
    (exported / "data" / "README.md").write_text("my own words")
    assert cli(*args, exported / "new")[0] == 0
    assert [p.name for p in (exported / "data").rglob("*.yours")] == ["README.md.yours"]
    assert (exported / "data" / "README.md.yours").read_text() == "my own words"


@pytest.mark.parametrize("formats", ["sharegpt,raw", "openai"])
def test_a_state_that_did_not_make_a_folder_says_that_it_deals_it_anew(
    world: Path, cli: Cli, formats: str
) -> None:
    """Somebody forgets --state, and the folder of a longer training is replaced."""
    args = ("export", world / "logs", "--jobs", "1", "--format", formats, "-o")

    def told(folder: str, state: str, *more: str) -> bool:
        code, _, err = cli(*args, world / folder, "--state", world / state, *more)
        assert code == 0
        return "was made with another state" in err

    assert not told("data", "state")
    before = (world / "data" / "manifest.json").read_bytes()
    assert told("data", "default", "--dry-run")
    assert told("data", "default")
    assert not told("data", "default")
    assert told("data", "state"), "the folder is the other's now"
    assert (world / "data" / "manifest.json").read_bytes() == before
    # The state knows its own folder by another name too, changed since or not.
    shutil.copytree(world / "data", world / "copy")
    assert not told("data", "state", "--no-tools")
    assert not told("copy", "state", "--since", "2000-01-01")


@pytest.mark.parametrize("verb", ["export", "forget"])
def test_an_empty_name_of_a_state_is_refused(
    verb: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = cli(verb, "logs", "--state", "")
    assert code == 2
    assert "'--state': It is empty: name a folder" in err
    assert not list(tmp_path.iterdir())


def test_links_in_a_circle_and_a_file_in_the_place_of_a_folder_are_named(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "file").touch()
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"\n".join(claude_lines()))
    for place in ("a", "a/x"):
        code, _, err = cli("export", log, "-o", tmp_path / place)
        assert (code, "lead in a circle" in err) == (2, True)
    code, _, err = cli("export", log, "-o", tmp_path / "file/x", "--state", tmp_path / "state")
    assert (code, "a file in the place of a folder" in err) == (5, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "--exclude"),
        ("export", "--project"),
        ("export", "--since"),
        ("export", "--recipe"),
        ("export", "-o"),
        ("export",),
        ("scan", "--recipe"),
        ("scan",),
        ("forget", "--yes"),
        ("train", "x", "-o"),
    ],
)
def test_an_empty_value_never_means_all(
    arguments: tuple[str, ...], cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is not set: `--exclude "$CLIENT"` would export the client, and `forget ""`
    purge all that lies below the folder one stands in."""
    monkeypatch.chdir(tmp_path)
    code, _, err = cli(*arguments, "")
    assert code == 2
    assert "It is empty" in err
    assert not list(tmp_path.iterdir())


def test_the_version_is_json_where_that_is_asked_for(cli: Cli) -> None:
    for args in (("--json", "--version"), ("--version", "--json")):
        code, out, _ = cli(*args)
        assert (code, json.loads(out)) == (0, {"version": __version__})
    assert cli("--version")[1] == f"sessiontune, version {__version__}\n"


def test_a_preprocessed_recipe_file_is_the_same_as_flags(world: Path, cli: Cli) -> None:
    (world / "r.toml").write_text('formats = ["raw"]\nsubagents = false\nsince = "2025-10-01"\n')
    args = ("export", world / "logs", "--state", world / "state", "--jobs", 1, "--name", "n")
    assert cli(*args, "-o", world / "a", "--recipe", world / "r.toml")[0] == 0
    assert (
        cli(*args, "-o", world / "b", "--format", "raw", "--no-subagents", "--since", "2025-10-01")[
            0
        ]
        == 0
    )
    name = "n_conversations_raw.jsonl"
    assert (world / "a" / name).read_bytes() == (world / "b" / name).read_bytes()
    assert (world / "a" / "recipe.toml").read_text() == (world / "b" / "recipe.toml").read_text()


def test_dropped_threads_leave_and_come_back(exported: Path, cli: Cli) -> None:
    args = ("export", exported / "logs", "-o", exported / "data", "--state", exported / "state")
    openai = exported / "data" / "data_conversations_openai.jsonl"
    thread = rows(openai)[0]["thread"]
    undo = ("drop", thread, "--undo", "--state", exported / "state")
    assert cli(*undo)[1] == "Taken back in: 0 threads. Not dropped before: 1 thread.\n"
    assert cli("drop", thread, "--state", exported / "state")[0] == 0
    assert cli(*args, "--jobs", 1, "--quiet")[0] == 0
    assert thread not in {r["thread"] for r in rows(openai)}
    assert manifest(exported / "data")["drops"]["verdict/dropped_by_hand"] > 0
    assert json.loads(cli(*undo, "--json")[1]) == {"decision": "keep", "keys": [thread]}
    assert cli(*args, "--jobs", 1, "--quiet")[0] == 0
    assert thread in {r["thread"] for r in rows(openai)}


def test_forget_purges_the_state_and_names_the_folders(exported: Path, cli: Cli) -> None:
    state = exported / "state"
    args = ("export", exported / "logs", "-o", exported / "data", "--state", state, "--jobs", 1)
    log = max((exported / "logs").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    folder = max(json.loads(cli("scan", exported / "logs", "--json")[1])["projects"], key=len)
    code, _, err = cli("forget", Path(folder).name, "--state", state)
    assert code == 2
    assert f"Did you mean {folder}?" in err
    code, out, _ = cli("forget", log, "--state", state, "--yes", "--json")
    assert code == 0
    found = json.loads(out)
    assert str(log) in found["files"]
    assert str(exported / "data") in found["published"]
    kept = b"".join(p.read_bytes() for p in state.rglob("*") if p.is_file())
    assert log.name.encode() not in kept
    assert b"layout:" not in kept  # the footers noted there name values
    log.unlink()
    assert cli(*args, "--quiet")[0] == 0
    for key in found["sessions"]:
        assert key not in (exported / "data" / "data_conversations_raw.jsonl").read_text()


def test_filters_that_leave_nothing_do_not_replace_a_good_export(exported: Path, cli: Cli) -> None:
    args = ("export", exported / "logs", "-o", exported / "data", "--state", exported / "state")
    before = (exported / "data" / "manifest.json").read_bytes()
    code, _, err = cli(*args, "--jobs", 1, "--project", "nothing-*", "--no-subagents")
    assert (code, "--project leaves out" in err) == (2, True)
    assert (exported / "data" / "manifest.json").read_bytes() == before


def test_digests_of_a_published_recipe_are_not_taken_for_names(world: Path, cli: Cli) -> None:
    (world / "r.toml").write_text('[privacy]\nnames = ["Ada Example"]\n')
    args = ("export", world / "logs", "--state", world / "state", "--jobs", 1)
    assert cli(*args, "-o", world / "a", "--recipe", world / "r.toml", "--quiet")[0] == 0
    code, _, err = cli(*args, "-o", world / "b", "--recipe", world / "a" / "recipe.toml")
    assert (code, "names: the recipe of an export holds only a digest" in err) == (2, True)
    assert not (world / "b").exists()


def test_the_folder_one_stands_in_is_not_replaced(
    world: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world / "my data"
    here.mkdir()
    monkeypatch.chdir(here)
    for out in (".", "..", str(here)):
        code, _, err = cli("export", world / "logs", "-o", out, "--state", world / "state")
        assert (code, "cd " in err) == (2, True), out
    assert Path.cwd() == here


def test_forget_without_a_yes_purges_nothing(exported: Path, cli: Cli) -> None:
    state = exported / "state"
    log = max((exported / "logs").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    code, _, err = cli("--no-input", "forget", log, "--state", state)
    assert (code, "--yes" in err) == (2, True)
    code, out, _ = cli("forget", log, "--state", state, "--yes")
    assert code == 0
    for said in (str(log), "would read it again", "Move it away first", str(exported / "data")):
        assert said in out


def test_forget_names_no_log_that_is_gone(exported: Path, cli: Cli) -> None:
    state = exported / "state"
    log = max((exported / "logs").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    log.unlink()
    code, out, _ = cli("--json", "forget", log, "--state", state, "--yes")
    assert (code, json.loads(out)["left"]) == (0, [])


def test_forget_of_a_log_that_cannot_be_looked_at(
    exported: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = exported / "state"
    log = max((exported / "logs").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    stat = os.stat

    def closed(path: Any, *more: Any, **named: Any) -> os.stat_result:
        if os.fspath(path) == str(log):
            raise PermissionError(errno.EACCES, "closed", str(log))
        return stat(path, *more, **named)

    monkeypatch.setattr(os, "stat", closed)
    code, out, _ = cli("--json", "forget", log, "--state", state, "--yes")
    assert (code, json.loads(out)["left"]) == (0, [])


def test_too_few_held_out_is_said_with_what_helps_and_that_helps(
    world: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("export", world / "logs", "--jobs", 1)
    first = (*args, "-o", world / "a", "--state", world / "s1")
    monkeypatch.setattr("sys.argv", ["sessiontune", *map(str, first)])
    code, out, _ = cli(*first)
    assert code == 0
    assert "5 of 36 independent groups of sessions are held out" in " ".join(out.split())
    given = f"sessiontune export {world / 'logs'} --jobs 1 --state {world / 's1'}"
    assert f"  {given} -o {world / 'a-second'} --split second --eval-share 0.28\n" in out
    assert "`-o a-second --split second --eval-share 0.28`" in " ".join(
        cli("show", world / "a")[1].split()
    )
    for name in ("a", "a-second"):  # what `evaluate` says of runs on them
        (world / f"{name}-run").mkdir()
        told = json.dumps({"data": {"dir": str(world / name)}})
        (world / f"{name}-run" / "run.json").write_text(told)
    options = f"the same `export` with -o {world / 'a-second'} --split second --eval-share 0.28"
    assert _more_held_out(world / "a-run") == options
    assert _more_held_out(world / "a-second-run") == "", "it is gone"
    (world / "nameless").mkdir()
    (world / "nameless" / "run.json").write_text("{}")
    monkeypatch.chdir(world / "a")
    assert _more_held_out(world / "nameless") == "", "the export that one stands in is not its own"
    monkeypatch.undo()
    monkeypatch.setattr("sys.argv", ["sessiontune", *map(str, first)])
    again = (*args, "--state", world / "s1", "--eval-share", "0.28")
    _, out, _ = cli(*again, "-o", world / "a")
    assert "5 of 36 independent groups" in " ".join(out.split())
    former = (world / "a" / "eval" / "openai.jsonl").read_bytes()
    code, _, err = cli(*again, "-o", world / "a", "--split", "second")
    assert (code, "the usual split" in err, "folder of its own" in err) == (2, True, True)
    second = world / "a-second"
    code, out, _ = cli(*again, "-o", second, "--split", "second")
    assert (code, "independent groups" in out) == (0, False)
    assert manifest(second)["statistics"]["splits"]["eval"]["groups"] == 10
    assert _more_held_out(world / "a-second-run") == ""
    more = ("--state", world / "s1", "--eval-share", "0.3")
    assert cli(*args, *more, "-o", world / "b-second")[0] == 0
    for name in ("a", "b"):  # a split that holds out enough is gone on with, nothing else is
        out = cli(*args, "--state", world / "s1", "-o", world / name)[1]
        new, split = ("a-second", "second") if name == "a" else ("b-second-2", "second-2")
        assert f"-o {world / new} --split {split} --eval-share 0.28\n" in out
    third = world / "my a-second"  # a split that was dealt keeps its sides: another is named
    code, out, _ = cli(*args, "--state", world / "s3", "-o", third, "--split", "second")
    assert f"-o '{third}-2' --split second-2 --eval-share 0.28\n" in out
    assert "--split second-2 --eval-share 0.28`" in " ".join(cli("show", third)[1].split())
    assert read_export(third).split == "second"
    assert "`-o 'my a-second-2' --split second-2 " in few(5, 36, third.name, "second")
    assert (world / "a" / "eval" / "openai.jsonl").read_bytes() == former


def test_a_folder_keeps_its_split_and_the_splits_know_nothing_of_one_another(
    world: Path, cli: Cli
) -> None:
    """Next week the same command without the option goes on with it, and no session moves."""
    late = [p for p in (world / "logs").rglob("*.jsonl") if p.stat().st_size > 9_000][:6]
    for log in late:
        log.rename(world / log.name)
    args = ("export", world / "logs", "--jobs", "1", "--quiet", "--state", world / "s")

    def sides(folder: str, side: str) -> set[object]:
        return {r["lineage"] for r in rows(world / folder / side / "openai.jsonl")}

    assert cli(*args, "-o", world / "a")[0] == 0
    assert cli(*args, "-o", world / "b", "--split", "b", "--eval-share", "0.4")[0] == 0
    before = {(f, s): sides(f, s) for f in "ab" for s in ("train", "eval")}
    assert before["a", "train"] & before["b", "eval"]
    for log in late:
        (world / log.name).rename(log)
    for folder in "ab":
        assert cli(*args, "-o", world / folder)[0] == 0
        for side, other in (("train", "eval"), ("eval", "train")):
            assert before[folder, side] - sides(folder, other) == before[folder, side]
    assert 'split = "b"' in (world / "b" / "recipe.toml").read_text()
    (world / "b").rename(world / ".b.sessiontune-old")  # killed between the two renames of a swap
    assert cli(*args, "-o", world / "b")[0] == 0
    assert 'split = "b"' in (world / "b" / "recipe.toml").read_text()
    assert sides("b", "eval") >= before["b", "eval"]
    (world / "b" / "manifest.json").write_text('{"x": 1')  # damaged: the recipe tells it too
    assert cli(*args, "-o", world / "b")[0] == 0
    assert manifest(world / "b")["options"]["split"] == "b"
    code, _, err = cli(*args, "-o", world / "c", "--split", "no name")
    assert (code, "is not a name" in err) == (2, True)


def test_what_vanished_stays_when_the_logs_move(world: Path, cli: Cli) -> None:
    """To another home, or to where a link leads now: the state knows the old place."""
    logs, moved = world / "logs", world / "moved"
    args = ("--jobs", "1", "--quiet", "--state", world / "state")

    def export(root: Path, folder: str, *more: str) -> set[tuple[object, ...]]:
        assert cli("export", root, "-o", world / folder, *args, *more)[0] == 0
        raw = rows(world / folder / f"{folder}_conversations_raw.jsonl")
        return {(r["thread"], r["message_id"], r["role"], r["content"]) for r in raw}

    held = export(logs, "data")
    gone = max(logs.rglob("rollout-*.jsonl"), key=lambda log: log.stat().st_size)
    gone.unlink()
    assert export(logs, "data") == held
    shutil.copytree(logs, moved)
    there = export(moved, "other")
    assert there < held
    assert export(moved, "data") == held
    assert manifest(world / "data")["source_gone"] == 1  # the others are there, and not asked for
    shutil.rmtree(logs)
    assert export(moved, "data", "--verify") == held
    assert export(moved, "other") == there  # it never held that one
    assert export(moved, "data", "--prune") == there


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree])
def test_logs_that_moved_have_not_vanished(
    world: Path, cli: Cli, move: Callable[[Path, Path], object]
) -> None:
    """To another disk: they were read twice, at their former place too. And whichever folder is
    made first, the others keep what did vanish."""
    logs, moved = world / "logs", world / "moved"

    def export(root: Path, folder: str, *more: str) -> tuple[set[str], int]:
        args = ("--jobs", "1", "--quiet", "--state", world / "state", *more)
        assert cli("export", root, "-o", world / folder, *args)[0] == 0
        raw = rows(world / folder / f"{folder}_conversations_raw.jsonl")
        return {str(row["content"]) for row in raw}, manifest(world / folder)["source_gone"]

    export(logs, "a")
    max(logs.rglob("rollout-*.jsonl"), key=lambda log: log.stat().st_size).unlink()
    held = export(logs, "a")
    assert held[1] == 1
    assert export(logs, "b")[1] == 1
    move(logs, moved)
    shutil.rmtree(logs, ignore_errors=True)
    for _ in range(2):
        assert export(moved, "a") == held
        assert export(moved, "b") == held
    assert export(moved, "b", "--verify") == held


def test_other_logs_are_exported_alone(world: Path, cli: Cli) -> None:
    """Into the folder of logs that are no longer there: nothing has moved, all is other."""
    args = ("-o", world / "data", "--jobs", "1", "--quiet", "--state", world / "state")
    logs = sorted((world / "logs").rglob("*.jsonl"), key=lambda log: log.stat().st_size)
    for name, log in (("first", logs[-1]), ("second", logs[-2])):
        (world / name).mkdir()
        shutil.copy(log, world / name / log.name)
    assert cli("export", world / "first", *args)[0] == 0
    shutil.rmtree(world / "first")
    assert cli("export", world / "second", *args)[0] == 0
    assert manifest(world / "data")["source_gone"] == 0
    assert len(manifest(world / "data")["inputs"]) == 1


def test_data_sets_of_one_state_keep_their_segments(world: Path, cli: Cli) -> None:
    """Each of two recipes pays for what changed, and not for what the other threw away."""
    args = ("export", world / "logs", "--jobs", "1", "--quiet", "--state", world / "s")
    plain = (*args, "-o", world / "plain", "--no-tools")

    def segments() -> dict[str, float]:
        packs = (world / "s" / "segments").iterdir()
        return {p.name: p.stat().st_mtime_ns for p in packs}

    assert cli(*args, "-o", world / "full")[0] == 0
    first = segments()
    assert cli(*plain)[0] == 0
    assert first.items() <= segments().items()
    assert cli(*args, "-o", world / "full", "--force")[0] == 0
    assert cli(*plain, "--force")[0] == 0
    both = segments()
    assert first.items() <= both.items()
    shutil.rmtree(world / "plain")  # nobody needs them any more
    assert cli(*args, "-o", world / "full", "--force")[0] == 0
    assert segments() == first


def test_a_terminal_without_unicode_gets_every_row_and_json_is_utf8(made: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    args = [sys.executable, "-m", "sessiontune", "show", str(made / "data"), "12"]
    seen = subprocess.run(args, env=env, capture_output=True, check=True).stdout
    assert b"1?" in seen  # the arrow behind the numbers of lines
    seen = subprocess.run([*args, "--json"], env=env, capture_output=True, check=True).stdout
    assert "1\u2192" in seen.decode()
    assert json.loads(seen)["row"]


def test_a_log_shows_progress_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sessiontune.cli import console

    clock = iter([0.0, 5.0, 31.0, 31.0, 40.0])
    monkeypatch.setattr(console, "monotonic", lambda: next(clock))
    with console.Console().progress("evaluate") as step:
        for done in (1, 20, 30):
            step(done, 1_000, "base")
    assert capsys.readouterr().err == "evaluate: base: 20 of 1,000\n"


def test_show_leads_back_to_the_lines(made: Path, cli: Cli) -> None:
    code, out, _ = cli("show", made / "data", "3", "--state", made / "state", "--json")
    assert code == 0
    shown = json.loads(out)
    assert shown["origins"]
    first = shown["origins"][0]
    line = Path(first["file"]).read_bytes().split(b"\n")[first["line"] - 1]
    assert line.startswith(b"{")
    code, out, _ = cli("show", made / "data", "3", "--state", made / "state")
    assert code == 0
    assert "Where it came from" in out
    assert cli("show", made / "data")[0] == 0
    assert cli("show", made / "data", "99999")[0] == 2


def test_scan_names_places_never_values(made: Path, cli: Cli) -> None:
    code, out, err = cli("scan", made / "logs", "--places", "--fail-on-secrets", "--jobs", 1)
    assert code == 8
    assert ".jsonl:" in out.split("Where (kind, detector, fingerprint)")[1]
    published = (made / "data" / "data_conversations_raw.jsonl").read_text()
    for path in (made / "logs").rglob("*.jsonl"):
        for word in path.read_text(errors="replace").split('"'):
            if 24 <= len(word) <= 80 and word.isalnum() and word not in published:
                assert word not in out + err


def test_help_is_quick_and_complete(cli: Cli) -> None:
    code, out, _ = cli("--help")
    assert code == 0
    for verb in ("export", "scan", "show", "train", "evaluate", "ship", "serve", "doctor"):
        assert verb in out
    heavy = "torch|transformers|pyarrow|rich|numpy|hyperscan"
    probe = (
        "import sys; from sessiontune.cli.main import main; main(['--help']); "
        f"bad = [m for m in '{heavy}'.split('|') if m in sys.modules]; sys.exit(' '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_original_script_does_what_it_promised(tmp_path: Path, made: Path) -> None:
    home = tmp_path / "home"
    (home / ".claude").mkdir(parents=True)
    claude = next((made / "logs").rglob("projects"))
    (home / ".claude" / "projects").symlink_to(claude)
    env = {**os.environ, "HOME": str(home), "SESSIONTUNE_STATE": str(tmp_path / "state")}
    env.pop("CLAUDE_CONFIG_DIR", None)
    done = subprocess.run(
        [sys.executable, str(ROOT / "export_conversations.py"), "--jobs", "1"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    made_files = {p.name for p in (tmp_path / "conversations").iterdir()}
    assert {
        "sessions_conversations_sharegpt.jsonl",
        "sessions_conversations_raw.jsonl",
        "sessions_conversations_combined.json",
        "README.md",
    } <= made_files


def test_an_export_opens_no_connection_and_starts_no_program(made: Path, tmp_path: Path) -> None:
    """A whole run, in a process of its own, under an audit hook."""
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import sys\n"
        "BAD = ('socket.', 'subprocess.', 'os.exec', 'os.posix_spawn', 'os.spawn', 'os.system')\n"
        "ALLOWED = sys.argv[1].split(':')\n"
        "def hook(event, args):\n"
        "    if event.startswith(BAD):\n"
        "        raise SystemExit(f'forbidden: {event}')\n"
        "    if event == 'open' and isinstance(args[0], str) and args[2] & 3:\n"
        "        if not any(args[0].startswith(a) for a in ALLOWED):\n"
        "            raise SystemExit(f'forbidden: write to {args[0]}')\n"
        "from sessiontune.cli.main import main\n"
        "sys.addaudithook(hook)\n"
        "sys.exit(main(sys.argv[2:]))\n"
    )
    allowed = f"{tmp_path}:/dev/null"
    rules = cache_folder(os.environ) / "rules"
    if rules.is_dir():  # not every system has the engine that compiles them
        shutil.copytree(rules, tmp_path / "c" / "rules")
    done = subprocess.run(
        [sys.executable, "-B", str(probe), allowed, "export", str(made / "logs"), "-o",
         str(tmp_path / "data"), "--state", str(tmp_path / "state"), "--jobs", "1", "--quiet"],
        capture_output=True, text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "SESSIONTUNE_CACHE": f"{tmp_path}/c"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("--vendor", "antropic", "There are: anthropic"),
        ("--model", "no-such-model", "There are: "),
        ("--project", "no-such-project", "scan"),
        ("--exclude", "*", "scan"),
        ("--since", "2099-01-01", "The sessions end between"),
    ],
)
def test_a_filter_that_takes_nothing_is_refused_and_the_export_stays(
    exported: Path, cli: Cli, option: str, value: str, hint: str
) -> None:
    args = (
        "export",
        exported / "logs",
        "--state",
        exported / "state",
        "--jobs",
        1,
        "-o",
        exported / "data",
    )
    before = {p: p.read_bytes() for p in sorted((exported / "data").rglob("*")) if p.is_file()}
    code, _, err = cli(*args, option, value)
    assert code == 2
    assert option in err
    assert hint in err
    assert before == {
        p: p.read_bytes() for p in sorted((exported / "data").rglob("*")) if p.is_file()
    }


def test_files_that_are_no_logs_and_lines_that_cannot_be_read_are_named(
    world: Path, cli: Cli
) -> None:
    (world / "logs" / "rows.jsonl").write_text('{"messages": []}\n')
    log = next(p for p in sorted((world / "logs").rglob("projects/*/*.jsonl")))
    with log.open("a") as stream:
        stream.write('{"type": "user", "message"')
    bad = f"{log}:{len(log.read_text().splitlines())}"
    for verb in (("export", "-o", world / "named", "--state", world / "state"), ("scan",)):
        code, out, _ = cli(*verb, world / "logs", "--jobs", 1)
        assert code == 0
        assert bad in out.replace("\n", "")
        assert "No session logs" in out
    code, out, _ = cli("scan", world / "logs", "--jobs", 1, "--json")
    assert str(world / "logs" / "rows.jsonl") in json.loads(out)["other_paths"]


def test_a_setting_of_the_environment_that_does_not_exist_is_said(
    world: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSIONTUNE_MAXTOKENS", "9000")
    monkeypatch.setenv("SESSIONTUNE_PRIVACY", "off")
    monkeypatch.setenv("SESSIONTUNE_XX", "")
    monkeypatch.setenv("SESSIONTUNE_STATE", str(world / "s"))
    monkeypatch.setenv("SESSIONTUNE_MAX_TOKENS", "8000")
    code, _, err = cli("export", world / "logs", "-o", world / "a", "--dry-run", "--jobs", 1)
    assert code == 0
    said = [line for line in err.splitlines() if "SESSIONTUNE_" in line]
    assert said == [
        "SESSIONTUNE_MAXTOKENS is ignored: no setting has that name."
        " Did you mean SESSIONTUNE_MAX_TOKENS?",
        "SESSIONTUNE_PRIVACY is ignored: no setting has that name.",
        "SESSIONTUNE_XX is ignored: no setting has that name.",
    ]


def test_verbose_names_the_stages_and_cuts_no_list(world: Path, cli: Cli) -> None:
    args = ("export", world / "logs", "--state", world / "s", "--jobs", 1, "--force")
    code, short, err = cli(*args, "-o", world / "a")
    assert (code, "(--verbose lists all)" in short, err) == (0, True, "")
    code, whole, err = cli(*args, "-o", world / "a", "--verbose")
    assert (code, "--verbose" in whole) == (0, False)
    assert len(whole.splitlines()) > len(short.splitlines())
    assert len(err.splitlines()) > 2
    assert short.rstrip().splitlines()[-1].endswith("--split second --eval-share 0.28"), "last"


def test_logs_that_hold_no_session_are_an_error_and_the_former_export_stays(
    tmp_path: Path, cli: Cli
) -> None:
    """The disk was full when they were written, or a copy was cut: the agent is recognised, but not
    one line can be read. An export without rows would take the place of the former one."""
    logs, data = tmp_path / "logs", tmp_path / "data"
    logs.mkdir()
    args = ("export", logs, "-o", data, "--state", tmp_path / "state", "--jobs", 1)
    log = logs / "a.jsonl"
    log.write_bytes(b"\n".join(claude_lines()))
    assert cli(*args)[0] == 0
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    log.write_bytes(b"\n".join(line[:-9] for line in claude_lines()))
    for more in ((), ("--force",)):  # what is in the state by now says no other thing
        code, _, err = cli(*args, *more)
        assert code == 3
        said = " ".join(err.split())
        assert f"no session in 1 session log: of {len(claude_lines())} records" in said
        assert f"{log}:1: truncated line" in said
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    assert cli(*args, "--dry-run")[0] == 0  # it tells what there is
    code, _, err = cli("export", logs, "-o", tmp_path / "new", "--state", tmp_path / "other")
    assert code == 3
    assert "Nothing was written" in err
    assert not (tmp_path / "new").exists()
