"""Secrets in fragments of work: collections, sign-ins, cookies, codes, what a command prints; and
the like that is none. Values are put together when the tests run: a tilde parts them."""

from __future__ import annotations

import pytest
from taking import REDACTOR, TYPED, H, N, check_taken, gone

from sessiontune.privacy import web

_RUN = f"[a-z][A-Z][0-9]{N}{{29}}"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('users = {{"ada": "{}", "bob": ""}}', TYPED),
        ('[passwords]\nada = "{}"\n', TYPED),
        ('TOKENS = [\n    "{}",\n]', _RUN),
        ("- Router: admin / {}", TYPED),
        ("**Grafana**: `admin` : `{}`", TYPED),
        ("NAS (192.168.1.20) login: ada / {}", TYPED),
        ("passwordless_token={}", _RUN),
        ('websocket_key = "{}"', _RUN),
        ("Cookie: zk={}; consent=yes", _RUN),
        ("cookie=theme=dark; zk={}; cookie=a=b; q=1", _RUN),
        ("Set-Cookie: acme_sid={}; Path=/", _RUN),
        ("curl -b 'uid=118; tok={}' https://acme.io", _RUN),
        ('$ echo "$DB_PASSWORD"\n{}\n$ ls', "[a-z]{6}fly[0-9]{2}"),
        (">>> os.environ['DB_PASS']\n'{}'", "[a-z]{6}fly[0-9]{2}"),
        ('#define WIFI_PASS "{}"', TYPED),
        ("mysql -h db -u root -p'{}' shop", TYPED),
        ("SET PASSWORD FOR 'web'@'%' = '{}';", TYPED),
        ('smtp.PlainAuth("", "ada@~acme.io", "{}", "smtp.acme.io")', TYPED),
        ('hash = bcrypt.hashSync("{}", 10)', TYPED),
        ('WiFi.begin("home", "{}");', TYPED),
        ("new Client(['auth' => ['ops', '{}']]);", TYPED),
        ('db_password: SecretStr = SecretStr("{}")', TYPED),
        ('new Acme("k3Yf9aQz7L~mN2bVc8XpR4tWd", "{}")', _RUN),
        ("334 UGFzc3dvcmQ6\n{}\n235 ok", "[A-Z][a-z]{2}[0-9][A-Za-z]{9}="),
        ("userPassword:: {}\n", "[A-Z][a-z]{2}[0-9][A-Za-z]{9}="),
        ("stats:{{SHA}}{}=", f"{N}{{27}}"),
        ("kubeadm join 10.0.0.4:6443 --token {} --x", "[a-z][0-9]{3}[a-z]{2}\\.[a-z0-9]{16}"),
        ("microk8s join 192.168.1.8:25000/{}", f"{H}{{32}}/{H}{{12}}"),
        ("mc alias set store https://s3.acme.net ada {}", f"{N}{{40}}"),
        ("初始账号 admin / {}(请登录后立即修改密码)", TYPED),
        ("- **Customer**: ada@~acme.io / {}", TYPED),
        ("sqlcmd.exe -S db -d shop -U ada -P {} -I", TYPED),
        ('"C:\\\\Windows\\\\net.exe user ada {} /add"', TYPED),
        ("$pw = Sensitive.new('{}')", TYPED),
        ('flyway.setDataSource("jdbc:postgresql://db/shop", user, "{}");', TYPED),
        ('RECOVER_PASS = "{}"', "(donkey|ginger)-(copper|tundra)-[1-9][0-9]{2}"),
        ('MasterUserPassword:     aws.String("{}"),', TYPED),
        ('.password(passwordEncoder.encode("{}"))', TYPED),
        ("User.first.valid_password?('{}')", TYPED),
        ('And I fill in "Passwort" with "{}"', TYPED),
        ('"client_secret=" + URLEncoder.encode("{}", UTF_8)', TYPED),
        ("('shop-dbpass','{}','string')", TYPED),
        ("docs: <code>mysql -u root -p{}</code>.", TYPED),
        ("postgresql://<user>:{}@ep.acme.tech/shop", TYPED),
        ("JWT_SECRET={}", "(Donkey|Ginger|Nickel)[0-9]{5}[!@#]"),
        ("process.env.CRON_SECRET = '{}'", "(Donkey|Ginger|Nickel)[0-9]{5}[!@#]"),
        ('["run", "--api-key",\n  "{}"]', _RUN),
        ("| S3_SECRET_KEY | 秘密访问密钥 | {} |", _RUN),
        ('accessTokenSecret: "{}"', _RUN),
        ('tokenString := "{}"', _RUN),
        ("  password: {}\n", "q[vwxz]{3} [bcdf]{4} z[qxwv]{3} [hjkl]{4}"),
        ('app.secret_key = b"{}"', "(\\\\x[89a-f][0-9a-f]){8}Q[a-z]{4}7"),
    ],
)
def test_a_secret_in_its_place_is_taken(text: str, form: str) -> None:
    check_taken(text.replace("~", ""), form)


@pytest.mark.parametrize(
    "text",
    [
        "PIN=75{}26",
        "- Door code: 75{}26",
        'alarm_code: "75{}26"',
        "My phone pin is 75{}26 and",
        "die PIN für die Alarmanlage 75{}26",
        "SIM PIN 75{}26, done",
        "the verification code they texted me is 75{}26.",
    ],
)
def test_a_code_of_digits_is_taken(text: str) -> None:
    code = "75" + "16" + "26"
    assert code not in REDACTOR.text(text.format("16"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("BDAY:1984~0317\n", "1984~0317"),
        ('"birthDate": "1984~0317"', "1984~0317"),
        ("Geburtsdatum des Kunden: 20.1~2.1952", "20.1~2.1952"),
        ("LINESTRING(8.6~82127 50.~110924, 8.6~9 50.~12)", "50.~110924"),
        ('"coordinates": [[8.6~82127, 50.~110924], [8.6~82128, 50.~110925]]', "50.~110925"),
        (
            '{"type": "Polygon", "coordinates": [\n  [\n'
            + " " * 30
            + "[\n 8.6~82127,\n 50.~110924\n]",
            "50.~110924",
        ),
        (
            '{"type": "LineString", "coordinates": [[8.6~82127, 50.1], [9, 51], [8.6~82127, 50.1]]',
            "8.6~82127",
        ),
        ("$ ssh a~da@zeus~-7 uptime", "zeus~-7"),
        ("scp a.tgz a~da@web0~3.acme.net:/srv", "web0~3.acme.net"),
        ("Host b\n    Host~Name zeus~-7\n    User jdvo~rak\n", "jdvo~rak"),
        ("Host b\n    Host~Name zeus~-7\n    User jdvo~rak\n", "zeus~-7"),
        ("Mar  3 10:~11:12 zeus~-7 sshd[2211]: Accepted", "zeus~-7"),
        (" Static host~name: zeus~-7\n", "zeus~-7"),
        ("psql -h main~.cot21evtxyuz.eu-west-1.rds.amazonaws.com", "main~.cot21evtxyuz"),
    ],
)
def test_a_date_and_a_place_are_taken(text: str, value: str) -> None:
    assert gone(text.replace("~", ""), value.replace("~", ""))


@pytest.mark.parametrize(
    "text",
    [
        'users = {"id": "U-2024x", "role": "ops-2024X", "name": "Ada-99x"}',
        'TOKENS = ["Identifier", "StringLiteral2", "content_block_delta_2"]',
        "- editors: admin / reviewer2",
        "admin:x:1000:1000::/home",
        "root: Node20-alpine/x",
        "Cookie: theme=dark; _ga=GA1.2.1187263541.1737281921; lang=en",
        "Set-Cookie: locale=de-DE; Max-Age=31536000",
        "$ echo $PWD\n/srv/app",
        ">>> check_password(raw)\nTrue",
        "PIN the version to 1.2.3; pin: 13; PIN_COUNT=4096",
        "the status code is 4031; error code: 50001",
        "aggregate code: 4711; block_code = 4711; bypass code is 4711",
        "OTP = 300000",
        "  password: must have more than",
        "type Config struct {\n\tHostName string\n\tPort     int\n\tUser     string\n}",
        "Nov 28 12:12:12 INFO app[12]: started",
        'tokens = {"colorPrimary": "#1677ff", "accent": "Rose-400"}',
        "accounts = {'savings': 'ACC-0012X', 'checking': 'ACC-0013Y'}",
        "The HostName property is\n  Port 8080\n  User clicks the button",
        'users = ["8f14e45fceea167a5a36dedd4bea2543", "65f1c2a9b7d64e0f5a1c3f2a"]',
        'accounts: ["0x52908400098527886E0F7030069857D2E4169EE7"]',
        'secrets: { githubToken: "GITHUB_TOKEN_2" }',
        "FROM acme/admin:Rel-2024a AS x; docker run shop-admin:build-12aX",
        "LINESTRING(0 0, 10 10, 20 25)",
        '"coordinates": [[0, 0], [1, 1]]',
        "ssh git@github.com",
        "Mar  3 10:11:12 localhost kernel: Linux",
        "Failed health-check for pod from node; the session opened for visitor in 5s",
        "the session opened for user visitor in 5s",
        "DTSTAMP:20260303T090000Z",
        'send("ada@example.com", "2024-01-01")',
        'new ThemeProvider("light-mode-primary", "dark-mode-secondary")',
        'route(admin / getUser2Id("x"))',
        "net user ada * /add",
        'connect("jdbc:postgresql://db/shop", user, password)',
        "postgresql://<user>:<password>@ep.acme.tech/shop",
        'JWT_SECRET="Hash + Salt!"',
        "total tokens: 4711; maxTokens = 81920",
        'And I fill in "Password" with "secret"',
        '["--api-key",\n  "--verbose"]',
        "| API_KEY | the key of the service | required |",
    ],
)
def test_what_looks_like_it_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_a_password_full_of_signs_is_taken() -> None:
    assert gone("wifi_password: 9Hqo=yYY" + "&-d?Wt&n", "9Hqo=yYY" + "&-d?Wt&n")


def test_a_password_that_was_told_once_is_known_in_the_text() -> None:
    value = "Kestrel" + "7&hill"
    told = f"the admin password is {value}, so I tried\n  login admin {value} and it works"
    assert value not in REDACTOR.text(told)
    assert "login admin" in REDACTOR.text(told)


def test_each_cookie_of_a_line_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []
    monkeypatch.setattr(web, "_is_session", lambda part: bool(looked.append(part)))
    REDACTOR.text("cookie=a=b; zk=1; " * 300)
    assert len(looked) < 1000
