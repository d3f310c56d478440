"""The Jinja engine of chat templates, in the dialect of transformers.

It is sandboxed, with trimmed blocks, `tojson` without HTML escapes, `raise_exception`,
`strftime_now` and the `generation` tag. The date is pinned, so that the same rows give the same
tokens on any day.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from ..errors import ToolError, UsageError

Message = Mapping[str, Any]
Render = Callable[..., str]

#: The date of `strftime_now`: templates such as gpt-oss's write the day into the prompt.
PINNED_DAY = datetime(2026, 1, 1)


class TemplateRefused(ValueError):
    """The template does not take this order of roles or this kind of message."""


def render_with(
    render: Render,
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] | None,
    generation: bool,
    special: Mapping[str, str],
) -> str:
    """Text of a conversation. Raises TemplateRefused if the template raises."""
    import jinja2

    try:
        return render(
            messages=messages,
            tools=list(tools) if tools else None,
            documents=None,
            add_generation_prompt=generation,
            **special,
        )
    except (jinja2.TemplateError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise TemplateRefused(str(error) or type(error).__name__) from error


@lru_cache(maxsize=32)
def compiled(source: str) -> Render:
    """Compile a template. Raises UsageError for one that is not valid Jinja."""
    try:
        import jinja2
    except ImportError as missing:
        raise ToolError(
            "Chat templates need jinja2.", "pip install 'sessiontune[train]'"
        ) from missing
    try:
        render: Render = _environment().from_string(source).render
    except jinja2.TemplateSyntaxError as error:
        raise UsageError(
            f"The chat template is not valid: {error}.", "Mend it, or name another with --template."
        ) from error
    return render


def _environment() -> Any:
    import jinja2.ext
    from jinja2 import TemplateError, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(jinja2.ext.Extension):  # type: ignore[misc]
        """`{% generation %}`, which marks what the model writes; its body is a separate scope."""

        tags = {"generation"}  # noqa: RUF012 - jinja2's own convention

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = PINNED_DAY.strftime
    return environment
