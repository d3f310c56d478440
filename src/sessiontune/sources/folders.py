"""Folders in which programs keep data: by variables, by the system's rules, by editor."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

_EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")


def homes(env: Mapping[str, str], variable: str, *default: str) -> list[str]:
    """The folder that a variable names, and the default one."""
    return list(dict.fromkeys(filter(None, (env.get(variable), os.path.join(*default)))))


def data_home(env: Mapping[str, str], home: str) -> str:
    """The folder for the data of programs on Linux."""
    return env.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")


def settings_folders(env: Mapping[str, str], home: str) -> list[str]:
    """The folders that hold the settings of desktop programs on Windows, Linux and macOS."""
    linux, mac = os.path.join(home, ".config"), os.path.join(home, "Library", "Application Support")
    return [folder for folder in (env.get("APPDATA"), linux, mac) if folder]


def user_folders(env: Mapping[str, str], home: str, servers: Iterable[str]) -> list[str]:
    """The `User` folder of each editor, and of each server for remote work in the home folder."""
    bases = settings_folders(env, home)
    users = [os.path.join(base, name, "User") for base in bases for name in _EDITORS]
    return users + [os.path.join(home, name, "data", "User") for name in servers]
