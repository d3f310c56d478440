"""Secrets on command lines, in requests, seeds, files, and keys in other clothes."""

from __future__ import annotations

import base64
import hashlib
import json
from random import Random

import pytest
from making import made
from taking import REDACTOR, TYPED, UUID, H, N, W, check_taken, gone

from sessiontune.privacy.seedwords import WORDS

#: (text with {} for the value, form of the value)
TAKEN = [
    ("jdbc:oracle:thin:scott2/{}@//db.corp.io:1521/ORCL", TYPED),
    ("sqlplus app/{}@ORCL", TYPED),
    ("http -a maria:{} GET a.io/api", TYPED),
    ("ldapsearch -D cn=admin,dc=a -w {} -H ldap://h", TYPED),
    ("keytool -list -keystore k.jks -storepass {}", TYPED),
    ("openssl pkcs12 -in a.p12 -passin pass:{} -nodes", TYPED),
    ("net use Z: \\\\srv\\share /user:ACME\\bob {}", TYPED),
    ("net use Z: \\\\srv\\share {} /user:ACME\\bob", TYPED),
    ("storePassword '{}'", TYPED),
    ("MYSQL_PWD={} mysql -u root", TYPED),
    ("127.0.0.1:6379> AUTH {}\nOK", TYPED),
    ("redis-cli -h cache -a {} ping", TYPED),
    ("USER bob\n331 Password required\nPASS {}\n230 ok", TYPED),
    ("AUTH PLAIN {}\n235 2.7.0 ok", f"{N}{{40}}"),
    ("echo {} | docker login -u bob --password-stdin", TYPED),
    ("echo '{}' | sudo -S apt update", TYPED),
    ("echo 'root:{}' | chpasswd", TYPED),
    ("docker login -u bob -p {} registry.corp.io", TYPED),
    ("sqlcmd -S db -U sa -P {} -Q 'select 1'", TYPED),
    ("smbclient //srv/share -U bob%{}", TYPED),
    ("rabbitmqctl add_user bob {}", TYPED),
    ("ConvertTo-SecureString '{}' -AsPlainText", TYPED),
    ("oathtool --totp -b {}", "[A-Z2-7]{32}"),
    ("InstrumentationKey={};IngestionEndpoint=https://x", UUID),
    ("https://a.blob.core.windows.net/c/f?sv=2022-11-02&sig={}", f"{N}{{43}}%3D"),
    ("https://b.s3.amazonaws.com/f?X-Amz-Expires=3600&X-Amz-Signature={}", f"{H}{{64}}"),
    ("JSESSIONID={}", "[A-F0-9]{32}"),
    ("curl -b 'sessionid={}' https://a.io", "[a-z0-9]{32}"),
    ('{{"name": "sessionid", "value": "{}", "httpOnly": true}}', "[a-z0-9]{32}"),
    ("X-CSRF-Token: {}", f"{N}{{64}}"),
    ('Authorization: Dig' + 'est username="u", uri="/", response="{}"', f"{H}{{32}}"),
    ("AWS4-HMAC-SHA256 SignedHeaders=host, Signature={}", f"{H}{{64}}"),
    ("code_verifier={}", f"{N}{{64}}"),
    ("SAMLResponse={}", f"{N}{{300}}"),
    ("https://app.corp.io/auth/magic/{}", f"{N}{{64}}"),
    ("https://api.telegram.org/bot{}/sendMessage", f"[1-9][0-9]{{9}}:AA{W}{{33}}"),
    ("https://maker.ifttt.com/trigger/x/with/key/{}", f"{N}{{22}}"),
    ("https://hook.eu1.make.com/{}", "[a-z0-9]{32}"),
    ("https://chat.corp.io/hooks/{}", "[a-z0-9]{26}"),
    ("https://n8n.corp.io/webhook/{}", UUID),
    ("https://hc-ping.com/{}", UUID),
    ("https://mainnet.infura.io/v3/{}", f"{H}{{32}}"),
    ("otpauth-migration://offline?data={}", f"{N}{{60}}%3D"),
    ("Recovery Key: {}", "[1-9][0-9]{5}(?:-[1-9][0-9]{5}){7}"),
    ("Gmail app password: {}", "[a-z]{4} [a-z]{4} [a-z]{4} [a-z]{4}"),
    ("Licence key {} is registered to us", "[A-Z][0-9][A-Z][0-9](?:-[A-Z0-9]{4}){3}"),
    ("aes_key = bytes.fromhex('{}')", f"{H}{{64}}"),
    ("db.corp.io:5432:app:bob:{}", TYPED),
    ("admin:{}", rf"\$apr1\${N}{{8}}\${N}{{22}}"),
    ("root:{}:19700:0:99999:7:::", rf"\$6\${N}{{16}}\${N}{{86}}"),
    ("hash={}", rf"\$argon2id\$v=19\$m=65536,t=3,p=4\${N}{{22}}\${N}{{43}}"),
    ("hashed {}", rf"pbkdf2_sha256\$600000\${N}{{22}}\${N}{{43}}="),
    ("AWS Secret Access Key [None]: {}", f"{N}{{40}}"),
    ("ACCESSKEY\tAK" + "IA" + "Q3EGT7WL" + "NZ5VYXHB\t2025-01-01T00:00Z\t{}\tActive", f"{N}{{40}}"),
    ("account a\nhost smtp.a.io\nuser u\npassword {}\n", TYPED),
    ("Unseal Key 1: {}", f"{N}{{44}}"),
    ("<secret>{{{}}}</secret>", "AQAAABAAAA" + f"{N}{{60}}="),
    ("SECRET_KEY = 'django-" + "insecure-{}'", "[a-z0-9!@#$^&*(_=+)]{50}"),
    ("$ cat config/master.key\n{}", f"{H}{{32}}"),
    ("$ANSIBLE_VAULT;1.1;AES256\n{}", f"{H}{{80}}\n{H}{{80}}\n{H}{{40}}"),
    ('{{"kty":"EC","crv":"P-256","d":"{}"}}', f"{N}{{43}}"),
    ("<RSAKeyValue><Modulus>x</Modulus><D>{}</D></RSAKeyValue>", f"{N}{{170}}="),
]  # fmt: skip


@pytest.mark.parametrize(("text", "form"), TAKEN, ids=[text[:40] for text, _ in TAKEN])
def test_taken(text: str, form: str) -> None:
    check_taken(text, form)


@pytest.mark.parametrize(
    "text",
    [
        "sqlplus / as sysdba",
        "keytool -storepass changeit -storepass $TYPED -storepass <password>",
        "echo $PASSWORD | docker login --password-stdin",
        "docker run -p 8080:80 -u bob image; docker login -u bob -p $TOKEN",
        "PASS src/app.test.js\nPASS TestLogin",
        "rg -U foo; zip -r out.zip dir; unzip -P {} x",
        "import { x } from 'src/hooks/useSomethingVeryLongName'",
        "https://docs.corp.io/api/webhook/create and /hooks/pre-commit",
        "Signature=none&sig=abc",
        "password hashing is explained below\npassword required\n",
        "primary key constraint\nforeign_key column_name\n",
        "serial number 4 and product key word",
        "recovery codes: see the manual",
        "a wallet is a thing that people like to carry around when they travel with cash",
        "password$1$2 costs $5 and $6 per hour",
        '{"d": "M10 20 L30 40", "p": "abc"}',
        "-----BEGIN PUBLIC KEY-----\n    1→abc",
    ],
)
def test_left_alone(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize("size", [12, 15, 24])
@pytest.mark.parametrize(
    "text", ['MNEMONIC="{}"', "my seed phrase is {}", "$ cat wallet.txt\n{}\n"]
)
def test_a_wallet_phrase(size: int, text: str) -> None:
    words = Random(size).sample(sorted(word.decode() for word in WORDS), size)
    assert gone(text.format(" ".join(words)), " ".join(words))
    assert gone(json.dumps(text.format(" ".join(words))), " ".join(words))
    kept = text.format(" ".join(sorted(words)))
    assert REDACTOR.text(kept) == kept


def test_a_wallet_file() -> None:
    numbers = list(hashlib.sha512(b"a seed").digest())
    assert str(numbers) not in REDACTOR.text(f"$ cat id.json\n{numbers}")
    table = f"private_key = {[1, 2, 3, 4] * 16}"
    assert REDACTOR.text(table) == table
    assert REDACTOR.text("keypair [007, 9" + ", 3" * 62 + "]")


def test_recovery_codes() -> None:
    codes = [made("[a-z][0-9][a-z0-9]{3}-[a-z0-9]{5}", Random(i)) for i in range(8)]
    clean = REDACTOR.text("Recovery codes:\n" + "\n".join(codes) + "\nKeep them safe.")
    assert not any(code in clean for code in codes)
    assert clean.endswith("\nKeep them safe.")


@pytest.mark.parametrize("mark", ["→", "\t", ": "])
def test_a_key_with_line_numbers(mark: str) -> None:
    name = "RSA PRIVATE" + " KEY"
    body = base64.b64encode(
        b"".join(hashlib.sha512(bytes([i])).digest() for i in range(9))
    ).decode()
    rows = [body[i : i + 64] for i in range(0, len(body), 64)]
    lines = [f"-----BEGIN {name}-----", *rows, f"-----END {name}-----", "and more"]
    text = "\n".join(f"    {i}{mark}{line}" for i, line in enumerate(lines, 1))
    for whole in (text, json.dumps(text), json.dumps(text, ensure_ascii=False)):
        clean = REDACTOR.text(whole)
        assert not any(row[:12] in clean for row in rows)
        assert "and more" in clean
