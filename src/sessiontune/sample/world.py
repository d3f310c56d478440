"""The small world that all sample sessions talk about: one design studio and its platform.

Everything is invented. The tables, statuses, fee rules, categories and routes below are the only
source of facts for questions, code and query results, so sessions weeks apart agree with each
other. Amounts are integer cents, rates are fractions of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from .texts import sections

REPO = "velmarro-ops"
USER = "dkorrin"
HOME = f"/home/{USER}"
CWD = f"{HOME}/work/{REPO}"


@dataclass(frozen=True)
class Table:
    """A SQLite table: columns are (name, type, what it holds)."""

    name: str
    purpose: str
    columns: tuple[tuple[str, str, str], ...]
    module: str

    @property
    def one(self) -> str:
        """The singular word for a row."""
        return {"email_messages": "e-mail", "health_snapshots": "health snapshot"}.get(
            self.name, self.name.rstrip("s")
        )


@dataclass(frozen=True)
class ClientType:
    """Commercial terms of one kind of client."""

    name: str
    label: str
    plural: str
    rate: Decimal  # share of the construction budget
    minimum: int  # smallest design fee, in cents
    deposit: Decimal  # mobilisation deposit, share of the fee
    days: int  # payment term


@dataclass(frozen=True)
class Flow:
    """Statuses of a table and the moves that are allowed."""

    table: str
    moves: tuple[tuple[str, tuple[str, ...]], ...]
    rule: str

    @property
    def statuses(self) -> tuple[str, ...]:
        """Statuses in order of life."""
        return tuple(name for name, _ in self.moves)


@dataclass(frozen=True)
class Category:
    """An e-mail category: who answers it, within how many hours, and what it links to."""

    name: str
    words: tuple[str, ...]
    owner: str
    hours: int
    links: str


@dataclass(frozen=True)
class Document:
    """A kind of document, what is read from it, and the confidence below which a person looks."""

    name: str
    label: str
    fields: tuple[str, ...]
    threshold: Decimal
    table: str


@dataclass(frozen=True)
class Signal:
    """One of the signals in the health score; weights sum to one."""

    name: str
    weight: Decimal
    formula: str
    source: str


@dataclass(frozen=True)
class Widget:
    """A dashboard tile."""

    name: str
    component: str
    route: str
    seconds: int
    shows: str
    role: str


def _words(cell: str) -> tuple[str, ...]:
    return tuple(word for word in cell.split(", ") if word)


_W = {
    name: [[cell.strip() for cell in line.split("|")] for line in lines]
    for name, lines in sections("world.txt").items()
}

TABLES: tuple[Table, ...] = tuple(
    Table(r[0], r[1], tuple((c[1], c[2], c[3]) for c in _W["columns"] if c[0] == r[0]), r[2])
    for r in _W["tables"]
)
CLIENT_TYPES: tuple[ClientType, ...] = tuple(
    ClientType(r[0], r[1], r[2], Decimal(r[3]), int(r[4]) * 100, Decimal(r[5]), int(r[6]))
    for r in _W["client_types"]
)
#: (name, share of the fee, what it delivers)
PHASES: tuple[tuple[str, Decimal, str], ...] = tuple(
    (r[0], Decimal(r[1]), r[2]) for r in _W["phases"]
)
FLOWS: tuple[Flow, ...] = tuple(
    Flow(r[0], tuple((m[1], _words(m[2])) for m in _W["moves"] if m[0] == r[0]), r[1])
    for r in _W["flow_rules"]
)
CATEGORIES: tuple[Category, ...] = tuple(
    Category(r[0], _words(r[1]), r[2], int(r[3]), r[4]) for r in _W["categories"]
)
DOCUMENTS: tuple[Document, ...] = tuple(
    Document(r[0], r[1], _words(r[2]), Decimal(r[3]), r[4]) for r in _W["documents"]
)
SIGNALS: tuple[Signal, ...] = tuple(Signal(r[0], Decimal(r[1]), r[2], r[3]) for r in _W["signals"])
WIDGETS: tuple[Widget, ...] = tuple(
    Widget(r[0], r[1], r[2], int(r[3]), r[4], r[5]) for r in _W["widgets"]
)
#: (method, path, what it does, table)
ROUTES: tuple[tuple[str, str, str, str], ...] = tuple(
    (r[0], r[1], r[2], r[3]) for r in _W["routes"]
)
#: (topic, what was decided, why, file)
DECISIONS: tuple[tuple[str, str, str, str], ...] = tuple(
    (r[0], r[1], r[2], r[3]) for r in _W["decisions"]
)
#: (name, client type)
CLIENTS: tuple[tuple[str, str], ...] = tuple((r[0], r[1]) for r in _W["clients"])

RUSH = Decimal(".12")  # surcharge when the deadline is under 30 days away
REPEAT = Decimal(".04")  # discount from the third project on
VAT = Decimal(".07")  # domestic clients only
LATE = Decimal(".015")  # for each started month, after the days of grace
GRACE_DAYS = 10
VALID_DAYS = 45  # of a sent proposal
VISIT_CENTS = 1_200_00  # a site visit beyond those included
HANDLING = Decimal(".05")  # on reimbursed expenses
GREEN, AMBER = 75, 50  # smallest health scores of these colours

PROJECTS: tuple[str, ...] = (
    "Lagoon Pavilion", "North Court", "Harbour Steps", "Cedar Atrium", "Slate House",
    "Orchard Rooms", "Ferrow Counter", "Tansy Terrace", "Quay Reading Room", "Dune Lodge",
)  # fmt: skip


def cents(value: Decimal) -> int:
    """Round an amount in cents half to even, as the studio's rule says."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def money(amount: int) -> str:
    """An amount in cents as text: 1234500 -> "12,345.00"."""
    return f"{amount / 100:,.2f}"


def percent(share: Decimal) -> str:
    """A share as a percentage without needless zeros: .065 -> "6.5%"."""
    return f"{(share * 100).normalize():f}%"


def fee(client: ClientType, budget: int, *, rush: bool = False, won: int = 0) -> int:
    """Design fee in cents for a construction budget in cents."""
    amount = max(cents(budget * client.rate), client.minimum)
    if rush:
        amount += cents(amount * RUSH)
    if won >= 2:
        amount -= cents(amount * REPEAT)
    return amount


def late_fee(amount: int, days: int) -> int:
    """Late fee in cents for an amount paid `days` after its due date."""
    months = -(-max(0, days - GRACE_DAYS) // 30)
    return cents(amount * LATE * months)


def health(values: dict[str, int]) -> tuple[int, str]:
    """Score and colour from one value (0 to 100) for each signal."""
    total = sum((s.weight * values[s.name] for s in SIGNALS), Decimal(0))
    score = cents(total)
    return score, "green" if score >= GREEN else "amber" if score >= AMBER else "red"


def client_type(name: str) -> ClientType:
    """The client type with this name."""
    return next(c for c in CLIENT_TYPES if c.name == name)


def table(name: str) -> Table:
    """The table with this name."""
    return next(t for t in TABLES if t.name == name)
