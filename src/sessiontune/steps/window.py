"""Cut a session to the context length so that every trainable turn is a target exactly once.

Sessions end at compactions already (epochs are sessions). Tool output is thinned before turns are
dropped; then come windows of pinned head (system and task), overlap context without loss, and a
target segment with loss. A call and its results are never separated. What plain truncation would
keep: `pytest -s tests/steps/test_window_corpus.py`.

An answer is not cut here, not even between its calls: they are rendered as one message, by a
template that is not known yet. Everything around it goes first: older turns, the head, tool output,
definitions of tools. If it is still longer than the budget, it is an example of its own with the
tag `long`, counted by what makes it long; training cuts it (templating/parts.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import msgspec

from ..evidence import blocks_of, results_of
from ..measure import Meter, Room, Truncation, shorten, thin
from ..model import Example, Message, Session, ToolCall, ToolDef

#: Divisors of the budget: most for the head, free for overlap, most for a prompt, for definitions,
#: for a result.
HEAD = 2
OVERLAP = 4
PROMPT = 4
TOOLS = 4
RESULT = 8
#: Results of the overlap, nearest to the target, that keep head and tail; older ones become a line.
KEEP_LAST = 5
#: Tag of an example that is one answer longer than the budget.
LONG = "long"
#: Least tokens to which a result is cut; below them it becomes one line.
LEAST = 48


Cut = Callable[..., tuple[list[Example], Truncation]]


def windower(max_tokens: int, meter: Meter | None = None) -> Cut:
    """A function (session, prefix=(), train=None, tools=(), group="") -> (examples, counts).

    `train` has one flag for each message of prefix + session.messages (None: every answer of the
    session itself). No row is longer than `max_tokens` as `meter` counts them, with markup (0 cuts
    nothing), except those tagged `long`: one answer each that no row can hold.
    """
    chosen = meter or Meter()

    def cut(
        session: Session,
        prefix: Sequence[Message] = (),
        train: Sequence[bool] | None = None,
        tools: Sequence[ToolDef] = (),
        group: str = "",
    ) -> tuple[list[Example], Truncation]:
        every = (*prefix, *session.messages)
        if train is None:
            own = range(len(prefix), len(every))
            train = [i in own and m.role == "assistant" for i, m in enumerate(every)]
        kept = [(m, t) for m, t in zip(every, train, strict=True) if m.kind != "notice"]
        messages, flags = [m for m, _ in kept], [t for _, t in kept]
        cutter = _Cutter(max_tokens, chosen, messages, flags, tools)
        rows = cutter.rows()
        examples = [
            Example(
                key=session.key if len(rows) == 1 else f"{session.key}-{n}",
                group=group,
                session=session.key,
                messages=tuple(row.messages),
                train=tuple(row.train),
                tools=tuple(row.tools),
                tags=tuple(sorted(row.tags)),
            )
            for n, row in enumerate(rows)
        ]
        return examples, cutter.counts

    return cut


class _Row(msgspec.Struct):
    messages: list[Message]
    train: list[bool]
    tools: list[ToolDef]
    tags: set[str]


class _Cutter:
    """The cutting of one session. Positions index `messages`; blocks are lists of positions."""

    def __init__(
        self,
        budget: int,
        meter: Meter,
        messages: Sequence[Message],
        train: Sequence[bool],
        tools: Sequence[ToolDef],
    ) -> None:
        self.budget = budget
        self.meter = meter
        self.count = lru_cache(512)(meter.count)
        self.messages = messages
        self.defs = {t.name: t for t in tools}
        self.tool_cost = meter.tools(tools)
        self.known: dict[int, tuple[Message, int]] = {}
        self.cost = [self._price(m) for m in messages]
        # An answer of which rows hold nothing has nothing to learn.
        self.train = [t and c > 0 for t, c in zip(train, self.cost, strict=True)]
        self.made: dict[tuple[int, int], tuple[Message, int]] = {}
        self.originals = {id(m) for m in messages}
        room = (self.budget or 1 << 62) - self.meter.base - self._definitions(self.defs)
        self.counts = Truncation.naive(self.cost, self.train, room)

    # -------------------------------------------------------------- rows

    def rows(self) -> list[_Row]:
        """All rows of the session; none if no turn bears loss."""
        if not any(self.train):
            if self.messages:
                self.counts.count("nothing_to_train")
            return []
        rows = self._one() or self._windows()
        self.counts.rows = sum(LONG not in row.tags for row in rows)
        for row in rows:
            kept = [m for m, t in zip(row.messages, row.train, strict=True) if t]
            self.counts.kept_turns += len(kept)
            self.counts.kept_tokens += self._total(kept)
            if "thinned" in row.tags:
                self.counts.count("rows_thinned")
        return rows

    def _one(self) -> list[_Row]:
        """The whole session as one row, unchanged or with tool output thinned; [] if too long."""
        whole = range(len(self.messages))
        fixed = sum(c for c, m in zip(self.cost, self.messages, strict=True) if m.role != "tool")
        caps = [0, *(self.budget // n for n in (4, RESULT, 16, 32) if self.budget // n >= LEAST)]
        for cap in caps if fixed <= self.budget or not self.budget else ():
            if self.budget and self._least(cap) > self.budget:
                continue
            messages = [self._thin(i, cap)[0] if cap else self.messages[i] for i in whole]
            row = self._row(messages, list(self.train))
            if not self.budget or self._over(row) <= 0:
                return [row]
        return []

    def _least(self, cap: int) -> int:
        """The least cost of the whole session with results cut to `cap` tokens (0: uncut): all that
        `_thin` leaves as it is. Counting is cheaper than cutting."""
        most = {"tool": cap, "assistant": 1 << 62}
        kept = zip(self.cost, self.messages, strict=True)
        prompt = self.budget // PROMPT
        return self.meter.base + sum(c for c, m in kept if not cap or c <= most.get(m.role, prompt))

    def _windows(self) -> list[_Row]:
        blocks = blocks_of(self.messages)
        answers = (
            n for n, b in enumerate(blocks) if any(self.messages[i].role == "assistant" for i in b)
        )
        first = next(answers, len(blocks))
        rows: list[_Row] = []
        at = first
        while at < len(blocks):
            if not any(self.train[i] for i in blocks[at]):
                at += 1
                continue
            row, after = self._window(blocks, first, at)
            rows.append(row or self._long(blocks, first, at))
            at = after if row else at + 1
        return rows

    def _long(self, blocks: list[list[int]], first: int, at: int) -> _Row:
        """The answers of block `at`, which no row can hold, behind a little context."""
        for i in (i for i in blocks[at] if self.train[i]):
            self.counts.too_long(self.messages[i], self.meter, self.budget)
        before = self._head(blocks[:first], self.budget // OVERLAP)
        before += self._overlap(blocks, first, at, 0, Room(self.budget // OVERLAP, {}, 0, 0))
        flags = [False] * len(before) + [self.train[i] for i in blocks[at]]
        row = self._row([*before, *(self._thin(i, -1)[0] for i in blocks[at])], flags)
        row.tags.add(LONG)
        return row

    def _window(self, blocks: list[list[int]], first: int, at: int) -> tuple[_Row | None, int]:
        """The row whose target begins with block `at`, and the block after its target."""
        for head_share in (HEAD, OVERLAP, RESULT, 0):
            head = self._head(blocks[:first], self.budget // head_share if head_share else 0)
            for cap in (self.budget // RESULT, self.budget // 32, 0):
                row, after = self._fill(head, blocks, first, at, cap if cap >= LEAST else 0)
                if row is not None:
                    if head_share != HEAD and first:
                        row.tags.add("head_thinned")
                    return row, after
        row, after = self._fill([], blocks, first, at, -1, bare=True)
        if row is not None and first:
            row.tags.add("head_thinned")
        return row, after

    def _fill(
        self,
        head: list[Message],
        blocks: list[list[int]],
        first: int,
        at: int,
        cap: int,
        bare: bool = False,
    ) -> tuple[_Row | None, int]:
        """Target segment from block `at` on, with as much context before it as fits. `bare`:
        without tool definitions."""
        budget = self.budget
        for _ in range(6):
            tools = {} if bare else self.tool_cost
            room = Room(budget - self.meter.base, tools, budget // TOOLS, self.meter.tools_base)
            if not room.take(self._total(head), head):
                return None, at
            spare = budget // OVERLAP if at > first else 0
            target: list[list[Message]] = []
            after = at
            while after < len(blocks):
                block = [self._thin(i, cap) for i in blocks[after]]
                plain = [m for m, _ in block]
                if not room.take(sum(c for _, c in block), plain, spare if target else 0):
                    break
                target.append(plain)
                after += 1
            if not target:
                return None, at
            while not any(self.train[i] for i in blocks[after - 1]):
                room.give(self._total(target.pop()))
                after -= 1
            before = self._overlap(blocks, first, at, cap, room)
            context = [*head, *before]
            flags = [False] * len(context)
            flags += [self.train[i] for block in blocks[at:after] for i in block]
            row = self._row([*context, *(m for block in target for m in block)], flags, bare)
            over = self._over(row)
            if over <= 0:
                return row, after
            budget -= over + 16
            if budget < self.budget // 4:
                break
        return None, at

    def _overlap(
        self, blocks: list[list[int]], first: int, at: int, cap: int, room: Room
    ) -> list[Message]:
        """As many of the blocks just before `at` as fit, in their order."""
        out: list[list[Message]] = []
        seen = 0
        for number in range(at - 1, first - 1, -1):
            seen += sum(len(results_of(self.messages[i])) for i in blocks[number])
            old = seen > KEEP_LAST and number != first
            block = [self._thin(i, 0 if old else cap) for i in blocks[number]]
            plain = [m for m, _ in block]
            if not room.take(sum(c for _, c in block), plain):
                if len(plain) == 1 and plain[0].role != "assistant" and room.left >= 2 * LEAST:
                    short = shorten(plain[0], room.left - LEAST, self.count)
                    if room.take(self._price(short), [short]):
                        out.append([short])
                break
            out.append(plain)
        return [m for block in reversed(out) for m in block]

    def _head(self, blocks: Iterable[list[int]], limit: int) -> list[Message]:
        """System messages and task within `limit` tokens, of which the task may take half."""
        messages = [self.messages[i] for block in blocks for i in block]
        if not messages or not limit:
            return []
        if self.meter.base + self._total(messages) <= limit:
            return messages
        task = max((i for i, m in enumerate(messages) if m.role == "user"), default=-1)
        kept = {}
        left = limit - self.meter.base
        order = [task] if task >= 0 else []
        order += [i for i in range(len(messages)) if i != task]
        for place, i in enumerate(order):
            share = left // 2 if place == 0 and len(order) > 1 else left // (len(order) - place)
            short = shorten(messages[i], share - self.meter.per_message, self.count)
            cost = self._price(short)
            if cost <= share:
                kept[i] = short
                left -= cost
        return [kept[i] for i in sorted(kept)]

    # -------------------------------------------------------------- small things

    def _thin(self, at: int, cap: int) -> tuple[Message, int]:
        """Message `at` and its cost, cached: results cut to `cap` tokens (0: one line each), a long
        prompt to a quarter of the budget, answers unchanged."""
        found = self.made.get((at, cap))
        if found is None:
            message, cost = self.messages[at], self.cost[at]
            if message.role == "tool":
                if cost > max(cap, 0):
                    message = thin(message, cap, self.count)
            elif message.role != "assistant" and cost > self.budget // PROMPT:
                message = shorten(message, self.budget // PROMPT, self.count)
            same = message is self.messages[at]
            found = self.made[(at, cap)] = message, cost if same else self._price(message)
        return found

    def _row(self, messages: list[Message], train: list[bool], bare: bool = False) -> _Row:
        names = {p.name for m in messages for p in m.parts if type(p) is ToolCall}
        tools = [t for name, t in self.defs.items() if name in names]
        tags = set()
        if any(id(m) not in self.originals for m in messages):
            tags.add("thinned")
        if len(messages) != len(self.messages):
            tags.add("window")
        limit = self.budget // TOOLS if "window" in tags else 0
        if tools and (bare or (limit and self._definitions(t.name for t in tools) > limit)):
            tools = []
            tags.add("tools_left_out")
        return _Row(messages, train, tools, tags)

    def _over(self, row: _Row) -> int:
        """Tokens above the budget; zero or less if the row fits."""
        tools = self._definitions(t.name for t in row.tools)
        return self.meter.base + self._total(row.messages) + tools - self.budget

    def _price(self, message: Message) -> int:
        """Tokens of a message, counted once, as tokenizers are slow. The message is kept so that
        its id is not reused."""
        found = self.known.get(id(message))
        if found is None:
            found = self.known[id(message)] = (message, self.meter.message(message))
        return found[1]

    def _total(self, messages: Iterable[Message]) -> int:
        return sum(self._price(m) for m in messages)

    def _definitions(self, names: Iterable[str]) -> int:
        costs = [self.tool_cost[name] for name in names]
        return self.meter.tools_base + sum(costs) if costs else 0
