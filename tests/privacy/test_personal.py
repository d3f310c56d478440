"""Personal data as people write it, and what only looks like it. `§` is taken out: no number or
address stands whole in this file."""

# ruff: noqa: E501

from __future__ import annotations

import json
import re
from random import Random

import pytest
from planted import real
from taking import AUDITOR, REDACTOR

from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.payment import _IBAN_SIZES
from sessiontune.privacy.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Tel.: 01§51/23§984571", "23§984571"),
        ('{"mobilePhone": "06 §12 84 §59 71"}', "12 84 59 71"),
        ("Kontakt: Anna Kessler (030/3§004§154)", "30§04154"),
        ("numéro : 07 58 33 §74 63", "58 33 74 §63"),
        ("meine Nummer: 0176 3§0048§154", "300§48154"),
        ("тел. 8 (903) 483-§72-65", "483-7§2-65"),
        ("Appelez-moi au 01.§42.68.§53.19", "42.6§8.53.19"),
        ("Adresse: Lindenhofstra§ße §12a, 10§117 Berlin", "Lindenhofstra§ße §12a"),
        ("I live at 14§23 Kestrelhill §Av§enue, Springfield, IL 62§704.", "Kestrelhill"),
        ('{"str§eet": "u§l. Marszaleska 10/4", "zip": "1"}', "Marszaleska §10/4"),
        ("my ssn is 5362§91234", "536291§234"),
        ("My SSN is 5362§91234.", "536291§234"),
        ("| id | street | note |\n|---|---|---|\n" + "| 8 | – | no customer yet; asks again in the spring of next year, or later |\n" * 4 + "| 9 | 37 Kestrelhill §Av§enue | open |\n", "Kestrelhill"),
        ("id\taddress\n" + "7\tnone so far, and nobody knows when there will be one again\n" * 5 + "8\t37 Kestrelhill §Av§enue\n", "Kestrelhill"),
        ("C:\\Us§ers\\Tobias Gall§agher\\Documents\\a.txt", "Gallagher"),
        ("see \\\\fs01\\Us§ers\\pfern§andes\\x", "pfernandes"),
        ("GPS Position: 48 deg 8§' 15.30\" N", "8' 15.30"),
        ("hwaddr b8§27.eb71.05§97", "eb71.0597"),
        ("https://chat.acme.io/hooks/TdWzHJlPq§A7gAZyF2/5bkZVGVmLYYkUkBIN0W§NYB0LWkzexP39vz1t3yfJoJauXwyC", "LYYkUkBIN0WNYB0L"),
    ],
)  # fmt: skip
def test_what_people_write_is_found(text: str, value: str) -> None:
    clean = REDACTOR.text(real(text))
    assert real(value) not in clean
    assert REDACTOR.text(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "mobile breakpoints 320 480 768 1024",
        "call stack 12 34 56 78 90",
        "phone_count: 1234567",
        "number: 0755 0644 0600",
        "order number: 0176 3004 8154",
        "Contact: Room 12 34 56 78 90",
        "translation: [12.34567, 45.67891]",
        "latency = 45.67891",
        "rotate 45° 30' 15\"",
        "see section 8.2.4.45",
        '"address1": "Adress 1", "address2": "Adress 2", "line1": "Line 1"',
        "-A IP-MASQ -d 192.88.99.0/24 and http://192.0.0.10/",
        "BDAY:20261345, Office: 12-34-56",
        "via Header 12, al. 1, Platz 1",
        "Address already in use: 10 st",
        "import x from '@/hooks/useIntersectionObserver'",
        "rng = default_rng(4202165767276)",
        "src/home/index.ts and api/users/list",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize("times", range(5))
def test_an_address_is_found_however_often_its_sign_was_encoded(times: int) -> None:
    sign = "%" + "25" * times + "40"
    out = Redactor(b"s", Vocabulary(), PrivacyOptions()).text(
        f"mailto=ada.lovelace{sign}lovelace.dev&x=1"
    )
    assert "lovelace" not in out
    assert out.startswith("mailto=")


@pytest.mark.parametrize("country", sorted(_IBAN_SIZES))
def test_accounts_of_every_country_are_found_however_they_are_grouped(country: bytes) -> None:
    code, size = country.decode(), _IBAN_SIZES[country]
    account = "".join(Random(code).choices("0123456789", k=size - 4))
    check = 98 - int("".join(str(int(c, 36)) for c in f"{account}{code}00")) % 97
    value = f"{code}{check:02}{account}"
    grouped = " ".join(value[i : i + 4] for i in range(0, size, 4))
    for text in (value, grouped, f"Konto {value}.", f'"{grouped}"', f"\\n{grouped}"):
        assert account[-8:] not in REDACTOR.text(text).replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        "T: 030 48§29§1736",
        "Mob: 0748§2 91§7364",
        "Телефон: 8 (903) 48§2-91-73",
        "Τηλ.: 694 82§9 1736",
        "SĐT: 0912 48§2 917",
        "Puh. 040 48§2 9173",
        "Tel.: 0049 30 4§8§2§91736",
        "Tel.: 0176 48§291736, 0171 58§29173",
        "Tel.: 0176 48§291736 / 0171 58§29173",
        "Tel.: 0176 48§291736, fax 0171 58§29173",
        'Tel.: 0176 48§291736, 0171 58§29173 "phones": ["0172 38§29174", "0173 28§29175"]',
        "phones:\n  - 0176 48§291736\n  - 0171 58§29173",
        '{"phoneNumbers": ["0176 48§291736", "0171 58§29173"]}',
        "(415) 82§9-1736",
        "+49 176 48§291736",
        "https://wa.me/491764§8291736",
        "phone=%2B491764§8291736&x=1",
        "name,phone\nAda,0176 48§291736\nBob,415-82§9-1736",
        "lat,lon\n48.2§0849,16.3§7208\n48.2§1004,16.3§7491",
        "INSERT INTO p (name, lat, phone) VALUES ('a', 48.2§0849, '0176 48§291736'), ('b', 48.2§1004, NULL);",
    ],
)
def test_every_number_goes_and_the_gate_sees_each_at_a_lines_beginning(text: str) -> None:
    whole = real(text)
    digits = re.findall(r"[\d§ .()-]*§[\d§ .()-]*", text)
    for one in (whole, f"as said\n{whole}\nbye", json.dumps({"command": whole})):
        clean = REDACTOR.text(one)
        assert not [part for part in digits if real(part).strip(" .") in clean]
        assert REDACTOR.text(clean) == clean
        for inner in (one, json.dumps({"command": one})):
            assert AUDITOR.scan(json.dumps({"content": inner}).encode(), "row")
        assert not AUDITOR.scan(json.dumps({"content": clean}).encode(), "row")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("//wsl$/Ubuntu/ho§me/tkowal§czyk/x", "tkowalczyk"),
        ("vscode://file/ho§me/tkowal§czyk/x", "tkowalczyk"),
        ("/run/med§ia/tkowal§czyk/USB", "tkowalczyk"),
        ("┌──(tkowal§czyk㉿berg§werk)-[~/code]", "tkowalczyk bergwerk"),
        ("tkowal§czyk@berg§werk MINGW§64 ~/code (main)", "tkowalczyk bergwerk"),
        ("ssh -l tkowal§czyk nas", "tkowalczyk"),
        ("ssh:/§/tkowal§czyk@nas.lan:2222/x.git", "tkowalczyk"),
        ("smb:/§/tkowal§czyk@nas/x", "tkowalczyk"),
        ("tkowal§czyk@Tkowal§czyks-Mac§Book-Pro dev % ls", "tkowalczyk Tkowalczyk"),
        ("tkowal§czyk@Tkowal§czyks-A§ir dev % ls", "tkowalczyk Tkowalczyk"),
        ("Tkowal§czyks-A§ir:~ tkowal§czyk$ ls", "tkowalczyk Tkowalczyk"),
        ("tkowal§czyk@berg§werk ~ %", "tkowalczyk bergwerk"),
        ("(venv) tkowal§czyk@berg§werk.local src % ls", "tkowalczyk bergwerk"),
        ("Computer Name: Tkowal§czyk’s Mac§Book Pro", "Tkowalczyk"),
        ("Tkowal§czyks-i§Mac:~ tkowal§czyk$ ls", "tkowalczyk Tkowalczyk"),
        ("Mac§Book-Pro-von-Tkowal§czyk:dev tkowal§czyk$ ls", "tkowalczyk Tkowalczyk"),
        ("LocalHostName: tkowal§czyks-mac§book-air-2", "tkowalczyk"),
        ("C--Us§ers-J-rgen§sen-code-ledg§erly", "rgensen ledgerly"),
        ("'-Us§ers-m-ll§erstein-ledg§erly'", "llerstein ledgerly"),
        ("COMPUTER§NAME=berg§werk", "bergwerk"),
        ("ping berg§werk.fritz§.box", "bergwerk"),
        ("origin\thttps:/§/git.acme.io:8443/tkowal§czyk/ledg§erly.git (fetch)", "tkowalczyk ledgerly"),
        ("To https:/§/github.com/tkowal§czyk/ledg§erly.git", "tkowalczyk ledgerly"),
        ("From https:/§/github.com/tkowal§czyk/ledg§erly", "tkowalczyk ledgerly"),
        ("remote:      https:/§/github.com/tkowal§czyk/ledg§erly/pull/new/x", "tkowalczyk ledgerly"),
        ("git push -u https:/§/github.com/tkowal§czyk/ledg§erly.git main", "tkowalczyk ledgerly"),
        ("DESK§TOP-AB12CD3\\tkowal§czyk", "tkowalczyk AB12CD3"),
        ('[remote "origin"]\n\turl = https:/§/github.com/tkowal§czyk/ledg§erly.git', "tkowalczyk ledgerly"),
        ("AWS_ACCOUNT_ID=48291§7364058", "482917364058"),
        ('account_id = "48291§7364058"', "482917364058"),
        ('{"OwnerId": "48291§7364058"}', "482917364058"),
        ("/subscriptions/7f3c9a1e-52d8-4b6f-9e07-§c1d84a6b3f25/resourceGroups", "c1d84a6b3f25"),
        ("BDAY:1984-§03-17", "1984-03-17"),
        ("BDAY;VALUE=date:1984§0317", "19840317"),
        ("Standort: 48.20§849, 16.37§208", "48.20849 16.37208"),
        ("Office: 415-82§9-1736", "829-1736"),
        ("GEO:48.20§849;16.37§208", "48.20849 16.37208"),
        ("pan=4539453§331478936", "4539453§331478936"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "hello\n"])
def test_places_go_and_the_gate_sees_each(text: str, values: str, before: str) -> None:
    whole = before + real(text)
    clean = REDACTOR.text(whole)
    assert not [value for value in real(values).split() if value in clean]
    assert REDACTOR.text(clean) == clean
    assert AUDITOR.scan(json.dumps({"content": whole}).encode(), "f")
    assert AUDITOR.scan(json.dumps({"content": clean}).encode(), "f") == []


@pytest.mark.parametrize(
    "text",
    [
        "# From https://github.com/python/cpython/blob/main/x.py",
        '[submodule "x"]\n\turl = https://github.com/google/googletest.git',
        "see https://example.com/home/index and //cdn.example.com/users/list.js",
        "git@host MINGW64 ~/code; account_id = 123456789012",
        "Apple’s MacBook Pro and Mac mini; user@host ~ % ls",
        "for mail@5 per 50 % and x@y 7 % of b@nas",
        "'-Users-x-code' on a MacBook-Pro: 50 % done, see all MacBooks-in-use.md",
    ],
)
def test_public_places_stay(text: str) -> None:
    assert REDACTOR.text(text) == text
