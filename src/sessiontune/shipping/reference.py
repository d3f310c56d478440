"""What the trained model itself does with a few probes: the measure that parity compares with.

Base and adapter run in transformers and PEFT, as in training; nothing here knows of GGUF.
"""

from __future__ import annotations

import copy
import gc
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..bits import model_class, nothing_fetched, without_habits
from ..templating import Template, load_tokenizer
from .pieces import bytes_of, shown_steps
from .run import Run
from .weights import base_weights, with_adapter

#: New tokens per probe that are compared.
STEPS = 24
#: Further tokens after which a reply that has not stopped is given up.
LONGEST = 96
#: Logarithms of probabilities kept per probe (natural logarithm, highest first).
KEPT = 256
#: Below this many bytes of weights the reference runs in float32, above in the base's own type.
_SMALL = 6 << 30

#: Odd on purpose: runs of spaces, digits, contractions, scripts, emoji and code split differently
#: wherever a pre-tokenizer is not the right one.
ODD = (
    "I'll  check 3 33 333 3333 items:\n\n\tdef naïve(x): return x**2  # 你好 мир 🚀\r\n"
    "it's 1,234.50 €   != ok?! HTTPServer_v2 ... end"
)
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file and return its text – whole.",
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string", "description": "Where it is."}},
            "required": ["path"],
        },
    },
}
ARGUMENTS = {"path": "src/main.py"}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "read_file", "arguments": json.dumps(ARGUMENTS)},
}


_ASKED = {"role": "user", "content": "What is in src/main.py?"}
_CALLED = {"role": "assistant", "content": "", "tool_calls": [CALL]}


class Probe(msgspec.Struct, frozen=True):
    """A conversation that both sides get. `greedy`: is the answer compared token by token."""

    name: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None = None
    greedy: bool = False


class Expected(msgspec.Struct, frozen=True):
    """What the trained model does with one probe.

    prompt    rendered text; `ids` its tokens as in training
    answer    greedy token ids, without the stop
    gaps      for each step, log-probability of the best minus that of the second token
    shown     the steps that a server reports (see `pieces`)
    first     token id -> log-probability at the first shown step, the KEPT most likely
    stopped   the answer ended with a stop token by itself
    """

    prompt: str
    ids: list[int]
    answer: list[int] = []
    gaps: list[float] = []
    shown: list[int] = []
    first: dict[int, float] = {}
    stopped: bool = False


class Reference(msgspec.Struct, frozen=True):
    """All probes with what is expected, and what a tool call looks like in training.

    call      text of an assistant's tool call up to the stop token; empty: template has no tools
    coarse    computed in 16 bits: tolerances are wider
    merged    largest difference in log-probability of the merged folder; None: not measured
    """

    probes: list[Probe]
    expected: list[Expected]
    stop_ids: list[int]
    bos: str
    call: str = ""
    coarse: bool = False
    merged: float | None = None


def make_probes(template: Template) -> list[Probe]:
    """The probes that this template can take."""
    user = {"role": "user", "content": "Say hello in one short sentence."}
    odd: list[dict[str, Any]] = [
        {"role": "user", "content": ODD},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "And now?"},
    ]
    if template.able.system:
        odd = [{"role": "system", "content": "You are a careful engineer."}, *odd]
    probes = [Probe("one question", [user], None, True), Probe("several turns", odd, None, True)]
    if template.able.tools and template.able.schemas:
        result = {"role": "tool", "tool_call_id": "call_1", "content": "x = 1\n"}
        probes.append(Probe("with tools", [_ASKED], [TOOL], True))
        probes.append(Probe("after a tool call", [_ASKED, _CALLED, result], [TOOL]))
    return probes


def render(tokenizer: Any, template: str, probe: Probe) -> str:
    """The prompt as transformers writes it, arguments of calls as objects, for today's date."""
    messages = copy.deepcopy(probe.messages)
    for function in (c["function"] for m in messages for c in m.get("tool_calls") or ()):
        function["arguments"] = json.loads(function["arguments"])
    text: str = tokenizer.apply_chat_template(
        messages,
        tools=probe.tools,
        chat_template=template,
        tokenize=False,
        add_generation_prompt=True,
    )
    return text


def call_text(template: Template, stops: Sequence[str]) -> str:
    """What the model has to write for a tool call, up to the stop; empty without tools."""
    if not (template.able.tools and template.able.schemas):
        return ""
    head = template.render([_ASKED], [TOOL], generation=True)
    whole = template.render([_ASKED, _CALLED], [TOOL])
    if not whole.startswith(head):
        return ""
    body = whole[len(head) :]
    cut = min((at for stop in stops if (at := body.find(stop)) >= 0), default=len(body))
    return body[:cut]


def make_reference(run: Run, merged: Path | None = None) -> Reference:
    """Run base and adapter on the probes. `merged`: also measure that folder against them.

    PreflightError when the adapter cannot be put on the base.
    """
    import warnings

    # transformers warns of names that PEFT still uses: nothing that a user could change.
    warnings.simplefilter("ignore", FutureWarning)
    tokenizer = load_tokenizer(run.tokenizer)
    template = Template(run.template, tokenizer)
    probes = make_probes(template)
    stop_ids = [int(tokenizer.convert_tokens_to_ids(text)) for text in run.stop]
    model, coarse = _load(run.base, None if run.full else run.adapter)
    expected = [_expect(model, tokenizer, run, probe, stop_ids) for probe in probes]
    del model
    gc.collect()
    apart = None
    if merged is not None and not coarse:
        apart = _apart(merged, expected)
    return Reference(
        probes=probes,
        expected=expected,
        stop_ids=stop_ids,
        bos=str(tokenizer.bos_token or ""),
        call=call_text(template, run.stop),
        coarse=coarse,
        merged=apart,
    )


def _load(base: Path, adapter: Path | None) -> tuple[Any, bool]:
    """A model in evaluation mode, and whether it computes in 16 bits."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    small = sum(f.stat().st_size for f in set(base_weights(base).values())) < _SMALL
    with nothing_fetched():
        model = model_class(base).from_pretrained(
            base,
            dtype=torch.float32 if small else "auto",
            low_cpu_mem_usage=True,
            local_files_only=True,
        )
    without_habits(model)
    if adapter is not None:
        model = with_adapter(model, base, adapter)
    return model.eval(), not small


def _expect(
    model: Any, tokenizer: Any, run: Run, probe: Probe, stop_ids: Sequence[int]
) -> Expected:
    import torch
    from transformers import GenerationConfig

    prompt = render(tokenizer, run.template, probe)
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    if run.adds_bos and ids[:1] != [tokenizer.bos_token_id]:
        ids = [tokenizer.bos_token_id, *ids]
    if not probe.greedy:
        return Expected(prompt, ids)
    wanted = GenerationConfig(
        do_sample=False,
        max_new_tokens=LONGEST,
        eos_token_id=list(stop_ids),
        pad_token_id=stop_ids[0],
        output_logits=True,
        return_dict_in_generate=True,
    )
    given = torch.tensor([ids])
    with torch.inference_mode():
        made = model.generate(
            input_ids=given, attention_mask=torch.ones_like(given), generation_config=wanted
        )
    answer = [int(i) for i in made.sequences[0, len(ids) :]]
    stopped = bool(answer) and answer[-1] in stop_ids
    kept = answer[:-1] if stopped else answer
    shown = shown_steps(bytes_of(tokenizer, kept))
    gaps: list[float] = []
    first: dict[int, float] = {}
    reported = shown[0] if shown else 0
    for step, logits in enumerate(made.logits):
        known = torch.log_softmax(logits[0].to(torch.float32), dim=-1)
        best = known.topk(min(KEPT if step == reported else 2, known.numel()))
        values = [float(v) for v in best.values]
        gaps.append(values[0] - values[1])
        if step == reported:
            first = dict(zip((int(i) for i in best.indices), values, strict=True))
    return Expected(prompt, ids, kept, gaps, shown, first, stopped)


def _apart(merged: Path, expected: Sequence[Expected]) -> float:
    """Largest difference in first-step log-probability between the merged folder and `expected`."""
    import torch

    model, _ = _load(merged, None)
    most = 0.0
    with torch.inference_mode():
        for wanted in expected:
            if not wanted.first:
                continue
            before = wanted.answer[: wanted.shown[0] if wanted.shown else 0]
            logits = model(input_ids=torch.tensor([wanted.ids + before])).logits[0, -1]
            known = torch.log_softmax(logits.to(torch.float32), dim=-1)
            most = max(most, *(abs(float(known[i]) - v) for i, v in wanted.first.items()))
    del model
    gc.collect()
    return most
