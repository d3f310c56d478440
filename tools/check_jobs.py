"""Let the trainers' own validators read the files that we generate.

    python tools/check_jobs.py [--env NAME=PYTHON ...]

Twelve combinations of base, method and trainer, and each trainer's settings for several GPUs. An
environment is made by `sessiontune trainers install NAME` (or is the interpreter named). The files
are written into temporary folders beside a tiny base, and the trainer's own argument or schema
classes load them; accelerate's loader reads its file, and with `--env skypilot=PYTHON` SkyPilot's
schema and task parser read the tasks. Prints one line for each; the exit status is the number of
failures. A trainer without an environment is reported and counts as failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "training"))

from plans import COMBINATIONS, job_of, planned  # noqa: E402

from sessiontune.ports import Job  # noqa: E402
from sessiontune.runtime.process import environment, run_job, write_files  # noqa: E402
from sessiontune.runtime.trainothers import environment_of  # noqa: E402
from sessiontune.training.cluster import KINDS, files  # noqa: E402
from sessiontune.training.others import ENV  # noqa: E402
from sessiontune.training.spec import TRAINERS  # noqa: E402
from sessiontune.training.tiny import make_tiny  # noqa: E402

#: Bodies of a function that loads a folder's files with each trainer's own classes. bf16 is off, as
#: those classes look for the GPU: the file is tested, not the machine.
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
if os.path.exists("trainer/accelerate.yaml"):
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    asked = ["--config_file", "trainer/accelerate.yaml", "worker.py"]
    found, *_ = _validate_launch_command(launch_command_parser().parse_args(asked))
    assert found.num_processes == 8, found
""",
    "skypilot": """
import jsonschema, yaml, sky
from sky.utils import schemas
known = yaml.safe_load(open("trainer/sky.yaml"))
jsonschema.validate(known, schemas.get_task_schema())
jsonschema.validate(known["resources"], schemas.get_resources_schema())
sky.Task.from_yaml_config(known)
""",
    "llamafactory": """
import yaml
from transformers import HfArgumentParser
from llamafactory.hparams import (DataArguments, FinetuningArguments, GeneratingArguments,
                                  ModelArguments, TrainingArguments)
known = yaml.safe_load(open("trainer/llamafactory.yaml"))
known |= {"bf16": False, "fp16": False}
if config := known.pop("deepspeed", None):  # the classes would look for DeepSpeed itself
    from accelerate.utils.deepspeed import HfDeepSpeedConfig
    HfDeepSpeedConfig(config)
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


#: Runs such a body in each folder named, and prints the results.
AROUND = """
import os, sys, traceback
def check():
{body}
for folder in sys.argv[1:]:
    os.chdir(folder)
    try:
        check()
        print("@@", os.path.basename(folder), "accepted")
    except Exception as error:
        traceback.print_exc()
        text = str(error).strip() or repr(error)
        print("@@", os.path.basename(folder), "REFUSED: " + text.splitlines()[-1])
"""


def main() -> int:
    """Check everything; returns the number that failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--env", action="append", default=[], metavar="NAME=PYTHON")
    given = dict(item.split("=", 1) for item in parser.parse_args().env)
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        for family in ("llama", "qwen2"):
            make_tiny(Path(place) / family, ["some text"], kind=family, vocab=400)
        clusters: list[Path] = []
        for trainer in TRAINERS:
            single = [one(Path(place), t, b, m) for t, b, m in COMBINATIONS if t == trainer]
            several = [one(Path(place), trainer, "llama", "lora", kind) for kind in KINDS[trainer]]
            clusters += several
            own = sys.executable if trainer == "trl" else environment_of(trainer) / "bin" / "python"
            python = given.get(trainer, str(own))
            failed += checked(trainer, python, [*single, *several])
        if "skypilot" in given:
            failed += checked("skypilot", given["skypilot"], clusters)
    return failed


def one(place: Path, trainer: str, base: str, method: str, parallel: str = "") -> Path:
    """A folder with the files of one combination; `parallel` on two nodes of four GPUs."""
    folder = place / "-".join(filter(None, (trainer, base, method, parallel)))
    folder.mkdir()
    (folder / "base").symlink_to(place / base)
    template = (place / base / "chat_template.jinja").read_text()
    (folder / "template.jinja").write_text(template)
    more = {"parallel": parallel, "gpus": 4, "nodes": 2} if parallel else {}
    job = job_of(trainer, base, method, **more)
    write_files(job, folder)
    if parallel:
        made = files(*planned(trainer, base, method, **more), job, str(place / base))
        write_files(Job(name=trainer, files=made), folder)
    return folder


def checked(name: str, python: str, folders: list[Path]) -> int:
    """Run the validator over the folders; returns the number that it rejects."""
    if not Path(python).exists():
        print(f"{name}: no environment ({python})", flush=True)
        return len(folders)
    program = AROUND.format(body=textwrap.indent(VALIDATE[name].strip(), "    "))
    lines: list[str] = []
    argv = (python, "-c", program, *map(str, folders))
    run_job(Job(name="validate", argv=argv, env=environment(ENV)), folders[0], lines.append)
    good = 0
    for folder in folders:
        mark = f"@@ {folder.name} "
        told = next((x for x in lines if x.startswith(mark)), f"{mark}no answer: {lines[-1:]}")
        good += told == f"{mark}accepted"
        print(f"{name:14}{folder.name:30}{told.removeprefix(mark)}", flush=True)
    return len(folders) - good


if __name__ == "__main__":
    sys.exit(main())
