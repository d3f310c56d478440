"""Keys that only the words around them tell, and the like that is none."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from taking import AUDITOR, REDACTOR
from tests.support import growth

from sessiontune.privacy.nearby import _AFTER, _BEFORE

MIXED = "Vq7Lr2Xw9Tz4" + "Kp8Bn3Hd6Mj5Gs1F"
HEX = "9c1e07b4d2f8" + "43a6be5d70129fc83a64"
UUID = "7c1e9a52-0b3d-" + "4f86-a1c7-5e2d9048fb63"
PARTS = "Hq3Zt8Lw." + "Yk5Vb9Nd2Rf7Xp4Gc6Ms1Jt8Ew3Qa5Uz"


@pytest.mark.parametrize("value", [MIXED, HEX, UUID, PARTS], ids=["mixed", "hex", "uuid", "parts"])
@pytest.mark.parametrize(
    "text",
    [
        "my zorblat token is {v}, can you test it?",
        "here's the zorblat api key {v}",
        "please call zorblat with key {v}",
        "the key for it ({v}) stopped working",
        "{v} is the api key for zorblat",
        "set the zorblat token to {v}",
        "authenticate with {v} as api key",
        "voici ma clé api : {v}",
        "Der Token lautet {v}",
        "Your API key:\n{v}\nKeep it safe.",
        "Client Secret\n{v}",
        "tokens:\n  - {v}\n",
        '"apiKeys": ["{v}", "x"]',
        "zorblat.login('{v}')",
        "token: !unsafe {v}",
        'headers["Authorization"] = "{v}"',
        'echo "{v}" | zorblat login',
        "read -r TOKEN <<< '{v}'",
        "curl -u {v}: https://api.zorblat.io/v1/charges",
        '<input type="hidden" name="zorblat_token" id="t" value="{v}">',
    ],
)
def test_told_by_the_words_around(text: str, value: str) -> None:
    said = text.format(v=value)
    clean = REDACTOR.text(said)
    assert value[-12:] not in clean
    assert REDACTOR.text(clean) == clean
    assert AUDITOR.scan(json.dumps({"content": said}).encode(), "rows")


@pytest.mark.parametrize(
    "text",
    [
        'new Zorblat("{v}")',
        'zorblat.connect("{v}")',
        'client := zorblat.NewClient("{v}")',
        "require('zorblat')('{v}')",
        "stripe('{v}')",
        'ZORBLAT = "{v}"',
        "dotnet nuget push x.nupkg -k {v}",
        "weatherstack {v}",
    ],
)
def test_given_with_no_name(text: str) -> None:
    said = text.format(v=MIXED)
    assert MIXED not in REDACTOR.text(said)
    assert AUDITOR.scan(json.dumps({"content": said}).encode(), "rows")


def test_all_values_of_a_list() -> None:
    values = [MIXED, MIXED[::-1], MIXED.swapcase()]
    clean = REDACTOR.text("api_keys:\n" + "".join(f"  - {value}\n" for value in values))
    assert not any(value in clean for value in values)


@pytest.mark.parametrize(
    "text",
    [
        f"the key rotation came with commit {HEX}",
        f"checksum of the token file is {HEX}",
        f"login failed, request id {UUID}",
        f"the token cache key {HEX}",
        f"{HEX} is the commit of the key rotation",
        f"auth trace_id={HEX} ok",
        f"api_key=secret,rojo={HEX}",
        f'"AggregationAuthorization": "{HEX[:16]}"',
        f'uuid.UUID("{UUID}")',
        f'new ObjectId("{HEX[:24]}")',
        f'Client("{UUID}")',
        f"age_secret_key\t([{MIXED.upper()}]{{58}})",
        f"the key is {MIXED}[0]",
        f"<HealthCard key={{row.id}} payment_snapshot_{HEX[:9]}={{health.of}} />",
        f"raise ApiError('invoice_snapshot_{HEX[:9]}', 'no token')",
        "key, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)",
        "Float('1.08420217248550443401e-19', precision=80)",
        "include the `context-1m-2025-08-07` beta header in requests with your key",
        'secret "default-token-5x7kq-9c8d7f6b5-x2x4z" deleted',
    ],
)
def test_something_else(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize(
    "look",
    [
        lambda signs: _BEFORE.search(b"token a" + signs + b"- _ ("),
        lambda signs: _AFTER.match(b" is a" + signs + b" key1 "),
    ],
    ids=["before", "behind"],
)
def test_signs_between_words_cost_their_number(look: Callable[[bytes], object]) -> None:
    """Every way to part what stands between a word and a value was tried: minutes for a text."""

    def signed(count: int) -> Callable[[], object]:
        return lambda: [look(b"-.a" * count) for _ in range(40)]

    assert growth(signed, 4) < 24
