"""What `tune` and `demo` say at the end: what came out, where to look, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .console import print_plain

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..runtime.evening import Done
    from .evening import Evening


def as_json(evening: Evening, done: list[Done], seconds: float) -> dict[str, Any]:
    """The result for `--json`."""
    from ..runtime.evening import peak_memory

    return {
        "folder": str(evening.folder),
        "run": str(evening.run),
        "stages": msgspec.to_builtins(done),
        "seconds": round(seconds, 1),
        "peak_memory": peak_memory(),
    }


def draw(rich: RichConsole, evening: Evening, done: list[Done], seconds: float) -> None:
    """The summary for a person: what came out, where to look, what to do next."""
    from rich.markup import escape
    from rich.table import Table

    from ..runtime.evening import peak_memory

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    for stage in done:
        reused = stage.reused or stage.data.get("unchanged") or stage.data.get("reused")
        time = "reused" if reused else f"{stage.seconds:.0f} s"
        table.add_row(f"[bold]{stage.name}[/bold]", escape(stage.said), f"[dim]{time}[/dim]")
    rich.print()
    rich.print(table)
    memory = peak_memory() / (1 << 30)
    rich.print(f"\n{seconds:.0f} s in all, at most {memory:.1f} GiB of memory.", markup=False)
    rich.print("\n[bold]To look at[/bold]")
    for stage in done:
        for name, path in stage.links.items():
            print_plain(rich, f"  {name:<11} {path}")
    rich.print("\n[bold]To go on[/bold]")
    for name, command in evening.after():
        print_plain(rich, f"  {name:<11} {command}")
