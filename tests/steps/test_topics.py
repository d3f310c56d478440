"""Topics: found by keywords and likeness, editable, never shown below three lineages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from steps_synth import answer, call, prose, session, user
from test_label_corpus import FOLDERS, LABELS, corpus, corpus_sessions, turn_name

from sessiontune.errors import UsageError
from sessiontune.model import Message, Session, Text
from sessiontune.steps.clean import clean
from sessiontune.steps.topics import (
    Topic,
    bag_of,
    clusters,
    load_taxonomy,
    needs_clusters,
    pieces_of,
    shared_words,
    topic_finder,
    words,
)
from sessiontune.summary import LEAST_LINEAGES
from sessiontune.words import Asked

#: One sentence or two for each subject of the default taxonomy that the first README named.
ABOUT = {
    "React and Next.js frontend": "The React component gets wrong props. useState and useEffect in "
    "the Next.js app router page; frontend is src/app/page.tsx",
    "FastAPI and Python backend": "Add a FastAPI route with a pydantic model, run uvicorn, and "
    "put the sqlalchemy session into a dependency",
    "Databases and schema design": "The SQLite database needs a migration: create table with a "
    "foreign key and a primary key in the schema",
    "State management": "Move global state from redux to zustand; the reducer and React context "
    "are no single source of truth",
    "Proposal tracking": "The proposal tracker shows proposal status, days in status and the next "
    "follow-up of each bid in its pipeline stage",
    "Contract management": "The contract has a clause on renewal; add the signature date, the fee "
    "schedule and each addendum",
    "Financial calculations": "The invoice total is wrong: VAT and discount change the outstanding "
    "balance, and the payment is overdue",
    "E-mail handling": "Categorise each email of the inbox over IMAP by sender, thread and "
    "attachment",
    "Document intelligence": "Read the scanned PDF with OCR, run text extraction and document "
    "classification on every docx",
    "Project health": "The milestone is overdue and the project health is at risk; show the burn "
    "rate and each deadline and deliverable",
    "Reporting": "Generate report: the weekly report has an executive summary with KPI metrics "
    "for the quarterly reporting",
    "Dashboards": "The dashboard needs a widget with a bar chart, a line chart and a KPI card, "
    "recharts with a filter bar",
}


def about(key: str, text: str, lineage: str = "") -> object:
    return session(key, user("u", text), answer("a", "Done."), lineage=lineage or key)


@pytest.mark.parametrize("name", ABOUT)
def test_subjects_of_the_first_readme_are_found(name: str) -> None:
    found = topic_finder(load_taxonomy())(about("s", ABOUT[name]))
    assert name in found
    assert len(found) <= 5


def test_small_talk_has_no_topic() -> None:
    find = topic_finder(load_taxonomy())
    for text in ("hello", "thanks, continue", "please do it again", "", "42"):
        assert find(about("s", text)) == ()


def test_random_words_have_no_topic() -> None:
    find = topic_finder(load_taxonomy())
    rng = random.Random(1)
    plain = [
        "apple",
        "river",
        "stone",
        "window",
        "yellow",
        "morning",
        "paper",
        "quiet",
        "garden",
        "letter",
    ]
    for _ in range(30):
        assert find(about("s", " ".join(rng.choice(plain) for _ in range(300)))) == ()


def test_paths_and_commands_count() -> None:
    one = session(
        "s",
        user("u", "the Rust crate does not build under clippy, please fix it"),
        answer("a", "", call("1", "Edit", file_path="/w/src/lib.rs", old_string="", new_string="")),
        answer("b", "", call("2", "Bash", command="cargo clippy -p crate")),
        answer("c", "", call("3", "Bash", command="cat Cargo.toml")),
    )
    assert "lib.rs" in words("\n".join(text for _, text in pieces_of(one)))
    assert topic_finder(load_taxonomy())(one)[0] == "Rust"


def test_prompts_weigh_most_and_what_the_model_was_told_nothing() -> None:
    told = Message(id="n", role="system", kind="context", parts=(Text("told"),))
    one = session("s", told, user("u", "asked"), answer("a", "said", call("1", command="make")))
    assert pieces_of(one) == [(2.0, "asked"), (1.0, "said"), (0.25, "make")]


@pytest.mark.parametrize("text", ["Rye  flour, or wheat flour?", "rye\nbread flour wheat"])
def test_words_of_a_phrase_count_only_together(text: str) -> None:
    phrases = ("Rye  Flour", "wheat flour")
    bread = Topic("Bread", "Kitchen", phrases, "rye flour or wheat flour", least=2)
    found = topic_finder([bread])(about("s", f"{text} " * 20))
    assert found == (("Bread",) if "Rye" in text else ())


def test_a_topic_that_is_far_behind_the_best_is_not_named() -> None:
    bread = Topic("Bread", "Kitchen", ("rye", "oven", "yeast", "dough"), "rye oven yeast dough", 2)
    pasta = Topic("Pasta", "Kitchen", ("durum", "basil"), "noodles", least=2)
    find = topic_finder([bread, pasta])
    much, some = "rye oven yeast dough " * 200, "durum basil " * 20
    assert find(about("s", some)) == ("Pasta",)
    assert find(about("s", f"{some} {much}")) == ("Bread",)


def test_a_taxonomy_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "topics.toml"
    file.write_text(
        '[[topic]]\nname = "Bread"\nsection = "Kitchen"\nleast = 2\n'
        'keywords = ["sourdough", "oven", "rye flour"]\ndescription = "Baking bread in an oven."\n',
        "utf-8",
    )
    taxonomy = load_taxonomy(str(file))
    text = "Heat the oven; sourdough of rye flour bakes. Oven off, sourdough out, oven on. Bread!"
    assert topic_finder(taxonomy)(about("s", text)) == ("Bread",)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[[topic]]\nname = 1\n",
        "[[topic]\n",
        '[[topic]]\nname = "a"\nsection = "b"\nkeywords = []\ncolour = "red"\n',
        '[[topic]]\nname="a"\nsection="b"\nkeywords=[]\n[[topic]]\nname="a"\nsection="b"\nkeywords=[]\n',
    ],
)
def test_bad_taxonomy_is_a_usage_error(tmp_path: Path, content: str) -> None:
    file = tmp_path / "topics.toml"
    file.write_text(content, "utf-8")
    with pytest.raises(UsageError, match=r"topics\.toml"):
        load_taxonomy(str(file))


def test_folders_of_paths_are_keywords() -> None:
    assert words("src/app/routers/invoices.py") == [
        "src/", "app/", "routers/", "invoices.py", ".py",
    ]  # fmt: skip


def test_the_bundled_taxonomy_is_whole() -> None:
    taxonomy = load_taxonomy()
    assert {t.section for t in taxonomy} == {
        "Technical topics",
        "Business logic",
        "Domain knowledge",
    }
    for topic in taxonomy:
        assert len(topic.keywords) >= topic.least
        assert topic.description


def test_clusters_name_what_no_topic_covers_and_hide_small_ones() -> None:
    pytest.importorskip("sklearn")
    rng = random.Random(2)
    bread = ["oven", "flour", "dough", "yeast", "crust", "bake", "loaf"]
    boats = ["sail", "mast", "rudder", "harbour", "anchor", "keel", "wind"]
    texts = [(f"b{i}", " ".join(rng.choice(bread) for _ in range(60))) for i in range(9)]
    texts += [(f"s{i}", " ".join(rng.choice(boats) for _ in range(60))) for i in range(8)]
    texts += [("alone", "xylophone marimba " * 30)]
    found = clusters(texts, most=3)
    assert sum(t.lineages for t in found) >= 17
    assert all(t.lineages >= LEAST_LINEAGES for t in found)
    assert "xylophone" not in " ".join(t.name for t in found)
    named = clusters(
        texts, most=3, namer=lambda terms: "Bread" if set(terms) & set(bread) else "Boats"
    )
    assert {t.name for t in named} == {"Bread", "Boats"}
    assert clusters(texts, most=3) == found


def test_bags_hold_words_that_several_projects_share() -> None:
    one = session("s", user("u", "Bake the loaf in src/oven.py for userbcdfghjkl, x2 loaf"))
    assert bag_of(one).split() == ["loaf", "loaf", "bake"]
    bags = [("p", "a", "loaf acme"), ("q", "b", "loaf acme"), ("r", "c", "loaf")]
    assert shared_words(bags) == [("a", "loaf"), ("b", "loaf"), ("c", "loaf")]
    only = [("p", "a", "loaf acme"), ("p", "b", "acme")]
    assert shared_words(only) == [("a", "loaf acme"), ("b", "acme")]


def test_clusters_without_their_library_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessiontune.steps.topics.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="scikit-learn"):
        needs_clusters()


def test_clusters_of_too_little_are_none() -> None:
    assert clusters([("a", prose(random.Random(1), 30))]) == []


def test_precision_on_hand_labelled_conversations(tmp_path: Path) -> None:
    """tests/labels/topics.tsv. The threshold was chosen on every other one of the 200."""
    from sessiontune.sample import write_sample

    lines = (LABELS / "topics.tsv").read_text("utf-8").splitlines()
    truth = dict(line.split("\t") for line in lines if not line.startswith("#"))
    order = list(truth)
    write_sample(str(tmp_path), 7)
    conversations = {f"c:{name}": s for name, s in named(corpus())}
    conversations |= {f"s:{name}": s for name, s in named(tmp_path, {"claude": ".", "codex": "."})}
    find = topic_finder(load_taxonomy())
    right: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for name in truth.keys() & conversations.keys():
        half = "chosen on" if order.index(name) % 2 == 0 else "held out"
        about = set(truth[name].split("; "))
        for topic in find(conversations[name]):
            given[half] += 1
            right[half] += topic in about
    for half in given:
        print(f"topics, {half}: {right[half]} of {given[half]} right")
    assert len(truth) == 200
    assert given.total() >= 80
    assert right.total() / given.total() >= 0.8
    assert right["held out"] / given["held out"] >= 0.8


def named(root: Path, folders: dict[str, str] | None = None) -> Iterator[tuple[str, Session]]:
    """Sessions by the hash of their first log's name and line."""
    for raw in corpus_sessions(root, folders or FOLDERS):
        one, _ = clean(raw)
        if one is not None and one.messages:
            yield turn_name(one, next(m for m in one.messages if m.origin)), one


def test_what_a_taxonomy_asks_for_stands_in_the_order_of_the_text() -> None:
    asked = Asked(frozenset(["rate", "limit", "next.js", ".js", ".py", "routers/", "c++"]))
    text = "Rate limits (ÄRGER rate-limit): routers/main.py, next.js limit; C++."
    found = asked.of(text)
    assert found == ["rate", "limit", "", "", "routers/  .py", "next.js", "limit", "c++"]
    assert asked.times(found) == Counter(
        {"limit": 2, "rate": 1, "routers/": 1, ".py": 1, "next.js": 1, ".js": 1, "c++": 1}
    )
    assert asked.endings == [("next.js", ".js")]
    asked.of(" ".join(f"a{n}" for n in range(70_000)) + " " + "x" * 100)
    assert len(asked) <= 1 << 16
    assert asked.of("Limits.") == ["limit"]


def test_a_taxonomy_as_windows_saves_it(tmp_path: Path) -> None:
    path = tmp_path / "topics.toml"
    text = '[[topic]]\nname = "Bees"\nsection = "Animals"\nkeywords = ["hive"]\n'
    path.write_text(text, "utf-8-sig")
    assert [t.name for t in load_taxonomy(str(path))] == ["Bees"]


@pytest.mark.parametrize("keyword", [" ", ".py ", " /", "  sqlite ", ""])
def test_blanks_around_a_keyword_mean_nothing(keyword: str) -> None:
    topic = Topic(name="a", section="s", keywords=(keyword, "python"), least=1)
    bare = Topic(name="a", section="s", keywords=(keyword.strip(), "python"), least=1)
    one = about("s", "sqlite in a.py, python python python " * 9)
    assert topic_finder([topic])(one) == topic_finder([bare])(one)
