"""Records with new ids, which name the ids that they had before: copies in a fork, and prompts that
were stored under another id than the one that they were sent under.

Each gets the id of that record, so that a fork's copy is found like the copies of a resumed
session, which keep their ids, whatever model answered and wherever the fork was made.
"""

from __future__ import annotations

from ...ledger import Ledger
from ..lines import read_lines, stem
from .state import State
from .wire import Line, decode


def first_name(state: State, line: Line) -> None:
    """Give a record, and those that it names, the ids with which they were first written."""
    named, uuid, source = state.first_names, line.uuid, line.forkedFrom
    if uuid and source is not None and source.messageUuid:
        _learn(state, source.sessionId or "")
        if source.messageUuid != uuid:  # some forks keep the ids, also of a fork's copies
            named.setdefault(uuid, named.get(source.messageUuid, source.messageUuid))
    sent = line.sentAsUuid
    if uuid and sent and (sent not in state.owner or sent in state.sent):
        state.sent.add(sent)
        named[uuid] = sent
    line.uuid = named.get(uuid or "", uuid)
    line.parentUuid = named.get(line.parentUuid or "", line.parentUuid)
    line.logicalParentUuid = named.get(line.logicalParentUuid or "", line.logicalParentUuid)


def _learn(state: State, session: str) -> None:
    """Learn from what the records of a session were copied: it may be a fork itself, and its log
    may be read later."""
    chain: list[dict[str, str]] = []
    while session not in state.forks_known:
        if not state.forks_known:
            state.log_of = {stem(path): path for path in state.files}
        state.forks_known.add(session)
        copies, session = _copies(state, state.log_of.get(session, ""))
        chain.append(copies)
    for copies in reversed(chain):
        for uuid, source in copies.items():
            state.first_names.setdefault(uuid, state.first_names.get(source, source))


def _copies(state: State, path: str) -> tuple[dict[str, str], str]:
    """The copies at the beginning of a log, each with its source, and the session of the
    sources."""
    found: dict[str, str] = {}
    session = ""
    for _, raw in read_lines(path, state.options, Ledger()) if path else ():
        line = decode(raw, Ledger())
        if type(line) is not Line or not line.uuid:
            continue
        source = line.forkedFrom
        if source is None or not source.messageUuid:
            break  # its own first record
        session = source.sessionId or ""
        if source.messageUuid != line.uuid:
            found[line.uuid] = source.messageUuid
    return found, session
