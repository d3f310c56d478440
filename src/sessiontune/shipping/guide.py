"""What to do with shipped files: a template for Ollama, and command lines for other programs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from ..runs import TEMPLATE
from ..templating import Template, TemplateRefused, load_tokenizer
from .engine import command_line
from .families import Turns, family_of
from .ollama import DEFAULT_URL
from .run import Run, adapter_config

#: What is said of a Modelfile with an adapter.
OLDER = "Ollama takes adapters up to 0.34.0; a newer one needs a merged model."


def go_template(run: Run) -> str:
    """Ollama's own template of the run's family, if it provably writes the same; else empty."""
    template = Template(run.template, load_tokenizer(run.tokenizer))

    def render(turns: Turns) -> str:
        messages = [{"role": role, "content": text} for role, text in turns]
        if not template.able.system and messages[0]["role"] == "system":
            raise TemplateRefused("no system message")
        return template.render(messages, generation=True)

    family = family_of(render, template.special["bos_token"])
    return family.go if family else ""


def commands(
    run: Run,
    out: Path,
    model: str,
    adapter: str,
    context: int,
    blobs: Mapping[Path, str],
) -> str:
    """commands.md: how to use the files with each program. `blobs` (file -> digest): given if
    Ollama gets create.json instead of a Modelfile."""
    name = run.slug
    file = shlex.quote(str(out / model))
    lora = shlex.quote(str(out / adapter)) if adapter else None
    folder = shlex.quote(str(out))
    parts = [
        f"# {run.name}\n",
        f"Made from {run.base_id}, data set {run.data_digest or 'unknown'}.\n",
        "## Ollama\n",
        f"{_ollama(run, folder, adapter, blobs)}\n",
        "## llama.cpp\n",
        f"    {command_line(file, lora, name, context)}\n",
    ]
    if not adapter:
        parts += ["## LM Studio\n", f"{lm_studio(run, out / model)}\n"]
    parts += ["## vLLM\n", f"    {shlex.join(vllm_argv(run, out))}\n"]
    parts += ["## This program\n", f"    sessiontune serve {shlex.quote(str(run.folder))}\n"]
    return "\n".join(parts)


def _ollama(run: Run, folder: str, adapter: str, blobs: Mapping[Path, str]) -> str:
    text = f"    cd {folder} && ollama create {run.slug} -f Modelfile && ollama run {run.slug}"
    if blobs:
        text = _by_http(run, folder, blobs)
    if adapter:
        text += f"\n\n{OLDER}"
    return text


def _by_http(run: Run, folder: str, blobs: Mapping[Path, str]) -> str:
    lines = [
        f"cd {folder}",
        *(
            f"curl -T {shlex.quote(str(path))} -X POST {DEFAULT_URL}/api/blobs/{digest}"
            for path, digest in blobs.items()
        ),
        f"curl {DEFAULT_URL}/api/create --data-binary @create.json",
        f"ollama run {run.slug}",
    ]
    return "\n".join(
        [
            "A Modelfile cannot carry your texts: Ollama's reader drops what does not print.",
            "Its HTTP interface keeps everything; create.json holds the request:\n",
            *(f"    {line}" for line in lines),
            f"\nOr ship again with the same options and `--ollama {run.slug}`.",
        ]
    )


def lm_studio(run: Run, file: Path) -> str:
    """LM Studio finds models two folders deep; its own import moves the file unless told not to."""
    place = f"~/.lmstudio/models/sessiontune/{run.slug}/{file.name}"
    return f"    lms import {shlex.quote(str(file))} --copy\n\nor copy the file to `{place}`."


#: The values that vLLM takes as the largest rank of an adapter.
_VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


def vllm_argv(run: Run, out: Path) -> list[str]:
    """vLLM serves the merged safetensors, or the base with the adapter."""
    merged = out / f"{run.slug}-safetensors"
    if merged.is_dir():
        return ["vllm", "serve", str(merged), "--served-model-name", run.slug]
    argv = ["vllm", "serve", str(run.base)]
    if run.full:
        argv += ["--served-model-name", run.slug]
    else:
        config = adapter_config(run.adapter)
        ranks = [int(config.get("r") or 8), *(config.get("rank_pattern") or {}).values()]
        argv += ["--enable-lora", "--lora-modules", f"{run.slug}={run.adapter}"]
        room = next((rank for rank in _VLLM_RANKS if rank >= max(ranks)), max(ranks))
        argv += ["--max-lora-rank", str(room)]
    return [*argv, "--chat-template", str(run.folder / TEMPLATE)]
