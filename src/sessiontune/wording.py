"""What a person's words say about the work before them: the lexical tier of labels.

The rules are narrow on purpose: precision comes before recall (target .85, measured on turns
labelled by hand: docs/reference/labels.md). Only the opening of a prompt is read, because what
follows is usually pasted output, and a quoted error is not a person's opinion.

Sources: SWE-chat and the OpenHands rubrics tell corrections, direction changes and clarifications
apart; a direction change is not a failure of the turn before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import msgspec

Meaning = Literal["correction", "direction_change", "acceptance"]

#: Characters of a prompt that are read, and length of a prompt that is only an acceptance.
READ = 300
SHORT = 120


class Reading(msgspec.Struct, frozen=True):
    """What a prompt means, the rule that says so, and how sure it is (0 to 1)."""

    meaning: Meaning
    rule: str
    confidence: float


class Rule(msgspec.Struct, frozen=True):
    """One way to say it. Whatever `find` finds holds one of `needs`, in lower case: looking for
    these first is several times faster. Rules without `needs` read the beginning only."""

    name: str
    confidence: float
    needs: tuple[str, ...]
    find: Callable[[str], re.Match[str] | None]


def _rule(name: str, confidence: float, pattern: str, needs: str = "") -> Rule:
    """Rules are written with free spacing; a space in the text is `[ ]` or `\\s`."""
    made = re.compile(pattern, re.IGNORECASE | re.VERBOSE)
    return Rule(name, confidence, tuple(needs.split(",")) if needs else (), made.search)


def _start(name: str, confidence: float, pattern: str, needs: str = "") -> Rule:
    made = re.compile(pattern, re.IGNORECASE | re.VERBOSE)
    return Rule(name, confidence, tuple(needs.split(",")) if needs else (), made.match)


_CORRECTIONS = (
    _start(
        "starts-with-no",
        0.9,
        r"""^(?:no|nope|nah|non|nein)\b
        (?=\s*[,.!:;–-]|\s+(?:that|this|it|you|i|don)\b)
        (?!\W+(?:problem|worries|need|rush|idea|thanks|thank|but|and|i\ mean))""",
    ),
    _rule(
        "not-right",
        0.9,
        r"""\b(?:is|was|are|it|that|this|still|looks?|seems?)('s)?[ ]
        (?:still[ ]|quite[ ]|yet[ ]|really[ ]|entirely[ ]|just[ ]|all[ ]|a[ ]bit[ ]|also[ ])*
        (?:not[ ](?:\w+[ ])?(?:right|correct|working|what[ ]i|fixed|good[ ]enough)
        |wrong|incorrect|broken|bugged)\b""",
        needs="right,correct,working,what i,fixed,good enough,wrong,broken,bugged",
    ),
    _rule(
        "isnt-right",
        0.9,
        r"""\b(?:isn'?t|aren'?t|wasn'?t|do(?:es)?(?:n'?t|[ ]not)[ ]
        (?:look|seem|feel))[ ]
        (?:to[ ]be[ ]|\w+[ ])?(?:right|correct|correctly|working|what[ ]i[ ](?:meant|asked|want))\b
        |\bdo(?:es)?(?:n'?t|[ ]not)[ ]seem[ ]to\b""",
        needs="right,correct,working,what i,seem",
    ),
    _rule(
        "still",
        0.85,
        r"""\bstill[ ](?:not|doesn'?t|does[ ]not|isn'?t|don'?t|do[ ]not|fail\w*|broken|wrong|getting
        |seeing|the[ ]same|buggy)\b
        |\bi[ ]still[ ](?:see|get|have)\b
        |^.{0,90}\bstill[ ](?:has|have|shows?|appears?|happens?)\b""",
        needs="still",
    ),
    _rule(
        "does-not-work",
        0.85,
        r"""\b(?:doesn'?t|does[ ]not|didn'?t|did[ ]not|don'?t|not)[ ]work(?:ing)?\b
        |\b(?:that|this|it)[ ](?:didn'?t|did[ ]not)[ ](?:fix|help|change|solve)\b
        |\bnothing[ ](?:happens|happened|changed|changes)\b""",
        needs="work,fix,help,change,solve,nothing",
    ),
    _rule(
        "you-did-wrong",
        0.9,
        r"""\byou(?:'ve|[ ]have)?[ ](?:also[ ]|just[ ]|again[ ])?(?:forgot|missed|broke|broken
        |deleted|ignored|misunderstood|misread|overlooked|made[ ]a[ ]mistake|messed
        |hallucinated|invented)\b
        |\byou[ ]should(?:n'?t|[ ]not)[ ]have\b|\byou[ ]were(?:n'?t|[ ]not)[ ]supposed\b
        |\byou[ ](?:didn'?t|did[ ]not)[ ](?!have|need)\w+""",
        needs="forgot,mis,broke,deleted,ignored,overlooked,mess,hallucinated,invented,should,were,did",
    ),
    _rule(
        "you-are-wrong",
        0.9,
        r"\byou(?:'re|[ ]are)[ ](?:not[ ](?:correct|right)|wrong|mistaken)\b",
        needs="correct,right,wrong,mistaken",
    ),
    _start(
        "checks-fail",
        0.8,
        r"""^.{0,50}\b(?:lint(?:ing|er)?|ci|build|tests?|pipeline|type[ ]?check\w*|compil\w+)[ ]
        (?:(?:is|are|run|job|now|still|just)[ ])*(?:fail(?:s|ed|ing)?|broken?|breaks|is[ ]red)\b""",
        needs="fail,broke,breaks,is red",
    ),
    _rule(
        "not-there",
        0.8,
        r"""\bi[ ](?:still[ ])?(?:don'?t|didn'?t|can'?t|cannot)[ ]see[ ]
        (?:it|any|the|that|this)\b(?![ ]point)""",
        needs="see",
    ),
    _rule(
        "told-you",
        0.9,
        r"""\bi[ ](?:told|asked)[ ]you\b|\bi[ ](?:already[ ])?said\b|\bas[ ]i[ ]said\b
        |\bthat(?:'?s|[ ]is)[ ]not[ ]what\b|\bnot[ ]what[ ]i\b|\bi[ ]meant\b
        |\bi[ ]didn'?t[ ](?:ask|say|mean)\b
        |^why[ ](?:did|have|aren'?t|didn'?t|don'?t|haven'?t)[ ]?you\b""",
        needs="i told,i asked,i said,i already,not what,i meant,i didn,why",
    ),
    _start(
        "undo",
        0.85,
        r"""^(?:please[ ]|ok,?[ ]|can[ ]you[ ]|could[ ]you[ ])*(?:revert|undo|roll[ ]?back)\b
        [ ](?:(?:all[ ])?(?:this|that|it|your|these|those|the[ ](?:last[ ])?change))""",
    ),
    _rule(
        "broke",
        0.85,
        r"""^(?:it|this|that|now[ ]it)[ ](?:now[ ]|still[ ])?(?:broke|breaks|crashe[sd]
        |fails|failed|throws)\b
        |\b(?:did(?:n'?t)?[ ]we|we)[ ]miss(?:ed)?[ ](?:this|that|the|a|an|one|some)\b
        |\bthere(?:'s|[ ]is|[ ]are)[ ](?:still[ ]|now[ ])?(?:a|an|some|another|one[ ]more)[ ]
        (?:\w+[ ])?(?:bug|regression|mistake|typo|glitch)\b""",
        needs="broke,breaks,crash,fail,throws,miss,bug,regression,mistake,typo,glitch",
    ),
)

_DIRECTION = (
    _rule(
        "instead",
        0.8,
        r"""\b(?:let'?s|can[ ]we|could[ ]we|can[ ]you|could[ ]you|we[ ](?:should|could)|how[ ]about
        |i[ ]want|i'd|use|do|go[ ]with|try|make|switch|put|keep)\b[^.?!]{0,90}
        \binstead\b(?![ ]of[ ]\w+ing)
        |\binstead[.!?]*$|\bi(?:'d|[ ]would)[ ](?:rather|prefer)\b""",
        needs="instead,rather,prefer",
    ),
    _rule(
        "on-second-thought",
        0.9,
        r"""\bon[ ]second[ ]thoughts?\b|\bchanged?[ ]my[ ]mind\b|\bchange[ ]of[ ]plans?\b
        |\bnever[ ]?mind\b|\bforget[ ](?:about[ ])?(?:it|that|this)\b""",
        needs="thought,mind,plan,forget",
    ),
    _rule(
        "actually",
        0.7,
        r"^(?:ok,?[ ]|hmm,?[ ]|wait,?[ ]|so,?[ ])*actually\b|\bwait,?[ ]actually\b",
        needs="actually",
    ),
    _rule(
        "lets-not",
        0.8,
        r"""\blet'?s[ ](?:not|skip|leave|drop|park|hold|stop|go[ ]back|switch)\b
        |^(?:ok,?[ ])?(?:hold[ ]on|stop)(?:[,.!]|$)""",
        needs="let,hold on,stop",
    ),
    _start(
        "before-that", 0.7, r"^before[ ](?:we|you|that|continuing|this)\b|^(?:but[ ])?first,[ ]"
    ),
)

_POLITE = r"""(?:(?:ok(?:ay)?|yes|yep|yeah|yup|sure|please|pls|now|great|good|nice|cool|alright|fine
    |and|then|so|you[ ]can|go[ ]ahead[ ]and|let'?s|can[ ]you|could[ ]you)[\s,.!]+)*"""

_ACCEPTANCES = (
    _start("commit", 0.7, rf"^{_POLITE}(?:git[ ])?(?:com+i+t+|comm?i)\b[^?]*$"),
    _start(
        "push",
        0.7,
        rf"""^{_POLITE}(?:push|merge|ship[ ]it|ship
        |(?:create|open|draft|make)[ ](?:a[ ]|an[ ]|the[ ])?(?:draft[ ])?(?:pr|pull[ ]request)
        (?![ ](?:desc|title|temp|comment)))\b[^?]*$""",
    ),
    _start("thanks", 0.8, r"^(?:\w+[,!.]?[ ])?(?:thanks|thank[ ]you|thx|merci|danke)\b"),
    _start(
        "praise",
        0.8,
        r"""^(?:(?:ok(?:ay)?|yes|yeah|wow|oh|that'?s|this[ ]is|it'?s|this|that|it|very
        |really|all|so)[\s,.!]+)*
        (?:perfect|excellent|awesome|amazing|brilliant|fantastic|lgtm|nice[ ]work|well[ ]done
        |good[ ]job|great[ ]job|great[ ]work|love[ ]it|much[ ]better
        |works[ ](?:great|well|now|perfectly|fine)|look(?:s|ing)?[ ](?:good|great|perfect|nice)
        |great|nice)\b(?=\s*[,.!]|$)""",
    ),
)
_BUT = re.compile(r"\b(?:but|however|except|although|still|not)\b", re.IGNORECASE)

#: Where a person's own words end and pasted text begins: a line that looks like it, a fence, a
#: piece of JSON, a program's own word. Each pattern is tried only if its sign occurs.
_PASTED = (
    (
        "\n",
        re.compile(
            r"\n\s*(?:[{\[<>$#|+`@]|\d{1,4}[\s:|]|\[?\d{4}-|at\s|File\s|Traceback|Error|error:)"
        ),
    ),
    ("```", re.compile("```")),
    ('"', re.compile(r"[{\[]\s*\"")),
    ("Uncaught", re.compile(r"\bUncaught\b")),
    ("Traceback", re.compile(r"\bTraceback\b")),
)
#: Prompts that hand over a document: nothing in it is about the turn before.
_DOCUMENT = re.compile(r"\s*(?:Implement the following plan|#\s|<|\{|\[|https?://\S+\s*$)")


def read(prompt: str) -> Reading | None:
    """The meaning of a prompt that follows a model's work, or None if nothing is clear.

    A direction change that also sounds like a correction is a direction change, unless the
    words say outright that something is wrong.
    """
    text = _opening(prompt)
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


def _opening(prompt: str) -> str:
    """The person's own words at the beginning of a prompt, on one line."""
    head = prompt[: READ * 2]
    if _DOCUMENT.match(head):
        return ""
    for sign, pattern in _PASTED:
        if sign in head and (pasted := pattern.search(head)):
            head = head[: pasted.start()]
    return " ".join(head.split())[:READ].replace("\u2019", "'")


def _match(rules: tuple[Rule, ...], text: str, meaning: Meaning) -> Reading | None:
    small = text.casefold()
    for rule in rules:
        likely = not rule.needs or any(map(small.__contains__, rule.needs))
        if likely and rule.find(text):
            return Reading(meaning, rule.name, rule.confidence)
    return None
