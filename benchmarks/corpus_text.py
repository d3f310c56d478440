"""Text for the benchmark corpus, made quickly: distinct lines of code, prose, SQL and output."""

from __future__ import annotations

import math
from functools import cache
from random import Random

from sessiontune.sample import world

MARK = "§"
PAIR = 108  # mean bytes of a pool entry, which is two lines

_STEMS = "fee invoice proposal contract client phase status mail draft health signal widget budget"
_STEMS += " payment visit score rule table row page route cache batch queue token limit window tree"
_VERBS = "load build check parse merge split sort find list move count read write send close open"
_CJK = "提案 契約 請求書 顧客 予算 设计 合同 发票 客户 预算 견적 계약 청구서"
_SHAPES = (
    "def {v}_{a}(self, {b}: int) -> {C} | None:", "    {a} = self.{v}_{b}({c}, limit={n})",
    "    if {a}.{b} is None or {c} > {n}:", "        raise ApiError('{a}_{b}', f'no {c} {{{d}}}')",
    "    return [{a} for {a} in {b} if {a}.{c} == '{d}']", "class {C}{V}(Base): # {a} of {b}",
    "  const {{ {a}, {b} }} = use{C}{V}('/api/{c}/{d}', {n});",
    "import {{ {V}{C} }} from '@/lib/{a}';",
    "  <{C}Card key={{{a}.id}} {b}={{{c}.{d}}} />",
    "SELECT {a}, COUNT(*) FROM {b}s WHERE {c} > {n}",
    "CREATE INDEX ix_{a}_{b} ON {c}s ({d}, {a});", "FAILED tests/test_{a}.py::test_{v}_{b} - {C}",
    "{n} passed, {m} warnings in {m}.{n}s ({a} {b})", "INFO {a}.{b}: {v} {n} rows of {c} in {m} ms",
    '{{"{a}": {n}, "{b}": "{c}", "{d}": [{m}, {n}]}}', "# {V} the {a} before the {b}, see {c} {n}.",
    "We {v} the {a} when a {b} has a {c}, because the {d} is stored in cents.",
    "The {a} of a {b} depends on its {c}; {n} of them were wrong before.",
    "backend/app/{a}/{b}_{c}.py:{n}:    {v}_{d}({a}, {b})", "drwxr-xr-x {m} ops ops {n} {a}_{b}",
    "C:\\Users\\ops\\{a}\\{b}_{c}.tsx:{n} {C}", "+    {a}.{b} = {v}_{c}({d}, {n})",
    "-    {a}.{b} = {c}[{n}]", "  at {C}.{v}{V} (webpack:///./{a}/{b}.ts:{n}:{m})",
)  # fmt: skip


@cache
def pool(seed: int, lines: int = 150_000) -> list[str]:
    """Pairs of distinct lines; most hold a mark for a name of the block."""
    rng = Random(f"{seed}/pool")
    stems = _STEMS.split() + [t.one.replace(" ", "_").replace("-", "") for t in world.TABLES]
    verbs, cjk = _VERBS.split(), _CJK.split()
    made = []
    for number in range(lines):
        a, b, c, d = rng.choices(stems, k=4)
        if number % 60 == 0:
            made.append(f"// {rng.choice(cjk)}{rng.choice(cjk)}: {a}_{MARK} {number}")
            continue
        if rng.random() < 0.8:
            b = f"{b}_{MARK}"
        verb = rng.choice(verbs)
        n, m = rng.randrange(10, 99_999), rng.randrange(2, 99)
        shape = _SHAPES[number % len(_SHAPES)]
        made.append(shape.format(a=a, b=b, c=c, d=d, v=verb, C=c.title(), V=verb.title(), n=n, m=m))
    return [f"{x}\n{y}" for x, y in zip(made[::2], made[1::2], strict=True)]


class Text:
    """Blocks of text from the pool."""

    def __init__(self, rng: Random, seed: int) -> None:
        self.rng, self.pool = rng, pool(seed)

    def lines(self, size: float) -> list[str]:
        """Lines of about `size` bytes together."""
        return "\n".join(self.rng.choices(self.pool, k=max(1, int(size / PAIR)))).split("\n")

    def block(self, size: float) -> str:
        """About `size` bytes of code, output and prose."""
        if size < PAIR:
            return self.rng.choice(self.pool).partition("\n")[0].replace(MARK, self.name())
        pairs = self.rng.choices(self.pool, k=int(size / PAIR))
        return "\n".join(pairs).replace(MARK, self.name())

    def name(self) -> str:
        """A name that no other block has."""
        return f"{self.rng.getrandbits(36):x}"

    def size(self, median: float, spread: float, top: float = 400_000) -> float:
        """A size drawn from a log-normal distribution."""
        return min(top, median * math.exp(spread * self.rng.gauss(0, 1)))
