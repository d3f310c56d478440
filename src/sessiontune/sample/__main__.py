"""`python -m sessiontune.sample FOLDER [SEED]`: writes the sample and says what it holds."""

from __future__ import annotations

import sys

from . import write_sample


def main(arguments: list[str]) -> int:
    """Write the sample below the named folder; returns the exit code."""
    if not arguments or arguments[0].startswith("-") or len(arguments) > 2:
        print("usage: python -m sessiontune.sample FOLDER [SEED]", file=sys.stderr)
        return 2
    info = write_sample(arguments[0], *(int(seed) for seed in arguments[1:]))
    print(
        f"{info.files} session files, {info.records:,} lines, {info.pairs} conversation pairs in "
        f"main sessions, below {info.folder}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
