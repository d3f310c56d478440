"""The models and vendors in the context that a branch repeats, for the filters by them.

A head names the models of its own messages. The row of a branch begins with the messages before its
fork point, and their models must pass the filters too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ..packs import Place
from .examples import with_prefix
from .finish import forks_of
from .prepare import Head, models_of


def with_contexts(
    heads: Sequence[Head], shard: Place, passes: Callable[[Head], bool]
) -> list[Head]:
    """The heads of a unit, branches with the models and vendors of what they repeat. The shard is
    read only where a branch passes by itself and another head of the unit does not."""
    taken = [passes(head) for head in heads]
    if all(taken) or not any(h.forked_from and ok for h, ok in zip(heads, taken, strict=True)):
        return list(heads)
    before: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    known = {head.key for head in heads}
    for session, prefix in with_prefix(shard, known, forks_of(list(heads))):
        if prefix:
            before[session.key] = models_of((*prefix, *session.messages))
    return [
        msgspec.structs.replace(head, models=before[head.key][0], vendors=before[head.key][1])
        if head.key in before
        else head
        for head in heads
    ]
