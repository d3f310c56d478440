"""What the user wants of the redaction: the `[privacy]` table of the recipe."""

from __future__ import annotations

import msgspec


class PrivacyOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the redactor and the gate.

    enabled    false: nothing is replaced (the gate still runs, unless `gate` is false, too)
    secrets    keys, passwords, tokens, private keys, connection strings
    personal   e-mail, phone, card, IBAN, SSN, addresses of machines, coordinates, listed names
    places     home paths, user names, host names, git remotes, account ids
    names      the user's own names and words that must not appear (a person, a customer)
    hosts      the user's own host names
    deny       texts that are always replaced, wherever they stand
    allow      values that are never replaced: the whole value that was found, not a part of it
    gate       scan everything once more before it is published
    """

    enabled: bool = True
    secrets: bool = True
    personal: bool = True
    places: bool = True
    gate: bool = True
    names: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    def layers(self) -> frozenset[str]:
        """The layers of rules that are switched on."""
        chosen = {"secrets": self.secrets, "personal": self.personal, "places": self.places}
        return frozenset(name for name, on in chosen.items() if on and self.enabled)
