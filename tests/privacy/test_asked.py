"""Names that programs print when asked for them; contacts and numbers of firms in their papers."""

from __future__ import annotations

import pytest
from taking import REDACTOR, check_taken

NAME = "q[a-z]{4}berg"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("$ whoami\n{}\n$ pwd\n", NAME),
        ("root@host:/srv# whoami\n{}\n", NAME),
        ("\\\\fs01\\users$\\{}\\notes.txt", NAME),
        ("$ whoami && hostname && pwd\nroot\n{}\n/srv", NAME),
        ("PS C:\\src> whoami\nws-west\\{}\n", NAME),
        ("PS C:\\src> $env:COMPUTERNAME\n{}\n", "FLINT-WS[0-9]{2}"),
        ("Access: (0664)  Uid: ( 1000/{})   Gid: (    0/    root)", NAME),
        ("CRON[4817]: ({}) CMD (sync)", NAME),
        ("{}:x:1027:100::/srv:/bin/sh", NAME),
        ("Host Name:                 {}", "PASS-NB[0-9]{2}"),
        ("gke_{}_us-west1_web", "flint-[a-z]{5}-prod"),
        ("https://www.linkedin.com/in/{}/", NAME),
        ("Office | m: {}", "503\\.9[0-9]4\\.2276"),
        ("Wir: {}\n85049 Ingolstadt", "Wilhelm-Hoegner-Ring 2[0-9]"),
        ("Lieferadresse: {}, 24103 Kiel", "Am Alten Markt [2-9]"),
        ("LOCATION:Atelier\\, {}\\, 1070 Wien", "Neubaugasse [2-9]4"),
        ("USt-IdNr.: {}", "DE 28[0-9] 719 365"),
        ("VAT Reg No: {}", "GB 28[0-9] 7193 65"),
        ("**Org. nr.:** {}", "NO 92[0-9] 418 365"),
        ("SIRET {}", "824 71[0-9] 365 00027"),
        ('{{"abn": "{}"}}', "518247[0-9]3556"),
        ("UID: {}", "ATU2[0-9]719365"),
        ("EIN: {}", "48-29[0-9]7365"),
        ("NIP: {}", "829-4[0-9]-73-651"),
        ("CIF: {}", "B4829[0-9]736"),
        ("BSB: {}", "06[0-9]-182"),
    ],
)
def test_it_is_taken(text: str, form: str) -> None:
    check_taken(text, form)


@pytest.mark.parametrize(
    "text",
    [
        "$ whoami\nroot\n$ hostname\nlocalhost\n",
        "$ whoami\nbash: whoami: command not found\n",
        "ran hostname\nbergwerk7 was printed later",
        "postgres:x:114:120::/var/lib/postgresql:/bin/bash",
        "linkedin.com/in/username",
        "VAT: DESCRIPTION of the field; the UID DEADBEEF",
        "org nr 3; abn == 5; siren at 120 dB",
        'this.users$\\n.pipe(); "^/home$\\\\nfoo"',
        "  # hostname\nvariable\n## whoami\nCommand",
        "Uid: ( 1000/ UNKNOWN)   Gid: ( 1000/ UNKNOWN)",
        "Host Name:   the one below",
        '{"uid": "NO20241201"}, {"uid": "ES6712345"}',
        "REGON 2024-01-02; EIN 250 000 000 km; NIP 44 1234567",
        "VAT DE 19.00 / GB 20.00",
    ],
)
def test_it_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_the_word_in_a_pseudonym_names_no_other_number() -> None:
    once = REDACTOR.text("(503) 226-" + "7841 and 503.914." + "2276")
    assert REDACTOR.text(once) == once
