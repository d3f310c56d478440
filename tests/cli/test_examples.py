"""The examples stage as a user meets it: cut rows pass the gate, groups name nobody."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from sessiontune.errors import UsageError

from .conftest import Cli, manifest

#: A home that is somebody's; put together, so that this file names nobody.
HOME = "/".join(("", "home", "marie"))
BREAD = ["oven", "flour", "dough", "yeast", "crust", "bake", "loaf", "starter"]
BOATS = ["sail", "mast", "rudder", "harbour", "anchor", "keel", "wind", "tiller"]


def talk(folder: Path, number: int, project: str, *turns: tuple[str, str]) -> None:
    """One Claude Code session of plain questions and answers."""
    session = f"{number:08d}-0000-4000-8000-000000000000"
    lines, parent = [], None
    for i, (question, reply) in enumerate(turns):
        common = {"sessionId": session, "cwd": f"{HOME}/{project}", "isSidechain": False}
        day = f"2026-03-{1 + number % 28:02d}T10:{i:02d}"
        lines.append({"type": "user", "uuid": f"u{number}.{i}", "parentUuid": parent, **common,
                      "timestamp": f"{day}:00.000Z",
                      "message": {"role": "user", "content": question}})  # fmt: skip
        lines.append({"type": "assistant", "uuid": f"a{number}.{i}", "parentUuid": f"u{number}.{i}",
                      **common, "timestamp": f"{day}:30.000Z",
                      "message": {"id": f"m{number}.{i}", "role": "assistant", "model": "claude-x",
                                  "content": [{"type": "text", "text": reply}]}})  # fmt: skip
        parent = f"a{number}.{i}"
    path = folder / "projects" / f"{HOME}-{project}".replace("/", "-") / f"{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_cut_rows_pass_the_gate_where_every_line_names_a_home(tmp_path: Path, cli: Cli) -> None:
    """A pseudonym of a home folder that was cut in half would look like somebody's name."""
    for n in range(3):
        listing = "\n".join(f"{HOME}/shop/src/module{i}/file{n}.py" for i in range(400))
        asked = [(f"{listing}\nWhat is file {i}?", f"It is module {i}.") for i in range(4)]
        talk(tmp_path / "logs", n, "shop", *asked)
    code, _, err = cli(
        "export", tmp_path / "logs", "-o", tmp_path / "data", "--state", tmp_path / "state",
        "--max-tokens", "1024", "--jobs", "1",
    )  # fmt: skip
    assert code == 0, err
    rows = (tmp_path / "data" / "train" / "openai.jsonl").read_text().splitlines()
    assert any("characters left out" in row for row in rows)
    assert not any("marie" in row for row in rows)


def test_what_no_topic_covers_is_grouped_without_a_project_s_own_words(
    tmp_path: Path, cli: Cli
) -> None:
    pytest.importorskip("sklearn")
    rng = random.Random(3)
    for n in range(24):
        words = BREAD if n % 2 else BOATS
        project = f"house{n // 2 % 4}"
        own = ["secretproduct"] if project == "house1" else ["plainly"]
        texts = [" ".join(rng.choices(words, k=40) + own * 9) for _ in range(2)]
        talk(tmp_path / "logs", n, project, (texts[0], texts[1]))
    arguments = (
        "export", tmp_path / "logs", "-o", tmp_path / "data", "--state", tmp_path / "state",
        "--jobs", "1", "--no-privacy",
    )  # fmt: skip
    assert cli(*arguments)[0] == 0
    assert not any(t["group"] == "Other subjects" for t in topics(tmp_path))
    code, _, err = cli(*arguments, "--clusters")
    assert code == 0, err
    others = [t for t in topics(tmp_path) if t["group"] == "Other subjects"]
    names = " ".join(t["name"] for t in others)
    assert set(names.replace(",", "").split()) <= {*BREAD, *BOATS}
    assert {*BREAD} & {*names.replace(",", "").split()}
    assert {*BOATS} & {*names.replace(",", "").split()}
    assert all(t["lineages"] >= 3 for t in others)
    for page in ("README.md", "report.html"):
        assert "Other subjects" in (tmp_path / "data" / page).read_text()


def topics(folder: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = manifest(folder / "data")["statistics"]["topics"]
    return found


def test_clusters_without_their_library_say_so_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cli: Cli
) -> None:
    from sessiontune.steps import topics as step

    monkeypatch.setattr(step, "find_spec", lambda name: None)
    code, _, err = cli("export", tmp_path, "-o", tmp_path / "data", "--clusters")
    assert code == UsageError.code
    assert "sessiontune[topics]" in err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("sessions", "held"), [(1, 0), (8, 2), (36, 5)])
def test_who_has_little_data_is_told_what_cannot_be_judged(
    tmp_path: Path, cli: Cli, sessions: int, held: int
) -> None:

    rng = random.Random(5)
    for n in range(sessions):
        texts = [" ".join(str(rng.randrange(10**6)) for _ in range(40)) for _ in range(2)]
        talk(tmp_path / "logs", n, f"p{n % 3}", (texts[0], texts[1]))
    code, out, err = cli(
        "export", tmp_path / "logs", "-o", tmp_path / "data", "--state", tmp_path / "state",
        "--jobs", "1", "--no-privacy",
    )  # fmt: skip
    assert code == 0, err
    told = f"{held or 'None'} of {sessions} independent group"
    pages = [(tmp_path / "data" / page).read_text() for page in ("README.md", "report.html")]
    pages[1] = pages[1].replace('<span class="whole">--eval-share</span>', "--eval-share")
    for text in (" ".join(out.split()), *pages):
        assert told in text
        assert ("--eval-share 0.28" in text) == (sessions == 36)
    splits = manifest(tmp_path / "data")["statistics"]["splits"]
    assert splits.get("eval", {"groups": 0})["groups"] == held


@pytest.mark.models
def test_the_mask_is_shown_in_the_terminal_and_in_a_page(
    made: Path, tmp_path: Path, cli: Cli
) -> None:
    pytest.importorskip("torch")
    from sessiontune.training.tiny import make_tiny

    base = make_tiny(tmp_path / "tiny", ["a little text"], kind="qwen2")
    page = tmp_path / "mask.html"
    code, out, err = cli("show", made / "data", "1", "--mask", "--base", base, "--html", page)
    assert code == 0, err
    assert "tokens bear loss" in out
    html = page.read_text()
    assert html.count("<h1>") == 1
    assert '<mark title="message ' in html
    shown = re.sub(r"<mark[^>]*>(.*?)</mark>", "", html, flags=re.S)
    assert "&lt;|im_start|&gt;assistant" in shown, "the head of an answer bears no loss"


@pytest.mark.models
def test_answers_longer_than_a_row_stand_apart_and_are_shown_in_parts(
    tmp_path: Path, cli: Cli
) -> None:
    pytest.importorskip("torch")
    from sessiontune.training.tiny import make_tiny

    rng = random.Random(8)
    stories = [
        " ".join(f"Line {rng.randrange(10**6)} of it." for _ in range(900)) for _ in "12345678"
    ]
    for n, story in enumerate(stories):
        asked = [(f"Say hello to {story[:90]}", f"Hello, number {n}."), ("Tell it all.", story)]
        talk(tmp_path / "logs", n, "shop", *asked)
    out = tmp_path / "data"
    code, _, err = cli(
        "export", tmp_path / "logs", "-o", out, "--state", tmp_path / "state", "--max-tokens",
        "1024", "--jobs", "1", "--no-privacy", "--format", "sharegpt,openai,raw",
    )  # fmt: skip
    assert code == 0, err
    files = {f["path"]: f["rows"] for f in manifest(out)["files"]}
    assert files["long/train.jsonl"] + files["long/eval.jsonl"] == 8
    assert manifest(out)["losses"]["sharegpt/long_answer"] == 8
    assert "Answers longer than a whole row: 8 (8 by one text)" in (out / "README.md").read_text()
    for name in ("openai", "sharegpt"):
        text = (out / "train" / f"{name}.jsonl").read_text()
        assert not [story for story in stories if story in text]
    row = json.loads((out / "long" / "train.jsonl").read_text().splitlines()[0])
    assert [m["role"] for m in row["messages"]] == ["user", "assistant", "user", "assistant"]
    assert [m["train"] for m in row["messages"]] == [False, False, False, True]
    assert row["messages"][2]["content"] == "Tell it all."

    base = make_tiny(tmp_path / "tiny", [stories[0]], kind="qwen2", vocab=1024)
    code, shown, err = cli("show", out, row["id"], "--mask", "--base", base)
    assert code == 0, err
    parts = re.findall(r"\[\[(.*?)\]\]", shown, flags=re.S)
    assert parts.pop() == "double brackets"
    assert len(parts) > 3
    assert " ".join(shown.split()).count("Tell it all.") == len(parts), (
        "the question stands before every part"
    )
    assert " ".join("".join(parts).split()) == " ".join(
        f"{row['messages'][-1]['content']}<|im_end|>".split()
    )

    code, _, err = cli(
        "export", tmp_path / "logs", "-o", out, "--state", tmp_path / "state", "--max-tokens",
        "1024", "--jobs", "1", "--no-privacy", "--format", "sharegpt",
    )  # fmt: skip
    assert code == 0, err
    assert not (out / "long" / "train.jsonl").exists()
    assert "these files leave them out" in (out / "README.md").read_text()
