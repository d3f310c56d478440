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


def _family(name: str, turn: str, head: str, model: str = "assistant") -> Family:
    """A family whose turns all look alike: role and text in `turn`. `model`: the role of an
    answer."""
    role = "{{ .Role }}"
    if model != "assistant":
        role = '{{ if eq .Role "assistant" }}' + model + "{{ else }}{{ .Role }}{{ end }}"

    def text(turns: Turns) -> str:
        named = ((model if r == "assistant" else r, said) for r, said in turns)
        return "".join(turn.format(*one) for one in named) + head

    each = turn.format(role, "{{ .Content }}")
    return Family(name, "{{- range .Messages }}" + each + "{{ end }}" + head, text)


def _mistral(turns: Turns) -> str:
    parts = [f"[INST] {t}[/INST]" if role == "user" else f" {t}</s>" for role, t in turns]
    return "".join(parts)


FAMILIES: tuple[Family, ...] = (
    _family("chatml", "<|im_start|>{}\n{}<|im_end|>\n", "<|im_start|>assistant\n"),
    _family(
        "llama3",
        "<|start_header_id|>{}<|end_header_id|>\n\n{}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    _family(
        "gemma", "<start_of_turn>{}\n{}<end_of_turn>\n", "<start_of_turn>model\n", model="model"
    ),
    Family(
        "mistral",
        '{{- range .Messages }}{{ if eq .Role "user" }}[INST] {{ .Content }}[/INST]'
        '{{ else if eq .Role "assistant" }} {{ .Content }}</s>{{ end }}{{ end }}',
        _mistral,
    ),
    _family("phi3", "<|{}|>\n{}<|end|>\n", "<|assistant|>\n"),
)


def family_of(render: Callable[[Turns], str], bos: str) -> Family | None:
    """The family whose text equals what the training template writes, or None.

    `render` writes a plain conversation with the head of the next answer; it may raise ValueError
    for a system message that the template refuses. A leading BOS is left to the server.
    """
    for family in FAMILIES:
        if all(render(trial).removeprefix(bos) == family.text(trial) for trial in TRIALS):
            return family if _system_agrees(render, family, bos) else None
    return None


def _system_agrees(render: Callable[[Turns], str], family: Family, bos: str) -> bool:
    """A family with its own way for system messages (Gemma, Mistral) gets no TEMPLATE."""
    try:
        return render(WITH_SYSTEM).removeprefix(bos) == family.text(WITH_SYSTEM)
    except ValueError:
        return True  # the template takes no system message
