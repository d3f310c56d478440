"""What the user wants of the redaction: the `[privacy]` table of the recipe."""

from __future__ import annotations

import msgspec


class PrivacyOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of redaction and gate.

    enabled    False: nothing is replaced (the gate still runs unless it is switched off too)
    secrets    keys, passwords, tokens, private keys, connection strings
    personal   e-mail, phone, card, IBAN, SSN, addresses of machines, coordinates, listed names
    places     home paths, user names, host names, git remotes, account ids
    names      names and words of the user's own that must not appear (a person, a customer)
    hosts      host names of the user's own
    deny       texts that are always replaced, wherever they stand
    allow      texts that are never replaced (compared whole, with the found value)
    gate       run the second scan over what is published
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
        """The groups of rules that are switched on."""
        chosen = {"secrets": self.secrets, "personal": self.personal, "places": self.places}
        return frozenset(name for name, on in chosen.items() if on and self.enabled)
