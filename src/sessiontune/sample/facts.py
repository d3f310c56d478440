"""Facts of the sample world in the words of people: questions with their answers.

A `Fact` names its kind (a section of `wordings.txt`), its area and the values that fill the
wordings. Drawing a question and an answer separately gives the same fact in many words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from . import world as w
from .texts import sections

#: Areas of the questions, in the words of the domain.
AREAS = (
    "proposals",
    "contracts",
    "finance",
    "emails",
    "documents",
    "health",
    "dashboard",
    "database",
    "api",
    "decisions",
)

#: What an area is built with, as further tags of the starter questions.
TECHNOLOGY = {"api": ("fastapi",), "database": ("sqlite",), "dashboard": ("react", "nextjs")}


@dataclass(frozen=True)
class Fact:
    """One thing to know: `values` fill the wordings of `kind`."""

    kind: str
    area: str
    file: str
    values: tuple[tuple[str, str], ...]


def _wordings() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    return {
        kind: (
            tuple(line[2:] for line in lines if line.startswith("Q ")),
            tuple(line[2:] for line in lines if line.startswith("A ")),
        )
        for kind, lines in sections("wordings.txt").items()
    }


WORDINGS = _wordings()


def join(words: tuple[str, ...] | list[str], last: str = "and") -> str:
    """Words as a list in a sentence: "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def _fact(kind: str, area: str, file: str, **values: Any) -> Fact:
    texts = {"file": file} | {name: str(value) for name, value in values.items()}
    for name, text in list(texts.items()):
        texts.setdefault(name.capitalize(), text[:1].upper() + text[1:])
    return Fact(kind, area, file, tuple(sorted(texts.items())))


def _service(name: str) -> str:
    return f"backend/app/services/{name}.py"


def _clients() -> Iterator[Fact]:
    for c in w.CLIENT_TYPES:
        values = {
            "name": c.name, "label": c.label, "plural": c.plural, "rate": w.percent(c.rate),
            "minimum": w.money(c.minimum), "deposit": w.percent(c.deposit), "days": c.days,
        }  # fmt: skip
        for kind in ("client_rate", "client_minimum", "client_days", "client_deposit"):
            yield _fact(kind, "finance", _service("fees"), **values)
    for name, share, delivers in w.PHASES:
        yield _fact(
            "phase_share",
            "finance",
            _service("fees"),
            phase=name,
            spoken=name.replace("_", " "),
            share=w.percent(share),
            delivers=delivers,
        )


def _flows() -> Iterator[Fact]:
    areas = {"proposals": "proposals", "contracts": "contracts", "invoices": "finance"}
    for flow in w.FLOWS:
        file, area, one = _service("flows"), areas[flow.table], w.table(flow.table).one
        yield _fact("flow_rule", area, file, table=flow.table, one=one, rule=flow.rule)
        for status, following in flow.moves:
            values = {"table": flow.table, "one": one, "status": status}
            if not following:
                yield _fact("flow_end", area, file, **values)
                continue
            values["next"] = join([f"`{s}`" for s in following], "or")
            yield _fact("flow_next", area, file, **values)
            blocked = [s for s in flow.statuses if s not in following and s != status]
            values["other"] = blocked[-1]
            yield _fact("flow_blocked", area, file, **values)


def _mail_and_documents() -> Iterator[Fact]:
    for c in w.CATEGORIES:
        values = {
            "name": c.name, "spoken": c.name.replace("_", " "), "owner": c.owner,
            "hours": c.hours, "links": c.links, "words": join([f'"{x}"' for x in c.words], "or"),
        }  # fmt: skip
        for kind in ("category_owner", "category_link", "category_words"):
            if c.words or kind == "category_owner":
                yield _fact(kind, "emails", _service("email_classifier"), **values)
    for d in w.DOCUMENTS:
        fields = tuple(f"`{f}`" for f in d.fields)
        for kind in ("document_fields", "document_threshold"):
            yield _fact(
                kind,
                "documents",
                _service("document_extract"),
                name=d.name,
                label=d.label,
                fields=join(fields),
                Fields_first=fields[0],
                threshold=f"{d.threshold:.2f}",
                table=d.table,
            )


def _health_and_dashboard() -> Iterator[Fact]:
    for s in w.SIGNALS:
        for kind in ("signal_weight", "signal_formula"):
            yield _fact(
                kind,
                "health",
                _service("health_score"),
                name=s.name,
                weight=w.percent(s.weight),
                formula=s.formula,
                source=s.source,
            )
    for widget in w.WIDGETS:
        for kind in ("widget_refresh", "widget_role"):
            yield _fact(
                kind,
                "dashboard",
                f"frontend/components/{widget.component}.tsx",
                name=widget.name.replace("_", " "),
                component=widget.component,
                route=widget.route,
                seconds=f"{widget.seconds:,}",
                shows=widget.shows,
                role=widget.role,
            )


def _platform() -> Iterator[Fact]:
    for method, path, does, name in w.ROUTES:
        module = w.table(name).module
        for kind in ("route_do", "route_find"):
            yield _fact(
                kind,
                "api",
                f"backend/app/routers/{module}.py",
                method=method,
                path=path,
                does=does,
                table=name,
                module=module,
            )
    for t in w.TABLES:
        columns = join([f"`{c}`" for c, _, _ in t.columns])
        schema = "backend/migrations/001_schema.sql"
        yield _fact(
            "table_purpose", "database", schema, table=t.name, purpose=t.purpose, columns=columns
        )
        for column, kind, meaning in t.columns:
            yield _fact(
                "column_meaning",
                "database",
                schema,
                table=t.name,
                column=column,
                type=kind,
                meaning=meaning,
            )
    for topic, what, why, file in w.DECISIONS:
        yield _fact("decision", "decisions", file, topic=topic, what=what, why=why)


def _general() -> Iterator[Fact]:
    rules = (
        ("rush work", f"a deadline under 30 days adds {w.percent(w.RUSH)} to the fee"),
        ("repeat clients", f"from the third project on we take {w.percent(w.REPEAT)} off the fee"),
        ("extra site visits", f"visits beyond the six included cost {w.money(w.VISIT_CENTS)} each"),
        ("expenses", f"they are billed at cost plus {w.percent(w.HANDLING)} handling"),
        ("VAT", f"domestic clients pay {w.percent(w.VAT)}, clients abroad none (reverse charge)"),
        ("validity", f"an offer is valid for {w.VALID_DAYS} days after it was sent"),
        ("retention", "5% of the fee is held back until handover"),
        ("late payment", f"{w.percent(w.LATE)} for each started month after {w.GRACE_DAYS} days"),
    )
    for topic, what in rules:
        yield _fact("general_rule", "finance", _service("fees"), topic=topic, what=what)


def all_facts() -> tuple[Fact, ...]:
    """Every fixed fact of the world, in a fixed order."""
    sources = (_clients, _flows, _mail_and_documents, _health_and_dashboard, _platform, _general)
    return tuple(fact for source in sources for fact in source())


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
        return _fact("fee_special", "finance", _service("fees"), **values)
    return _fact("fee_sum", "finance", _service("fees"), **values)


def phase_sum(rng: Random) -> Fact:
    """The invoice of one phase, with VAT."""
    name, share, _ = rng.choice(w.PHASES)
    total = rng.randrange(30, 900) * 1_000_00
    net = w.cents(total * share)
    vat = w.cents(net * w.VAT)
    return _fact(
        "phase_sum",
        "finance",
        _service("invoicing"),
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
    return _fact(
        "late_sum",
        "finance",
        _service("invoicing"),
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
    return _fact(
        "health_colour",
        "health",
        _service("health_score"),
        values=join([f"{name} {value}" for name, value in values.items()]),
        terms=terms,
        score=score,
        colour=colour,
    )


def _short(share: Decimal) -> str:
    return f"{share.normalize():f}"


SUMS = (fee_sum, phase_sum, late_sum, health_sum)


def ask(fact: Fact, rng: Random) -> tuple[str, str]:
    """A question about the fact and an answer, each in one of its wordings."""
    questions, answers = WORDINGS[fact.kind]
    values = dict(fact.values)
    question, answer = rng.choice(questions), rng.choice(answers)
    return _articles(question.format(**values)), _articles(answer.format(**values))


def _articles(text: str) -> str:
    """Mend "a invoice", which the wordings cannot know of."""
    return re.sub(r"\b([Aa]) (?=invoice|e-mail)", r"\1n ", text)


def questions(seed: int = 7) -> list[dict[str, Any]]:
    """A starter set for evaluation: question, reference and tags, a few for each area.

    Deterministic for a seed. The tags name the area and the kind of fact.
    """
    rng = Random(seed)
    facts = list(all_facts())
    chosen: list[Fact] = []
    for area in AREAS:
        pool = [f for f in facts if f.area == area]
        chosen += rng.sample(pool, min(5, len(pool)))
    chosen += [make(rng) for make in SUMS for _ in range(2)]
    rows = []
    for number, fact in enumerate(chosen, 1):
        question, answer = ask(fact, rng)
        rows.append(
            {
                "id": f"starter-{number:03d}",
                "question": question,
                "reference": answer,
                "rubric": "States the same facts and figures as the reference.",
                "tags": [fact.area, fact.kind, *TECHNOLOGY.get(fact.area, ())],
            }
        )
    return rows
