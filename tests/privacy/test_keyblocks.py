"""Private keys of all lengths, as files hold them and as tools print them."""

from __future__ import annotations

import json
from random import Random

import pytest
from planted import ALNUM
from taking import AUDITOR, REDACTOR

BEGIN, END = "-----BEGIN {}PRI" + "VATE KEY{}-----", "-----END {}PRI" + "VATE KEY{}-----"


def body(size: int) -> list[str]:
    letters = "".join(Random(size).choices(ALNUM + "+/", k=size))
    return [letters[at : at + 64] for at in range(0, size, 64)]


def pem(lines: list[str], kind: str = "RSA ", block: str = "") -> list[str]:
    return [BEGIN.format(kind, block), *lines, END.format(kind, block)]


def putty(lines: list[str]) -> list[str]:
    head = ["PuTTY-User-Key-File-3: ssh-rsa", "Encryption: none", "Comment: rsa-key-20260101"]
    public = ["Public-Lines: 12", *body(700)]
    mac = "".join(Random(9).choices("0123456789abcdef", k=64))
    return [*head, *public, f"Private-Lines: {len(lines)}", *lines, f"Private-MAC: {mac}"]


FORMS = {
    "pem": pem,
    "pgp": lambda lines: pem(["Version: GnuPG v2", "", *lines, "=aB3d"], "PGP ", " BLOCK"),
    "ssh2": lambda lines: [
        "---- BEGIN SSH2 PRI" + "VATE KEY ----", 'Comment: "ada"', *lines,
        "---- END SSH2 PRI" + "VATE KEY ----",
    ],
    "putty": putty,
    "cut": lambda lines: pem(lines)[:-1],
    "numbered": lambda lines: [f"{n:6}\t{line}" for n, line in enumerate(pem(lines), 1)],
    "diff": lambda lines: ["-" + line for line in pem(lines)],
    "one line": lambda lines: pem(["".join(lines)]),
}  # fmt: skip


@pytest.mark.parametrize("size", [1600, 7900, 8600, 9300, 13_000, 40_000])
@pytest.mark.parametrize("form", FORMS)
def test_no_part_of_a_key_stays(form: str, size: int) -> None:
    lines = body(size)
    text = "\n".join(["before;", *FORMS[form](lines), "", "{after} it"])
    for told in (text, json.dumps({"key": text}), text.replace("\n", "\r\n")):
        assert AUDITOR.scan(json.dumps({"content": told}).encode(), "f")
        clean = REDACTOR.text(told)
        assert not [line for line in lines if line[:24] in clean or line[-24:] in clean]
        assert "before" in clean
        assert "{after} it" in clean
        assert REDACTOR.text(clean) == clean
        assert AUDITOR.scan(json.dumps({"content": clean}).encode(), "f") == []


def test_words_about_a_key_are_none() -> None:
    words = "the file names its kind and then the lines that follow are read one by one "
    for begin in (BEGIN.format("", ""), "PuTTY-User-Key-File-2: ssh-rsa", "PuTTY-User-Key-File-"):
        text = begin + "\n" + words * 200 + "Private-MAC: none\n"
        assert REDACTOR.text(text) == text
