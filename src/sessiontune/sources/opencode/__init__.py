"""OpenCode: its database, its older folder of JSON files, and sessions that were exported.

`store` finds sessions and messages in each of the three, `messages` makes nodes of a message and
its parts, `source` is the `Source`.
"""

from .source import SOURCE

__all__ = ["SOURCE"]
