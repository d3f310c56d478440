"""What commands print: data on stdout (text or one JSON object), everything else on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import SessiontuneError, UsageError

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

#: Called with (done, total, note); total 0 means unknown.
Progress = Callable[[int, int, str], None]
#: Seconds between the lines of progress in a log.
_EVERY = 30.0
#: Seconds that the time still needed is judged by: a step on a large model can take minutes.
SLOW = 3600.0


class Console(msgspec.Struct, frozen=True):
    """The output side of one command run."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_input: bool = False

    def emit(
        self,
        data: dict[str, Any],
        render: Callable[[RichConsole], None],
        failure: SessiontuneError | None = None,
    ) -> None:
        """Print the result: `data` as JSON with `--json`, else what `render` draws.

        With a `failure` the result is one to fail for: it is raised after the result is printed,
        and with `--json` both are one object.
        """
        try:
            if self.as_json:
                _put(data | _told(failure) if failure else data)
            elif not self.quiet:
                from rich.console import Console as Rich

                render(Rich(highlight=False))
                sys.stdout.flush()
        except (BrokenPipeError, SystemExit) as gone:  # rich makes the first the second
            if not isinstance(gone.__context__ or gone, BrokenPipeError):
                raise
            write_no_more()  # the reader (head, less) has gone: nothing is wrong
        if failure:
            failure.told = self.as_json
            raise failure

    def say(self, text: str) -> None:
        """A line of diagnostics on stderr."""
        if not self.quiet:
            print(text, file=sys.stderr)  # not by click: a bar that is up makes room for it

    def detail(self, text: str) -> None:
        """A line on stderr with `--verbose` only."""
        if self.verbose:
            print(text, file=sys.stderr)

    def ask(self, question: str, default: bool = False) -> bool:
        """A yes or no question; `default` without a terminal or with `--no-input`."""
        if self.no_input or self.as_json or not sys.stdin.isatty():
            return default
        import shutil
        import textwrap

        width = min(100, shutil.get_terminal_size().columns) - 10  # room for [y/N] and the answer
        return click.confirm(textwrap.fill(question, width), default=default, err=True)

    @contextmanager
    def progress(self, label: str, unit: str = "") -> Iterator[Progress]:
        """A progress bar on stderr; a line now and then where stderr is a file or a pipe."""
        if self.quiet or self.as_json:
            yield lambda done, total, note: None
            return
        if not sys.stderr.isatty():
            yield _lines(label)
            return
        from rich import progress as bar
        from rich.console import Console as Rich

        columns = (
            bar.TextColumn("{task.description}", markup=False),
            bar.BarColumn(),
            bar.TaskProgressColumn(),
            bar.TextColumn("{task.fields[note]}", markup=False),  # may be a program's own line
            bar.TimeRemainingColumn(),
        )
        shown = Rich(stderr=True)
        with bar.Progress(
            *columns, console=shown, transient=True, speed_estimate_period=SLOW
        ) as view:
            task = view.add_task(label, total=None, note=unit)

            def step(done: int, total: int, note: str) -> None:
                view.update(task, completed=done, total=total or None, note=note)

            yield step

    def error(self, error: SessiontuneError) -> None:
        """Report an error of ours: what, where, what next."""
        if self.as_json:
            try:
                if not error.told:
                    _put(_told(error))
                return
            except OSError:  # what stdout goes to is full or gone: then on stderr
                write_no_more()
        click.echo(f"Error: {error.message}", err=True)
        if error.hint:
            click.echo(f"  {error.hint}", err=True)

    def usage_error(self, error: click.UsageError, called: str) -> None:
        """Report a wrong command line; `called`: program and verb, which click does not always
        know."""
        where = error.ctx.command_path if error.ctx else called
        self.error(UsageError(error.format_message(), f"See '{where} --help'."))


def print_plain(rich: RichConsole, text: str) -> None:
    """Print text as it is: no markup, and long lines (paths, commands) are not wrapped."""
    rich.print(text, markup=False, soft_wrap=True)


def _put(data: dict[str, Any]) -> None:
    try:
        text = msgspec.json.encode(data).decode()
    except UnicodeEncodeError:  # a path whose bytes are no text: json escapes them
        import json

        text = json.dumps(msgspec.to_builtins(data))
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write_no_more() -> None:
    """Let stdout lead nowhere, also what the interpreter would write at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _told(error: SessiontuneError) -> dict[str, Any]:
    """An error as `--json` tells it."""
    names = ("code", "kind", "message", "hint")
    return {"error": {name: getattr(error, name) for name in names}}


def _lines(label: str) -> Progress:
    """Progress as lines, for logs: none from a command that is done within `_EVERY` seconds."""
    last = [monotonic()]

    def step(done: int, total: int, note: str) -> None:
        if monotonic() - last[0] >= _EVERY:
            last[0] = monotonic()
            count = f"{done:,} of {total:,}" if total else ""
            print(": ".join(filter(None, (label, note, count))), file=sys.stderr, flush=True)

    return step
