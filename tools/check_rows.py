"""Do the trainers take every row of an export? Checked with their own code, not with ours.

    python tools/check_rows.py setup ENV            # fetches pinned releases into a folder
    python tools/check_rows.py run EXPORT ENV       # exit code 1 when a row is refused

Checks with LLaMA-Factory's converter and its formatters for tools and calls, Axolotl's
chat_template strategy (including labels), and `datasets` in two major versions, with the types of
the card and, for LLaMA-Factory's file, without. Only the data code of the trainers is loaded, from
wheels without their dependencies; the `train` extra of this project must be installed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

RELEASES = {
    "llamafactory": ["llamafactory==0.9.5"],
    "axolotl": ["axolotl==0.19.0", "colorama", "addict"],
    "datasets4": ["datasets==4.0.0"],
}
#: How LLaMA-Factory's templates render calls, and the tags that they look for.
TOOL_FORMATS = ("qwen", "llama3", "default", "glm4_moe", "mistral")
THOUGHTS = (("<think>\n", "\n</think>\n\n"), ("<think>", "</think>"))
CALL_TAGS = ("<tool_call>", "</tool_call>")

LOAD = """
import glob, json, sys
import datasets
from datasets import get_dataset_config_names, load_dataset, load_dataset_builder
folder, rows = sys.argv[1], 0
for name in get_dataset_config_names(folder):
    features = load_dataset_builder(folder, name).info.features
    load_dataset(folder, name)
    named = [f"{folder}/*/{name}.jsonl", f"{folder}/*_conversations_{name}.jsonl"]
    for path in (path for pattern in named for path in glob.glob(pattern)):
        if not open(path, "rb").read(1):
            continue
        data = load_dataset("json", data_files=path, features=features, split="train")
        with open(path, "rb") as lines:
            for got, line in zip(data, lines, strict=True):
                assert got == json.loads(line), f"{path}: a row came back changed"
                rows += 1
        if name == "sharegpt":
            load_dataset("json", data_files=path)
for path in glob.glob(f"{folder}/*/data.parquet"):
    rows += len(load_dataset("parquet", data_files=path, split="train"))
print(json.dumps({"version": datasets.__version__, "rows": rows}))
"""


def setup(env: Path) -> None:
    """Fetch the releases, each into its own folder, without dependencies."""
    for name, wanted in RELEASES.items():
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
        subprocess.run([*command, str(env / name), *wanted], check=True)


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file."""
    with open(path, "rb") as lines:
        for line in lines:
            yield json.loads(line)


# ------------------------------------------------------------------ LLaMA-Factory


class Roles(StrEnum):
    """LLaMA-Factory's names of roles."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    FUNCTION = "function"
    OBSERVATION = "observation"


def llamafactory_modules(folder: Path, warned: list[str]) -> tuple[Any, Any, Any]:
    """Its converter, formatter and parser; their other imports are replaced by empty modules."""

    def module(name: str, **values: Any) -> types.ModuleType:
        made = types.ModuleType(name)
        vars(made).update(values)
        sys.modules[name] = made
        return made

    root = folder / "llamafactory"
    logger = types.SimpleNamespace(warning_rank0=warned.append, warning_rank0_once=warned.append)
    module("llamafactory", __path__=[str(root)])
    module("llamafactory.data", __path__=[str(root / "data")])
    logging = module("llamafactory.extras.logging", get_logger=lambda name: logger)
    module("llamafactory.extras", __path__=[str(root / "extras")], logging=logging)
    module("llamafactory.data.data_utils", Role=Roles, SLOTS=list)
    module("llamafactory.extras.constants", DATA_CONFIG="dataset_info.json")
    module("llamafactory.extras.misc", use_modelscope=lambda: False, use_openmind=lambda: False)
    names = ("converter", "formatter", "parser")
    converter, formatter, parser = (
        importlib.import_module(f"llamafactory.data.{name}") for name in names
    )
    return converter, formatter, parser


def check_llamafactory(export: Path, env: Path) -> list[str]:
    """Convert and format every row of every entry of `dataset_info.json`."""
    warned: list[str] = []
    converter, formatter, parser = llamafactory_modules(env / "llamafactory", warned)
    folder = export / "llamafactory"
    names = list(json.loads((folder / "dataset_info.json").read_text()))
    wrong: list[str] = []
    for entry in parser.get_dataset_list(names, str(folder)):
        kind = "Alpaca" if entry.formatting == "alpaca" else "Sharegpt"
        convert = getattr(converter, f"{kind}DatasetConverter")(entry, None)
        done = calls = 0
        for number, row in enumerate(rows_of(folder / entry.dataset_name), 1):
            where = f"LLaMA-Factory {entry.dataset_name}:{number}"
            made = convert(row)
            if not made["_response"]:
                wrong.append(f"{where}: skipped")
                continue
            done += 1
            wrong += _format(formatter, made, where)
            calls += sum(m["role"] == Roles.FUNCTION for m in made["_prompt"] + made["_response"])
        print(f"LLaMA-Factory  {entry.dataset_name}: {done} rows, {calls} turns with calls")
    return wrong + [f"LLaMA-Factory warns: {w[:120]}" for w in warned]


def _format(formatter: Any, made: dict[str, Any], where: str) -> list[str]:
    wrong = []
    for style in TOOL_FORMATS:
        try:
            if made["_tools"]:
                formatter.ToolFormatter(tool_format=style).apply(content=made["_tools"])
            function = formatter.FunctionFormatter(slots=["{{content}}"], tool_format=style)
            for message in made["_prompt"] + made["_response"]:
                if message["role"] != Roles.FUNCTION:
                    continue
                for words in THOUGHTS:
                    tags = {"thought_words": words, "tool_call_words": CALL_TAGS}
                    function.apply(content=message["content"], **tags)
        except (RuntimeError, KeyError, TypeError, AttributeError) as error:
            wrong.append(f"{where}: {style}: {error!r}"[:300])
    return wrong


# ------------------------------------------------------------------------ Axolotl


def check_axolotl(export: Path, env: Path, largest: int) -> list[str]:
    """Tokenise every row of the openai files with Axolotl's strategy and look at its labels."""
    sys.path.insert(0, str(env / "axolotl"))
    from transformers import AutoTokenizer

    from sessiontune.training.tiny import make_tiny

    strategies = importlib.import_module("axolotl.prompt_strategies.chat_template")
    logging.disable(logging.WARNING)  # it warns of each row that ends in a result
    config = importlib.import_module("axolotl.utils.dict").DictDefault
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer = AutoTokenizer.from_pretrained(make_tiny(scratch, ["text"]))
        cfg = config({"sequence_len": 1 << 30, "train_on_inputs": False})
        source = {
            "field_messages": "messages",
            "field_tools": "tools",
            "message_field_training": "train",
            "roles_to_train": ["assistant"],
            "train_on_eos": "turn",
        }
        strategy = strategies.StrategyLoader()(tokenizer, cfg, source)
        for path in sorted(export.glob("*/openai.jsonl")):
            wrong += _tokenise(strategy, tokenizer, path, largest)
    return wrong


def _tokenise(strategy: Any, tokenizer: Any, path: Path, largest: int) -> list[str]:
    done = large = 0
    wrong: list[str] = []
    for number, row in enumerate(rows_of(path), 1):
        if len(json.dumps(row)) > largest:
            large += 1
            continue
        where = f"Axolotl {path.parent.name}/{path.name}:{number}"
        try:
            made = strategy.tokenize_prompt(row)
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            wrong.append(f"{where}: {error!r}"[:300])
            continue
        done += 1
        trained = tokenizer.decode([t for t in made["labels"] if t != -100])
        wrong += [f"{where}: {problem}" for problem in _labels(row["messages"], trained)]
    print(f"Axolotl        {path.parent.name}/{path.name}: {done} rows, {large} too large to try")
    return wrong


def _labels(messages: list[dict[str, Any]], trained: str) -> Iterator[str]:
    """What is wrong with the text that bears loss."""
    said = [m for m in messages if m["train"]]
    calls = [c["function"]["arguments"] for m in said for c in m["tool_calls"] or ()]
    answers = "\n".join([*(m["content"] for m in said), *calls])
    for message in messages:
        text = message["content"].strip()
        if message["train"]:
            if text[:40] not in trained:
                yield "an answer bears no loss"
            if message["tool_calls"] and "<tool_call>" not in trained:
                yield "a call bears no loss"
        elif len(text) > 200 and text[:200] in trained and text[:200] not in answers:
            yield f"a message of the role {message['role']} bears loss"


# ----------------------------------------------------------------------- datasets


def check_datasets(export: Path, env: Path) -> list[str]:
    """Load everything with the installed `datasets` and with version 4."""
    wrong = []
    for extra in ("", str(env / "datasets4")):
        with tempfile.TemporaryDirectory() as cache:
            paths = os.pathsep.join(filter(None, (extra, os.environ.get("PYTHONPATH", ""))))
            done = subprocess.run(
                [sys.executable, "-c", LOAD, str(export.absolute())],
                env={**os.environ, "PYTHONPATH": paths, "HF_HOME": cache, "HF_HUB_OFFLINE": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            wrong.append(f"datasets: {done.stderr[-600:]}")
        else:
            said = json.loads(done.stdout.splitlines()[-1])
            print(
                f"datasets {said['version']:<6}{said['rows']} rows came back as they were written"
            )
    return wrong


def main() -> int:
    """Run the command in the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup").add_argument("env", type=Path)
    run = commands.add_parser("run")
    run.add_argument("export", type=Path)
    run.add_argument("env", type=Path)
    run.add_argument("--largest", type=int, default=1 << 20, help="bytes of a row given to Axolotl")
    given = parser.parse_args()
    if given.command == "setup":
        setup(given.env)
        return 0
    checks: list[Callable[[], list[str]]] = [
        lambda: check_llamafactory(given.export, given.env),
        lambda: check_axolotl(given.export, given.env, given.largest),
        lambda: check_datasets(given.export, given.env),
    ]
    wrong = [problem for check in checks for problem in check()]
    for problem in wrong[:50]:
        print(problem, file=sys.stderr)
    print(f"{len(wrong)} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
