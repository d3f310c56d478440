"""Claude Code: its logs under `projects/`, sub-agents, side files, and SDK streams (audit.jsonl).

`wire` types the records, `text` tells words from markers, `content` reads results and side
files, `read` makes nodes, `source` is the `Source`.
"""

from .source import SOURCE

__all__ = ["SOURCE"]
