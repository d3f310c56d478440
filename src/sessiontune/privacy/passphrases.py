"""Passphrases of plain words, as dice choose them: `passphrase: "walnut harbor ..."`, also in sentences.

Four words or more in small letters, none of which a sentence, a label or a message needs.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .rules import Rule

_PHRASE = r"[a-z]{3,9}(?: [a-z]{3,9}){3,9}"
#: Words of sentences and of what programs show.
_COMMON = frozenset(
    b"""
    about above access account accounts actual add added admin after again against all allow allowed also always and any api app
    apply are argument arguments ask attempt auth backup bad base based because been before being below between both but button
    bytes call can cannot case change changed changes char chars check choose clear click client code command common config
    confirm contain contains copy could create current data database days decrypt default delete derive different did does done
    dont down each edit either else email empty encrypt enter entry equal error every example exist exists expired fail failed fails
    false few field fields file files find first following for forgot form format from full function generate get give given good
    group had hard has hash have help her here hidden his hold host hour hours how http input instead into invalid its just keep
    key keys label last length less letter letters like line link list lock log login logins long longer look made make manual many
    match matches may maximum mean method minimum missing mode month more most much must name named need needs never new next none
    not note now null number numbers object old once one only open option optional options other our out over own page param pass
    password passwords path phrase please plain policy prefix private profile prompt protect prove provide public random read
    real reason recovery remember remote remove repeat request require reset result return root rule rules same save screen secret
    secure see select send server service session set setting settings share she should show sign simple since size some source
    special start state step still stop store string strong such system table take test text than that the their them then there
    these they thing this those through time times title token too true try turn two type under unique unless until update
    url use used user username users using valid value values version very via view wait want was way weak web week were what
    when where which while who whole why will with within without word words work would write wrong yes yet you your
    aber alle auch auf aus bei bitte das dass dem den der des die dies diese durch ein eine einem einen einer eines erst falls
    gibt hat hier ich ihr ihre ist kann kein keine man mehr mein mit muss nach neu neue neues nicht noch nur oder ohne passwort
    schon sehr sein sich sie sind soll ueber und uns vom von vor war wenn werden wie wird zum zur
    avec ces dans des elle est les mais mot nous par pas pour que qui ses son sont sur une vos votre vous
    como con del esta este las los muy para pero por que sin sobre una usted com dos ele ela foi isso mas nos seu sua uma
    """.split()
)
_ENDINGS = (b"ing", b"ed", b"ly", b"tion", b"able")


def _diced(data: bytes, match: Any) -> tuple[int, int] | None:
    """The words, if no sentence is made of them."""
    words = match.group(1).split(b" ")
    prose = any(word in _COMMON or word.endswith(_ENDINGS) for word in words)
    return None if prose or len(set(words)) < 4 else match.span(1)


_NAME = r"(?i:pass(?:word|phrase|wd)|passwort|kennwort)"
#: `for the backup is`
_IS = r"[^\n\"'`:=]{0,40}[ ](?:is|ist|lautet)[ ]"
_QUOTE = r"\\*[\"'`]"
_ENDS = r"(?:\\*[\"'`]|[.!]?(?:[ ]{0,4}[\r\n\x00]|\\+[rn]|\"|$)|[.!] [A-Z])"


def _rule(head: str, tail: str) -> Rule:
    return Rule(
        "password",
        rf"{head.replace('{0,40}', '*')}[a-z]{{3,9}} [a-z]{{3,9}} [a-z]{{3}}",
        rf"{head}({_PHRASE}){tail}",
        _diced,
        window=(200, 120),
        rank=3,
    )


RULES: tuple[Rule, ...] = (
    _rule(rf"{_NAME}(?:\\*[\"'])?\]?[ ]*[:=]+>?[ ]*{_QUOTE}", _QUOTE),
    _rule(rf"{_NAME}{_IS}(?:{_QUOTE})?", _ENDS),
    _rule(r"(?i:passphrase)(?:\\*[\"'])?:[ ]+", _ENDS),
    _rule(rf"<<<[ ]?{_QUOTE}", _QUOTE),
)
