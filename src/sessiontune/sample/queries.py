"""Questions to the sample's database: what is asked, the SQL, and rows with made-up figures."""

from __future__ import annotations

from random import Random

from . import world as w
from .facts import join
from .tools import Reply, Turn, sql

Row = tuple[object, ...]
#: Wordings of a question, its SQL, the columns and rows that come back, and what they mean.
Query = tuple[list[str], str, tuple[str, ...], list[Row], str]


def _pick(rng: Random, words: tuple[str, ...], count: int) -> list[str]:
    return sorted(rng.sample(words, min(count, len(words))))


def _by_status(rng: Random) -> Query:
    flow = rng.choice(w.FLOWS)
    rows: list[Row] = [(s, rng.randrange(1, 60)) for s in _pick(rng, flow.statuses, 4)]
    name = max(rows, key=lambda r: int(str(r[1])))
    return (
        [f"How many {flow.table} are in each status?", f"Count the {flow.table} by status."],
        f"SELECT status, COUNT(*) AS n FROM {flow.table} WHERE archived_at IS NULL GROUP BY status",
        ("status", "n"),
        rows,
        f"Most {flow.table} are in `{name[0]}` ({name[1]}). "
        f"All counts: {join([f'{s} {n}' for s, n in rows])}.",
    )


def _overdue(rng: Random) -> Query:
    clients = rng.sample(w.CLIENTS, 3)
    amounts = sorted((rng.randrange(20, 900) * 125_00 for _ in clients), reverse=True)
    rows: list[Row] = [(c[0], a) for c, a in zip(clients, amounts, strict=True)]
    return (
        ["Which clients have overdue invoices?", "Overdue amounts by client, largest first."],
        "SELECT c.name, SUM(i.amount_cents + i.vat_cents) AS open_cents FROM invoices i "
        "JOIN projects p USING (project_id) JOIN contracts k USING (contract_id) "
        "JOIN proposals o USING (proposal_id) JOIN clients c USING (client_id) "
        "WHERE i.status = 'overdue' GROUP BY c.client_id ORDER BY open_cents DESC",
        ("name", "open_cents"),
        rows,
        f"{clients[0][0]} owes most, {w.money(amounts[0])}. In total "
        f"{w.money(sum(amounts))} is overdue from {len(rows)} clients.",
    )


def _backlog(rng: Random) -> Query:
    chosen = sorted(rng.sample(w.CATEGORIES, 3), key=lambda c: c.hours)
    rows: list[Row] = [(c.name, rng.randrange(1, 40), rng.randrange(1, 90)) for c in chosen]
    late = [f"`{c.name}`" for c, r in zip(chosen, rows, strict=True) if int(str(r[2])) > c.hours]
    told = f"Past their answer time: {join(late)}." if late else "None is past its answer time."
    return (
        ["Which mail is still unanswered?", "Mail backlog by category with the oldest age."],
        "SELECT category, COUNT(*) AS n, MAX(CAST((julianday('now') - julianday(received_at)) * 24 "
        "AS INTEGER)) AS hours FROM email_messages WHERE answered_at IS NULL GROUP BY category",
        ("category", "n", "hours"),
        rows,
        f"{sum(int(str(r[1])) for r in rows)} mails are unanswered. {told}",
    )


def _review(rng: Random) -> Query:
    chosen = rng.sample(w.DOCUMENTS, 3)
    rows: list[Row] = [
        (d.name, rng.randrange(1, 15), f"{float(d.threshold) - rng.randrange(2, 30) / 100:.2f}")
        for d in chosen
    ]
    limits = join([f"{d.threshold:.2f} for `{d.name}`" for d in chosen])
    return (
        ["Which documents wait for review?", "How long is the document review queue, by kind?"],
        "SELECT kind, COUNT(*) AS n, MIN(confidence) AS lowest FROM documents "
        "WHERE reviewed_by IS NULL GROUP BY kind",
        ("kind", "n", "lowest"),
        rows,
        f"{sum(int(str(r[1])) for r in rows)} documents wait. The thresholds are {limits}.",
    )


def _health(rng: Random) -> Query:
    rows: list[Row] = []
    for name in rng.sample(w.PROJECTS, 4):
        score = rng.randrange(30, 98)
        colour = "green" if score >= w.GREEN else "amber" if score >= w.AMBER else "red"
        rows.append((name, score, colour))
    red = [str(r[0]) for r in rows if r[2] == "red"]
    told = f"Red: {join(red)}." if red else "No project is red."
    return (
        ["How healthy are the active projects?", "Latest health score for each project please."],
        "SELECT p.name, h.score, h.colour FROM projects p JOIN health_snapshots h USING "
        "(project_id) GROUP BY p.project_id HAVING h.taken_on = MAX(h.taken_on)",
        ("name", "score", "colour"),
        rows,
        f"{told} Green starts at {w.GREEN}, amber at {w.AMBER}.",
    )


def _pipeline(rng: Random) -> Query:
    kinds = rng.sample(w.CLIENT_TYPES, 3)
    rows: list[Row] = [(c.name, rng.randrange(1, 14), rng.randrange(40, 900) * 1_000_00)
                       for c in kinds]  # fmt: skip
    total = sum(int(str(r[2])) for r in rows)
    rates = join([f"{w.percent(c.rate)} for {c.plural}" for c in kinds])
    return (
        ["What is the open proposal pipeline by client type?", "Fees of open offers by type?"],
        "SELECT c.client_type, COUNT(*) AS n, SUM(o.fee_cents) AS fees FROM proposals o "
        "JOIN clients c USING (client_id) WHERE o.status IN ('sent', 'negotiating') "
        "GROUP BY c.client_type",
        ("client_type", "n", "fees"),
        rows,
        f"Open offers are worth {w.money(total)}. The rates behind them are {rates}.",
    )


_QUERIES = (_by_status, _overdue, _backlog, _review, _health, _pipeline)


def query_turn(rng: Random) -> Turn:
    """A question about the data, the query with its rows, and what they mean."""
    prompts, query, header, rows, told = rng.choice(_QUERIES)(rng)
    first = rng.choice(("I will ask the database.", "One query answers that.", ""))
    return Turn(
        rng.choice(prompts),
        (Reply(first, (sql(query, header, rows),)), Reply(told)),
        "database",
    )
