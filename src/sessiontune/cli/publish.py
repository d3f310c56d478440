"""`sessiontune publish`: a data set or an adapter to the Hugging Face hub, behind the gates."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from ..errors import UsageError
from .console import Console, print_plain
from .options import PLACE

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..shipping.hub import Published


@click.command(no_args_is_help=True)
@click.argument("folder", type=PLACE, metavar="DIR")
@click.option("--repo", metavar="OWNER/NAME", help="Repository on the hub.")
@click.option("--public", is_flag=True, help="Let everybody see it (default: private).")
@click.option("--license", "license_name", default="", help="Its licence: yours to say.")
@click.option("--i-may-publish", is_flag=True, help="You have checked that you may.")
@click.option("--dry-run", is_flag=True, help="Scan, and list what would go up.")
@click.option("--endpoint", metavar="URL", help="Another hub (HF_ENDPOINT).")
@click.pass_obj
def publish(
    console: Console,
    /,
    folder: Path,
    repo: str | None,
    public: bool,
    license_name: str,
    i_may_publish: bool,
    dry_run: bool,
    endpoint: str | None,
) -> None:
    """Upload an export or a run's adapter.

    The repository is private by default; its visibility is read back before anything is sent.
    Refused unless the files themselves scan clean, you state the licence, and you say that you may
    publish. The hub's own client uses its token (HF_TOKEN or `hf auth login`); this program never
    reads it.
    """
    from ..runtime.publish import must_be_ours, prepare
    from ..runtime.publish import publish as put
    from ..shipping.publish import Terms

    must_be_ours(folder)
    terms = Terms(license=license_name, accepted=i_may_publish)
    if dry_run:
        _, plan = prepare(folder, terms)
        listed = "\n".join(plan.files)
        console.emit(
            msgspec.to_builtins(plan),
            lambda rich: rich.print(
                f"{listed}\n{plan.size / 1e6:.1f} MB; {plan.said}", markup=False, soft_wrap=True
            ),
        )
        return
    if not repo:
        raise UsageError("Which repository?", "--repo OWNER/NAME")
    bars = sys.stderr.isatty() and not (console.quiet or console.as_json)
    done = put(folder, repo, terms, public=public, endpoint=endpoint, bars=bars, say=console.say)
    data = {"url": done.url, "private": done.private, "files": list(done.files)}
    console.emit(data, lambda rich: _draw(rich, done))


def _draw(rich: RichConsole, done: Published) -> None:
    seen = "private, as read back" if done.private else "PUBLIC"
    print_plain(rich, f"{done.url} ({seen}), {len(done.files)} files")
