"""Numbers that states give to people, behind the word that says so; and numbers that are none."""

from __future__ import annotations

import pytest
from taking import REDACTOR, check_taken


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("passport: {}", "[57]3[0-9]{7}"),
        ("Passport no. {}", "[A-Z]{2}8[0-9]{6}"),
        ("driver's license {}", "D[0-9]{7}"),
        ("driving licence number: {}", "[A-Z]{5}[0-9]{6}[A-Z]{2}9[A-Z]{2}"),
        ("national insurance number {}", "AB 48 2[0-9] 1[0-9] C"),
        ("BSN {}", "48[0-9]{7}"),
        ("CPF: {}", "39[0-9]\\.53[0-9]\\.44[0-9]-0[0-9]"),
        ("CNPJ {}", "1[0-9]\\.2[0-9]2\\.3[0-9]3/0001-8[0-9]"),
        ("DNI {}", "54[0-9]{6}K"),
        ("PESEL: {}", "4405[0-9]{7}"),
        ("Steuer-ID {}", "86 [0-9]{3} 74[0-9] 719"),
        ("Steuernummer: {}", "14[0-9]/24[0-9]{2}/48[0-9]2"),
        ("USt-IdNr.: {}", "DE81[0-9]{7}"),
        ("VAT ID: {}", "ATU43[0-9]{6}"),
        ("Partita IVA: {}", "63[0-9]{9}"),
        ("NIR: {}", "1 76 09 75 [0-9]{3} [0-9]{3} 77"),
        ("Sozialversicherungsnummer {}", "65 170[0-9]{3} M 00[0-9]"),
        ("Routing number: {}", "07841[0-9]{4}"),
        ("Account number {}", "4000[0-9]{4}9"),
        ("Sort code {}", "5[0-9]-27-0[0-9]"),
        ("Aadhaar: {}", "48[0-9]{2} 7365 9[0-9]{3}"),
        ("PAN card: {}", "ABCPE[0-9]{4}F"),
        ('"passport_number": {}', "[57]3[0-9]{7}"),
        ("account_number = {}", "53201398[0-9]"),
        ("drivers_license: {}", "D[0-9]{7}"),
        ("ssn={}", "41268[0-9]{4}"),
        ('"ssn": {}', "41268[0-9]{4}"),
        ("write to {} please", "ada\\.[a-z]{5} \\(at\\) tradewind \\(dot\\) io"),
        ("write to {} please", "ada\\.[a-z]{5}\\[at\\]tradewind\\.io"),
        ("身份证号：{}", "1101051949123[0-9]{4}X"),
    ],
)
def test_it_is_taken(text: str, form: str) -> None:
    check_taken(text, form)


@pytest.mark.parametrize(
    "text",
    [
        'import passport from "passport"; passport.use(jwt)',
        '"passport": "^0.6.0", "passport-http-bearer": "1.0.1"',
        "passport 000000000",
        "ssn: 123456789, ssn = 900000000",
        "look at it and dot the i",
        "user (at) example (dot) com",
        "array(at) index.html",
        "if (at) this.next()",
        "while (at) node.next = 1",
        "label = name(at) parts.first",
        "if(at) response.send(a[at] item.co)",
        "PAN tilt and zoom",
        "BSN 123456789",
        "BSN 48123765987",
        "PAN card: ABCPE1234FG",
        "DNI-1234 is the ticket",
        "the PESEL check digit is computed modulo 10",
        "CPF: ___.___.___-__",
        "driving license is required",
        "PAN: 5500 0000",
    ],
)
def test_it_is_left_alone(text: str) -> None:
    assert REDACTOR.text(text) == text
