"""Preference rows as text for TRL's KTO and DPO: prompt and answers by the base's own template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..errors import PreflightError
from ..templating import Template
from .checks import Check
from .data import Row
from .preflight import APART, LOSS_LIMIT


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """Rows for TRL, and what was left out (too long, or no answer to learn from)."""

    rows: tuple[dict[str, Any], ...] = ()
    given: int = 0
    too_long: tuple[str, ...] = ()
    strong: int = 0


def prepare_preferences(
    rows: Sequence[Row], template: Template, length: int, task: str
) -> Preferences:
    """`prompt` with `completion` and `label` (kto), or with `chosen` and `rejected` (dpo).

    Only the first message of an answer counts: calls and results after it were not judged. TRL adds
    a BOS if the tokenizer does; the template's own is then removed.
    """
    out: list[dict[str, Any]] = []
    too_long: list[str] = []
    strong = 0
    for row in rows:
        made = _kto(row, template) if task == "kto" else _dpo(row, template)
        if max(_size(made[k], made["prompt"], template) for k in made if k in SIDES) > length:
            too_long.append(row.where)
            continue
        made["prompt"] = _without_bos(made["prompt"], template)
        strong += row.body.get("tier") == "strong"
        out.append(made)
    return Preferences(rows=tuple(out), given=len(rows), too_long=tuple(too_long), strong=strong)


SIDES = ("completion", "chosen", "rejected")


def _kto(row: Row, template: Template) -> dict[str, Any]:
    prompt, body = _answer(row, "completion", template)
    return {"prompt": prompt, "completion": body, "label": bool(row.body["label"])}


def _dpo(row: Row, template: Template) -> dict[str, Any]:
    prompt, chosen = _answer(row, "chosen", template)
    other, rejected = _answer(row, "rejected", template)
    if prompt != other:
        raise PreflightError(
            f"{row.where}: the template renders two prompts for the two answers.",
            "Use --task kto, which needs no pairs.",
        )
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def _answer(row: Row, side: str, template: Template) -> tuple[str, str]:
    prompt = row.body.get("prompt")
    given = row.body.get(side)
    if not isinstance(prompt, list) or not isinstance(given, list) or not given:
        raise PreflightError(f"{row.where}: no prompt or no {side}.", "Export again.")
    first: Mapping[str, Any] = given[0]
    return template.completion([*prompt, first], row.body.get("tools"), row.where)


def _size(answer: str, prompt: str, template: Template) -> int:
    ids = template.tokenizer(prompt + answer, add_special_tokens=False, verbose=False)
    return len(ids["input_ids"])


def _without_bos(text: str, template: Template) -> str:
    bos = template.special["bos_token"]
    tokenizer = template.tokenizer
    adds = bos and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    return text.removeprefix(bos) if adds else text


#: Fewer strong rows are not worth a training stage.
ENOUGH = 200


def check_preferences(train: Preferences, held: Preferences, task: str) -> list[Check]:
    """What can be said before training on preferences."""
    checks = []
    if not train.rows:
        checks.append(Check("rows", "bad", "no preference row fits.", "Raise --length."))
    else:
        seen = f"{len(train.rows)} of {train.given} rows"
        if train.too_long:
            seen += f"; {len(train.too_long)} too long (first: {train.too_long[0]})"
        lost = len(train.too_long) / train.given
        level = "soft" if lost > LOSS_LIMIT else "note" if train.too_long else "good"
        checks.append(Check("rows", level, seen, "Raise --length."))
    if train.strong < ENOUGH:
        seen = f"{train.strong} strong rows; fewer than {ENOUGH} are seldom worth a stage"
        checks.append(Check("strong rows", "note", seen))
    else:
        checks.append(Check("strong rows", "good", str(train.strong)))
    if task == "kto":
        wanted = sum(bool(row["label"]) for row in train.rows)
        sides = f"{wanted} wanted, {len(train.rows) - wanted} not"
        one_sided = wanted in (0, len(train.rows))
        hint = "KTO needs both wanted and unwanted answers."
        checks.append(Check("both sides", "soft" if one_sided else "good", sides, hint))
    known = {tuple(row.items()) for row in train.rows}
    both = sum(tuple(row.items()) in known for row in held.rows)
    level, hint = "bad" if both else "good", "Export again, which splits by lineage."
    seen = f"{both} rows on both sides"
    return [*checks, Check(APART, level, seen, hint)]
