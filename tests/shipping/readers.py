"""Two readers of Modelfiles that share nothing with ours, and one of Go's string constants.

`documented` follows Ollama's documentation and keeps every character. `ollama` does what its
program does, rune by rune, and so loses what does not print. Both give (instruction, key, value).
"""

from __future__ import annotations

import re

Read = tuple[str, str, str]
_KEYED = ("PARAMETER", "MESSAGE")


def documented(text: str) -> list[Read]:
    """`INSTRUCTION arguments`; `#` begins a comment; `\"\"\"` opens text that ends with the first
    line that ends in the same marks."""
    found = []
    pattern = re.compile(
        r"[ \t\r\n]*(?:#[^\r\n]*|(?P<name>[A-Za-z]+)[ \t]+(?:(?P<key>(?<=[rReE] )\w+)[ \t]+)?"
        r'(?:"""(?P<long>(?s:.*?))"""|"(?P<short>(?s:.*?))"|(?P<bare>[^\r\n]*?))[ \t]*)(?=[\r\n]|$)'
    )
    at = 0
    while text[at:].strip(" \t\r\n"):
        line = pattern.match(text, at)
        assert line, text[at : at + 60]
        at = line.end()
        if line["name"]:
            name = line["name"].upper()
            assert (line["key"] is not None) == (name in _KEYED)
            value = next(v for v in (line["long"], line["short"], line["bare"]) if v is not None)
            found.append((name, line["key"] or "", value))
    return found


def ollama(text: str) -> list[Read]:
    """As `parser.ParseFile` reads it."""
    found: list[Read] = []
    state, name, key, kept = "nothing", "", "", ""
    for rune in text.removeprefix("\ufeff"):
        space, newline = rune in "\t ", rune in "\r\n"
        if state == "nothing":
            if rune == "#":
                state = "comment"
            elif not (space or newline):
                state, kept = "name", rune
        elif state == "comment":
            state = "nothing" if newline else state
        elif state == "name" and not space:
            assert re.fullmatch("[A-Za-z]", rune), rune
            kept += rune
        elif state == "name":
            name, key, kept = kept.upper(), "", ""
            state = "key" if name in _KEYED else "value"
        elif state == "key" and not space:
            assert re.fullmatch("[A-Za-z0-9_]", rune), rune
            kept += rune
        elif state == "key":
            key, kept, state = kept, "", "value"
        elif space or (newline and _closed(kept.strip()) is None):
            kept += rune
        elif newline:
            found.append((name, key, str(_closed(kept.strip()))))
            state = "nothing"
        elif rune.isprintable():
            kept += rune
    if state == "value":
        value = _closed(kept.strip())
        assert value is not None, "unexpected end"
        found.append((name, key, value))
    assert any(name == "FROM" for name, _, _ in found)
    return found


def _closed(text: str) -> str | None:
    if text[:3] == '"""':
        return text[3:-3] if len(text) >= 6 and text[-3:] == '"""' else None
    if text[:1] == '"':
        return text[1:-1] if len(text) >= 2 and text[-1] == '"' else None
    return text


def printed(template: str) -> str:
    """A Go template with the constants that it prints put in, and the escapes of others undone."""
    return re.sub(r"\{\{.*?\}\}", _action, template, flags=re.DOTALL)


def _action(found: re.Match[str]) -> str:
    escape = re.compile(r"\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")
    plain = escape.sub(lambda m: chr(int(m[1] or m[2], 16)), found[0])
    constant = re.fullmatch(r'\{\{ "((?:\\"|[^"\\])*)" \}\}', plain, re.DOTALL)
    return constant[1].replace('\\"', '"') if constant else plain
