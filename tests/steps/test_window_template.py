"""Windows counted by a real tokenizer fit once a real chat template has rendered them."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from test_window import long_session

from sessiontune import registry
from sessiontune.evidence import text_of
from sessiontune.measure import Meter
from sessiontune.ports import Conversation, EncodeOptions
from sessiontune.steps.tools import Shapes, definitions, observe
from sessiontune.steps.window import windower

pytestmark = pytest.mark.models


@pytest.mark.slow
@pytest.mark.parametrize("budget", [1024, 2048])
def test_rows_fit_as_rendered_and_are_not_half_empty(tmp_path: Path, budget: int) -> None:
    pytest.importorskip("transformers")
    from sessiontune.templating.loading import load_tokenizer
    from sessiontune.templating.template import Template
    from sessiontune.training.tiny import make_tiny

    one = long_session(21, 60, 300)
    folder = make_tiny(tmp_path / "tiny", [text_of(m) for m in one.messages], kind="qwen2")
    tokenizer = load_tokenizer(folder)
    template = Template.load(folder)
    shapes: Shapes = {}
    observe(one, shapes)
    tools = tuple(definitions(shapes).values())
    meter = Meter(lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))
    examples, counts = windower(budget, meter)(one, (), None, tools)
    assert counts.kept_turns == counts.turns
    lengths = []
    for example in examples:
        session = msgspec.structs.replace(one, messages=example.messages)
        whole = Conversation(session=session, train=example.train, tools=example.tools)
        for raw in registry.format("openai").encode(whole, EncodeOptions(), {}):
            row = json.loads(raw)
            lengths.append(len(template.ids(row["messages"], json.loads(row["tools"] or "[]"))))
    assert max(lengths) <= budget
    assert max(lengths) >= 0.7 * budget
