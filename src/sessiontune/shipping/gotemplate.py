"""Escapes for the characters of Go templates that a Modelfile cannot carry.

Between actions a character becomes an action that prints it, `{{ "\\u00a0" }}`; inside a quoted
constant of an action it becomes an escape. What the template writes stays the same. Text in
backquotes has no escapes: there, and in the bare words of an action, nothing can be done.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_QUOTED = r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'"
_ACTION = re.compile(r"\{\{(?:/\*.*?\*/|" + _QUOTED + r"|`[^`]*`|[^\"'`])*?\}\}", re.DOTALL)
#: Three marks at a line's end close a Modelfile's value.
_CLOSING = re.compile(r'"""(?=[ \t]*(?:[\r\n]|$))')


def escaped(template: str, lost: Callable[[str], bool]) -> str:
    """The template without characters that are `lost` and without a line that ends in three marks,
    as far as that can be."""
    parts, at = [], 0
    for action in _ACTION.finditer(template):
        parts += [_text(template[at : action.start()], lost), _inside(action.group(), lost)]
        at = action.end()
    return "".join([*parts, _text(template[at:], lost)])


def _text(text: str, lost: Callable[[str], bool]) -> str:
    text = _CLOSING.sub('{{ "\\\\"\\\\"\\\\"" }}', text)
    return "".join(f'{{{{ "{_code(c)}" }}}}' if lost(c) else c for c in text)


def _inside(action: str, lost: Callable[[str], bool]) -> str:
    def quoted(found: re.Match[str]) -> str:
        return "".join(_code(c) if lost(c) and found[0][0] != "`" else c for c in found[0])

    return re.sub(f"{_QUOTED}|`[^`]*`", quoted, action)


def _code(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
