"""Keys of services that only their name, a call or a label tells; and the like that is none."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from random import Random

import pytest
from taking import AUDITOR, REDACTOR
from tests.support import growth

RNG = Random(20)
HEX = "0123456789abcdef"
MIXED = string.ascii_letters + string.digits


def some(letters: str, size: int) -> str:
    return "".join(RNG.choice(letters) for _ in range(size))


HEX32, HEX40, RUN = some(HEX, 32), some(HEX, 40), some(MIXED, 36)
PARTS = "b4Kd" + "Z2mQ." + some(MIXED, 40)
SLASHES = "/".join(("Hb4" + some(MIXED, 12), some(MIXED, 15) + "7", some(MIXED, 14) + "q"))
#: The same of a length that is no whole number of bytes; letters of one case alone.
SLASHED = SLASHES + "/" + some(MIXED, 11) + "/" + some(MIXED, 9)
SMALL = "qhxvkzwpj" + "rfmdtbgcl" + "nxzqkvwh"
WORD = "Tun" + "dra$e49" + "21x"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # the service's name is all that tells
        ('rawg = "{}"', HEX32),
        ("assemblyai: {}", HEX32),
        ("wandb: {}", HEX40),
        ("wandb_api_key: {}", RUN),
        ("X_HONEYCOMB_TEAM: {}", HEX32),
        ("agora.app_certificate={}", HEX32),
        ("owm = '{}'", HEX32),
        ('"new-york-times": "{}"', HEX32),
        ("CC_TEST_REPORTER_ID: {}", HEX40 + HEX[:8] + HEX32[:16]),
        ("wechat.key = {}", HEX32),
        ('"sentry-key": "{}"', HEX40),
        # an id and a secret with a dot between; base64 with slashes by chance
        ("flagsmith api_key={}", PARTS),
        ('client_api_key = "{}"', SLASHES),
        ("MUX_TOKEN_SECRET={}", SLASHED),
        ("ACME_API_TOKEN={}", SMALL),
        ("hf" + "_{}", SMALL + "wjzkqxvp"),
        ("login with sk-or" + "-v2-{} please", some(MIXED, 22)),
        ("xapp" + "-12-a0B1c2D3e4F-4719283746512-{}", HEX40 + HEX[:8]),
        # a user of a URL, without a password
        ("index-url = https://{}:@pypi.acme.io/team", RUN),
        ("calendarific: {}", HEX40),
        ("zenrows={}", HEX40),
        ("[DEBUG] scraperapi -> {}", HEX32),
        # a dotted name
        ("coinlib.key={}", HEX32),
        ("tls.key: {}", RUN),
        # a call that takes a key first
        ('client = Client("{}")', RUN),
        ('let c = Client::new("{}");', HEX40),
        ("mandrill.configure('{}')", RUN),
        ('new AcmeClient("{}")', HEX40),
        ("auth=OAuth('{0}', '{0}q')", RUN),
        ('algoliasearch.Client("APPID", "{}")', HEX40),
        ("Client(account_sid, '{}')", HEX32),
        # a label above it, a sentence around it
        ("# acme api key\n{}", HEX40),
        ("API key\n{}\n", RUN),
        ("$ openssl rand -hex 20\n{}", HEX40),
        ("New token created: {}", HEX40),
        ("Incorrect API key provided: {}. You can find", RUN),
        ("ERROR: invalid api key {} for project", RUN),
        ("use this key \N{RIGHTWARDS ARROW} {}", RUN),
        # the same key again
        ("token = '{0}' | '{0}'", RUN),
        ("API_KEY={0}\n$ ping {0} ok", HEX40),
        ("my github pat is {}", RUN),
        # a value on the next line, as a shell goes on
        ("export API_KEY=\\\n{}", RUN),
        ('KEY="\\\n  {}"', RUN),
        ("https://api.tool.io/v1?appid={}&q=1", HEX32),
        # commands
        ("cargo login {}", RUN),
        ("aws configure set aws_secret_access_key /{}0a", RUN + "q"),
        ('aws ssm put-parameter --name x --type SecureString --value "{}"', RUN),
        ('aws ssm put-parameter --name x --value "{}" --type SecureString', RUN),
        # settings, requests
        ("*:*:*:postgres:{}", WORD),
        (': PSK "{}"', RUN),
        ('s.login("ana", "{}")', WORD),
        ("https://app.tool.io/cb?code={}&state=9", RUN),
        ("X-Session-Id: {}", HEX32),
        ('"e":"AQAB","d":"{}"', RUN * 2),
    ],
)
def test_it_is_found(text: str, value: str) -> None:
    whole = text.format(value)
    out = REDACTOR.text(whole)
    assert value not in out
    assert REDACTOR.text(out) == out


@pytest.mark.parametrize(
    "text",
    [
        'openai: "gpt-5.1-codex"',
        "apiKey: settings2.defaultKeyForStaging3",
        'cache_entry_key = "0f8fad5bd9cb469fa16570867728950e"',
        "vercel: deployed to production in 12s; miro = new Board(options)",
        'api_key = "config/environments/production/secret-storage"',
        "API_TOKEN=tokens/staging/service2/current",
        "API_TOKEN=someverylongplaceholderofwords",
        "hf" + "_transformersmodelloaderconfigfiles",
        "toggle = true; toggle_a1b2c3d4e5f6a7b8 = 1",
        f"Cache restored from key: Linux-node-{HEX40}{HEX}{HEX[:8]}",
        'ETag: W/"cd40276bac-77bdSYjiIwLF64aTwHXz8dAjZ1P"',
        "implementation 'io.jsonwebtoken:jjwt-api:0.11.5'",
        "ask for a password\nprompt_l10n:\n  - x",
        '"server.key": "d41d8cd98f00b204e9800998ecf8427e"',
        'client = Client("localhost:6379")',
        'db = Client("analytics-warehouse-eu-west-1")',
        'Client("0f8fad5b-d9cb-469f-a165-70867728950e")',
        'Api(name="list-of-all-known-resources", ttl=3600)',
        "?code=not_found_in_this_region",
        "X-Session-Id: 0f8fad5b-d9cb-469f-a165-70867728950e",
        "aws ssm put-parameter --name x --type SecureString --value $VALUE",
        "the key was set to default",
        "export KEY=\\\n  --next-option=of-the-command",
        "https://api.tool.io/v1?appid=weather-app&q=1",
        "cargo login --registry internal",
    ],
)
def test_it_is_left_alone(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_an_apostrophe_is_part_of_an_irish_name_and_no_quote() -> None:
    host = "tradewind" + ".co"
    assert "neil" not in REDACTOR.text(f"From: j.o'neil@{host}")
    assert REDACTOR.text(f"x = b'ana@{host}'").startswith("x = b'person-")


def test_a_call_in_another_text_or_far_before_tells_of_no_key() -> None:
    opened, told = "It begins with Client( and goes on", f'note "{RUN}" here'
    assert REDACTOR.texts([opened, told]) == [opened, told]
    far = opened + " and on" * 100 + told
    assert REDACTOR.text(far) == far


@pytest.mark.parametrize(
    "value", ["https://docs.acme.org/rfc/" + HEX32[:12], "Omni2_5Token2WavBigVGANModel"]
)
def test_what_has_words_in_it_goes_at_the_place_of_its_name_alone(value: str) -> None:
    (found,) = REDACTOR.find(f"Authorization: Token {value} See class {value}(Base)")
    assert found.start < 60


def test_a_block_of_credentials_says_it_for_its_lines() -> None:
    one, two, other = "Meadow" + "4921x", "qW8rt" + "zuP2", "Harbour" + "77q"
    text = (
        f"credentials:\n  user: ada\n  secret: {one}\n  ben: {two}  # until may\n"
        f"next:\n  ada: {other}\n  eve: {one}\n"
    )
    out = REDACTOR.text(text)
    assert one not in out  # what was told once is known
    assert other in out
    assert two not in out
    assert "  user: ada\n" in out
    assert "  # until may\nnext:\n" in out
    assert REDACTOR.text(out) == out
    kept = json.dumps({"content": text, "note": "x"})
    clean = REDACTOR.text(kept)
    assert two not in clean
    assert json.loads(clean) == {"content": out, "note": "x"}
    assert len(AUDITOR.scan(kept.encode(), "f")) == 3


def test_a_member_of_a_thing_in_code_is_no_key_of_a_file() -> None:
    code = "e.keyCode===32?o.key=r.C0.NUL:e.keyCode>=51&&e.keyCode"
    assert REDACTOR.text(code) == code


_ID = "x8Kq" + "2mWv9RtB4nLs7Yd3"


@pytest.mark.parametrize(
    "text",
    [
        f'elevenlabs_voice = "{_ID}"',
        f"ELEVENLABS_VOICE={_ID}",
        f'stripe_price = "price_1P{_ID}"',
        f"STRIPE_PRODUCT=prod_{_ID[:14]}",
        f'stripe_customer: "cus_{_ID[:14]}"',
        f'sendgrid_template_id = "d-{_ID}"',
        f"SENTRY_PROJECT=45{'0552543334'}2820",
    ],
)
def test_what_a_service_has_is_no_key(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize("name", ["AIRTABLE", "coinbase", "statuspage", "plaid", "squarespace"])
def test_services_that_are_named_like_a_thing_have_keys(name: str) -> None:
    for text in (f'{name} = "{HEX32}"', f"{name}: {HEX32}"):
        assert HEX32 not in REDACTOR.text(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~ pass" + f'word = "old-{_ID}" -> "new-{_ID[::-1]}"', f"new-{_ID[::-1]}"),
        (f".example.test\tTRUE\t/\tFALSE\t0\tsid\t{_ID}", _ID),
        (f"https://hooks.zapier.com/hooks/catch/481{516}/b{_ID[:6].lower()}/", _ID[:6].lower()),
        ("'pass" + f"word' => bcrypt('{_ID}')", _ID),
        (f"admin:$$2y$$05$${_ID * 2}{_ID[:13]}", _ID),
    ],
)
def test_a_value_as_programs_keep_it(text: str, value: str) -> None:
    assert value not in REDACTOR.text(text)


def test_what_is_nearly_a_ticket_is_read_once() -> None:
    """A hash that is none is not read again from each place in it that looks like a beginning."""
    unit = "$krb5" + "tgs$23$" + "a" * 40

    def tickets(count: int) -> Callable[[], None]:
        text = unit * count

        def redact() -> None:
            assert REDACTOR.text(text) == text

        return redact

    assert growth(tickets, 500) < 24
