"""A tiny model made on the spot, so that demo and tests run the real path offline.

About two million random weights, a byte-level BPE tokenizer trained on local text and a ChatML
template with tools and generation markers. It learns (held-out loss falls) but knows nothing.
The same texts and seed give the same bytes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from ..errors import ToolError, UsageError
from ..templating.bundled import bundled

Kind = Literal["llama", "qwen2"]

END_OF_TEXT = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
#: Marks of structure inside a turn: one token each, kept when special tokens are skipped.
MARKS = (
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)

#: Text that every tiny tokenizer sees, whatever the caller gives: JSON, code, shell, prose.
GENERAL_TEXTS = (
    '{"name": "Bash", "arguments": {"command": "pytest -q tests", "timeout": 60000}}',
    '{"name": "Read", "arguments": {"file_path": "/src/app/main.py", "offset": 1, "limit": 200}}',
    '{"type": "function", "function": {"name": "Edit", "description": "", "parameters": {"type": '
    '"object", "properties": {"path": {"type": "string"}}, "required": ["path"]}}}',
    "def load(path: str) -> list[int]:\n    with open(path) as file:\n        return []\n",
    "export async function get(id: string): Promise<Item> {\n  return await db.find(id);\n}\n",
    "SELECT id, name, total FROM projects WHERE status = 'open' ORDER BY total DESC LIMIT 10;",
    "The test fails because the file is missing. I will read it, change the code and run it again.",
    "Please add a button to the page that shows the list of open projects and their status.",
    "$ git status --short\n M src/main.py\n?? notes.txt\n$ npm run build\nerror: exit code 1\n",
)

#: Pre-tokenizers as llama.cpp knows them (names `llama-bpe` and `qwen2`): a model converted to
#: GGUF must split text there as it does here.
_WORDS = {
    "llama": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


def make_tiny(
    folder: str | Path,
    texts: Iterable[str],
    *,
    kind: Kind = "llama",
    seed: int = 0,
    vocab: int = 2048,
    hidden: int = 256,
    layers: int = 2,
) -> Path:
    """Make a tiny model with tokenizer and template in `folder` and return it as a path.

    `hidden` must be a multiple of 256, or K-quants cannot hold the rows. `vocab` is an upper
    bound in tokens (few texts give fewer). The folder must be empty or absent; it is filled beside
    its place and renamed. Raises UsageError for a bad argument, ToolError when the `train` extra is
    missing.
    """
    target = Path(folder)
    if kind not in _WORDS:
        raise UsageError(f"No tiny model of kind '{kind}'.", "Known kinds: llama, qwen2.")
    if hidden % 256 or hidden <= 0 or layers < 1 or vocab < 300:
        raise UsageError(
            f"A tiny model cannot have hidden={hidden}, layers={layers}, vocab={vocab}.",
            "hidden must be a multiple of 256, layers at least 1, vocab at least 300.",
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} exists and is not empty.", "Name a new folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        tokenizer = _tokenizer(texts, kind, vocab)
        _model(tokenizer, kind, seed, hidden, layers).save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        beside.chmod(0o755)
        if target.exists():
            target.rmdir()
        beside.rename(target)
    except ImportError as missing:
        raise ToolError(
            f"Making a tiny model needs {missing.name}.", "pip install 'sessiontune[train]'"
        ) from missing
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return target


def _tokenizer(texts: Iterable[str], kind: Kind, vocab: int) -> Any:
    """A byte-level BPE tokenizer: every byte has a token, so nothing is ever unknown."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    if kind == "qwen2":  # transformers gives every Qwen2 tokenizer this one
        core.normalizer = normalizers.NFC()
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS[kind]), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab - 3 - len(MARKS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator([*GENERAL_TEXTS, *texts], trainer)
    # After the words, as in Qwen and Llama 3: ids of structure stand at the end of the table.
    core.add_special_tokens([END_OF_TEXT, TURN_START, TURN_END])
    core.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in MARKS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=TURN_END,
        pad_token=END_OF_TEXT,
        model_max_length=32768,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = bundled("chatml")
    return tokenizer


def _model(tokenizer: Any, kind: Kind, seed: int, hidden: int, layers: int) -> Any:
    """Random weights from `seed`, float32, on the CPU; the caller's random state is left alone."""
    import torch
    from transformers import (
        GenerationConfig,
        LlamaConfig,
        LlamaForCausalLM,
        Qwen2Config,
        Qwen2ForCausalLM,
    )
    from transformers.utils import logging

    logging.disable_progress_bar()
    families = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM)}
    make_config, make_model = families[kind]
    config = make_config(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 2,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 128,
        max_position_embeddings=32768,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make_model(config)
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    return model.to(torch.float32)
