"""The card and the report: pure, complete, safe, and true for the loaders."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sessiontune import registry
from sessiontune.figures import percent
from sessiontune.formats.card import card
from sessiontune.formats.report import report_html
from sessiontune.manifest import File, Leakage, Manifest, Options, Records, dump, load
from sessiontune.ports import Conversation, EncodeOptions
from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.ruleset import all_rules
from sessiontune.privacy.vocabulary import Vocabulary
from sessiontune.rows import features
from sessiontune.stats import Stats

from .make import calls, conversation, results, said


def example(**more: Any) -> Manifest:
    stats = Stats()
    for i in range(3):
        for made in some_conversations(i):
            stats.add(made)
    fields: dict[str, Any] = {
        "tool": "sessiontune 0",
        "name": "bensley",
        "date": "2025-11-23",
        "records": Records(files=49, read=3580, used=2119, dropped=1450, faulty=11),
        "statistics": stats.summary(),
        "drops": {"read/warmup_agent": 12, "dedupe/duplicate": 3},
        "faults": {"bad_json": 11},
        "losses": {"sharegpt/call_id": 6, "openai/thinking": 2},
        "redactions": {"email": 5},
        "leakage": (Leakage("this split", 0.0, 0.0), Leakage("random", 0.31, 0.35)),
        "files": (File("bensley_conversations_sharegpt.jsonl", "ab" * 32, 468_000, 686),),
    }
    return Manifest(**{**fields, **more})


def some_conversations(seed: int, *, branch: bool = False) -> list[Conversation]:
    main = conversation(
        said("user", f"add an invoice {seed}", at="2025-11-03T10:00:00Z"),
        calls("On it.", ("c1", "Edit", {"file_path": "api/fees.py"})),
        results(("c1", "Edit", "ok")),
        said("assistant", "Done.", model="claude-x", vendor="anthropic"),
        key=f"k{seed}",
        lineage=f"l{seed}",
        split="train" if seed else "eval",
        tags=("topic:Business logic/Invoices and fees",),
    )
    agent = conversation(
        said("user", "find it", kind="task"),
        said("assistant", "Found."),
        agent_id="a1",
        key=f"a{seed}",
        lineage=f"l{seed}",
        split="train" if seed else "eval",
    )
    return [main, agent]


def test_the_tip_counts_the_pairs_that_train() -> None:
    """It named all pairs, those that are held out too."""
    assert "with 4 pairs to train on, three epochs" in card(example())


def test_the_originals_statistics_stand_first() -> None:
    text = card(example())
    for line in (
        "- **Total conversation files processed**: 49",
        "- **Total entries parsed**: 3,580",
        "- **Total messages extracted**: 18 (6 cleaned conversation pairs)",
        "- **Export date**: November 23, 2025 (the day of the newest record, unless",
    ):
        assert line in text
    assert "| `bensley_conversations_sharegpt.jsonl` | 686 | 468&nbsp;kB |" in text


def test_topics_losses_drops_leakage_and_terms_are_told() -> None:
    text = card(example())
    for words in (
        "### Business logic",
        "- Invoices and fees (3 conversations)",
        "| warm-up runs of the agent program | 12 |",
        "| sharegpt | ids of calls | 6 |",
        "| lines that are not JSON | 11 |",
        "| random | 31% | 35% |",
        "| Python | 3 |",
        "| anthropic | 3 |",
        "prohibit training AI models on outputs",
    ):
        assert words in text, words
    assert not re.search(r"^license:", text, re.MULTILINE)


def test_card_and_report_are_functions_of_the_manifest_alone() -> None:
    manifest = example()
    again = load(dump(manifest))
    assert again == manifest
    assert card(again) == card(manifest)
    assert report_html(again) == report_html(manifest)


def test_a_name_from_a_log_cannot_break_out() -> None:
    summary = msgspec.structs.replace(
        example().statistics,
        tools={"<script>alert(1)</script>|x": 3, "`a`\n# head": 2},
        models={"[m](http://x)": 1},
    )
    manifest = example(statistics=summary)
    text = card(manifest)
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert "\n# head" not in text
    assert "[m](http" not in text.replace("\\[m\\](http", "")
    page = report_html(manifest)
    assert "<script" not in page


def test_privacy_off_is_said_in_large_letters_and_on_it_is_counted() -> None:
    assert "Privacy was switched off" in card(example(privacy=False))
    assert "Privacy was switched off" in report_html(example(privacy=False))
    text = card(example())
    assert "Privacy was switched off" not in text
    assert "| e-mail addresses | 5 |" in text


def test_plots_show_what_is_empty_and_names_with_the_same_words_are_one() -> None:
    summary = msgspec.structs.replace(
        example().statistics,
        turns={"0": 1, "4": 2, "16": 5},
        months={"2025-11": 3, "2026-02": 1},
        labels={"accepted": 2, "acceptance": 2},
    )
    drops = {"read/summary": 2, "read/ai-title": 3}
    page = report_html(example(statistics=summary, drops=drops))
    assert "<title>8: 0</title>" in page
    for month in ("2025-11: 3", "2025-12: 0", "2026-01: 0", "2026-02: 1"):
        assert month in page
    assert "answer accepted by the next prompt" in page
    assert "| titles of sessions | 5 |" in card(example(drops=drops))
    odd = msgspec.structs.replace(summary, months={"+12025-": 1, "2025-11": 1})
    assert "+12025-: 1" in report_html(example(statistics=odd))
    odd = msgspec.structs.replace(summary, months={"2025-13": 2, "2025-11": 1})
    assert "2025-13: 2" in report_html(example(statistics=odd))
    long = msgspec.structs.replace(summary, months={"2023-01": 5, "2025-11": 1})
    page = report_html(example(statistics=long))
    assert "Conversations by month (the last 24; 5 before)" in page
    assert "2023-01" not in page


def test_a_share_that_is_not_all_is_not_told_as_all() -> None:
    shares = {1.0: "100%", 0.9996: "over 99%", 0.994: "99%", 0.0995: "10%", 0.0994: "9.9%"}
    assert {share: percent(share) for share in shares} == shares
    assert (percent(0.0004), percent(0.0)) == ("under 0.1%", "0%")


def test_what_alpaca_leaves_out_is_not_told_as_the_work_of_an_option() -> None:
    text = card(example(losses={"alpaca/tool_call": 2, "alpaca/tool_result": 2}))
    assert "| alpaca | tool calls left out | 2 |" in text
    assert "left out (`--no-tools`)" not in text


def test_a_card_says_that_sessions_were_filtered() -> None:
    assert "filters" not in card(example())
    options = Options(filtered=("projects", "models"), since="2025-09-01")
    said = "passed the filters: projects, models and since September 1, 2025."
    assert said in card(example(options=options))
    assert "passed the filters: no sub-agents." in card(example(options=Options(subagents=False)))


def test_what_holds_both_sides_is_not_called_train() -> None:
    listed = [("x_conversations_raw.jsonl", 3), ("train/openai.jsonl", 2), ("eval/openai.jsonl", 1)]
    found = {c.name: dict(c.files) for c in features.configs(listed, thinking=False)}
    assert found["raw"] == {"whole": "x_conversations_raw.jsonl"}
    assert list(found["openai"]) == ["train", "eval"]


def test_one_more_than_is_shown_is_shown_too() -> None:
    def told(count: int) -> tuple[str, str]:
        tools = {f"Tool{n:02}": 50 - n for n in range(count)}
        changed = msgspec.structs.replace(example().statistics, tools=tools)
        return card(example(statistics=changed)), report_html(example(statistics=changed))

    for page in told(13):
        assert "Tool12" in page
        assert "1 more" not in page
    for page in told(14):
        assert "Tool12" not in page
        assert "2 more" in page


def test_an_empty_export_still_has_a_card_and_a_report() -> None:
    assert card(Manifest()).startswith("---\n")
    assert "<h1>" in report_html(Manifest())


def test_recipes_name_files_that_are_there() -> None:
    text = card(
        example(
            files=(
                File("bensley_conversations_sharegpt.jsonl", "", 1, 2),
                File("train/sharegpt.jsonl", "", 1, 2),
                File("eval/sharegpt.jsonl", "", 1, 2),
                File("train/openai.jsonl", "", 1, 2),
                File("eval/openai.jsonl", "", 1, 2),
                File("train/data.parquet", "", 1, 2),
            )
        )
    )
    assert "dataset: bensley_train\neval_dataset: bensley_eval" in text
    assert "path: train/data.parquet\n    ds_type: parquet" in text
    assert "adapter: lora" in text
    assert "type: chat_template" in text
    alone = card(example())
    assert "dataset: bensley\ncutoff_len" in alone
    assert "Axolotl\n\n```bash" not in alone


# ----------------------------------------------------------------------- loaders


def test_the_head_of_the_card_names_every_row_once() -> None:
    """Not the file at the top level that repeats the training side, nor an empty one."""
    yaml = pytest.importorskip("yaml")
    listed = [
        ("bensley_conversations_raw.jsonl", 9),
        ("eval/sharegpt.jsonl", 0),
        ("train/sharegpt.jsonl", 5),
        ("bensley_conversations_sharegpt.jsonl", 5),
        ("eval/openai.jsonl", 2),
        ("train/openai.jsonl", 5),
        ("long/eval.jsonl", 1),
        ("preferences/dpo.jsonl", 4),
        ("README.md", 40),
    ]
    head = yaml.safe_load(features.front_matter(listed, thinking=False))
    configs = {c["config_name"]: c for c in head["configs"]}
    assert list(configs) == ["openai", "dpo", "long", "raw", "sharegpt"]
    assert [name for name, c in configs.items() if c.get("default")] == ["openai"]
    files = {n: [(f["split"], f["path"]) for f in c["data_files"]] for n, c in configs.items()}
    assert files == {
        "openai": [("train", "train/openai.jsonl"), ("eval", "eval/openai.jsonl")],
        "dpo": [("train", "preferences/dpo.jsonl")],
        "long": [("eval", "long/eval.jsonl")],
        "raw": [("whole", "bensley_conversations_raw.jsonl")],
        "sharegpt": [("train", "train/sharegpt.jsonl")],
    }
    assert [info["config_name"] for info in head["dataset_info"]] == list(configs)
    types = {info["config_name"]: info["features"] for info in head["dataset_info"]}
    assert types["sharegpt"][:2] == [
        {
            "name": "conversations",
            "list": [
                {"name": "from", "dtype": "string"},
                {"name": "value", "dtype": "string"},
            ],
        },
        {"name": "tools", "dtype": "string"},
    ]
    calls = next(f for f in types["openai"][0]["list"] if f["name"] == "tool_calls")
    assert [f["name"] for f in calls["list"][2]["struct"]] == ["name", "arguments"]
    assert features.front_matter([("train/openai.jsonl", 0)], thinking=False) == ""


def write_export(folder: Path, *, thinking: bool) -> None:
    """An export whose first 12 MB lack what later rows hold: `datasets` guesses from 10."""
    options = EncodeOptions(thinking=thinking)
    files: dict[str, list[bytes]] = {}
    for i in range(35):
        long = said("assistant", "x" * 400_000, model="m", vendor="v")
        made = conversation(
            said("user", "2025-01-01" if i % 2 else "when?"), long, key=f"k{i}", split="train"
        )
        for one in [made] if i < 30 else [made, *some_conversations(i, branch=True)]:
            for name in ("openai", "sharegpt", "raw", "alpaca"):
                path = f"demo_conversations_{name}.jsonl"
                if name != "raw":
                    files.setdefault(f"{one.split}/{name}.jsonl", [])
                    path = f"{one.split}/{name}.jsonl"
                files.setdefault(path, []).extend(registry.format(name).encode(one, options, {}))
    listed = []
    for path, rows in files.items():
        (folder / path).parent.mkdir(exist_ok=True, parents=True)
        (folder / path).write_bytes(b"".join(row + b"\n" for row in rows))
        listed.append((path, len(rows)))
    yaml = features.front_matter(listed, thinking=thinking)
    (folder / "README.md").write_text(f"---\n{yaml}---\n")


LOAD = """
import glob, json, sys
from datasets import load_dataset, load_dataset_builder, get_dataset_config_names
seen = {}
for folder, name in ((f, n) for f in sys.argv[1:] for n in get_dataset_config_names(f)):
    types = load_dataset_builder(folder, name).info.features
    for path in glob.glob(f"{folder}/**/*{name}.jsonl", recursive=True):
        data = load_dataset("json", data_files=path, features=types, split="train")
        assert data.features == types, name
        rows = [json.loads(line) for line in open(path, "rb")]
        assert list(data) == rows, (name, path)
        if name in ("sharegpt", "alpaca"):  # LLaMA-Factory loads without being told the types
            assert list(load_dataset("json", data_files=path, split="train")) == rows, path
        seen[path] = len(data)
    load_dataset(folder, name)
print(json.dumps(len(seen)))
"""


@pytest.mark.models
def test_datasets_loads_every_file_with_the_cards_types(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    folders = [tmp_path / "demo", tmp_path / "thinking"]
    for folder in folders:
        write_export(folder, thinking=folder.name == "thinking")
    env = {
        **os.environ,
        "HF_HOME": str(tmp_path / "cache"),
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *map(str, folders)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) >= 8


@pytest.mark.parametrize("times", [7, 1_620, 23_456, 1_234_567])
def test_the_gate_takes_no_count_of_what_was_replaced_for_a_password(times: int) -> None:
    """Exports of a thousand passwords stopped at the report's own table of kinds."""
    made = example(redactions=dict.fromkeys({r.kind for r in all_rules()}, times))
    auditor = Auditor(PrivacyOptions(), Vocabulary(), b"salt")
    pages = {"card": card(made), "report": report_html(made), "manifest": dump(made)}
    assert {name: auditor.scan(page.encode(), name) for name, page in pages.items()} == {
        name: [] for name in pages
    }


def test_the_gate_takes_no_digest_of_a_file_for_the_number_of_a_card() -> None:
    """Of 10,000 exports some would have stopped at the report's own table of files, for good."""
    numbers = ["49486516" + "51320308", *(f"{n:016}" for n in range(4 * 10**15, 4 * 10**15 + 2000))]
    made = example(files=tuple(File("x.jsonl", f"{n:0<64}", 10) for n in numbers))
    auditor = Auditor(PrivacyOptions(), Vocabulary(), b"salt")
    assert auditor.scan(numbers[0].encode(), "control") != []
    for page in (card(made), report_html(made), dump(made)):
        assert auditor.scan(page.encode(), "page") == []
