"""Facts of the sample world in the words of people: questions with their answers.

A `Fact` names its kind (a section of `wordings.txt`), its area and the values that fill the
wordings. Drawing a question and an answer separately gives the same fact in many words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
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


def make(kind: str, area: str, file: str, **values: Any) -> Fact:
    """A fact with its values as text; `Name` gives the value of `name` with a capital."""
    texts = {"file": file} | {name: str(value) for name, value in values.items()}
    for name, text in list(texts.items()):
        texts.setdefault(name.capitalize(), text[:1].upper() + text[1:])
    return Fact(kind, area, file, tuple(sorted(texts.items())))


def service(name: str) -> str:
    """The path of a service of the backend."""
    return f"backend/app/services/{name}.py"


def _clients() -> Iterator[Fact]:
    for c in w.CLIENT_TYPES:
        values = {
            "name": c.name, "label": c.label, "plural": c.plural, "rate": w.percent(c.rate),
            "minimum": w.money(c.minimum), "deposit": w.percent(c.deposit), "days": c.days,
        }  # fmt: skip
        for kind in ("client_rate", "client_minimum", "client_days", "client_deposit"):
            yield make(kind, "finance", service("fees"), **values)
    for name, share, delivers in w.PHASES:
        yield make(
            "phase_share",
            "finance",
            service("fees"),
            phase=name,
            spoken=name.replace("_", " "),
            share=w.percent(share),
            delivers=delivers,
        )


def _flows() -> Iterator[Fact]:
    areas = {"proposals": "proposals", "contracts": "contracts", "invoices": "finance"}
    for flow in w.FLOWS:
        file, area, one = service("flows"), areas[flow.table], w.table(flow.table).one
        yield make("flow_rule", area, file, table=flow.table, one=one, rule=flow.rule)
        for status, following in flow.moves:
            values = {"table": flow.table, "one": one, "status": status}
            if not following:
                yield make("flow_end", area, file, **values)
                continue
            values["next"] = join([f"`{s}`" for s in following], "or")
            yield make("flow_next", area, file, **values)
            blocked = [s for s in flow.statuses if s not in following and s != status]
            values["other"] = blocked[-1]
            yield make("flow_blocked", area, file, **values)


def _mail_and_documents() -> Iterator[Fact]:
    for c in w.CATEGORIES:
        values = {
            "name": c.name, "spoken": c.name.replace("_", " "), "owner": c.owner,
            "hours": c.hours, "links": c.links, "words": join([f'"{x}"' for x in c.words], "or"),
        }  # fmt: skip
        for kind in ("category_owner", "category_link", "category_words"):
            if c.words or kind == "category_owner":
                yield make(kind, "emails", service("email_classifier"), **values)
    for d in w.DOCUMENTS:
        fields = tuple(f"`{f}`" for f in d.fields)
        for kind in ("document_fields", "document_threshold"):
            yield make(
                kind,
                "documents",
                service("document_extract"),
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
            yield make(
                kind,
                "health",
                service("health_score"),
                name=s.name,
                weight=w.percent(s.weight),
                formula=s.formula,
                source=s.source,
            )
    for widget in w.WIDGETS:
        for kind in ("widget_refresh", "widget_role"):
            yield make(
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
            yield make(
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
        yield make(
            "table_purpose", "database", schema, table=t.name, purpose=t.purpose, columns=columns
        )
        for column, kind, meaning in t.columns:
            yield make(
                "column_meaning",
                "database",
                schema,
                table=t.name,
                column=column,
                type=kind,
                meaning=meaning,
            )
    for topic, what, why, file in w.DECISIONS:
        yield make("decision", "decisions", file, topic=topic, what=what, why=why)


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
        yield make("general_rule", "finance", service("fees"), topic=topic, what=what)


@cache
def all_facts() -> tuple[Fact, ...]:
    """Every fixed fact of the world, in a fixed order."""
    sources = (_clients, _flows, _mail_and_documents, _health_and_dashboard, _platform, _general)
    return tuple(fact for source in sources for fact in source())


@cache
def _by_interest() -> tuple[tuple[Fact, ...], tuple[float, ...]]:
    """All facts in a fixed random order, with weights that fall: some things are asked often."""
    order = list(all_facts())
    Random("interest").shuffle(order)
    return tuple(order), tuple(accumulate((1 + rank) ** -0.6 for rank in range(len(order))))


def popular(rng: Random) -> Fact:
    """A fact, drawn as people ask: some come up again and again, others once."""
    order, weights = _by_interest()
    return rng.choices(order, cum_weights=weights)[0]


def ask(fact: Fact, rng: Random) -> tuple[str, str]:
    """A question about the fact and an answer, each in one of its wordings."""
    questions, answers = WORDINGS[fact.kind]
    values = dict(fact.values)
    question, answer = rng.choice(questions), rng.choice(answers)
    return _articles(question.format(**values)), _articles(answer.format(**values))


def _articles(text: str) -> str:
    """Correct "a invoice", which the wordings cannot avoid."""
    return re.sub(r"\b([Aa]) (?=invoice|e-mail)", r"\1n ", text)
