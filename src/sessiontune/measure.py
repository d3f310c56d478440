"""How long a message is in tokens, and how a tool result is made shorter.

Counts come from the target model's own tokenizer if there is one, else from an estimate of four
bytes a token (6% too many on code). A `Meter` adds what the chat template puts around each message,
so that windows cut by it fit once rendered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import msgspec

from .ledger import add_counts
from .model import Image, Message, Part, Text, Thinking, ToolCall, ToolDef, ToolResult

#: Text -> tokens.
Count = Callable[[str], int]

#: Bytes per token of the estimate.
BYTES_PER_TOKEN = 4
#: What replaces removed text; numbers count characters.
_GAP = "\n[... {gone} characters left out ...]\n"
_LINE = "[result left out: {gone} characters]"
_LEAST = "[left out]"
#: Tokens of what a row says of a picture (`[image: png, 34 kB]`), about.
_PICTURE = 8
#: What may stand between two words, and the longest word that is kept whole.
_EDGE = re.compile(r"[\s\"'`,;:<>(){}\[\]|=]")
_WORD = 256


def estimate(text: str) -> int:
    """Tokens of a text at four UTF-8 bytes each, rounded up. ASCII is known without encoding."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return -(-size // BYTES_PER_TOKEN)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


class Meter:
    """Counts messages. Added for the template's markup: `per_message` and `per_call` tokens each,
    `base` once per conversation (some templates add a system message of their own), `tools_base`
    once where tools are defined (Qwen 2.5 spends about 150 tokens on explaining them). What rows
    leave out counts nothing: `thinking` and `tools` say whether they hold these."""

    def __init__(
        self,
        count: Count = estimate,
        per_message: int = 8,
        per_call: int = 12,
        base: int = 32,
        tools_base: int = 160,
        thinking: bool = False,
        tools: bool = True,
    ) -> None:
        self.count = count
        self.per_message = per_message
        self.per_call = per_call
        self.base = base
        self.tools_base = tools_base
        self.thinking = thinking
        self.holds_tools = tools

    def part(self, part: Part) -> int:
        """Tokens of one part; 0 for what is not rendered."""
        if isinstance(part, Text):
            return self.count(part.text)
        if isinstance(part, Thinking):
            return self.count(part.text) + self.per_call if self.thinking and part.text else 0
        if isinstance(part, Image):
            return _PICTURE
        if not self.holds_tools:
            return 0
        if isinstance(part, ToolCall):
            return self.count(part.name + _json(part.arguments)) + self.per_call
        # each result becomes a message of its own in most templates
        return self.count(part.content) + self.per_message + _PICTURE * len(part.images)

    def message(self, message: Message) -> int:
        """Tokens of one message with its markup; 0 if nothing of it is rendered."""
        parts = 0 if message.kind == "notice" else sum([self.part(p) for p in message.parts])
        return self.per_message + parts if parts else 0

    def messages(self, messages: Iterable[Message]) -> int:
        """Tokens of a conversation without tool definitions."""
        return self.base + sum(self.message(m) for m in messages)

    def definitions(self, tools: Sequence[ToolDef]) -> int:
        """Tokens of all definitions together; 0 where there are none."""
        return self.tools_base + sum(self.tools(tools).values()) if tools else 0

    def tools(self, tools: Sequence[ToolDef]) -> dict[str, int]:
        """Tokens of each tool definition, by name."""
        return {
            t.name: self.count(_json(t.parameters) + t.description + t.name) + 2 * self.per_call
            for t in tools
        }


def cut_text(text: str, tokens: int, count: Count) -> str:
    """Head and tail of `text` with a marker between, at most `tokens` long.

    No word is cut: the second scan would not recognise half a pseudonym of a home folder, and stop
    the export. Returns the one-line marker if not even a small head and tail fit.
    """
    size = count(text)
    if size <= tokens:
        return text
    keep = int(len(text) * tokens / max(size, 1))
    while keep > 80:
        head = text[: _before(text, keep * 2 // 3)]
        tail = text[_after(text, len(text) - keep // 3) :]
        shorter = head + _GAP.format(gone=len(text) - len(head) - len(tail)) + tail
        if count(shorter) <= tokens:
            return shorter
        keep = keep * 4 // 5
    return one_line(text)


def _before(text: str, at: int) -> int:
    """The end of the last whole word before `at`; `at` itself in text without words."""
    places = range(at, max(0, at - _WORD) - 1, -1)
    return next((i for i in places if _EDGE.match(text, i)), at)


def _after(text: str, at: int) -> int:
    """Where the first whole word from `at` on begins."""
    found = _EDGE.search(text, max(0, at - 1), at + _WORD)
    return found.end() if found else at


def one_line(text: str) -> str:
    """What replaces a result that is left out; the text itself if that is shorter."""
    line = _LINE.format(gone=len(text))
    return text if len(text) <= len(line) else line


def thin(message: Message, tokens: int, count: Count) -> Message:
    """A message whose tool results are cut to `tokens` each (0: to one line each; below: to the
    shortest mark there is)."""
    changed = False
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            if tokens > 0:
                content = cut_text(part.content, tokens, count)
            else:
                content = one_line(part.content)
                content = _LEAST if tokens and len(content) > len(_LEAST) else content
            if content != part.content:
                part = msgspec.structs.replace(part, content=content)
                changed = True
        parts.append(part)
    return msgspec.structs.replace(message, parts=tuple(parts)) if changed else message


def shorten(message: Message, tokens: int, count: Count) -> Message:
    """A prompt or context message whose texts share `tokens`; never used on answers."""
    texts = [p for p in message.parts if isinstance(p, Text)]
    total = sum(count(p.text) for p in texts)
    if total <= tokens:
        return message
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, Text):
            room = max(1, tokens * count(part.text) // max(total, 1))
            parts.append(Text(cut_text(part.text, room, count)))
        else:
            parts.append(part)
    return msgspec.structs.replace(message, parts=tuple(parts))


class Truncation(msgspec.Struct):
    """What cutting kept, beside what naive truncation to the same length would have kept.

    Turns and tokens are those of trainable answers; naive counts whole turns, but single tokens.
    """

    sessions: int = 0
    rows: int = 0
    turns: int = 0
    tokens: int = 0
    kept_turns: int = 0
    kept_tokens: int = 0
    naive_turns: int = 0
    naive_tokens: int = 0
    reasons: dict[str, int] = {}

    @classmethod
    def naive(cls, costs: Iterable[int], train: Iterable[bool], room: int) -> Truncation:
        """One session that is cut off after `room` tokens."""
        counts = cls(sessions=1)
        for cost, flag in zip(costs, train, strict=True):
            if flag:
                counts.turns += 1
                counts.tokens += cost
                counts.naive_tokens += max(0, min(cost, room))
                counts.naive_turns += cost <= room
            room -= cost
        return counts

    def add(self, other: Truncation) -> None:
        """Add another session's counts to this one."""
        if other == _NOTHING_CUT:  # nearly always
            return
        for name in self.__struct_fields__[:-1]:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        add_counts(self.reasons, other.reasons)

    def count(self, reason: str, n: int = 1) -> None:
        """Count one thing under a reason."""
        self.reasons[reason] = self.reasons.get(reason, 0) + n

    def too_long(self, message: Message, meter: Meter, budget: int) -> None:
        """Count an answer that no row of this length can hold, and what makes it long: one call,
        one text, or only its parts together."""
        longest = max(message.parts, key=meter.part, default=None)
        kind = "parts"
        if longest is not None and meter.part(longest) + meter.per_message + meter.base > budget:
            kind = {ToolCall: "call", Text: "text", Thinking: "thinking"}.get(type(longest), kind)
        self.count("turn_over_budget")
        self.count(f"over_budget_{kind}")


_NOTHING_CUT = Truncation()


class Room:
    """Tokens left in a window. The definitions of the tools that it calls are paid for, up to
    `limit`: beyond that a window carries none."""

    def __init__(self, tokens: int, tools: dict[str, int], limit: int, base: int) -> None:
        self.left = tokens
        self.base = base
        self.tools = tools
        self.limit = limit
        self.names: set[str] = set()

    def take(self, cost: int, messages: Sequence[Message], spare: int = 0) -> bool:
        """Take what the messages cost if `spare` tokens remain after it."""
        calls = (p.name for m in messages for p in m.parts if type(p) is ToolCall)
        names = {name for name in calls if name in self.tools}
        if not names <= self.names:
            cost += self._paid(self.names | names) - self._paid(self.names)
        if cost > self.left - spare:
            return False
        self.left -= cost
        self.names |= names
        return True

    def give(self, cost: int) -> None:
        """Put back what messages have cost (their tools stay paid for)."""
        self.left += cost

    def _paid(self, names: set[str]) -> int:
        return min(self.limit, self.base + sum(self.tools[n] for n in names)) if names else 0
