"""report.html of a run: plan, curves, preflight, in one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import html, svg
from .metrics import evaluations, overfitting, training

#: How methods and trainers are written for people.
_NAMES = {
    "lora": "LoRA",
    "lora8": "LoRA on an 8-bit base",
    "qlora": "QLoRA",
    "full": "Full fine-tuning",
    "trl": "TRL",
    "llamafactory": "LLaMA-Factory",
    "axolotl": "Axolotl",
    "unsloth": "Unsloth",
}


def render_report(
    run: Mapping[str, Any],
    lines: Sequence[Mapping[str, str]],
    checks: Sequence[Mapping[str, str]],
    metrics: Sequence[Mapping[str, Any]],
) -> str:
    """The page. `run` is run.json; `lines` the plan's table; `checks` the preflight's."""
    name = str(run.get("name", "run"))
    figures = run.get("metrics", {})
    body = html.facts(_figures(run, figures))
    note = overfitting(metrics)
    if note:
        body += html.note(note + " The adapter is the checkpoint with the best evaluation loss.")
    body += html.section("Curves", html.grid(_curves(metrics)))
    body += html.section(
        "Plan",
        html.table(
            ("setting", "value", "reason"), [(x["name"], x["value"], x["reason"]) for x in lines]
        ),
    )
    body += html.section(
        "Preflight",
        html.table(
            ("check", "result", "seen"), [(c["name"], c["level"], c["seen"]) for c in checks]
        ),
    )
    body += html.section("Made with", html.table(("package", "version"), _versions(run)))
    base = run.get("base", {}).get("id", "")
    method, trainer = str(run.get("method", "")), str(run.get("trainer", ""))
    lead = f"{_NAMES.get(method, method)} on {base} with {_NAMES.get(trainer, trainer)}"
    ended = str(run.get("ended") or "")
    footer = f"Ended {ended[:16].replace('T', ' ')} UTC." if ended.endswith("+00:00") else ended
    return html.page(f"Training run {name}", body, lead=lead, footer=footer)


def _figures(run: Mapping[str, Any], figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    def shown(name: str) -> str:
        value = figures.get(name)
        return (
            f"{value:.4f}" if isinstance(value, float) else str(value if value is not None else "-")
        )

    data = run.get("data", {})
    rate = figures.get("tokens_per_second")
    speed = [("tokens a second", f"{rate:,.0f}")] if rate else []
    return [
        ("status", str(run.get("status", ""))),
        ("evaluation loss, base", shown("base_eval_loss")),
        ("evaluation loss, tuned", shown("eval_loss")),
        ("best step", shown("best_step")),
        ("steps", shown("steps")),
        ("training rows", str(data.get("train_rows", ""))),
        ("held-out rows", str(data.get("eval_rows", ""))),
        *speed,
    ]


def _curves(metrics: Sequence[Mapping[str, Any]]) -> list[str]:
    held, train = evaluations(metrics), training(metrics)
    loss = [svg.Line("training", train), svg.Line("evaluation", held)]
    rate = [(m["step"], m["rate"]) for m in train_steps(metrics, "rate")]
    norm = [(m["step"], m["grad_norm"]) for m in train_steps(metrics, "grad_norm")]
    panels = [html.panel("Loss", svg.lines(loss, title="Loss by step", x_label="step"))]
    peak = max((value for _, value in rate), default=0.0)
    if peak:
        shares = [(step, value / peak) for step, value in rate]
        drawn = svg.lines([svg.Line("rate", shares)], title="Learning rate", x_label="step")
        panels.append(html.panel(f"Learning rate (1 is {peak:g})", drawn))
    if norm:
        drawn = svg.lines([svg.Line("norm", norm)], title="Gradient norm", x_label="step")
        panels.append(html.panel("Gradient norm", drawn))
    return panels


def train_steps(metrics: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """The training steps that measured `name`."""
    return [m for m in metrics if m["kind"] == "train" and m.get(name) is not None]


def _versions(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    return sorted((str(k), str(v)) for k, v in run.get("versions", {}).items())
