"""A third opinion: plans a run of the scanner `kingfisher` and reads its report.

The program comes with the extra `scan` (`kingfisher-bin`); `runtime.process` starts it. It is told
not to validate keys with their services and not to look for updates, so nothing leaves the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from ..model import Finding
from ..ports import Job

#: Exit codes of a complete run: nothing found, or something found.
RAN = frozenset({0, 200, 205})


def plan(paths: Sequence[str]) -> Job:
    """The run over `paths`, with a report in JSON lines on standard output."""
    return Job(
        name="kingfisher",
        argv=(
            "kingfisher",
            "scan",
            *paths,
            "--no-validate",
            "--no-update-check",
            "--git-history",
            "none",
            "--format",
            "jsonl",
            "--redact",
        ),
        needs={"kingfisher-bin": ">=1"},
    )


def parse(output: bytes) -> list[Finding]:
    """The findings of a report (JSON, or one JSON object a line), without the values."""
    findings = []
    for record in _records(output):
        rule, found = record.get("rule"), record.get("finding")
        if not isinstance(rule, dict) or not isinstance(found, dict):
            continue
        findings.append(
            Finding(
                where=f"{found.get('path', '?')}:{found.get('line', 0)}",
                kind=str(rule.get("id", rule.get("name", "?"))),
                detector="kingfisher",
                start=_number(found.get("column_start")),
                length=max(
                    0, _number(found.get("column_end")) - _number(found.get("column_start"))
                ),
                fingerprint=str(found.get("fingerprint", "")),
            )
        )
    return findings


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _records(output: bytes) -> Iterator[dict[str, Any]]:
    text = output.strip()
    whole = _load(text)
    if isinstance(whole, dict) and isinstance(whole.get("findings"), list):
        yield from (item for item in whole["findings"] if isinstance(item, dict))
        return
    if isinstance(whole, list):
        yield from (item for item in whole if isinstance(item, dict))
        return
    for line in text.split(b"\n"):
        record = _load(line)
        if isinstance(record, dict):
            yield record


def _load(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
