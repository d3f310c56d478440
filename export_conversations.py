#!/usr/bin/env python3
"""What the original README promised: find the logs in ~/.claude/projects/ and write the data set.

python3 export_conversations.py [any option of `sessiontune export`]
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if (HERE / "src" / "sessiontune").is_dir():
    sys.path.insert(0, str(HERE / "src"))

try:
    from sessiontune.cli.export import export
    from sessiontune.cli.main import GLOBAL_FLAGS, run
except ModuleNotFoundError as error:
    sys.exit(
        f"The package {error.name} is missing. Install sessiontune first:\n"
        f"  {sys.executable} -m pip install {HERE}"
    )

if __name__ == "__main__":
    given = sys.argv[1:]
    own = [word for word in given if word not in GLOBAL_FLAGS]
    asked = export.make_context("export", own, resilient_parsing=True).params
    projects = Path.home() / ".claude" / "projects"
    if not asked["roots"] and projects.is_dir():
        given = [str(projects), *given]
    if not asked["out"]:
        given += ["-o", "conversations", *([] if asked["name"] else ["--name", "sessions"])]
    run(["export", *given])
