"""Columns of places give back what went in, in order, whatever streams a unit has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sessiontune.packs import Place
from sessiontune.pipeline.assemble import Part
from sessiontune.pipeline.finish import Stream
from sessiontune.pipeline.rowplaces import RowPlaces

_CHUNK = st.tuples(st.integers(0, 1 << 40), st.integers(1, 1 << 34), st.integers(0, (1 << 32) - 1))
_STREAMS = st.dictionaries(
    st.sampled_from(["raw", "openai.train", "openai.eval"]),
    st.tuples(st.integers(1, 9), st.lists(_CHUNK, min_size=1, max_size=3)),
)


@given(st.lists(st.tuples(_STREAMS, st.booleans()), max_size=6))
def test_what_goes_in_comes_out(units: list[tuple[dict, bool]]) -> None:
    places = RowPlaces()
    expected: dict[str, list[tuple[Part, str]]] = {}
    rows: dict[str, int] = {}
    for number, (streams, fresh) in enumerate(units):
        given_streams = {}
        for name, (count, chunks) in streams.items():
            stream = Stream(count, [c[:2] for c in chunks], [c[2] for c in chunks])
            given_streams[name] = stream
            moved = [(7 + start, size) for start, size in stream.chunks]
            part = Part(f"key{number}", f"pack{number}", moved, [] if fresh else stream.sums)
            expected.setdefault(name, []).append((part, f"session{number}"))
            rows[name] = rows.get(name, 0) + count
        place = Place(f"pack{number}", 7, 1)
        places.add(f"key{number}", f"session{number}", place, given_streams, fresh=fresh)
    for name in ("raw", "openai.train", "openai.eval"):
        assert (name in places) == (name in expected)
        assert list(places.parts(name)) == expected.get(name, [])
        assert places.rows(name) == rows.get(name, 0)


def test_a_chunk_without_a_sum_is_not_compared() -> None:
    places = RowPlaces()
    places.add("k", "s", Place("p", 0, 9), {"raw": Stream(1, [(0, 4), (4, 5)], [])}, fresh=False)
    ((part, _),) = places.parts("raw")
    assert (part.chunks, part.sums) == ([(0, 4), (4, 5)], [])
