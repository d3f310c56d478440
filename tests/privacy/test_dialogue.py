"""Passwords in a dialogue and in data without a name, and texts like them without a password.

Values are put together when the tests run.
"""

from __future__ import annotations

import json

import orjson
import pytest

from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

TYPED = "K0ala" + "Bear" + "88"
SIGNED = "Dino" + "$aur" + "37"
LESS = "aB3x" + "<q9K" + "!z"
LOW = "maple" + "7158"
KEY = "HvolH0WH" + "WBuLS4QN" + "xmfNlkBedmY2OJgV"
HEX = "ff6f2d66f76b100f" + "b45023d327e5cccf"
CODE = "49" + "27"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(b"asked", Vocabulary(), PrivacyOptions())


def gate(text: str) -> bool:
    auditor = Auditor(PrivacyOptions(), Vocabulary(), b"asked")
    return bool(auditor.scan(orjson.dumps({"content": text}) + b"\n", "row"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[09:12] tom: what's the root pw again?\n[09:13] ilse: {v}\n[09:14] tom: thx", TYPED),
        ("Can you send me the password?\nMia: sure\nMia: `{v}`", TYPED),
        # a second answer, which is none
        ("password?\n{v}\nDino$" + "aur37\n", TYPED),
        ("password for db?\r\n{v}\r\n", TYPED),
        ("  7\u2192password for db?\n  8\u2192{v}\n", TYPED),
        ('users: {{\r\n  "alice": "{v}",\r\n  "bob": "admin"\r\n}}', LOW),
        ("ok\n\nprimary_key: {v}", KEY),
        ("| key | v |\r\n|---|---|\r\n| {v} | 1 |\r\n", KEY),
        ("use {v} as the root password", TYPED),
        ("Für die Fritzbox brauchst du {v} als WLAN-Schlüssel.", LOW),
        ("数据库密码改成了{v}", TYPED),
        ("If it asks for a passphrase, enter {v}.", SIGNED),
        ("the admin panel's password is still {v}", TYPED),
        # this value holds `er`, a verb in Danish
        ("the password for x: {v}, ok", "W1nt" + "erMorgen" + "90"),
        ("Heslo k testovacímu serveru je {v}, uživatel qa.", TYPED),
        ("Kata sandi untuk server uji adalah {v}", TYPED),
        ("Das neue Kennwort lautet „{v}“.", "Moose&" + "Squirrel6"),
        ("Log in at https://staging.example.com with `qa` / `{v}`.", TYPED),
        ("Der Freischaltcode ist {v}.", CODE + "53"),
        ("the code for the side door is 7391 and the one for the safe is {v}", CODE),
        ('users = {{"alice": "{v}", "bob": "admin"}}', LOW),
        ('password = "{v}"', LESS),
        ('props.put("mail.smtp.pass", "{v}");', TYPED),
        ('db.auth("shop", "{v}")', TYPED),
        ("await client.connect('sensor', '{v}');", SIGNED),
        ("new PDO('mysql:host=db', 'shop', '{v}')", SIGNED),
        ('user "ilse" pass "{v}" ssl', TYPED),
        ('<Pass encoding="base64">{v}</Pass>', "UmFrZXRlLTIw" + "MjQtTG9z"),
        ("you can use user=qa pass={v} on staging", "Elefant!" + "41a"),
        ("service\tkey\towner\nbilling\t{v}\tops\n", KEY),
        ("COPY api (id, name, key) FROM stdin;\n1\tci\t{v}\n\\.\n", KEY),
        ("  - routing_key: {v}", HEX),
        ("active_record_encryption:\n  primary_key: {v}", KEY),
        ('wpa2-pre-shared-key="{v}"', LOW),
        ("- 2FA seed: `{v}`", "QDL7LRMKKWTBMXOY" + "73FNLWGPBDIEC37W"),
        ('createUser monitor SHA "{v}" AES "other"', SIGNED),
    ],
)
def test_told(redactor: Redactor, text: str, value: str) -> None:
    whole = text.format(v=value)
    out = redactor.text(whole)
    assert value not in out
    assert redactor.text(out) == out
    assert gate(whole)
    assert not gate(out)


@pytest.mark.parametrize(
    "call",
    [
        {"element": "Password field", "ref": "e12", "text": TYPED},
        {"selector": 'input[type="password"]', "value": SIGNED},
    ],
)
def test_what_a_browser_types_into_a_field_for_passwords(
    redactor: Redactor, call: dict[str, str]
) -> None:
    value = call.get("text") or call["value"]
    assert value not in json.dumps(redactor.value(call))
    assert gate(json.dumps(call))


@pytest.mark.parametrize(
    "text",
    [
        "EXPOSE 2379 2380 4001 7001",
        'check("ada", "Subject-line1"); send_mail("qa", "Welcome-Mail2", body)',
        "Is the password reset working?\nMia: yes, since v2.3.1\nBob: node18 works",
        "use user.field as the password; argon2id is the password hash",
        "The one for the garage is 5900 euros; the code for the loop is 42 lines.",
        'colors = {"alice": "lightblue22"}; users = {"alice": "admin", "id": "row12ab"}',
        "routing_key: orders.created.v2",
        "key\tcount\nuser:1042:profileCache12\t33\n",
        "primary_key: 3decb01a04fcac9b25bc293df55539b2",
        '{"element": "Search field", "ref": "e12", "text": "Running-Shoes42"}',
        'password_hint = "<b>at least</b> 12"',
        "client.connect('tcp', 'Broker-Host2')",
        "client.connect('tcp', '127.0.0.1:5555'); ws.send('subscribe', 'orderBookL2_25')",
        "interface Login {\n  password?: string\n  Base64Url\n}",
        "const n = user.password ? 1 : 0\nStep-1x",
        "<a>Forgot password?</a>\nStep-2of3",
        "Which model wrote the password check?\nQwen2.5-7B-Instruct",
        "How is the password hashed?\n- bcrypt-12rounds\n- PBKDF2-HMAC-SHA256",
        "Which branch has the password fix?\nfeature/Ab-12-Login",
        "PBKDF2-SHA256 is the password hash; use min-length-12 as the password policy",
        'users = {"list": "GET:/v1/Users"}',
        "the password type Base64-url2 is new",
    ],
)
def test_texts_like_them_stay(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text
    assert not gate(text)


def test_a_subject_behind_an_address_is_no_password(redactor: Redactor) -> None:
    text = 'send("ada@mail' + '.io", "Subject-line1")'
    assert redactor.text(text).endswith(', "Subject-line1")')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('const char* wifiPass = "{}";', LOW),
        ('"pw = \\"{}\\"\\n"', LOW),
        ('"adminPw": "{}"', TYPED),
        ('driver.find_element(By.ID, "pass").send_keys("{}")', TYPED),
        ("SESSION_KEYS={}", HEX + HEX),
        ("name,password,role\nada,{},admin\n", "maplestone" + "718"),
        ("the one for maps is {}", "AI" + "za" + "BoUVolgouW3RoTgoDxXmzUSWcx" + "MakUFczi8"),
    ],
)
def test_more_names_and_places(text: str, value: str) -> None:
    redactor = Redactor(b"salt", Vocabulary(), PrivacyOptions())
    new = redactor.text(text.format(value))
    assert value not in new
    assert redactor.text(new) == new
