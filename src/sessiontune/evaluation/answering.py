"""What an arm answers: local models write several answers at once, endpoints one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from ..errors import PreflightError, UsageError
from ..templating import Template, TemplateRefused
from ..templating.examples import shared_length
from .arms import Arm
from .cache import Table, digest
from .callforms import still_thinking, thought_in
from .local import Lab, Prompt
from .remote import THINKING, Remote, Reply

#: A prompt shorter than this share of the longest of its batch waits for a batch of its own size:
#: its padding would be computed for nothing.
ALIKE = 0.6

#: Extra tokens for an answer that was cut while thinking: a base that thinks by nature would not
#: reach its answer otherwise, and a model trained without thoughts would win by that.
THOUGHTS = 1_024

Progress = Callable[[int, int, str], None]


class Asked(msgspec.Struct, frozen=True):
    """One question: a conversation, its tools, and the tokens that an answer may have, without and
    for thoughts."""

    context: Sequence[dict[str, Any]]
    tools: Any
    most: int
    thoughts: int = 0


class Answerer:
    """Asks one arm, local or remote, and keeps what it says."""

    def __init__(
        self,
        arm: Arm,
        table: Table,
        lab: Lab | None = None,
        template: Template | None = None,
        stop: Sequence[str] = (),
        length: int = 4096,
    ) -> None:
        self.arm = arm
        self.table = table
        self._lab = lab
        self._template = template
        self._stop = tuple(stop)
        self._length = length
        self._remote = Remote(arm.url, arm.model) if arm.kind == "endpoint" else None

    def replies(self, asked: Sequence[Asked], progress: Progress, label: str) -> list[Reply]:
        """Answers in the order of the questions, from the table if it has them already.

        A question that comes twice is answered once. A failed case is tried again, but not one that
        was cut inside its thought: it would be cut again.
        """
        keys = [digest(list(o.context), o.tools, o.most, THOUGHTS) for o in asked]
        found = {key: held for key in keys if (held := self._held(key)) is not None}
        missing = {k: one for k, one in zip(keys, asked, strict=True) if k not in found}
        done = len(asked) - len(missing)
        for key, reply in self._asked_for(missing):
            found[key] = reply
            self.table.put(key, msgspec.to_builtins(reply))
            done += 1
            progress(done, len(asked), f"{label}, {self.arm.name}")
        if not missing:
            progress(done, len(asked), f"{label}, {self.arm.name}")
        return [found[key] for key in keys]

    def _held(self, key: str) -> Reply | None:
        held = self.table.get(key)
        if held is None or held.get("failed") not in ("", None, THINKING):
            return None
        return msgspec.convert(held, Reply)

    def _asked_for(self, missing: dict[str, Asked]) -> Iterator[tuple[str, Reply]]:
        """Answers as they come, with the keys of their questions."""
        longer: dict[str, Asked] = {}
        for key, reply in self._tried(missing):
            if reply.thought and not reply.stopped:
                longer[key] = msgspec.structs.replace(missing[key], thoughts=THOUGHTS)
            else:
                yield key, reply
        yield from self._tried(longer)

    def _tried(self, missing: dict[str, Asked]) -> Iterator[tuple[str, Reply]]:
        if self._remote is not None:
            for key, one in missing.items():
                yield key, self._remote.answer(one.context, one.tools, one.most + one.thoughts)
            return
        lab, template = self._lab, self._template
        if lab is None or template is None:
            raise UsageError(f"Arm '{self.arm.name}' needs the run's base model.")
        prompts: dict[str, Prompt] = {}
        for key, one in missing.items():
            try:
                context = with_rules(one.context, self.arm.rules)
                ids = self._fitting(template, context, one.tools, one.most)
            except (TemplateRefused, PreflightError) as error:
                why = f"the template takes no such conversation: {str(error)[:160]}"
                yield key, Reply(failed=why)
            else:
                prompts[key] = Prompt(ids, one.most + one.thoughts)
        ends = [lab.tokenizer.convert_tokens_to_ids(s) for s in self._stop]
        for keys in batches(prompts, lab.rows, lab.room):
            written = lab.answers(self.arm, [prompts[key] for key in keys], ends)
            for key, out in zip(keys, written, strict=True):
                yield key, self._reply(lab, prompts[key].ids, out, ends)

    def _reply(
        self, lab: Lab, prompt: Sequence[int], out: Sequence[int], ends: Sequence[int]
    ) -> Reply:
        stopped = bool(out) and out[-1] in ends
        text = lab.tokenizer.decode(out[:-1] if stopped else out, skip_special_tokens=False)
        head = lab.tokenizer.decode(prompt[-16:], skip_special_tokens=False).rstrip()
        whole = f"<think>{text}" if head.endswith("<think>") else text  # opened by the template
        cut = not stopped and still_thinking(whole)
        return Reply(text, stopped, THINKING if cut else "", cut or thought_in(whole))

    def _fitting(
        self, template: Template, context: Sequence[dict[str, Any]], tools: Any, most: int
    ) -> list[int]:
        """A conversation in tokens that leaves room for the answer.

        If it is too long it keeps its head (system message with the rules, first request) and its
        end, like the windows of training; the head takes at most half of the room.
        """
        ids = template.ids(context, tools, generation=True)
        room = max(32, self._length - most)
        if len(ids) <= room:
            return ids
        asked = next((n for n, m in enumerate(context) if m["role"] == "user"), 0)
        head = template.ids(context[: asked + 1], tools)
        kept = min(shared_length(ids, head), room // 2)
        return ids[:kept] + ids[kept - room :]


def with_rules(context: Sequence[dict[str, Any]], rules: str) -> list[dict[str, Any]]:
    """A conversation with rules at the beginning of its system message."""
    if not rules:
        return list(context)
    if context and context[0]["role"] == "system":
        first = {**context[0], "content": f"{rules}\n\n{context[0].get('content') or ''}"}
        return [first, *context[1:]]
    return [{"role": "system", "content": rules}, *context]


def batches(prompts: dict[str, Prompt], rows: int, room: int) -> Iterator[list[str]]:
    """Keys of prompts that are answered together, the longest first.

    A batch holds at most `rows` prompts of similar length, and with their answers at most `room`
    tokens including padding; a prompt that is longer than that is alone.
    """
    batch: list[str] = []
    longest = most = 0
    for key, one in sorted(prompts.items(), key=lambda item: -len(item[1].ids)):
        full = (len(batch) + 1) * (longest + max(most, one.most)) > room
        if batch and (full or len(batch) == rows or len(one.ids) < ALIKE * longest):
            yield batch
            batch, longest, most = [], 0, 0
        batch.append(key)
        longest, most = max(longest, len(one.ids)), max(most, one.most)
    if batch:
        yield batch
