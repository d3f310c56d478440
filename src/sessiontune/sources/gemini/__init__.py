"""Gemini CLI: chats as documents and as growing lines, their sub-agents, and saved histories.

`chats` puts the writings of a chat in order, `messages` makes nodes of a message, `source` is the
`Source`.
"""

from .source import SOURCE

__all__ = ["SOURCE"]
