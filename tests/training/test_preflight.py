"""Each failure that trainers pass over in silence, planted: preflight must see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("transformers")

from exports import conversation, make_export, write_jsonl

from sessiontune.errors import PreflightError, UsageError
from sessiontune.portions import NOTES
from sessiontune.templating import IGNORED, Encoded, Template, bundled
from sessiontune.training.checks import Check, stop_on
from sessiontune.training.data import Row, read_export
from sessiontune.training.preflight import check_data, check_loss, compare_prepared
from sessiontune.training.prepare import Prepared, definitions, prepare

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def template(tiny: Path) -> Template:
    return Template.load(tiny)


def checks(
    folder: Path, template: Template, length: int = 2048, rows: int = 0, epochs: float = 3
) -> dict[str, Check]:
    data = read_export(folder)
    train, held = prepare(data.train, template, length), prepare(data.eval, template, length)
    return {c.name: c for c in check_data(data, train, held, template, rows, epochs)}


def altered(
    template: Template, export: Path, change: Callable[[Encoded], Encoded]
) -> dict[str, Check]:
    """Checks on tokens that something has tampered with: what a faulty trainer would do."""
    data = read_export(export)
    train, held = prepare(data.train, template, 2048), prepare(data.eval, template, 2048)
    broken = msgspec.structs.replace(train, examples=tuple(change(e) for e in train.examples))
    return {c.name: c for c in check_data(data, broken, held, template, 0, 3)}


def test_good_data_passes(export: Path, template: Template) -> None:
    found = checks(export, template)
    few = {"held out for a verdict"}  # a small export
    assert {c.name for c in found.values() if c.level != "good"} == few
    stop_on(list(found.values()), force=False)


def test_too_few_groups_for_a_verdict_are_named_before_the_first_step(
    export: Path, template: Template, tmp_path: Path
) -> None:
    data = read_export(export)
    row = data.eval[0]

    def many(n: int, first: int) -> tuple[Row, ...]:
        return tuple(Row(row.where, {**row.body, "group": f"g{first + i}"}) for i in range(n))

    def seen(held: int, train: int, place: Path = export) -> Check:
        some = msgspec.structs.replace(
            data, folder=str(place), train=many(train, 0), eval=many(held, train)
        )
        ready = prepare(data.train, template, 2048), prepare(data.eval, template, 2048)
        found = check_data(some, *ready, template, 0, 3)
        return next(c for c in found if c.name == "held out for a verdict")

    assert seen(10, 26).level == "good"
    assert (seen(9, 51).level, "--split second --eval-share 0.17`" in seen(9, 51).seen) == (
        "note",
        True,
    )
    assert "Add logs: it takes 25 groups" in seen(5, 15).seen
    assert f"the same `export` with `-o {export.name}-second " in seen(9, 51).seen
    (tmp_path / NOTES).write_text("{}")  # `tune` was given the folder around the export
    told = seen(9, 51, tmp_path / "data").seen
    assert f"the same `tune` with `-o {tmp_path.name}-second --split second " in told


def test_template_without_generation_markers_still_trains_the_answers(
    export: Path, template: Template
) -> None:
    """The template's own mask would be empty: ours is not, and it is said."""
    import re

    source = re.sub(r"\{%-? *(end)?generation *-?%\}", "{#- -#}", bundled("chatml"))
    bare = Template(source, template.tokenizer)
    found = checks(export, bare)
    assert found["template's own mask"].level == "note"
    assert "0 tokens" in found["template's own mask"].seen
    rows = read_export(export).train
    assert prepare(rows, bare, 2048).trained == prepare(rows, template, 2048).trained > 0


def test_answers_longer_than_the_context_are_trained_in_parts(
    tmp_path: Path, template: Template
) -> None:
    def long(row: dict[str, Any]) -> dict[str, Any]:
        for message in row["messages"]:
            if message["role"] == "assistant":
                message["content"] = "word and another one " * 400
        return row

    found = checks(make_export(tmp_path / "x", change=long), template, length=512)
    assert not [c for c in found.values() if c.level in ("soft", "bad")]
    seen = found["nothing cut in silence"].seen
    assert seen.startswith("all 48 answers are trained once")
    assert "48 longer than the length are cut in" in seen


@pytest.mark.parametrize(("lost", "level"), [(1, "note"), (4, "note"), (5, "soft")])
def test_an_answer_that_is_lost_is_named(
    export: Path, template: Template, lost: int, level: str
) -> None:
    data = read_export(export)
    train = prepare(data.train, template, 2048)
    where = ("train/openai.jsonl:5",) * lost
    some = msgspec.structs.replace(train, lost=lost, targets=20, lost_in=where)
    found = {c.name: c for c in check_data(data, some, train, template, 0, 3)}
    assert found["nothing cut in silence"].level == level
    assert "train/openai.jsonl:5" in found["nothing cut in silence"].seen


def test_a_row_of_which_nothing_fits_is_named(export: Path, template: Template) -> None:
    data = read_export(export)
    train = prepare(data.train, template, 2048)
    gone = train.examples[0].where
    rest = tuple(e for e in train.examples if e.where != gone)
    some = msgspec.structs.replace(train, examples=rest, lost=1, lost_in=(gone,))
    found = {c.name: c for c in check_data(data, some, train, template, 0, 3)}
    check = found["rows in = rows trained"]
    assert (check.level, f"no answer of {gone} fits" in check.seen) == ("soft", True)
    assert check.seen.startswith(f"{train.rows - 1} of {train.rows} rows")


def test_answers_of_a_long_row_keep_what_stood_before_them(
    tmp_path: Path, template: Template
) -> None:
    """The template writes definitions of tools longer than they stand in the row: measured by the
    row, half of the windows are too long, and of these only the answer is left."""
    row = conversation(4)
    row["messages"][0]["content"] = "The first request, at some length. " * 60
    row["messages"] = [*row["messages"], *row["messages"][1:] * 5]
    row["tools"] = [{"function": {"name": f"t{n}", "parameters": {}}} for n in range(12)]
    write_jsonl(tmp_path / "train" / "openai.jsonl", [row])
    (only,) = read_export(tmp_path).train
    stored = len(
        template.tokenizer(json.dumps(row["tools"]), add_special_tokens=False)["input_ids"]
    )
    assert definitions(only.body, template) > stored + 96  # what is kept free for a window's rest
    made = prepare((only,), template, 768)
    assert made.windowed == 1
    assert made.targets == 12
    assert {e.part for e in made.examples} == {""}
    begin = "The first request"
    for example in made.examples:
        assert len(example.ids) <= 768
        assert begin in template.tokenizer.decode(example.ids)


def test_long_answers_beside_the_rows_are_read_too(tmp_path: Path, template: Template) -> None:
    folder = make_export(tmp_path / "x")
    long = conversation(90)
    long["messages"][-1]["content"] = "very long answer " * 900
    before = read_export(folder)
    write_jsonl(folder / "long" / "train.jsonl", [long])
    data = read_export(folder)
    assert data.train[-1].where == "long/train.jsonl:1"
    assert (len(data.train), data.digest) != (len(before.train), before.digest)
    assert len(data.eval) == len(before.eval)
    found = checks(folder, template, length=1024)
    assert "1 longer than the length are cut in" in found["nothing cut in silence"].seen


def test_a_set_of_masked_rows_is_stopped(tmp_path: Path, template: Template) -> None:
    def mask(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "messages": [{**m, "train": False} for m in row["messages"]]}

    found = checks(make_export(tmp_path / "x", change=mask), template)
    check = found["rows in = rows trained"]
    assert check.level == "bad"
    assert "train/openai.jsonl:1" in check.seen


def test_one_masked_row_is_left_out_and_named(tmp_path: Path, template: Template) -> None:
    rows = [conversation(i) for i in range(6)]
    rows[2]["messages"] = [{**m, "train": False} for m in rows[2]["messages"]]
    write_jsonl(tmp_path / "train" / "openai.jsonl", rows)
    write_jsonl(tmp_path / "eval" / "openai.jsonl", [conversation(50)])
    found = checks(tmp_path, template)
    assert found["no example all masked"].level == "note"
    assert "train/openai.jsonl:3" in found["no example all masked"].seen


def test_masked_labels_are_seen(export: Path, template: Template) -> None:
    def hide(example: Encoded) -> Encoded:
        return msgspec.structs.replace(example, labels=[IGNORED] * len(example.labels))

    assert altered(template, export, hide)["no example all masked"].level == "bad"


def test_lost_tool_calls_are_seen(export: Path, template: Template) -> None:
    """What Axolotl does when the loop variable is not called `message`: 22 labels, not 60."""
    name = template.tokenizer("Read", add_special_tokens=False)["input_ids"]

    def lose(example: Encoded) -> Encoded:
        labels = [IGNORED if label in name else label for label in example.labels]
        return msgspec.structs.replace(example, labels=labels)

    assert altered(template, export, lose)["tool-call tokens trained"].level == "bad"


def test_a_template_that_drops_calls_gets_them_another_way(
    export: Path, template: Template
) -> None:
    source = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
        "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    plain = Template(source, template.tokenizer)
    assert not plain.able.tools
    found = checks(export, plain)
    assert found["tool-call tokens trained"].level == "good"
    assert found["tool-result tokens masked"].level == "good"


def test_trained_tool_output_is_seen(export: Path, template: Template) -> None:
    def all_trained(example: Encoded) -> Encoded:
        return msgspec.structs.replace(example, labels=list(example.ids))

    assert altered(template, export, all_trained)["tool-result tokens masked"].level == "bad"


@pytest.mark.parametrize(
    "line",
    [
        """ * Set the level. Silently uses "off" if the model doesn't support it.""",
        "raw path C:\\Users\\somebody\\work\\project\\file.txt, as it stands there",
        "a tab\tand another\tin a line that is long enough to be looked for",
    ],
)
def test_an_answer_may_quote_tool_output(tmp_path: Path, template: Template, line: str) -> None:
    """Both kinds of quotes, a backslash: what some ways of writing a text escape. In the answer's
    text and in the arguments of a call, where JSON escapes it."""
    row = conversation(1)
    said, called = conversation(2), conversation(4)
    for quoting in (said, called):
        tool = next(m for m in quoting["messages"] if m["role"] == "tool")
        tool["content"] = f"1\n{line}\n3"
    said["messages"][-1]["content"] = f"It says:\n{line}\nand so on."
    call = next(m for m in called["messages"] if m.get("tool_calls"))["tool_calls"][0]
    call["function"]["arguments"] = json.dumps({"text": f"a\n{line}\nb"})
    write_jsonl(tmp_path / "train" / "openai.jsonl", [row, said, called])
    write_jsonl(tmp_path / "eval" / "openai.jsonl", [conversation(50)])
    assert checks(tmp_path, template)["tool-result tokens masked"].level == "good"


@pytest.mark.parametrize("which", [0, -1])
def test_an_untrained_stop_token_is_seen(export: Path, template: Template, which: int) -> None:
    def cut(example: Encoded) -> Encoded:
        labels = list(example.labels)
        labels[example.ends[which] - 1] = IGNORED
        return msgspec.structs.replace(example, labels=labels)

    def parted(example: Encoded) -> Encoded:  # its answer ends in another example
        return msgspec.structs.replace(cut(example), part="goes on")

    assert altered(template, export, cut)["stop token trained"].level == "bad"
    assert altered(template, export, parted)["stop token trained"].level == "good"


def test_a_doubled_bos_is_seen(export: Path, template: Template) -> None:
    tokenizer = template.tokenizer
    tokenizer.bos_token = "<|endoftext|>"
    try:
        bos = tokenizer.bos_token_id

        def double(example: Encoded) -> Encoded:
            ids, labels = [bos, bos, *example.ids], [IGNORED, IGNORED, *example.labels]
            ends = tuple(end + 2 for end in example.ends)
            return msgspec.structs.replace(example, ids=ids, labels=labels, ends=ends)

        assert altered(template, export, double)["one BOS at most"].level == "bad"
    finally:
        tokenizer.bos_token = None


def test_turns_that_do_not_alternate_are_put_right(tmp_path: Path, template: Template) -> None:
    """For a template that insists, as Gemma's: neighbours are merged, none is lost."""
    strict = (
        "{% for message in messages %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}<|im_start|>{{ message.role }}\n"
        "{{ message.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    gemma = Template(strict, template.tokenizer)
    assert not gemma.able.repeats
    row = conversation(1)
    row["messages"].insert(0, {"role": "user", "content": "first this"})
    write_jsonl(tmp_path / "train" / "openai.jsonl", [row])
    write_jsonl(tmp_path / "eval" / "openai.jsonl", [conversation(50)])
    data = read_export(tmp_path)
    made = prepare(data.train, gemma, 2048)
    assert any("merged" in change for change in made.changes)
    assert made.targets == sum(len(e.ends) for e in made.examples)
    row["messages"], row["tools"] = row["messages"][2:], None  # it begins with an answer
    write_jsonl(tmp_path / "train" / "openai.jsonl", [row])
    made = prepare(read_export(tmp_path).train, gemma, 2048)
    assert any("request put before the first answer" in change for change in made.changes)
    assert made.targets == sum(len(e.ends) for e in made.examples) > 0


def test_a_template_of_another_family_is_refused(tiny: Path) -> None:
    with pytest.raises(UsageError, match="another model family"):
        Template.load(tiny, "llama3")


def test_an_empty_evaluation_set_stops_until_forced(tmp_path: Path, template: Template) -> None:
    folder = make_export(tmp_path / "x", held=0)
    found = checks(folder, template)
    assert found["evaluation set"].level == "soft"
    with pytest.raises(PreflightError, match="evaluation set"):
        stop_on(list(found.values()), force=False)
    stop_on(list(found.values()), force=True)


def test_a_common_answer_without_its_context_is_no_leak(export: Path, template: Template) -> None:
    """Of two sessions only the answer is left, as all before it is too long, and it is common."""
    data = read_export(export)
    train, held = prepare(data.train, template, 2048), prepare(data.eval, template, 2048)

    def seen(part: Any) -> Check:
        same = msgspec.structs.replace(train.examples[0], part=part)
        both = msgspec.structs.replace(held, examples=(*held.examples, same))
        found = check_data(data, train, both, template, 0, 3)
        return next(c for c in found if c.name == "train and evaluation apart")

    assert seen("").level == "bad"
    check = seen("alone")
    assert check.level == "note"
    assert check.seen.startswith(f"no lineage; 1 of {len(held.examples) + 1} examples")


def test_rows_on_both_sides_are_seen(tmp_path: Path, template: Template) -> None:
    rows = [conversation(i) for i in range(8)]
    copy = {**rows[3], "lineage": "another"}
    write_jsonl(tmp_path / "train" / "openai.jsonl", rows)
    write_jsonl(tmp_path / "eval" / "openai.jsonl", [conversation(50), copy])
    check = checks(tmp_path, template)["train and evaluation apart"]
    assert check.level == "bad"
    assert "eval/openai.jsonl:2" in check.seen
    assert "train/openai.jsonl:4" in check.seen


@pytest.mark.parametrize("kind", ["lineage", "group"])
def test_a_lineage_or_group_on_both_sides_is_seen(
    tmp_path: Path, template: Template, kind: str
) -> None:
    """A branch, or a near-copy of another lineage: two exports whose files were put together."""
    rows = [{**conversation(i), "group": f"g{i}"} for i in range(8)]
    held = {**conversation(60), kind: rows[0][kind]}
    write_jsonl(tmp_path / "train" / "openai.jsonl", rows)
    write_jsonl(tmp_path / "eval" / "openai.jsonl", [conversation(61), held])
    check = checks(tmp_path, template)["train and evaluation apart"]
    assert check.level == "bad"
    assert check.seen.startswith("eval/openai.jsonl:2 and 0 more")


def test_rows_that_know_no_lineage_share_none(tmp_path: Path, template: Template) -> None:
    write_jsonl(
        tmp_path / "train" / "openai.jsonl",
        [{**conversation(i), "lineage": none} for i, none in enumerate(("", None))],
    )
    bare = {k: v for k, v in conversation(52).items() if k != "lineage"}
    held = [{**conversation(50), "lineage": ""}, {**conversation(51), "lineage": None}, bare]
    write_jsonl(tmp_path / "eval" / "openai.jsonl", held)
    assert checks(tmp_path, template)["train and evaluation apart"].level == "good"


@pytest.mark.parametrize("side", ["train", "held"])
def test_a_tokenizer_of_another_model_is_seen(export: Path, template: Template, side: str) -> None:
    """One token too high, on either side; where the base's rows are not known, none is."""
    data = read_export(export)
    train, held = prepare(data.train, template, 2048), prepare(data.eval, template, 2048)
    highest = max(max(e.ids) for e in (*train.examples, *held.examples))
    one = (train if side == "train" else held).examples[0]
    high = msgspec.structs.replace(one, ids=[*one.ids, highest + 1], labels=[*one.labels, IGNORED])
    if side == "train":
        train = msgspec.structs.replace(train, examples=(*train.examples, high))
    else:
        held = msgspec.structs.replace(held, examples=(*held.examples, high))
    for rows, level in ((0, "good"), (highest + 1, "bad"), (highest + 2, "good")):
        found = {c.name: c for c in check_data(data, train, held, template, rows, 3)}
        assert found["tokenizer belongs to the base"].level == level


def test_many_epochs_need_force(export: Path, template: Template) -> None:
    assert checks(export, template, epochs=6)["epochs"].level == "soft"
    assert checks(export, template, epochs=5)["epochs"].level == "good"


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 0.0, -0.5])
def test_a_base_loss_that_is_none_stops(loss: float) -> None:
    assert check_loss(loss).level == "bad"
    assert check_loss(3.2).level == "good"


class TestPreparedByOthers:
    """What another trainer prepared is compared with ours, row by row."""

    def ours(self, export: Path, template: Template) -> Prepared:
        return prepare(read_export(export).train, template, 2048)

    def test_equal(self, export: Path, template: Template) -> None:
        made = self.ours(export, template)
        theirs = [(e.ids, e.labels) for e in reversed(made.examples)]
        assert compare_prepared(made.examples, theirs).level == "good"

    def test_branches_that_begin_alike_are_told_apart(self) -> None:
        """Windows and branches of one session: one is the beginning of the other, masked there."""
        shared = list(range(100, 140))
        short = Encoded("a", shared, [IGNORED] * 20 + shared[20:], (1,), (40,))
        whole = [*shared, 7, 8, 9]
        long = Encoded("b", whole, [IGNORED] * 40 + whole[40:], (2,), (43,))
        for ours in ((short, long), (long, short)):
            for theirs in ((short, long), (long, short)):
                made = [(e.ids, e.labels) for e in theirs]
                assert compare_prepared(ours, made).level == "good"

    def test_a_target_among_the_first_tokens(self) -> None:
        """One of which the trainer dropped the line feed at the end was called missing."""
        ids = list(range(1, 16))
        one = Encoded("a", ids, [IGNORED] * 12 + ids[12:14] + [IGNORED], (1,), (14,))
        assert compare_prepared([one], [(ids[:14], one.labels[:14])]).level == "good"
        assert compare_prepared([one], [([*ids[:12], 5, 14], one.labels[:14])]).level == "bad"

    def test_windows_with_one_head_are_not_all_read_for_each_other(self) -> None:
        """The windows of one long session: 800 took ten seconds, 4,000 would have taken minutes."""
        read = []

        class Counted(list[int]):
            def __getitem__(self, at: Any) -> Any:
                found = super().__getitem__(at)
                read.append(len(found) if isinstance(at, slice) else 1)
                return found

        count, head = 40, list(range(1000))
        ours = [
            Encoded(
                f"r:{n}", [*head, *[n + 5] * 200], [IGNORED] * 1100 + [n + 5] * 100, (1,), (1200,)
            )
            for n in range(count)
        ]
        theirs = [(Counted(e.ids), e.labels) for e in reversed(ours)]
        assert compare_prepared(ours, theirs).level == "good"
        assert sum(read) < count * 1200 + count * count * 50

    def test_a_lost_row(self, export: Path, template: Template) -> None:
        made = self.ours(export, template)
        theirs = [(e.ids, e.labels) for e in made.examples[1:]]
        found = compare_prepared(made.examples, theirs)
        assert found.level == "bad"
        assert made.examples[0].where in found.seen

    def test_a_row_too_many(self, export: Path, template: Template) -> None:
        made = self.ours(export, template)
        theirs = [(e.ids, e.labels) for e in (*made.examples, made.examples[0])]
        found = compare_prepared(made.examples, theirs)
        assert (found.level, found.seen[:10]) == ("bad", "1 examples")
        twice = (*made.examples, made.examples[0])  # nor does one of theirs stand for two of ours
        assert compare_prepared(twice, theirs[:-1]).level == "bad"

    @pytest.mark.parametrize(("cut", "level"), [(-1, "good"), (0, "good"), (1, "bad")])
    def test_what_follows_the_last_target_does_not_matter(
        self, export: Path, template: Template, cut: int, level: str
    ) -> None:
        made = self.ours(export, template)
        theirs = []
        for one in made.examples:
            end = one.ends[-1] - cut if cut >= 0 else None
            more = cut < 0  # theirs may also go on
            theirs.append((one.ids[:end] + [5] * more, one.labels[:end] + [IGNORED] * more))
        assert compare_prepared(made.examples, theirs).level == level

    def test_a_wrong_mask(self, export: Path, template: Template) -> None:
        made = self.ours(export, template)
        theirs = [(e.ids, list(e.ids)) for e in made.examples]
        assert compare_prepared(made.examples, theirs).level == "bad"

    def test_a_lost_stop_token(self, export: Path, template: Template) -> None:
        """One label of each answer: no more than a trained line feed would differ."""
        made = self.ours(export, template)
        theirs = []
        for example in made.examples:
            labels = list(example.labels)
            for end in example.ends:
                labels[end - 1] = IGNORED
            theirs.append((example.ids, labels))
        assert compare_prepared(made.examples, theirs).level == "bad"

    def test_other_tokens(self, export: Path, template: Template) -> None:
        made = self.ours(export, template)
        theirs = [([1, *e.ids], [IGNORED, *e.labels]) for e in made.examples]
        assert compare_prepared(made.examples, theirs).level == "bad"

    def test_the_line_feed_after_the_stop_token_is_free(
        self, export: Path, template: Template
    ) -> None:
        made = self.ours(export, template)
        theirs = []
        for example in made.examples:
            labels = list(example.labels)
            for end in example.ends:
                if end < len(labels):
                    labels[end] = example.ids[end]
            theirs.append((example.ids, labels))
        assert compare_prepared(made.examples, theirs).level == "good"


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    good = json.dumps(conversation(1))
    (tmp_path / "train" / "openai.jsonl").write_text(f"{good}\n{good[:40]}\n")
    with pytest.raises(PreflightError, match=r"train/openai.jsonl:2 is not JSON"):
        read_export(tmp_path)


def test_an_older_export_is_split_by_its_own_field(tmp_path: Path) -> None:
    rows = [conversation(i) for i in range(4)]
    rows[3]["split"] = "eval"
    write_jsonl(tmp_path / "x_conversations_openai.jsonl", rows)
    data = read_export(tmp_path)
    assert (len(data.train), len(data.eval)) == (3, 1)


class TestTrl:
    """What TRL itself makes of our tokens, by the worker's own count of its batches."""

    @pytest.fixture
    def orders(
        self, export: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> dict[str, Any]:
        pytest.importorskip("trl")
        from sessiontune.cli.main import main

        out = tmp_path / "run"
        told = ["--base", str(tiny), "--device", "cpu", "--length", "512", "--dry-run", "--quiet"]
        assert main(["train", str(export), "-o", str(out), *told]) == 0
        monkeypatch.chdir(out)
        orders: dict[str, Any] = json.loads(Path("trainer/orders.json").read_text())
        return orders

    def seen(self, orders: dict[str, Any]) -> bool:
        """True when the worker finds its trainer's data as ordered."""
        from sessiontune.training import worker
        from sessiontune.training.watch import Reporter

        return worker._data_as_ordered(worker._trainer(orders), orders, Reporter(Path("m")))

    def test_as_ordered(self, orders: dict[str, Any]) -> None:
        assert self.seen(orders)

    def test_packed(self, orders: dict[str, Any]) -> None:
        orders["arguments"]["packing"] = True
        assert self.seen(orders)

    def test_packed_examples_that_see_each_other_are_noticed(
        self, orders: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sessiontune.training import worker

        orders["arguments"] |= {"packing": True, "eval_packing": False}
        trainer = worker._trainer(orders)
        assert worker._apart(trainer, orders)
        whole = trainer.data_collator

        def blurred(rows: list[Any]) -> dict[str, Any]:
            """As a model that heeds nothing but the order of tokens."""
            import torch

            batch = whole(rows)
            for name in [n for n in batch if n.startswith(("cu_seq", "max_length", "seq_idx"))]:
                del batch[name]
            batch["position_ids"] = torch.arange(batch["input_ids"].shape[1])[None]
            return dict(batch)

        monkeypatch.setattr(trainer, "data_collator", blurred)
        assert not worker._apart(trainer, orders)

    @pytest.mark.parametrize(
        "fault",
        [
            {"dataset_kwargs": {}, "max_length": 64},  # over-long rows, cut by TRL
            {"dataset_kwargs": {}, "max_length": 64, "packing": True},
        ],
    )
    def test_what_trl_would_cut_is_seen(
        self, orders: dict[str, Any], fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import trl

        made = trl.SFTConfig
        monkeypatch.setattr(trl, "SFTConfig", lambda **given: made(**{**given, **fault}))
        assert not self.seen(orders)

    def test_a_lost_row_and_a_lost_mask_are_seen(
        self, orders: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import trl

        made = trl.SFTTrainer
        faults = (
            lambda rows: rows.select(range(len(rows) - 1)),
            lambda rows: rows.map(lambda row: {"labels": row["input_ids"]}),
            lambda rows: rows.map(lambda row: {"labels": [-100] * len(row["labels"])}),
        )
        for fault in faults:

            def broken(fault: Any = fault, **given: Any) -> Any:
                return made(**{**given, "train_dataset": fault(given["train_dataset"])})

            monkeypatch.setattr(trl, "SFTTrainer", broken)
            assert not self.seen(orders)


@pytest.mark.parametrize("count", [1, 30, 1000, 2300])
def test_packed_rows_are_counted_as_trl_packs_them(count: int) -> None:
    """The plan's steps follow from them: counted by examples, an epoch would be many."""
    pytest.importorskip("trl")
    import random

    from datasets import Dataset
    from trl import pack_dataset

    from sessiontune.training.prepare import packs

    draw = random.Random(count)
    lengths = [
        draw.choice((1, 512, draw.randint(1, 512), draw.randint(1, 60))) for _ in range(count)
    ]
    rows = Dataset.from_dict({"input_ids": [[0] * size for size in lengths]})
    assert packs(lengths, 512) == len(pack_dataset(rows, 512))


def test_a_packed_run_takes_the_epochs_that_it_was_told(
    export: Path, tiny: Path, tmp_path: Path
) -> None:
    pytest.importorskip("trl")
    from sessiontune.cli.main import main
    from sessiontune.training.metrics import read_metrics

    out = tmp_path / "run"
    told = ["--base", str(tiny), "--device", "cpu", "--length", "2048", "--threads", "1"]
    settings = ["--epochs", "2", "--accumulation", "1", "--patience", "0", "--packing", "--quiet"]
    assert main(["train", str(export), "-o", str(out), *told, *settings]) == 0
    record = json.loads((out / "run.json").read_text())
    steps = [m for m in read_metrics(out / "metrics.jsonl") if m["kind"] == "train"]
    assert steps[-1]["epoch"] == 2
    assert record["metrics"]["steps"] < record["data"]["train_examples"]
