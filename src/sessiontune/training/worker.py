"""The training process: TRL and PEFT on our tokens. Started by `runtime`, or by hand on a folder:

    python -m sessiontune.training.worker trainer/orders.json [--resume]

It writes checkpoints, `metrics.jsonl`, the adapter and `trainer/result.json` into the working
folder, and one JSON event a line on stdout. Ctrl-C, SIGTERM, a file `trainer/stop` or the end of
its parent make it save a checkpoint and stop.
"""

from __future__ import annotations

import functools
import json
import math
import os
import shutil
import signal
import sys
import threading
from logging import ERROR, getLogger
from pathlib import Path
from typing import Any

from ..bits import fewer_bits, model_class, out_of_memory
from .watch import Reporter, StopFlag, callbacks, last_whole_checkpoint, missed

#: Exit statuses that the caller distinguishes.
STOPPED, NO_MEMORY, BAD_LOSS, BAD_DATA = 10, 12, 13, 14


def main(argv: list[str]) -> int:
    """Run the orders in argv[0]; returns the exit status."""
    orders = json.loads(Path(argv[0]).read_text("utf-8"))
    report = Reporter(Path("metrics.jsonl"))
    flag = StopFlag(Path("trainer/stop"))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: flag.set())
    if os.environ.get("SESSIONTUNE_WATCH_STDIN"):
        threading.Thread(target=_watch_stdin, args=(flag,), daemon=True).start()
    try:
        return _train(orders, "--resume" in argv, report, flag)
    except (MemoryError, RuntimeError) as error:
        if out_of_memory(error):
            report.event("no_memory", detail=str(error).splitlines()[0] if str(error) else "")
            return NO_MEMORY
        raise


def _watch_stdin(flag: StopFlag) -> None:
    """Save and stop when the parent process, which holds the other end, dies."""
    while os.read(0, 4096):
        continue
    flag.set()


def _train(orders: dict[str, Any], resume: bool, report: Reporter, flag: StopFlag) -> int:
    from transformers import PrinterCallback

    report.event("phase", text="loading the base model")
    _seeded(orders)
    trainer = _trainer(orders)
    if orders["precision"] == "fp16":
        _scalable(trainer.model)
    trainer.remove_callback(PrinterCallback)
    for callback in callbacks(report, flag, orders["patience"]):
        trainer.add_callback(callback)
    if orders["task"] == "sft" and not _data_as_ordered(trainer, orders, report):
        return BAD_DATA
    if orders["arguments"].get("packing") and not _apart(trainer, orders):
        report.event("mixed")
        return BAD_DATA
    checkpoint = None
    if resume:
        with trainer.accelerator.main_process_first():  # it removes incomplete ones
            checkpoint = last_whole_checkpoint(Path("checkpoints"))
    if checkpoint is None:
        report.keep_until(-1)
        if not _base_loss(trainer, report):
            return BAD_LOSS
    else:
        step = int(checkpoint.name.rsplit("-", 1)[1])
        report.keep_until(step)
        _patient(trainer, checkpoint)
        report.event("resumed", step=step)
    report.event("phase", text="training")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if flag.is_set() and trainer.state.global_step < orders["arguments"]["max_steps"]:
        report.event("stopped", step=trainer.state.global_step)
        return STOPPED
    return _finish(trainer, orders, report)


def _patient(trainer: Any, checkpoint: Path) -> None:
    """Let a resumed run stop early at the same step as an uninterrupted one."""
    from transformers import EarlyStoppingCallback

    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, EarlyStoppingCallback):
            callback.early_stopping_patience_counter = missed(checkpoint)


def _seeded(orders: dict[str, Any]) -> None:
    """Seed all that is random: on the CPU, the same run gives the same bytes."""
    import torch
    from transformers import set_seed
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    # It warns at every layer and step that an 8-bit product casts its inputs to fp16.
    getLogger("bitsandbytes.autograd._functions").setLevel(ERROR)
    if orders["threads"]:
        torch.set_num_threads(orders["threads"])
    set_seed(orders["seed"])
    if orders["device"] == "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Only for finding reads of uninitialised memory; it would fill every new tensor.
        torch.utils.deterministic.fill_uninitialized_memory = False


def _model(orders: dict[str, Any], adapter: Any = None) -> Any:
    """The base; sets in `adapter` which parts of it are no language model."""
    import torch

    types = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    wanted = types[orders["precision"]]
    # If all weights are tuned, they stay in full precision: a small step is lost in 16 bits.
    kept = torch.float32 if orders["method"] == "full" else wanted
    options: dict[str, Any] = {"local_files_only": True, "dtype": kept}
    split = orders["parallel"] in ("fsdp", "zero3")
    options |= fewer_bits(orders["method"], wanted, storage=wanted if split else None)
    if orders["device"] == "cuda" and not split:
        # Directly onto the GPU; otherwise all of it would be in the machine's memory first.
        options["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    elif "quantization_config" in options and not split:
        options["device_map"] = {"": "cpu"}
    model = model_class(orders["base"]).from_pretrained(orders["base"], **options)
    if orders["method"] == "qlora" and orders["device"] == "cpu":
        _keep_unpacked(model)
    model.config.use_cache = False
    if adapter is not None:
        adapter.exclude_modules = _beside_language(model) or None
    return model


def _beside_language(model: Any) -> list[str]:
    """Linear layers outside of the decoder, such as those for images: text gives no gradient."""
    import torch

    decoder = model.get_decoder()
    inside = {id(m) for m in (*decoder.modules(), model.get_output_embeddings())}
    linear = (
        n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) if id(m) not in inside
    )
    return [] if decoder is model else list(linear)


def _keep_unpacked(model: Any) -> None:
    """Some CPUs repack 4-bit weights in an evaluation, and packed ones pass no gradient back:
    training after the first evaluation would silently go wrong."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _scalable(model: Any) -> None:
    """Put trained weights into full precision: TRL keeps adapters on a quantised base in bf16,
    which GPUs that need fp16 do not have, and gradients in 16 bits cannot be scaled."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def _trainer(orders: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(orders["base"], local_files_only=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or orders["stop"]
    tokenizer.chat_template = Path(orders["template"]).read_text("utf-8")
    adapter = None
    if orders["method"] != "full":
        from peft import LoraConfig

        adapter = LoraConfig(task_type="CAUSAL_LM", bias="none", **orders["adapter"])
    load = functools.partial(_model, adapter=adapter)
    if orders["task"] != "sft":
        from .preference import preference_trainer

        return preference_trainer(orders, load, tokenizer, adapter)
    import pyarrow.parquet as pq
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    def read(name: str) -> Any:
        """The data, in memory: `Dataset.from_parquet` would leave a copy in the user's cache."""
        return Dataset(pq.read_table(name, columns=["input_ids", "labels"]))

    packing = bool(orders["arguments"].get("packing"))
    # Before the model: DeepSpeed must be known when the weights are loaded.
    arguments = SFTConfig(
        output_dir="checkpoints",
        max_length=orders["length"] if packing else None,
        dataset_kwargs={"skip_prepare_dataset": not packing},
        **orders["arguments"],
    )
    return SFTTrainer(
        model=load(orders),
        args=arguments,
        train_dataset=read(orders["train"]),
        eval_dataset=read(orders["eval"]) if orders["eval"] else None,
        processing_class=tokenizer,
        peft_config=adapter,
    )


def _data_as_ordered(trainer: Any, orders: dict[str, Any], report: Reporter) -> bool:
    """Check that the trainer uses the tokens that we gave, by counts of its own batches.

    Packed, several examples are one row; then only the tokens must agree.
    """
    import pyarrow.parquet as pq

    made = trainer.train_dataset
    given = pq.read_table(orders["train"], columns=["labels"])["labels"].to_pylist()
    wanted = sum(1 for labels in given for label in labels[1:] if label != -100)
    found = 0
    for start in range(0, len(made), 64):
        rows = [made[i] for i in range(start, min(start + 64, len(made)))]
        found += int((trainer.data_collator(rows)["labels"][:, 1:] != -100).sum())
    report.event("preflight", rows=len(made), wanted_rows=len(given), trained=found, wanted=wanted)
    packed = bool(orders["arguments"].get("packing"))
    return found == wanted and (packed or len(made) == len(given))


def _apart(trainer: Any, orders: dict[str, Any]) -> bool:
    """Whether packed examples do not see each other: an example gives the same after another one.

    Not every architecture heeds where one ends (gpt-oss does not), and none says so. On an H200 the
    two differed by at most 4e-6 of the logits' spread, in 16 bits by nothing, also with experts and
    in 4 bits; if examples mix, by 4 and more.
    """
    import torch

    if orders["parallel"] in ("fsdp", "zero3"):
        return True  # the weights are sharded here; a run on one device tells
    given = trainer.train_dataset[0]["input_ids"]
    half = min(len(given) // 2, 64)
    last, model = given[-half:], trainer.model.eval()

    def read(first: list[int]) -> Any:
        row = {"input_ids": first + last, "labels": first + last, "seq_lengths": [half, half]}
        batch = trainer.data_collator([row])
        del batch["labels"]
        with torch.no_grad():
            said = model(
                **{k: v.to(model.device) if hasattr(v, "to") else v for k, v in batch.items()}
            )
        return said.logits[0, half:].float()

    one, other = read(given[:half]), read([last[0]] * half)
    model.train()
    return float((one - other).abs().max()) <= 0.05 * float(one.std())


def _base_loss(trainer: Any, report: Reporter) -> bool:
    """Loss of the base before the first step (a fresh adapter changes nothing)."""
    if trainer.eval_dataset is None:
        return True
    loss = float(trainer.evaluate()["eval_loss"])
    report.event("base", loss=loss)
    return math.isfinite(loss) and loss > 0


def _finish(trainer: Any, orders: dict[str, Any], report: Reporter) -> int:
    name = orders["saved"]
    folder = Path(f"{name}.part")
    trainer.save_model(str(folder))  # all processes take part; the first one writes
    if not trainer.is_world_process_zero():
        return 0
    trainer.processing_class.save_pretrained("tokenizer")
    # TRL's model card holds paths of this machine.
    for stray in ("training_args.bin", "optimizer.pt", "README.md"):
        (folder / stray).unlink(missing_ok=True)
    if Path(name).exists():
        shutil.rmtree(name)
    folder.rename(name)
    result = {
        "steps": trainer.state.global_step,
        "best_checkpoint": trainer.state.best_model_checkpoint,
        "best_loss": trainer.state.best_metric,
    }
    Path("trainer/result.json").write_text(json.dumps(result, indent=2) + "\n")
    report.event("done", **result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
