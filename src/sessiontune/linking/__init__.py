"""From a source's records to straight threads, and from threads to sessions.

A source turns its records into `Node`s; `threads` finds forks, resumed copies and their order;
`sessions_of` makes a session of each compaction epoch of a thread.
"""

from .sessions import Frame, epochs, fork_from, sessions_of, unlink
from .threads import Node, Place, Thread, families, placed, segments, threads

__all__ = [
    "Frame",
    "Node",
    "Place",
    "Thread",
    "epochs",
    "families",
    "fork_from",
    "placed",
    "segments",
    "sessions_of",
    "threads",
    "unlink",
]
