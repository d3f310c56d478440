"""The command `sessiontune`: finds the verb, calls it, turns errors into exit codes."""

from __future__ import annotations

import errno
import gc
import os
import sys
from contextlib import suppress
from copy import copy
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO, cast

import click
import msgspec

from .. import __version__
from ..errors import Interrupted, SessiontuneError, StoreError, ToolError, UsageError
from ..privacy import compiled
from .console import Console, write_no_more

#: Heading -> verb -> (module in sessiontune.cli, one line of help). Modules load when called.
_SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "The whole way": {
        "tune": ("tune", "From logs to a chat in one command: export, train, evaluate, ship."),
        "demo": ("demo", "The same on bundled sample logs and a tiny model, offline."),
    },
    "Data": {
        "scan": ("scan", "Say what is there and what would be lost; change nothing."),
        "export": ("export", "Turn session logs into training data."),
        "show": ("show", "Look at an export: statistics, rows, where they came from."),
        "review": ("review", "Look through an export in the browser: search, keep or drop."),
        "drop": ("verdicts", "Keep threads out of the next build."),
        "forget": ("verdicts", "Purge a project, session or file from the state."),
    },
    "Model": {
        "doctor": ("doctor", "What this machine has, and what it can train."),
        "train": ("train", "Tune a model on an export with LoRA or QLoRA."),
        "trainers": ("trainers", "List trainers, or install one in its own environment."),
        "evaluate": ("evaluate", "Is the tuned model better than its base?"),
    },
    "Use": {
        "ship": ("ship", "Merge, convert to GGUF, quantise, make it ready for Ollama."),
        "chat": ("chat", "Chat with a shipped model in the terminal."),
        "serve": ("serve", "Serve a shipped model on loopback (OpenAI and Anthropic APIs)."),
        "publish": ("publish", "Upload a data set or adapter to Hugging Face, behind the gates."),
    },
}
VERBS = {verb: known for verbs in _SECTIONS.values() for verb, known in verbs.items()}


class LazyGroup(click.Group):
    """Loads a verb's module when it is called, so that `--help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module = import_module(f"sessiontune.cli.{VERBS[name][0]}")
        command: click.Command = getattr(module, name)
        if ctx.params.get("as_json"):  # a program is told what is missing, not shown the help
            command = copy(command)
            command.no_args_is_help = False
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"No such command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        longest = max(map(len, VERBS))
        for heading, verbs in _SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(v.ljust(longest), text) for v, (_, text) in verbs.items()])


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        told = f"sessiontune, version {__version__}"
        if ctx.params.get("as_json"):  # eager and moved to the front, so it is known already
            told = msgspec.json.encode({"version": __version__}).decode()
        click.echo(told)
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 good, 2 usage or recipe, 3 source, 4 privacy gate, 5 store, 6 external"
    " tool, 7 endpoint, 8 findings, 9 worse than base, 10 preflight or parity, 130 interrupted.",
)
@click.option("--json", "as_json", is_flag=True, is_eager=True, help="One JSON object on stdout.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
@click.option("--no-input", is_flag=True, help="Never ask; take the safe answer.")
@click.pass_context
def cli(ctx: click.Context, as_json: bool, quiet: bool, verbose: bool, no_input: bool) -> None:
    """Turn sessions with coding agents into a local model of your own.

    \b
    Begin with  sessiontune scan                 what is here; nothing is changed
          then  sessiontune export -o my-data    private training data, and a report
    """
    compiled.use(_rules_folder)
    ctx.obj = Console(as_json=as_json, quiet=quiet, verbose=verbose, no_input=no_input)


def _rules_folder() -> Path:
    """Where the compiled rules of the redaction are kept between runs."""
    from ..shipping.converter import cache_folder

    return cache_folder(os.environ) / "rules"


GLOBAL_FLAGS = {"--json", "--quiet", "-q", "--verbose", "-v", "--no-input"}


def _with_global_flags_anywhere(argv: list[str]) -> list[str]:
    """Move the global flags to the front: they work after the verb too."""
    end = argv.index("--") if "--" in argv else len(argv)
    head, rest = argv[:end], argv[end:]
    front = [a for a in head if a in GLOBAL_FLAGS]
    return front + [a for a in head if a not in GLOBAL_FLAGS] + rest


#: Packages that the base installation lacks -> the extra that brings them.
_EXTRAS = {
    **dict.fromkeys(("accelerate", "datasets", "jinja2", "peft", "safetensors"), "train"),
    **dict.fromkeys(("tokenizers", "torch", "transformers", "trl"), "train"),
    "gguf": "ship",
    "sentencepiece": "ship",
    "httpx": "serve",
    "numpy": "evaluate",
    **dict.fromkeys(("starlette", "uvicorn"), "review"),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line. Returns the exit code; `console_script` passes it to the shell."""
    args = _with_global_flags_anywhere(list(sys.argv[1:] if argv is None else argv))
    console = Console(as_json="--json" in args)
    try:
        result = cli.main(args=args, prog_name="sessiontune", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except SessiontuneError as error:
        console.error(error)
        return error.code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)  # a verb alone: its help
        return 2
    except click.UsageError as error:
        verb = next((word for word in args if word in VERBS), "")
        console.usage_error(error, f"sessiontune {verb}".rstrip())
        return 2
    except click.ClickException as error:
        console.error(UsageError(error.format_message()))
        return 2
    except click.exceptions.Exit as error:
        return int(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        console.error(Interrupted("Interrupted.", "Run the same command again to go on."))
        return Interrupted.code
    except SystemExit as end:  # so click ends where the reader of our output (head, less) has gone
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        return 0
    except ModuleNotFoundError as error:
        missing = _of_an_extra(error)
        if missing is None:
            raise
        console.error(missing)
        return missing.code
    except OSError as error:
        trouble = _of_the_disk(error)
        if trouble is None:
            raise
        console.error(trouble)
        if not error.filename:
            write_no_more()  # it may be stdout that is full: the interpreter would fail there too
        return trouble.code


def _of_an_extra(error: ModuleNotFoundError) -> ToolError | None:
    """What to install; None for a package that no extra brings."""
    package = (error.name or "").partition(".")[0]
    if package not in _EXTRAS:
        return None
    return ToolError(
        f"This needs the package {package}.", f"pip install 'sessiontune[{_EXTRAS[package]}]'"
    )


def _of_the_disk(error: OSError) -> StoreError | None:
    """No room, no right, no such name, where no command has words of its own for it."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "Free some space, and run the same command again to go on."
        return StoreError(f"The disk is full{where}.", hint)
    if where and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError(
            f"{error.strerror}{where}.", "Change its permissions, or name another place."
        )
    if where and error.errno == errno.ENAMETOOLONG:
        return StoreError(f"{error.strerror}{where}.", "Name another place.")
    return None


def run(argv: list[str] | None = None) -> None:
    """Entry point of the console script."""
    for name in ("stdout", "stderr"):  # a stream that was closed (2>&-) is none at all
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (to the end)
    _write_what_the_terminal_can("--json" in sys.argv)
    sys.stderr = cast(TextIO, _Lasting(sys.stderr))
    # What torch cannot do on Apple's GPU it does on the CPU; it looks when it is imported.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    code = main(argv)
    if code == Interrupted.code:  # all is tidied up but threads that wait for stopped workers
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # it may be closed, or what it leads to full
                stream.flush()
        os._exit(code)
    gc.freeze()  # the interpreter would look through all that a run has made, some times over
    sys.exit(code)


class _Lasting:
    """A stream whose reader may go, or whose disk may be full: what is written then is lost, and
    the work, a training of hours, goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _write_what_the_terminal_can(as_json: bool) -> None:
    """No character stops a command: JSON is UTF-8, other text has ? for what cannot be shown."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            if as_json and stream is sys.stdout:
                stream.reconfigure(encoding="utf-8")
            stream.reconfigure(errors="replace")
