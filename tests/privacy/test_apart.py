"""Secrets whose name stands apart from them, or is told in other words; and the like that is none.
Values are put together when the tests run."""

from __future__ import annotations

import pytest

from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

VALUES = {
    "p": "Tundra" + "%" + "49" + "21x",
    "k": "q7Zt" + "0mVbX3" + "nRk81L" + "sWd5Yc" + "HpU2ea" + "9f",
    "w": "oak" + "leaf",
    "d": "root" + "root1",
    "l": "ZP9VR-IH" + "QYM-4NL54-93" + "1HU-1Z3MW",
    "b": "X4AYBEAK" + "TI5QZARBGRYD" + "PXGLIY6G5KOE",
    "m": "Vrk" + "Qel7" + "Ntu",
    "s": "Winter" + "Secret" + "24!",
}


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(b"apart", Vocabulary(), PrivacyOptions())


@pytest.mark.parametrize(
    "text",
    [
        # in another tag, another attribute, another field
        "<init-param><param-name>db.password</param-name><param-value>{p}</param-value>",
        "<key>ApiKey</key>\n\t<string>{k}</string>",
        '<setting name="ApiToken" serializeAs="String"><value>{k}</value></setting>',
        '<data name="Password" xml:space="preserve">\n  <value>{p}</value>\n</data>',
        '<input value="{p}" name="password" type="text">',
        '<input type="password" id="x1" value="{p}">',
        '{"value": "{p}", "key": "DB_PASSWORD"}',
        '{"key": "adminPw", "value": "{p}"}',
        "- name: ADMIN_PW\n  value: {p}",
        "ParameterKey=DBPassword,ParameterValue={p}",
        'keychain.set("{k}", key: "refreshToken")',
        'prefs.set("{p}", forKey: "password")',
        "wifi_psk: {p}",
        "ssid=Home\npsk={p}",
        "net use * \\\\10.0.0.4\\c$ /u:admin {p}",
        "password_confirmation: {s}",
        "SSWS 00{k}",
        "API_KEYS={k},x{k}",
        "host\tlogin\tpassword\nweb1\tada\t{p}\n",
        '"db_password": {\n  "sensitive": true,\n  "type": "string",\n  "value": "{p}"\n}',
        "&lt;password&gt;{p}&lt;/password&gt;",
        '1) "requirepass"\n2) "{p}"',
        "<tr><td>Password</td><td>{p}</td></tr>",
        "│ password │ {k} │",
        # on the next line
        "$ terraform output -raw admin_password\n{p}",
        "$ wg genkey | tee privatekey\n{k}=",
        "$ wg genkey\n\n{k}=\n",
        "Your token:\n{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}{k}\n",
        "The password was wrong, the new one is {m}.",
        "The password of the new user (change it soon):\n\n  {k}\n",
        # in several literals
        'api_key = "{k}" + "{k}"',
        'key = ("{k}"\n       "{k}")',
        "static const char api_key[] = {q}{k}{q};",
        # in mail
        "password=3D{p}=20",
        "token: see below, user=3Dada=20\ntoken=3D{k}=\n{k}",
        # calls
        'jwt.encode(payload, "{k}", algorithm="HS256")',
        "jwt.sign({ id }, '{k}', { expiresIn: '1d' })",
        'Fernet(b"{k}=")',
        '.basic_auth("ada", Some("{p}"))',
        'page.fill("#password", "{p}")',
        'dsn := "root:{k}@tcp(db:3306)/app"',
        # headers and options
        "Authorization: Zorbix {k}",
        '"Authorization": "{k}"',
        "zorbix --auth {k} sync",
        "POST https://api.zorbix.test/hooks/{k}",
        "License key: {l}",
        "TOTP seed: {b}",
        "[mail.acme.test]:587 someone:{p}",
        # sentences
        "Session token for ada is {k}",
        "The access key we got is {k}",
        "- API Key — {k}",
        "ID/PW: master/{p}",
        "You can ssh in with root:{p}",
        "It failed, the new one is {p}.",
        "мой токен {k}",
        "我的密钥是{k}",
        "APIキーは {k} です",
        "jelszó: {p}",
        "암호: {p}",
        "mật khẩu: {p}",
        "סיסמה: {p}",
        "รหัสผ่าน: {p}",
        "كلمة المرور: {p}",
        # passwords that people set
        "username: ada\npassword: {w}\n",
        "  password: {w}\n  host: db\n",
        "MYSQL_ROOT_PASSWORD: {d}",
        'password = "{s}"',
        "pass = {k}",
        '{"user": "ada", "pass": "{w}"}',
        "user: ada\npass: {w}\nport: 5432\n",
        "auth: { username: 'ada', pwd: '{w}' }",
        # as programs and people of other lands write them
        "비밀번호 {k}",
        "패스워드({k})",
        "203.0.113.9 (master/{k})",
        "<PW>{k}</PW>",
        "CREATE USER ada IDENTIFIED BY {k};",
        "UPDATE mysql.user SET authentication_string = PASSWORD ('{p}');",
        "smtps://ada@mail.test:{k}@smtp.mail.test:465",
        "tool --pass {p} run",
    ],
)
def test_taken(redactor: Redactor, text: str) -> None:
    for name, value in {**VALUES, "q": '"'}.items():
        text = text.replace("{" + name + "}", value)
    out = redactor.text(text)
    assert not [name for name, value in VALUES.items() if value in out]
    assert redactor.text(out) == out


@pytest.mark.parametrize(
    "text",
    [
        "<th>password</th><th>string</th>",
        "<td>api_key</td><td>optional</td>",
        "<key>CFBundleSigningKey</key><string>com.acme.app.signing</string>",
        '<input type="password" name="password" value="" placeholder="Enter your password">',
        '<option value="token" name="key">',
        '"password": {"type": "string", "default": "changeme"}',
        '{"name": "token_type", "value": "bearer"}',
        "$ git log --oneline token.py\n" + "9f8e7d6c5b4a" * 3 + "0011",
        "$ echo the password\ninternationalization",
        "def reset(password):\n    raise NotImplementedError",
        "interface Login {\n  username: string\n  password: string\n}",
        "username: Benutzername\npassword: Passwort\n",
        "username: required\npassword: required\n",
        "A_TOKEN=\nB_URL=postgres://user:password@localhost/db",
        "Authorization: AWS4-HMAC-SHA256 Credential=x",
        "password_encryption = scram-sha-256",
        "jwt.decode(token, options, 'HS256')",
        "License: Apache-2.0-WITH-LLVM-exception",
        "ID/PW are required",
        "the new one is better-than-before",
        "The old one was Python" + "3.8, the new one is Python" + "3.11.",
        "the new one: CVE-2024-3094",
        "Total tokens:\nclaude-3-5-sonnet-20241022",
        "max_tokens by model:\n  gpt-4o-2024-05-13\n",
        "https://securetoken.google.com Example:\n  someone@example.com",
        "$ docker run -d -e POSTGRES_PASSWORD=x postgres:16\n" + "f2a5b8e7c9d0e1f2" * 4,
        "$ docker inspect -f id web\n" + "f2a5b8e7c9d0e1f2" * 4 + "\n$ cat token\nhello_there",
        "id: 17" + "00000000001",  # milliseconds
        "auth.add_password('digest_test_realm', localhost, user)",
        "CREATE ROLE app WITH LOGIN PASSWORD NULL;",
        "check password(newValue)",
        '{"user": "string", "pass": "string"}',
        "go test --pass 12 cases",
        'password = "Test' + '1234!"',
        'password = "ChangeMe' + '123!"',
        'password = "supersecret"',
    ],
)
def test_left_alone(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_a_long_key_of_many_literals_goes_as_one(redactor: Redactor) -> None:
    lines = " +\n".join(f'  "{VALUES["k"]}{n:02}"' for n in range(40))
    out = redactor.text(f'const signingKey = {lines.strip()}\nnext = "line"')
    assert VALUES["k"] not in out
    assert out.endswith('"\nnext = "line"')


def test_a_pseudonym_tells_nothing_of_the_line_below(redactor: Redactor) -> None:
    """`REDACTED_..._SECRET_...:` stands where no word for one stood: what is below was left, and
    the gate would stop what redaction made."""
    key = "QtT" + "8Q~_Ij~RouHVpD2Tuf3oHWGh.DQ3kcjbAn"
    for mark in (":", "\\:"):
        out = redactor.text(f"{key}{mark}\n{VALUES['k']}\n")
        assert key not in out
        assert redactor.text(out) == out
