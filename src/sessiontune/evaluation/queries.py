"""The user's own queries: read them, make templates for them, ask every arm.

A query file is TOML with `[[query]]` tables, or JSON Lines with one object each: `question` and,
optionally, `id`, `reference` (a good answer), `rubric` (what counts) and `tags`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import orjson

from ..errors import UsageError
from ..rows.columns import tags_in
from .actions import dealt, similarity
from .answering import Answerer, Asked, Progress
from .callforms import words_of
from .compare import cut
from .heldout import cluster_of
from .remote import Reply
from .result import Shown, ShownAnswer

#: Most tokens of one answer.
MOST_TOKENS = 320


class Query(msgspec.Struct, frozen=True):
    """One question. `cluster`: what it was made from, or its own id if that is unknown."""

    question: str
    id: str = ""
    reference: str = ""
    rubric: str = ""
    tags: tuple[str, ...] = ()
    cluster: str = ""


_HOW = "Give a .toml file with [[query]] tables, or JSON Lines; --make-queries FILE writes one."


def read_queries(path: Path) -> tuple[Query, ...]:
    """The queries of a file. Raises UsageError that names the wrong entry."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"Cannot read the queries in {path}: {said}.", _HOW) from error
    if path.suffix == ".toml":
        try:
            entries = tomllib.loads(text).get("query", [])
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path} is not TOML: {error}", _HOW) from error
        numbered = [(f"entry {n}", e) for n, e in enumerate(entries, 1)]
    else:
        numbered = list(_lines(path, text))
    found = tuple(_query(f"{path}, {where}", n, e) for n, (where, e) in enumerate(numbered, 1))
    if not found:
        raise UsageError(f"{path} holds no queries.", "Add [[query]] tables with a question each.")
    ids = [q.id for q in found]
    if twice := next((i for i in ids if ids.count(i) > 1), None):
        raise UsageError(f"{path}: two queries have the id '{twice}'.")
    return found


def _lines(path: Path, text: str) -> Iterable[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):  # a text may hold other line ends
        if line.strip():
            try:
                yield f"line {number}", orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise UsageError(f"{path}, line {number} is not JSON: {error}", _HOW) from error


def _query(where: str, number: int, entry: Any) -> Query:
    try:
        query = msgspec.convert(entry, Query)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{where}: {error}", "A query needs a question; see the how-to."
        ) from error
    if not query.question.strip():
        raise UsageError(f"{where}: the question is empty.")
    name = query.id or f"q{number}"
    return msgspec.structs.replace(query, id=name, cluster=query.cluster or name)


def made_queries(rows: Mapping[str, dict[str, Any]], most: int = 50) -> list[Query]:
    """Templates from held-out prompts: the first request of a row, with the last answer to it.

    Later requests of a row depend on what was said before, so they are no questions by themselves.
    """
    groups: dict[str, list[Query]] = {}
    for where, row in rows.items():
        asked, answer = _first_exchange(row["messages"])
        if asked:
            cluster = cluster_of(row, where)
            name, tags = str(row.get("id") or where), tags_in(row.get("tags"))
            query = Query(asked, name, answer, "", tags, cluster)
            groups.setdefault(cluster, []).append(query)
    return dealt(groups, most, seed=0)


def _first_exchange(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The first request, and the last text that was said before the next one."""
    asked = answer = ""
    for message in messages:
        text = str(message.get("content") or "").strip()
        if message["role"] == "user" and text:
            if asked:
                break
            asked = text
        elif message["role"] == "assistant" and asked and text:
            answer = text
    return asked, answer


def queries_toml(queries: Iterable[Query], head: str = "") -> str:
    """Queries as a TOML file to be edited."""
    parts = [f"# {line}\n" for line in head.splitlines()]
    for query in queries:
        parts.append("\n[[query]]\n")
        for name in ("id", "question", "reference", "rubric", "cluster"):
            value = getattr(query, name)
            if value or name in ("question", "reference", "rubric"):
                parts.append(f"{name} = {_toml(value)}\n")
        parts.append(f"tags = [{', '.join(_toml(t) for t in query.tags)}]\n")
    return "".join(parts)


def _toml(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, except for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def ask_all(asker: Answerer, queries: Sequence[Query], progress: Progress) -> list[Reply]:
    """One arm's answers to all queries, from the cache if it has answered before."""
    asked = [
        Asked([{"role": "user", "content": query.question}], None, MOST_TOKENS) for query in queries
    ]
    return asker.replies(asked, progress, "queries")


def shown_queries(queries: Sequence[Query], replies: Mapping[str, Sequence[Reply]]) -> list[Shown]:
    """Queries with the answers of all arms side by side, uncut: judges read them too."""
    if not replies:
        return []
    return [
        Shown(
            id=query.id,
            row="",
            prompt=query.question,
            wanted=cut(query.reference, 4_000),
            answers=tuple(
                ShownAnswer(
                    arm,
                    found[number].text,
                    similarity(words_of(found[number].text), query.reference)
                    if query.reference
                    else 0.0,
                    found[number].failed,
                )
                for arm, found in replies.items()
            ),
            tags=query.tags,
            cluster=query.cluster,
        )
        for number, query in enumerate(queries)
    ]
