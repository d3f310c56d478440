"""Twenty kinds in every place: none survives, and the gate catches what is not redacted."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import CUTTING, KINDS, PLACES, PREFIXED, carrier, survives
from taking import AUDITOR, REDACTOR


def unfold(text: str, depth: int = 3) -> str:
    """The text and what can be read out of it by decoding."""
    forms = [text, unquote(text)]
    for run in re.findall(r"[A-Za-z0-9+/\n]{20,}", text):
        plain = run.replace("\n", "")
        decoded = base64.b64decode(plain[: len(plain) // 4 * 4] + "") or b""
        forms.append(decoded.decode("utf-8", "ignore"))
    runs = re.findall(r"(?:[0-9a-f]{2}){10,}", text)
    forms.extend(bytes.fromhex(run).decode("utf-8", "ignore") for run in runs)
    forms.append(re.sub(r"\\u00([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), text))
    forms.append(re.sub("\x1b\\[[0-9;]*[a-zA-Z]|\u200b", "", text))
    if depth:
        forms.extend(unfold(form, depth - 1) for form in forms[2:-2] if form != text)
    return "\n\n".join(forms)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=3)
@given(seed=st.integers(0, 10**9))
def test_no_planted_value_survives(kind: str, place: str, seed: int) -> None:
    text, value = carrier(kind, seed)
    check(PLACES[place](text), value)


@pytest.mark.parametrize("place", CUTTING)
@pytest.mark.parametrize("kind", PREFIXED)
@settings(max_examples=3)
@given(seed=st.integers(0, 10**9))
def test_no_cut_value_survives(kind: str, place: str, seed: int) -> None:
    _, value = carrier(kind, seed)
    check(f"x {CUTTING[place](value)} y", value)


def check(text: str, value: str) -> None:
    assert survives(value, unfold(text)), "the check itself must be able to see the value"
    clean = REDACTOR.text(text)
    assert not survives(value, unfold(clean))
    assert REDACTOR.text(clean) == clean, "redacting twice equals once"
    leak = json.dumps({"role": "user", "content": text}, ensure_ascii=False).encode()
    found = AUDITOR.scan(leak, "rows.jsonl")
    assert found, "the gate must see what was not redacted"
    assert all(value not in repr(finding) for finding in found)
    row = json.dumps({"role": "user", "content": clean}, ensure_ascii=False).encode()
    assert AUDITOR.scan(row, "rows.jsonl") == [], "the gate must agree with the redactor"


@pytest.mark.parametrize("depth", [3, 10])
def test_nested_encodings(depth: int) -> None:
    text, value = carrier("github", depth)
    for level in range(depth):
        text = [
            lambda t: base64.b64encode(f"layer {t} end".encode()).decode(),
            lambda t: json.dumps({"inner": t}),
            lambda t: f"note: {t}.",
        ][level % 3](text)
    clean = REDACTOR.text(text)
    assert not survives(value, unfold(clean, 8))
    assert REDACTOR.text(clean) == clean
    assert AUDITOR.scan(json.dumps({"content": text}).encode(), "x")


def test_values_under_keys_at_any_depth() -> None:
    text, value = carrier("password", 1)
    secret = value + "x"
    tree = {"a": [{"db": {"password": secret, "port": 5432}}], "env": [{"note": text}], "n": None}
    clean = REDACTOR.value(tree)
    assert secret not in json.dumps(clean)
    assert value not in json.dumps(clean)
    assert clean["a"][0]["db"]["port"] == 5432
    assert REDACTOR.value(clean) == clean
    assert AUDITOR.scan(json.dumps(tree).encode(), "x")
    assert AUDITOR.scan(json.dumps(clean).encode(), "x") == []


def test_keys_of_objects_are_redacted() -> None:
    _, value = carrier("github", 7)
    clean = REDACTOR.value({value: 1, "other": {value: 2}})
    assert value not in json.dumps(clean)
    assert sorted(clean.values(), key=str)[0] == 1


def test_untouched_values_are_the_same_objects() -> None:
    tree = {"command": "ls -la", "list": [1, 2.5, None, True, "text"]}
    assert REDACTOR.value(tree) is tree
