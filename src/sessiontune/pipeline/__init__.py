"""The story of an export: find, prepare (map), decide, finish (map), publish.

    discover   which logs there are and what changed (inputs.py)
    prepare    one unit of files -> a shard of redacted sessions, in workers (prepare.py)
    decide     duplicates, groups, sides of the split: the only global step (steps/dedupe.py)
    finish     one shard -> gated rows of every format, in workers (finish.py)
    publish    rows -> a folder, swapped in whole (publish.py)

Each map result is kept in the state under a key made of all it depends on, so a second run does
only what changed, and a run that was killed goes on where it was.
"""

from .build import Export, Request, export

__all__ = ["Export", "Request", "export"]
