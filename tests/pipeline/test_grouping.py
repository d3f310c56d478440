"""Units grouped from what a former run found: always those that all files give at once."""

from __future__ import annotations

from array import array
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sessiontune.pipeline.grouping import Unit, units_of
from sessiontune.ports import FileIndex, LogFile
from sessiontune.store import FileRow

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


@settings(max_examples=300, deadline=None)
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
