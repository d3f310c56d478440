"""Further things that happen in a session: tools that ask, refuse, or answer in odd ways."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from . import code, facts, oddities
from .dialogue import change_turn, phrase, varied
from .tools import Call, Reply, read
from .world import CWD

if TYPE_CHECKING:
    from .session import Session


def errors(s: Session) -> None:
    """One of several parallel calls fails, and the program cancels the others."""
    wrong = f"{CWD}/backend/app/services/fee.py"
    text = "<tool_use_error>File does not exist.</tool_use_error>"
    missing = Call("Read", {"file_path": wrong}, text, "Error: File does not exist.", "error")
    other = f"{CWD}/backend/app/db.py"
    text = "<tool_use_error>Sibling tool call errored</tool_use_error>"
    cancelled = Call("Read", {"file_path": other}, text, "Sibling tool call errored", "error")
    s.log.prompt("Where are the fees computed, and how is the database opened?")
    s.log.reply(Reply("I will read both files.", (missing, cancelled)))
    found = (read("backend/app/services/fees.py"), read("backend/app/db.py"))
    s.log.reply(Reply("The name was wrong: the file is `fees.py`.", found))
    answer = "`fees.py` computes them in `design_fee`, and `connect` in `db.py` opens the database."
    s.log.reply(Reply(varied(s.rng, answer)))


def question(s: Session) -> None:
    """The agent asks, and the person picks an answer."""
    asked = {
        "question": "Where should the reminder text live?",
        "header": "Reminder",
        "multiSelect": False,
        "options": [
            {"label": "Database", "description": "Editable by the studio desk"},
            {"label": "Code", "description": "Reviewed like everything else"},
        ],
    }
    picked = s.rng.choice(("Database", "Code"))
    answers = {str(asked["question"]): picked}
    text = f'Your questions have been answered: "{asked["question"]}"="{picked}". Go on with that.'
    rich = {"questions": [asked], "answers": answers, "annotations": {}}
    s.log.prompt("Add a text to the proposal reminder that the studio can change.")
    s.log.reply(Reply("", (Call("AskUserQuestion", {"questions": [asked]}, text, rich),)))
    where = "a row of its own" if picked == "Database" else "a constant in `reminders.py`"
    s.log.reply(Reply(f"The text becomes {where}, as you chose ({picked.lower()})."))


def plan_accepted(s: Session) -> None:
    """A plan that the person accepted, with the context cleared before the work."""
    turn = change_turn(s.rng)
    plan = f"# Plan\n\n1. {turn.prompt}\n2. Run the tests.\n3. Report what changed."
    s.log.prompt(f"Implement the following plan:\n\n{plan}", planContent=plan)
    s.log.answer(turn)


def skill(s: Session) -> None:
    """A skill is loaded; its text comes in as a message of the program."""
    name = "invoice-checks"
    rich = {"success": True, "commandName": name}
    s.log.prompt("Check the newest invoices with our skill for that.")
    ids = s.log.reply(
        Reply("", (Call("Skill", {"skill": name}, f"Launching skill: {name}", rich),))
    )
    body = (
        f"Base directory for this skill: {CWD}/.claude/skills/{name}\n\n# Invoice checks\n\n"
        "Net and VAT must add up, the due date must follow the payment term, and a status must be "
        "one of the flow."
    )
    blocks = [{"type": "text", "text": body}]
    uuid = s.log.user(blocks, isMeta=True, sourceToolUseID=ids[0])
    s.log.expect("system", "context", blocks, [uuid])
    wrong = s.rng.randrange(1, 9)
    s.log.reply(Reply(f"{wrong} invoices of the last week miss a due date; the rest is in order."))


def document(s: Session) -> None:
    """A prompt with a text document beside it."""
    kind = s.rng.choice([f for f in facts.all_facts() if f.kind == "document_fields"])
    words = "Visit notes: two snags are open, the photos follow."
    source = {"type": "text", "media_type": "text/plain", "data": words}
    asked, answer = facts.ask(kind, s.rng)
    blocks = [{"type": "document", "source": source}, {"type": "text", "text": asked}]
    uuid = s.log.user(blocks)
    parts = [{"type": "text", "text": text} for text in (words, asked)]
    s.log.expect("user", "prompt", parts, [uuid])
    s.log.reply(Reply(varied(s.rng, answer)))


def twice(s: Session) -> None:
    """Two results for one call, and one result for a call that is nowhere."""
    path = s.rng.choice(sorted(p for p in code.files() if p.endswith(".tsx")))
    s.log.prompt(f"Open {path} for me.")
    s.log.reply(Reply("", (read(path),)))
    record = next(r for r in reversed(s.log.records) if r["type"] == "user")
    tip = s.log.tip
    s.log.linked("user", {"message": record["message"]}, parent=tip)
    block = {"type": "tool_result", "tool_use_id": s.log.src.name("toolu_01"), "content": "late"}
    s.log.linked("user", {"message": {"role": "user", "content": [block]}})
    s.log.reply(Reply(f"`{path}` is open. It is a component of the dashboard or a page."))


def picture_result(s: Session) -> None:
    """A tool that answers with a picture."""
    data = base64.b64encode(oddities.png(s.rng.randrange(256), 60, 90)).decode()
    path = f"{CWD}/docs/dashboard.png"
    file = {"base64": data, "type": "image/png", "originalSize": 70}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    s.log.prompt("Look at docs/dashboard.png, is the grid of project health on it?")
    call = Call("Read", {"file_path": path}, "", {"type": "image", "file": file})
    s.log.reply(Reply("", (call,)), content=[image])
    s.log.reply(Reply("Yes: one coloured cell for each active project, top right."))


def more_side(s: Session) -> None:
    """Side records of late versions."""
    uuid = s.log.src.uuid()
    s.log.side(
        "file-history-delta",
        messageId=uuid,
        snapshotMessageId=uuid,
        trackingPath="backend/app/db.py",
        backup={"backupFileName": s.log.src.hexes(16), "version": 2},
        timestamp=s.log.src.tick(),
    )
    s.log.side("atis-latch", atis=True, sessionId=s.log.session_id)
    oddities.system(s.log, "microcompact_boundary", content="Context microcompacted", level="info")
    oddities.attach(s.log, "edited_text_file", filename=f"{CWD}/backend/app/db.py", snippet="1\tx")
    oddities.attach(s.log, "todo_reminder", content=phrase(s.rng, "plan_step"), itemCount=1)


FEATURES = {
    "errors": errors,
    "question": question,
    "plan_accepted": plan_accepted,
    "skill": skill,
    "document": document,
    "twice": twice,
    "picture_result": picture_result,
    "more_side": more_side,
}
