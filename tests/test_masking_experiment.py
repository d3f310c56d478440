"""Why failed turns are masked and not dropped, shown on a tiny model.

A teacher errs in 30% of its turns, sees the error, and recovers. Three models are tuned on its
sessions: on everything, without the sessions that hold an error, and with the failed turns
masked by this project's own labels. Only the last neither repeats the errors nor forgets how to
recover. The plain model is trained too, because a test in which nothing can go wrong proves
nothing.
"""

from __future__ import annotations

import random

import pytest

from sessiontune.model import Message, Session, Text, ToolCall, ToolResult
from sessiontune.steps.label import labels_of, train_flags

pytestmark = pytest.mark.models

STATES = 16
STEPS = 3
ERRORS = 0.3
SESSIONS = 700
OK, ERR = 2 * STATES, 2 * STATES + 1
VOCABULARY = 2 * STATES + 2
RIGHT = random.Random(5).sample(range(STATES), STATES)


def teacher(seed: int) -> Session:
    """One session: a state, an action; where it was wrong, an error and the right action."""
    rng = random.Random(seed)
    out: list[Message] = []

    def act(action: int, good: bool) -> None:
        n = len(out)
        command = ToolCall(f"c{n}", "Bash", {"command": f"act {action}"})
        said = "ok" if good else "Exit code 1\nwrong action"
        out.append(Message(id=f"a{n}", role="assistant", kind="answer", parts=(command,)))
        result = ToolResult(f"c{n}", "Bash", said, "ok" if good else "error")
        out.append(Message(id=f"r{n}", role="tool", kind="results", parts=(result,)))

    for step in range(STEPS):
        state = rng.randrange(STATES)
        text = Text(f"state {state}")
        out.append(Message(id=f"u{step}", role="user", kind="prompt", parts=(text,)))
        if rng.random() < ERRORS:
            act(rng.choice([a for a in range(STATES) if a != RIGHT[state]]), False)
        act(RIGHT[state], True)
    key = f"s{seed}"
    return Session(
        key=key, thread=key, lineage=key, source="test", session_id=key, messages=tuple(out)
    )


def tokens(session: Session, flags: tuple[bool, ...]) -> tuple[list[int], list[bool]]:
    """One token a message, and whether it bears loss."""
    ids: list[int] = []
    for message in session.messages:
        part = message.parts[0]
        if isinstance(part, Text):
            ids.append(int(part.text.split()[1]))
        elif isinstance(part, ToolCall):
            ids.append(STATES + int(part.arguments["command"].split()[1]))
        elif isinstance(part, ToolResult):
            ids.append(OK if part.status == "ok" else ERR)
    return ids, list(flags)


def taught() -> dict[str, list[tuple[list[int], list[bool]]]]:
    """The rows of each of the three."""
    out: dict[str, list[tuple[list[int], list[bool]]]] = {"plain": [], "dropped": [], "masked": []}
    for seed in range(SESSIONS):
        one = teacher(seed)
        labels, _ = labels_of(one)
        everything = tokens(one, tuple(m.role == "assistant" for m in one.messages))
        out["plain"].append(everything)
        if not any(x.name == "command_failed" for x in labels):
            out["dropped"].append(everything)
        out["masked"].append(tokens(one, train_flags(one, labels)))
    return out


def tune(data: list[tuple[list[int], list[bool]]], seed: int):
    """A causal transformer of two layers, trained on the tokens that bear loss."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    length = STEPS * 5 + 1

    class Tiny(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(VOCABULARY, 48)
            self.place = nn.Embedding(length, 48)
            layer = nn.TransformerEncoderLayer(48, 4, 96, 0.0, batch_first=True, norm_first=True)
            self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(48, VOCABULARY)

        def forward(self, ids):
            n = ids.shape[1]
            mask = nn.Transformer.generate_square_subsequent_mask(n)
            seen = self.embed(ids) + self.place(torch.arange(n))
            return self.head(self.body(seen, mask=mask, is_causal=True))

    model = Tiny()
    ids = torch.full((len(data), length), OK)
    targets = torch.full((len(data), length), -100)
    for i, (row, flags) in enumerate(data):
        ids[i, : len(row)] = torch.tensor(row)
        for at, flag in enumerate(flags):
            if flag:
                targets[i, at - 1] = row[at]
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3, fused=True)
    batches = 200
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, batches)
    for _ in range(batches):
        chosen = torch.randint(len(data), (48,))
        logits = model(ids[chosen])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets[chosen].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.eval()


def rates(model) -> tuple[float, float]:
    """P(a wrong action at a fresh state) and P(the right action after an error), over unseen
    sessions with errors, as probability mass (no sampling noise)."""
    import torch

    rows = [tokens(teacher(seed), ())[0] for seed in range(10_000, 10_150)]
    length = max(map(len, rows))
    with torch.no_grad():  # what stands behind a row's end is not seen from before it
        ids = torch.tensor([row + [OK] * (length - len(row)) for row in rows])
        chances = model(ids).softmax(-1).tolist()
    errors, recoveries = [], []
    for row, chance in zip(rows, chances, strict=True):
        for at in range(1, len(row)):
            if not STATES <= row[at] < 2 * STATES:
                continue
            state = next(i for i in reversed(row[:at]) if i < STATES)
            right = chance[at - 1][STATES + RIGHT[state]]
            if row[at - 1] == ERR:
                recoveries.append(right)
            else:
                errors.append(1 - right)
    return sum(errors) / len(errors), sum(recoveries) / len(recoveries)


@pytest.mark.slow
def test_masking_neither_repeats_errors_nor_forgets_recovery() -> None:
    pytest.importorskip("torch")
    found = {how: rates(tune(rows, 0)) for how, rows in taught().items()}
    for how, (error, recovery) in found.items():  # seen with `-s`: the table of the labels' page
        print(f"{how}: errs {error:.3f}, recovers {recovery:.3f}")
    error, recovery = found["masked"]
    assert error <= 0.05, found
    assert recovery >= 0.95, found
    assert found["plain"][0] >= 0.2, ("plain tuning did not learn the error rate", found)
    assert found["dropped"][0] <= 0.05, found
    assert found["dropped"][1] < 0.35, found


def test_the_labels_mask_exactly_the_errors() -> None:
    for seed in range(50):
        one = teacher(seed)
        flags = train_flags(one, labels_of(one)[0])
        for message, answer, flag in zip(
            one.messages, (*one.messages[1:], None), flags, strict=True
        ):
            if message.role == "assistant":
                assert answer is not None
                result = answer.parts[0]
                assert isinstance(result, ToolResult)
                assert flag == (result.status == "ok")
