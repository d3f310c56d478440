"""Hostile input: nothing is lost or taken, and memory stays near the size of the text."""

from __future__ import annotations

import base64
import json
import tracemalloc
from random import Random

import pytest
from planted import ALNUM, carrier, survives
from taking import AUDITOR, REDACTOR

from sessiontune.privacy import blocks, processes, tables
from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.decoders import RULES
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.joined import LONG
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.prefilter import has_hyperscan
from sessiontune.privacy.readings import BY_KIND
from sessiontune.privacy.vocabulary import Vocabulary

#: Text that almost is something, over and over.
NEAR_MISSES = {
    "names without values": "api_key = abc1 token: def2; password = None\n",
    "one run": "a1B2" * 11,
    "beginnings": "gh" + "p_x AK" + "IAx sk-x ey" + "Jx ",
    "half a URL": "https://user:",
    "half an escape": "%41%4",
    "quotes": '\\\\\\"',
    "digits": "4111 1111 ",
    "sentences": "the password is now ",
    "names in names": "token_secret_key_",
}


@pytest.mark.parametrize("kind", NEAR_MISSES)
def test_near_misses_by_the_thousand_stay(kind: str) -> None:
    """Time of longer ones: `benchmarks/redaction.py`."""
    unit = NEAR_MISSES[kind]
    text = unit * (200_000 // len(unit))
    assert REDACTOR.text(text) == text
    assert AUDITOR.scan(text.encode(), "f") == []


def test_one_long_string_is_redacted_in_pieces() -> None:
    text, value = carrier("github", 11)
    filler = "".join(Random(1).choices(ALNUM + "    \n", k=4096))
    long = filler * (3 * LONG // len(filler)) + "\n" + text + "\n" + filler
    tracemalloc.start()
    clean = REDACTOR.text(long)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not survives(value, clean[-2 * len(filler) :])
    assert peak < 6 * len(long)
    assert AUDITOR.scan(json.dumps({"content": long}).encode(), "f")


@pytest.mark.parametrize("kind", ["github", "password", "bearer", "email"])
def test_a_long_line_is_not_cut_inside_a_value(kind: str) -> None:
    """A line of data with neither a line end nor a space near the place where it is cut."""
    text, value = carrier(kind, 12)
    for before in (1, len(text) // 2, len(text) - 1):
        long = ("ab," * LONG)[: LONG - before] + text + "," + "cd," * 99
        assert value not in REDACTOR.text(long)[-2000:]


@pytest.mark.parametrize(("letter", "most"), [("A", 2), ("7", 10), ("a", 2), ("-", 2)])
def test_a_run_of_one_letter_asks_for_no_closer_look(letter: str, most: int) -> None:
    """Zeros in base64, the digits of a long number: not one look for each letter."""
    if not has_hyperscan():
        pytest.skip("no wheel of hyperscan for this machine")
    hits = REDACTOR._detector.scan(letter.encode() * 20_000)
    assert len([rule for rule, _ in hits if rule >= len(RULES)]) <= most


def test_letters_that_json_escaped_are_one_hit_a_run_and_hide_nothing() -> None:
    """Text in another alphabet, kept in ASCII: not one look for each letter."""
    text = json.dumps("это просто текст без тайн " * 400)
    secret = "Kp7" + "-xQ2m" + "Vr9!"
    told = text + "\n" + json.dumps(f"сервер, пароль: {secret}, порт 22")
    if has_hyperscan():
        words = text.count(" ")
        assert 0.9 * words < len(REDACTOR._detector.scan(text.encode())) < 1.1 * words
    assert REDACTOR.text(text) == text
    assert secret not in REDACTOR.text(told)
    assert AUDITOR.scan(json.dumps({"content": told}).encode(), "f")


@pytest.mark.parametrize(
    "text",
    [
        r"\u043f\u0430 x \\u043f\\\\u0430",
        r"\ud83d\ude00\ud83d \ude00\uD83D\uDE00",
        "\\" * 70 + "u0430" + "\\" * 33 + "u0431",
        r"\u04\u0430\u2019\uzzzz\u00e9\n\u005c\u0022",
        "\\" * 9_000 + "x",
    ],
)
def test_escaped_letters_read_the_same_with_the_way_back(text: str) -> None:
    data = text.encode()
    letter = BY_KIND["letter"]
    assert letter.plain(data, 0, len(data)) == letter.view(data, 0, len(data)).data


@pytest.mark.parametrize("before", ["", "x ", '"', "\\n", "%20", "\x1b[31m", "=", "\\u003d", "é"])
def test_a_run_that_begins_a_key_is_seen(before: str) -> None:
    value = "A" * 22 + "".join(Random(2).choices(ALNUM, k=70))
    assert value[30:] not in REDACTOR.text(before + value)


@pytest.mark.parametrize("depth", [1, 5, 10])
def test_ten_deep(depth: int) -> None:
    text, value = carrier("stripe", depth)
    for _ in range(depth):
        text = base64.b64encode(f"inner: {text} .".encode()).decode()
    clean = REDACTOR.text(text)
    assert clean != text
    for _ in range(depth):
        clean = base64.b64decode(clean + "=" * (-len(clean) % 4)).decode().split()[1]
    assert not survives(value, clean)
    assert clean.startswith("REDACTED_")


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("cut", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("around", [1, 400])
def test_a_name_in_a_long_run_of_escaped_letters_is_seen(times: int, cut: int, around: int) -> None:
    """No space parts the words of Chinese; a run may be cut inside of its last letter."""
    known = Vocabulary.from_names([], words=["王小明"])
    text = "字" * around + "王小明" + "字" * around
    for _ in range(times):
        text = json.dumps(text)
    text = text[: text.rindex("7") + 1 - cut]
    redactor = Redactor(b"hostile", known, PrivacyOptions())
    clean = redactor.text(text)
    assert clean != text
    assert redactor.text(clean) == clean
    assert Auditor(PrivacyOptions(), known, b"salt").scan(
        json.dumps({"content": text}).encode(), ""
    )


def test_blocks_in_blocks_of_credentials_are_each_looked_through_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[bytes] = []
    monkeypatch.setattr(blocks, "_set_by_somebody", lambda value, told: bool(looks.append(value)))
    block = "".join(" " * i + "credentials:\n" for i in range(60)) + " " * 60 + "ada: b\n"
    REDACTOR.text(block * 50)
    assert looks == [b"b"] * 50


def test_an_escaped_line_end_begins_no_line_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each of these would be a block with all the others in it."""
    read = []
    line = blocks._YAML_LINE
    looks = type("", (), {"match": lambda self, *at: read.append(1) or line.match(*at)})()
    monkeypatch.setattr(blocks, "_YAML_LINE", looks)
    text = "\\ncredentials\\:\t\\\\\\\\r\\\\n " * 200
    assert REDACTOR.text(text) == text
    assert len(read) < 1000


@pytest.mark.parametrize("line_end", ["\n", "\\n"])
def test_a_listing_ends_where_the_next_begins(
    monkeypatch: pytest.MonkeyPatch, line_end: str
) -> None:
    asked: list[bytes] = []
    monkeypatch.setattr(processes, "is_person", lambda name: bool(asked.append(name)))
    REDACTOR.text(f"USER   PID %CPU{line_end}ada    12   0.1{line_end}" * 50)
    assert asked == [b"ada"] * 50


def test_a_head_of_one_name_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    cells = tables._cells
    monkeypatch.setattr(tables, "_cells", lambda *a: read.append(1) or cells(*a))
    assert REDACTOR.text("|key|" * 400) == "|key|" * 400
    assert len(read) < 10


def test_places_of_findings_are_counted_in_characters() -> None:
    text, value = carrier("github", 13)
    whole = f"\u65e5\u672c \U0001f600 {text} \u00fc\n" * 3
    starts = [found.start for found in REDACTOR.find(whole)]
    assert starts == [at for at in range(len(whole)) if whole.startswith(value, at)]
