"""What the user lists: in any case, with anything between its words, and in text inside text."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from planted import PLACES, carrier, real

from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

OPTIONS = PrivacyOptions(
    names=("Ada Lovelight", "Jürgen Müßig"), deny=("Nightjar",), allow=("keptname",)
)
KNOWN = Vocabulary.from_names([real("/ho§me/zelda77/x"), real("/ho§me/keptname/x")])


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(b"salt", KNOWN, OPTIONS)


@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("name", ["Ada Lovelight", "Nightjar", "zelda77"])
def test_a_listed_name_is_found_in_every_place(name: str, place: str, redactor: Redactor) -> None:
    text = PLACES[place](name)
    clean = redactor.text(text)
    assert clean != text
    assert redactor.text(clean) == clean
    known = Auditor(OPTIONS, KNOWN, b"key")
    assert known.scan(json.dumps({"v": text}).encode(), "f")
    assert known.scan(json.dumps({"v": clean}).encode(), "f") == []


@pytest.mark.parametrize(
    "text",
    [
        "ADA LOVELIGHT",
        "ada_lovelight",
        "Ada-Lovelight",
        "AdaLovelight",
        "ada.lovelight",
        "Ada+Lovelight",
        "Ada%20Lovelight",
        "Ada\n    Lovelight",
        "# by Ada\n# Lovelight",
        "Ada\\nLovelight",
        "JÜRGEN müßig",
        "Ju\u0308rgen Mu\u0308ßig",
        json.dumps("Jürgen Müßig"),
        quote("Jürgen Müßig"),
        "ProjectNightjarService",
        "\x1b[1;31mNightjar\x1b[0m\x1b[K",
        "a=1&who=Ada+Lovelight%27s",
    ],
)
def test_a_listed_name_is_found_in_every_spelling(text: str, redactor: Redactor) -> None:
    clean = redactor.text(text).lower()
    assert not any(part in clean for part in ("ada", "lovelight", "rgen", "nightjar")), clean


def test_the_spellings_of_a_name_have_one_pseudonym(redactor: Redactor) -> None:
    texts = ["Ada Lovelight", "ADA_LOVELIGHT", "ada\n  lovelight", "Ada-Lovelight"]
    assert len(set(redactor.texts(texts))) == 1


@pytest.mark.parametrize("text", ["Adam Lovelights", "keptname", "the Nightjam", "Ada, Lovelight"])
def test_what_is_not_listed_stays(text: str, redactor: Redactor) -> None:
    assert redactor.text(text) == text


def test_a_listed_word_is_not_found_in_a_pseudonym() -> None:
    make = Redactor(b"salt", KNOWN, PrivacyOptions(deny=("example", "person")))
    clean = make.text(real("bob.smith@§corp.io said example"))
    assert clean.startswith("person-")
    assert make.text(clean) == clean


@pytest.mark.parametrize("kind", ["env", "password", "bearer", "url"])
@pytest.mark.parametrize("beside", ["(", "{", "|", "[x]", "id: ", "key=", "a(b"])
def test_what_stands_in_the_next_text_tells_nothing(
    kind: str, beside: str, redactor: Redactor
) -> None:
    text, _ = carrier(kind, 1)
    assert redactor.texts([beside, text, beside])[1] == redactor.text(text)


@pytest.mark.parametrize("kind", ["env", "password", "bearer", "github"])
def test_a_colour_around_the_whole_text_hides_nothing(kind: str, redactor: Redactor) -> None:
    text, value = carrier(kind, 2)
    assert value not in redactor.text(f"\x1b[1;31m{text}\x1b[0m\x1b[K")


@pytest.mark.parametrize("kind", ["bearer", "password", "private-key"])
def test_plus_signs_of_a_form_are_spaces(kind: str, redactor: Redactor) -> None:
    text, value = carrier(kind, 3)
    clean = redactor.text("a=1&b=" + quote(text, safe="").replace("%20", "+"))
    assert quote(value[-30:] if len(value) < 100 else value[60:90], safe="") not in clean


def test_entities_of_one_digit_hide_nothing(redactor: Redactor) -> None:
    text, _ = carrier("private-key", 4)
    assert "&#x4d;" not in redactor.text("".join(f"&#x{ord(c):x};" for c in text))


def test_code_in_html_is_read_with_its_quotes(redactor: Redactor) -> None:
    value = base64.b16encode(b"some bytes 12").decode().lower()
    assert value not in redactor.text(f"<pre>const apiKey = &#x27;{value}&#x27;;</pre>")


def test_a_key_beside_underscores_is_one(redactor: Redactor) -> None:
    """As in the name of a tool that a server offers."""
    value = carrier("huggingface", 5)[1]
    assert value not in redactor.text(f"mcp__{value}__run")


def test_a_removed_line_of_a_git_remote_is_no_address(redactor: Redactor) -> None:
    """Escaped in a tool's arguments, the letter of the line feed stands before the sign."""
    arguments = json.dumps({"new": redactor.text("x\n-git" + "@github.com:owner/repo.git")})
    assert redactor.text(arguments) == arguments
    known = Auditor(OPTIONS, KNOWN, b"key")
    assert known.scan(json.dumps({"arguments": arguments}).encode(), "f") == []
