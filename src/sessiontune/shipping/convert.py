"""Plan conversions to GGUF, read the converter's errors, and check what came out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ..errors import PreflightError, SessiontuneError, StoreError, ToolError
from ..ports import Job
from .converter import LORA_SCRIPT, MODEL_SCRIPT, Converter
from .gguf import GgufHead, check_whole
from .leash import WATCHED
from .run import Run
from .tokenizer import Vocabulary, pre_tokenizer_name

#: Types that the converter writes itself -> bytes of a weight.
DIRECT = {"f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32}
_ENV = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    **WATCHED,
}


class Card(msgspec.Struct, frozen=True):
    """What the file says of itself. The licence is the user's to state."""

    license: str = ""
    license_link: str = ""
    author: str = ""


def plan_model(
    run: Run,
    vocabulary: Vocabulary,
    converter: Converter,
    model: Path,
    out: Path,
    kind: str,
    card: Card,
    pre: str | None = None,
) -> Job:
    """Convert the folder `model` to the file `out` of type `kind` (f16, bf16 or q8_0)."""
    files = {
        "facts.json": facts(run, vocabulary, pre or pre_tokenizer_name(run.tokenizer)),
        "metadata.json": metadata(run, card),
    }
    argv = (str(converter.script(MODEL_SCRIPT).resolve()), str(model.resolve()))
    more = ("--metadata", "metadata.json")
    return _job(f"convert to GGUF {kind}", files, (*argv, *more), kind, out)


def plan_adapter(
    run: Run, vocabulary: Vocabulary, converter: Converter, out: Path, kind: str
) -> Job:
    """Convert the run's adapter to a LoRA GGUF."""
    files = {"facts.json": facts(run, vocabulary, None)}
    argv = (str(converter.script(LORA_SCRIPT).resolve()), str(run.adapter.resolve()))
    more = ("--base", str(run.base))
    return _job("convert the adapter to GGUF", files, (*argv, *more), kind, out)


def _job(name: str, files: dict[str, str], argv: tuple[str, ...], kind: str, out: Path) -> Job:
    main = (sys.executable, "-m", "sessiontune.shipping.convert_main", "facts.json")
    to = ("--outtype", kind, "--outfile", str(out.resolve()))
    return Job(
        name=name, files=files, argv=(*main, *argv, *to), env=_ENV, outputs=(str(out.resolve()),)
    )


def facts(run: Run, vocabulary: Vocabulary, pre: str | None) -> str:
    """What the converter would guess, as JSON for `convert_main`."""
    bos = vocabulary.ids[vocabulary.bos] if vocabulary.bos else None
    said = {
        "add_bos": run.adds_bos,
        "bos": bos,
        "eos": vocabulary.ids[run.stop[0]],
        "template": run.template,
        "pre": pre,
    }
    return json.dumps(said, ensure_ascii=False)


def metadata(run: Run, card: Card) -> str:
    """The GGUF's own description. Nothing in it comes from a path of this machine."""
    said: dict[str, object] = {
        "general.name": run.name,
        "general.finetune": "full" if run.full else "LoRA",
        "general.description": (
            f"{run.base_id} tuned {'' if run.full else 'with LoRA '}by sessiontune;"
            f" data set {run.data_digest or 'unknown'}"
        ),
        "general.base_models": [{"name": run.base_id.rsplit("/", 1)[-1]}],
    }
    if "/" in run.base_id and not run.base_id.startswith(("/", ".")):
        organization, name = run.base_id.split("/", 1)
        said["general.base_models"] = [
            {
                "name": name,
                "organization": organization,
                "repo_url": f"https://huggingface.co/{run.base_id}",
            }
        ]
    more = {
        "general.datasets": [{"name": run.data_digest}] if run.data_digest else None,
        "general.license.name": card.license,
        "general.license.link": card.license_link,
        "general.author": card.author,
    }
    return json.dumps(said | {name: value for name, value in more.items() if value})


def explain(
    lines: Iterable[str], status: int, run: Run, what: str = "the conversion", full: bool = False
) -> SessiontuneError:
    """The error for a failed program: why, in words, and the next step.

    `full`: the disk was full when it ended; llama.cpp's own programs do not say so.
    """
    said = list(lines)
    text = "\n".join(said)
    if full or "No space left on device" in text or "Errno 28" in text:
        return StoreError(
            f"The disk is full: '{what}' was broken off.",
            "Free some space or name another place with --out DIR, and run the command again.",
        )
    if "pre-tokenizer was not recognized" in text:
        return ToolError(
            "The converter does not know this model's pre-tokenizer.",
            "Name the one it was built with, for example --pre-tokenizer llama-bpe or qwen2;"
            " parity then checks that it is right.",
        )
    unsupported = [line for line in said if "is not supported" in line and "Model " in line]
    if unsupported:
        return not_known(unsupported[-1].split("Model ", 1)[1].split(" is not supported")[0])
    if missing := [line for line in said if "ModuleNotFoundError" in line]:
        name = missing[-1].rsplit("'", 2)[-2] if "'" in missing[-1] else missing[-1]
        return ToolError(
            f"The converter needs the Python package {name}.", "pip install 'sessiontune[ship]'"
        )
    last = said[-1] if said else "no output"
    return ToolError(
        f"'{what}' failed (status {status}) on {run.base_id}: {last[:300]}",
        "Run the command again with --verbose to see all of its output.",
    )


def not_known(architecture: str) -> ToolError:
    """The error for a base that cannot become a GGUF here."""
    return ToolError(
        f"The converter does not know the architecture {architecture}.",
        "A newer llama.cpp may: --llama-cpp PATH, or SESSIONTUNE_LLAMA_CPP. Or `sessiontune ship`"
        " with --type safetensors, which needs none.",
    )


def check_model(path: Path, run: Run, vocabulary: Vocabulary) -> GgufHead:
    """Is the file whole, and does it carry what the training used?

    ToolError when it is cut off; PreflightError when BOS, stop, template or vocabulary differ.
    """
    head = check_whole(path)
    meta = head.meta
    if meta.get("tokenizer.ggml.add_bos_token") is not run.adds_bos:
        raise PreflightError(
            f"{path.name} has add_bos_token = {meta.get('tokenizer.ggml.add_bos_token')}; in"
            f" training it was {run.adds_bos}.",
            "The served model would see one token more or less than in training. Convert again.",
        )
    if meta.get("tokenizer.ggml.eos_token_id") != vocabulary.ids[run.stop[0]]:
        raise PreflightError(
            f"{path.name} does not stop at '{run.stop[0]}', the stop token of the training.",
            "The model would not stop by itself. Convert again.",
        )
    if meta.get("tokenizer.chat_template") != run.template:
        raise PreflightError(
            f"The chat template in {path.name} is not the one of the training.",
            "The model would see other prompts than in training. Convert again.",
        )
    check_tokens(path, meta.get("tokenizer.ggml.tokens"), vocabulary)
    return head


def check_tokens(path: Path, tokens: object, vocabulary: Vocabulary) -> None:
    """PreflightError when the file's tokens are not those of the training.

    Converters rewrite a few added tokens (marks as spaces), so up to one in a thousand may be
    spelled differently, but no stop token and no BOS. Parity also compares real text.
    """
    if not isinstance(tokens, list):
        raise PreflightError(f"{path.name} holds no vocabulary.", "Convert again.")
    wrong: list[tuple[str, int]] = []
    special = {*vocabulary.stops, vocabulary.bos}
    for text, number in vocabulary.ids.items():
        found = tokens[number] if number < len(tokens) else None
        if found is None or found.replace("\u2581", " ") != text.replace("\u2581", " "):
            wrong.append((text, number))
            if text in special or len(wrong) > len(vocabulary.ids) // 1000:
                raise PreflightError(
                    f"The vocabulary of {path.name} is another one: token {number} is"
                    f" {found!r}, in training it was {text!r}.",
                    "The adapter belongs to another base or tokenizer. Convert again.",
                )
