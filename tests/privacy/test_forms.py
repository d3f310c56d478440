"""Secrets and personal data as tools print them and people of many countries write them, and what
looks like them and stays. Values are put together when the tests run."""

from __future__ import annotations

from random import Random

import pytest
from making import made
from taking import REDACTOR, check_taken, gone

N = "[a-zA-Z0-9]"
#: A password of words, of letters and digits, a key, a licence key.
WORDS = "(?:Copper|Velvet|Falcon)[!#][0-9]{3}7"
CASED = f"[a-z][A-Z][0-9]{N}{{10}}[0-9][A-Z][a-z]"
KEY = f"{N}{{12}}[0-9][a-z][A-Z][0-9]{N}{{14}}[0-9][A-Z]"
LICENCE = "[A-Z][0-9]{2}[A-Z]{2}-[0-9]{2}[A-Z]{3}-[A-Z]{4}[0-9]-[0-9][A-Z]{4}-[A-Z]{2}[0-9]{2}X"
CODE = "[1-9][02468][13579][0-9]{2}[368]"

SECRETS = [
    # on the line below the command or the words for it
    ("$ chamber read shop DB_PASS -q\n{}", CASED),
    ("$ pulumi config get root_pw\n{}\n", CASED),
    ("$ aws ssm get-parameter --name /mail/smtp --with-decryption --output text\n{}\n", WORDS),
    ("$ printenv CLOUDFLARE_EDIT\n{}\n", KEY),
    ('$ echo "$DEPLOY_HOOK"\n{}\n', KEY),
    (">>> settings.SECRET_KEY\n'{}'", "[a-z0-9]{12}[0-9]\\)[a-z][0-9]&1!p[a-z0-9]{28}"),
    ("here you go:\n```\n{}\n```\nthat's the deploy token", KEY),
    ("{}\nthis is our acme key, put it into .env", KEY),
    # settings
    ("[mail]\n  user = noreply\n  pass = {}", "(?:Copper|Velvet)[-_][0-9]{3}7"),
    ("SIGN_PASS = {}", "(?:Copper|Velvet)[-_][0-9]{3}7"),
    ("profile::snmp::ro_community: '{}'", CASED),
    ("snmp_community = {}", CASED),
    ("LICENSE:  {}", LICENCE),
    ("our licence {} runs out in May", LICENCE),
    ("slmgr /ipk {}", LICENCE),
    ("ADMIN_PIN={}", CODE),
    ('- name: ADMIN_PIN\n  value: "{}"', CODE),
    ('{{"name": "SIM_PIN", "value": "{}"}}', CODE),
    ('{{"access":"{}","user":{{"id":7}}}}', KEY),
    # commands
    ("db2 connect to shop user db2inst1 using {}", CASED),
    ("security import cert.p12 -k build.keychain -P '{}' -T /usr/bin/codesign", CASED),
    ("hdiutil attach -stdinpass v.dmg <<< '{}'", WORDS),
    ('kadmin -w {} -q "listprincs"', WORDS),
    ("conan user ci -r acme -p {}", WORDS),
    ("$ echo {} | p4 -p ssl:p4:1666 -u ci login", WORDS),
    ("printf '%s\\n%s\\n' '{0}' '{0}' | passwd deploy", CASED),
    ("printf 'user=ops\\npass=%s\\n' '{}' | sudo tee /etc/samba/creds", CASED),
    ("$ fly secrets set LANG=de ERL_DIST={} -a shop", "[a-f][0-9]{3}[a-f0-9]{25}[a-f][0-9]{2}"),
    ("FTP: USER backup\n10:01:22.3 IP 10.0.0.4.51514 > 10.0.0.9.21: FTP: PASS {}", CASED),
    # outputs and settings again
    ('vpn_psk           = "{}"', KEY),
    ('~ resource "random_password" "db" {{\n  ~ result = "oldOld9Kq4" -> "{}"', CASED),
    ('"bcrypt_hash": "x",\n"id": "none",\n"length": 24,\n"result": "{}",', CASED),
    ('"bearer": {{"pkg.acme.dev": "{}"}}', KEY),
    ('Cookies.Add((New-Object System.Net.Cookie("connect.sid", "{}", "/", "acme.dev")))', KEY),
    ("$ az keyvault secret show --name SqlAdmin --query value -o tsv\n{}", "CopperQuartz1[0-9]{3}"),
    (
        "$ cat /run/secrets/jwt\n{}\n",
        f"{N}{{9}}/{N}{{12}}/[A-Z][0-9]{N}{{20}}/{N}{{14}}[0-9]{N}{{3}}",
    ),
    ("creds:\nu: ops\np: {}", CASED),
    # what people write
    ("use {} when it asks for the sudo password", "[a-z][A-Z]{2}[0-9]#[a-z]{4}[0-9]{2}"),
    ("connecte-toi avec root et {} comme mot de passe", CASED),
    ("entra con root e {} come password", CASED),
    ("log in als root met {} als wachtwoord", CASED),
    ("le mot de passe admin c'est {} voilà", WORDS),
    ("entro con ops y la pass {} pero da 401", CASED),
    ("The credentials in `prod.yml` are `shop` and `{}`.", CASED),
    ("hier is de API-sleutel: {}", KEY),
    ("anahtar: {}", KEY),
    # codes of messages
    ("{} is your login code", CODE),
    ("G-{} is your Google verification code.", CODE),
    ("{} ist Ihr Bestätigungscode", CODE),
    ("您的验证码为{}，5分钟内有效", CODE),
    ("[인증번호: {}]", CODE),
    ("код подтверждения: {}", CODE),
    ("Seu código de verificação é {}", CODE),
]

#: In other letters than ASCII, which JSON may escape: then only some are looked through.
ELSEWHERE = [
    ("zmieniłem hasło wczoraj na {}", WORDS),
    ("サーバーのパスワード、たぶん {}", WORDS),
    ("비번 바꿨어 {}", WORDS),
]

PERSONAL = [
    ("ops:x:1001:1001:{}:/srv/ops:/bin/bash", "Marta K[aeiou]wal[cs]zyk,,617-871-64[0-9]{2},"),
    ("SIN: {}", "59[0-9] 947 48[0-9]"),
    ("Personalausweis-Nr. {}", "L[0-9]{2}X[0-9]{2}T47"),
    ("passeport: {}", "[0-9]{2}CK4[0-9]{4}"),
    ("Führerschein {}", "B[0-9]{2}2RRE2I5[0-9]"),
    ("AHV-Nummer: {}", "756\\.12[0-9]{2}\\.56[0-9]{2}\\.97"),
    ("TC Kimlik No: {}", "4[0-9]{8}14"),
    ("주민등록번호: {}", "8704[12][0-9]-123[0-9]{4}"),
    ("個人番号：{}", "4[0-9]{3} 5678 90[0-9]{2}"),
    ("СНИЛС {}", "11[0-9]-233-44[0-9] 95"),
    ("ИНН {}", "5001007322[0-9]{2}"),
    ("паспорт {}", "45[0-9]{2} 1234[0-9]{2}"),
    ("latitude_home: {}", "49\\.9[0-9]{4}7"),
    ("Registrant Phone: {}", "\\+1\\.50376[0-9]{5}"),
    ("address={} date=1", "\\+49 17[0-9] 7[0-9]{7}"),
    ("Port. {} / Fixe", "06 60 8[0-9] 83 53"),
    ("dn: uid={},ou=people,dc=acme,dc=dev", "tk[aeiou]walczyk"),
    ("appelle le {}", "06\\.12\\.47\\.8[0-9]\\.19"),
    ("il mio numero è {}", "347 447[0-9]{4}"),
    ("mój numer to {}", "512 47[0-9] 319"),
    ("meu número é {}", "\\(11\\) 9447[0-9]-3190"),
    ("住所：{}", "東京都渋谷区神南1丁目1[0-9]番11号"),
    ("{}", "Rua da" + "s Flores, 12[0-9] - 0131[0-9]-100 São Paulo"),
]

KEPT = [
    "8080 is your exit code, 2024 is your zip code",
    "#define BUTTON_PIN 1000\nLED_PIN = 13",
    '{"access": "read-write-all-objects-v2"}',
    '{"access": "ReadOnly' + 'AccessForEveryone2"}',
    "use Postgres" + "16 when asked which engine",
    "use PBKDF2" + "WithHmac as the password hasher",
    "ops:x:1001:1001:Build User:/srv/ops:/bin/bash",
    "postgres:x:115:120:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash",
    "```\n" + "3f2a9be1c07d" * 3 + "3f2a\n```\nthat's the commit before the token fix",
    "dist/index-B7x2kQ9aLm3nR8tY.js\nthis is the token module",
    "$ grep -rn DB_PASS .\ndocker-compose.yml:12",
    "$ printenv HOME\n/home/runner",
    "$ echo $GIT_COMMIT\n" + "3f2a9be1c07d" * 3 + "3f2a",
    "pass = Stage2",
    "pass = compile-1",
    "ro_community: { type: string }",
    "credentials are read from `shared_config2` and `Aws" + "Profile2`",
    "パスワードは Login" + "Field2.vue を見て、8文字以上で",
    "비밀번호는 User" + "Service2.kt 에서 확인",
    "验证码长度 6 位，接口 2023 年更新",
    "INN 12345, SIN(3.14)",
    "certutil -hashfile x.iso SHA256",
    "chave: processo_2023_relatorio_final",
    "LICENSE-2023-ABCD-1234",
    "  password: {{ .Values.auth.password | b64enc | quote }}",
    "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it}",
    "9f3c" * 10 + " Fix token refresh in session store\n" + "b07d" * 10 + " Rename api key column",
    "x=+1.5037696029, y=+0.2521",
    "printf '%s' ok | passwd-check",
    "lat_home_screen: 3.14159",
]


@pytest.mark.parametrize(("text", "form"), [*SECRETS, *PERSONAL])
def test_taken(text: str, form: str) -> None:
    check_taken(text, form)


@pytest.mark.parametrize(("text", "form"), ELSEWHERE)
def test_taken_from_a_sentence(text: str, form: str) -> None:
    value = made(form, Random(form))
    assert gone(text.format(value), value)


@pytest.mark.parametrize("text", KEPT)
def test_kept(text: str) -> None:
    assert REDACTOR.text(text) == text
