"""The statistics of a data set as they are published: sums and distributions, no ids, no names."""

from __future__ import annotations

import msgspec

#: Topics and clusters seen in fewer lineages are not shown: they would point at single projects.
LEAST_LINEAGES = 3


class Topic(msgspec.Struct, frozen=True):
    """A subject: its group of the taxonomy, and how many conversations and lineages hold it."""

    name: str
    group: str
    conversations: int
    lineages: int


class SideSummary(msgspec.Struct, frozen=True):
    """One side of the split: conversations, pairs, tokens, and groups that stay together."""

    conversations: int
    pairs: int
    tokens: int
    groups: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What is published of the statistics. Dictionaries are sorted, the largest first.

    lengths   tokens of a conversation: upper bound of the bin (a power of 2) -> conversations
    turns     messages of a conversation: upper bound of the bin -> conversations
    calendar  168 counts of prompts, Monday 00 h UTC first
    months    "YYYY-MM" -> conversations that ended in it
    tools_inferred  conversations whose tool definitions were inferred from calls
    tokens_exact  tokens come from a tokenizer; else they are estimated as bytes/4
    """

    conversations: int = 0
    lineages: int = 0
    projects: int = 0
    main: int = 0
    subagents: int = 0
    branches: int = 0
    compacted: int = 0
    messages: int = 0
    roles: dict[str, int] = {}
    pairs: int = 0
    prompts: int = 0
    tokens: int = 0
    tokens_exact: bool = False
    tokens_by_part: dict[str, int] = {}
    images: int = 0
    lengths: dict[str, int] = {}
    turns: dict[str, int] = {}
    tools: dict[str, int] = {}
    tool_failures: dict[str, int] = {}
    results: dict[str, int] = {}
    languages: dict[str, int] = {}
    models: dict[str, int] = {}
    vendors: dict[str, int] = {}
    agents: dict[str, int] = {}
    calendar: tuple[int, ...] = ()
    months: dict[str, int] = {}
    first: str = ""
    last: str = ""
    labels: dict[str, int] = {}
    end_reasons: dict[str, int] = {}
    topics: tuple[Topic, ...] = ()
    splits: dict[str, SideSummary] = {}
    untrained: int = 0
    tools_inferred: int = 0
