"""Files put together from parts of the former ones: always the bytes of a fresh run."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiontune.pipeline import assemble as module
from sessiontune.pipeline import digesting, outfile
from sessiontune.pipeline.assemble import Former, Part, Written, assemble
from sessiontune.pipeline.outfile import TooShort


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buffers and steps so small that files of a few hundred bytes have many of each."""
    monkeypatch.setattr(outfile, "_BUFFER", 13)
    monkeypatch.setattr(outfile, "_LONG", 30)
    monkeypatch.setattr(outfile, "_STEP", 40)


class Segments:
    """Parts by key, each in two chunks of a file of its own, with bytes between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bytes: dict[str, bytes] = {}

    def part(self, key: str) -> Part:
        if key not in self.bytes:
            random = Random(key)
            self.bytes[key] = random.randbytes(random.randrange(6, 60)) + b",\n"
            half = len(self.bytes[key]) // 2
            data = b"???" + self.bytes[key][:half] + b"!!" + self.bytes[key][half:]
            (self.folder / key).write_bytes(data)
        size = len(self.bytes[key])
        chunks = [(3, size // 2), (5 + size // 2, size - size // 2)]
        return Part(key, str(self.folder / key), chunks)

    def whole(self, head: bytes, keys: list[str], tail: bytes, cut: int) -> bytes:
        body = b"".join(self.bytes[key] for key in keys)
        return head + (body[: len(body) - cut] if keys else b"") + tail


def publish(
    path: Path, store: Segments, head: bytes, keys: list[str], cut: int, former: Former | None
) -> Written:
    parts = [store.part(key) for key in keys]
    done = assemble(path, head, lambda: parts, b"]}\n", former, cut)
    data = path.read_bytes()
    assert data == store.whole(head, keys, b"]}\n", cut)
    assert (done.sha256, done.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    return done


def former_of(path: Path, done: Written) -> Former:
    return Former(path, module.msgspec.structs.replace(done.laid, stat=module.look(path)))


KEYS = st.lists(st.integers(0, 40).map(lambda n: f"k{n}"), unique=True, max_size=25)


@settings(max_examples=150)
@given(
    versions=st.lists(KEYS, min_size=2, max_size=4),
    heads=st.lists(st.sampled_from([b"", b"{one:", b"{two:", b"{longer:"]), min_size=4, max_size=4),
    cut=st.sampled_from([0, 2]),
)
def test_any_version_after_any_other(
    versions: list[list[str]],
    heads: list[bytes],
    cut: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("versions")
    store = Segments(folder)
    former = None
    for number, (keys, head) in enumerate(zip(versions, heads, strict=False)):
        path = folder / f"out{number}"
        former = former_of(path, publish(path, store, head, keys, cut, former))


def test_what_is_there_is_not_fetched_from_segments(tmp_path: Path) -> None:
    store = Segments(tmp_path)
    keys = [f"k{n}" for n in range(30)]
    first = publish(tmp_path / "a", store, b"", keys, 0, None)
    for key in keys:
        (tmp_path / key).unlink()
    changed = [*keys[:20], "new", *keys[20:]]
    second = publish(tmp_path / "b", store, b"", changed, 0, former_of(tmp_path / "a", first))
    assert second.laid.keys == changed


resumable = pytest.mark.skipif(
    digesting.Digest().state() is None, reason="no resumable digest here"
)


@resumable
def test_the_digest_goes_on_where_the_files_part(tmp_path: Path) -> None:
    store = Segments(tmp_path)
    keys = [f"k{n}" for n in range(30)]
    former = former_of(tmp_path / "a", publish(tmp_path / "a", store, b"", keys, 0, None))
    changed = [*keys[:25], "new", *keys[25:]]
    kept = sum(len(store.bytes[k]) for k in keys[:25])
    parts = [store.part(key) for key in changed]
    runs = list(module._runs(parts, former))
    states = module.begin(b"", runs[0], former)[1]
    assert kept - 40 - 13 <= states[-1].at <= kept
    publish(tmp_path / "b", store, b"", changed, 0, former)


@resumable
def test_a_state_of_another_openssl_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Segments(tmp_path)
    keys = [f"k{n}" for n in range(30)]
    former = former_of(tmp_path / "a", publish(tmp_path / "a", store, b"", keys, 0, None))
    assert former.laid.states
    monkeypatch.setattr(digesting, "_version", lambda: b"OpenSSL 9.9.9")
    parts = [store.part(key) for key in [*keys, "new"]]
    assert module.begin(b"", next(module._runs(parts, former)), former)[1] == []
    publish(tmp_path / "b", store, b"", [*keys, "new"], 0, former)
    with pytest.raises(ValueError, match="another version"):
        digesting.Digest(former.laid.states[0].block)


def test_a_former_file_that_was_edited_is_not_trusted(tmp_path: Path) -> None:
    store = Segments(tmp_path)
    keys = [f"k{n}" for n in range(30)]
    path = tmp_path / "a"
    former = former_of(path, publish(path, store, b"", keys, 0, None))
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(1, 1))
    assert not former.is_whole()
    publish(tmp_path / "b", store, b"", [*keys, "new"], 0, former)


@pytest.mark.parametrize("how", ["truncated", "replaced", "removed"])
def test_a_former_file_that_is_edited_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    store = Segments(tmp_path)
    keys = [f"k{n}" for n in range(30)]
    path = tmp_path / "a"
    done = publish(path, store, b"", keys, 0, None)
    os.utime(path, ns=(1, 1))  # on some systems an edit soon after would have the same time
    former = former_of(path, done)
    copy = outfile.File.copy

    def edited(self: outfile.File, runs: list[outfile.Run]) -> None:
        if how == "removed":
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(b"mine" if how == "truncated" else b"x" * done.bytes)
        copy(self, runs)

    monkeypatch.setattr(outfile.File, "copy", edited)
    publish(tmp_path / "b", store, b"", [*keys, "new"], 0, former)


def test_a_segment_that_is_too_short_is_named(tmp_path: Path) -> None:
    store = Segments(tmp_path)
    part = store.part("k1")
    (tmp_path / "k1").write_bytes(b"short")
    with pytest.raises(TooShort, match="k1 is shorter"):
        assemble(tmp_path / "a", b"", lambda: [part], b"", None)


def test_a_digest_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digesting, "_openssl", lambda: None)
    assert digesting.Digest().state() is None
    store = Segments(tmp_path)
    keys = [f"k{n}" for n in range(30)]
    done = publish(tmp_path / "a", store, b"", keys, 0, None)
    assert done.laid.states == []
    publish(tmp_path / "b", store, b"", [*keys, "new"], 0, former_of(tmp_path / "a", done))


@settings(max_examples=60)
@given(data=st.lists(st.binary(max_size=200), min_size=1, max_size=6))
def test_a_digest_is_put_down_and_taken_up(data: list[bytes]) -> None:
    digest = digesting.Digest()
    for piece in data:
        digest = digesting.Digest(digest.state())
        if piece:
            digest.update(bytearray(piece), len(piece))
    if digest.state() is not None:
        assert digest.hexdigest() == hashlib.sha256(b"".join(data)).hexdigest()
