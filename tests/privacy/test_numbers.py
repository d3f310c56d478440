"""Numbers: among a call's arguments, and behind a name that says password."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

# put together here, so that the repository holds none
NORTH, EAST = 48 + 0.2082123, 16 + 0.3738456
PASSPORT, ABROAD = int("739" + "184265"), int("4366" + "41234987")
PHONE, CARD, CODE = int("650253" + "0000"), int("4532" + "0151" + "1283" + "0366"), int("83741926")


def redactor() -> Redactor:
    return Redactor(b"salt", Vocabulary(), PrivacyOptions())


def found(arguments: Any) -> int:
    row = orjson.dumps({"tool_calls": [{"arguments": arguments}]})
    return len(Auditor(PrivacyOptions(), Vocabulary(), b"salt").scan(row, "rows"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"latitude": NORTH, "longitude": EAST},
        {"pin": {"at": {"coordinates": [EAST, NORTH]}}},
        {"contact": [{"phone_number": PHONE}]},
        {"number": CARD},
        {"gps": [NORTH, EAST]},
        {"passport_number": PASSPORT},
        {"tel": ABROAD},
        {"db": {"password": CODE, "port": 5432}},
    ],
)
def test_numbers_that_tell_are_redacted_and_seen_by_the_gate(
    arguments: dict[str, Any],
) -> None:
    new = redactor().value(arguments)
    text = json.dumps(new)
    assert not any(str(n) in text for n in (NORTH, EAST, PHONE, CARD, CODE, PASSPORT, ABROAD))
    assert redactor().value(new) == new
    assert found(new) == 0
    assert found(arguments) > 0


def test_numbers_that_say_nothing_stay() -> None:
    arguments = {
        "ids": {"account_id": 12345678, "max_tokens": 40960, "keyCode": 1300, "line_1": 1000},
        "created": 1700000000000,
        "user_id": CARD,
        "mobile": {"mobile": 31536000000, "phone": 1732752000123},
        "coords": [0.12345, 0.54321],
        "rest": {"latency": 1234.567, "ratio": [0.25, 0.75], "big": 10**30},
        "odd": {"lat": None, "long": True, "password": 8, "at": [float("inf"), float("nan")]},
    }
    assert redactor().value(arguments) is arguments


@pytest.mark.parametrize("name", ["PASSWORD=", "db_password=", "password: ", '"password": '])
def test_digits_behind_a_password_name(name: str) -> None:
    assert str(CODE) not in redactor().text(f"{name}{CODE}\n")


@pytest.mark.parametrize(
    "text", ["PASSWORD_TIMEOUT=25920071", "passwordChangedAt: 1700000000", '"password": 162034']
)
def test_times_and_counts_beside_such_a_name_stay(text: str) -> None:
    assert redactor().text(text) == text
