"""What goes past the gate: every part of every row, a shared one once in a session."""

from __future__ import annotations

import json
from pathlib import Path

from tests.formats.make import calls, conversation, results, said

from sessiontune.packs import Pack
from sessiontune.pipeline.finish import Segment, rows_of
from sessiontune.ports import Conversation, EncodeOptions
from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary
from sessiontune.registry import format as format_of

FORMATS = ("raw", "sharegpt", "openai", "combined")


class Seen(Auditor):
    """An auditor that notes what it is shown."""

    def __init__(self) -> None:
        super().__init__(PrivacyOptions(), Vocabulary(), b"salt")
        self.shown: list[bytes] = []

    def scan(self, data: bytes, where: str) -> list:  # type: ignore[type-arg]
        self.shown.append(data)
        return super().scan(data, where)


def write(folder: Path, *sessions: Conversation, names: tuple[str, ...] = FORMATS) -> Segment:
    segment = Segment(Pack(str(folder / "x.seg")), {"combined": b",\n"}, Seen())
    for session in sessions:
        segment.next_session()
        for name in names:
            segment.add(name, rows_of(format_of(name), session, EncodeOptions(), {}))
    segment.close()
    segment.pack.close()
    return segment


def bytes_of(folder: Path, segment: Segment, name: str) -> bytes:
    data = (folder / "x.seg").read_bytes()
    return b"".join(data[at : at + size] for at, size in segment.streams[name].chunks)


def long(words: str) -> Conversation:
    text = f"{words} " + "and nothing else happens in this quiet sentence " * 3
    return conversation(
        said("user", text),
        calls("Let me look.", ("c1", "Bash", {"command": f"echo {words}"})),
        results(("c1", "Bash", f"{words} is here. " * 9)),
        said("assistant", f"It is done: {words}. " * 9),
    )


def test_the_file_holds_the_rows_and_each_long_text_is_shown_once(tmp_path: Path) -> None:
    one = long("marigold")
    segment = write(tmp_path, one)
    for name in FORMATS:
        rows = format_of(name).encode(one, EncodeOptions(), {})
        after = b",\n" if name == "combined" else b"\n"
        assert bytes_of(tmp_path, segment, name) == b"".join(row + after for row in rows)
    auditor = segment.auditor
    assert isinstance(auditor, Seen)
    shown = b"".join(auditor.shown)
    assert shown.count(b"It is done: marigold") == 9
    assert shown.count(b"marigold is here.") == 9


def test_texts_that_a_format_joins_are_shown_once_too(tmp_path: Path) -> None:
    """Results of parallel calls are one text in `sharegpt`, escaped twice, and calls are another
    structure there."""
    one = conversation(
        said("user", "Please look at both."),
        calls(
            "",
            ("c1", "Bash", {"command": "echo " + "marigold " * 9}),
            ("c2", "Bash", {"command": "ls"}),
        ),
        results(("c1", "Bash", 'a "tulip"\n' * 9), ("c2", "Bash", "a crocus in spring " * 9)),
        said("assistant", "Both are there."),
    )
    segment = write(tmp_path, one)
    assert b'[\\"a \\\\\\"tulip' in bytes_of(tmp_path, segment, "sharegpt")
    assert isinstance(segment.auditor, Seen)
    told = b"".join(segment.auditor.shown)
    assert [told.count(word) for word in (b"marigold", b"tulip", b"crocus")] == [9, 9, 9]
    rows = [r for r in told.split(b"\n") if r.startswith(b'{"conversations":')]
    assert json.loads(rows[0])["conversations"][1]["calls"][0] == {"name": "Bash"}


def test_every_format_alone_is_shown_whole(tmp_path: Path) -> None:
    one = long("marigold")
    for name in FORMATS:
        segment = write(tmp_path, one, names=(name,))
        assert isinstance(segment.auditor, Seen)
        written = bytes_of(tmp_path, segment, name)
        told = b"".join(segment.auditor.shown)
        for word in (b"It is done: marigold", b"marigold is here.", b"echo marigold"):
            assert told.count(word) == written.count(word) > 0


def test_equal_texts_of_two_sessions_are_both_shown(tmp_path: Path) -> None:
    segment = write(tmp_path, long("marigold"), long("marigold"), names=("openai",))
    assert isinstance(segment.auditor, Seen)
    assert b"".join(segment.auditor.shown).count(b"It is done: marigold") == 18


def test_what_is_shown_of_later_rows_is_still_json(tmp_path: Path) -> None:
    segment = write(tmp_path, long("marigold"))
    assert isinstance(segment.auditor, Seen)
    rows = [r for data in segment.auditor.shown for r in data.splitlines()]
    openai = next(r for r in rows if r.startswith(b'{"messages":'))
    contents = [m["content"] for m in json.loads(openai)["messages"]]
    assert contents == ["", "Let me look.", "", ""]


def test_an_object_that_was_scanned_is_held_so_that_no_other_gets_its_place(tmp_path: Path) -> None:
    segment = Segment(Pack(str(tmp_path / "x.seg")), {}, Seen())
    size = 1_200_000  # more than waits for a scan: each part is let go before the next is made
    for number in range(8):
        segment.add("raw", [[b'{"content":"', b"%d " % number * (size // 2), b'"}']])
    segment.close()
    segment.pack.close()
    assert isinstance(segment.auditor, Seen)
    assert sum(map(len, segment.auditor.shown)) > 8 * size


def test_a_secret_that_stands_in_one_format_only_is_found(tmp_path: Path) -> None:
    token = "gh" + "p_" + "x7Kq2mZr9TbW4nYc8VdL1sHf6JgP3aQe5RuN"
    segment = Segment(Pack(str(tmp_path / "x.seg")), {}, Seen())
    one = long("marigold")
    segment.add("raw", rows_of(format_of("raw"), one, EncodeOptions(), {}))
    row = [*rows_of(format_of("openai"), one, EncodeOptions(), {})[0]]
    row[-1] = row[-1][:-1] + b',"note":"%b"}' % token.encode()
    segment.add("openai", [row])
    segment.close()
    segment.pack.close()
    assert [f.where.split(":")[0] for f in segment.findings] == ["openai"]
