"""Conversations like those of logs, including odd ones, for the laws of the formats."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sessiontune.model import (
    ForkPoint,
    Image,
    Label,
    Message,
    Part,
    Session,
    Text,
    Thinking,
    ToolCall,
    ToolDef,
    ToolResult,
    Usage,
)
from sessiontune.ports import Conversation, EncodeOptions

ODD = [
    "",
    "\n",
    'quote " and \\ back\\nslash',
    "<tool_call>",
    "</tool_call>",
    "<think>\nno\n</think>\n\n",
    "[no result in the log]",
    "[]",
    '["a","b"]',
    "2025-11-23T10:00:00Z",
    "\x00\x7f\u2028\u2029\u0085",
    "🦊 ëß",
    "null",
    "{",
    "a\n\nb",
]
texts = st.one_of(
    st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
names = st.sampled_from(["Bash", "Read", "mcp__x__<think>", 'od"d'])
scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
images = st.builds(
    Image, st.just("d1"), st.sampled_from(["image/png", "image/jpeg"]), st.integers(0, 10**6)
)
statuses = st.sampled_from(["ok", "error", "rejected", "interrupted", "cancelled", "missing"])
times = st.sampled_from(["", "2025-11-23T10:00:00Z", "2025-11-23T10:00:00.123Z"])
models = st.sampled_from([("", ""), ("m-1", "v-1"), ("m-2", "v-2")])


@st.composite
def answers(draw: st.DrawFn, index: int, calls: int) -> Message:
    parts: list[Part] = []
    for kind in draw(st.lists(st.sampled_from(["text", "thinking", "image"]), max_size=3)):
        if kind == "text":
            parts.append(Text(draw(texts)))
        elif kind == "thinking":
            parts.append(Thinking(draw(texts)))
        else:
            parts.append(draw(images))
    for n in range(calls):
        arguments = draw(st.dictionaries(texts, values, max_size=2))
        parts.append(ToolCall(f"c{index}-{n}", draw(names), arguments))
    model, vendor = draw(models)
    usage = draw(st.none() | st.just(Usage(3, 4, 5, 6)))
    return Message(
        id=f"m{index}",
        role="assistant",
        kind="answer",
        parts=tuple(parts),
        at=draw(times),
        model=model,
        vendor=vendor,
        usage=usage,
    )


@st.composite
def messages(draw: st.DrawFn, first: int = 0) -> tuple[Message, ...]:
    """Prompts, answers, results in and out of order, contexts, summaries, notices."""
    found: list[Message] = []
    kinds = ["prompt", "answer", "calls", "context", "summary", "notice", "stray"]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=7)):
        index = first + len(found)
        if kind == "answer":
            found.append(draw(answers(index, 0)))
        elif kind == "calls":
            count = draw(st.integers(1, 3))
            found.append(draw(answers(index, count)))
            found += draw(_results(index, found[-1], count))
        elif kind == "stray":
            part = ToolResult("nobody", "Bash", draw(texts))
            found.append(Message(id=f"m{index}", role="tool", kind="results", parts=(part,)))
        else:
            role: Any = "system" if kind in ("context", "summary") else "user"
            parts = tuple(draw(st.lists(st.builds(Text, texts) | images, min_size=1, max_size=2)))
            found.append(
                Message(id=f"m{index}", role=role, kind=kind, parts=parts, at=draw(times))  # type: ignore[arg-type]
            )
    return tuple(found)


@st.composite
def _results(draw: st.DrawFn, index: int, answer: Message, count: int) -> list[Message]:
    calls = [p for p in answer.parts if isinstance(p, ToolCall)]
    kept = [c for c in calls if draw(st.integers(0, 5)) > 0]
    parts = tuple(
        ToolResult(
            c.id,
            c.name,
            draw(texts),
            draw(statuses),
            tuple(draw(st.lists(images, max_size=1))),
        )
        for c in kept
    )
    if not parts:
        return []
    between: list[Message] = []
    if draw(st.integers(0, 4)) == 0:
        said = (Text(draw(texts)),)
        between = [Message(id=f"m{index}q", role="user", kind="prompt", parts=said)]
    return [*between, Message(id=f"m{index}r", role="tool", kind="results", parts=parts)]


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    prefix = draw(st.just(()) | messages(first=100))
    own = draw(messages())
    flags = st.none() | st.tuples(*[st.booleans() for _ in (*prefix, *own)])
    labels = [Label(m.id, "tool_error", "structural", "") for m in own if m.role == "assistant"]
    session = Session(
        key="k1",
        thread="t1",
        lineage="l1",
        source="claude",
        session_id="s1",
        messages=own,
        epoch=draw(st.integers(0, 2)),
        agent_id=draw(st.none() | st.just("a1")),
        agent_type=draw(st.sampled_from(["", "Explore"])),
        forked_from=ForkPoint("k0", "m9") if prefix else None,
        parent_session=draw(st.none() | st.just("k0")),
        parent_call=draw(st.none() | st.just("c1")),
        project="p1",
        end_reason=draw(st.sampled_from(["", "completed"])),
    )
    tools = draw(
        st.lists(
            st.builds(
                ToolDef,
                names,
                texts,
                st.sampled_from([{}, {"type": "object", "properties": {"x": {"type": "string"}}}]),
            ),
            max_size=2,
        )
    )
    return Conversation(
        session=session,
        prefix=prefix,
        tools=tuple(tools),
        tools_inferred=draw(st.booleans()),
        split=draw(st.sampled_from([None, "train", "eval"])),
        train=draw(flags),
        labels=tuple(labels[:2]),
        tags=draw(st.sampled_from([(), ("a",), ("a", "topic:b")])),
        group=draw(st.sampled_from(["", "g1"])),
    )


options = st.builds(EncodeOptions, tools=st.booleans(), thinking=st.booleans())
