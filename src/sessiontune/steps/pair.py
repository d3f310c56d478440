"""Preferences from real use: rewinds, rejections, interruptions, corrections, retries.

A `Pair` with both sides is a DPO row; it exists only if the context of both answers is the same,
message for message. With one side empty it is a KTO row: an answer that was wanted, or one that
was not. KTO is the default (it matches DPO from 1B to 30B, Ethayarajh et al. 2024, and needs no
pairs). Every pair names its evidence and a tier:

strong   the person did something to this very answer: refused the call, or asked again from the
         same context and went on with the second answer
medium   the person stopped it, sent the same prompt again, put the edit back, or said plainly
         that it is wrong; or the edit was the last one before a commit
weak     the words only suggest it, or followed a call and not a text; a rule of the agent refused
         the call, or the person changed the edit or rewrote the prompt

A direction change is no evidence.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from ..edits import edits_of
from ..evidence import blocks_of, calls_of, results_of, text_of
from ..measure import Meter, shorten, thin
from ..model import Label, Message, Pair, Session

Tier = Literal["strong", "medium", "weak"]
_ORDER: tuple[Tier, ...] = ("weak", "medium", "strong")

#: Label -> tier of the answer that was not wanted.
_UNWANTED: dict[str, Tier] = {
    "rejected": "strong",
    "denied": "weak",
    "interrupted": "medium",
    "edit_undone": "medium",
    "corrected": "medium",
    "edited_by_user": "weak",
}
#: Label -> tier of the answer that was wanted.
_WANTED: dict[str, Tier] = {"committed": "medium", "accepted": "weak"}
#: Lexical labels of less confidence are a tier weaker.
_SURE = 0.9
#: Tokens of context.
CONTEXT = 8192
#: A continuation of more messages was used, not thrown away.
_ABANDONED = 6


def pairer(meter: Meter | None = None, max_tokens: int = CONTEXT) -> Callable[..., list[Pair]]:
    """A function (session, labels, prefix=(), branches=(), group="", heard=()) -> pairs.

    `branches` are the sessions that fork from this one; a fork is compared by the session that
    owns the fork point, so once. `heard`: the labels of the branches; they make the branches' own
    pairs, and here they help to decide what a fork means. `max_tokens`: length of the context, 0
    for all of it.
    """
    measure = meter or Meter()

    def pairs(
        session: Session,
        labels: Sequence[Label],
        prefix: Sequence[Message] = (),
        branches: Sequence[Session] = (),
        group: str = "",
        heard: Sequence[Label] = (),
    ) -> list[Pair]:
        every = (*prefix, *session.messages)
        out: dict[str, Pair] = {}
        fit = _Fit(max_tokens, measure)
        forks = _from_forks(session, every, branches)
        for made in itertools.chain(forks, _from_labels(every, len(prefix), labels)):
            context = fit.context(made.prompt)
            key = _key(session.key, made)
            out.setdefault(
                key, msgspec.structs.replace(made, key=key, group=group, prompt=tuple(context))
            )
        beside = [p for b in branches for p in _from_labels(b.messages, 0, heard)] if heard else []
        return _consistent(list(out.values()), beside)

    return pairs


def _key(session: str, pair: Pair) -> str:
    ids = [m.id for m in (*pair.chosen, *pair.rejected)]
    text = "\0".join([session, pair.because.partition(":")[0], *ids])
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _consistent(pairs: list[Pair], beside: list[Pair]) -> list[Pair]:
    """One verdict per answer: the stronger tier wins; of equal ones the negative. `beside`: the
    pairs of other sessions, which this one does not repeat."""
    best: dict[str, tuple[int, int]] = {}
    for pair in (*pairs, *beside):
        for side, sign in ((pair.rejected, 1), (pair.chosen, 0)):
            for message in side:
                rank = (_ORDER.index(pair.tier), sign)
                best[message.id] = max(best.get(message.id, rank), rank)
    said = {m.id for p in beside for m in (*p.chosen, *p.rejected)}
    return [
        p
        for p in pairs
        if all(best[m.id][1] == 1 for m in p.rejected)
        and all(best[m.id][1] == 0 for m in p.chosen)
        and (p.chosen or p.rejected[0].id not in said)
    ]


# ------------------------------------------------------------------ one answer, one verdict


def _from_labels(messages: Sequence[Message], own: int, labels: Sequence[Label]) -> Iterator[Pair]:
    by_message = _by_answer(messages[own:], labels)
    for at in range(own, len(messages)):
        message = messages[at]
        if message.role != "assistant" or message.injected or not _says_something(message):
            continue
        about = by_message.get(message.id, ())
        against = _strongest(about, _UNWANTED)
        if against:
            label, tier = against
            if label.name == "corrected" and calls_of(message):
                tier = "weak"  # the words may be about anything before it
            yield _single(messages[:at], message, label, tier, wanted=False)
            continue
        for_it = _strongest(about, _WANTED)
        if for_it:
            label, tier = for_it
            yield _single(messages[:at], message, label, tier, wanted=True)


def _by_answer(messages: Sequence[Message], labels: Sequence[Label]) -> dict[str, list[Label]]:
    """Labels by the answer that they are about: a commit is about the last edit in it, not about
    the command that made it."""
    found: dict[str, list[Label]] = {}
    commits = {label.message: label for label in labels if label.name == "committed"}
    for label in labels:
        if label.name != "committed":
            found.setdefault(label.message, []).append(label)
    against = {x.message for x in labels if x.name in _UNWANTED or x.name == "tool_error"}
    edit = ""
    for message in messages if commits else ():
        if message.id not in against and any(edits_of(call) for call in calls_of(message)):
            edit = message.id
        if edit and message.id in commits:
            found.setdefault(edit, []).append(commits[message.id])
            edit = ""
    return found


def _strongest(labels: Sequence[Label], tiers: dict[str, Tier]) -> tuple[Label, Tier] | None:
    ranked = [(_tier(x, tiers[x.name]), x) for x in labels if x.name in tiers]
    if not ranked:
        return None
    tier, label = max(ranked, key=lambda r: (_ORDER.index(r[0]), r[1].name))
    return label, tier


def _tier(label: Label, tier: Tier) -> Tier:
    if label.tier == "lexical" and label.confidence < _SURE:
        return _ORDER[max(0, _ORDER.index(tier) - 1)]
    return tier


def _single(
    prompt: Sequence[Message], answer: Message, label: Label, tier: Tier, wanted: bool
) -> Pair:
    return Pair(
        key="",
        group="",
        prompt=tuple(prompt),
        chosen=(answer,) if wanted else (),
        rejected=() if wanted else (answer,),
        because=f"{label.name}:{label.tier}:{label.evidence}",
        tier=tier,
    )


def _says_something(message: Message) -> bool:
    return bool(text_of(message).strip() or calls_of(message))


# ------------------------------------------------------------------ forks


def _from_forks(
    session: Session, messages: Sequence[Message], branches: Sequence[Session]
) -> Iterator[Pair]:
    """At each fork point, each continuation against the next one."""
    place = {m.id: i for i, m in enumerate(messages)}
    at_point: dict[int, list[tuple[Session, tuple[Message, ...]]]] = {}
    for branch in branches:
        if branch.forked_from is None or branch.forked_from.message not in place:
            continue
        at = place[branch.forked_from.message] + 1
        ways = at_point.setdefault(at, [(session, tuple(messages[at:]))])
        ways.append((branch, branch.messages))
    for at, ways in sorted(at_point.items()):
        spoken = [
            (owner, kept) for owner, way in ways if (kept := [m for m in way if m.kind != "notice"])
        ]
        spoken.sort(key=lambda w: (w[1][0].at, w[0].key))
        for (old, before), (new, after) in itertools.pairwise(spoken):
            yield from _compare(messages[:at], before, after, old.session_id == new.session_id)


def _compare(
    prompt: Sequence[Message], old: Sequence[Message], new: Sequence[Message], same_session: bool
) -> Iterator[Pair]:
    """The pair of a fork: the later continuation was preferred. `same_session`: a rewind, not a
    copy that goes on."""
    lived = len(old) > _ABANDONED or not same_session
    first, second = old[0], new[0]
    if first.role == second.role == "assistant":
        yield from _both(prompt, second, first, "retry", "weak" if lived else "strong")
    elif first.role == second.role == "user" and len(old) > 1 and len(new) > 1:
        if old[1].role != "assistant":
            return
        if _said(first) == _said(second) and new[1].role == "assistant":
            tier: Tier = "weak" if lived else "medium"
            yield from _both((*prompt, second), new[1], old[1], "same-prompt", tier)
        elif not lived:
            yield Pair(
                key="",
                group="",
                prompt=(*prompt, first),
                chosen=(),
                rejected=(old[1],),
                because=f"rewind:edited-prompt:{second.id}",
                tier="weak",
            )


def _both(
    prompt: Sequence[Message], chosen: Message, rejected: Message, why: str, tier: Tier
) -> Iterator[Pair]:
    if chosen.parts == rejected.parts or not (
        _says_something(chosen) and _says_something(rejected)
    ):
        return
    yield Pair(
        key="",
        group="",
        prompt=tuple(prompt),
        chosen=(chosen,),
        rejected=(rejected,),
        because=f"rewind:{why}:{chosen.id}",
        tier=tier,
    )


def _said(message: Message) -> str:
    return " ".join(text_of(message).split())


# ------------------------------------------------------------------ context


class _Fit:
    """Contexts of one session, each within `budget`. Pairs share most messages, so the cost of a
    message and its cut form are cached."""

    def __init__(self, budget: int, meter: Meter) -> None:
        self.budget = budget
        self.meter = meter
        self.costs: dict[int, tuple[Message, int]] = {}
        self.cut: dict[tuple[int, int], tuple[Message, Message]] = {}

    def context(self, messages: Sequence[Message]) -> list[Message]:
        """What comes before the answer: task, then the newest blocks that fit."""
        kept = [m for m in messages if m.kind != "notice"]
        budget, meter = self.budget, self.meter
        if not budget or self._fits(kept):
            return kept
        blocks = blocks_of(kept)
        first = next(
            (n for n, b in enumerate(blocks) if any(kept[i].role == "assistant" for i in b)),
            len(blocks),
        )
        head = [kept[i] for block in blocks[:first] for i in block]
        each = budget // 2 // max(1, len(head))
        head = [shorten(m, max(1, each - meter.per_message), meter.count) for m in head]
        left = budget - meter.messages(head)
        tail: list[list[Message]] = []
        results = 0
        for block in reversed(blocks[first:]):
            short = [self._short(kept[i], budget // 8 if results < 5 else 0) for i in block]
            cost = sum(self._cost(m) for m in short)
            if cost > left:
                break
            left -= cost
            tail.append(short)
            results += sum(len(results_of(m)) for m in short)
        return [*head, *(m for block in reversed(tail) for m in block)]

    def _fits(self, messages: Sequence[Message]) -> bool:
        total = self.meter.base
        for message in reversed(messages):
            total += self._cost(message)
            if total > self.budget:
                return False
        return True

    def _cost(self, message: Message) -> int:
        """Tokens of a message, which is kept beside them so that its id is not reused."""
        found = self.costs.get(id(message))
        if found is None:
            found = self.costs[id(message)] = (message, self.meter.message(message))
        return found[1]

    def _short(self, message: Message, cap: int) -> Message:
        """Results cut to `cap` tokens, a prompt to a quarter of the budget, an answer as it is."""
        if message.role == "assistant":
            return message
        found = self.cut.get((id(message), cap))
        if found is None:
            short = (
                thin(message, cap, self.meter.count)
                if message.role == "tool"
                else shorten(message, self.budget // 4, self.meter.count)
            )
            found = self.cut[(id(message), cap)] = (message, short)
        return found[1]
