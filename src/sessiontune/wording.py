"""What a person's words say about the work before them: the lexical tier of labels.

The rules are narrow on purpose: precision comes before recall (target .85, measured on turns
labelled by hand: docs/reference/labels.md). Only the first characters of a prompt are read,
because what follows is usually pasted output.

Sources: SWE-chat and the OpenHands rubrics tell corrections, direction changes and clarifications
apart; a direction change is not a failure of the turn before it (METHODS 2).
"""

from __future__ import annotations

# ruff: noqa: E501
import re
from typing import Literal

import msgspec

Meaning = Literal["correction", "direction_change", "acceptance"]

#: Characters of a prompt that are read, and of a sentence that is nothing but an acceptance.
READ = 320
SHORT = 120


class Reading(msgspec.Struct, frozen=True):
    """What a prompt means, the rule that says so, and how sure it is (0 to 1)."""

    meaning: Meaning
    rule: str
    confidence: float


def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_IT = r"(?:it|this|that|these|those|the \w+(?: \w+)?)"

#: Name, confidence and pattern; the first that matches wins, in this order.
_CORRECTIONS = (
    (
        "starts-with-no",
        0.9,
        _rule(
            r"^(?:no|nope|nah|non|nein)\b(?=\s*[,.!:;\u2013-]|\s+(?:that|this|it|you|i|don)\b)"
            r"(?!\W+(?:problem|worries|need|rush|idea|thanks|thank))"
        ),
    ),
    (
        "not-right",
        0.9,
        _rule(
            r"\b(?:is|was|are|'s|it|still|looks?|seems?)(?:n't| not)? (?:still |quite |yet |really |entirely )*"
            r"(?:not (?:\w+ )?(?:right|correct|working|what i|fixed|true|good enough)|wrong|incorrect|broken)\b"
        ),
    ),
    (
        "isnt-right",
        0.9,
        _rule(
            r"\b(?:isn'?t|aren'?t|wasn'?t|doesn'?t (?:look|seem|feel)) (?:\w+ )?"
            r"(?:right|correct|working|what i (?:meant|asked|want))\b"
        ),
    ),
    (
        "still",
        0.85,
        _rule(
            r"\bstill (?:not|doesn'?t|does not|isn'?t|don'?t|do not|can'?t|cannot|fail\w*|broken|wrong|getting"
            r"|get|seeing|see|shows?|has|have|happens?|there|the same)\b"
        ),
    ),
    (
        "does-not-work",
        0.85,
        _rule(
            r"\b(?:doesn'?t|does not|didn'?t|did not|don'?t|not) work(?:ing)?\b"
            r"|\b(?:didn'?t|did not) (?:fix|help|change)\b|\bnothing (?:happen|chang)\w*"
        ),
    ),
    (
        "you-did-wrong",
        0.9,
        _rule(
            r"\byou(?:'ve| have)? (?:forgot|missed|broke|broken|removed|deleted|ignored|misunderstood|misread"
            r"|overlooked|made a mistake|skipped|messed|hallucinated|invented|lost|dropped)\b"
            r"|\byou (?:should(?:n'?t| not)|shouldnt) have\b|\byou were (?:not )?supposed\b"
            r"|\byou (?:didn'?t|did not) (?!have|need)\w+"
        ),
    ),
    (
        "told-you",
        0.9,
        _rule(
            r"\b(?:i (?:told|asked) you|i (?:already )?said|as i said|that'?s not what|not what i|i meant|i didn'?t (?:ask|say|mean))\b"
            r"|\bwhy (?:did|are|would|have) you\b(?! (?:recommend|suggest|prefer|think))"
        ),
    ),
    (
        "undo",
        0.85,
        _rule(
            r"^(?:please |ok,? |can you |could you )*(?:revert|undo|roll ?back)\b"
            r" (?:(?:all )?(?:this|that|it|your|the last|these|those|the change))"
        ),
    ),
    (
        "broke",
        0.85,
        _rule(
            rf"\b{_IT} (?:now )?(?:broke|crash(?:es|ed)|fails?|failed|throws?)\b|\b(?:we|did we|didn'?t we) miss(?:ed)?\b"
            r"|\b(?:there(?:'s| is| are)|i (?:found|see|have|got)) (?:still |now )?(?:a|an|some|another|one more) "
            r"(?:\w+ )?(?:bug|regression|mistake|typo|glitch)\b"
        ),
    ),
)

_DIRECTION = (
    ("instead", 0.8, _rule(r"\binstead\b|\brather than\b|\bi(?:'d| would) rather\b")),
    (
        "on-second-thought",
        0.9,
        _rule(
            r"\b(?:on second thoughts?|changed? my mind|change of plans?|never ?mind|forget (?:about )?(?:it|that|this|the))\b"
        ),
    ),
    (
        "actually",
        0.7,
        _rule(r"^(?:ok,? |hmm,? |wait,? |so,? )*actually\b|\bwait,? (?:actually|let)\b"),
    ),
    (
        "lets-not",
        0.8,
        _rule(
            r"\blet'?s (?:not|skip|leave|drop|remove|park|hold|stop|go back|switch|change|move (?:it|this|that|to))\b"
            r"|^(?:ok,? )?(?:hold on|stop)\b(?![\w:])"
        ),
    ),
    ("before-that", 0.7, _rule(r"^before (?:we|you|that|continuing|this)\b|^(?:but )?first,? ")),
)

_POLITE = r"(?:(?:ok(?:ay)?|yes|yep|yeah|yup|sure|please|pls|now|great|good|nice|cool|alright|fine|and|then|so|you can|go ahead and|let'?s|can you|could you)[\s,.!]*)*"
_ACCEPTANCES = (
    ("commit", 0.7, _rule(rf"^{_POLITE}(?:git )?(?:com+i+t+|comm?i)\b(?!ment)[^?]*$")),
    (
        "push",
        0.7,
        _rule(
            rf"^{_POLITE}(?:push|merge|ship it|ship|(?:create|open|draft|make) (?:a |an |the )?(?:draft )?(?:pr|pull request))\b[^?]*$"
        ),
    ),
    ("thanks", 0.8, _rule(r"^(?:\w+[,!.]? )?(?:thanks|thank you|thx|merci|danke)\b")),
    (
        "praise",
        0.8,
        _rule(
            r"^(?:(?:ok(?:ay)?|yes|yeah|wow|oh|that'?s|this is|it'?s|this|that|it|looks?|very|really|all|so)[\s,.!]+)*"
            r"(?:perfect|excellent|awesome|amazing|brilliant|fantastic|lgtm|nice work|well done|good job|great job"
            r"|great work|love it|much better|works (?:great|well|now|perfectly|fine)|look(?:s|ing)? (?:good|great|perfect|nice)"
            r"|great|nice)\b"
        ),
    ),
)
_BUT = _rule(r"\b(?:but|however|except|although|still|not)\b")


def read(prompt: str) -> Reading | None:
    """The meaning of a prompt that follows a model's work, or None where nothing is plain.

    A direction change that also sounds like a correction is a direction change, unless the
    words say outright that something is wrong.
    """
    text = " ".join(prompt[: READ * 2].split())[:READ]
    text = text.replace("\u2019", "'")
    if not text:
        return None
    correction = _match(_CORRECTIONS, text, "correction")
    direction = _match(_DIRECTION, text, "direction_change")
    if direction and (correction is None or correction.rule == "starts-with-no"):
        return direction
    if correction:
        return correction
    accepted = _match(_ACCEPTANCES, text, "acceptance")
    if accepted and not _BUT.search(text) and (len(text) <= SHORT or accepted.rule == "thanks"):
        return accepted
    return None


def _match(
    rules: tuple[tuple[str, float, re.Pattern[str]], ...], text: str, meaning: Meaning
) -> Reading | None:
    for name, confidence, pattern in rules:
        if pattern.search(text):
            return Reading(meaning, name, confidence)
    return None
