"""Codex CLI: its rollouts under `sessions/YYYY/MM/DD/`.

`text` tells words from what the program wrote, `read` makes nodes, `source` is the `Source`.
"""

from .source import SOURCE

__all__ = ["SOURCE"]
