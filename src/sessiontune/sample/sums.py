"""Questions with figures of their own: fees, phases, late fees and health scores, computed."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from . import world as w
from .facts import Fact, join, make, service


def fee_sum(rng: Random) -> Fact:
    """A fee for a random budget, with the arithmetic shown."""
    client, kind = rng.choice(w.CLIENTS)
    c = w.client_type(kind)
    budget = rng.randrange(10, 480) * 12_500_00
    raw, fee = w.cents(budget * c.rate), w.fee(c, budget)
    check = (
        f"That is above the minimum of {w.money(c.minimum)}."
        if raw >= c.minimum
        else f"That is under the minimum, so {w.money(c.minimum)} applies."
    )
    values = {
        "label": c.label, "client": client, "budget": w.money(budget), "rate": w.percent(c.rate),
        "raw": w.money(raw), "fee": w.money(fee), "check": check, "base": w.money(fee),
    }  # fmt: skip
    if rng.random() < 0.4:
        rush = rng.random() < 0.5
        values["extra"] = "a rush deadline" if rush else "the repeat discount"
        values["step"] = f"add {w.percent(w.RUSH)}" if rush else f"take {w.percent(w.REPEAT)} off"
        values["fee"] = w.money(w.fee(c, budget, rush=rush, won=0 if rush else 3))
        return make("fee_special", "finance", service("fees"), **values)
    return make("fee_sum", "finance", service("fees"), **values)


def phase_sum(rng: Random) -> Fact:
    """The invoice of one phase, with VAT."""
    name, share, _ = rng.choice(w.PHASES)
    total = rng.randrange(30, 900) * 1_000_00
    net = w.cents(total * share)
    vat = w.cents(net * w.VAT)
    return make(
        "phase_sum",
        "finance",
        service("invoicing"),
        spoken=name.replace("_", " "),
        fee=w.money(total),
        share=w.percent(share),
        net=w.money(net),
        vat=w.money(vat),
        total=w.money(net + vat),
    )


def late_sum(rng: Random) -> Fact:
    """The late fee of an overdue invoice."""
    amount, days = rng.randrange(20, 900) * 250_00, rng.randrange(12, 130)
    months = -(-(days - w.GRACE_DAYS) // 30)
    return make(
        "late_sum",
        "finance",
        service("invoicing"),
        amount=w.money(amount),
        days=days,
        rest=days - w.GRACE_DAYS,
        months=f"{months} month{'s' * (months > 1)}",
        count=months,
        late=w.money(w.late_fee(amount, days)),
    )


def health_sum(rng: Random) -> Fact:
    """A health score from five signals, with its terms."""
    values = {s.name: rng.randrange(4, 21) * 5 for s in w.SIGNALS}
    score, colour = w.health(values)
    terms = " + ".join(f"{_short(s.weight)} x {values[s.name]}" for s in w.SIGNALS)
    return make(
        "health_colour",
        "health",
        service("health_score"),
        values=join([f"{name} {value}" for name, value in values.items()]),
        terms=terms,
        score=score,
        colour=colour,
    )


def _short(share: Decimal) -> str:
    return f"{share.normalize():f}"


SUMS = (fee_sum, phase_sum, late_sum, health_sum)
