"""OpenAI rows: what a chat template sees."""

from __future__ import annotations

import json

import msgspec

from sessiontune.formats.openai import FORMAT
from sessiontune.model import Image, Message, Text, ToolDef, ToolResult
from sessiontune.ports import EncodeOptions

from .make import calls, conversation, results, said


def test_a_row_of_everything() -> None:
    made = conversation(
        said("user", "look at the page"),
        calls("On it.", ("c1", "Read", {"file_path": "ä.py", "limit": 3})),
        results(("c1", "Read", "text")),
        said("assistant", "Done.", model="m", vendor="v", at="2025-11-23T10:00:00Z"),
        tools=(ToolDef("Read", "", {}),),
        train=(False, False, False, True),
        split="train",
        group="g",
    )
    losses: dict[str, int] = {}
    row = json.loads(FORMAT.encode(made, EncodeOptions(), losses)[0])
    none = {"tool_calls": None, "tool_call_id": None, "name": None}
    assert row["messages"] == [
        {"role": "user", "content": "look at the page", **none, "train": False},
        {
            "role": "assistant",
            "content": "On it.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "Read", "arguments": '{"file_path":"ä.py","limit":3}'},
                }
            ],
            "tool_call_id": None,
            "name": None,
            "train": False,
        },
        {
            "role": "tool",
            "content": "text",
            "tool_calls": None,
            "tool_call_id": "c1",
            "name": "Read",
            "train": False,
        },
        {"role": "assistant", "content": "Done.", **none, "train": True},
    ]
    assert json.loads(row["tools"])[0]["function"]["parameters"] == {
        "type": "object",
        "properties": {},
    }
    assert (row["model"], row["vendor"], row["split"], row["group"]) == ("m", "v", "train", "g")
    assert row["at"] == "2025-11-23T10:00:00.000Z"
    assert row["agent_id"] == ""
    assert losses == {}


def test_pictures_become_text_wherever_they_stand() -> None:
    picture = Image("d", "image/png", 34_120)
    asked = Message(id="u", role="user", kind="prompt", parts=(picture, Text("what is this?")))
    shot = ToolResult("c1", "Shot", "", "ok", (picture,))
    made = conversation(
        asked,
        calls("", ("c1", "Shot", {})),
        Message(id="r", role="tool", kind="results", parts=(shot,)),
        said("assistant", "a cat"),
    )
    losses: dict[str, int] = {}
    row = json.loads(FORMAT.encode(made, EncodeOptions(), losses)[0])
    assert row["messages"][0]["content"] == "[image: png, 34 kB]\n\nwhat is this?"
    assert row["messages"][2]["content"] == "[image: png, 34 kB]"
    assert losses == {"image": 2}


def test_a_call_id_that_is_used_twice_finds_its_own_result() -> None:
    made = conversation(
        said("user", "q"),
        calls("", ("call_0", "Bash", {"n": 1})),
        results(("call_0", "Bash", "one")),
        calls("", ("call_0", "Bash", {"n": 2})),
        results(("call_0", "Bash", "two")),
        said("assistant", "a"),
        said("user", "more"),
    )
    row = json.loads(FORMAT.encode(made, EncodeOptions(), {})[0])
    assert [m["content"] for m in row["messages"] if m["role"] == "tool"] == ["one", "two"]


def test_a_prompt_queued_between_call_and_result_comes_after_both() -> None:
    made = conversation(
        said("user", "q"),
        calls("", ("c1", "Bash", {})),
        said("user", "and also this"),
        results(("c1", "Bash", "out")),
        said("assistant", "a"),
    )
    row = json.loads(FORMAT.encode(made, EncodeOptions(), {})[0])
    roles = [m["role"] for m in row["messages"]]
    assert roles == ["user", "assistant", "tool", "user", "assistant"]


def test_arguments_that_json_libraries_refuse_are_still_written() -> None:
    made = conversation(
        said("user", "q"),
        calls("", ("c1", "Bash", {"big": 10**30, "lone": "\ud83d", "inf": float("inf")})),
        results(("c1", "Bash", "lone \ud83d surrogate")),
        said("assistant", "a"),
    )
    row = json.loads(FORMAT.encode(made, EncodeOptions(), {})[0])
    arguments = json.loads(row["messages"][1]["tool_calls"][0]["function"]["arguments"])
    assert arguments == {"big": 10**30, "lone": "\ufffd", "inf": None}
    assert row["messages"][2]["content"] == "lone \ufffd surrogate"


def test_chat_files_that_others_wrote_are_read() -> None:
    theirs = {
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]},
        ]
    }
    (read,) = FORMAT.decode([json.dumps(theirs).encode()])
    assert [m.role for m in read.session.messages] == ["system", "user", "assistant"]
    assert read.session.messages[0].parts == (Text("Be brief."),)


def test_a_topic_whose_name_holds_a_comma_is_one_tag() -> None:
    """The report of an evaluation counted "releases and CI" as a topic of its own."""
    from sessiontune.rows.columns import tags_in

    tags = ("topic:Technical topics/Builds, releases and CI", "topic:Files", "long")
    assert tags_in(",".join(tags)) == tags
    assert tags_in("") == tags_in(None) == ()


def test_what_a_row_cannot_hold_is_counted_also_of_the_context_of_a_branch() -> None:
    """A branch that left its thread between a call and its answer: the result is in no row with its
    call."""
    prompt = said("user", "what is on it?")
    picture = msgspec.structs.replace(prompt, parts=(*prompt.parts, Image("d1", "image/png", 9)))
    made = conversation(
        results(("c1", "Read", "text")),
        said("assistant", "A page."),
        prefix=(picture, said("assistant", "I cannot tell.")),
    )
    losses: dict[str, int] = {}
    (row,) = FORMAT.encode(made, EncodeOptions(), losses)
    assert [m["role"] for m in json.loads(row)["messages"]] == ["user", "assistant", "assistant"]
    assert losses == {"image": 1, "result_without_call": 1}
