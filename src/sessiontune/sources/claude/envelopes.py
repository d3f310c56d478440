"""The envelopes in which messages of a chat, of a project's channel or of a schedule reach Claude
Code.

`<channel>` holds what a person wrote in a chat; `<wake>` what woke a session of a project, and what
was said before; `<relay>` a note of the session that leads the project; `<scheduled-task>` what a
person wrote down to be done at set times.
"""

from __future__ import annotations

import html
import re

_BEGINS = ("<wake ", "<session-context ", "<relay ", "<project_claude_message ")
_SETTING = re.compile(
    r"<session-context nonce=\"(?P<nonce>[^\"]*)\">.*?"
    r"</session-context(?: nonce=\"(?P=nonce)\")?>\s*",
    re.DOTALL,
)
#: After it come other elements (uploads), but no words.
_WAKE = re.compile(
    r"<wake reason=\"[^>]*>(?P<told>.*)</wake>\s*(?:<[a-z][a-z_-]*[\s>].*)?", re.DOTALL
)
_MESSAGE = re.compile(r"<message\b(?P<about>[^<>]*)>(?P<words>.*?)</message>", re.DOTALL)
_RELAY = re.compile(
    r"(?:<project_claude_message [^>]*>\s*)?<relay [^>]*>(?P<told>.*)</relay>"
    r"\s*(?:</project_claude_message>\s*)?",
    re.DOTALL,
)
#: One message of a channel; those of a chat name it, others are events.
_CHANNEL = re.compile(
    r"<channel source=\"[^\"]*\"(?P<about>[^>]*)>\n?(?P<words>.*?)\n?</channel>", re.DOTALL
)
_NEXT = re.compile(r"(?<=</channel>)\s*(?=<channel source=\")")
_CHAT = re.compile(r" chat_(?:id|guid)=\"")
_SCHEDULED = re.compile(r"<scheduled-task name=\"[^>]*>(?P<words>.*)</scheduled-task>", re.DOTALL)
#: Beginning of the program's paragraph that says that nobody is there to be asked.
_UNATTENDED = "This is an automated run of a scheduled task."
_LED = re.compile(r"<coordinator-relay>(?P<words>.*)</coordinator-relay>\s*", re.DOTALL)


def enveloped(start: str) -> tuple[str, list[str]] | None:
    """The content of an envelope: a kind ("prompt", "peer" or "context") and the words."""
    led = _LED.fullmatch(start)
    if led is not None:
        return _noted(led["words"])
    if start.startswith("<scheduled-task "):
        task = _SCHEDULED.fullmatch(start.rstrip())
        words = task["words"].strip() if task is not None else ""
        if words.startswith(_UNATTENDED):
            words = words.partition("\n\n")[2].strip()
        return ("prompt", [words]) if words else None
    if start.startswith("<channel source="):
        return _chatted(start.rstrip())
    if not start.startswith(_BEGINS):
        return None
    relay = _RELAY.fullmatch(start)
    if relay is not None:
        begin, end = relay["told"].find("<note>"), relay["told"].rfind("</note>")
        return _noted(
            relay["told"][begin + len("<note>") : end] if 0 <= begin < end else relay["told"]
        )
    setting = _SETTING.match(start)
    rest = start[setting.end() :] if setting is not None else start
    wake = _WAKE.fullmatch(rest)
    if wake is None:
        return ("context", [start]) if setting is not None and not rest else None
    end = wake["told"].rfind("</message>") + len("</message>")  # each opening tag has its closing
    found = _MESSAGE.finditer(wake["told"], 0, end)
    asked = [_plain(one["words"]) for one in found if _asks(one["about"])]
    words = "\n\n".join(one for one in asked if one)
    return ("prompt", [words]) if words else ("context", [start])


def _chatted(text: str) -> tuple[str, list[str]] | None:
    """The words of the messages of a chat; events of other channels are context."""
    found = [_CHANNEL.fullmatch(one) for one in _NEXT.split(text)]
    if not all(found):
        return None
    chats = [one["words"] for one in found if one is not None and _CHAT.search(one["about"])]
    words = "\n\n".join(one for one in chats if one.strip())
    return ("prompt", [words]) if words else ("context", [text])


def _asks(about: str) -> bool:
    """Whether a message is a person's and the one that the session was woken for."""
    return 'trigger="true"' in about and 'from="human"' in about


def _noted(words: str) -> tuple[str, list[str]] | None:
    said = _plain(words)
    return ("peer", [said]) if said else None


def _plain(words: str) -> str:
    return html.unescape(words).strip()
