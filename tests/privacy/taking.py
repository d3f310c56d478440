"""What it means that a value is taken, and the forms of values that several tests put together."""

from __future__ import annotations

import json
from random import Random

from making import made

from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

REDACTOR = Redactor(b"salt", Vocabulary(), PrivacyOptions())
AUDITOR = Auditor(PrivacyOptions(), Vocabulary(), b"salt")
N, H, W = "[A-Za-z0-9]", "[0-9a-f]", "[A-Za-z0-9_-]"
UUID = f"{H}{{8}}-{H}{{4}}-4{H}{{3}}-8{H}{{3}}-{H}{{12}}"
TYPED = "[A-Z][a-z]{3}[0-9]{3}[A-Z]{2}[a-z0-9]{6}"


def gone(text: str, value: str) -> bool:
    """No long piece of the value is left, a second pass changes nothing, the gate is silent."""
    clean = REDACTOR.text(text)
    size = max(6, len(value) // 4)
    left = any(value[i : i + size] in clean for i in range(len(value) - size + 1))
    row = json.dumps({"content": clean}).encode()
    return not left and REDACTOR.text(clean) == clean and not AUDITOR.scan(row, "row")


def check_taken(text: str, form: str) -> None:
    """Values of a form are taken from a text with {} for them: alone, between others, in JSON."""
    for seed in range(4):
        value = made(form, Random(f"{form}{seed}"))
        whole = text.format(value)
        assert gone(whole, value)
        assert gone(f"ok\n\n{whole}\n\nbye", value)
        inner = json.dumps({"content": whole})
        assert gone(inner, json.dumps(value)[1:-1])
        json.loads(REDACTOR.text(inner))
