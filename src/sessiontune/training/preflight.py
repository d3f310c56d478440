"""The checks before the first step: one for each failure that trainers do not report.

They look at the tokens that a trainer will really use, whichever trainer that is, and compare them
with the rows by other means than the mask that made them.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from pathlib import Path

from ..templating import IGNORED, Encoded, Template
from .checks import Check
from .data import DataSet, Row
from .prepare import Prepared
from .toolchecks import tool_calls, tool_results

#: Above this share of targets lost to the length, the run needs --force.
LOSS_LIMIT = 0.2
#: Above this many epochs on a small set, the run needs --force.
EPOCH_LIMIT = 5.0


def check_data(
    data: DataSet, train: Prepared, held: Prepared, template: Template, rows: int, epochs: float
) -> list[Check]:
    """All checks that need no model. `rows`: rows of the base's embedding, 0 if unknown."""
    return [
        _rows_trained(train),
        _all_masked(train),
        _truncated(train),
        tool_calls(data.train, train, template),
        tool_results(data.train, train, template),
        _stop_token(train, template),
        _bos(train, template),
        _vocabulary(train, held, rows),
        _generation_markers(template),
        _evaluation(held),
        _judged(data),
        _leak(data, train, held),
        _epochs(epochs),
    ]


def _rows_trained(train: Prepared) -> Check:
    used = len({e.where for e in train.examples})
    wanted = train.rows - len(train.masked)
    name = "rows in = rows trained"
    if not train.examples:
        where = f" First: {train.masked[0]}." if train.masked else ""
        return Check(
            name, "bad", f"no row of {train.rows} bears any loss.{where}",
            "All answers are marked as untrained, or none fits the length.",
        )  # fmt: skip
    if used < wanted:
        missing = next(iter(train.lost_in), "")
        return Check(
            name, "soft", f"{used} of {wanted} rows are trained; no answer of {missing} fits.",
            "Raise --length.",
        )  # fmt: skip
    return Check(name, "good", f"{used} of {train.rows} rows, {len(train.examples)} examples")


def _all_masked(train: Prepared) -> Check:
    name = "no example all masked"
    for example in train.examples:
        if all(label == IGNORED for label in example.labels):
            return Check(name, "bad", f"{example.where} bears no loss.", "Leave the row out.")
    if train.masked:
        first = ", ".join(train.masked[:3])
        seen = f"{len(train.masked)} rows have no trained answer and are left out ({first})"
        return Check(name, "note", seen)
    return Check(name, "good", f"{train.trained:,} of {train.tokens:,} tokens bear loss")


def _truncated(train: Prepared) -> Check:
    name = "nothing cut in silence"
    share = train.lost / max(1, train.targets)
    if train.lost:
        seen = (
            f"{train.lost} of {train.targets} answers ({share:.0%}) do not fit the length "
            f"(first: {train.lost_in[0]})"
        )
        level = "soft" if share > LOSS_LIMIT else "note"
        return Check(name, level, seen, "Raise --length, or export with --max-tokens.")
    more = f"; {train.windowed} long rows became several" if train.windowed else ""
    if train.cut:
        more += f"; {train.cut} longer than the length are cut in {train.parts} examples"
    return Check(name, "good", f"all {train.targets} answers are trained once{more}")


def _stop_token(train: Prepared, template: Template) -> Check:
    name = "stop token trained"
    stops = {template.tokenizer.convert_tokens_to_ids(s) for s in template.stops}
    for example in train.examples:
        for end in example.ends if example.part != "goes on" else ():
            if example.labels[end - 1] not in stops:
                return Check(
                    name, "bad", f"{example.where}: an answer ends without a trained stop token.",
                    "The model would never stop; use a template with an end token.",
                )  # fmt: skip
    return Check(name, "good", ", ".join(template.stops))


def _bos(train: Prepared, template: Template) -> Check:
    name = "one BOS at most"
    bos = template.tokenizer.bos_token_id
    for example in train.examples:
        if bos is not None and example.ids[:2] == [bos, bos]:
            return Check(
                name, "bad", f"{example.where} begins with two BOS tokens.",
                "The template writes one already; tokenise without special tokens.",
            )  # fmt: skip
    return Check(name, "good", "written by the template" if template.adds_bos else "none written")


def _vocabulary(train: Prepared, held: Prepared, rows: int) -> Check:
    name = "tokenizer belongs to the base"
    highest = max((max(e.ids) for e in (*train.examples, *held.examples)), default=0)
    if rows and highest >= rows:
        return Check(
            name, "bad", f"token {highest} has no row in the base's embedding of {rows}.",
            "The tokenizer in the base's folder is another model's; download the base again.",
        )  # fmt: skip
    return Check(name, "good", f"highest token {highest} of {rows}")


def _generation_markers(template: Template) -> Check:
    name = "template's own mask"
    if re.search(r"\{%-?\s*generation\s*-?%\}", template.source):
        return Check(name, "good", "has generation markers; our own labels are used all the same")
    return Check(name, "note", "no generation markers: the template's mask would train 0 tokens; "
                 "our own labels are used")  # fmt: skip


def _evaluation(held: Prepared) -> Check:
    name = "evaluation set"
    if not held.examples:
        return Check(
            name, "soft", "it is empty, so overfitting would go unnoticed.",
            "Export more sessions (at least five groups are held out).",
        )  # fmt: skip
    return Check(name, "good", f"{len(held.examples)} examples, {held.trained:,} trained tokens")


def _judged(data: DataSet) -> Check:
    """Whether `evaluate` will be able to judge the run: better known before than after."""
    from ..portions import few, made_by

    name = "held out for a verdict"

    def groups(rows: Sequence[Row]) -> int:
        return len({row.body.get("group") or row.where for row in rows})

    held = groups(data.eval)
    verb, folder = made_by(Path(data.folder).resolve())
    words = few(held, held + groups(data.train), folder.name, data.split, verb) if held else ""
    return Check(name, "note" if words else "good", words or f"{held} independent groups")


APART = "train and evaluation apart"


def groups_on_both_sides(data: DataSet) -> list[Check]:
    """The check that held-out rows share no lineage, and no group of near-copies, with training
    rows, if it fails: files that were put together by hand may."""

    def names(row: Row) -> set[tuple[str, str]]:
        return {(kind, str(row.body[kind])) for kind in ("lineage", "group") if row.body.get(kind)}

    trained = set().union(*map(names, data.train))
    both = [row.where for row in data.eval if not trained.isdisjoint(names(row))]
    if not both:
        return []
    seen = f"{both[0]} and {len(both) - 1} more share a lineage or group with training rows."
    return [Check(APART, "bad", seen, "Export again, which splits by lineage.")]


def _leak(data: DataSet, train: Prepared, held: Prepared) -> Check:
    """Rows on both sides, by their tokens, their lineage and their group."""
    name = APART

    def mark(example: Encoded) -> bytes:
        joined = ",".join(map(str, example.ids)).encode()
        return hashlib.blake2b(joined, digest_size=16).digest()

    known = {mark(e): e.where for e in train.examples}
    short = 0
    for example in held.examples:
        if mark(example) not in known:
            continue
        if example.part == "alone":  # it lost its context, and such text may well recur
            short += 1
            continue
        return Check(
            name, "bad", f"{example.where} is also in training ({known[mark(example)]}).",
            "Its loss would flatter the model; export again, which splits by lineage.",
        )  # fmt: skip
    if shared := groups_on_both_sides(data):
        return shared[0]
    if short:
        seen = (
            f"no lineage; {short} of {len(held.examples)} examples, answers without their context"
        )
        return Check(name, "note", f"{seen}, are worded as one in training")
    return Check(name, "good", "no example and no lineage on both sides")


def _epochs(epochs: float) -> Check:
    name = "epochs"
    if epochs > EPOCH_LIMIT:
        return Check(name, "soft", f"in {epochs:.3g} epochs a small set is learnt by heart.",
                     "At most 3 are advised.")  # fmt: skip
    return Check(name, "good", f"{epochs:.3g}")


def check_loss(loss: float) -> Check:
    """The base's own loss, before the first step."""
    if not math.isfinite(loss) or loss <= 0:
        return Check(
            "base loss finite", "bad", f"it is {loss}.",
            "The base's weights are damaged, or the precision is too low (--precision fp32).",
        )  # fmt: skip
    return Check("base loss finite", "good", f"{loss:.4f}")


def compare_prepared(
    ours: Sequence[Encoded], theirs: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> Check:
    """A trainer's own prepared examples against ours: same examples, same trained tokens.

    An example is found by its ids; of several that begin alike (windows and branches of one
    session) the one whose trained tokens differ least is taken. In theirs the token after an
    answer's stop token may bear loss (some train the line feed), but each trained token of ours
    must, or a lost stop token would pass. What follows the last target does not matter.
    """
    name = "the trainer's own data"
    left = {number: _trained(labels) for number, (_, labels) in enumerate(theirs)}
    index: dict[bytes, list[int]] = {}
    for number, (ids, _) in enumerate(theirs):
        index.setdefault(_start(ids), []).append(number)
    differ = 0
    for example in ours:
        mine = _trained(example.labels)
        ranked = [
            (len(mine ^ left[number]), abs(len(theirs[number][0]) - len(example.ids)), number)
            for number in index.get(_start(example.ids), [])
            if number in left and _same_ids(example, theirs[number][0])
        ]
        if not ranked:
            return Check(name, "bad", f"{example.where} is missing or has other tokens.",
                         "See the preflight folder of the run for both versions.")  # fmt: skip
        off, _, best = min(ranked)
        other = left.pop(best)
        differ += off
        if not mine <= other <= mine | set(example.ends):
            return Check(
                name, "bad",
                f"{example.where}: {len(mine - other)} tokens that should bear loss do not, "
                f"{len(other - mine)} do that should not.",
                "The trainer's mask does not fit the template.",
            )  # fmt: skip
    if left:
        return Check(name, "bad", f"{len(left)} examples of its own that no row accounts for.")
    return Check(name, "good", f"{len(ours)} examples alike, {differ} labels differ (line feeds)")


def _trained(labels: Sequence[int]) -> set[int]:
    return {place for place, label in enumerate(labels) if label != IGNORED}


#: Tokens by which examples are told apart before they are compared as a whole: at the beginning no
#: more than the shortest example has up to its target.
_FIRST, _LAST = 8, 24


def _same_ids(example: Encoded, ids: Sequence[int]) -> bool:
    """Whether their ids are the example's, at least up to its last target. All windows of a session
    begin alike, so the end tells most of them apart, and sooner."""
    same, end = min(len(ids), len(example.ids)), example.ends[-1]
    last = slice(max(0, end - _LAST), end)
    if same < end or list(ids[last]) != example.ids[last]:
        return False
    return list(ids[:same]) == example.ids[:same]


def _start(ids: Sequence[int]) -> bytes:
    return ",".join(map(str, ids[:_FIRST])).encode()
