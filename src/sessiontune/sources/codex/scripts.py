"""What a script of code mode tells while it runs: more outputs of one call.

The script of a call of `exec` may notify the model (`notify(...)`), also after the call was
answered. Each notice is one more output of that call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ...linking import Node
from ...model import Text

if TYPE_CHECKING:
    from .items import Items
    from .wire import Line, Payload

#: The tool of code mode.
SCRIPT = "exec"
#: The type of its outputs.
_TYPE = "custom_tool_call_output"


def told_later(log: Items, line: Line, payload: Payload, node: Node, text: str) -> bool:
    """Take a further output of a call of `node`; False if it is none. It is part of the result
    until something else is said, then context."""
    call = payload.call_id or ""
    again = text == node.results[call].content
    if payload.type != _TYPE or call not in log.scripts or again or not text.strip():
        return False
    if log.repeats(line, _TYPE, f"{call} {text}"):
        return True
    if node is log.nodes[-1]:
        log.notices.setdefault(call, []).append(text)
        node.result_places.append(log.place)
        return True
    log.answer = None
    notice = log.node(line, "context")
    notice.parts, notice.injected = [Text(text)], True
    return True


def tell_notices(log: Items, node: Node) -> None:
    """Put the notices of scripts below the outputs of their calls."""
    for call in log.notices.keys() & node.results.keys():
        result = node.results[call]
        texts = filter(None, (result.content, *log.notices[call]))
        node.results[call] = msgspec.structs.replace(result, content="\n".join(texts))
