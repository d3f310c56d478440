"""Ollama's Modelfile: written so that its reader gets back exactly what was meant.

Grammar (docs/modelfile.md of Ollama): a line is `INSTRUCTION arguments`, instructions in any case,
`#` begins a comment line. A value may be in `"`, or in three of them over several lines, without
escapes. The reader strips blanks around a value, drops every character in it that does not print
(non-breaking spaces, joiners of emoji, control characters; Ollama's parser.go), and looks for the
closing quotes only at the end of a line. A template can write such characters as escapes of its own
language. Any other value that no form can carry is an error here, never silently changed:
`ollama.py` has a way to send it.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

from ..errors import UsageError
from .gotemplate import escaped

INSTRUCTIONS = (
    *("FROM", "ADAPTER", "TEMPLATE", "SYSTEM", "PARAMETER", "LICENSE"),
    *("MESSAGE", "RENDERER", "PARSER", "REQUIRES", "DRAFT"),
)
ROLES = ("system", "user", "assistant")
_BLANKS = " \t\r\n"
_THREE = '"""'


class Line(msgspec.Struct, frozen=True):
    """One instruction. `key`: the name of a PARAMETER or the role of a MESSAGE, else empty."""

    instruction: str
    value: str
    key: str = ""


class Modelfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is made of. `source` is a path (`./x.gguf`) or a model's name; `more` holds
    instructions that a person may write and we never do."""

    source: str
    adapter: str = ""
    template: str = ""
    system: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    licenses: tuple[str, ...] = ()
    messages: tuple[tuple[str, str], ...] = ()
    more: tuple[tuple[str, str], ...] = ()

    def lines(self) -> list[Line]:
        """The instructions in the order that they are written."""
        found = [Line("FROM", self.source)]
        found += [Line("ADAPTER", self.adapter)] if self.adapter else []
        found += [Line("TEMPLATE", self.template)] if self.template else []
        found += [Line("PARAMETER", value, key) for key, value in self.parameters]
        found += [Line("SYSTEM", self.system)] if self.system else []
        found += [Line("MESSAGE", text, role) for role, text in self.messages]
        found += [Line(instruction, value) for instruction, value in self.more]
        return found + [Line("LICENSE", text) for text in self.licenses]


def write(modelfile: Modelfile) -> str:
    """The text. UsageError for a value that the grammar cannot carry."""
    parts = []
    for line in modelfile.lines():
        if not line.value.strip():
            raise UsageError(f"A Modelfile cannot have an empty {line.instruction}.")
        key = f"{line.key} " if line.key else ""
        parts.append(f"{line.instruction} {key}{_quoted(line)}\n")
    return "".join(parts)


def _quoted(line: Line) -> str:
    values = [line.value]
    if line.instruction == "TEMPLATE":
        values.append(escaped(line.value, _lost))
    for value in values:
        plain = "\n" not in value and "\r" not in value and not _must_quote(line)
        for form in (*([value] if plain else []), f"{_THREE}{value}{_THREE}", f'"{value}"'):
            if _reads_back(form, value):
                return form
    lost = next(filter(_lost, line.value), None)
    why = f"a line of it ends in {_THREE}"
    if lost:
        name = unicodedata.name(lost, "a control character").lower()
        why = f"Ollama silently drops U+{ord(lost):04X} ({name}) from it"
    raise UsageError(f"A Modelfile cannot carry this {line.instruction}: {why}.")


def _lost(character: str) -> bool:
    return character not in _BLANKS and not character.isprintable()


def _must_quote(line: Line) -> bool:
    """Stop sequences and long texts are always quoted, for readability."""
    return line.instruction in ("TEMPLATE", "SYSTEM", "LICENSE") or line.key == "stop"


def _reads_back(form: str, value: str) -> bool:
    end = _value_end(form + "\n", 0)
    return end == len(form) and _unquoted(_kept(form)) == value


def read(text: str) -> list[Line]:
    """Parse a Modelfile. UsageError names the line that is wrong."""
    found: list[Line] = []
    at = len(text) - len(text.removeprefix("\ufeff"))
    while at < len(text):
        if text[at] in _BLANKS:
            at += 1
        elif text[at] == "#":
            at = _line_end(text, at)
        else:
            line, at = _instruction(text, at)
            found.append(line)
    if not any(line.instruction == "FROM" for line in found):
        raise UsageError("The Modelfile has no FROM.")
    return found


def _instruction(text: str, at: int) -> tuple[Line, int]:
    number = text.count("\n", 0, at) + 1
    word = re.compile(r"[^ \t\r\n]+")
    found = word.match(text, at)
    name = found.group().upper() if found else ""
    if found is None or name not in INSTRUCTIONS:
        raise UsageError(f"Line {number} of the Modelfile: no such instruction '{name}'.")
    if text[found.end() : found.end() + 1] not in (" ", "\t"):
        raise UsageError(f"Line {number} of the Modelfile: {name} needs a value on its line.")
    at = _blanks(text, found.end())
    key = ""
    if name in ("PARAMETER", "MESSAGE"):
        keyed = word.match(text, at)
        if keyed is None:
            raise UsageError(f"Line {number} of the Modelfile: {name} needs a name and a value.")
        key = keyed.group()
        if not re.fullmatch("[A-Za-z0-9_]+", key):
            raise UsageError(f"Line {number} of the Modelfile: '{key}' is no name.")
        if name == "MESSAGE" and key not in ROLES:
            raise UsageError(f"Line {number} of the Modelfile: no such role '{key}'.")
        at = _blanks(text, keyed.end())
    end = _value_end(text, at)
    value = _unquoted(_kept(text[at:end]))
    if value is None:
        raise UsageError(f"Line {number} of the Modelfile: the quotes of {name} are not closed.")
    return Line(name, value, key), end


def _blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at


def _line_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in "\r\n":
        at += 1
    return at


def _value_end(text: str, at: int) -> int:
    """End of the value that begins at `at`: the first line end where its quotes are closed."""
    end = _line_end(text, at)
    while end < len(text) and _unquoted(_kept(text[at:end])) is None:
        end = _line_end(text, end + 1)
    return end


def _kept(raw: str) -> str:
    """What Ollama's reader keeps of a value: printing characters and plain blanks, trimmed."""
    return "".join(c for c in raw if not _lost(c)).strip()


def _unquoted(value: str) -> str | None:
    """The value without its quotes; None while they are not closed."""
    for quote in (_THREE, '"'):
        if value.startswith(quote):
            closed = len(value) >= 2 * len(quote) and value.endswith(quote)
            return value[len(quote) : -len(quote)] if closed else None
    return value
