"""The list of all rules. A module of rules has its `RULES` here, under its layer, and nowhere else.

The order decides where two rules of the same rank find the same bytes: see `detect.resolve`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

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

Layer = Literal["secrets", "personal", "places"]

_IN_ORDER: tuple[tuple[Layer, tuple[tuple[Rule, ...], ...]], ...] = (
    ("secrets", (
        vendorkeys.RULES, tokens.RULES, headers.RULES, structured.RULES, blocks.RULES,
        connections.RULES, apart.RULES, programs.RULES, appliances.RULES, web.RULES, hooks.RULES,
        seeds.RULES, bytelists.RULES, passphrases.RULES, stored.RULES, keyblocks.RULES,
        arguments.RULES, commands.RULES, calls.RULES, context.RULES, services.RULES,
        sentences.RULES, logins.RULES, nearby.RULES, typedin.RULES, dialogues.RULES,
        collected.RULES,
    )),
    ("personal", (
        personal.RULES, payment.RULES, identity.RULES, coordinates.RULES, phones.RULES,
        streets.RULES, network.RULES,
    )),
    ("places", (homes.RULES, places.RULES, remotes.RULES, accountids.RULES)),
    ("secrets", (tables.RULES,)),
    ("personal", (tables.PERSONAL, births.RULES)),
    ("secrets", (printed.RULES, envnames.RULES)),
    ("places", (accounts.RULES, processes.RULES, asked.RULES)),
)  # fmt: skip


def all_rules() -> tuple[Rule, ...]:
    """The rules of all three layers, about a thousand."""
    return rules_of(frozenset(layer for layer, _ in _IN_ORDER))


@lru_cache(maxsize=8)
def rules_of(layers: frozenset[str]) -> tuple[Rule, ...]:
    """The rules of some layers; without privacy there are none to prepare."""
    chosen = (rules for layer, lists in _IN_ORDER if layer in layers for rules in lists)
    return tuple(begun(rule) for rules in chosen for rule in rules)
