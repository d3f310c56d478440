"""What is no secret stays: identifiers, hashes, placeholders, versions, code."""

from __future__ import annotations

import pytest
from planted import real
from taking import REDACTOR

from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

BORDER = "[[8.12345, 50.12345], [8.92345, 50.12345], [8.92345, 50.91234], [8.12345, 50.12345]]"
KEPT = [
    '{"type": "Polygon", "coordinates": [' + BORDER + "]}",
    '{"coordinates": [[' + BORDER + ']], "type": "MultiPolygon"}',
    "POLYGON((8.12345 50.12345, 8.92345 50.12345, 8.92345 50.91234, 8.12345 50.12345))",
    '  secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:' + 'secret:db-AbCdEf"',
    "00006d60: 4157 4156 " + "4155 4154 4189 f455 5348 89fb  AWAVAUAT",
    "a3c1" * 16 + "  /bin/gke-auth-plugin\n" + "62bc6e27cac16316" * 4 + "  /bin/glib",
    "[installed,upgradable to: 17.0." + "21.1+2-1~deb12u1]",
    "/usr/lib/systemd/catalog/" + "systemd.be" + "@latin.catalog",
    "password_confirmation: required|same:password",
    '<tr><td>passwords</td><td class="n">1,620</td></tr>',
    '<tr><td>API keys</td><td class="n">23,456,789</td></tr>',
    "token = request.headers.get_authorization_value",
    "password = getpass.getpass('Password: ')",
    "def login(user: str, password: str, *, token: str | None = None) -> None:",
    "password: ${DB_PASSWORD}",
    "API_KEY=your-api-key-here",
    "export TOKEN=<your token>",
    "Authorization: Bearer $TOKEN",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "sha512-" + "A" * 4 + "b1c2" * 20 + "==",
    '"integrity": "sha512-' + "Zk9x" * 21 + '=="',
    "id: 3f2b8c1e-9d4a-4c5b-8e7f-1a2b3c4d5e6f",
    "AKIAIOSFODNN7" + "EXAMPLE",
    "https://user:password@example.com/path",
    "postgres://postgres:postgres@localhost:5432/test",
    "192.168.1.10 10.0.0.1 127.0.0.1 172.16.3.4 0.0.0.0 8.8.8.8",
    "203.0.113.7 198.51.100.2 192.0.2.1 2001:db8::1 ::1 fe80::1",
    "version 1.2.3.4 and Chrome/120.0.6099.109",
    "someone@example.com, git@github.com, noreply@anthropic.com",
    "/home/runner/work /root/.cache /home/user/x /Users/Shared C:\\Users\\Public\\x",
    "import { home } from 'src/home/index'; fetch('/api/users/list')",
    "max_tokens = 4096; next_page_token: abc; tokenizer.eos_token_id = 50256",
    "4242424242424242 and 4111111111111111",
    "--- PASS: TestLogin/valid_user (0.01s)",
    'PASSWORD_FIELD = "password"; <input type="password" name="password">',
    "@app.route('/x')  @pytest.mark.parametrize  import logo from './logo@2x.png'",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "$pass = Get-AnsibleParam -obj $params -name x; $Password = ConvertTo-SecureString $y",
    "'passwd' =>\t\t['type' => 'string'], \"password\" => [\"notnull\" => 1]",
    "key: zyxel.3500_10.hw.uptime",
    '"AWS::EC2::KeyPair": "aws-cdk-lib/aws-ec2.CfnKeyPair"',
    '"Wikimedia\\\\CommonPasswords\\\\": "src/CommonPasswords/"',
    ".long (GNU_PROPERTY_AARCH64_POINTER_AUTH | GNU_PROPERTY_AARCH64_BTI);",
    "raw::GIT_CERT_SSH_RAW_TYPE_KEY_ED25519 => SshHostKeyType::Ed255219,",
    "obj.intKeyMax = 9223372036854775807",
    "static const u64 t[] = {\n    4539453331478936,\n    5412288040723860 };",
    "Password : @PASSWORD@\ndb_pass = @DB_PASSWORD@",
    "type Config struct {\n\tHostName      string\n}",
    "AbsolutePWD Code Folder HostName Interrupted",
    "amqp://user[:password]@host:5672/vhost",
    "const password = process.env.SESSION_PASSWORD!",
    "OVESETUP_DB/password=none:None",
    "k8s.io/gengo v0.0.0-20200413195148-3a45101e95ac/go.mod h1:X/FiERA/W4tHapMX5mGpAtMSVE=",
    "go-autorest/azure/auth v0.5.8/go.mod h1:kxyKZTSfKh8OVFWPAgOgQ/frrJgeYQJPyR5fLFmXko4=",
    "lrwxrwxrwx 1 root root 20 Aug 31 2022 libsecret-1.so.0 -> libsecret-1.so.0.0.0",
    "sonar.issue.ignore.multicriteria.S6437.ruleKey=java:S6437",
    '"webAuthnPolicyPasswordlessRpEntityName": "keycloak"',
    'this.m_lblPassword.Text = "&Password:"; "SSH Password": ["SSH-Passwort"]',
    "if let password = try? kcw.getGenericPasswordFor(key)",
    "_auth = AliasManager()\n_auth = ServiceManager(settings.SSHPROXY)",
    ".header(AUTHORIZATION, BEARER + createValidTokenForUser(jwtKey, user))",
    "const password = Cypress.env('E2E_PASSWORD') ?? x",
    "<key>LibraryIdentifier</key>\n\t\t\t<string>ios-arm64_x86_64-simulator</string>",
    'UPGRADE+="Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ' + '=="',
    'Ns=["Adobe-GB1-UCS2","Adobe-CNS1-UCS2","Adobe-CNS1-0","Adobe-CNS1-1"]',
    "this@toFirExpression.entryName = super@Outer.entryName",
    '--admin-password "::add-mask::$PASSWORD"',
    '<strength-bar [passwordToCheck]="newPasswordRef.value" :password="loginForm.value" />',
    '"gracePeriodSeconds": 4518808233936994290, "runAsUser": 4288903380102217677',
    '{"card_id": "4539453331478936"}, {"paymentId": 4539453331478936}',
    "#{name => F@_1, password => F@_0 };",
    "COPY C:\\Users\\ContainerAdministrator\\AppData /home/kubernetes/bin /Users/expo/x",
    'run id 4539453331478936, "ids": ["4539453331478936", "17"], commit_ts: 4539453331478936',
    "2026-11-23T01:02:03.456Z 1700000000000 lat 10.5",
    'resolved "https://registry.npmjs.org/x/-/x-1.0.0.tgz#0123456789abcdef0123456789abcdef01234567"',
    "password: process.env.DB_PASSWORD,",
    "secret = os.environ['SECRET']",
    "fake_token = 'abc123def456ghi789'",
    "https://x-access-token:$TOKEN@github.com/org/repo",
    "password=:password, pwd=@cert.load_key_password, password: Uint8Array",
    "PasswordBroker::class, ConnectionTrafficSecrets::Aes128Gcm { key }",
    'input[type="password"]:focus,.config-form { color: red }',
    "f({email:this._email,password:this._password,clientType:1})",
    "config.reset_password_within = 6.hours",
    "this.addPassword = '#add-password'; MISSING_PASSWORD:'auth/missing-password'",
    "oauth2_adapter_class = GitLabOAuth2Adapter\ntype Token = XOAuth2Token;",
    '"[%key:component::nam::entity::pmsx003_level::very_low%]"',
    "curl http://localhost:9001/3.0/users/anne@example.com",
    '("password", "Private, accessible with the following password")',
    "'u.password', 'u.status', '--disabled-password', '--no-create-home'",
    'msgid "Enter your login and password below:"',
    "api_key: 0123456789abcdef, secret = 'a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6'",
    "client_secret: 123e4567-e89b-12d3-a456-426614174000",
    'Authorization: Digest username="Mufasa", need: Bearer authorization_uri="x"',
    "tokenHeader = 'X-aws-ec2-metadata-token'; openssl req -newkey ec:p256.pem",
    "echo 'password = '.$p['config']['daemon_password']; \"_password = \"+new Buffer(x)",
    "data-sitekey='6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI'",
    '"@openai/codex-linux-x64": "npm:@openai/codex@0.171.0-linux-x64"',
    'resolution: "sentry-cli-linux-x64@npm:2.39.1-linux-x64"',
    '"sentry": "npm:@sentry/cli@2.39.1-linux-x64"',
    'IBAN DE89 3704 0044 0532 0130 00, iban: "GB29NWBK60161331926819"',
    "iban fr1420041010050500013m02606, NL91-ABNA-0417-1643-00",
    'connect("host=localhost dbname=test user=postgres password=password")',
    "for host=x do password=meadowlark",
    'schtasks /create /tn "Backup" /tr "b.bat" /ru admin /sc daily',
    "user: ada\npassword: <your-password>\napi_key: <your-key>\n",
    "<user-token>\n- the next item",
    "a:\n  credentials:\n    source: InjectedIdentity2\n    secretRef: Main-Key-24\n    id: D9k\n",
    "credentials:\n  password: ${PW}\n  region: eu-West-1\nother:\n  ada: Meadow4921x\n",
    "credentials:\n  algorithm: HmacSha256Sig\n  flow: AuthCode2Pkce\n  protocol: Http2OverTls\n",
    "use production_database_connectionstring, sandbox_customer_authenticationxx",
    'WANDB_NAME="exp12-lr3e4-bs64" WANDB_RUN_GROUP=ddp8xA100run3',
    'wandb_id: 3k2j4h5gabcd\nwandb_artifact = "model-3k2j4h5g:v12"',
    # paths of drawings, whose numbers run into each other
    "0 0 1 1.06 0 3.875 3.875 0 0 1 0 5.48" + ".75.75 0 1 1-1.06-1.06 2.375",
    'd="M9.1,3.3c1.06,0,0,1,43.8' + '.63.64,0,1.2-.71,1.72-1.2,s1"',
    'String java_version =\n    "17.0.' + '21.1";',
    "@jls 9.6" + ".4.9 @FunctionalInterface",
    "+999999999-12-31T23:59:59.999999999-18:00",
    'psA("SecretKeyFactory", "PBEWithSHA1AndRC2_40", "com.sun");',
    "dürfen -storepass, -keypass und -new nicht angegeben werden, -srckeypass nicht",
    r"'Kennwort \u00FCber gesch\u00FCtzten Mechanismus',",
    "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:65537",
    "When passing strings for `password` or `salt`, please consider",
    # addresses that stand in licences
    "Please contact Oracle, 500 Oracle Parkway, Redwood Shores, CA 94065 USA",
    # names in code and lists of them
    "private_key_ops: &p256::PRIVATE_KEY_OPS,",
    r"'/user-password' => 'PhpMyAdmin\\Controllers\\UserPasswordController',",
    "paths: ['password', 'secrets.*', 'users.*.credentials']",
    "'COOKIEJAR', 'FTPPORT', 'KEYPASSWD', 'KRB4LEVEL', 'SSH_HOST'",
    '{"kind": "api-custom-key", "c098f218-face-c0fe-dea0-0199cba": "no"}',
    'CustomKeyStoreId: aws.String("cks-1234567890abcdef0"),',
    "overrides the cast that we pass to `mysql2` below",
    'from_str("+262143-12-31T23:59:60.9")',
    "ACdEwAAFRIAADkXAADwEgAAChAAAHUSAACtEgAAghMAAE8UAAB/E"
    + "AAAoBUAACMUAACJEgAAixQAAE0VAADUEQAAzxQAABAYAADJFgAA3BYAAMER",
    "10.0.0.1 default/nginx-7d8b49557c-abcde, 10.0.0.1 python-requests/2.25.1",
    "psk = unhexlify(vector['psk_id']), psk: Optional[tuple[bytes, bytes]]",
    "$config_directory/main.cf:f:root:-:644:p1",
    '"parse-passwd": "^1.0.0", "read-passwd": ">=2.0.1"',
    'NewPassword = (ConvertTo-SecureString "abc" -AsPlainText)',
]


@pytest.mark.parametrize("text", KEPT)
def test_kept(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_allow_and_deny_lists() -> None:
    value = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    allowing = Redactor(b"s", Vocabulary(), PrivacyOptions(allow=(value,)))
    assert allowing.text(value) == value
    denying = Redactor(b"s", Vocabulary(), PrivacyOptions(deny=("Project Nightjar",)))
    clean = denying.text("about project nightjar and more")
    assert "nightjar" not in clean.lower()
    assert denying.text(clean) == clean


def test_layers_switch_off() -> None:
    text = real("mail bob.smith@§corp.io at /ho§me/zelda77/x")
    only = Redactor(b"s", Vocabulary(), PrivacyOptions(personal=False))
    assert real("bob.smith@§corp.io") in only.text(text)
    assert "zelda77" not in only.text(text)
    off = Redactor(b"s", Vocabulary(), PrivacyOptions(enabled=False))
    assert off.text(text) == text
    assert off.ident("session", "abc") == "abc"
