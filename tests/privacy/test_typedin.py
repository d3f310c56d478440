"""Passwords that only their form and a word near them tell, and what looks like them and stays.
Values are put together when the tests run."""

from __future__ import annotations

import pytest
from taking import REDACTOR, check_taken

#: Letters of both cases, digits and a sign; words and a number; small letters, digits and a sign.
ASKED = "(?:Copper|Velvet|Falcon)[!#$?][0-9]{3}[a-z]{2}"
WORDS = "(?:Copper|Velvet|Falcon)(?:Monkey|Garden)[0-9]{4}"
LOW = "(?:copper|velvet|falcon)[0-9]{2}[!?#$]"

TAKEN = [
    ("mosquitto_passwd -b /etc/mosquitto/users ada {}", ASKED),
    ("mosquitto_passwd -b /etc/mosquitto/users ada {}", WORDS),
    ("store.setProperty('PW', '{}');", WORDS),
    ("pw   = {}", WORDS),
    ("$clave = '{}';", WORDS),
    ("remotepass = {}", ASKED),
    ("read -s PW <<< '{}'", ASKED),
    ("book.security.set_workbook_password('{}')", LOW),
    ("qpdf --encrypt {} owner 256 -- in.pdf out.pdf", ASKED),
    ("use ada with {} to log in", ASKED),
    ("take {} as the new password", ASKED),
    ("racadm -r h -u root -p {} getsysinfo", ASKED),
    ("acme-cli -U ops -h db1 -pw '{}' run", WORDS),
    ("Username\nada\nPassword\n{}\n", ASKED),
]

KEPT = [
    "docker run -u 1000:1000 -p 8080:80 img",
    "podman run -u ada -p 127.0.0.1:8443:443/tcp img",
    "tool -u ada -p 5432 run",
    "acme -u ada -p release-candidate",
    "login: Ada" + "Lovelace1985",
    "logged in as River" + "Tiger1387",
    "Sign in to Windows" + "11 with your account",
    "passw" + "ords of AdaLovelace42 and BobExample77 were rotated",
    "pwd: /home/build/Project" + "2024",
    "decrypt(Buffer3_" + "Value!)",
    "pw.chromium.launch(Headless" + "2!)",
    'const loginV2Url = "https://x.example.com/LoginV2' + '#Start1"',
    "unlock achievements in Diablo" + "4!",
    "branch protection for Release" + "2024",
    "login at noon by T1000" + "X@host",
    "encrypts with AES256" + "GCM and ChaCha20" + "Poly1305",
    "by" + "pass Foo2" + "BarBaz mode",
    '<add key="ClearText' + 'Password" value="hal+9ooo_' + 'da!sY" />',
]


@pytest.mark.parametrize(("carrier", "form"), TAKEN)
def test_taken(carrier: str, form: str) -> None:
    check_taken(carrier, form)


@pytest.mark.parametrize("text", KEPT)
def test_kept(text: str) -> None:
    assert REDACTOR.text(text) == text
