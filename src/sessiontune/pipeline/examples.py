"""Sessions of a unit become conversations: labelled, with topics, prefix, tools, and cut to length.

The whole conversation is what `raw` and `combined` hold; examples are what trainers read. Without
a length limit they are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from ..errors import ToolError, UsageError
from ..ledger import Ledger, lines_of
from ..measure import Meter, Truncation, estimate
from ..model import Drop, Example, Label, Message, Pair, Session, Split, ToolDef
from ..packs import Place
from ..ports import Conversation
from ..steps.label import labels_of, train_flags
from ..steps.pair import pairer
from ..steps.tools import called
from ..steps.topics import bag_of, load_taxonomy, topic_finder
from ..steps.window import windower
from .prepare import sessions_at


class Choice(msgspec.Struct, frozen=True):
    """What was decided about one session: dropped for a reason, or taken."""

    reason: str = ""
    split: Split | None = None
    group: str = ""


class ExampleOptions(msgspec.Struct, frozen=True):
    """How sessions become examples; see the recipe's fields of the same names."""

    tools: bool = True
    thinking: bool = False
    max_tokens: int = 0
    tokenizer: str = ""
    topics: str = ""
    preferences: bool = False
    clusters: bool = False


class Made(msgspec.Struct, frozen=True):
    """One taken session: the whole of it, its examples, its preferences; `bag` holds its words
    where no topic covers it and clusters are asked for."""

    whole: Conversation
    examples: list[Conversation]
    pairs: list[Pair]
    truncation: Truncation | None
    tokens: int | None
    bag: str = ""


def conversations(
    shard: Place,
    choices: dict[str, Choice],
    tools: dict[str, ToolDef],
    forks: frozenset[str],
    continued: frozenset[str],
    options: ExampleOptions,
    ledger: Ledger,
) -> Iterator[Made]:
    """Every taken session of a shard; those left out are counted in `ledger`."""
    find_topics = _topic_finder(options.topics)
    branches = _branches(shard, choices) if options.preferences and forks else {}
    for session, prefix in with_prefix(shard, set(choices), forks):
        choice = choices[session.key]
        if choice.reason:
            _leave_out(session, choice.reason, ledger)
            continue
        labels, end_reason = labels_of(session, continued=session.key in continued)
        session = msgspec.structs.replace(session, end_reason=end_reason)
        tags = tuple(f"topic:{name}" for name in find_topics(session))
        flags = (False,) * len(prefix) + train_flags(session, labels)
        whole = _conversation(session, prefix, choice, tools, labels, flags, tags)
        if not options.tools:
            whole = msgspec.structs.replace(whole, tools=())
        examples, truncation = _cut(whole, options)
        left = branches.get(session.key, ())
        heard = [x for branch in left for x in labels_of(branch)[0]]
        pairs = _pairs(whole, labels, left, heard, options, choice)
        tokens = None
        if options.tokenizer:
            tokens = meter_of(options.tokenizer, options.tools, options.thinking).messages(
                session.messages
            )
        bag = bag_of(session) if options.clusters and not tags else ""
        yield Made(whole, examples, pairs, truncation, tokens, bag)


def _leave_out(session: Session, why: str, ledger: Ledger) -> None:
    stage, _, reason = why.partition("/")
    for file, n in lines_of(session).items():
        ledger.drop(Drop(stage, reason, file=file, key=session.key, count=n))


def _conversation(
    session: Session,
    prefix: tuple[Message, ...],
    choice: Choice,
    tools: dict[str, ToolDef],
    labels: tuple[Label, ...],
    flags: tuple[bool, ...],
    tags: tuple[str, ...],
) -> Conversation:
    own = {tool.name for tool in session.tools}
    names = [n for n in called(prefix + session.messages) if n in tools and n not in own]
    inferred = tuple(tools[n] for n in names)
    return Conversation(
        session=session,
        prefix=prefix,
        tools=session.tools + inferred,
        tools_inferred=bool(inferred) or not session.tools,
        split=choice.split,
        train=flags,
        labels=labels,
        tags=tags,
        group=choice.group,
    )


def _cut(
    whole: Conversation, options: ExampleOptions
) -> tuple[list[Conversation], Truncation | None]:
    if not options.max_tokens:
        return [whole], None
    cut = windower(options.max_tokens, meter_of(options.tokenizer, options.tools, options.thinking))
    rows, truncation = cut(whole.session, whole.prefix, whole.train, whole.tools, whole.group)
    return [_example(row, whole) for row in rows], truncation


def _example(row: Example, whole: Conversation) -> Conversation:
    session = msgspec.structs.replace(whole.session, key=row.key, messages=row.messages)
    return msgspec.structs.replace(
        whole,
        session=session,
        prefix=(),
        train=row.train,
        tools=row.tools,
        tags=(*whole.tags, *row.tags),
    )


def _pairs(
    whole: Conversation,
    labels: Sequence[Label],
    branches: Sequence[Session],
    heard: Sequence[Label],
    options: ExampleOptions,
    choice: Choice,
) -> list[Pair]:
    if not options.preferences:
        return []
    find = pairer(meter_of(options.tokenizer, options.tools, options.thinking))
    found = find(whole.session, labels, whole.prefix, branches, whole.group, heard)
    return [msgspec.structs.replace(pair, split=choice.split) for pair in found]


@lru_cache(maxsize=2)
def _topic_finder(path: str) -> Callable[[Session], tuple[str, ...]]:
    taxonomy = load_taxonomy(path)
    section = {topic.name: f"{topic.section}/{topic.name}" for topic in taxonomy}
    find = topic_finder(taxonomy)
    return lambda session: tuple(section[name] for name in find(session))


@lru_cache(maxsize=2)
def meter_of(tokenizer: str, tools: bool, thinking: bool) -> Meter:
    """Counts messages with a tokenizer, or by the estimate."""
    return Meter(counter(tokenizer), tools=tools, thinking=thinking)


def counter(tokenizer: str) -> Callable[[str], int]:
    """Tokens of a text: exact with a tokenizer.json (or a folder that holds one), else estimated.

    Raises UsageError if there is no such file, ToolError if `tokenizers` is missing.
    """
    if not tokenizer:
        return estimate
    path = Path(tokenizer)
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"There is no tokenizer {file}.", "Give a tokenizer.json or its folder.")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ToolError(
            "Counting with a tokenizer needs the extra 'train'.", "pip install 'sessiontune[train]'"
        ) from error
    try:
        encode = Tokenizer.from_file(str(file)).encode
    except Exception as error:  # the library raises no narrower one
        raise UsageError(
            f"{file} is no tokenizer: {error}.", "Give a tokenizer.json or its folder."
        ) from error
    return lambda text: len(encode(text, add_special_tokens=False).ids)


# ------------------------------------------------------------------ branches


def with_prefix(
    shard: Place, known: set[str], forks: frozenset[str]
) -> Iterator[tuple[Session, tuple[Message, ...]]]:
    """Sessions with the messages before their fork point. Only fork parents are held in memory."""
    parents: dict[str, tuple[Message, ...]] = {}
    waiting: list[Session] = []
    for session in sessions_at(shard):
        fork = session.forked_from
        if fork is not None and fork.session in known and fork.session not in parents:
            waiting.append(session)
            continue
        prefix = _prefix(session, parents)
        if session.key in forks:
            parents[session.key] = prefix + session.messages
        yield session, prefix
    while waiting:
        ready = [s for s in waiting if s.forked_from and s.forked_from.session in parents]
        for session in ready or waiting:
            prefix = _prefix(session, parents)
            parents[session.key] = prefix + session.messages
            yield session, prefix
        done = {s.key for s in ready or waiting}
        waiting = [s for s in waiting if s.key not in done]


def _prefix(session: Session, parents: dict[str, tuple[Message, ...]]) -> tuple[Message, ...]:
    fork = session.forked_from
    if fork is None or fork.session not in parents:
        return ()
    before = parents[fork.session]
    for i, message in enumerate(before):
        if message.id == fork.message:
            return before[: i + 1]
    return ()


def _branches(shard: Place, choices: dict[str, Choice]) -> dict[str, list[Session]]:
    """Taken branches by the session they leave."""
    found: dict[str, list[Session]] = {}
    for session in sessions_at(shard):
        if session.forked_from is not None and not choices[session.key].reason:
            found.setdefault(session.forked_from.session, []).append(session)
    return found
