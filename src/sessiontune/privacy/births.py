"""Dates of birth behind the words for them: `date of birth: ...`, `geboren am ...`.

A date alone says nothing. The first of January and dates more than a lifetime ago are left alone:
they are defaults, or of nobody who lives.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .rules import Rule, quick

_MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|m\xc3\xa4r|mai|okt|dez|"
    r"janv|f\xc3\xa9vr|avr|juin|juil|ao\xc3\xbbt|d\xc3\xa9c|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|fev|out)[a-z\xc3\xbb\xa9]{0,8}\.?"
)
_YEAR = r"(?:19[2-9][0-9]|20[01][0-9])"
_DAY = r"[0-3]?[0-9]"
_DATE = (
    rf"{_YEAR}[-/.][01]?[0-9][-/.]{_DAY}|{_DAY}[-/.]{_DAY}[-/.]{_YEAR}|"
    rf"{_DAY}(?:st|nd|rd|th|\.|er)?(?: of| de)? (?i:{_MONTH}),?(?: de)? {_YEAR}|(?i:{_MONTH}) {_DAY}(?:st|nd|rd|th)?,? {_YEAR}|"
    rf"{_YEAR}\xe5\xb9\xb4[01]?[0-9]\xe6\x9c\x88{_DAY}\xe6\x97\xa5|{_YEAR}\xeb\x85\x84 ?[01]?[0-9]\xec\x9b\x94 ?{_DAY}\xec\x9d\xbc"
)
#: Names of fields, and labels: only marks stand between them and the date.
_LABELS = (
    r"birth[ _-]?da(?:te|y)|date[ _-]?of[ _-]?birth|\bdob|\bbday|geburts(?:datum|tag)|date de naissance|"
    r"fecha[ _]de[ _]nacimiento|data di nascita|data de nascimento|geboortedatum|f\xc3\xb6delsedatum|data urodzenia|"
    r"\xe7\x94\x9f\xe5\xb9\xb4\xe6\x9c\x88\xe6\x97\xa5|\xe5\x87\xba\xe7\x94\x9f(?:\xe6\x97\xa5\xe6\x9c\x9f|\xe5\xb9\xb4\xe6\x9c\x88)|"
    r"\xec\x83\x9d\xeb\x85\x84\xec\x9b\x94\xec\x9d\xbc|\xd0\xb4\xd0\xb0\xd1\x82\xd0\xb0 \xd1\x80\xd0\xbe\xd0\xb6\xd0\xb4\xd0\xb5\xd0\xbd\xd0\xb8\xd1\x8f"
)
#: A date without marks, as in vCards.
_UNMARKED = rf"{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_MARKS = r"(?:[ \t:=>.\"'`*\\(|]|\xef\xbc\x9a|%3[AaDd]|is |was |ist |on |new |Date|date|value|&quot;){0,16}"
#: Words of a sentence with the date right behind them.
_SAID = (
    r"\bborn(?: on)?|\bgeb(?:oren)?\.?(?: am)?|\bn\xc3\xa9e?(?:\(e\))? le|\bnacid[oa](?:/a)? el|\bnacio el|\bnat[oa](?:/a)? il|\bnascid[oa] (?:em|a)|"
    r"\bgeboren op|\burodzon[ya] "
)


def _lived(data: bytes, match: Any) -> tuple[int, int] | None:
    """The date, unless it is a default or part of a longer number."""
    start, end = match.span(1)
    if data[end : end + 1].isdigit() or data[start - 1 : start].isdigit():
        return None
    return None if _ANY.match(match.group(1), 0, end - start) else (start, end)


_ANY = quick(r"\d{4}[-/.]0?1[-/.]0?1\Z|0?1[-/.]0?1[-/.]\d{4}\Z")


def _rule(words: str, date: str = _DATE) -> Rule:
    return Rule(
        "birth-date",
        rf"(?i:{words})({date})",
        check=_lived,
        window=(120, 16),
        rank=2,
    )


#: Fields that may hold a date without marks.
_FIELDS = (
    r"(?-i:dob|birth_?[dD]ate|birthday|date_of_birth|dateOfBirth)[\\\"']{1,3}:[ ]?[\\\"']{0,3}"
)

RULES: tuple[Rule, ...] = (
    _rule(rf"(?:{_LABELS}){_MARKS}"),
    _rule(r"geburtsdatum d(?:es|er) [^\s:=]{1,20}:[ ]"),
    _rule(rf"(?:{_FIELDS})", _UNMARKED),
    _rule(rf"(?:{_SAID})[ ]"),
    _rule(r"\bbday(?:;[a-z=,-]{1,40})?:", _UNMARKED),
)
