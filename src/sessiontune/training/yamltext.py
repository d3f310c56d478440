"""YAML as a person would write it, for files that trainers read and users edit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_UNPRINTABLE = re.compile("[\x7f-\x9f\ud800-\udfff\u2028\u2029\ufeff\ufffe\uffff]")


def to_yaml(value: Mapping[str, Any], comment: str = "") -> str:
    """A mapping as YAML; strings that could be misread are quoted as JSON."""
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return head + "\n".join(_mapping(value, 0)) + "\n"


def _mapping(value: Mapping[str, Any], depth: int) -> list[str]:
    pad = "  " * depth
    out: list[str] = []
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            out += [f"{pad}{key}:", *_mapping(item, depth + 1)]
        elif isinstance(item, list) and item and isinstance(item[0], Mapping):
            out.append(f"{pad}{key}:")
            for entry in item:
                first, *rest = _mapping(entry, depth + 2)
                out += [f"{pad}  - {first.strip()}", *rest]
        else:
            out.append(f"{pad}{key}: {_scalar(item)}")
    return out


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        # YAML 1.1 reads 5e-05 as text: it requires a point.
        text = f"{value:.10f}".rstrip("0")
        return text + "0" if text.endswith(".") else text
    if isinstance(value, str):
        plain = value.replace("_", "").replace("-", "").replace("/", "").replace(".", "")
        words = {"true", "false", "null", "yes", "no", "on", "off", "none", "y", "n"}
        if (
            plain.isalnum()
            and plain.isascii()
            and plain[0].isalpha()
            and value.lower() not in words
        ):
            return value
    text = json.dumps(value, ensure_ascii=False)
    # YAML takes JSON, except for characters that it calls unprintable, and its own line breaks.
    return _UNPRINTABLE.sub(lambda m: f"\\u{ord(m.group()):04x}", text)
