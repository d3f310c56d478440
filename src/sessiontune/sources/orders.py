"""The order in which the files or conversations of a unit are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .lines import size_of


def told_apart(files: Sequence[str], name: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Files in order, each with its name; a repeated name gets a number."""
    seen: dict[str, int] = {}
    for path in sorted(files):
        own = name(path)
        seen[own] = seen.get(own, 0) + 1
        yield path, own if seen[own] == 1 else f"{own}~{seen[own]}"


def parents_first(heads: Mapping[str, tuple[str, set[str]]]) -> list[str]:
    """Names in order, each after those that it came from; a circle begins with its first name.
    `heads`: name -> its id, and the ids that it came from."""
    names, done = list(heads), dict[str, None]()
    known = {own for own, _ in heads.values()}
    missing = {name: (above & known) - {own} for name, (own, above) in heads.items()}
    waiting: dict[str, list[str]] = {}  # id -> the names that wait for it
    for name in names:
        for own in missing[name]:
            waiting.setdefault(own, []).append(name)
    ready = [name for name in names if not missing[name]]
    rank = {name: at for at, name in enumerate(names)}
    for first in names:
        while ready or first not in done:
            told = ready or [first]
            done |= dict.fromkeys(told)
            ready = []
            for own in dict.fromkeys(heads[name][0] for name in told):
                for name in waiting.pop(own, ()):
                    missing[name].discard(own)
                    if not missing[name] and name not in done:
                        ready.append(name)
            ready.sort(key=rank.__getitem__)
    return list(done)


def depths(above: Mapping[str, str]) -> dict[str, int]:
    """The number of names above each; a circle is broken off where it closes."""
    found: dict[str, int] = {}
    for name in above:
        below: dict[str, None] = {}  # what is not counted yet, the lowest first
        while name and name not in found and name not in below:
            below[name] = None
            name = above.get(name, "")
        count = found.get(name, -1)
        for name in reversed(below):
            found[name] = count = count + 1
    return found


def longest_first(files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Files, the longest first, which owns what copies of it hold too; each with what distinguishes
    names in it from those of the others."""
    for nth, path in enumerate(sorted(files, key=lambda path: (-size_of(path), path))):
        yield path, f"~{nth}" if nth else ""
