"""`python -m sessiontune.sample FOLDER [SEED]`: writes the sample and says what it holds."""

from __future__ import annotations

import sys

from . import write_sample

USAGE = """usage: python -m sessiontune.sample FOLDER [SEED]

Write invented session logs of Claude Code and Codex below FOLDER; another SEED (a number) makes
other sessions of the same shape. Then: sessiontune export FOLDER -o my-data"""


def main(arguments: list[str]) -> int:
    """Write the sample below the named folder; returns the exit code."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return 0
    folder, seeds = arguments[:1], arguments[1:]
    if not folder or folder[0].startswith("-") or len(seeds) > 1:
        print(USAGE, file=sys.stderr)
        return 2
    if not all(seed.isdecimal() for seed in seeds):
        print(f"{seeds[0]} is no number.\n{USAGE}", file=sys.stderr)
        return 2
    info = write_sample(folder[0], *map(int, seeds))
    print(
        f"{info.files} session files, {info.records:,} lines, {info.pairs} conversation pairs in "
        f"main sessions, below {info.folder}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
