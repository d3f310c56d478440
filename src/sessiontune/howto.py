"""Recipes for tuning on an export with the common trainers, as text for the card.

Settings and their reasons: a LoRA over all linear layers with rank 16, learning rate 2e-4, at most
three epochs, long sequences, loss on answers only. The recipes name the files that stand in the
folder, and run from inside it.
"""

from __future__ import annotations

from typing import NamedTuple

MODEL = "Qwen/Qwen3-8B"


class Place(NamedTuple):
    """Where the rows are: paths of the training and eval files ("" where there is none)."""

    name: str
    openai: str = ""
    openai_eval: str = ""
    sharegpt: str = ""
    sharegpt_eval: str = ""
    parquet: str = ""
    tools: bool = True


def sessiontune() -> str:
    """Our own command."""
    return """```bash
pip install "sessiontune[train,evaluate,ship,serve]"
sessiontune doctor                                # which models fit this machine
sessiontune train . --base MODEL -o ../RUN        # LoRA; plans, checks, runs, resumes
sessiontune evaluate ../RUN                       # base against tuned on the held-out side
sessiontune ship ../RUN                           # GGUF, quantised, ready for Ollama
sessiontune chat ../RUN
```

`train --dry-run` shows the plan. Before the first step `train` checks that exactly the answers bear
loss, and says if memory is short.
"""


def llamafactory(place: Place) -> str:
    """LLaMA-Factory 0.9.5: its own YAML, with `dataset_dir` on this folder."""
    held_out = (
        f"eval_dataset: {place.name}_eval\neval_strategy: epoch\n" if place.sharegpt_eval else ""
    )
    suffix = "_train" if place.sharegpt_eval else ""
    return f"""```bash
pip install llamafactory
llamafactory-cli train llamafactory.yaml          # the file below, saved in this folder
```

```yaml
model_name_or_path: {MODEL}
template: qwen3_nothink        # must belong to the model
stage: sft
do_train: true
finetuning_type: lora
# quantization_bit: 4          # QLoRA: for cards up to 24 GB
lora_target: all
lora_rank: 16
lora_alpha: 32
lora_dropout: 0.05
dataset_dir: llamafactory      # holds dataset_info.json for these files
dataset: {place.name}{suffix}
{held_out}cutoff_len: 8192
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 2.0e-4
lr_scheduler_type: cosine
warmup_steps: 5
num_train_epochs: 3
bf16: true
save_strategy: epoch
output_dir: ../{place.name}-llamafactory
```

Nothing of LLaMA-Factory's own folder is edited: `llamafactory/dataset_info.json` registers the
ShareGPT files with their `function_call` and `observation` turns. Use `formatting: sharegpt`; its
`openai` reader drops text that stands before a tool call. It cannot mask single answers, so turns
that failed are trained there too.
"""


def axolotl(place: Place) -> str:
    """Axolotl 0.19: chat_template over the openai rows, per-message loss, an explicit adapter."""
    source = place.parquet or place.openai
    kind = "parquet" if place.parquet else "json"
    body = f"""    ds_type: {kind}
    type: chat_template
    field_messages: messages
    field_tools: tools
    message_field_training: train
    roles_to_train: [assistant]
    train_on_eos: turn
"""
    tests = ""
    if place.openai_eval:
        held_out = place.openai_eval
        if place.parquet:
            held_out = "eval/data.parquet"
        tests = f"test_datasets:\n  - path: {held_out}\n    split: train\n{body}"
    return _AXOLOTL.format(model=MODEL, source=source, body=body, tests=tests, name=place.name)


_AXOLOTL = """```bash
pip install axolotl
export AXOLOTL_DO_NOT_TRACK=1
axolotl preprocess axolotl.yaml --debug           # shows which tokens are trained
axolotl train axolotl.yaml
```

```yaml
base_model: {model}
adapter: lora                  # without this line it is a full fine-tune
# load_in_4bit: true           # with adapter: qlora, for cards up to 24 GB
lora_r: 16
lora_alpha: 32
lora_dropout: 0.05
lora_target_linear: true
datasets:
  - path: {source}
{body}{tests}sequence_len: 8192             # longer rows are dropped: see the lengths above
micro_batch_size: 1
gradient_accumulation_steps: 8
num_epochs: 3
learning_rate: 0.0002
lr_scheduler: cosine
warmup_steps: 5
bf16: auto
output_dir: ../{name}-axolotl
```

`type: sharegpt`, which older recipes name, is gone from Axolotl.
"""


def unsloth(place: Place) -> str:
    """Unsloth 2026.10: a script over the openai rows, and GGUF at the end."""
    source = place.parquet or place.openai
    kind = "parquet" if place.parquet else "json"
    return _UNSLOTH.format(kind=kind, source=source, name=place.name)


_UNSLOTH = """```bash
pip install unsloth
```

```python
import json

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer
from unsloth import FastLanguageModel
from unsloth.chat_templates import train_on_responses_only

model, tokenizer = FastLanguageModel.from_pretrained(
    "unsloth/Qwen3-8B", max_seq_length=8192, load_in_4bit=True
)
model = FastLanguageModel.get_peft_model(model, r=16, lora_alpha=32, lora_dropout=0.05)


def text(row):
    messages = []
    for given in row["messages"]:
        message = {{k: v for k, v in given.items() if v is not None and k != "train"}}
        for call in message.get("tool_calls", []):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        messages.append(message)
    tools = json.loads(row["tools"]) or None
    return {{"text": tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)}}


rows = load_dataset("{kind}", data_files="{source}", split="train").map(text)
trainer = SFTTrainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=rows.select_columns("text"),
    args=SFTConfig(
        output_dir="../{name}-unsloth",
        max_length=8192,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=8,
        learning_rate=2e-4,
        lr_scheduler_type="cosine",
        warmup_steps=5,
        num_train_epochs=3,
    ),
)
trainer = train_on_responses_only(
    trainer, instruction_part="<|im_start|>user\\n", response_part="<|im_start|>assistant\\n"
)
trainer.train()
model.save_pretrained_gguf("../{name}-gguf", tokenizer, quantization_method="q4_k_m")
```

`save_model_for_ollama`, which older recipes name, does not exist; Ollama reads the GGUF file.
"""


def hardware() -> str:
    """What fits on which card: the plans of `sessiontune train`, as in docs/howto/train.md."""
    return """| NVIDIA GPU | 1.5B | 3B | 4B | 8B | 14B |
|---|---|---|---|---|---|
| 8 GB | lora, 8192 | qlora, 8192 | qlora, 8192 | too large | too large |
| 12 GB | lora, 8192 | lora, 8192 | qlora, 8192 | qlora, 4096 | too large |
| 16 GB | lora, 8192 | lora, 8192 | lora, 8192 | qlora, 8192 | qlora, 4096 |
| 24 GB | lora, 8192 | lora, 8192 | lora, 8192 | qlora, 8192 | qlora, 8192 |

Method and tokens of a row that `sessiontune train` plans by itself; other trainers may need more.
`sessiontune doctor --base MODEL` says what your machine takes.

- **Minimum** (QLoRA, up to 4B): 16 GB RAM, an NVIDIA GPU with 8 GB VRAM, 50 GB of disk.
- **Recommended** (8B and more): 32 GB RAM, a GPU with 16 to 24 GB VRAM, 100 GB of SSD.
"""


def training(place: Place, pairs: str) -> str:
    """The card's sections on training, for the files that are there."""
    out = ["## Training Recommendations\n", "### Option 1: sessiontune\n", sessiontune()]
    if place.sharegpt:
        out += ["### Option 2: LLaMA-Factory\n", llamafactory(place)]
    if place.openai:
        out += ["### Option 3: Axolotl\n", axolotl(place)]
        out += ["### Option 4: Unsloth, then Ollama\n", unsloth(place)]
    return "\n".join([*out, _TIPS.format(pairs=pairs), "## Hardware Requirements\n", hardware()])


_TIPS = """## Training Tips

1. **Start small**: a 4B to 8B model shows within an evening whether the data helps.
2. **LoRA or QLoRA, all linear layers**: equals full fine-tuning on sets of this size.
3. **Watch for overfitting**: with {pairs} to train on, three epochs are the most. Keep a checkpoint
   of each and let the held-out side choose.
4. **Do not cut to 1,024 or 2,048 tokens**: what an agent session teaches comes later.
5. **Mix in general data** (`--mix`) so that the model does not forget what it knew.
6. **Test with your own questions**: `sessiontune evaluate` compares base and tuned, and says how
   sure it is.
"""


def exporting_again() -> str:
    """The card's section on the next export."""
    return """## Re-exporting Data

```bash
cd .. && sessiontune export -o NAME  # this folder's name; or: python3 export_conversations.py
```

A second run reads only what is new or has changed. Filters (`--since`, `--project`, `--vendor`,
`--no-tools`, ...), formats and your own preprocessing hook are options; `recipe.toml` holds those
of this export, and `--recipe NAME/recipe.toml` uses them again. Names, projects and paths are
private, so it holds only their digests: write the values into a copy. `manifest.json` holds every
count of this page and the digest of every file.
"""
