"""Go templates for five families, for plain conversations that can be proved right.

Current Ollama uses the Jinja template inside the GGUF; a TEMPLATE is for older versions. It is
written only if the training template and the family's own text agree on plain conversations to the
character: a wrong one is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

Turns = Sequence[tuple[str, str]]

#: Plain conversations (role, text) that tell families apart.
TRIALS: tuple[Turns, ...] = (
    (("user", "One?"),),
    (("user", "One?"), ("assistant", "Two."), ("user", "Three?")),
)
WITH_SYSTEM: Turns = (("system", "Be brief."), ("user", "One?"))


class Family(msgspec.Struct, frozen=True):
    """`go`: the template in Ollama's language; `text`: what it writes, with the answer's head."""

    name: str
    go: str
    text: Callable[[Turns], str]


def _chatml(turns: Turns) -> str:
    body = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns)
    return body + "<|im_start|>assistant\n"


def _llama3(turns: Turns) -> str:
    head = "<|start_header_id|>{}<|end_header_id|>\n\n"
    body = "".join(head.format(role) + text + "<|eot_id|>" for role, text in turns)
    return body + head.format("assistant")


def _gemma(turns: Turns) -> str:
    names = {"assistant": "model"}
    body = "".join(
        f"<start_of_turn>{names.get(role, role)}\n{text}<end_of_turn>\n" for role, text in turns
    )
    return body + "<start_of_turn>model\n"


def _mistral(turns: Turns) -> str:
    parts = [f"[INST] {t}[/INST]" if role == "user" else f" {t}</s>" for role, t in turns]
    return "".join(parts)


def _phi3(turns: Turns) -> str:
    body = "".join(f"<|{role}|>\n{text}<|end|>\n" for role, text in turns)
    return body + "<|assistant|>\n"


FAMILIES: tuple[Family, ...] = (
    Family(
        "chatml",
        "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}"
        "<|im_start|>assistant\n",
        _chatml,
    ),
    Family(
        "llama3",
        "{{- range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>\n\n"
        "{{ .Content }}<|eot_id|>{{ end }}<|start_header_id|>assistant<|end_header_id|>\n\n",
        _llama3,
    ),
    Family(
        "gemma",
        '{{- range .Messages }}<start_of_turn>{{ if eq .Role "assistant" }}model'
        "{{ else }}{{ .Role }}{{ end }}\n{{ .Content }}<end_of_turn>\n{{ end }}"
        "<start_of_turn>model\n",
        _gemma,
    ),
    Family(
        "mistral",
        '{{- range .Messages }}{{ if eq .Role "user" }}[INST] {{ .Content }}[/INST]'
        '{{ else if eq .Role "assistant" }} {{ .Content }}</s>{{ end }}{{ end }}',
        _mistral,
    ),
    Family(
        "phi3",
        "{{- range .Messages }}<|{{ .Role }}|>\n{{ .Content }}<|end|>\n{{ end }}<|assistant|>\n",
        _phi3,
    ),
)


def family_of(render: Callable[[Turns], str], bos: str) -> Family | None:
    """The family whose text equals what the training template writes, or None.

    `render` writes a plain conversation with the head of the next answer; it may raise ValueError
    for a system message that the template refuses. A leading BOS is left to the server.
    """
    for family in FAMILIES:
        if all(_plain(render(trial), bos) == family.text(trial) for trial in TRIALS):
            return family if _system_agrees(render, family, bos) else None
    return None


def _system_agrees(render: Callable[[Turns], str], family: Family, bos: str) -> bool:
    """A family with its own way for system messages (Gemma, Mistral) gets no TEMPLATE."""
    try:
        return _plain(render(WITH_SYSTEM), bos) == family.text(WITH_SYSTEM)
    except ValueError:
        return True  # the template takes no system message


def _plain(text: str, bos: str) -> str:
    return text.removeprefix(bos) if bos else text
