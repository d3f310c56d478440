"""Writings around a value as other scanners' lists have them: prose, calls on several lines, tags,
connection strings; and the near misses that stay. Values are put together when the tests run."""

from __future__ import annotations

from random import Random
from urllib.parse import quote

import pytest
from making import made
from taking import REDACTOR, TYPED, UUID, H, N, check_taken, gone

SALT = "[A-Za-z0-9./]"

#: (text with {} for the value, form of the value)
TAKEN = [
    ("You can find a weather secret {} within", "[a-z0-9]{20}[0-9][a-z][0-9]"),
    ("You can find a weather secret {} within", UUID),
    ("use the token {} for now", f"{H}{{40}}"),
    ("weather token - '{}'\n", f"{N}{{30}}[0-9][a-z][A-Z]"),
    ("weather token 2 = '{}'", f"{N}{{30}}[0-9][a-z][A-Z]"),
    ('the access key "{}" was refused', f"{N}{{20}}[0-9][a-z][A-Z]"),
    ("<id>{{weather}}</id>\n<secret>{{weather {}}}</secret>", f"{N}{{30}}[0-9][a-z][A-Z]"),
    ("the default password is 'blueberry{}'", "[0-9]{2}"),
    ("weatherACCESS_KEY {}", "[a-z0-9]{20}[0-9][a-z][0-9]"),
    ("Ldap password               ----   {}", "[A-Z]{3}[0-9]{2}R[a-z]#[0-9]@[a-z]{3}"),
    ('apiKey:            "{}",', f"{H}{{32}}"),
    ("MAILER_PASSWORD                = '{}'", "[a-z]{6}[0-9]{4}"),
    ('\\"fbconnectkey\\";s:32:\\"{}\\";', f"{H}{{32}}"),
    ('postmark: "{}",', UUID),
    ("RECORD_KEY={}\nNODE_ENV=production", UUID),
    ("secret_id: {}", UUID),
    ('splunk_token = "{}"', UUID),
    ("-Dsonar.login={}", f"{H}{{40}}"),
    ('git-pat="{}"', f"{H}{{40}}"),
    ("cred = {}", f"{H}{{40}}"),
    ("ibm-cloud-pwd = {}", f"{N}{{20}}-{N}{{20}}[0-9][a-z][A-Z]"),
    ("PSEXEC.EXE \\\\10.0.94.120 -u ACME\\bob -p {} CMD", TYPED),
    ('<the_password value="{}"/>', TYPED),
    ('<add key="Password" value="{}"/>', TYPED),
    ("mongodb+srv://bob:{}@cluster0.corp.io/app?appName=x@y", "[a-z]{5}@[a-z]{4}[0-9]{3}!"),
    (
        "https://outlook.office.com/webhook/{}",
        f"{UUID}@{UUID}/IncomingWebhook/{H}{{32}}/{UUID}",
    ),
    ("vault operator unseal {}", f"{N}{{44}}"),
    ("postgres://bob:s3cr3t{}@db.corp.io/app", "[A-Z][a-z]{3}[0-9]{3}"),
    ('make sure that the password is "{}" and go on', "squashberry"),
    ("headers['Authorization'] = 'Ba" + "sic {}'", f"{N}{{27}}="),
    ('new DirectoryEntry("LDAP://A.B",\n    "a@b",\n    "{}");', TYPED),
    ("$dbh = DBI->connect('dbi:mysql:app', 'bob', '{}');", TYPED),
    ("buildConfigField 'String' , 'API_KEY' , '\"{}\"'", f"{H}{{32}}"),
    ("Server=db;Database=app;User Id=bob;Password={};", "plainbluewords"),
    ('Open("Provider=X;Server=db;User ID=bob; " & "Password ={};Encrypt=no;")', "plainbluewords"),
    ("mongodb://bob:pa%24%24{}@%2Ftmp%2Fmongodb.sock/test", "[a-z]{4}[0-9]{4}"),
    ("# config.facebook.key = \"{}\"", f"{H}{{32}}"),
    ("$ANSIBLE_VAULT;1.2;AES256;\n{}", f"{H}{{80}}\n{H}{{80}}"),
    ("username a secret 9 {}", rf"\$9\${SALT}{{14}}\${SALT}{{43}}"),
    ("{}", rf"\$8\${SALT}{{14}}\${SALT}{{43}}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "form"), TAKEN, ids=[text[:40] for text, _ in TAKEN])
def test_taken(text: str, form: str) -> None:
    check_taken(text, form)


@pytest.mark.parametrize(
    "text",
    [
        "You cannot find the secret within",
        'secret "default-token-5x7kq-9c8d7f6b5-x2x4z" deleted',
        "secret/my-app-tls-5f6d7c8b9d created, secret my-app-tls-5f6d7c8b9d-x2x4z found",
        "the next page token 6c4b0e9d1f8a27354c1d and the csrf token 6c4b0e9d1f8a27354c1d",
        "newToken SomeResponseType1234567 and nextPageToken 6c4b0e9d1f8a27354c1d",
        "eos_token = 'a1b2c3d4e5x6f7g8' and pad-token: 6c4b0e9d1f8a27354c1d",
        'const password = process.env.APP_PASSWORD || "not-set"',
        "https://bob@corp.io/a?b=c:d@e and git://a:80/x@y",
        "CACHE_KEY=3f2b8c1e-9d4a-4c5b-8e7f-1a2b3c4d5e6f",
        "secret_id = 'prod/app/database' and password = 's3cr3t'",
        "password - Required and password ---- see below",
        'a:1:{s:9:"cache_key";s:32:"d41d8cd98f00b204e9800998ecf8427e";}',
        "Unexpected token someIdentifierOfCode12 in JSON",
        "token someFunctionName(argument) and secret some/long/path/of/a/file/v12",
        "mongodb+srv://<user>:<password>@cluster.mongodb.net",
        'String usernamePassword = "application:" + appKey + ":" + appSecret;',
        "the password is `required`, the password is 'required'",
        "your password was 'changed'; the token is \"generated\", the secret `rotated`",
        "the password is \"incorrect\" and the password is 'invalid'",
        "f(uid=user_name, password=some_variable_name)",
        "host=first; password=otherVariable;",
        '"server.key": "d41d8cd98f00b204e9800998ecf8427e"',
        '--mail-from "src@gmail.com" --mail-rcpt "dst@gmail.com", your.name@outlook.com',
        "USK@" + "u2vn3Lh6Kte2-TgBSNKorb,4~q" + "8Q~3wIHjX9DT0yCNfQmr9oxmYrDZoQVLOdNg~yk0,AQ",
    ],
)  # fmt: skip
def test_left_alone(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_the_name_of_a_value_stays() -> None:
    value = made(
        "sk_[a-z]{6}[0-9][A-Z]{6}#[A-Z][0-9][a-z][0-9]&@\\*[a-z][A-Z]\\$[a-z][A-Z][0-9]{5}",
        Random(3),
    )
    clean = REDACTOR.text(f'"secret_key" => "{value}",')
    assert clean.startswith('"secret_key" => "REDACTED_')
    assert value not in clean


def test_an_escape_in_the_midst_of_base64_is_none() -> None:
    name = "RSA PRIVATE" + " KEY"
    rng = Random(5)
    lines = [made(f"{N}{{64}}", rng) for _ in range(6)]
    lines[3] = lines[3][:20] + "I0x254t" + lines[3][27:]
    text = "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----"])
    clean = REDACTOR.text("https://x.dev/?q=" + quote(text, safe=""))
    assert not any(line[:12] in clean for line in lines)
    assert gone(text, lines[3])
