"""Secrets and names in carriers that no list of another scanner has: answers of commands, tables,
notes, calls; and the near misses that stay. Values are put together when the tests run."""

from __future__ import annotations

from random import Random

import pytest
from making import made
from taking import REDACTOR, TYPED, UUID, H, N, check_taken, gone

#: Words and a number; the same with a sign; words with dashes between.
WORDS = "(?:Copper|Velvet|Falcon)(?:Monkey|Garden)[0-9]{4}"
SIGNED = "(?:Copper|Velvet|Falcon)(?:19|20)[0-9]{2}[!#$*]"
CHAIN = "(?:copper|velvet)-(?:monkey|garden)-(?:rocket|falcon)[0-9]{2}"

#: A word of small letters alone.
PLAIN = "(?:copper|velvet|falcon)(?:monkey|garden|rocket)"

#: (text with {} for the value, form of the value)
TAKEN = [
    # below a command or a heading
    ("$ aws ssm get-parameter --name /p/redis/auth --with-decryption --output text\n{}\n", TYPED),
    ("$ sudo cat /var/lib/rabbitmq/.erlang.cookie\n{}\n", "[BDFGHJKLMNPQRSTVWXZ]{20}"),
    ("$ terraform output -raw db_password\n{}\n", CHAIN),
    ("### Root password\n```\n{}\n```\n", SIGNED),
    ("Here is the new password:\n\n```text\n{}\n```\n", WORDS),
    # tables
    ("User   Password\n=====  ==========\nada    {}\n=====  ==========\n", TYPED),
    ("NAME   PASSWORD    PASSWORD2\n-----  ----------  ---------\nci     {}  x\n", TYPED),
    ("name;login;kennwort\nAda;ada;{}\n", WORDS),
    ("host\tuser\tpw\ndb1\troot\t{}\n", TYPED),
    ("user,pw\nroot,{}\n", WORDS),
    ("| Field | Value |\n|---|---|\n| DB password | `{}` |\n", SIGNED),
    # what a name says
    ('#define MQTT_PSWD "{}"', TYPED),
    ("spring.mail.password={}", "[A-Z]{2}[a-z]{2}=[a-z]{2}[A-Z][a-z][0-9]{3}"),
    ("SECRET={}", WORDS),
    ("app.secret_key = '{}'", WORDS),
    ("  secret: {}\n", SIGNED),
    ("REDIS_AUTH={}", SIGNED),
    ('"erlangCookie": "{}"', SIGNED),
    ("-setcookie {}\n", TYPED),
    ("API_TOKENS: {}, and more", f"[0-9][a-z][A-Z]{N}{{13}}"),
    ('accounts: ["0x{}"],', f"{H}{{64}}"),
    # answers of interpreters
    ('irb(main):001> ENV["SECRET_TOKEN"]\n=> "{}"\n', f"{N}{{30}}[0-9][a-z][A-Z]"),
    ('(gdb) p password\n$1 = 0x55 "{}"\n', SIGNED),
    ("(Pdb) p self.password\n'{}'\n", SIGNED),
    ("In [4]: cfg.api_key\nOut[4]: '{}'\n", f"{N}{{30}}[0-9][a-z][A-Z]"),
    # requests
    ('Content-Disposition: form-data; name="password"\n\n{}\n--b--\n', SIGNED),
    ('<wsse:Password Type="PasswordText">{}</wsse:Password>', SIGNED),
    # a user and a password as one value
    ('"auth": "ada:{}"', SIGNED),
    ("admins = ada:{}\n", WORDS),
    ("login = ada:{}\n", TYPED),
    ("passwords:\n  ada: {}\n", TYPED),
    # command lines
    ("conan user -p {} -r acme ci", TYPED),
    ("security unlock-keychain -p {} login.keychain", TYPED),
    ("ipmitool -I lanplus -H bmc1 -U ADMIN -P {} chassis status", TYPED),
    ("twine upload -u ci -p {} dist/*", TYPED),
    ("composer config http-basic.repo.acme.io ci {}", TYPED),
    ("sentinel auth-pass mymaster {}", TYPED),
    ('echo "{}" | vncpasswd -f > ~/.vnc/passwd', SIGNED),
    ("serial={}", "[A-Z][0-9][A-Z]{3}-[0-9]{2}[A-Z]{3}-[A-Z]{2}[0-9]{3}"),
    ("login --user ada --password {} acme.io", PLAIN),
    ("docker-compose:\n  MYSQL_ROOT_PASSWORD: {}\n", PLAIN),
    ("spring.datasource.password={}\n", PLAIN),
    ("define( 'DB_PASSWORD', '{}' );", PLAIN),
    # cookies that a browser or a recorder kept
    ('[{{"name": "sid", "value": "{}", "domain": ".acme.io", "httpOnly": true}}]', f"{H}{{32}}"),
    ('{{"name": "Cookie", "value": "sid={}; lang=en"}}', f"{H}{{32}}"),
    # keys
    ("the storage account key is {}, use it", "[A-Za-z0-9]{12}[+][A-Za-z0-9]{10}/[A-Za-z0-9]{19}="),
    ("use token {} for this", "[A-Za-z0-9]{12}[+][A-Za-z0-9]{10}/[A-Za-z0-9]{19}="),
    ('"exa": {{"key": "{}"}}', UUID),
    ("curl -u" + "ada:{} https://acme.io", TYPED),
    ("curl -sSLu " + "ada:{} https://acme.io", TYPED),
    ("docker exec web curl -u " + "ada:{} https://acme.io", TYPED),
    ("docker exec web curl -u " + "ada:{} https://acme.io", PLAIN),
    ("kubectl exec web -- http --user " + "ada:{} https://acme.io", TYPED),
    ("Driver={{ODBC Driver 18}};Server=db1;UID=ada;PWD" + "={{{}}};", TYPED),
    # notes
    ("{} is the root password", SIGNED),
    ("Try {} \u2014 that's the password for the NAS.", SIGNED),
    ("{} ist das Passwort f\u00fcr den Router", SIGNED),
    ("Administrator password has been set to: {}", TYPED),
    ("the wifi key: {}", SIGNED),
    ("brukernavn ada, passord {}", SIGNED),
    ("le credenziali sono ada / {}", TYPED),
    ("the passphrase {}.", WORDS),
    ("jwt.secret={}\n", WORDS),
    ("session({{ secret: '{}', resave: false }})", "(?:copper|velvet)(?:Monkey|Garden)[0-9]{3}"),
    ("I changed the root passphrase from {} to a new one", SIGNED),
    ("machine ftp.acme.io\n\tlogin web\n\taccount none\n\tpassword {}\n", WORDS),
    ("account work\nuser ada\npassword {}\n", CHAIN),
    # calls and devices
    ('driver.find_element(By.ID, "pw").send_keys("{}")', SIGNED),
    ("cy.get('input[name=pass]').type('{}')", WORDS),
    ('ssh.connect("10.0.0.4", 22, "root", "{}")', TYPED),
    ('local c = env:connect("shop", "app", "{}", "db1", 3306)', TYPED),
    ('conn = PQsetdbLogin("db1", "5432", NULL, NULL, "shop", "app", "{}");', SIGNED),
    ('ldap_bind($ds, "cn=admin,dc=acme", "{}");', SIGNED),
    ("vpnuser   pptpd   {}   *", SIGNED),
    ("tacacs-server host 10.0.0.7 key {}", TYPED),
    ("winrs -r:web1 -u:ada -p:{} ipconfig", TYPED),
    ("winrs /r:web1 /u:ada /p:{} ipconfig", TYPED),
    ("rclone config update nas pass {}", TYPED),
    ("rclone config create nas sftp host nas.example.com pass={}", TYPED),
]  # fmt: skip

LEFT = [
    "docker run --rm -u node:node web npm test",
    "docker run --rm -u 1000:www-data web npm test",
    "login --user ada --password prompt",
    "login [--user NAME] [--password plaintext]",
    "DB_PASSWORD: string\n",
    "user=user\npassword=password\n",
    "connect(\n    user=ada,\n    password=given,\n)",
    "the key of ../../node_modules/acme/dist/esm/index2/helpers/from/strings==",
    '[{"name": "theme", "value": "dark-blue-with-contrast-2", "httpOnly": false}]',
    '{"name": "list", "value": "exactly-what-it-says", "sameSite": true}',
    "docker compose exec -itu www-data:www-data web ls",
    "acme/model.py,sha256=" + "bg-l7nJUv5IclikKx0" + "PjB5xfYdP0Bvzgj7twn-rrjNI,8631",
    "REDIS_AUTH_MODE=acl-v2",
    "redis_auth: enabled",
    "SECRET_BACKEND=aws-secretsmanager-v2",
    "secret: my-tls-secret-v2",
    "SESSION_SECRET=change_me_123",
    "API_TOKENS: read-only, read-write-2",
    "-setcookie $COOKIE",
    "erlang_cookie_file: /var/lib/rabbitmq/.erlang.cookie",
    'psk: "wpa-psk-sha256"',
    "admin@" + "acme.io / python3.11",
    "conn = PQsetdbLogin(host, port, NULL, NULL, db, user, pass);",
    "ssh.connect(host, 22, user, password)",
    "password: q=width",
    "auth: oauth2:read",
    "urn:ietf:params:oauth:token-type:saml2*",
    "login = user:readonly",
    'credentials: "s3:GetObject"',
    "auth=basic:realm/Users2",
    "Argon2id is the password hash",
    "user.name is the password field",
    "| tier | right, in the first pass |\n|---|---|\n| words | 72 of 73 (.99), 7 of 9 |\n",
    "| tier | pass |\n|---|---|\n| words | 72 of 73 (.99) |\n",
    "| pass | fail |\n|---|---|\n| 12 | 0 |\n",
    'cut here: form-data; name="file"\n\ndata-v2',
    ">>> len(token)\n123456",
    ">>> next(tokens)\n'identifier_name_7'",
    "users:\n  ada: Developer\n",
    "serial: 2024-03-01-12",
    "drwxr-x--- 2 root ssl-cert 4096 Mar  4 10:00 private",
    "host\tuser\tpw\ndb1\troot\tsha256-v2\n",
    "field   password\n------  ---------\ntype    varchar(255)\n",
    "### Token types\n```\noauth2-client-flow3\n```\n",
]


@pytest.mark.parametrize(("text", "form"), TAKEN)
def test_taken(text: str, form: str) -> None:
    check_taken(text, form)


@pytest.mark.parametrize("text", LEFT)
def test_left_alone(text: str) -> None:
    assert text.rpartition("@acme.io")[2] in REDACTOR.text(text)


COMMANDS = [
    "curl -u " + "ada:{} https://acme.io",
    "curl -sSu " + "ada:{} https://acme.io",
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("between", [" ", " and ", "\\n"])
def test_of_two_commands_in_one_line_each_is_read(command: str, between: str) -> None:
    for value in (made(TYPED, Random(1)), made(TYPED, Random(2))):
        other = command.format(made(TYPED, Random(3)))
        assert gone(f"{command.format(value)}{between}{other}", value)
        assert gone(f"{other}{between}{command.format(value)}", value)


def test_a_word_is_a_password_below_its_user() -> None:
    word = "copper" + "garden"
    assert word not in REDACTOR.text(f"username=ada\npassword={word}\nport=22\n")


def test_the_first_group_of_a_person_bears_their_name() -> None:
    user = "mk" + "raus"
    clean = REDACTOR.text(f"uid=1000({user}) groups=1000({user}),27(sudo),112(ssl-cert)")
    assert user not in clean
    assert clean.endswith(",27(sudo),112(ssl-cert)")
