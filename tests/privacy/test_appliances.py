"""What routers, servers and their tools ask; keys as lists of numbers; passphrases of plain words;
accounts in listings of processes; tables in boxes; and the near misses that stay. Values are put
together when the tests run."""

from __future__ import annotations

import json
from random import Random

import pytest
from taking import AUDITOR, REDACTOR, TYPED, UUID, N, check_taken, gone

#: Small letters and a number, as a community of SNMP has them.
LOW = "[a-z]{4}[0-9]{2}[a-z]{4}[0-9]"
B64 = "[A-Z][0-9][a-z]" + N
DICED = "(?:walnut|velvet|harbor) (?:pepper|quartz) (?:anvil|lantern) (?:otter|zephyr) bramble"
SIGNED = "(?:Copper|Velvet|Falcon)(?:19|20)[0-9]{2}[!#$*]"

#: (text with {} for the value, form of the value)
TAKEN = [
    # commands
    ("radtest ada {} 10.0.0.5 0 x", TYPED),
    ("radtest -t mschap ada hunter 10.0.0.5 0 {}", LOW),
    ("snmpwalk -v2c -c {} 10.0.0.1 1.3.6", LOW),
    ("snmpget -v3 -l authPriv -u mon -a SHA -A {} -x AES -X secret 10.0.0.1", TYPED),
    ("snmpget -v3 -u mon -a SHA -A secret -x AES -X {} 10.0.0.1", TYPED),
    ("command_line $USER1$/check_mysql -u mon -p {}", TYPED),
    ("    Input Password    id:pass    {}\n", TYPED),
    ("unity -batchmode -serial {} -quit", "SC-[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}"),
    ("echo '{}' | kinit ada", TYPED),
    ("$ nmcli -s -g 802-11-wireless-security.psk connection show Loft\n{}\n", TYPED),
    ("==> /etc/openvpn/auth.txt <==\nada\n{}\n", SIGNED),
    # dialogues
    ('a1 LOGIN "ada" "{}"\n', SIGNED),
    ("C: A001 LOGIN ada {}\nS: A001 OK\n", TYPED),
    ("334 UGFzc3dvcmQ6\nC: {}\nS: 235 2.7.0 ok\n", f"{B64}{{17}}"),
    # settings
    ("crypto isakmp key {} address 10.0.0.7\n", TYPED),
    (" neighbor 10.0.0.9 password 7 {}\n", LOW),
    ("pac key 7 {}\n", "[0-9A-F]{12}[0-9][A-F]"),
    ("set snmp community {} authorization read-only", LOW),
    ("wireless.default_radio0.key='{}'\n", SIGNED),
    ('wlan_cfg.pskvalue="{}"', TYPED),
    ("$USER9$={}\n", TYPED),
    ("cachemgr_passwd {} all\n", TYPED),
    ("DevEUI  0004A30B00000000\nAppKey  {}\n", "[0-9][A-F][0-9A-F]{30}"),
    ("<settingsSecurity><master>{{{}=}}</master></settingsSecurity>", f"{B64}{{40}}"),
    ("stringData:\n  session: {}\n", f"{B64}{{29}}"),
    ("HASHIDS_SALT={}\n", f"{B64}{{21}}"),
    ("$settings['hash_salt'] = '{}';", f"{B64}{{60}}"),
    ("new Hashids('{}', 8)", "(?:Copper|Velvet)[0-9]{4}!"),
    ('local_key: "{}"', "[a-z][A-Z]{2}[0-9]{2}[a-z]{4}![A-Z]{3}[0-9][a-z]"),
    # output
    ("Key                   Value\n---   ----\nsecret_id             {}\n", UUID),
    ('{{"id": "x", "name": "ci", "encoded":"{}=="}}', f"{B64}{{55}}"),
    ('{{"name":"shop","password_hash":"{}","tags":""}}', f"{B64}{{45}}"),
    (" ada | SCRAM-SHA-256$4096:{}==", f"{B64}{{19}}==\\$" + N + "{43}=:" + N + "{43}"),
    ("Access ID:   {}\n", "GOOG1E[A-Z0-9]{55}"),
    ("Hardware UUID: {}\n", "3F[0-9A-F]{6}-[0-9A-F]{4}-4[0-9A-F]{3}-A1B[0-9A-F]-[0-9A-F]{12}"),
    # calls
    ('mysql_real_connect(conn, "db", "shop", "{}", "shop", 0, NULL, 0);', TYPED),
    ('u := &url.URL{{User: url.UserPassword("shop", "{}")}}', TYPED),
    ("FinTS3PinTanClient('50010517', 'ada', '{}', 'https://bank.example/fints')", "[1-9]4[0-9]{3}"),
    ('static const std::string kPassword{{"{}"}};', TYPED),
    ("$user->update(['password' => bcrypt('{}')])", SIGNED),
    ("await page.type('#login_pass', '{}');", TYPED),
    # passphrases of plain words
    ('  encryption_passphrase: "{}"\n', DICED),
    ("export RESTIC_PASSWORD='{}'\n", DICED),
    ("The passphrase for the backup drive is {}.", DICED),
    ('cryptsetup luksOpen /dev/sdb1 data <<< "{}"', DICED),
]  # fmt: skip

#: What looks alike and stays.
LEFT = [
    "Usage: radtest [OPTIONS] user passwd radius-server[:port] nas-port-number secret",
    "snmpwalk -v2c -c public localhost system",
    "a001 LOGIN user password",
    "typ, data = M.login(user, password)",
    "$USER1$=/usr/lib/nagios/plugins",
    "check_http -H shop -p 8443 -w 5",
    "salt = bcrypt.gensalt(rounds=12)",
    "HASHIDS_SALT_LENGTH = 32",
    '"encoded": "utf-8"',
    "mysql_real_connect(conn, host, user, pass, db, 0, NULL, 0);",
    "passphrase: the words you chose when the key was made",
    'password: "must have eight letters or more"',
    "The password is never written anywhere but here.",
    "header = [137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82]",
    "keys = [37, 38, 39, 40, 13, 27, 32, 9, 8, 46, 36, 35, 33, 34, 45, 144]",
    "key = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 200]",
    "public_key = [201, 17, 94, 180, 3, 66, 250, 119, 7, 148, 33, 90, 212, 58, 160, 5]",
    "keyboard_rows[16] = {3, 9, 14, 2, 7, 11, 4, 250, 10, 6, 12, 8, 15, 1, 13, 5, 0}",
    "root         1  0.0  0.1 168092 11800 ?        Ss   Mar01   0:04 /sbin/init",
    "USER         PID %CPU\nwww-data   812  0.0\npostgres   813  0.0\nroot   1  0.0",
    "# m h dom mon dow user\tcommand\n25 6 * * * root test -x /usr/sbin/anacron\n",
    "Account Name:\t\tSYSTEM\n",
    "│ model │ tokens │\n├───────┼────────┤\n│ opus │ 1203123 │\n",
]


@pytest.mark.parametrize(("text", "form"), TAKEN)
def test_taken(text: str, form: str) -> None:
    check_taken(text, form)


@pytest.mark.parametrize("text", LEFT)
def test_left_alone(text: str) -> None:
    assert REDACTOR.text(text) == text
    assert not AUDITOR.scan(json.dumps({"content": text}).encode(), "row")


@pytest.mark.parametrize(
    ("text", "size", "form"),
    [
        ("key = [{}]\ncipher = AES.new(bytes(key))", 32, "{}"),
        ("private static final byte[] KEY = new byte[] {{{}}};", 16, "{}"),
        ("var aesKey = []byte{{{}}}", 32, "0x{:02X}"),
        ("const secretKey = Uint8Array.from([{}]);", 64, "{}"),
        ("static const uint8_t key[24] = {{\n  {}\n}};", 24, "0x{:02x}"),
    ],
)
def test_keys_as_numbers(text: str, size: int, form: str) -> None:
    numbers = Random(size).sample(range(256), size)
    value = ", ".join(form.format(number) for number in numbers)
    assert gone(text.format(value), value)
    assert gone(json.dumps({"content": text.format(value)}), value)


BOX = """
┌────┬───────────┐
│ id │ api_token │
├────┼───────────┤
│ 1  │ {} │
│ 2  │ none │
└────┴───────────┘
"""
#: As Python's rich draws them: thick lines around the head.
THICK = """
┏━━━━━━━━━┳━━━━━━━━━┓
┃ Service ┃ Secret  ┃
┡━━━━━━━━━╇━━━━━━━━━┩
│ mail    │ {} │
└─────────┴─────────┘
"""


@pytest.mark.parametrize("text", [BOX, THICK])
def test_tables_in_boxes(text: str) -> None:
    value = "q7Rt2xK9m" + "B4vN8sW1pZ3"
    whole = text.format(value)
    assert gone(whole, value)
    assert gone(json.dumps({"content": whole}, ensure_ascii=False), value)


#: One who works on the machine.
ACCOUNT = "bnov" + "ak93"


@pytest.mark.parametrize(
    "text",
    [
        "USER         PID %CPU %MEM\n{}   4121  0.3  1.2\n{}   4122  0.3  1.2\n",
        "UID          PID    PPID  C\n{}    3311    3300  0\n",
        "  PID USER      PR  NI\n 4121 {}   20   0\n",
        "COMMAND   PID   USER   FD\nnode     4121 {}   23u\n",
        "# m h dom mon dow user\tcommand\n17 4 * * *\t{}\t/usr/local/bin/sync.sh\n",
        " USERNAME      SESSIONNAME   ID  STATE\n>{}      console       1  Active\n",
        "Subject:\n\tAccount Name:\t\t{}\n",
    ],
)
def test_accounts_in_listings(text: str) -> None:
    assert gone(text.replace("{}", ACCOUNT), ACCOUNT)
    assert gone(json.dumps({"content": text.replace("{}", ACCOUNT)}), ACCOUNT)
