"""Texts that formats put side by side: redacted one by one, and judged one by one by the gate."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path
from typing import Any

import pytest
from tests.formats.make import calls, conversation, results, said

from sessiontune.formats import preference
from sessiontune.model import Finding, Message, Pair, Text, ToolDef
from sessiontune.packs import Pack
from sessiontune.pipeline.finish import Segment, auditor_of, rows_of
from sessiontune.ports import Conversation, EncodeOptions
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary
from sessiontune.registry import format as format_of
from sessiontune.steps.redact import redactor_stage

FORMATS = ("raw", "openai", "sharegpt", "combined", "alpaca")
NAMES = (
    "password", "api key", "npmkey", "Authorization: Bearer",
    "-----BEGIN RSA PRI" + "VATE KEY-----",
    "aws_secret_access_key =", "token", "token:", "--token", "<token>", "DB_PASSWORD", "password:",
    '"apikey"', "secret=", "value", "name", "acme api", "stripe", "twilio sid", "ssn", "ssn:",
    "passport no", "user: ada", "$ pass show x",
)  # fmt: skip
OPTIONS = PrivacyOptions()


def value(rng: random.Random, letters: str = string.ascii_letters + string.digits) -> str:
    return "".join(rng.choice(letters) for _ in range(rng.randint(16, 40)))


def text(rng: random.Random) -> str:
    """Names and values, by themselves or together."""
    alphabets = (string.ascii_letters + string.digits, "0123456789abcdef", "0123456789")
    pieces = [
        rng.choice(NAMES) if rng.random() < 0.5 else value(rng, rng.choice(alphabets))
        for _ in range(rng.choice((1, 1, 2, 3)))
    ]
    return rng.choice((" ", "\n", '","', ": ")).join(pieces)


def structure(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(4) if depth < 2 else 0
    if kind == 0:
        return text(rng)
    if kind == 1:
        return [structure(rng, depth + 1) for _ in range(rng.randint(1, 3))]
    keys = ("command", "value", "name", "api_key", text(rng))
    return {rng.choice(keys): structure(rng, depth + 1) for _ in range(rng.randint(1, 3))}


def session(rng: random.Random) -> Conversation:
    def texts(role: Any, kind: Any, most: int) -> Message:
        parts = tuple(Text(text(rng)) for _ in range(rng.randint(1, most)))
        return Message(id=f"{role}{rng.random()}", role=role, kind=kind, parts=parts)

    names = ("Bash", "get_token", "npmkey")
    made = [(f"c{i}", rng.choice(names), {"a": structure(rng)}) for i in range(3)]
    asked = [texts("system", "context", 2), texts("user", "prompt", 3)]
    if rng.random() < 0.7:  # the rest fits alpaca
        asked.append(calls(text(rng), *made))
        asked.append(results(*((i, name, text(rng)) for i, name, _ in made)))
    answers = [texts("assistant", "answer", 2), texts("assistant", "answer", 2)]
    return conversation(
        *asked, *answers, tools=(ToolDef("npmkey", text(rng), {"properties": structure(rng, 1)}),)
    )


def redacted(one: Conversation) -> Conversation:
    redactor = Redactor(b"salt", Vocabulary(), OPTIONS)
    clean, _ = redactor_stage(redactor)(one.session)
    assert clean is not None
    return Conversation(session=clean, tools=clean.tools)


def gated(one: Conversation, folder: Path, *names: str) -> list[Finding]:
    """What the gate finds in the rows of a conversation, and of a preference made of it."""
    segment = Segment(Pack(str(folder / "x.seg")), {"combined": b",\n"}, _auditor())
    segment.next_session()
    for name in names:
        segment.add(name, rows_of(format_of(name), one, EncodeOptions(), {}))
    if "openai" in names:
        said = one.session.messages
        first = next(i for i, message in enumerate(said) if message.role == "assistant")
        pair = Pair(
            key="k", group="g", prompt=said[:first], chosen=said[first : first + 1],
            rejected=said[-1:], because="edited", tier="strong",
        )  # fmt: skip
        for name in preference.NAMES:
            segment.add(name, preference.parts(name, [pair], EncodeOptions(), {}, one))
    segment.close()
    segment.pack.close()
    return segment.findings


def _auditor() -> Any:
    return auditor_of(OPTIONS, Vocabulary(), b"salt")


def two_results(first: str, second: str) -> Conversation:
    return conversation(
        said("user", "list them"),
        calls("", ("c1", "Bash", {"command": "a"}), ("c2", "Bash", {"command": "b"})),
        results(("c1", "Bash", first), ("c2", "Bash", second)),
        said("assistant", "Both are there."),
    )


def token() -> str:
    return "x8Kq2ZrP" + "9vLm4TwB"


def test_a_word_that_ends_one_result_does_not_name_the_next(tmp_path: Path) -> None:
    one = redacted(two_results("it is called npmkey", token() + " was built"))
    row = format_of("sharegpt").encode(one, EncodeOptions(), {})[0]
    assert b'npmkey\\",\\"' + token().encode() in row  # what is published stays as it was
    assert gated(one, tmp_path, "sharegpt") == []


@pytest.mark.parametrize("name", FORMATS[:4])
@pytest.mark.parametrize("place", ["first", "second"])
def test_a_secret_inside_one_of_them_stops_it(tmp_path: Path, name: str, place: str) -> None:
    bad = f'localStorage.setItem("apikey", "{token()}")'
    texts = (bad, "done") if place == "first" else ("done", bad)
    assert gated(two_results(*texts), tmp_path, name)
    assert gated(redacted(two_results(*texts)), tmp_path, name) == []


@pytest.mark.parametrize("name", FORMATS[:4])
def test_a_secret_in_arguments_stops_it(tmp_path: Path, name: str) -> None:
    for arguments in (
        {"command": f'localStorage.setItem("apikey", "{token()}")'},
        {"env": {"API_KEY": token()}},
        {"command": ["mysql", "--password", token()]},
        {"env": [{"name": "API_KEY", "value": token()}]},
    ):
        one = conversation(
            said("user", "go"),
            calls("I will.", ("c1", "Bash", arguments)),
            results(("c1", "Bash", "ok")),
            said("assistant", "Done."),
        )
        assert gated(one, tmp_path, name), arguments
        clean = redacted(one)
        assert token() not in json.dumps([repr(m) for m in clean.session.messages])
        assert gated(clean, tmp_path, name) == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_secret_in_a_part_of_a_message_stops_it(tmp_path: Path, name: str) -> None:
    parts = (Text("Here it is."), Text(f"export API_KEY={token()}"))
    for role, kind in (("user", "prompt"), ("assistant", "answer"), ("system", "context")):
        odd = Message(id="odd", role=role, kind=kind, parts=parts)  # type: ignore[arg-type]
        asked, answered = said("user", "please"), said("assistant", "Done.")
        order = {
            "user": (odd, answered),
            "assistant": (asked, odd),
            "system": (odd, asked, answered),
        }
        one = conversation(*order[role])
        assert gated(one, tmp_path, name), role
        assert gated(redacted(one), tmp_path, name) == []


def test_the_last_line_of_combined_is_judged_in_its_place(tmp_path: Path) -> None:
    last = Message(
        id="m2", role="assistant", kind="answer", parts=(Text("the api key:"), Text(token()))
    )
    one = redacted(conversation(said("user", "which?"), last))
    assert gated(one, tmp_path, "combined") == []


@pytest.mark.parametrize("seed", range(60))
def test_names_and_values_side_by_side_in_every_format(tmp_path: Path, seed: int) -> None:
    one = redacted(session(random.Random(seed)))
    for name in FORMATS:
        assert [(f.kind, f.where) for f in gated(one, tmp_path, name)] == []


def test_what_stands_for_a_secret_names_nothing() -> None:
    redactor = Redactor(b"salt", Vocabulary(), OPTIONS)
    rng = random.Random(4)
    for _ in range(300):
        once = redactor.text(text(rng))
        assert redactor.text(once) == once
        clean = redactor.value(structure(rng))
        assert redactor.value(clean) == clean
