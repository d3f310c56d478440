"""The held-out side that a run is tested on: the export's, as it was at the training or as it is
now, or the run's own copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ..errors import UsageError
from .heldout import Run, cluster_of, held_digest, numbered, with_long
from .rules import mined_rules

#: In RUN/data: the held-out rows, and the mined rules, as they were when the run was trained.
KEPT = "held"
RULES = "rules.txt"


class HeldSide(msgspec.Struct, frozen=True, kw_only=True):
    """Held-out rows by `file:line`, and the folder that holds them in eval/ and long/.

    then    they are those of the training: RUN/data/eval.parquet names their lines
    note    what the reader must know of the choice; "" if there was none
    """

    root: Path
    rows: dict[str, dict[str, Any]]
    then: bool = True
    note: str = ""

    @property
    def digest(self) -> str:
        """Digest of the rows' bytes: results on two different sides cannot be compared."""
        return held_digest(self.root)

    @property
    def everything(self) -> dict[str, dict[str, Any]]:
        """All that is scored: the rows, and the answers that no row could hold."""
        return with_long(self.root, self.rows)


def kept_folder(run: Run) -> Path | None:
    """The run's own copy of its held-out side, if it has a complete one."""
    folder = run.folder / "data" / KEPT
    before = run.record["data"].get("held")
    there = (folder / "eval" / "openai.jsonl").is_file()
    return folder if there and held_digest(folder) == before else None


def side_of_then(run: Run, why: str = "it is of an older version") -> HeldSide:
    """The held-out side as it was when the run was trained. Raises UsageError if it is lost; `why`:
    the reason that the run has no copy."""
    before = run.record["data"].get("held")
    if run.data.is_dir() and (not before or before == held_digest(run.data)):
        return HeldSide(root=run.data, rows=held_rows(run.data))
    kept = kept_folder(run)
    if kept is not None:
        return HeldSide(root=kept, rows=held_rows(kept))
    if not run.data.is_dir():
        raise UsageError(
            f"The export that this run was trained on, {run.data}, is gone, and the run has no copy"
            " of its held-out side.",
            "Move the export back, or put a link to it there.",
        )
    raise UsageError(
        f"The held-out side of {run.data} has changed since this run was trained, and the run kept"
        f" neither a copy of it nor what it was trained on: {why}.",
        "Train on the new export, and evaluate that run: runs keep both now.",
    )


def held_rows(root: Path) -> dict[str, dict[str, Any]]:
    """The rows of a held-out side by `file:line`. Raises UsageError if there are none."""
    path = root / "eval" / "openai.jsonl"
    if not path.is_file():
        raise UsageError(
            f"{root} has no held-out side.", "Export with --eval-share above 0 and train again."
        )
    return numbered(path)


def groups_of(rows: dict[str, dict[str, Any]]) -> int:
    """The number of held-out groups of sessions."""
    return len({cluster_of(row, where) for where, row in rows.items()})


def rules_for(run: Run) -> str:
    """The rules mined from what the run was trained on."""
    try:
        return (run.folder / "data" / RULES).read_text("utf-8")
    except OSError:
        return mined_rules(run.data)
