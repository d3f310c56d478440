"""Bytes of tokens, and after which tokens a server shows text.

llama.cpp holds text back while it ends inside a UTF-8 character, and reports no log-probabilities
for the tokens held back. To compare token by token one has to know which these are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def _byte_alphabet() -> dict[str, int]:
    """Character -> byte of byte-level BPE: printable bytes stand for themselves, the others for
    the characters from 256 on, in order (Radford et al. 2019)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + n): b for n, b in enumerate(rest)}


def bytes_of(tokenizer: Any, ids: Sequence[int]) -> list[bytes]:
    """The bytes that each token adds to the text; special tokens add none."""
    alphabet = _byte_alphabet()
    level = "ByteLevel" in str(getattr(tokenizer.backend_tokenizer, "decoder", ""))
    added = tokenizer.added_tokens_decoder
    found = []
    for number in ids:
        token = str(tokenizer.convert_ids_to_tokens(number))
        if number in added:
            found.append(b"" if added[number].special else token.encode())
        elif level and all(c in alphabet for c in token):
            found.append(bytes(alphabet[c] for c in token))
        elif byte := _BYTE.fullmatch(token):
            found.append(bytes([int(byte.group(1), 16)]))
        else:
            found.append(token.replace("\u2581", " ").encode())
    return found


def shown_steps(pieces: Sequence[bytes]) -> list[int]:
    """Indexes of the tokens after which the text does not end inside a character."""
    text = b""
    shown = []
    for step, piece in enumerate(pieces):
        text = (text + piece)[-8:]
        if not _inside(text):
            shown.append(step)
    return shown


def _inside(text: bytes) -> bool:
    for back, byte in enumerate(reversed(text[-4:]), start=1):
        if byte & 0xC0 == 0x80:
            continue
        for mask, mark, length in ((0xF8, 0xF0, 4), (0xF0, 0xE0, 3), (0xE0, 0xC0, 2)):
            if byte & mask == mark:
                return length > back
        return False
    return False
