"""A whole evaluation of a tiny run: arms, agreement with a plain computation, resume, faults."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console as Rich

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from sessiontune.cli.evaluate import draw  # noqa: E402
from sessiontune.cli.main import main  # noqa: E402
from sessiontune.errors import UsageError  # noqa: E402
from sessiontune.evaluation import actions, answering  # noqa: E402
from sessiontune.evaluation.arms import base_digest, read_arm, unlike  # noqa: E402
from sessiontune.evaluation.evaluate import Bench, EvaluationOptions, evaluate  # noqa: E402
from sessiontune.evaluation.heldout import (  # noqa: E402
    Run,
    held_digest,
    open_run,
    template_examples,
)
from sessiontune.evaluation.local import Lab  # noqa: E402
from sessiontune.evaluation.losses import trainer_mean  # noqa: E402
from sessiontune.evaluation.markdown import report_markdown  # noqa: E402
from sessiontune.evaluation.queries import Query  # noqa: E402
from sessiontune.evaluation.result import Result  # noqa: E402
from sessiontune.runtime.heldside import examples_of, side_of  # noqa: E402
from sessiontune.runtime.trained import keep  # noqa: E402
from sessiontune.templating import TemplateRefused  # noqa: E402

from .conftest import ModelServer  # noqa: E402


def quiet(*_: Any) -> None:
    """No progress shown."""


def opened(run: Run, options: EvaluationOptions) -> Bench:
    side = side_of(run)
    return Bench(run, options, quiet, side, examples_of(run, side))


def evaluated(run: Run, options: EvaluationOptions) -> Result:
    side = side_of(run)
    return evaluate(run, options, quiet, side, examples_of(run, side))


def row(number: int, side: str) -> dict[str, Any]:
    call = {"name": "Read", "arguments": json.dumps({"file_path": f"src/{number}.py"})}
    return {
        "messages": [
            {"role": "system", "content": "Always read the file first."},
            {"role": "user", "content": f"Fix file {number}."},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [{"id": "a", "type": "function", "function": call}],
                "train": True,
            },
            {"role": "tool", "content": "x = 1", "tool_call_id": "a", "name": "Read"},
            {"role": "assistant", "content": f"File {number} is fixed now.", "train": True},
        ],
        "tools": "[]",
        "id": f"{side}{number}",
        "group": f"g{number // 2}",
        "split": side,
        "tags": "topic:Files,outcome:accepted" if number % 2 else "topic:Other",
    }


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as `train` leaves it, with an adapter of random weights instead of a training."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from sessiontune.templating import Template
    from sessiontune.training.tiny import make_tiny

    folder = tmp_path_factory.mktemp("run")
    data = folder / "data-set"
    rows = {
        side: [row(n, side) for n in range(count)] for side, count in (("train", 8), ("eval", 6))
    }
    for side, listed in rows.items():
        (data / side).mkdir(parents=True)
        text = "".join(json.dumps(r) + "\n" for r in listed)
        (data / side / "openai.jsonl").write_text(text)
    base = make_tiny(folder / "base", [json.dumps(r) for r in rows["train"]], vocab=500)
    template = Template.load(base)
    (folder / "template.jinja").write_text(template.source)
    encoded = [
        (f"eval/openai.jsonl:{n}", e)
        for n, r in enumerate(rows["eval"], 1)
        for e in template.encode(r)
    ]
    (folder / "data").mkdir()
    columns = {
        "where": [w for w, _ in encoded],
        "input_ids": [e.ids for _, e in encoded],
        "labels": [e.labels for _, e in encoded],
    }
    pq.write_table(pa.table(columns), folder / "data" / "eval.parquet")
    for name, seed in (("adapter", 1), ("other", 2)):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_pretrained(base)
        config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
        get_peft_model(model, config).save_pretrained(folder / name)
    record = {
        "status": "done",
        "name": "r",
        "base": {"id": "tiny", "path": "base", "sha256": "1"},
        "data": {"dir": str(data)},
        "adapter": "adapter",
        "template": "template.jinja",
        "stop": ["<|im_end|>"],
        "max_length": 512,
        "settings": {"batch": 2},
        "metrics": {},
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(autouse=True)
def few_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short answers: what they say does not matter here."""
    monkeypatch.setattr(actions, "MOST_TOKENS", 12)
    monkeypatch.setattr("sessiontune.evaluation.queries.MOST_TOKENS", 12)


def test_losses_are_those_of_a_plain_computation(run_folder: Path) -> None:
    """Against the whole row of logits and the library's own loss, base and adapter."""
    bench = opened(open_run(run_folder), EvaluationOptions(max_cases=0))
    bench.lose()
    for arm in bench.arms:
        if arm.kind == "rules":
            continue
        for example, found in zip(bench.examples, bench.losses[arm.name], strict=True):
            with torch.inference_mode(), bench.lab.model(arm) as model:
                out = model(
                    input_ids=torch.tensor([example.ids]), labels=torch.tensor([example.labels])
                )
            assert found.mean == pytest.approx(float(out.loss), abs=1e-4)
            assert found.tokens == sum(label != -100 for label in example.labels[1:])
    names = ("base", "tuned")
    assert len({round(trainer_mean(bench.losses[n], 2), 3) for n in names}) == 2


def test_every_arm_in_one_evaluation(
    run_folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_server.script = ["400"]
    options = EvaluationOptions(
        max_cases=3,
        arms=(f"other={run_folder / 'other'}", f"full={run_folder / 'base'}",
              f"far={model_server.url}#big"),
        seeds=(str(run_folder / "other"),),
        queries=(Query("What is fixed?", "q1", "The file.", "", ("files",), "q1"),),
        judge=f"{model_server.url}#judge",
        probe=str(run_folder / "data-set" / "train" / "openai.jsonl"),
    )  # fmt: skip
    model_server.said = lambda body: (
        "VERDICT: FIRST" if "VERDICT" in body["messages"][-1]["content"] else "I do not know."
    )
    found = evaluated(open_run(run_folder), options)
    assert {c.arm for c in found.comparisons} == {"tuned", "rules", "other", "full", "far"}
    full = next(c for c in found.comparisons if c.arm == "full").measures[0]
    assert full.found.difference == pytest.approx(0, abs=1e-5)  # the base under another name
    assert [m.name for m in found.measures[:2]] == ["loss", "forgetting"]
    assert found.failures[0].arm == "far"
    assert [a.arm for a in found.cases[0].answers] == [
        "base", "rules", "tuned", "other", "full", "far",
    ]  # fmt: skip
    drawn = io.StringIO()
    draw(Rich(file=drawn, width=200), found, run_folder)
    assert "\nother against base: " in drawn.getvalue()
    assert "\ntuned against other: " in drawn.getvalue()  # a second model against a first
    assert "tuned against rules" not in drawn.getvalue()
    assert found.seeds is not None
    assert found.seeds.deviation > 0
    assert all(j.wins == j.losses == 0 for j in found.judged)
    assert "Always read the file first." in found.rules
    assert {t.tag for t in found.measures[0].tags} == {
        "topic:Files", "outcome:accepted", "topic:Other",
    }  # fmt: skip

    asked = len(model_server.asked)
    monkeypatch.setattr(Lab, "loss", _never)
    monkeypatch.setattr(Lab, "answers", _never)
    again = evaluated(open_run(run_folder), options)
    assert again.measures == found.measures
    assert again.failures == ()
    assert len(model_server.asked) - asked == 1  # the one that had failed


def test_a_seed_run_that_differs_in_more_than_its_seed_is_named(run_folder: Path) -> None:
    """The spread over such runs is not that of chance; an address has no loss at all."""
    spec = {"seed": 1, "rate": 0.0, "epochs": 3.0, "keep": 3, "method": "auto"}
    run = open_run(run_folder)
    chosen = {"method": "lora", "rate": 2e-4, "room": 24.0, "memory": 20.0}
    mine = Run(
        run.folder,
        {**run.record, "spec": spec, "settings": chosen, "data": {"dir": "x", "digest": "d"}},
    )

    def noted(changed: dict[str, Any], digest: str = "d", **other: Any) -> str:
        record = {**mine.record, "spec": {**spec, **changed}, "settings": {**chosen, **other}}
        record["data"] = {"digest": digest, "tokens": f"of {changed}"}  # it is of the seed too
        (run_folder / "other" / "run.json").write_text(json.dumps(record))
        return unlike(mine, str(run_folder / "other"))

    try:
        assert noted({"seed": 2, "keep": 1}) == ""
        assert noted({"seed": 2, "method": "lora"}, memory=19.0) == ""  # one that was resumed
        assert noted({"seed": 2, "epochs": 1.0}, rate=1e-4) == "epochs, rate"
        assert noted({"seed": 2}, method="qlora") == "method"  # which a smaller GPU chose
        assert noted({}, "u") == "the same seed, other rows"
    finally:
        (run_folder / "other" / "run.json").unlink()
    assert unlike(mine, str(run_folder / "other")) == ""  # no run: nothing is known
    with pytest.raises(UsageError, match="--seed-run 'http://x' is no run"):
        opened(run, EvaluationOptions(seeds=("http://x",)))


def test_general_rows_that_were_mixed_in_are_no_probe(run_folder: Path) -> None:
    """On what was trained nothing is forgotten: the file of --mix flatters the run."""
    import pyarrow.parquet as pq

    held = run_folder / "data" / "eval.parquet"
    train = held.with_name("train.parquet")
    rows = run_folder / "data-set" / "eval" / "openai.jsonl"
    options = EvaluationOptions(max_cases=0, rules=False, probe=str(rows))
    try:
        pq.write_table(pq.read_table(held).slice(0, 2), train)
        bench = opened(open_run(run_folder), options)
        assert [e.id for e in bench.probe] == [f"openai.jsonl:{n}" for n in range(3, 7)]
        assert "2 examples of openai.jsonl were trained on" in "".join(bench.notes())
        shutil.copyfile(held, train)
        with pytest.raises(UsageError, match="trained on all rows"):
            opened(open_run(run_folder), options)
    finally:
        train.unlink()


def test_a_query_that_was_trained_on_is_named(run_folder: Path) -> None:
    queries = (Query("What is it?", "new"), Query("Always read  the file first.", "known"))
    options = EvaluationOptions(max_cases=0, rules=False, queries=queries)
    notes = opened(open_run(run_folder), options).notes()
    assert [n for n in notes if n.startswith("1 of 2 questions stand") and "known" in n]


def test_without_the_trainers_examples_the_rows_are_cut_as_in_training(run_folder: Path) -> None:
    """A run on preferences leaves none. A long session is cut into windows, and no answer of it is
    lost, or the two runs of an export would be tested on other answers."""
    prepared = run_folder / "data" / "eval.parquet"
    options = EvaluationOptions(max_cases=0, rules=False)
    run = open_run(run_folder)
    with_them = opened(run, options).examples
    aside = prepared.rename(prepared.with_suffix(".aside"))
    rows = run.data / "eval" / "openai.jsonl"
    text = rows.read_text()
    try:
        without = opened(run, options).examples
        talk = [m for n in range(40) for m in row(n, "eval")["messages"][1:]]
        nothing = {**row(1, "eval"), "messages": [{"role": "user", "content": "Hello?"}]}
        rows.write_text(
            "".join(json.dumps(r) + "\n" for r in (nothing, {**nothing, "messages": talk}))
        )
        bench = opened(run, options)
    finally:
        aside.rename(prepared)
        rows.write_text(text)
    assert [(e.ids, e.labels, e.cluster) for e in without] == [
        (e.ids, e.labels, e.cluster) for e in with_them
    ]
    assert all(len(e.ids) <= run.length for e in bench.examples)
    trained = "".join(
        bench.template.tokenizer.decode([i for i in e.labels if i >= 0]) for e in bench.examples
    )
    assert all(trained.count(f"File {n} is fixed now.") == 1 for n in range(40))


def test_a_conversation_that_the_template_refuses_is_a_failed_case(run_folder: Path) -> None:
    bench = opened(open_run(run_folder), EvaluationOptions(max_cases=1, rules=False))

    class Refusing:
        """A template that takes nothing."""

        def ids(self, *_: Any, **__: Any) -> list[int]:
            raise TemplateRefused("roles must alternate")

    bench.template = Refusing()  # type: ignore[assignment]
    asker = answering.Answerer(
        bench.arms[0], bench.cache.table("answer", "refused"), bench.lab, bench.template, ["x"]
    )
    found = actions.answer_all(asker, bench.cases, quiet)
    assert "roles must alternate" in found[0].failed


def test_a_long_conversation_keeps_its_head_and_its_end(run_folder: Path) -> None:
    """The rules stand at the head: an arm that loses them would be no baseline."""
    bench = opened(open_run(run_folder), EvaluationOptions(max_cases=1))
    rules = next(a for a in bench.arms if a.kind == "rules")
    asker = answering.Answerer(rules, bench.cache.table("answer", "x"), bench.lab, bench.template)
    talk = [{"role": "user", "content": "Fix the file."}]
    for number in range(40):
        talk += [{"role": "assistant", "content": f"Looked at {number}."},
                 {"role": "user", "content": f"And at {number + 1}?"}]  # fmt: skip
    given = answering.with_rules(talk, rules.rules)
    whole = bench.template.ids(given, None, generation=True)
    asker._length = 300
    found = asker._fitting(bench.template, given, None, 100)
    head = bench.template.ids(given[:2])
    assert len(head) < 100
    assert len(whole) > len(found) == 200
    assert found[: len(head)] == head
    assert found[len(head) :] == whole[len(head) - 200 :]
    asker._length = 110  # no room for the whole head: half of what there is
    found = asker._fitting(bench.template, given, None, 50)
    assert found == whole[:30] + whole[-30:]


def test_an_answer_may_be_as_long_as_what_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    rows = {"r": row(1, "eval")}
    rows["r"]["messages"][-1]["content"] = "word " * 300
    limits = {c.id: actions.limit_of(c) for c in actions.action_cases(rows, 2)}
    assert limits["r#4"] == 160 + 500
    assert 160 < limits["r#2"] < 180
    rows["r"]["messages"][-1]["content"] = "word " * 3_000
    assert max(map(actions.limit_of, actions.action_cases(rows, 2))) == 1_024


def test_arguments_that_are_free_text_are_compared_as_text() -> None:
    assert actions._arguments("*** Begin Patch") == {"": "*** Begin Patch"}
    assert actions._arguments("") == {}
    assert actions._arguments('{"a": 1}') == {"a": 1}


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("computed a second time")


def test_an_interrupted_evaluation_goes_on(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    shutil.rmtree(run_folder / "evaluation", ignore_errors=True)
    real, calls = Lab.loss, []

    def until(self: Lab, arm: Any, ids: Any, labels: Any) -> Any:
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(1)
        return real(self, arm, ids, labels)

    options = EvaluationOptions(max_cases=0, rules=False)
    monkeypatch.setattr(Lab, "loss", until)
    with pytest.raises(KeyboardInterrupt):
        evaluated(open_run(run_folder), options)
    monkeypatch.setattr(Lab, "loss", lambda *a: (calls.append(1), real(*a))[1])
    found = evaluated(open_run(run_folder), options)
    assert len(calls) == 12  # six examples, two arms, none twice
    assert found.measures[0].found.cases == 6


def test_the_command_writes_the_report(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--json", "evaluate", str(run_folder), "--max-cases", "2"])
    value = json.loads(capsys.readouterr().out)
    assert code == 0
    assert value["outcome"] == "unclear"
    assert "3 held-out groups of sessions" in value["sentence"]
    assert "7 more" in value["advice"]
    folder = run_folder / "evaluation"
    assert {"report.html", "report.md", "result.json"} <= {p.name for p in folder.iterdir()}


def test_a_newer_held_out_side_is_tested_on_in_the_trainers_windows(
    run_folder: Path, tmp_path: Path
) -> None:
    """The export has grown: all of a long row counts, in windows, and not only its beginning."""
    opened = open_run(run_folder)
    folder, data = tmp_path / "run", tmp_path / "export"
    shutil.copytree(run_folder, folder, ignore=shutil.ignore_patterns("data-set", "evaluation"))
    shutil.copytree(opened.data, data)
    words = [
        " ".join(f"{word}{n}" for word in ("lake", "stone", "tree", "cloud")) for n in range(4)
    ]
    trained = [
        {"messages": [{"role": "user", "content": text}], "lineage": f"train{n}"}
        for n, text in enumerate(words)
    ]
    keep(data, trained, folder)
    known = {"dir": str(data), "held": held_digest(data)}
    run = Run(folder, {**opened.record, "data": known, "max_length": 200})
    path = data / "eval" / "openai.jsonl"
    turns = [m for n in range(50, 60) for m in row(n, "eval")["messages"][1:]]
    long = {**row(60, "eval"), "messages": turns, "lineage": "train0"}
    path.write_text(json.dumps(long) + "\n" + path.read_text())
    side = side_of(run)
    assert "run kept" in side.note  # its lineage has trained
    long["lineage"] = "eval60"
    (data / "train" / "openai.jsonl").write_text(json.dumps(trained[1]) + "\n")
    path.write_text(json.dumps(long) + "\n" + path.read_text().partition("\n")[2])
    side = side_of(run)
    assert "4 groups of sessions; 3 when" in side.note
    bench = Bench(
        run, EvaluationOptions(max_cases=0, rules=False), quiet, side, examples_of(run, side)
    )
    mine = [e for e in bench.held if e.cluster == "g30"]
    assert len(mine) > 1
    assert max(len(e.ids) for e in bench.held) <= 200
    whole = template_examples(bench.template, long, "")[0]
    count = [sum(x != -100 for x in e.labels) for e in (whole, *mine)]
    assert count[0] == sum(count[1:])
    bench.lose()
    assert bench.trainer_check() is None


def test_the_report_of_another_test_is_kept_beside_the_new_one(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder / "evaluation"
    arguments = ["--quiet", "evaluate", str(run_folder), "--max-cases", "0", "--no-rules"]
    assert main(arguments) == 0
    former = json.loads((folder / "result.json").read_text())
    assert main(arguments) == 0
    assert not list(folder.glob("earlier-*"))
    other = json.dumps({**former, "held": "of last week"})
    (folder / "result.json").write_text(other)
    page = (folder / "report.html").read_bytes()
    assert main(arguments) == 0
    assert (folder / "earlier-1" / "result.json").read_text() == other
    assert (folder / "earlier-1" / "report.html").read_bytes() == page
    assert json.loads((folder / "result.json").read_text())["held"] == former["held"]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("damage", "status", "said"),
    [("cut", 2, "cannot be read"), ("gone", 2, "are gone"), ("nan", 10, "computes no numbers")],
)
def test_a_damaged_adapter_is_named(
    run_folder: Path, tmp_path: Path, damage: str, status: int, said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder, ignore=shutil.ignore_patterns("evaluation"))
    weights = folder / "adapter" / "adapter_model.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "gone":
        weights.unlink()
    else:
        save_file({k: v * float("nan") for k, v in load_file(weights).items()}, weights)
    assert main(["--json", "evaluate", str(folder), "--max-cases", "0", "--no-rules"]) == status
    error = json.loads(capsys.readouterr().out)["error"]
    assert said in error["message"]
    assert "rain again" in error["hint"]


def test_half_a_record_and_a_base_that_is_gone_are_named(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "run.json"
    for half in ("{}", "[]", '{"base": {}, "data": 1}'):
        note.write_text(half)
        assert main(["evaluate", str(tmp_path)]) == 2
        assert "is no training run: its run.json is damaged." in capsys.readouterr().err
    note.write_text("[]")
    assert main(["train", "x", "-o", str(tmp_path), "--resume"]) == 2
    record = json.loads((run_folder / "run.json").read_text())
    note.write_text(json.dumps(record | {"base": {**record["base"], "path": "moved"}}))
    (tmp_path / "adapter").mkdir()
    assert main(["evaluate", str(tmp_path)]) == 2
    assert f"is not at {tmp_path / 'moved'} any more" in capsys.readouterr().err


@pytest.mark.parametrize("known", ["", "the same `export` with --split second"])
def test_what_helps_to_a_verdict_is_said_once(known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict's general advice stood above the command that does it."""
    monkeypatch.setattr("sessiontune.cli.evaluate._more_held_out", lambda _: known)
    few = Result(
        run="r", base="b", outcome="unclear", sentence="Too few.", advice="Hold out 5 more.",
        measures=(),
    )  # fmt: skip
    drawn = io.StringIO()
    draw(Rich(file=drawn, width=200), few, Path("r"))
    assert drawn.getvalue().count("Hold out 5 more.") == (0 if known else 1)
    assert drawn.getvalue().count("For a verdict: ") == 1
    assert "**Too few. Hold out 5 more.**" in report_markdown(few)


def test_a_worse_model_fails_the_gate(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = Result(run="r", base="b", outcome="worse", sentence="It is worse.", measures=())
    monkeypatch.setattr("sessiontune.cli.evaluate._evaluated", lambda *_: worse)
    assert main(["--json", "evaluate", str(run_folder)]) == 0
    assert main(["--json", "evaluate", str(run_folder), "--fail-if-worse"]) == 9
    assert "It is worse." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing", "is not NAME"),
        ("base=x", "cannot be called"),
        ("a b=x", "is not NAME"),
        ("x=/no/such", "is not a model"),
    ],
)
def test_arms_that_are_wrong(run_folder: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_arm(open_run(run_folder), text)


@pytest.mark.parametrize(("base", "said"), [("tiny", "another tiny base"), ("a/b", "a/b")])
def test_an_adapter_of_another_base_is_no_arm(
    run_folder: Path, tmp_path: Path, base: str, said: str
) -> None:
    """It fitted by its shapes, and was scored as if it had been trained here."""
    run = open_run(run_folder)
    record = {"adapter": "adapter", "base": {"id": base, "sha256": base_digest(run)}}
    (tmp_path / "adapter").mkdir()
    shutil.copy(run.adapter / "adapter_config.json", tmp_path / "adapter")
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert read_arm(run, f"x={tmp_path}").kind == "adapter"

    (tmp_path / "run.json").write_text('{"base": "of another program"}')
    assert read_arm(run, f"x={tmp_path / 'adapter'}").kind == "adapter"

    record["base"] = {"id": base, "sha256": "0" * 64}
    (tmp_path / "run.json").write_text(json.dumps(record))
    for path in (tmp_path, tmp_path / "adapter"):
        with pytest.raises(UsageError, match=said):
            read_arm(run, f"x={path}")


def test_two_arms_of_one_name(run_folder: Path) -> None:
    arm = f"x={run_folder / 'other'}"
    with pytest.raises(UsageError, match="Two arms"):
        opened(open_run(run_folder), EvaluationOptions(arms=(arm, arm)))


def test_rows_that_the_probe_cannot_use_are_named_before_anything_is_computed(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"role": "user", "content": "Two and two?"}
    rows = [
        {"messages": [asked, {"role": "assistant", "content": "Four."}]},
        {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]},
        {"messages": [asked]},
    ]
    file = tmp_path / "general.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows) + "{cut\n")
    run = open_run(run_folder)
    bench = opened(run, EvaluationOptions(max_cases=0, rules=False, probe=str(file)))
    assert [example.id for example in bench.probe] == ["general.jsonl:1"]
    said = "3 rows of general.jsonl could not be used for --probe (first: row 2)"
    assert any(note.startswith(said) for note in bench.notes())
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(UsageError, match="holds no rows for the probe"):
        opened(run, EvaluationOptions(arms=("x=nowhere",), probe=str(empty)))
    assert main(["--json", "evaluate", str(tmp_path / "no-run"), "--probe", "no.jsonl"]) == 2
    assert "There is no file no.jsonl" in capsys.readouterr().out


def test_a_loss_of_few_held_out_examples_is_said(run_folder: Path) -> None:
    """Those that the training looked at are all that `evaluate` scores."""
    run = open_run(run_folder)
    options = EvaluationOptions(max_cases=0, rules=False)
    held = len(opened(run, options).held)
    for limit, said in ((0, False), (held, True), (held + 1, False)):
        record = {**run.record, "spec": {"eval_limit": limit}}
        notes = opened(msgspec.structs.replace(run, record=record), options).notes()
        assert any(f"{limit} held-out examples" in note for note in notes) is said
