"""A unit: files that belong together, read one after the other into sessions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ..ledger import Ledger
from ..linking import Frame, Node, sessions_of, threads, unlink
from ..model import Session
from ..ports import Keyed, ReadOptions
from .linear import Linear
from .lines import gc_paused
from .projects import project_name
from .toolbox import with_tools

#: The id of a call and the node that holds it.
Caller = tuple[str, Node]


class Unit:
    """How the files are read, and what they tell each other.

    owner    what names a record -> the node that it became, or leads to
    told     what names the records that were read: see `Linear.copied`
    calls    id of a call -> its node
    started  what names a sub-agent -> the call that started it
    nodes    those of all files, unlinked in the end
    """

    def __init__(self, source: str, options: ReadOptions, ledger: Ledger, keyed: Keyed) -> None:
        self.source, self.options, self.ledger, self.keyed = source, options, ledger, keyed
        self.owner: dict[Any, Node | None] = {}
        self.told: set[Any] = set()
        self.calls: dict[str, Node] = {}
        self.started: dict[Any, Caller] = {}
        self.nodes: list[Node] = []

    def __enter__(self) -> Unit:
        return self

    def __exit__(self, *_: object) -> None:
        unlink(self.nodes)

    def log(self, path: str, session_id: str = "") -> Linear:
        """A log in it."""
        log = Linear(path, self.options, self.ledger)
        log.session_id, log.told = session_id, self.told
        return log

    def logs(self, path: str, begins: Callable[[dict[str, Any]], str]) -> Iterator[Linear]:
        """The log in a file, and then each that was put behind it: see `Linear.records`."""
        log: Linear | None = self.log(path)
        while log is not None:
            log.begins = begins
            yield log
            rest, log = log.rest, None
            if rest is not None:
                log = self.log(path)
                log.lines = rest

    def calling(self, call: str) -> Caller | None:
        """A call by its id."""
        return (call, self.calls[call]) if call in self.calls else None

    def sessions(
        self, log: Linear, frame: Frame, caller: Caller | None = None
    ) -> Iterator[Session]:
        """The linked sessions of a log: one for each epoch. `caller`: the call that started it."""
        log.finish()
        self.nodes += log.nodes
        with gc_paused():
            found = threads([log.nodes] if log.nodes else [])
        project = frame.project or project_name(frame.cwd)
        frame = msgspec.structs.replace(frame, source=self.source, project=project)
        if caller is not None:
            call, node = caller
            frame = msgspec.structs.replace(
                frame,
                parent_call=call or frame.parent_call,
                parent_session=node.key or None,
            )
        for session in sessions_of(found, frame, log.files, self.keyed):
            yield with_tools(session, log.tools) if log.tools else session


class UnitSource(ABC):
    """A source that reads the files of a unit one after the other."""

    name: str

    @abstractmethod
    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of a unit, callers before their sub-agents."""

    def sessions(
        self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed
    ) -> Iterator[Session]:
        """The linked sessions of one unit."""
        with Unit(self.name, options, ledger, keyed) as unit:
            yield from self.read(files, unit)
