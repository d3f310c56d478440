"""The list of all rules. A module of rules has its `RULES` here, and nowhere else.

The order decides where two rules of the same rank find the same bytes: see `detect.resolve`.
"""

from __future__ import annotations

from functools import lru_cache

from . import (
    accountids,
    accounts,
    apart,
    appliances,
    arguments,
    asked,
    births,
    blocks,
    bytelists,
    calls,
    collected,
    commands,
    connections,
    context,
    coordinates,
    dialogues,
    envnames,
    headers,
    homes,
    hooks,
    identity,
    keyblocks,
    logins,
    nearby,
    network,
    passphrases,
    payment,
    personal,
    phones,
    places,
    printed,
    processes,
    programs,
    remotes,
    seeds,
    sentences,
    services,
    stored,
    streets,
    structured,
    tables,
    tokens,
    typedin,
    vendorkeys,
    web,
)
from .rules import Rule, begun

_TABLES = (
    *vendorkeys.RULES,
    *tokens.RULES,
    *headers.RULES,
    *structured.RULES,
    *blocks.RULES,
    *connections.RULES,
    *apart.RULES,
    *programs.RULES,
    *appliances.RULES,
    *web.RULES,
    *hooks.RULES,
    *seeds.RULES,
    *bytelists.RULES,
    *passphrases.RULES,
    *stored.RULES,
    *keyblocks.RULES,
    *arguments.RULES,
    *commands.RULES,
    *calls.RULES,
    *context.RULES,
    *services.RULES,
    *sentences.RULES,
    *logins.RULES,
    *nearby.RULES,
    *typedin.RULES,
    *dialogues.RULES,
    *collected.RULES,
    *personal.RULES,
    *payment.RULES,
    *identity.RULES,
    *coordinates.RULES,
    *phones.RULES,
    *streets.RULES,
    *network.RULES,
    *homes.RULES,
    *places.RULES,
    *remotes.RULES,
    *accountids.RULES,
    *tables.RULES,
    *births.RULES,
    *printed.RULES,
    *envnames.RULES,
    *accounts.RULES,
    *processes.RULES,
    *asked.RULES,
)


def all_rules() -> tuple[Rule, ...]:
    """The rules of all three layers, about a thousand."""
    return rules_of(frozenset(rule.layer for rule in _TABLES))


@lru_cache(maxsize=8)
def rules_of(layers: frozenset[str]) -> tuple[Rule, ...]:
    """The rules of some layers; without privacy there are none to prepare."""
    return tuple(begun(rule) for rule in _TABLES if rule.layer in layers)
