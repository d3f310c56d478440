"""Does tuning learn answers, or only what answers look like? The control with shuffled answers.

    python benchmarks/shuffled.py FOLDER [--epochs 4] [--seed 7] [--draw 0]

Writes the bundled sample below FOLDER, exports it (conversation only), tunes a tiny base on the
training side and a second time on the same rows with the answers shuffled between the prompts, and
evaluates base, tuned and shuffled on the same held-out lineages. Both arms see the same questions,
the same answers, the same number of tokens and steps; only which answer belongs to which question
differs. So what tuned has before shuffled is what it learnt about answers *given* prompts. Within a
run the held-out side picks nothing: each adapter is the one that its last step left. The settings
below were found on this sample (with too few steps shuffled is ahead: mixed answers teach the
frequencies sooner), and the interval is over lineages, not over trainings: with another salt,
`--seed` or `--draw` the difference may have the other sign. The tiny base is too small for more.

The tiny base has random weights. Through linear layers alone an adapter cannot reach its embeddings
and its output, and in the few hundred steps of a test it would learn how frequent words are and no
more. So the adapters hold these too, which TRL's trainer refuses: the loop is here. A step takes
one short piece of a conversation.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from sessiontune.cli.main import main as sessiontune
from sessiontune.errors import PreflightError
from sessiontune.evaluation.result import Measure, Result
from sessiontune.sample import write_sample
from sessiontune.templating import Encoded, Template

#: Characters after which a conversation is cut, before the next request.
PIECE = 700
LENGTH = 512
RATE = 3e-3


def shuffle_answers(rows: Sequence[dict[str, Any]], seed: int = 0) -> int:
    """Exchange the trained answers of the rows in place; none stays in its lineage.

    Returns how many were exchanged. Raises ValueError where one lineage holds most of them.
    """
    places = [
        (row["group"], message)
        for row in rows
        for message in row["messages"]
        if message["role"] == "assistant" and message.get("train", True)
    ]
    answers = [(group, m["content"], m.get("tool_calls")) for group, m in places]
    rng = Random(seed)
    rng.shuffle(answers)
    for at, (group, _) in enumerate(places):
        if answers[at][0] != group:
            continue
        free = [
            n
            for n, (other, _) in enumerate(places)
            if answers[n][0] != group and answers[at][0] != other
        ]
        if not free:
            raise ValueError(f"lineage {group} holds most of the answers")
        n = rng.choice(free)
        answers[at], answers[n] = answers[n], answers[at]
    for (_, message), (_, content, calls) in zip(places, answers, strict=True):
        message["content"], message["tool_calls"] = content, calls
    return len(places)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON Lines file. Only a line feed ends a line: text may hold U+2028."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def pieces(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A row cut before requests into conversations of some `PIECE` characters."""
    held: list[dict[str, Any]] = []
    for message in [*row["messages"], {"role": "user", "content": ""}]:
        full = sum(len(m["content"] or "") for m in held) > PIECE or not message["content"]
        if message["role"] == "user" and full and held:
            yield {**row, "messages": held}
            held = []
        held.append(message)


def prepared(folder: Path, seed: int, share: float) -> None:
    """In `folder`: sample logs, export, its rows in pieces, a tiny base and the run's record."""
    from sessiontune.training.tiny import make_tiny

    write_sample(folder / "logs", seed=seed)
    words = ["export", folder / "logs", "-o", folder / "export", "--state", folder / "state"]
    words += ["--eval-share", share, "--no-tools"]
    if code := sessiontune(["--quiet", "--no-input", *map(str, words)]):
        raise SystemExit(code)
    for side in ("train", "eval"):
        cut = [p for row in rows_of(folder / "export" / side / "openai.jsonl") for p in pieces(row)]
        (folder / "data" / side).mkdir(parents=True)
        text = "".join(json.dumps(row) + "\n" for row in cut)
        (folder / "data" / side / "openai.jsonl").write_text(text, "utf-8")
    rows = rows_of(folder / "data/train/openai.jsonl")
    texts = [m["content"] or "" for row in rows for m in row["messages"]]
    template = Template.load(make_tiny(folder / "base", texts, vocab=1024))
    (folder / "template.jinja").write_text(template.source, "utf-8")
    record = {
        "status": "done", "name": "sample", "adapter": "adapter", "template": "template.jinja",
        "base": {"id": "tiny", "path": "base"}, "data": {"dir": str(folder / "data")},
        "stop": ["<|im_end|>"], "max_length": LENGTH,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))


def encoded(rows: Sequence[dict[str, Any]], template: Template) -> list[Encoded]:
    """Rows in tokens, cut to the length; without those whose answers bear no loss."""
    found = []
    for row in rows:
        try:
            found += template.encode(row)
        except PreflightError:
            continue  # a piece of requests alone
    return [e for e in found if any(label != -100 for label in e.labels[1:LENGTH])]


def tuned(
    rows: Sequence[dict[str, Any]], base: Path, adapter: Path, epochs: int, draw: int
) -> None:
    """Tune the base on the rows, one piece a step; the adapter is what the last step left."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(draw)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(
        r=16, lora_alpha=32, lora_dropout=0.05, task_type="CAUSAL_LM",
        target_modules=[*targets, "lm_head", "embed_tokens"],
    )  # fmt: skip
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).train()
    learnt = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=RATE)
    examples = encoded(rows, Template.load(base))
    steps, done = epochs * len(examples), 0
    for epoch in range(epochs):
        for example in Random(epoch + 1_000 * draw).sample(examples, len(examples)):
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1.0, done / 100) * (1 - 0.9 * done / steps)
            ids, labels = example.ids[:LENGTH], example.labels[:LENGTH]
            loss = model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learnt, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            done += 1
    model.save_pretrained(adapter)


def go(folder: Path, epochs: int = 4, seed: int = 7, draw: int = 0) -> Result:
    """All of it: base, tuned and shuffled on the held-out side.

    `seed` is that of the sample, `draw` that of the shuffle and of both trainings.
    """
    from sessiontune.evaluation.evaluate import EvaluationOptions, evaluate
    from sessiontune.evaluation.heldout import open_run

    prepared(folder, seed, 0.35)
    rows = rows_of(folder / "data/train/openai.jsonl")
    tuned(rows, folder / "base", folder / "adapter", epochs, draw)
    shuffle_answers(rows, draw)
    tuned(rows, folder / "base", folder / "shuffled", epochs, draw)
    arms = (f"shuffled={folder / 'shuffled'}",)
    options = EvaluationOptions(max_cases=0, rules=False, arms=arms)
    return evaluate(open_run(folder), options, lambda *_: None)


def loss_of(result: Result, arm: str, against: str) -> Measure:
    """The held-out loss of one arm minus that of another."""
    found = next(c for c in result.comparisons if (c.arm, c.against) == (arm, against))
    return found.measures[0]


def said(m: Measure) -> str:
    """One measure in a line, with its control."""
    e, c = m.found, m.control
    return (
        f"{e.difference:+.4f} ({e.low:+.4f} to {e.high:+.4f}), {e.clusters} lineages; "
        f"names permuted {c.difference:+.4f} ({c.low:+.4f} to {c.high:+.4f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--draw", type=int, default=0)
    chosen = parser.parse_args()
    result = go(chosen.folder, chosen.epochs, chosen.seed, chosen.draw)
    for arm, against in (("tuned", "base"), ("shuffled", "base"), ("tuned", "shuffled")):
        print(f"{arm} minus {against}: {said(loss_of(result, arm, against))}")


if __name__ == "__main__":
    main()
