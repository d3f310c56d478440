"""Sessions of Goose.

source      finds and indexes them; sessions of a unit
store       the database and the older files: the same messages
messages    one message as nodes
"""

from .source import SOURCE

__all__ = ["SOURCE"]
