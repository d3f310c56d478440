"""What was planted in the training side or in an answer is found; what was only shown is not."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from string import ascii_letters, digits

from sessiontune.evaluation.canaries import made, told
from sessiontune.evaluation.heldout import Run
from sessiontune.evaluation.memory import (
    VERBATIM,
    asked_before,
    repeated,
    secrets_in,
    trained_rows,
    trained_texts,
)

PASSAGE = " ".join(f"word{n}" for n in range(40))
#: Drawn here, so that no file of the project holds a key.
KEY = "ghp" + "_" + "".join(Random(1).choices(ascii_letters + digits, k=36))


def export(folder: Path) -> Path:
    (folder / "train").mkdir(parents=True)
    call = {"function": {"name": "Write", "arguments": json.dumps({"content": f"{PASSAGE} end"})}}
    messages = [
        {"role": "user", "content": "x " * 60},
        {"role": "assistant", "content": f"Before. {PASSAGE}\nAfter."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    (folder / "train" / "openai.jsonl").write_text(json.dumps({"messages": messages}) + "\n")
    return folder


def test_a_long_passage_of_the_training_side_is_found(tmp_path: Path) -> None:
    data = export(tmp_path)
    words = PASSAGE.split()
    answers = [
        f"I say: {PASSAGE}",
        "  \n".join(words[5 : 5 + VERBATIM]),  # other white space
        " ".join(words[: VERBATIM - 1]),  # too short to mean anything
        "something else " * 40,
        "x " * 60,  # the user's words are not what the model was taught
        f"{PASSAGE}",  # it stood in the prompt
    ]
    contexts = ["", "", "", "", "", f"Here is the file:\n{PASSAGE}"]
    assert repeated(trained_rows(data), answers, contexts) == [0, 1]


def test_a_passage_inside_an_argument_counts_too(tmp_path: Path) -> None:
    answer = json.dumps({"content": f"{PASSAGE} end"})
    assert repeated(trained_rows(export(tmp_path)), [answer], [""]) == [0]


def test_preferences_that_were_trained_are_known_without_the_export(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    rows = [
        {"prompt": "p", "chosen": f"{PASSAGE} end", "rejected": f"not {PASSAGE.upper()}"},
        {"prompt": "p", "completion": PASSAGE.title(), "label": True},
    ]
    text = "".join(json.dumps(r) + "\n" for r in rows)
    (tmp_path / "data" / "train.jsonl").write_text(text)
    run = Run(tmp_path, {"data": {"dir": str(tmp_path / "gone")}})
    told = trained_texts(run, None)  # type: ignore[arg-type]
    answers = [PASSAGE, PASSAGE.upper(), PASSAGE.title()]
    assert repeated(told, answers, [""] * 3) == [0, 1, 2]


def test_questions_that_were_trained_on_are_found(tmp_path: Path) -> None:
    """As a request or inside a file, in other white space and case; not what anybody says."""
    asked = "Which port does the\n  billing service of the\tdepot use?"
    (tmp_path / "data").mkdir()
    row = {"prompt": f"<|user|>{asked}<|end|>", "completion": "8080", "label": True}
    (tmp_path / "data" / "train.jsonl").write_text(json.dumps(row) + "\n")
    run = Run(tmp_path, {"data": {"dir": str(export(tmp_path / "export"))}})
    questions = [
        "Which port?",
        "Please go on.",
        "Which port does the billing service of the DEPOT use?",
        "Which port does the billing service of the harbour use?",
        "x " * 8,
    ]

    def found() -> list[int]:
        return asked_before(trained_texts(run, None, read=True), questions)  # type: ignore[arg-type]

    assert found() == [2]
    (tmp_path / "data" / "train.jsonl").unlink()  # of an older version: what the export holds
    assert found() == [4]


def test_a_secret_in_an_answer_is_counted() -> None:
    assert secrets_in(["Nothing here.", "All 3 tests pass in src/app.py."]) == 0
    assert secrets_in([f"The key is {KEY}", "Nothing."]) == 1
    (secret,) = made(1, 1, redacted=False).secrets
    assert secrets_in([told(secret)]) == 1
    assert secrets_in([f'{{"name": "Bash", "arguments": {{"command": "export K={KEY}"}}}}']) == 1
