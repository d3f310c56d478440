"""Turns of the sample sessions: what a person asks and how the agent works and answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random
from string import Template

from . import code, facts
from . import world as w
from .queries import query_turn
from .sums import SUMS
from .texts import raw, sections
from .tools import (
    Call,
    Reply,
    Turn,
    bash,
    edit,
    failed,
    glob,
    grep,
    passed,
    read,
    todos,
    web_search,
)

#: Answers of this length get a detail of the moment.
LONG = 130


@dataclass(frozen=True)
class Change:
    """A change that people ask for; texts are templates (see `changes.txt`)."""

    scope: str
    path: str
    prompts: tuple[str, ...]
    start: str
    old: str
    new: str
    test: tuple[str, ...]
    closings: tuple[str, ...]


@cache
def _changes() -> tuple[Change, ...]:
    found = []
    for block in ("\n" + raw("changes.txt")).split("\n@@ ")[1:]:
        head, *lines = block.rstrip().split("\n")
        scope, _, path = head.partition(" | ")

        def of(mark: str, lines: list[str] = lines) -> tuple[str, ...]:
            return tuple(x[2:] for x in lines if x[:2] == mark + " ")

        old, new = ("\n".join(x.partition("|")[2] for x in of(mark)) for mark in "ON")
        test = tuple(part.strip() for line in of("T") for part in line.split(" | "))
        found.append(Change(scope, path, of("P"), of("S")[0], old, new, test, of("F")))
    return tuple(found)


def phrase(rng: Random, section: str, **values: object) -> str:
    """A random phrase of `talk.txt`, filled."""
    text = rng.choice(sections("talk.txt")[section])
    return text.format(**values) if values else text


def varied(rng: Random, text: str, section: str = "detail") -> str:
    """The text with a detail of the moment, so that no long answer is repeated word for word."""
    if len(text) < LONG and rng.random() < 0.75:
        return text
    detail = phrase(
        rng,
        section,
        sha=f"{rng.getrandbits(28):07x}",
        days=rng.randrange(2, 60),
        rows=rng.randrange(31, 900),
        count=rng.randrange(3, 40),
    )
    return f"{phrase(rng, 'lead')} {text}" if len(text) < LONG else f"{text} {detail}"


def _scope_values(rng: Random, scope: str) -> dict[str, str]:
    if scope == "widget":
        x = rng.choice(w.WIDGETS)
        title = x.name.replace("_", " ")
        return {
            "component": x.component, "name": title, "title": title.capitalize(),
            "route": x.route, "role": x.role, "seconds": f"{x.seconds:,}",
            "milliseconds": str(x.seconds * 1000), "module": "dashboard",
        }  # fmt: skip
    t = rng.choice(w.TABLES)
    key, kind, _ = t.columns[0]
    spoken = t.name.replace("_", " ")
    return {
        "table": t.name, "Class": code.table_class(t.name), "key": key,
        "key_type": "str" if kind.startswith("TEXT") else "int", "one": t.one,
        "column": rng.choice(t.columns[2:])[0], "label": t.columns[1][0], "module": t.module,
        "page": t.name.replace("_", "-"), "title": spoken.capitalize(), "table_spoken": spoken,
        "sample": f'{t.columns[1][0]}="{w.PROJECTS[len(t.name) % 10]}"',
    }  # fmt: skip


def change_turn(rng: Random) -> Turn:
    """Implement something: read, edit, sometimes a failing test and its cure, a closing text."""
    change = rng.choice(_changes())
    values = _scope_values(rng, change.scope)

    def fill(text: str) -> str:
        return Template(text).safe_substitute(values)

    path, old, new = fill(change.path), fill(change.old), fill(change.new)
    replies = [Reply(fill(change.start), (read(path),)), Reply("", (edit(path, old, new),))]
    prompt, closing = (
        fill(rng.choice(change.prompts)),
        Reply(varied(rng, fill(rng.choice(change.closings)))),
    )
    if path.endswith(".tsx"):
        check = bash("cd frontend && npx tsc --noEmit", "", "Check the types")
        return Turn(prompt, (*replies, Reply("", (check,)), closing), "frontend")
    test_file = f"tests/test_{path.rpartition('/')[2].removeprefix('test_')}"
    if change.test and rng.random() < 0.5:
        test, line, error, cause = (fill(part) for part in change.test)
        count = rng.randrange(4, 16)
        replies += [
            Reply("", (failed(rng, test_file, test, line, error, count),)),
            Reply(f"One test fails: {cause}.", (passed(rng, test_file, count),)),
        ]
    else:
        replies.append(Reply("", (passed(rng, test_file, rng.randrange(3, 18)),)))
    return Turn(prompt, (*replies, closing), "backend")


def _look_up(rng: Random, fact: facts.Fact) -> Call:
    """How the agent would check a fact: read the file or search for the word."""
    known = code.files()
    if fact.file not in known:
        return glob(
            "backend/app" if fact.file.startswith("backend") else "frontend", fact.file[-3:]
        )
    values = dict(fact.values)
    for name in ("column", "status", "name", "phase", "component", "table"):
        word = values.get(name, "")
        if word and word in known[fact.file] and rng.random() < 0.5:
            return grep(word, fact.file.rpartition("/")[0])
    return read(fact.file)


def ask_turn(rng: Random, fact: facts.Fact | None = None) -> Turn:
    """A question about the world; sometimes the agent looks first."""
    if fact is None:
        fact = rng.choice(SUMS)(rng) if rng.random() < 0.22 else facts.popular(rng)
    question, answer = facts.ask(fact, rng)
    if rng.random() < 0.25:
        opener = phrase(rng, "opener")
        question = f"{opener} {question}"
    if rng.random() < 0.35:
        question = f"{question} {phrase(rng, 'closer')}"
    replies = []
    if rng.random() < 0.2:
        look = phrase(rng, "look", file=fact.file)
        replies.append(Reply(look, (_look_up(rng, fact),)))
    thinking = phrase(rng, "think", area=fact.area, file=fact.file) if rng.random() < 0.3 else ""
    detail = "detail_sum" if fact.kind.endswith(("_sum", "_special", "_colour")) else "detail"
    return Turn(
        question, (*replies, Reply(varied(rng, answer, detail), thinking=thinking)), fact.area
    )


def follow_turns(rng: Random) -> list[Turn]:
    """A question and a shorter one of the same kind: "and for developers?"."""
    kinds = {"client_days": "plural", "client_rate": "plural", "client_deposit": "plural",
             "phase_share": "spoken", "signal_weight": "name", "category_owner": "name",
             "document_threshold": "label", "widget_refresh": "component"}  # fmt: skip
    kind = rng.choice(list(kinds))
    first, second = rng.sample([f for f in facts.all_facts() if f.kind == kind], 2)
    subject = dict(second.values)[kinds[kind]]
    _, answer = facts.ask(second, rng)
    follow = phrase(rng, "follow", subject=subject)
    return [ask_turn(rng, first), Turn(follow, (Reply(varied(rng, answer)),), second.area)]


def plan_turn(rng: Random) -> Turn:
    """A plan as a todo list, begun at once."""
    thing = phrase(rng, "plan_thing")
    steps = rng.sample(sections("talk.txt")["plan_step"], rng.randrange(4, 7))
    answer = phrase(rng, "plan_answer", count=len(steps), first=steps[0], last=steps[-1])
    files = glob("backend/app", ".py")
    replies = (
        Reply(f"I will write down the steps for {thing}.", (todos(steps, 0),)),
        Reply("", (files, todos(steps, 1))),
        Reply(varied(rng, answer)),
    )
    return Turn(phrase(rng, "plan_prompt", thing=thing), replies, "planning")


def commit_turn(rng: Random) -> Turn:
    """Commit what was done."""
    table = rng.choice(w.TABLES).name.replace("_", " ")
    verb = rng.choice(("Filter", "Count", "Test", "Tidy", "Document", "Limit"))
    message, sha = f"{verb} {table}", f"{rng.getrandbits(28):07x}"
    changed, added = rng.randrange(1, 5), rng.randrange(3, 90)
    out = f"[main {sha}] {message}\n {changed} files changed, {added} insertions(+)"
    call = bash(f'git add -A && git commit -m "{message}"', out, "Commit the change")
    replies = (
        Reply("", (call,)),
        Reply(phrase(rng, "commit_answer", sha=sha, message=message)),
    )
    return Turn(phrase(rng, "commit_prompt"), replies, "git")


def review_turn(rng: Random) -> Turn:
    """Review a file of the backend."""
    path = rng.choice([p for p in code.files() if p.startswith("backend/app")])
    remark, other = rng.sample(sections("talk.txt")["remark"], 2)
    answer = phrase(rng, "review_answer", file=path, remark=remark, other=other)
    calls = (read(path), grep(path.rpartition("/")[2].removesuffix(".py"), "backend/app"))
    return Turn(
        phrase(rng, "review_prompt", file=path),
        (Reply("", calls), Reply(varied(rng, answer))),
        "review",
    )


def search_turn(rng: Random) -> Turn:
    """Look something up on the web."""
    topic = phrase(rng, "search_topic")
    hits = [
        (
            f"{topic} ({place})",
            f"https://{place}.example/{rng.randrange(100, 999)}",
            phrase(rng, "search_says"),
        )
        for place in rng.sample(("docs", "answers", "notes", "blog"), 3)
    ]
    answer = phrase(rng, "search_answer", topic=topic, count=len(hits))
    prompt = phrase(rng, "search_prompt", topic=topic)
    return Turn(
        prompt,
        (Reply("", (web_search(topic, hits),)), Reply(varied(rng, answer, "detail_search"))),
        "research",
    )


def turns(rng: Random, count: int) -> list[Turn]:
    """About `count` turns of one session: mostly questions, with work between them."""
    made: list[Turn] = []
    others = (
        (change_turn, 22), (query_turn, 8), (review_turn, 4),
        (plan_turn, 3), (commit_turn, 5), (search_turn, 3),
    )  # fmt: skip
    makers, weights = zip(*others, strict=True)
    while len(made) < count:
        chance = rng.random()
        if chance < 0.60:
            made.append(ask_turn(rng))
        elif chance < 0.70:
            made.extend(follow_turns(rng))
        else:
            made.append(rng.choices(makers, weights)[0](rng))
    return made
