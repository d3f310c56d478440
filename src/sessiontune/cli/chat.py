"""`sessiontune chat`: talk to a tuned model in the terminal, or to base and tuned side by side."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from ..errors import EndpointError, UsageError
from .console import Console
from .options import PLACE, TEXT, shipped_option
from .serve import loaded
from .summary import harmless

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.table import Table

    from ..runtime.host import Hosted
    from ..runtime.talk import Talk

_HELP = (
    "Ctrl-C stops an answer. /new starts again, an empty line or Ctrl-D ends.\n"
    'Several lines between """ and """ are one question.'
)
#: What ends a chat: nothing, or what ends it elsewhere.
_ENDS = ("", "/quit", "/exit", "/bye")
#: What asks for help, here and elsewhere.
_ASKS = ("/help", "/?", "?")
_MARK = '"""'


@click.command(no_args_is_help=True)
@click.argument("run", type=PLACE, metavar="RUN")
@click.argument("words", nargs=-1, metavar="")
@click.option("-p", "--prompt", type=TEXT, multiple=True, help="Ask this and end. Repeatable.")
@click.option("--compare", is_flag=True, help="Base and tuned side by side.")
@click.option("--system", default="", help="System prompt (none).")
@shipped_option
@click.option(
    "--max-tokens", type=click.IntRange(1), default=512, show_default=True, help="Per answer."
)
@click.option(
    "--temperature", type=click.FloatRange(0), default=0.7, show_default=True, help="0: greedy."
)
@click.option("--seed", type=int, help="For the same answer again.")
@click.option("--threads", type=click.IntRange(0), default=0, help="CPU threads (all).")
@click.option("-o", "--out", type=PLACE, help="Where it was shipped to (RUN/ship).")
@click.option("--base", type=PLACE, help="Where the base lies, if moved.")
@click.pass_obj
def chat(
    console: Console,
    /,
    run: Path,
    words: tuple[str, ...],
    prompt: tuple[str, ...],
    compare: bool,
    system: str,
    kind: str | None,
    threads: int,
    base: Path | None,
    out: Path | None,
    **sampling: Any,
) -> None:
    """Chat with a shipped model.

    --compare asks base and tuned model the same and shows both answers; it needs the LoRA GGUF:
    sessiontune ship RUN --adapter-only. Defaults stand in parentheses.
    """
    from ..runtime.host import Hosting
    from ..runtime.talk import Talk
    from ..shipping.run import read_run

    if words:
        raise UsageError("A question is asked with -p.", f"-p {quote(' '.join(words))}")
    known = read_run(run, base, out)
    if not prompt and (console.as_json or console.quiet):
        raise UsageError("With --json or --quiet a chat shows nothing.", "Ask with -p TEXT.")
    hosting = Hosting(kind=kind, adapter=compare, parallel=2 if compare else 1, threads=threads)
    with loaded(console, known, hosting) as model:
        sides = ("base", "tuned") if compare else ("tuned",)
        talk = Talk(model.client, sides, system, sampling, known.typed)
        if prompt:
            answers = [_answer(console, talk, text) for text in prompt]
            console.emit({"model": model.model, "answers": answers}, lambda rich: None)
            return
        console.say(f"{model.model}, {model.context} tokens of context.\n{_HELP}")
        _converse(console, talk, model)


def converse(console: Console, run: Path) -> None:
    """Chat with what was shipped of `run` until the user ends it."""
    from ..runtime.host import Hosting
    from ..runtime.talk import Talk
    from ..shipping.run import read_run

    known = read_run(run)
    with loaded(console, known, Hosting()) as model:
        console.say(f"Chat with {model.model}.\n{_HELP}")
        talk = Talk(model.client, ("tuned",), "", {"max_tokens": 512}, known.typed)
        _converse(console, talk, model)


def _converse(console: Console, talk: Talk, model: Hosted) -> None:
    for text in _questions():
        if text == "/new":
            talk.clear()
            continue
        if text in _ASKS:
            console.say(_HELP)
            continue
        try:
            _answer(console, talk, text)
        except KeyboardInterrupt:
            click.echo()
            console.say("Stopped; this question is forgotten.")
        except EndpointError as error:
            if not model.alive():
                raise
            click.echo()
            console.say(f"{error.message} {error.hint}".rstrip())


def _questions() -> Iterator[str]:
    """What the user asks, until an empty line, the end, or Ctrl-C where nothing is asked."""
    take_any_bytes()
    while True:
        try:
            line = _line("> ").strip()
            if line.startswith(_MARK):
                line = _block(line.removeprefix(_MARK)).strip()
        except KeyboardInterrupt:
            click.echo(err=True)
            return
        if line in _ENDS:
            return
        yield line


def take_any_bytes() -> None:
    """What is typed or piped need not be UTF-8. To be said before the first line is read: then the
    stream refuses it, and `tune` has asked its questions by the time it chats."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        with contextlib.suppress(io.UnsupportedOperation):
            sys.stdin.reconfigure(errors="replace")


def _line(prompt: str) -> str:
    """One line with its end, or "" at the end of the input; editable where a person types."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return sys.stdin.readline()
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  input() uses it once it is there
    try:
        return input(prompt).encode("utf-8", "replace").decode() + "\n"
    except EOFError:
        click.echo()
        return ""


def _block(first: str) -> str:
    """Lines up to the closing marks, or the end of the input."""
    lines = [first]
    while not lines[-1].rstrip().endswith(_MARK):
        line = _line("... ")
        if not line:
            return "\n".join(lines)
        lines.append(line.rstrip("\n"))
    return "\n".join(lines).rstrip().removesuffix(_MARK)


def _answer(console: Console, talk: Talk, text: str) -> dict[str, str]:
    """Ask, and show the answers as they come."""
    if console.as_json or console.quiet:
        return talk.ask(text, lambda side, piece: None)
    if len(talk.sides) == 1:
        answers = talk.ask(text, lambda side, piece: click.echo(_shown(piece), nl=False))
        click.echo()
    else:
        answers = _columns(talk, text)
    for side in talk.cut:
        who = f"{side}: " if len(talk.sides) > 1 else ""
        console.say(f"({who}cut off; more with --max-tokens)")
    return answers


def _shown(piece: str) -> str:
    return harmless(piece) if sys.stdout.isatty() else piece


def _columns(talk: Talk, text: str) -> dict[str, str]:
    """Both answers in two columns, growing; without a terminal one after the other.

    While they grow the last lines are shown, as many as there is room for; then all.
    """
    from rich.console import Console as Rich
    from rich.live import Live

    rich = Rich(highlight=False)
    if not rich.is_terminal:
        answers = talk.ask(text, lambda side, piece: None)
        for side, answer in answers.items():
            click.echo(f"[{side}] {answer}")
        return answers
    so_far = dict.fromkeys(talk.sides, "")
    try:
        with _no_echo(), Live(console=rich, refresh_per_second=12, transient=True) as live:

            def grow(side: str, piece: str) -> None:
                so_far[side] += _shown(piece)
                live.update(_table(rich, so_far, max(rich.height - 5, 3)))

            return talk.ask(text, grow)
    finally:
        if any(so_far.values()):
            rich.print(_table(rich, so_far))


@contextlib.contextmanager
def _no_echo() -> Iterator[None]:
    """While the columns grow no key is written into them: `^C` would push them down by a line,
    which is then left behind. What is typed meanwhile stands at the next prompt."""
    try:
        import termios

        before = termios.tcgetattr(sys.stdin)
    except (ImportError, OSError, termios.error):  # no terminal of that kind
        yield
        return
    quiet = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _table(rich: RichConsole, texts: dict[str, str], last: int = 0) -> Table:
    """The texts side by side, whole, or their `last` lines."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(expand=True)
    cells = []
    width = (rich.width - 1) // len(texts) - 3
    for side, text in texts.items():
        drawn.add_column(side, ratio=1, overflow="fold")
        lines = Text(text).wrap(rich, width, overflow="fold")
        cells.append(Text("\n").join(lines[-last:]))
    drawn.add_row(*cells)
    return drawn
