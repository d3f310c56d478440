"""Units grouped from what a former run found: always those that all files give at once."""

from __future__ import annotations

import os
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiontune.pipeline import build, grouping
from sessiontune.pipeline.grouping import Unit, units_of
from sessiontune.ports import FileIndex, LogFile
from sessiontune.recipe import Recipe
from sessiontune.runtime.local import LocalRunner
from sessiontune.store import FileRow, Store

PATHS = [f"/logs/{n}.jsonl" for n in range(12)]


def row(path: str, state: tuple[int, frozenset[int], frozenset[str], bool]) -> FileRow:
    size, ids, links, gone = state
    source = "claude" if int(Path(path).stem) % 3 else "codex"
    index = FileIndex(ids=array("Q", sorted(ids)).tobytes(), links=tuple(sorted(links)))
    return FileRow(LogFile(path, source, size, 0, 0), b"", index, gone)


#: What one file holds; few ids and links, so that many files share some.
STATE = st.tuples(
    st.just(0),
    st.frozensets(st.integers(1, 30), max_size=3),
    st.frozensets(st.sampled_from("abcdefgh"), max_size=2),
    st.booleans(),
)
#: A day: files with new content, and files that are there no more.
DAY = st.tuples(
    st.dictionaries(st.sampled_from(PATHS), STATE, max_size=4),
    st.sets(st.sampled_from(PATHS), max_size=2),
)


def shape(units: list[Unit]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(u.key, u.source, tuple(r.file.path for r in u.rows)) for u in units]


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(PATHS), STATE, min_size=6), st.lists(DAY, max_size=4))
def test_day_by_day_equals_at_once(
    first: dict[str, tuple[int, frozenset[int], frozenset[str], bool]],
    days: list[tuple[dict[str, tuple[int, frozenset[int], frozenset[str], bool]], set[str]]],
) -> None:
    files = dict(first)
    former: list[tuple[str, tuple[str, ...]]] = []
    for size, (changed, removed) in enumerate([({}, set[str]()), *days], 1):
        files |= {path: (size, *state[1:]) for path, state in changed.items()}
        files = {path: state for path, state in files.items() if path not in removed}
        rows = [row(path, state) for path, state in sorted(files.items())]
        units = units_of(rows, "p", former)
        assert shape(units) == shape(units_of(rows, "p"))
        assert shape(units_of(rows, "other", former)) == shape(units_of(rows, "other"))
        former = [(key, paths) for key, _, paths in shape(units)]


def test_what_an_interrupted_look_at_all_logs_found_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--verify` finds that a log holds an id of another one, behind its size and its time."""
    logs = tmp_path / "logs"
    logs.mkdir()
    record = '{"type":"user","uuid":"%s","sessionId":"%s","message":{"content":"Begin."}}\n'
    for name in "ab":
        (logs / f"{name}.jsonl").write_text(record % (f"id-{name}", name))

    def look(store: Store, runner: LocalRunner, verify: bool = False) -> list[tuple[str, ...]]:
        request = build.Request(
            recipe=Recipe(), roots=(logs,), out=tmp_path / "data", verify=verify, dry_run=True
        )
        build.export(request, store, runner)
        units = grouping.side_by_side(store)
        return sorted(tuple(Path(p).stem for p in paths) for _, paths in units)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        assert look(store, runner) == [("a",), ("b",)]
        info = os.stat(logs / "a.jsonl")
        (logs / "a.jsonl").write_text(record % ("id-b", "a"))
        os.utime(logs / "a.jsonl", ns=(info.st_atime_ns, info.st_mtime_ns))
        assert look(store, runner) == [("a",), ("b",)]
        with monkeypatch.context() as stopped:
            stopped.setattr(build, "preparation_of", interrupt)
            with pytest.raises(KeyboardInterrupt):
                look(store, runner, verify=True)
        assert look(store, runner) == [("a", "b")]
