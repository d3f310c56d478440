"""Let the trainers' own validators read the files that we generate for twelve combinations.

    python tools/check_jobs.py [--env NAME=PYTHON ...]

An environment is what `sessiontune trainers install NAME` makes (or the interpreter named). Each
combination's files are written into a temporary folder beside a tiny base, and that trainer's
own argument or schema classes load them. Prints one line for each combination; the exit status
is the number of combinations that failed. Combinations without an environment are said to be so.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "training"))

from plans import COMBINATIONS, job_of  # noqa: E402

from sessiontune.ports import Job  # noqa: E402
from sessiontune.runtime.process import environment, run_job, write_files  # noqa: E402
from sessiontune.runtime.trainothers import environment_of  # noqa: E402
from sessiontune.training.tiny import make_tiny  # noqa: E402

#: Programs that load the generated files with each trainer's own classes. For the 4-bit
#: combinations bf16 is turned off, since those classes look for the GPU: what is tested is the
#: file, not the machine.
VALIDATE = {
    "trl": """
import json
from peft import LoraConfig
from trl import SFTConfig
orders = json.load(open("trainer/orders.json"))
arguments = {**orders["arguments"], "bf16": False, "fp16": False}
SFTConfig(output_dir="out", **arguments)
if orders["method"] != "full":
    LoraConfig(task_type="CAUSAL_LM", **orders["adapter"])
""",
    "llamafactory": """
import yaml
from transformers import HfArgumentParser
from llamafactory.hparams import (DataArguments, FinetuningArguments, GeneratingArguments,
                                  ModelArguments, TrainingArguments)
known = yaml.safe_load(open("trainer/llamafactory.yaml"))
known |= {"bf16": False, "fp16": False}
classes = (ModelArguments, DataArguments, TrainingArguments, FinetuningArguments,
           GeneratingArguments)
parser = HfArgumentParser(classes)
parser.parse_dict(known, allow_extra_keys=False)
""",
    "axolotl": """
import yaml
from axolotl.utils.schemas.config import AxolotlInputConfig
known = yaml.safe_load(open("trainer/axolotl.yaml"))
known |= {"bf16": False}
fields = set(AxolotlInputConfig.model_fields)
unknown = sorted(set(known) - fields)
assert not unknown, f"unknown keys: {unknown}"
AxolotlInputConfig(**known)
""",
    "unsloth": """
import ast, inspect, json
from unsloth import FastLanguageModel
from trl import SFTConfig
known = json.load(open("trainer/unsloth.json"))
ast.parse(open("trainer/train_unsloth.py").read())
takes = inspect.signature(FastLanguageModel.from_pretrained).parameters
missing = [k for k in known["model"] if k not in takes and "kwargs" not in takes]
assert not missing, missing
takes = inspect.signature(FastLanguageModel.get_peft_model).parameters
missing = [k for k in known["adapter"] if k not in takes and "kwargs" not in takes]
assert not missing, missing
SFTConfig(**{**known["arguments"], "bf16": False, "fp16": False})
""",
}


def main() -> int:
    """Run all combinations; returns the number that failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--env", action="append", default=[], metavar="NAME=PYTHON")
    given = dict(item.split("=", 1) for item in parser.parse_args().env)
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        for family in ("llama", "qwen2"):
            make_tiny(Path(place) / family, ["some text"], kind=family, vocab=400)  # type: ignore[arg-type]
        for trainer, base, method in COMBINATIONS:
            own = environment_of(trainer) / "bin" / "python"
            python = sys.executable if trainer == "trl" else given.get(trainer, str(own))
            name = f"{trainer:14}{base:8}{method:8}"
            if not Path(python).exists():
                print(f"{name}no environment ({python})", flush=True)
                failed += 1
                continue
            folder = Path(place) / f"{trainer}-{base}-{method}"
            folder.mkdir()
            (folder / "base").symlink_to(Path(place) / base)
            template = (Path(place) / base / "chat_template.jinja").read_text()
            (folder / "template.jinja").write_text(template)
            job = job_of(trainer, base, method)
            write_files(job, folder)
            lines: list[str] = []
            check = Job(
                name="validate",
                argv=(python, "-c", VALIDATE[trainer]),
                env=environment(job.env),
            )
            status = run_job(check, folder, lines.append)
            failed += status != 0
            print(f"{name}{'accepted' if status == 0 else 'REFUSED: ' + lines[-1]}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
