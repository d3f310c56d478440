"""What is known of a machine: here of a Mac, by what its system and torch would answer."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sessiontune.training import hardware

TOTAL = hardware.os.sysconf("SC_PHYS_PAGES") * hardware.os.sysconf("SC_PAGE_SIZE") / 1e9


class Mac:
    """The library of macOS' system calls, with what it answers."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self.answers = answers

    def sysctlbyname(self, name: bytes, room: Any, size: Any, new: None, length: Any) -> int:
        answer = self.answers.get(name)
        if answer is None or length.value:
            return -1
        ctypes.memmove(room, answer, len(answer))
        size._obj.value = len(answer)
        return 0


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Mac:
    read = Path.read_text

    def without_proc(path: Path, *more: Any) -> str:
        if path.is_relative_to("/proc"):
            raise FileNotFoundError(path)
        return read(path, *more)

    known = Mac({b"kern.memorystatus_level": (25).to_bytes(4, hardware.sys.byteorder)})
    monkeypatch.setattr(Path, "read_text", without_proc)
    monkeypatch.setattr(hardware.sys, "platform", "darwin")
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    monkeypatch.setattr(hardware.ctypes, "CDLL", lambda name: known)
    return known


def test_a_mac_says_what_other_programs_leave(mac: Mac) -> None:
    assert hardware._memory() == (pytest.approx(TOTAL), pytest.approx(TOTAL / 4))


def test_a_mac_that_does_not_say_counts_as_free(mac: Mac) -> None:
    mac.answers.clear()
    assert hardware._memory() == (pytest.approx(TOTAL), pytest.approx(TOTAL))


def test_a_mac_is_called_by_its_chip(mac: Mac) -> None:
    assert hardware._cpu() == "arm"
    mac.answers[b"machdep.cpu.brand_string"] = b"Apple M2 Pro\0"
    assert hardware._cpu() == "Apple M2 Pro"


@pytest.mark.parametrize(("most", "free"), [(TOTAL * 2 / 3, TOTAL / 4), (TOTAL / 8, TOTAL / 8)])
def test_apples_gpu_has_what_the_system_allows_and_others_leave(
    mac: Mac, monkeypatch: pytest.MonkeyPatch, most: float, free: float
) -> None:
    """Of a 16 GB machine macOS allows 11; a browser's share of them is not there."""
    torch = SimpleNamespace(
        __version__="2.9",
        cuda=SimpleNamespace(is_available=lambda: False),
        mps=SimpleNamespace(recommended_max_memory=lambda: int(most * 1e9)),
        backends=SimpleNamespace(
            mps=SimpleNamespace(
                is_available=lambda: True, is_macos_or_newer=lambda *version: version <= (14, 0)
            )
        ),
    )
    monkeypatch.setitem(hardware.sys.modules, "torch", torch)
    monkeypatch.setattr(hardware, "find_spec", lambda name: True)
    (card,), version = hardware._gpus()
    assert (card.name, card.backend, card.bf16, version) == ("arm", "mps", True, "2.9")
    assert card.memory == pytest.approx(most)
    assert card.free == pytest.approx(free)


def test_elsewhere_no_library_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware.ctypes, "CDLL", None)
    assert hardware._sysctl("kern.memorystatus_level") == b""
