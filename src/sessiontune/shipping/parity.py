"""Compare what is served with what was trained, on the chat endpoint that clients use.

Measured on tiny models (Llama and Qwen2 layout, CPU): f16 differs by less than 0.005 in
log-probability, Q8_0 by 0.04, Q4_K_M by 0.26 with other text. So text is compared for 16-bit files
only, and log-probabilities with a tolerance by type. A barely trained model neither stops nor calls
tools by itself: that is demanded only if the trained model does it, but the stop token and a tool
call's text are also *forced*, which any model can pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ..errors import EndpointError, PreflightError
from ..templating.examples import shared_length
from .reference import ARGUMENTS, CALL, LONGEST, STEPS, TOOL, Expected, Probe, Reference

#: Largest accepted difference in log-probability, by type of the file.
TOLERANCE: dict[str, float] = {
    "f16": 0.05,
    "bf16": 0.15,
    "q8_0": 0.2,
    "q6_k": 0.5,
    "q5_k_m": 0.8,
    "q5_k_s": 0.8,
    "q4_k_m": 1.2,
    "q4_k_s": 1.2,
    "q3_k_m": 2.0,
    "q2_k": 3.0,
}
#: Added if the reference itself was computed in 16 bits.
COARSE = 0.15
#: Types whose greedy text is compared.
EXACT = ("f16", "bf16")
#: A step whose two best tokens are closer than this may go either way: each of the two may be off
#: by the accepted difference.
TIE = {kind: 2 * TOLERANCE[kind] for kind in EXACT}
#: Tokens whose log-probabilities are compared at the first step.
COMPARED = 5
_FORCE = 1000.0


class Caller(Protocol):
    """The HTTP client: POST JSON, get JSON; EndpointError otherwise."""

    def call(self, path: str, data: Mapping[str, Any] | None = None) -> Any: ...


class Check(msgspec.Struct, frozen=True):
    """One comparison. `ok` None: it could not be decided, `detail` says why."""

    name: str
    ok: bool | None
    detail: str


def compare(server: Caller, reference: Reference, kind: str) -> list[Check]:
    """All checks of a served file of type `kind` (f16, q8_0, q4_k_m, ...)."""
    return list(_checks(server, reference, kind))


def refuse(checks: Sequence[Check], what: str, kind: str = EXACT[0]) -> None:
    """PreflightError naming the first failed check, if there is one, of a file of type `kind`."""
    failed = [check for check in checks if check.ok is False]
    if failed:
        more = f" ({len(failed)} checks failed)" if len(failed) > 1 else ""
        name = failed[0].name
        hint = _NEXT.get(name, "Nothing was put in place. Ship again from the run.")
        if name == "log-probabilities" and kind not in EXACT:
            hint = (
                f"Rounded to {kind} the model answers differently: take a larger type (-t f16). If"
                " that fails too, other weights are served than were trained: is it the right base?"
            )
        raise PreflightError(
            f"{what} does not behave like the trained model: {name}: {failed[0].detail}{more}", hint
        )


_NEXT = {
    "rendered prompt": "The chat template in the file is not that of the training: ship again, or"
    " train with the template that you want to serve.",
    "token count": "BOS or the pre-tokenizer differ: ship again; for a new tokenizer name its"
    " kind with --pre-tokenizer.",
    "tokens": "The pre-tokenizer differs: name its kind with --pre-tokenizer, or use a newer"
    " llama.cpp (--llama-cpp PATH).",
    "stop token": "Set the stop token of the training in run.json and ship again.",
    "log-probabilities": "Other weights are served than were trained: is this the right base?",
    "finite numbers": "Take another type (--type bf16 or q8_0), or train again with a smaller"
    " learning rate.",
    "tool call": "This llama.cpp does not know the tool calls of this template: try a newer one,"
    " or train with --template chatml.",
}


def merged_weights(reference: Reference) -> list[Check]:
    """Whether the merged folder does what base and adapter do, if that was measured."""
    if reference.merged is None:
        return []
    detail = f"largest difference {reference.merged:.4f} from the trained model"
    return [Check("merged weights", reference.merged < 0.02, detail)]


def _checks(server: Caller, reference: Reference, kind: str) -> Iterator[Check]:
    yield from merged_weights(reference)
    for probe, wanted in zip(reference.probes, reference.expected, strict=True):
        yield _prompt(server, probe, wanted, reference.bos)
        yield _tokens(server, probe, wanted)
        answer = _ask(server, probe, max_tokens=1 if not probe.greedy else STEPS)
        yield _count(answer, probe, wanted)
        if probe.greedy:
            yield _likelihood(answer, probe, wanted, kind, reference.coarse)
            if kind in EXACT:
                yield _greedy(answer, probe, wanted, kind, reference)
    for number in reference.stop_ids:
        yield _stop(server, reference.probes[0], number)
    yield _stops_itself(server, reference, kind)
    yield _call(server, reference)


def _ask(server: Caller, probe: Probe, **more: Any) -> dict[str, Any]:
    """One greedy answer of the chat endpoint, with log-probabilities."""
    data: dict[str, Any] = {
        "temperature": 0.0,
        "top_k": 1,
        "repeat_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "cache_prompt": False,
        "reasoning_format": "none",
        "logprobs": True,
        "top_logprobs": 20,
        **_said(probe),
        **more,
    }
    answer: dict[str, Any] = server.call("/v1/chat/completions", data)
    return answer


def _said(probe: Probe) -> dict[str, Any]:
    tools = {"tools": probe.tools} if probe.tools else {}
    return {"messages": probe.messages, **tools}


def _prompt(server: Caller, probe: Probe, wanted: Expected, bos: str) -> Check:
    name = "rendered prompt"
    try:
        served = str(server.call("/apply-template", _said(probe))["prompt"])
    except EndpointError as error:
        return Check(name, False, f"{probe.name}: {error.message}")
    # llama.cpp takes a BOS text away here and puts the token in front later: counted below.
    one, other = (text.removeprefix(bos) if bos else text for text in (served, wanted.prompt))
    if one == other:
        return Check(name, True, f"{probe.name}: {len(one)} characters are equal")
    at = shared_length(one, other)
    here, then = one[at : at + 40], other[at : at + 40]
    detail = f"{probe.name}: at character {at} the server writes {here!r}, the training {then!r}"
    return Check(name, False, detail)


def _tokens(server: Caller, probe: Probe, wanted: Expected) -> Check:
    data = {"content": wanted.prompt, "add_special": False, "parse_special": True}
    served = server.call("/tokenize", data)["tokens"]
    ids = wanted.ids
    if served != ids and [*served] == ids[1:]:
        served = ids  # the BOS is the server's to add; the next check counts it
    if served == ids:
        return Check("tokens", True, f"{probe.name}: {len(ids)} tokens are equal")
    at = shared_length(served, ids)
    detail = f"{len(served)} tokens for {len(ids)} in training, the first difference at token {at}"
    return Check("tokens", False, f"{probe.name}: {detail}")


def _count(answer: dict[str, Any], probe: Probe, wanted: Expected) -> Check:
    served = int(answer["usage"]["prompt_tokens"])
    ok = served == len(wanted.ids)
    detail = f"{probe.name}: {served} tokens on the chat endpoint, {len(wanted.ids)} in training"
    return Check("token count", ok, detail)


def _likelihood(
    answer: dict[str, Any], probe: Probe, wanted: Expected, kind: str, coarse: bool
) -> Check:
    name = "log-probabilities"
    steps = (answer["choices"][0].get("logprobs") or {}).get("content") or []
    if not steps:
        if not any(step < STEPS for step in wanted.shown):
            return Check(name, None, f"{probe.name}: the answer shows no text, as in training")
        return Check(name, False, f"{probe.name}: the server gives none")
    limit = TOLERANCE.get(kind, TOLERANCE["q4_k_m"]) + (COARSE if coarse else 0.0)
    held = wanted.gaps[: wanted.shown[0]] if wanted.shown else []
    if held and min(held) < limit:
        return Check(name, None, f"{probe.name}: the first tokens are parts of a character")
    apart = 0.0
    for entry in steps[0]["top_logprobs"][:COMPARED]:
        if entry["logprob"] is None:  # JSON has no other word for "not a number"
            detail = f"{probe.name}: the model computes none, its values are too large for {kind}"
            return Check("finite numbers", False, detail)
        known = wanted.first.get(int(entry["id"]))
        if known is None:
            detail = f"{probe.name}: {entry['token']!r} is likely here and was not in training"
            return Check(name, False, detail)
        apart = max(apart, abs(float(entry["logprob"]) - known))
    detail = f"{probe.name}: largest difference {apart:.4f}, accepted for {kind} {limit:.2f}"
    return Check(name, apart <= limit, detail)


def _greedy(
    answer: dict[str, Any], probe: Probe, wanted: Expected, kind: str, reference: Reference
) -> Check:
    steps = (answer["choices"][0].get("logprobs") or {}).get("content") or []
    served = [int(step["id"]) for step in steps]
    tie = TIE[kind] + (COARSE if reference.coarse else 0.0)
    shown = [step for step in wanted.shown if step < STEPS]
    before = -1
    for number, step in enumerate(shown):
        if number < len(served) and served[number] == wanted.answer[step]:
            before = step
            continue
        # Tokens that the server held back since the last shown one may be the first to differ.
        gap = min(wanted.gaps[before + 1 : step + 1])
        if gap < tie:
            detail = f"{probe.name}: {before + 1} tokens are equal, then a tie ({gap:.4f} apart)"
            return Check("greedy text", True, detail)
        if probe.tools and _begins_call(steps[:number], reference.call):
            detail = f"{probe.name}: {before + 1} tokens are equal, then the server forms a call"
            return Check("greedy text", True, detail)
        said = repr(steps[number]["token"]) if number < len(steps) else "the end"
        detail = (
            f"{probe.name}: after {before + 1} equal tokens the server writes {said}; the"
            f" trained model prefers another token by {gap:.3f}"
        )
        return Check("greedy text", False, detail)
    detail = f"{probe.name}: {len(wanted.answer[:STEPS])} tokens are equal"
    return Check("greedy text", True, detail)


def _begins_call(steps: Sequence[Mapping[str, Any]], call: str) -> bool:
    """Whether a reply has begun a tool call. From there on the server allows only the text of a
    call, whatever the model prefers: a barely trained one may repeat its mark."""
    mark = re.match(r"\s*([^\s{]+|\{)", call)
    return mark is not None and mark[1] in "".join(str(step["token"]) for step in steps)


def _stop(server: Caller, probe: Probe, number: int) -> Check:
    """When the model says the stop token, the reply must end: forced, so any model can say it."""
    answer = _ask(server, probe, max_tokens=3, logit_bias=[[number, _FORCE]])["choices"][0]
    text = str(answer["message"].get("content") or "")
    ends = answer["finish_reason"] == "stop" and not text
    goes_on = f"the reply goes on after the stop token {number} and shows {text!r}"
    return Check("stop token", ends, f"token {number} ends the reply" if ends else goes_on)


def _stops_itself(server: Caller, reference: Reference, kind: str) -> Check:
    name = "stops by itself"
    stopping = [
        (probe, wanted)
        for probe, wanted in zip(reference.probes, reference.expected, strict=True)
        if wanted.stopped and not probe.tools
    ]
    if not stopping:
        return Check(name, None, f"the trained model does not stop within {LONGEST} tokens either")
    probe, wanted = stopping[0]
    answer = _ask(server, probe, max_tokens=LONGEST * 2)
    ended = answer["choices"][0]["finish_reason"] == "stop"
    detail = (
        f"{probe.name}: after {answer['usage']['completion_tokens']} tokens; in training after"
        f" {len(wanted.answer) + 1}"
    )
    if ended or kind in EXACT:
        return Check(name, ended, detail if ended else f"{probe.name}: the reply does not end")
    return Check(name, None, f"{probe.name}: quantised, the reply is longer than {LONGEST * 2}")


def _call(server: Caller, reference: Reference) -> Check:
    """A tool call as the training writes it, forced as the beginning of the reply, must be read."""
    name = "tool call"
    probe = next((p for p in reference.probes if p.tools), None)
    if probe is None or not reference.call:
        return Check(name, None, "the template has no tools")
    prefill = {"role": "assistant", "content": reference.call}
    forced = Probe(probe.name, [*probe.messages, prefill], [TOOL])
    try:
        answer = _ask(server, forced, max_tokens=2, logit_bias=[[reference.stop_ids[0], _FORCE]])[
            "choices"
        ][0]["message"]
    except EndpointError as error:
        return Check(name, None, f"the server takes no begun reply: {error.message[:200]}")
    calls = answer.get("tool_calls") or []
    wanted = (str(CALL["function"]["name"]), ARGUMENTS)  # type: ignore[index]
    found = [(c["function"]["name"], _arguments(c["function"]["arguments"])) for c in calls]
    if found == [wanted]:
        return Check(name, True, "the call of the training is read as a tool call")
    shown = str(answer.get("content") or "")[:120]
    return Check(name, False, f"the call of the training is not read; the client sees {shown!r}")


def _arguments(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text
