"""Shared by all tests: the place of real logs, and the report of skips with their counts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from sessiontune.privacy import compiled
from sessiontune.shipping.converter import cache_folder

# The local stand-in for the hub speaks plain HTTP only, not the client's other transport.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
# The stand-in is also used offline: nothing here asks the hub itself.
os.environ.pop("HF_HUB_OFFLINE", None)

# Rules are compiled once for all processes, as for the command: it takes longer than most tests.
compiled.use(lambda: cache_folder(os.environ) / "rules")

# How long a case takes tells about the machine's load, not about the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

_skipped: dict[str, int] = {}


def corpus() -> Path | None:
    """The folder of real logs: SESSIONTUNE_CORPUS, or ../shared/corpus beside the project."""
    named = os.environ.get("SESSIONTUNE_CORPUS")
    for place in [Path(named)] if named else [ROOT.parent / "shared" / "corpus"]:
        if place.is_dir():
            return place
    return None


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report skips with their reason and count, so that nobody takes them for passes."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped[reason] = _skipped.get(reason, 0) + 1
    for reason, n in sorted(_skipped.items()):
        terminalreporter.write_line(f"skipped {n}: {reason.removeprefix('Skipped: ')}")
