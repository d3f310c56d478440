"""Secrets in the settings of routers and servers, and in commands and dialogues that ask them.

Each rule follows the manual of one program, as those of `programs` do.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from .programs import given, mixed, random_value
from .rules import B64, IN_COMMAND, NL, UUID, Check, Q, Rule, S, secret_rule
from .stored import accepted_hash

_WHO = r"[A-Za-z0-9][\w.@+-]{0,60}"


def _rule(
    anchor: str,
    head: str,
    value: str = f"{IN_COMMAND}{{4,200}}",
    check: Check = mixed,
    tail: str = "",
) -> Rule:
    """A rule for a value behind `head`, which begins with `anchor`. The prefilter looks for the anchor
    alone, because names of programs are rare."""
    exact = rf"{head}({value}){tail}"
    return Rule("password", anchor, exact, check, window=(120, 480), rank=3)


_RADIUS = rf"\brad(?:test|client){S}(?:-\w{S}{{1,2}}\S{{1,20}}{S})?{Q}{_WHO}{Q}{S}{Q}"

RULES: tuple[Rule, ...] = (
    # ------------------------------------------------------------ commands
    _rule(r"\bradtest ", _RADIUS),
    _rule(r"\bradtest ", rf"{_RADIUS}[^\s\"']{{4,100}}{Q}{S}\S{{2,80}}{S}\d{{1,5}}{S}{Q}"),
    *(
        _rule(r"\bsnmp[a-z]{2,12} ", rf"\bsnmp[a-z]{{2,12}} [^\n|;]{{0,160}}?-{letter}{S}?{Q}")
        for letter in "cAX"
    ),
    _rule(r"/check_[a-z]", rf"/check_[a-z_]{{2,24}}\b[^\n|;]{{0,160}}{S}-(?:p|-password){S}{Q}"),
    _rule(r"\bInput Password ", rf"\bInput Password{S}{{2,12}}\S{{1,80}}{S}{{2,12}}"),
    secret_rule(
        "license-key",
        r"[ \t]-serial[ =]",
        r"(?:[A-Z0-9]{1,4}-)?[A-Z0-9]{4}(?:-[A-Z0-9]{4}){3,6}",
        given,
    ),
    # ------------------------------------------------------------ dialogues with servers
    _rule(
        r"\d LOGIN ",
        rf"(?:^|[\s>'\"\x00]|\\[nrt])[A-Za-z]{{0,6}}\d{{1,6}} LOGIN (?:\\*\")?{_WHO}(?:\\*\")? (?:\\*\")?",
        check=given,
    ),
    # ------------------------------------------------------------ settings
    *(
        _rule(anchor, anchor + kind)
        for anchor, kind in (
            (r"\bcrypto isakmp key ", "(?:[06] )?"),
            (r"\bneighbor ", rf"{IN_COMMAND}{{2,50}} password (?:[07] )?"),
            (r"\bpac key ", "(?:[0-9] )?"),
            (r"\bsnmp community ", r"\\*\"?"),
            (r"\bcachemgr_passwd ", ""),
            (r"\$USER\d{1,3}\$=", ""),
            (r"\bwireless\.", r"[\w@.\[\]-]{1,60}\.(?:key\d?|sae_password|auth_secret)=\\*'?"),
        )
    ),
    _rule(
        r"(?:App|[SF]?Nwk)(?:S|SInt|SEnc)?Key[ \t]",
        r"(?:App|[SF]?Nwk)(?:S|SInt|SEnc)?Key[ \t]{1,12}",
        r"[0-9A-Fa-f]{32}",
        random_value,
        r"(?:[^0-9A-Za-z]|$)",
    ),
    _rule(r"<master>\{", r"<master>\{", rf"{B64}{{24,200}}={{0,2}}", given, r"\}"),
    # ------------------------------------------------------------ output
    # a file of a user and a password, as `head` and `tail` name it
    _rule(
        r"\.(?:txt|conf|pass) <==",
        rf"==> [^\s<>]{{0,80}}(?:auth|cred|login|userpass)[\w-]{{0,20}}\.(?:txt|conf|pass) <=={NL}{_WHO}{NL}",
        check=given,
    ),
    _rule(r"\bsecret_id[ \t]", r"\bsecret_id[ \t]{1,40}", UUID, given, r"(?:[^0-9A-Za-z-]|$)"),
    _rule(
        r"\"encoded\\*\":",
        r"\"encoded\\*\":[ ]?\\*\"",
        rf"{B64}{{56,64}}={{0,2}}",
        random_value,
        r"\\*\"",
    ),
    _rule(
        r"\"password_hash\\*\":",
        r"\"password_hash\\*\":[ ]?\\*\"",
        rf"{B64}{{48}}",
        accepted_hash,
        r"\\*\"",
    ),
)
