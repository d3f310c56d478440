"""`sessiontune drop` and `sessiontune forget`: what a person takes out of the data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import msgspec

from ..errors import UsageError
from ..figures import several
from .console import Console, print_plain
from .options import TEXT, state_option
from .summary import printable

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

#: Logs that `forget` names.
_LEFT = 5


@click.command()
@click.argument("keys", nargs=-1, required=True, type=TEXT, metavar="KEY...")
@click.option("--note", default="", help="Why.")
@click.option("--undo", is_flag=True, help="Take the threads back in.")
@state_option
@click.pass_obj
def drop(
    console: Console, keys: tuple[str, ...], note: str, undo: bool, state: Path | None
) -> None:
    """Keep threads out of the next build.

    KEY is a `thread` value of a row, as `sessiontune show` prints it.
    """
    from ..model import Verdict
    from ..pipeline.lookup import threads
    from ..store import Store

    keys = tuple(dict.fromkeys(keys))  # one that is named twice is one
    with Store(_there(state), write=True) as store:
        known = threads(store)
        unknown = [k for k in keys if k not in known]
        if unknown:
            raise UsageError(
                f"No thread {unknown[0]} in the state.",
                "sessiontune show DIR ROW tells the thread of a row.",
            )
        verdicts = store.verdicts()
        dropped = [k for k in keys if k in verdicts and verdicts[k].decision == "drop"]
        changed = dropped if undo else list(keys)
        decision: Literal["keep", "drop"] = "keep" if undo else "drop"
        at = max((v.at for v in verdicts.values()), default="")
        store.judge(Verdict(key=k, decision=decision, note=note, at=at) for k in changed)
    said = f"{'Taken back in' if undo else 'Dropped'}: {several(len(changed), 'thread')}."
    if rest := len(keys) - len(changed):
        said += f" Not dropped before: {several(rest, 'thread')}."
    if changed:
        said += " It takes effect with the next export."
    console.emit({"decision": decision, "keys": changed}, lambda rich: rich.print(said))


def _there(state: Path | None) -> Path:
    """The state's folder. UsageError where there is none: nothing is made under a mistyped name."""
    from ..store import default_state, is_state

    place = state or default_state()
    if not is_state(place):
        raise UsageError(f"There is no state in {place}.", "Give the --state of your exports.")
    return place


@click.command()
@click.argument("what", type=TEXT, metavar="PROJECT|SESSION|FILE")
@state_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(console: Console, what: str, state: Path | None, yes: bool) -> None:
    """Purge a project, a session or a file from the state.

    Give a project folder, a log file, or a session's id or thread. What other logs and sessions
    hold stays, even if those logs are gone. The logs themselves are not touched: while they exist,
    the next export reads them again, so move them away first or use --exclude. It says which
    published folders held the data.
    """
    from ..pipeline.lookup import find, near, purge
    from ..store import Store

    with Store(_there(state), write=True) as store:
        found = find(store, what)
        if not found.files:
            meant = near(store, what)
            raise UsageError(
                f"The state knows nothing of {what}.",
                f"Did you mean {meant[0]}?"
                if meant
                else "Give a project folder, a log file, or a session's id or thread.",
            )
        purged = f"{several(len(found.sessions), 'session')} of {several(len(found.files), 'file')}"
        if not yes and not console.ask(f"Purge {purged}?"):
            raise UsageError("Nothing was purged.", "Answer yes at a terminal, or give --yes.")
        purge(store, found)
    left = [log for log in found.files if os.path.exists(log)]

    def draw(rich: RichConsole) -> None:
        said = [f"Purged {purged} from the state."]
        if left:
            said.append("Still on disk, so that the next export would read it again:")
            said += [f"  {log}" for log in left[:_LEFT]]
            said += [f"  and {several(len(left) - _LEFT, 'more log')}"] * (len(left) > _LEFT)
            it = "it" if len(left) == 1 else "them"
            said.append(f"Move {it} away first, or leave the project out with --exclude.")
        if found.published:
            said.append("Folders that hold it: " + ", ".join(found.published))
            said.append("Export them again or delete them, and what was trained on them.")
        for line in said:
            print_plain(rich, printable(line))

    console.emit(msgspec.to_builtins(found) | {"left": left}, draw)
