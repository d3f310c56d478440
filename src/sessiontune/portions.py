"""What was held out, cut and mixed in: words of the card, the report and the terminal."""

from __future__ import annotations

import math
from pathlib import Path
from shlex import quote

from .figures import listed, number
from .manifest import Manifest

#: What makes an answer longer than a row.
_LONG = {
    "call": "by one tool call",
    "text": "by one text",
    "thinking": "by their reasoning",
    "parts": "by several parts together",
}


#: Held-out groups from which `evaluate` gives a verdict (`evaluation.statistics`).
ENOUGH = 10
#: The largest share that is worth proposing: the rest must be enough to train on.
MOST = 0.4
#: What `tune` and `demo` note beside the export that they make.
NOTES = "evening.json"


def few_held_out(manifest: Manifest, command: bool = True, place: Path | None = None) -> str:
    """What a user with little data must know about the held-out side; "" if it is large enough.
    Without `command` the caller names the one that helps. `place`: where the export lies."""
    if not manifest.options.eval_share or not manifest.statistics.conversations:
        return ""
    held, every = _groups(manifest)
    verb, folder = made_by(place) if place else ("", Path(manifest.name))
    return few(held, every, folder.name if command else "", manifest.options.split, verb)


def share_to_propose(manifest: Manifest) -> float:
    """The share that holds out enough, if an export does not; else 0."""
    return share_for(_groups(manifest)[1]) if few_held_out(manifest) else 0.0


def _groups(manifest: Manifest) -> tuple[int, int]:
    """How many groups are held out, and how many there are."""
    sides = manifest.statistics.splits
    held, trained = (sides[name].groups if name in sides else 0 for name in ("eval", "train"))
    return held, held + trained


def made_by(export: Path) -> tuple[str, Path]:
    """The command that made an export, and the folder that it was given: `tune` has the export
    inside its own."""
    inside = (export.parent / NOTES).is_file()
    return ("tune", export.parent) if inside else ("export", export)


def another(folder: str, split: str) -> tuple[str, str]:
    """A folder and a name for one more split after that of `folder`: a name that was used already
    would keep its sides."""
    if not split:
        return f"{folder}-second", "second"
    stem, _, number = split.rpartition("-")
    name = f"{stem}-{int(number) + 1}" if stem and number.isdecimal() else f"{split}-2"
    return f"{folder.removesuffix(f'-{split}')}-{name}", name


def few(held: int, every: int, folder: str, split: str, verb: str = "") -> str:
    """The same for `held` out of `every` group of an export and its split: what cannot be judged,
    and what to do about it. `verb` names the command that was given, if that is known."""
    if held >= ENOUGH:
        return ""
    text = (
        f"{number(held) if held else 'None'} of {number(every)} independent "
        f"{'group' if every == 1 else 'groups'} of sessions "
        f"{'is' if 1 in (held, every) else 'are'} held out for the test; a verdict of "
        f"`sessiontune evaluate` needs {ENOUGH}."
    )
    if share := share_for(every):
        text += " Add logs, or hold out more in another folder"
        if not folder:
            return f"{text}."
        new, name = another(folder, split)
        return (
            f"{text}: the same {f'`{verb}`' if verb else 'command'} with `-o {quote(new)} --split "
            f"{name} --eval-share {share:g}`. This export, and what was trained on it, stays."
        )
    least = math.ceil(ENOUGH / MOST)
    return f"{text} Add logs: it takes {least} groups to hold out {ENOUGH} and still learn enough."


def share_for(every: int) -> float:
    """The share of `every` group that is enough for a verdict; 0 if it is too large."""
    share = math.ceil(100 * ENOUGH / every) / 100 if every else 1.0
    return share if share <= MOST else 0.0


def cutting(manifest: Manifest) -> list[str]:
    """Markdown lines on what was cut and mixed in; none if nothing was."""
    out = []
    cut = manifest.truncation
    if cut:
        out += [
            "",
            f"Rows were cut to {number(manifest.options.max_tokens)} tokens, every answer "
            "a target exactly once:\n",
            "| Of what bears loss | All | Kept | Naive truncation would keep |",
            "| --- | ---: | ---: | ---: |",
            *(
                f"| {what} | {number(cut[what])} | {number(cut[f'kept_{what}'])} "
                f"| {number(cut[f'naive_{what}'])} |"
                for what in ("turns", "tokens")
            ),
            *_too_long(manifest),
        ]
    if manifest.mixed:
        out += [
            "",
            f"The training side also holds {number(manifest.mixed['rows'])} general rows "
            f"({number(manifest.mixed['tokens'])} tokens), tagged `general`.",
        ]
    return out


def _too_long(manifest: Manifest) -> list[str]:
    """The answers that no row of this length can hold, why, and what became of them."""
    cut = manifest.truncation
    long = cut.get("reason/turn_over_budget", 0)
    if not long:
        return []
    why = [
        f"{number(cut[name])} {words}"
        for kind, words in _LONG.items()
        if (name := f"reason/over_budget_{kind}") in cut
    ]
    files = [f"`{f.path}`" for f in manifest.files if f.path.startswith("long/")]
    where = (
        f"They are whole in {listed(files)}, apart from the rows. `sessiontune train` reads them "
        "too and cuts each into consecutive examples of the trained length: every token bears loss "
        "once, and only the last part ends with the stop token. No format of messages can say "
        "that, so the other files leave them out."
        if files
        else "No format of messages can carry a part of an answer, so these files leave them out; "
        "`--format openai` also writes them to a file that `sessiontune train` cuts."
    )
    return ["", f"Answers longer than a whole row: {number(long)} ({listed(why)}). {where}"]
