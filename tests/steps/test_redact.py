"""The stage: every field of a session, consistent identifiers, twice equals once."""

from __future__ import annotations

import msgspec
import pytest

from sessiontune.model import (
    ForkPoint,
    Image,
    Message,
    Origin,
    Session,
    Text,
    Thinking,
    ToolCall,
    ToolDef,
    ToolResult,
)
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary
from sessiontune.steps.redact import redactor_stage


def real(text: str) -> str:
    """`text` without its marks: so that no private-looking path or address stands here."""
    return text.replace("§", "")


SECRETS = {
    "github": "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "stripe": "sk_" + "live_" + "a1B2c3D4e5F6g7H8i9J0k1L2",
    "email": "bob.smith" + real("@§corp.io"),
    "user": "zelda77",
    "url": real("postgres://svc:" + "Q7xyzzy81@§db.corp.io/x"),
}
NAMES = Vocabulary.from_names([real("/ho§me/zelda77/code/app")])


def session(secret: str) -> Session:
    text = f"see {secret} now"
    return Session(
        key="0123456789abcdef",
        thread="t",
        lineage="l",
        source="claude",
        session_id="12345678-1234-4234-8234-123456789abc",
        agent_id="a1b2c3d4",
        agent_type=f"reviewer {secret}",
        forked_from=ForkPoint("fedcba9876543210", "msg-0"),
        parent_call="toolu_0",
        project=real("/ho§me/zelda77/code/app"),
        cwd=real("/ho§me/zelda77/code/app"),
        branch="zelda77/fix-login",
        title=text,
        files=(real("/ho§me/zelda77/.claude/x.jsonl"),),
        tools=(ToolDef("Bash", text, {"type": "object", "description": text, secret: {}}),),
        messages=(
            Message(
                id="m1", role="user", kind="prompt", parts=(Text(text),), origin=(Origin(0, 1),)
            ),
            Message(
                id="m2",
                role="assistant",
                kind="answer",
                parent="m1",
                parts=(
                    Thinking(text),
                    ToolCall(
                        "toolu_1", "Bash", {"command": text, "deep": [{"x": [text]}], secret: 1}
                    ),
                ),
            ),
            Message(
                id="m3",
                role="tool",
                kind="results",
                parent="m2",
                parts=(
                    ToolResult("toolu_1", "Bash", text, "ok", (Image("d" * 32, "image/png", 9),)),
                ),
            ),
        ),
    )


def stage(salt: bytes = b"salt") -> object:
    return redactor_stage(Redactor(salt, NAMES, PrivacyOptions()))


@pytest.mark.parametrize("kind", SECRETS)
def test_nothing_is_left_in_any_field(kind: str) -> None:
    before = session(SECRETS[kind])
    after, drops = stage()(before)
    assert drops == []
    published = msgspec.structs.replace(after, files=())
    packed = msgspec.json.encode(published).decode()
    assert SECRETS[kind] not in packed
    for private in ("zelda77", "12345678-1234", "toolu_", "a1b2c3d4"):
        assert private not in packed
    assert after.files == before.files
    assert after.messages[0].origin == before.messages[0].origin
    (image,) = after.messages[2].parts[0].images
    assert image.media_type == "image/png"
    assert len(image.digest) == 32
    assert image.digest != before.messages[2].parts[0].images[0].digest


def test_names_of_tools_and_models_are_texts_too() -> None:
    key, other = SECRETS["github"], SECRETS["github"][:-1] + "Q"
    given = session("nothing")
    parts = ToolCall("c", key, {}), ToolResult("d", other, "of a call that is not here")
    message = msgspec.structs.replace(given.messages[0], model=key, parts=parts)
    given = msgspec.structs.replace(
        given, messages=(message,), tools=(ToolDef(key, "", {}),), entrypoint=key
    )
    clean, _ = redactor_stage(Redactor(b"salt", NAMES, PrivacyOptions()))(given)
    assert key not in repr(clean)
    assert other not in repr(clean)


def test_twice_equals_once() -> None:
    once, _ = stage()(session(SECRETS["github"]))
    twice, _ = stage()(once)
    assert twice == once


@pytest.mark.parametrize("folder", ["/project-falcon/src", "/project-falcon", "project-falcon"])
def test_a_working_folder_is_known_as_a_pseudonym_by_its_form(folder: str) -> None:
    """Whatever began like one stayed in the state as it was."""
    once, _ = stage()(msgspec.structs.replace(session("x"), cwd=folder))
    assert "falcon" not in once.cwd
    assert stage()(once)[0].cwd == once.cwd


def test_identifiers_still_match() -> None:
    after, _ = stage()(session("nothing"))
    call, result = after.messages[1].parts[1], after.messages[2].parts[0]
    assert call.id == result.call_id
    assert after.messages[1].parent == after.messages[0].id
    assert after.messages[2].parent == after.messages[1].id
    assert after.cwd.startswith("/")
    other, _ = stage(b"other")(session("nothing"))
    assert other.session_id != after.session_id
    pictures = [s.messages[2].parts[0].images[0].digest for s in (after, other)]
    assert pictures[0] != pictures[1]


def test_plain_branches_stay() -> None:
    for name in ("main", "master", ""):
        after, _ = stage()(msgspec.structs.replace(session("x"), branch=name))
        assert after.branch == name


def test_switched_off_is_the_same_session() -> None:
    before = session(SECRETS["github"])
    off = redactor_stage(Redactor(b"s", NAMES, PrivacyOptions(enabled=False)))
    assert off(before) == (before, [])
