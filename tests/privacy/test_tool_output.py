"""What tools print and take in ways of their own, tables, names of the environment, dates of birth;
and the like that stays. Values are put together when the tests run."""

# ruff: noqa: E501  (a text is easier to read on one line)

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any

import pytest
from making import made
from taking import AUDITOR, REDACTOR, TYPED, H, N, check_taken

from sessiontune.privacy import tables
from sessiontune.privacy.ruleset import all_rules

LONG = f"{N}{{12}}[0-9][a-z][A-Z][0-9]{N}{{12}}[0-9][A-Z]"
GROUPS = "[a-z]{4} [a-z2-7]{3}[k-p] [a-z2-7]{3}[q-v] [2-7][a-z2-7]{3}"

#: (text with {} for the value, form of the value)
TAKEN = [
    # tables
    ("user,passwd,role\nann,{},admin\nben,none,user", TYPED),
    ("name;Passwort;Ort\nann;{};Bonn", TYPED),
    (" id | email | api_key\n----+-------+--------\n  1 | a@b.example | {}\n(1 row)", f"{H}{{32}}"),
    ("| user | password |\n|------|---------:|\n| root | `{}` |", TYPED),
    ("+------+-----------------------+\n| user | authentication_string |\n+------+---+\n| app  | {} |", "\\*[0-9A-F]{40}"),
    ("COPY public.api_tokens (id, token, user_id) FROM stdin;\n7\t{}\t3\n\\.", f"{N}{{38}}[0-9][a-z]"),
    ("INSERT INTO t (id, note, api_token) VALUES (1, 'it''s, well', '{}'), (2, '', '')", LONG),
    ("id,first_name,dob\n7,Ann,{}", "19[5-9][0-9]-0[2-9]-1[0-9]"),
    # names of the environment
    ("ACMECO={}", LONG),
    ("$ env\nLANG=C\nZYNTRA='{}'\nSHLVL=1", f"{H[:-1]}g-z]{{30}}[0-9][0-9][0-9]x"),
    ('"API_SIGNER": "{}",', f"{H}{{64}}"),
    ("- name: WIDGETLY\n  value: {}", LONG),
    ("docker run -e APP_PEPPER={} -d app", LONG),
    # tools
    ("kubectl create secret generic x --from-literal=hook={} -o yaml", LONG),
    ("====== Data ======\nKey       Value\n---       -----\ndb_pass   {}\nversion   3", TYPED),
    ("vault kv put secret/app login=ann pin={}", TYPED),
    ("ssh-keygen -t ed25519 -N '{}' -f k", TYPED),
    ('dotnet user-secrets set "Pay:ApiKey" "{}"', LONG),
    ("user app on >{} ~* +@all", TYPED),
    ('ann : EAP "{}"', TYPED),
    ("username ann privilege 15 secret {}", TYPED),
    ('set security ike policy p pre-shared-key ascii-text "{}"', LONG),
    ("SELECT pgp_sym_decrypt(col, '{}') FROM t;", LONG),
    ('curl_setopt($c, CURLOPT_USERPWD, "ci:{}");', LONG),
    ('.header("X", Credentials.basic("ci", "{}"))', LONG),
    ('p.add_argument("--api-token", default="{}")', LONG),
    ("proxy_set_header X-Internal-Auth {};", LONG),
    ('proxy_set_header Authorization "Ba' + 'sic {}";', f"{N}{{26}}[0-9][a-z]"),
    ('resource "random_password" "m" {{\n  length = 20\n  result = "{}"\n}}', LONG),
    ("chpasswd:\n  list: |\n    root:{}\n", TYPED),
    ("cmdkey /add:server /user:ACME\\ann /pass:{}", TYPED),
    ('pyotp.TOTP("{}").now()', "[A-Z2-7]{28}[2-7][A-Z][2-7]Q"),
    ("Enter this key manually: {}", GROUPS),
    ("https://app.corp.io/accounts/reset/MQ/{}/", f"[a-z0-9]{{6}}-{H}{{32}}"),
    # dates of birth
    ('"birthDate": "{}"', "19[5-9][0-9]-0[2-9]-1[0-9]"),
    ("geboren am {} in Bonn", "1[0-9]\\.0[2-9]\\.19[5-9][0-9]"),
    ("DOB: {}", "0[2-9]/1[0-9]/19[5-9][0-9]"),
    ("born on {} in Leeds", "1[0-9] (?:March|August) 19[5-9][0-9]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "form"), TAKEN, ids=[text[:40] for text, _ in TAKEN])
def test_taken(text: str, form: str) -> None:
    check_taken(text, form)


@pytest.mark.parametrize(
    "text",
    [
        "foo(user,password,host)\nbar(ann,xK3fpq9Wz1,db)",
        "| name | token |\n|------|-------|\n| a | `next_token` |\n| b | the 2nd token |",
        "user,max_tokens,n\nann,4096000000001,3",
        "INSERT INTO users (email, password) VALUES ($1, $2), (:email, :password)",
        "INSERT INTO users (email, password) VALUES ('a@b.example', 'changeme')",
        "GITHUB_SHA=6c4b0e9d1f8a27354c1d6c4b0e9d1f8a27354c1d",
        "BUILD_ID=Zx81kQp2LmN7vTr5WbY3cD9f and IMAGE_TAG=Zx81kQp2LmN7vTr5WbY3cD9f",
        "CHECKSUM=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "ACMECO=9f86d081884c7d659a2feaa0c55ad015",
        "SCRATCH=/c/Users/x/AppData/Local/Temp/claude and FAIL: TestBuildDataDocument2_Records3Every4",
        "DATABRICKS_TOKEN=dapi" + "1234567890" + "12345678a9bc01234defg5",
        "MODEL=Qwen2.5-Coder-7B-Instruct-Q4_K_M-00001-of-00003",
        "proxy_set_header X-Request-Id 6c4b0e9d1f8a27354c1d6c4b0e9d1f8a;",
        "proxy_set_header Authorization $http_authorization;",
        "kubectl create configmap x --from-literal=hook=Zx81kQp2LmN7vTr5WbY3cD9f",
        "birth_date DATE NOT NULL, dob: YYYY-MM-DD, birthday=1970-01-01",
        "released on 12.03.1998, since 1998-03-12, born in 1998",
        "Galileo Galilei, born 15 February 1564",
    ],
)
def test_left_alone(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_the_next_entry_is_no_line_of_the_base64_above_it() -> None:
    inner = "postgres" + "://app:" + made(f"{N}{{18}}", Random(2)) + "@pg:5432/app"
    value = base64.b64encode(inner[:36].encode()).decode()
    assert not value.endswith("=")
    clean = REDACTOR.text(f"data:\n  DATABASE_URL: {value}\n  admin-name: YW5uYQ==\n")
    assert "\n  admin-name: YW5uYQ==\n" in clean


def test_every_branch_of_a_rule_holds_a_value() -> None:
    """A bar outside of all brackets would leave the group of the value out."""
    for rule in all_rules():
        depth, inside, escaped = 0, False, False
        for sign in rule.exact if rule.direct is None else "":
            if escaped or sign == "\\":
                escaped = not escaped
            elif inside:
                inside = sign != "]"
            elif sign == "[":
                inside = True
            else:
                depth += (sign == "(") - (sign == ")")
                assert depth or sign != "|", rule.exact


#: So many characters, in not too many rows.
TABLE, PAD = 210_000, "-of-the-shop" * 15
FORM = f"{N}{{50}}[0-9][a-z][A-Z]"


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("user,password,x", "u{n}{pad},{value},y"),
        ("COPY t (a, password) FROM stdin;", "u{n}{pad}\t{value}"),
        ("INSERT INTO t (a, password) VALUES", "('u{n}{pad}', '{value}'),"),
        ("====== Data ======\nKey   Value\n---   -----", f"k{{n}}{{pad:.72}}{' ' * 40}{{value}}"),
        ("id,password,place", "{n}{pad},{value},1 {street} la Paix, 75002 Paris"),
        ("id,password,place", "{n}{pad},{value},x,1 {street} la Paix, 75002 Paris"),
    ],
)
def test_the_gate_sees_no_farther_into_a_table_than_the_redactor(head: str, row: str) -> None:
    """What is redacted is shorter, and has other commas in it."""
    rows = TABLE // len(row.format(n=0, pad=PAD, value="v" * 53, street="rue de"))
    values = [made(FORM, Random(n)) for n in range(rows)]
    lines = [
        row.format(n=n, pad=PAD, value=value, street="rue de") for n, value in enumerate(values)
    ]
    text = "\n".join([head, *lines])
    clean = REDACTOR.text(text)
    assert not AUDITOR.scan(json.dumps({"text": clean}).encode(), "row")
    if ", 75002" not in row:  # a few look like words
        assert sum(value in clean for value in values) < rows / 100


@pytest.mark.parametrize(
    "text",
    [
        ("token," * 90 + "a\n" + "1," * 90 + "\n") * 60,
        "token," * 90 + "a\n" + "," * 20_000,
        "id,name_token,x\n" + "".join(f"{n},Pa5s{n * 7919 % 9973}Qx_token,x\n" for n in range(900)),
        "(password) FROM stdin;\n" * 900,
        "".join(f"| a{n}_token |\n|---|\n" for n in range(900)),
    ],
)
def test_rows_that_could_be_heads_are_cut_once(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[int] = []
    cells = tables._cells

    def counted(*given: Any) -> list[tuple[int, int]]:
        found = cells(*given)
        cut.append(len(found))
        return found

    monkeypatch.setattr(tables, "_cells", counted)
    REDACTOR.text(text)
    assert sum(cut) < 4 * len(text)
