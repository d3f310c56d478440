"""Several people's exports become one data set: nothing is lost, doubled or unmasked on the way."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.runs import Run, run

from sessiontune.sample import write_sample

#: Columns that say which data set a row is in, or (pictures) that only the log can fill.
_OWN = ("id", "thread", "lineage", "group", "forked_from", "parent_session", "split", "images")


@pytest.fixture(scope="module")
def anna(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's logs, and `data` exported from them with reasoning."""
    folder = tmp_path_factory.mktemp("anna")
    write_sample(folder / "logs")
    export(folder, folder / "logs", "--thinking")
    return folder


def export(folder: Path, *args: str | Path, out: str = "data") -> Run:
    state = ("--state", folder / "state")
    done = run(folder / "run", "--json", "export", *args, "-o", folder / out, *state)
    assert done.code == 0, done.err
    return done


def rows(folder: Path) -> list[dict[str, Any]]:
    (raw,) = folder.glob("*_conversations_raw.jsonl")
    return [orjson.loads(line) for line in raw.read_bytes().splitlines()]


def bare(row: dict[str, Any]) -> bytes:
    kept = {k: v for k, v in row.items() if k not in _OWN}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


def threads(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """How the rows hang together, whatever the names: threads, epochs, forks and parents."""
    number: dict[str, int] = {}
    place: dict[str | None, int | None] = {None: None}

    def short(name: str | None) -> int | None:
        return place.setdefault(name, number.setdefault(name or "", len(number)))

    shown = []
    for r in found:
        fork, _, message = (r["forked_from"] or "").partition("/")
        names = [short(r[k]) for k in ("id", "thread", "lineage", "parent_session")]
        shown.append((*names, short(fork or None), message, r["epoch"]))
    return shown


def test_an_export_of_an_export_has_the_same_rows(anna: Path, tmp_path: Path) -> None:
    export(tmp_path, anna / "data", "--thinking")

    before, after = rows(anna / "data"), rows(tmp_path / "data")
    assert [bare(r) for r in after] == [bare(r) for r in before]
    assert threads(after) == threads(before)
    assert any(r["forked_from"] for r in after)
    assert any(r["parent_session"] for r in after)
    assert not {r["id"] for r in before} & {r["id"] for r in after}
    manifest = orjson.loads((tmp_path / "data" / "manifest.json").read_bytes())
    assert manifest["records"]["read"] == manifest["records"]["used"] == len(before)


def test_in_a_folder_that_is_searched_it_is_passed_by(anna: Path, tmp_path: Path) -> None:
    """It would be a second copy of the logs that lie beside it."""
    beside = tmp_path / "work"
    shutil.copytree(anna / "logs", beside / "logs")
    shutil.copytree(anna / "data", beside / "anna-data")

    export(tmp_path, beside, "--thinking")
    assert len(rows(tmp_path / "data")) == len(rows(anna / "data"))

    shutil.rmtree(beside / "logs")
    again = ("--state", tmp_path / "other", "-o", tmp_path / "more")
    none = run(tmp_path / "run", "export", beside, *again)
    assert none.code == 3
    assert "an export of sessiontune (it is read if you name its folder)" in none.err
    found = run(tmp_path / "run", "export", beside, beside / "anna-data", *again)
    assert found.code == 0, found.err


def test_beside_the_logs_that_it_was_made_of_it_adds_nothing(anna: Path, tmp_path: Path) -> None:
    shutil.copytree(anna / "state", tmp_path / "state")

    export(tmp_path, anna / "logs", anna / "data", "--thinking")

    assert sorted(map(bare, rows(tmp_path / "data"))) == sorted(map(bare, rows(anna / "data")))


def test_what_only_the_one_who_puts_them_together_calls_private_is_replaced(
    anna: Path, tmp_path: Path
) -> None:
    word = "negotiating"
    assert any(word in r["content"] for r in rows(anna / "data"))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'[privacy]\nnames = ["{word}"]\n')

    export(tmp_path, anna / "data", "--recipe", recipe)

    assert not any(word in r["content"] for r in rows(tmp_path / "data"))


def test_an_export_that_grew_is_read_again_and_one_that_is_gone_stays(
    anna: Path, tmp_path: Path
) -> None:
    given = tmp_path / "anna-data"
    shutil.copytree(anna / "data", given)
    (raw,) = given.glob("*_conversations_raw.jsonl")
    whole = raw.read_bytes().splitlines(keepends=True)
    last = orjson.loads(whole[-1])["lineage"]
    first = [line for line in whole if orjson.loads(line)["lineage"] != last]
    raw.write_bytes(b"".join(first))
    export(tmp_path, given, "--thinking")
    assert len(rows(tmp_path / "data")) == len(first) < len(whole)

    raw.write_bytes(b"".join(whole))
    export(tmp_path, given, "--thinking")
    assert len(rows(tmp_path / "data")) == len(whole)

    raw.unlink()
    export(tmp_path, given, "--thinking")
    assert len(rows(tmp_path / "data")) == len(whole)


def test_the_card_says_that_more_was_replaced_than_it_counts(anna: Path, tmp_path: Path) -> None:
    export(tmp_path, anna / "data")
    said = "What was already replaced in what was read of other exports (1 file)"
    assert said in (tmp_path / "data" / "README.md").read_text()
    assert said in (tmp_path / "data" / "report.html").read_text()
    assert said not in (anna / "data" / "README.md").read_text()
