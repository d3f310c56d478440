"""What happens in a session between plain turns: each function adds one thing, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from . import agents, code, facts, features_more, oddities, planted
from .dialogue import ask_turn, change_turn, phrase, review_turn, varied
from .emit_claude import slug
from .tools import Call, Reply, Turn, bash, edit, read
from .world import HOME

if TYPE_CHECKING:
    from .session import Session

MEMORY = (
    "# Velmarro operations platform\n\n"
    "- Amounts are integer cents, rounded half to even per line.\n"
    "- Statuses change only through `move_status`.\n"
    "- Rows are archived, never deleted.\n"
    "- Lists page by key, 50 rows at a time.\n"
)


Feature = Callable[["Session"], None]


def _memory(s: Session) -> None:
    oddities.memory(s.log, MEMORY)


def _mention(s: Session) -> None:
    path = s.rng.choice([p for p in code.files() if "services" in p])
    name = path.rpartition("/")[2].removesuffix(".py").replace("_", " ")
    s.log.prompt(f"@{path} what is this file responsible for?")
    oddities.mention(s.log, path)
    first = code.source(path).split("\n")[0].strip('"')
    answer = f"`{path}` is our {name} service. Its first line says it: {first}"
    s.log.reply(Reply(varied(s.rng, answer)))


def _queued(s: Session) -> None:
    turn = change_turn(s.rng)
    s.log.prompt(turn.prompt)
    for reply in turn.replies[:-1]:
        s.log.reply(reply)
    oddities.queued(s.log, phrase(s.rng, "queued"))
    s.log.reply(turn.replies[-1])


def _command(s: Session) -> None:
    turn = ask_turn(s.rng)
    oddities.command(s.log, "ask-ops", turn.prompt)
    s.log.answer(turn)


def _noise_command(s: Session) -> None:
    oddities.command(s.log, "model", output="Set model to \u001b[1mdefault\u001b[22m")
    oddities.system(
        s.log, "local_command", level="info", content="<command-name>/cost</command-name>"
    )


def _shell(s: Session) -> None:
    oddities.shell_mode(s.log, "git status -sb", "## main...origin/main")


def _ide(s: Session) -> None:
    turn = ask_turn(s.rng)
    oddities.with_reminder(s.log, turn.prompt)
    s.log.answer(turn)


def _picture(s: Session) -> None:
    oddities.picture(s.log, "The tile looks like this on a phone. Which component is it?")
    s.log.reply(Reply("That is `HealthGrid`: one coloured cell per active project."))


def _reject_words(s: Session) -> None:
    turn = change_turn(s.rng)
    s.log.prompt(turn.prompt)
    s.log.reply(turn.replies[0])
    oddities.rejection(s.log, turn.replies[1].calls[0], phrase(s.rng, "reject"))
    way = phrase(s.rng, "reject_answer", way=phrase(s.rng, "way"))
    s.log.reply(Reply(varied(s.rng, way)))


def _reject_stop(s: Session) -> None:
    turn = change_turn(s.rng)
    s.log.prompt(turn.prompt)
    s.log.reply(turn.replies[0])
    oddities.rejection(s.log, turn.replies[1].calls[0])


def _interrupt(s: Session) -> None:
    turn = change_turn(s.rng)
    s.log.prompt(turn.prompt)
    call = Call("Bash", {"command": "make e2e", "description": "Run all"}, "", None, "missing")
    s.log.reply(Reply("I will run everything first.", (call,)))
    oddities.interruption(s.log)


def _api_error(s: Session) -> None:
    turn = ask_turn(s.rng)
    s.log.prompt(turn.prompt)
    oddities.api_error(s.log)
    s.log.prompt("try again")
    s.log.answer(turn)


def _synthetic(s: Session) -> None:
    s.log.user("Continue from where you left off.", isMeta=True)
    oddities.synthetic(s.log)


def _proxy(s: Session) -> None:
    question, answer = facts.ask(facts.popular(s.rng), s.rng)
    s.log.prompt(question)
    oddities.repeated_block(s.log, varied(s.rng, answer))
    question, answer = facts.ask(facts.popular(s.rng), s.rng)
    s.log.prompt(question)
    oddities.several_blocks(s.log, "One place has it.", varied(s.rng, answer))


def _compaction(s: Session) -> None:
    s.agents.append(agents.compact(s.log))
    oddities.compaction(s.log, automatic=s.rng.random() < 0.7, preserved=2)


def _fork_edit(s: Session) -> None:
    """The person goes back and asks the same in other words: two prompts under one parent."""
    here = s.log.thread.messages[-1]
    fact = facts.popular(s.rng)
    s.log.turn(ask_turn(s.rng, fact))
    s.log.rewind(here)
    s.log.turn(ask_turn(s.rng, facts.popular(s.rng)))


def _fork_retry(s: Session) -> None:
    """The answer is asked for again: two messages of the model under one prompt."""
    fact = facts.popular(s.rng)
    question, answer = facts.ask(fact, s.rng)
    s.log.prompt(question)
    asked = s.log.thread.messages[-1]
    s.log.reply(Reply(varied(s.rng, answer)))
    s.log.rewind(asked)
    s.log.reply(Reply(varied(s.rng, facts.ask(fact, s.rng)[1] + " I checked it once more.")))


def _flat(s: Session) -> None:
    turn = review_turn(s.rng)
    s.log.prompt(f"Use an agent for this: {turn.prompt}")
    s.agents.append(agents.foreground(s.log, turn, nested=False))
    s.log.reply(turn.replies[-1])


def _nested(s: Session) -> None:
    turn = review_turn(s.rng)
    s.log.prompt(f"Let a sub-agent do it. {turn.prompt}")
    s.agents.append(agents.foreground(s.log, turn, nested=True))
    s.log.reply(Reply(f"The agent reports: {turn.replies[-1].text}"))


def _background(s: Session) -> None:
    s.log.prompt("Start a review in the background, I have another question meanwhile.")
    s.agents.append(agents.background(s.log, review_turn(s.rng), ask_turn(s.rng)))


def _inherits(s: Session) -> None:
    s.agents.append(agents.inherits(s.log, "backend/app/services/flows.py"))


def _warm_up(s: Session) -> None:
    s.agents.append(agents.warm_up(s.log))


def _suggestion(s: Session) -> None:
    s.agents.append(agents.suggestion(s.log, "now add the tests"))


def _aside(s: Session) -> None:
    s.agents.append(agents.aside(s.log))


def _persisted(s: Session) -> None:
    """A tool output so large that the program moved it to a file of its own."""
    text = "\n".join(f"{p}: {t.count(chr(10))} lines\n{t}" for p, t in code.files().items())[
        :38_000
    ]
    name = f"{s.log.src.hexes(9)}.txt"
    s.outputs[name] = text
    folder = f"{HOME}/.claude/projects/{slug(s.log.cwd)}/{s.log.session_id}/tool-results"
    size = len(text.encode())
    shown = (
        f"<persisted-output>\nOutput too large ({size / 1024:.1f}KB). Full output saved to: "
        f"{folder}/{name}\n\nPreview (first 2KB):\n{text[:2000]}\n...\n</persisted-output>"
    )
    rich = {"stdout": text[:30_000], "stderr": "", "interrupted": False, "isImage": False,
            "persistedOutputPath": f"{folder}/{name}", "persistedOutputSize": size}  # fmt: skip
    given = {"command": "git ls-files | xargs tail -n +1", "description": "Show all files"}
    s.log.prompt("How many files does the repository have, and which is the longest?")
    s.log.reply(Reply("", (Call("Bash", given, shown, rich),)))
    longest = max(code.files(), key=lambda p: len(code.source(p)))
    s.log.reply(Reply(f"{len(code.files())} files; the longest is `{longest}`."))


def _xml(s: Session) -> None:
    """The person's own markup, which is no injected text."""
    turn = change_turn(s.rng)
    s.log.prompt(phrase(s.rng, "xml", goal=turn.prompt))
    s.log.answer(turn)


def _edited(s: Session) -> None:
    """The person changed the model's edit before accepting it."""
    turn = change_turn(s.rng)
    given = turn.replies[1].calls[0].input
    path = given["file_path"].partition("velmarro-ops/")[2]
    changed = edit(path, given["old_string"], given["new_string"], by_user=True)
    s.log.turn(Turn(turn.prompt, (turn.replies[0], Reply("", (changed,)), turn.replies[-1])))


def _parallel(s: Session) -> None:
    """Three calls in one message, with progress between the pieces."""
    paths = s.rng.sample(sorted(code.files()), 3)
    s.log.prompt("Compare these three files: which of them need a test first?")
    s.log.reply(Reply("I will read all three.", tuple(read(p) for p in paths)), interleave=True)
    s.log.reply(Reply(f"`{paths[0]}` first: it has the most branches. The others can wait."))


def _plant(s: Session, kind: str) -> None:
    """The person pastes a secret or a client's data into a prompt."""
    make, story = planted.STORIES[kind]
    s.log.prompt(story.format(s.plant(kind, make(s.rng))))
    advice = planted.CONTACT if kind in planted.PERSONAL else planted.ADVICE
    s.log.reply(Reply(varied(s.rng, s.rng.choice(advice))))


def _secret_file(s: Session) -> None:
    """Secrets that only tools show: a .env file, and a connection string in a command."""
    word = s.plant("password", planted.password(s.rng))
    url = s.plant("connection", planted.connection(s.rng, word))
    key = s.plant("model_key", planted.model_key(s.rng))
    text = f"OPS_DB=var/ops.sqlite3\nREPORT_DB={url}\nSMTP_PASSWORD={word}\nMODEL_API_KEY={key}\n"
    s.log.prompt("The nightly report does not reach its database. Have a look at the settings.")
    s.log.reply(Reply("I will read the settings.", (read(".env", text),)))
    error = "connection refused"
    call = bash(f'psql "{url}" -c "select 1"', error, "Try the connection", failed=True)
    s.log.reply(Reply("", (call,)))
    s.log.reply(Reply(varied(s.rng, s.rng.choice(planted.ADVICE))))


def _side(s: Session) -> None:
    oddities.settings(s.log)
    oddities.bridge(s.log)
    oddities.pull_request(s.log, s.rng.randrange(20, 400))
    oddities.unknown(s.log)
    oddities.away(s.log, "While you were away the tests went green.")
    oddities.stop_hooks(s.log)


def _broken_text(s: Session) -> None:
    """Text with a lone surrogate, and with line separators that are no line ends."""
    s.log.prompt("The subject shows as \ud83d in the mail list, and\u2028the body breaks. Why?")
    s.log.reply(
        Reply("Half of an emoji: the importer cuts subjects by code unit, not by character.")
    )


def _upgrade(s: Session) -> None:
    """The program was upgraded between two turns."""
    head, _, patch = s.log.version.rpartition(".")
    s.log.version = f"{head}.{int(patch) + 3}"


#: What can happen in a session besides plain turns, by name.
FEATURES: dict[str, Feature] = {
    "memory": _memory,
    "mention": _mention,
    "queued": _queued,
    "command": _command,
    "noise_command": _noise_command,
    "shell": _shell,
    "ide": _ide,
    "picture": _picture,
    "reject_words": _reject_words,
    "reject_stop": _reject_stop,
    "interrupt": _interrupt,
    "api_error": _api_error,
    "synthetic": _synthetic,
    "proxy": _proxy,
    "compaction": _compaction,
    "fork_edit": _fork_edit,
    "fork_retry": _fork_retry,
    "flat": _flat,
    "nested": _nested,
    "background": _background,
    "inherits": _inherits,
    "warm_up": _warm_up,
    "suggestion": _suggestion,
    "aside": _aside,
    "persisted": _persisted,
    "xml": _xml,
    "edited": _edited,
    "parallel": _parallel,
    "secret_file": _secret_file,
    "side": _side,
    "broken_text": _broken_text,
    "upgrade": _upgrade,
    **features_more.FEATURES,
    **{f"plant_{kind}": partial(_plant, kind=kind) for kind in planted.STORIES},
}
