"""Fields of TrainingArguments, which all trainers take, Axolotl under some names of its own."""

from __future__ import annotations

from typing import Any

from .planner import Plan
from .spec import TrainSpec


def arguments(spec: TrainSpec, plan: Plan) -> dict[str, Any]:
    """The arguments for the plan's steps and checkpoints."""
    chosen = plan.settings
    # transformers' "constant" has no warm-up
    schedule = "constant_with_warmup" if spec.schedule == "constant" else spec.schedule
    return {
        "per_device_train_batch_size": chosen.batch,
        "per_device_eval_batch_size": chosen.batch,
        "gradient_accumulation_steps": chosen.accumulation,
        "max_steps": plan.steps,
        "learning_rate": chosen.rate,
        "lr_scheduler_type": schedule,
        "warmup_steps": plan.warmup_steps,
        "weight_decay": spec.weight_decay,
        "max_grad_norm": spec.clip,
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": plan.eval_every,
        "save_total_limit": spec.keep,
        "report_to": list(spec.log_to) or "none",
        "seed": spec.seed,
        "data_seed": spec.seed,
        "bf16": chosen.precision == "bf16",
        "fp16": chosen.precision == "fp16",
        "use_cpu": chosen.device == "cpu",
    }


def evaluated(plan: Plan) -> dict[str, Any]:
    """The arguments added if there is a held-out side: the best checkpoint counts."""
    return {
        "eval_strategy": "steps",
        "eval_steps": plan.eval_every,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
    }
