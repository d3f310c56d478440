"""Numbers that states give to people: passport, driving licence, tax and insurance numbers.

Without the word for it such a number is like any other, so each form counts only behind its words.
"""

from __future__ import annotations

from typing import Any

from .checks import digits_of
from .rules import Rule, left_edge, quick

#: What may stand between the word and the number: `: `, `" : "`, ` reg. no. `, ` is `, ` es `.
_IS = (
    r"(?i:(?:[ _-]?(?:number|num|no|nr|id|reg|intracom)\.?){0,2}\.?)\\*[\"']?"
    r"(?: (?:is|ist|es|est|to|\xc3[\xa9\xa8])(?: el| le)?|"
    r"[ ]?[:=#]\*{0,2}|\xef\xbc\x9a|\\+uff1a)?[ ]{0,2}\\*[\"']?"
)

#: The countries of a number for value-added tax, and its digits, in groups or in one run.
_TAXED = r"ATU|B[EG]|CHE|C[YZ]|D[EK]|E[ELS]|F[IR]|GB|H[RU]|I[ET]|L[TUV]|MT|N[LO]|P[LT]|RO|S[EIK]|XI"
_IN_GROUPS = r"[ -]?[0-9A-Z]{0,2}(?:[ .-]?[0-9]){7,11}(?:B[0-9]{2}|[A-Z]{1,2})?"

#: Words (`account number`; a space also stands for `_` and the like), and the form of the number.
_FORMS: tuple[tuple[str, str], ...] = (
    (
        r"(?i:passport|reisepass|personalausweis|ausweis(?:nummer|-?nr)|passeport|pasaporte|passapor(?:to|te)|paspoort)",
        r"[A-Z]{0,2}[0-9]{7,9}|[A-Z][0-9]{2}[A-Z][0-9]{5}|[CFGHJKL][0-9CFGHJKLMNPRTVWXYZ]{8}|[0-9]{2}[A-Z]{2}[0-9]{5}",
    ),
    (r"(?i:f\xc3\xbchrerschein)", r"[A-Z0-9][0-9]{2}[A-Z0-9]{6}[0-9][A-Z0-9]"),
    (r"(?i:driv(?:er'?s?|ing) licen[cs]e)", r"[A-Z]{1,2}[0-9]{6,13}|[A-Z]{5}[0-9]{6}[A-Z0-9]{5}"),
    (
        r"(?i:national insurance|\bNINO\b)",
        r"[A-CEGHJ-PR-TW-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
    ),
    (r"(?i:\bNHS)", r"[0-9]{3} [0-9]{3} [0-9]{4}"),
    (r"(?:\bBSN|(?i:burgerservicenummer))", r"[0-9]{9}"),
    (r"\bCPF", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}|[0-9]{11}"),
    (r"\bCNPJ", r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}|[0-9]{14}"),
    (r"\b(?:DNI|NIE|NIF)", r"[0-9]{8}-?[A-Z]|[XYZ]-?[0-9]{7}-?[A-Z]"),
    (r"\bPESEL", r"[0-9]{11}"),
    (r"(?i:codice fiscale|\bC\.F\.)", r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]"),
    (
        r"(?i:steuer-?(?:id(?:entifikationsnummer)?|nummer)|\btax id)",
        r"[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}",
    ),
    (r"(?i:steuer-?(?:nummer|nr)\.?)", r"[0-9]{2,3}/[0-9]{3,4}/[0-9]{4,5}"),
    (r"(?i:partita iva|\bp\. ?iva)", r"(?:IT)?[0-9]{11}"),
    (
        r"(?i:\b(?:VAT|TVA|BTW|MWST|MVA|USt-?Id(?:Nr)?)\b|BTW-nummer|umsatzsteuer-id(?:entifikationsnummer)?)",
        rf"(?:{_TAXED}){_IN_GROUPS}",
    ),
    # in Austria, Switzerland and Germany; elsewhere any id
    (r"(?i:\bUID\b)", r"ATU ?[0-9]{8}|CHE-?[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}|DE ?[0-9]{9}"),
    (
        r"\b(?i:kvk|abn|siret|siren|regon|cvr|org\.? ?nr)\b",
        r"(?:NO ?)?[0-9]{2,3}(?:[ .-]?[0-9]){5,11}",
    ),
    (r"\bEIN\b", r"[0-9]{2}-[0-9]{7}"),
    (r"\bNIP\b", r"[0-9]{3}(?:-?[0-9]{2,3}){3}"),
    (r"\bCIF", r"[A-HJNP-SUVW]-?[0-9]{7}[0-9A-J]"),
    (r"(?i:\bbsb)", r"[0-9]{3}[ -]?[0-9]{3}"),
    (
        r"(?i:s\xc3\xa9curit\xc3\xa9 sociale|\bNIR)",
        r"[12] ?[0-9]{2} ?[01][0-9] ?[0-9]{2} ?[0-9]{3} ?[0-9]{3}(?: ?[0-9]{2})?",
    ),
    (
        r"(?i:(?:sozial|renten)versicherungs-?(?:nummer|nr\.?))",
        r"[0-9]{2} ?[0-9]{6} ?[A-Z] ?[0-9]{3}",
    ),
    (r"(?i:routing)", r"[0-9]{9}"),
    (r"(?i:account (?:number|no\.?|#))", r"[0-9]{4} ?[0-9]{4,8}"),
    (r"(?i:sort code)", r"[0-9]{2}-[0-9]{2}-[0-9]{2}"),
    (r"(?i:\bAHV|\bAVS|ahv-nummer)", r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}"),
    (r"(?i:kimlik)", r"[1-9][0-9]{10}"),
    (
        r"\xec\xa3\xbc\xeb\xaf\xbc\xeb\x93\xb1\xeb\xa1\x9d\xeb\xb2\x88\xed\x98\xb8",
        r"[0-9]{6}-?[1-8][0-9]{6}",
    ),
    (
        r"\xe3\x83\x9e\xe3\x82\xa4\xe3\x83\x8a\xe3\x83\xb3\xe3\x83\x90\xe3\x83\xbc|\xe5\x80\x8b\xe4\xba\xba\xe7\x95\xaa\xe5\x8f\xb7",
        r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}",
    ),
    (r"\xd0\xa1\xd0\x9d\xd0\x98\xd0\x9b\xd0\xa1", r"[0-9]{3}-[0-9]{3}-[0-9]{3}[ -][0-9]{2}"),
    (r"\xd0\x98\xd0\x9d\xd0\x9d", r"[0-9]{10}(?:[0-9]{2})?"),
    (
        r"(?:\xd0\xbf|\xd0\x9f)\xd0\xb0\xd1\x81\xd0\xbf\xd0\xbe\xd1\x80\xd1\x82",
        r"[0-9]{2} ?[0-9]{2} ?(?:\xe2\x84\x96 ?)?[0-9]{6}",
    ),
    (r"(?i:aadhaa?r)", r"[2-9][0-9]{3} ?[0-9]{4} ?[0-9]{4}"),
    (r"\bPAN(?i: card)?", r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]"),
    (r"\bCURP", r"[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[A-Z0-9][0-9]"),
    (r"(?i:personnummer)", r"(?:[0-9]{2})?[0-9]{6}[+-]?[0-9]{4}"),
    (r"(?i:\bCPR|personnummer|f\xc3\xb8dselsnummer)", r"[0-9]{6}[- ]?[0-9]{4,5}"),
    (r"(?i:\bITIN)", r"9[0-9]{2}-[0-9]{2}-[0-9]{4}"),
    (r"(?i:\bTFN|tax file|social insurance|(?-i:\bSIN\b))", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}"),
    (
        r"(?:\xe8\xba\xab\xe4\xbb\xbd\xe8\xaf\x81(?:\xe5\x8f\xb7)?|\\+u8eab\\+u4efd\\+u8bc1(?:\\+u53f7)?)",
        r"[1-9][0-9]{16}[0-9Xx]",
    ),
)


_DATE = quick(r"(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]")
_COUNTING = (b"12345678", b"01234567", b"87654321", b"98765432")


def _number(data: bytes, match: Any) -> tuple[int, int] | None:
    """The number, if it is whole, no date, and neither repeats one digit nor counts up."""
    start, end = match.span(1)
    digits = digits_of(match.group(1))
    made_up = len(set(digits)) < 3 or digits[:8] in _COUNTING
    if made_up or not left_edge(data, start) or data[end : end + 1].isalnum():
        return None
    return None if _DATE.match(match.group(1)) else (start, end)


RULES: tuple[Rule, ...] = tuple(
    Rule(
        "national-id",
        f"(?:{spoken}){_IS}({form})",
        check=_number,
        window=(100, 24),
        rank=3,
    )
    for spoken, form in ((words.replace(" ", "[ _-]?"), form) for words, form in _FORMS)
)
