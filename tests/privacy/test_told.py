"""Secrets in sentences, tables, comparisons and calls; names as programs print them; and the like
that is none. Values are put together when the tests run."""

from __future__ import annotations

import base64
import json

import pytest

from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

PASSWORD = "Tundra" + "%" + "49" + "21x"
LETTERS = "zHGtuq" + "VVCawvHJIJ"  # no digit, no word
HEX = "e725f76a63693176d841" + "f5875494ccb650051f14"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(b"told", Vocabulary(), PrivacyOptions())


@pytest.mark.parametrize("value", [PASSWORD, LETTERS], ids=["signs", "letters"])
@pytest.mark.parametrize(
    "sentence",
    [
        "das Passwort ist {v}",
        "Mein Kennwort für den Server lautet {v}.",
        "le mot de passe pour le serveur est {v}",
        "la contraseña es {v}",
        "Contraseña: {v}",
        "contraseña nueva del panel: {v}",
        "كلمة المرور الجديدة للوحة: {v}",
        "mật khẩu mới của máy chủ: {v}",
        "la password è {v}",
        "a senha é {v}",
        "hasło to {v}",
        "пароль: {v}",
        "lösenordet är {v}",
        "密码是{v}，请登录",
        "root 的密码为{v}",
        "パスワードは{v}です",
        "비밀번호는 {v} 입니다",
        "Das neue Passwort heißt {v}",
        "Das Passwort wurde auf {v} gesetzt",
        "le nouveau mot de passe sera {v}",
        "le mot de passe d'accès est « {v} ».",
        "mdp : {v}",
        "identifiants : root / {v}",
        "la nueva contraseña será {v}",
        "a palavra-passe é {v}",
        "La password di accesso è {v}",
        "dane logowania: admin / {v}",
        "пароль от базы {v}",
        "пароль такой: {v}",
        "sunucu parolası {v}",
        "密码是“{v}”",
        "账号 admin 密码 {v}",
        "パスワードは「{v}」です",
        "adgangskoden er {v}",
        "mật khẩu là {v}",
        "password changed from {v}",
        "log in with admin and {v}",
        "the db is at db.corp.net, user app, pass {v}, db shop",
        "log in with user admin and password {v} please",
        "credentials: admin:{v}",
        "use admin / {v} to log in",
        "id pw ada // {v}",
        "ID PW ada {v}",
        "ID-ada/PASS-{v}",
        "username-ada password-{v}",
        "password설정은 {v}",
        "비번(default:{v})",
    ],
)
def test_a_password_in_a_sentence(redactor: Redactor, sentence: str, value: str) -> None:
    text = sentence.replace("{v}", value)
    out = redactor.text(text)
    assert value not in out
    before, after = sentence.split("{v}")
    assert out.startswith(before)
    assert out.endswith(after)


def test_both_values_of_a_change(redactor: Redactor) -> None:
    out = redactor.text(f"the password was changed from {PASSWORD} to {PASSWORD[::-1]}, tell Ada")
    assert PASSWORD not in out
    assert PASSWORD[::-1] not in out
    assert out.endswith(", tell Ada")
    assert redactor.text(out) == out


def test_how_passwords_are_kept_is_no_password(redactor: Redactor) -> None:
    for text in ("密码改成bcrypt2", "the password is sha256", "das Passwort ist argon2id"):
        assert redactor.text(text) == text


@pytest.mark.parametrize(
    "command",
    [
        "sed 's|^DB_PASS=.*|DB_PASS={v}|' .env",
        'sed -i "s|^export DB_PASS=.*$|export DB_PASS={v}|g" .env',
        "sed -i 's#^DB_PASSWORD=[^ ]*#DB_PASSWORD={v}#' .env && docker compose up",
        r'{"cmd": "sed -i \"s/^SECRET_KEY=.*/SECRET_KEY={v}/g\" .env"}',
    ],
)
def test_a_command_that_edits_keeps_all_but_the_value(redactor: Redactor, command: str) -> None:
    out = redactor.text(command.replace("{v}", HEX))
    before, after = command.split("{v}")
    assert out.startswith(before)
    assert out.endswith(after)
    assert HEX not in out
    assert redactor.text(out) == out


@pytest.mark.parametrize(
    "text",
    [
        'if token == "{v}":',
        "deploy_token !== '{v}'",
        "wandb_api_key: >-\n  {v}\nregion: eu\n",
        "| `WANDB_API_KEY` | `{v}` |",
        "- **WANDB_API_KEY**: `{v}`",
        "WANDB_API_KEY,{v},prod\n",
        "WANDB_API_KEY            {v}\n",
        'setx WANDB_API_KEY "{v}" /M',
        'gh secret set WANDB_API_KEY --body "{v}"',
        "aws configure set aws_secret_access_key {v}",
        "sed -i 's|^API_KEY=.*|API_KEY={v}|' .env",
    ],
)
def test_a_key_in_a_table_a_comparison_a_block_of_yaml(redactor: Redactor, text: str) -> None:
    assert HEX not in redactor.text(text.replace("{v}", HEX))


@pytest.mark.parametrize(
    "text",
    [
        "server.login('bot', '{v}')",
        "requests.get(url, auth=('deploy', '{v}'))",
        "mysqli_connect('localhost', 'root', '{v}', 'shop');",
        "cy.get('input[name=password]').type('{v}')",
        "CREATE ROLE app WITH LOGIN PASSWORD '{v}';",
        'network={\n  ssid="home"\n  psk="{v}"\n}',
        "nmcli dev wifi connect home password {v}",
        "bundle config gems.example.org deploy:{v}",
        'keystorePass: "{v}",',
    ],
)
def test_a_password_among_arguments(redactor: Redactor, text: str) -> None:
    value = "Un9RGx" + "HX389q"
    assert value not in redactor.text(text.replace("{v}", value))


USER = "bnovak" + "93"
HOST = "cedar-48.prod" + ".tundra.internal"
ADDRESS = "52.214" + ".249.154"


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("-rw-r--r-- 1 {v} {v} 1024 Jan 1 10:00 a.txt", USER),
        ("drwxr-xr-x@  8 {v}  staff   256 29 Jan 11:40 src", USER),
        ("ssh {v}@10.0.0.3", USER),
        ("scp a.txt {v}@10.0.0.3:/srv", USER),
        ("SHLVL=1\nUSER={v}\n", USER),
        ("{v}  pts/0  2026-03-03 10:00 (10.0.0.2)", USER),
        ("uid=1000({v}) gid=1000({v})", USER),
        ("Host prod\n  HostName {v}\n  User deploy\n", HOST),
        ("ping {v}", HOST),
        ("To git" + "hub.com:{v}/glacier.git\n", "tundra" + "hq"),
        ("server {v}:443 up", ADDRESS),
    ],
)
def test_accounts_and_machines_as_programs_print_them(
    redactor: Redactor, text: str, gone: str
) -> None:
    out = redactor.text(text.replace("{v}", gone))
    assert gone not in out
    assert redactor.text(out) == out


@pytest.mark.parametrize("way", ["{} {}", "{},{}", "{} ({})", "{}({})", "{} -> {}", "{}-->{}"])
def test_who_signs_in_behind_a_machine(redactor: Redactor, way: str) -> None:
    value = "Ihq" + "Sb1Gg"
    out = redactor.text(way.format("10.20.30.40", f"ada/{value}"))
    assert value not in out
    assert "10.20.30.40" in out


def test_a_short_key_behind_its_name(redactor: Redactor) -> None:
    value = "AIhq5Xyb" + "1Gga9Q"
    for text in ("Client secret {}", "the access-key {}", "secret ({})", "API token {}"):
        assert value not in redactor.text(text.format(value))
    for text in ("token handler2Factory9", "secret (TLSv13Config22)", "token BaseClass2Impl3X"):
        assert redactor.text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Das Passwort muss mindestens 8 Zeichen lang sein.",
        "La contraseña es obligatoria.",
        "密码：至少8个字符",
        "パスワード: 8文字以上",
        json.dumps({"password": "Contraseña: mínimo 8 caracteres"}),
        "'password' => 'required|string|min:8',",
        "protected $hidden = ['password', 'remember_token'];",
        f"cache key: node_modules-{HEX} restored",
        'if tok == "identifier2":',
        'if key == "Content-Type" {',
        "| `secret` | `access_token` |",
        'client.login("admin", "admin")',
        "-rw-r--r-- 1 www-data www-data 10 Mar  3 2025 index.php",
        "drwxr-xr-x 12 root staff 4096 Jan 10 09:00 node_modules",
        "sudo -u postgres psql",
        "api.default.svc.cluster.local",
        "threading.local",
        "uid=0(root) gid=0(root)",
        "x-pw-serviceworker: `skip`",
        "ctc_" + HEX + "0123456789",
    ],
)
def test_the_like_that_is_none_stays(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        'user.setPassword("{p}");',
        'String password = String.valueOf("{p}");',
        'password := []byte("{p}")',
        "password: new String('{p}')",
        'password="""{p}"""',
        "$password = Hash::make('{p}');",
        'entry = DirectoryEntry("LDAP://dc1", "corp\\\\svc", "{p}");',
        "request.basic_auth 'anna', '{p}'",
        "net user anna {p} /add",
        "snmp-server community {p} RO",
        "Ensure the password for user 'postgres' is '{p}' or change it",
        'jwtSecret := []byte("{k}")',
        'client.setApiKey("{k}")',
        'api_key = SecretStr("{k}")',
        "config.api_key '{k}'",
        'final Key AES_KEY = new SecretKeySpec("{k}".getBytes(), "AES");',
        'buildConfigField "String", "SERVICE_TOKEN", "\\"{k}\\""',
        '<string name="service_token">{k}</string>',
        "set SERVICE_PAT to {k} and restart",
        "username anna password 7 {c}",
    ],
)
def test_a_secret_behind_a_call_or_in_a_file_of_a_kind(redactor: Redactor, text: str) -> None:
    values = {"p": PASSWORD, "k": HEX, "c": "08224" + "55D0A16"}
    for mark, value in values.items():
        if "{" + mark + "}" in text:
            out = redactor.text(text.replace("{" + mark + "}", value))
            assert value not in out
            assert redactor.text(out) == out


@pytest.mark.parametrize(
    "text",
    [
        'token := r.Header.Get("X-aws-ec2-metadata-token")',
        "password = getpass('Password2: '), key = os.getenv('API_KEY_V2')",
        "t('password.min8'), describe('token v2'), KeyError('missing_key_1')",
        "def sign(rsa_key: RsaKey) -> PKCS115_SigScheme:",
        "'user@odata.bind': `${base}/users`",
    ],
)
def test_a_call_that_holds_no_secret(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_code_that_looks_for_a_key_block_stays_in_a_numbered_listing() -> None:
    """The block that is none ended inside the arrow after a line's number: no text came out."""
    begin = "-----BEGIN " + "PRIVATE KEY-----"
    text = f'  1→if b"{begin}" in data or data.startswith(b"{begin}"):\n  2→    raise ValueError(1)'
    redactor = Redactor(b"salt", Vocabulary(), PrivacyOptions())
    assert redactor.text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "db_password: |\n  129→  {}\n",
        "secret_key: >-\\n  {}\\n",
        "db_password = (\n    '{}'\n)",
        "API \\u5bc6\\u94a5\\uff1a{}",
        '"type": "random_password", "instances": [{{"attributes": {{"result": "{}"}}}}]',
        "+user;password;role\n+ada;{};admin",
        "<auth-user-pass>\nada\n{}\n</auth-user-pass>",
        "le jeton d'accès : {}",
    ],
)
def test_values_on_lines_of_listings_and_in_escaped_letters(text: str) -> None:
    value = "k7Qz" + "Wm2xT9" * 2 + "vRb4LpYc8NdH"
    redactor = Redactor(b"salt", Vocabulary(), PrivacyOptions())
    out = redactor.text(text.format(value))
    assert value not in out
    assert redactor.text(out) == out


def test_the_street_of_the_next_row_is_not_told_by_what_replaced_the_first() -> None:
    """The head says address up to the first row; behind it, what replaced the first street did."""
    head = "customer name,customer e-mail,daytime telephone number,address,town"
    first, *rest = (
        f"Violet River,ada.berg@{firm}.example.org,by telephone at night,{number} Oak Drive,Dayton"
        for firm, number in (("solvana", 5535), ("quantiva", 1071), ("acmeflow", 6631))
    )
    redactor = Redactor(b"salt", Vocabulary(), PrivacyOptions())
    once = redactor.text("\n".join((head, first, *rest)))
    assert "5535 Oak" not in once
    assert redactor.text(once) == once


TOLD_ONCE = "k7Hq" + "%" + "Vw2pZ"
PLAIN = "heron" + "stone" + "58"
PAIR = base64.b64encode(f"ada:{TOLD_ONCE}".encode()).decode()
RANDOM = "q8ZtR2mVx7LbN4cW" + "9yKd"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # a password once told, elsewhere
        ("wpa_passphrase home '{v}'\n\t#psk=\"{v}\"", TOLD_ONCE),
        ("u = create(password: '{v}', password_confirmation: '{v}')", TOLD_ONCE),
        # signs that end a URL's fields and begin an assignment
        ("password: SN{v}&d=^0x9FY", TOLD_ONCE),
        ("la contraseña es jJ=y{v}", TOLD_ONCE),
        ("Ключ API — {v}", RANDOM),
        # who signs in with what, wherever `Basic` stands
        (':corp: Basic {v}\nheader Authorization "Basic {v}";', PAIR),
        ("log in to the panel as ada@~acme.io with {v} and restart", TOLD_ONCE),
        ("a1 LOGIN ada@~acme.io {v}", PLAIN),
        ("UNIFI_PASS={v}; export UNIFI_PASS", PLAIN),
        ("supabase link --project-ref abcd -p '{v}'", TOLD_ONCE),
        ("poetry config http-basic.corp ci {v}", PLAIN),
        ('lftp -e "mirror dist; bye" -u web,{v} ftp.acme.de', PLAIN),
        ('sed -i "s/^requirepass .*/requirepass {v}/" redis.conf', PLAIN),
        (': RSA vpnHostKey.pem "{v}"', TOLD_ONCE),
        ('"ada" * "{v}" *', TOLD_ONCE),
        ('ks.load(in, "{v}".toCharArray());', TOLD_ONCE),
        ('signWith(SignatureAlgorithm.HS256, "{v}")', RANDOM),
        ("Net::FTP.open('ftp.acme.de', 'web', '{v}')", TOLD_ONCE),
        ("sp_addlinkedsrvlogin 'REMOTE', 'false', NULL, 'sa', '{v}';", TOLD_ONCE),
        ('"Type": "SecureString",\n  "Value": "{v}",', RANDOM),
        ('{{"refresh":"{v}"}}', RANDOM),
        ('[{{"name":"pass","value":"{v}"}}]', TOLD_ONCE),
        ("secure: AAAB{v}", RANDOM),
        ('redis:new():auth("{v}")', TOLD_ONCE),
        ('SymmetricSecurityKey(Encoding.UTF8.GetBytes("{v}"))', PLAIN),
    ],
)
def test_a_secret_that_tools_and_people_set_so(redactor: Redactor, text: str, value: str) -> None:
    new = redactor.text(text.replace("~", "").format(v=value))
    assert value not in new
    assert redactor.text(new) == new


@pytest.mark.parametrize(
    "text",
    [
        "Basic authentication: see the page, Basic functionality:",
        "the password for userland is kept by the kernel",
        "password: userId, x = 'y'",
        'area = 2 * "width" * 3',
        'char[] c = "some-plain-words".toCharArray();',
        '{"refresh": "refresh-the-page-every-now-and-then"}',
        "secure: true",
    ],
)
def test_the_like_that_holds_none(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


#: A tilde keeps the names out of these lines themselves.
LOGGED = (
    "2026-03-03T10:13:05.112233+01:00 zeus~-7 systemd[1]: Started Session 1 of User t~kestrel.\n"
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (LOGGED, ["zeus-7", "tkestrel"]),
        (LOGGED + "Mar  3 10:13:09 zeus~-7 hostapd: wlan0: up", ["zeus-7", "tkestrel"]),
        ("<34>1 2026-03-03T10:14:15.003Z db~1.kestrel.de su - ID47 - x", ["db1.kestrel.de"]),
        ("sshd[2211]: Accepted password for t~kestrel from 10.0.0.2 port 1", ["tkestrel"]),
        ("Failed publickey for invalid user t~kestrel from 10.0.0.2", ["tkestrel"]),
        ("sudo: t~kestrel : TTY=pts/0 ; PWD=/", ["tkestrel"]),
        ("10.0.0.2 - t~kestrel [03/Mar/2026:10:11:12 +0000] GET /", ["tkestrel"]),
        ("smtpd[881]: connect from mx~2.kestrel.net[10.0.0.9]", ["mx2.kestrel.net"]),
        ("DHCPACK on 10.0.0.4 to 28:cf:~e9:1a:2b:3c (toms~-phone) via eth0", ["toms-phone"]),
        ("Logged in to github.com account t~kestrel (keyring)", ["tkestrel"]),
        ("mi DNI es 12345678~Z, meu CPF é 529.~982.247-25", ["529.982.247-25"]),
        ("Il codice fiscale è RSSMRA70~A12H501Y.", ["RSSMRA70A12H501Y"]),
        ("host=github.com\nusername=t~kestrel\n", ["tkestrel"]),
        ("origin\thttps://me:x@git.acme.de/t~kestrel/notes.git (fetch)", ["tkestrel"]),
        ('account_id = "e7585ef2c21cb16bf~6545f0faa970c79"', ["e7585ef2"]),
        ("Ruf mich an: 0151 ~61659017.", ["0151 61659017"]),
        ("az login --tenant 4f3d2185~-8068-49b8-b527-6c4a67e9074b", ["4f3d2185"]),
    ],
)
def test_names_and_numbers_that_logs_and_people_tell(
    redactor: Redactor, text: str, names: list[str]
) -> None:
    new = redactor.text(text.replace("~", ""))
    assert not any(name in new for name in names)
    assert redactor.text(new) == new


@pytest.mark.parametrize("ends", ["=", ""])
def test_an_address_alone_in_base64(redactor: Redactor, ends: str) -> None:
    public = base64.b64encode(b"93.184.12." + b"7").decode().rstrip("=") + ends
    inner = base64.b64encode(b"192.168.12.7").decode()
    new = redactor.text(f'{{"peer": "{public}", "me": "{inner}"}}')
    assert public not in new
    assert inner in new


def test_the_gate_sees_below_a_command_with_quotes_what_the_redactor_does() -> None:
    gate = Auditor(PrivacyOptions(), Vocabulary(), b"s")
    text = f'$ kubectl get secret db -o jsonpath="{{.data.password}}" | base64 -d\n{RANDOM}\n'
    assert gate.scan(json.dumps({"content": text}).encode(), "rows")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('sshpass -p "{}" ssh -tt db', PASSWORD),
        ('docker login -p "{}" acme.io', PASSWORD),
        ('jwt.sign(user, "{}", {{}})', HEX),
        ('page.fill("#password", "{}")', PASSWORD),
        ("sign in as admin / {}\n\nThanks", "cactus-pepper" + "-951"),
        (
            "PORT=80\nSUPABASE_ANON_KEY={}\n",
            "9bc674b4-3931-4dc3" + "-804b-224aa4bbe746",
        ),
    ],
)
def test_the_gate_sees_between_escapes_what_the_redactor_does(text: str, value: str) -> None:
    gate = Auditor(PrivacyOptions(), Vocabulary(), b"s")
    assert gate.scan(json.dumps({"content": text.format(value)}).encode(), "rows")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("DB_PASSWORD={}", PASSWORD),
        ("WANDB_API_KEY={}", HEX),
        ("Authorization: token {}", RANDOM),
        ("HEROKU_API_KEY={}", "9bc674b4-3931-4dc3" + "-804b-224aa4bbe746"),
        ("Ruf mich an: {}.", "0151 " + "61659017"),
        ("ssh {}@10.0.0.3", USER),
        ("ssh deploy@{} uptime", "kestrel" + "-box"),
    ],
)
def test_what_one_text_tells_others_may_hold_bare(text: str, value: str) -> None:
    redactor = Redactor(b"told", Vocabulary(), PrivacyOptions())
    bare = f"so: {value}, and x{value}"
    new = redactor.text(text.format(value))
    told = redactor.told()
    assert told is not None
    before = redactor.text(bare)
    with redactor.knowing(told):
        after = redactor.text(bare)
    assert before == bare == redactor.text(bare)  # known only as long as asked for
    assert after.endswith(f", and x{value}")
    assert value not in after[: -len(value)]
    assert after[4 : -len(value) - 7] in new  # by the same name


def test_words_tell_nothing() -> None:
    redactor = Redactor(b"told", Vocabulary(), PrivacyOptions())
    redactor.texts([f"password = '{w}', ssh {w}@10.0.0.3" for w in ("sunflower", "robin")])
    assert redactor.told() is None


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("contraseña nueva del panel: {} ver xx:{}", "contraseña nueva del panel: REDACTED_"),
        ("password for the panel: {} see xx:{}", "password for the panel: REDACTED_"),
    ],
)
def test_the_first_colon_begins_the_value(redactor: Redactor, text: str, left: str) -> None:
    once = redactor.text(text.format(HEX, PASSWORD))
    assert once.startswith(left)
    assert redactor.text(once) == once


def test_only_the_argument_of_the_call_is_a_password(redactor: Redactor) -> None:
    text = f'digest := sum("{PASSWORD}"); passwordEncoder().matches("{{}}", given)'
    assert redactor.text(text.format("x")) == text.format("x")
    found = redactor.text(text.format("Qm4" + "tZx8Lw"))
    assert found.startswith(f'digest := sum("{PASSWORD}"); passwordEncoder().matches("REDACTED_')


@pytest.mark.parametrize("padding", range(240, 280, 5))
def test_a_pseudonym_where_a_view_ends_stays(redactor: Redactor, padding: int) -> None:
    """`letters` are resolved some way around them, which may end within any word."""
    letters = "m\\u1eadt kh\\u1ea9u m\\u1edbi c\\u1ee7a m\\u00e1y ch\\u1ee7:\n"
    once = redactor.text(letters + "x" * padding + " ssh ada" + "@db")
    assert "@db" not in once
    assert redactor.text(once) == once


def test_what_a_call_encodes_for_an_address_is_the_value_of_its_name(redactor: Redactor) -> None:
    url = 'url = "https://acme.io/?token=" + {}("{}")'
    assert "REDACTED_" in redactor.text(url.format("encodeURIComponent", PASSWORD))
    kept = url.format("stored", "access" + "_v2")
    assert redactor.text(kept) == kept
