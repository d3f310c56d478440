"""A model's own chat template: rendering, tokens, and exactly which tokens bear loss.

A trained turn's tokens are what the model must write after the prompt that it would see:
`completion(i) = render(messages[:i+1])` minus `render(messages[:i], add_generation_prompt=True)`,
up to and with the stop token. The trainers' own masks are not used (they are off by 4 to 8 tokens,
or empty). A template that is not prefix-stable gives several examples of one row.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import PreflightError
from .engine import TemplateRefused, compiled, render_with
from .examples import Encoded, Piece, Span, labelled, shared_length
from .loading import check_family, load_tokenizer, template_source
from .probe import TOOLS, TRIALS, probe
from .rows import BREAK, Abilities, Turn, adapt, broken, turns_of

#: Marks of a thought, which are no control tokens in most models.
THOUGHT = ("<think>", "</think>")


def _any_of(marks: set[str]) -> re.Pattern[str]:
    longest = sorted(marks, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest)) or r"(?!)")


class Template:
    """A chat template bound to a tokenizer. Make one with `load`."""

    def __init__(self, source: str, tokenizer: Any) -> None:
        self.source = source
        self.tokenizer = tokenizer
        self.special: dict[str, str] = {
            k: str(v) for k, v in tokenizer.special_tokens_map.items() if isinstance(v, str)
        }
        self.special.setdefault("bos_token", "")
        self.special.setdefault("eos_token", "")
        added = tokenizer.added_tokens_decoder.values()
        self.controls = {t.content for t in added if t.special} | set(self.special.values()) - {""}
        # Templates that look for them would split an answer there.
        thought = {mark for mark in THOUGHT if mark in source}
        self._control = _any_of(self.controls)
        self._breaks = _any_of(self.controls | thought)
        self._render = compiled(source)
        self.able: Abilities = probe(self._raw)
        check_family(self._raw(TRIALS[0], None, True), tokenizer)
        self.stops: list[str] = []
        self._header = ""
        self._quick = self._odd = False
        self._learn()

    @classmethod
    def load(cls, folder: str | os.PathLike[str], template: str | None = None) -> Template:
        """The template of the model in a local folder, or another one by name or file.

        Raises UsageError if the folder holds no tokenizer or no template suits it, ToolError if
        the `train` extra is missing.
        """
        tokenizer = load_tokenizer(folder)
        return cls(template_source(tokenizer, template), tokenizer)

    # ------------------------------------------------------------ text

    def _raw(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None,
        generation: bool,
    ) -> str:
        return render_with(self._render, messages, tools, generation, self.special)

    def text(self, turns: Sequence[Turn], tools: Any, generation: bool = False) -> str:
        """The rendered text of prepared turns, with control tokens of the log broken."""
        messages = []
        for turn in turns:
            message = turn.message
            if "reasoning_content" in message:  # gpt-oss reads it under this name
                message = {"thinking": message["reasoning_content"], **message}
            messages.append(self._broken(message))
        return self._raw(messages, broken(tools, self._breaks), generation)

    def _broken(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A message of the log whose text is no structure. If the text begins with a thought, the
        template may split it, and is refused if it loses it."""
        thinks = message["content"].lstrip().startswith(THOUGHT[0])
        made: dict[str, Any] = broken(message, self._control if thinks else self._breaks)
        return made

    def render(
        self, messages: Sequence[Mapping[str, Any]], tools: Any = None, *, generation: bool = False
    ) -> str:
        """The rendered text of messages; `generation` adds the head of the next answer."""
        turns, schemas = self.prepare({"messages": list(messages), "tools": tools}, "messages")[:2]
        return self.text(turns, schemas, generation).replace(BREAK, "")

    def prepare(
        self, row: Mapping[str, Any], where: str
    ) -> tuple[list[Turn], list[dict[str, Any]], list[str]]:
        """A row in forms that this template knows: turns, tool definitions, changes."""
        return adapt(*turns_of(row, where), self.able)

    # ------------------------------------------------------------ tokens

    def tokens(self, text: str, cuts: Sequence[int] = ()) -> list[tuple[int, int, int]]:
        """(id, start, end) of each token; no control token across a `BREAK`, no token across a cut.
        Offsets count characters of `text` as given."""
        out: list[tuple[int, int, int]] = []
        at = 0
        bounds = sorted({*cuts, *(m.start() for m in re.finditer(BREAK, text)), len(text)})
        for bound in bounds:
            part = text[at:bound]
            shift = at
            if part.startswith(BREAK):
                part, shift = part[1:], at + 1
            at = bound
            if not part:
                continue
            encoded = self.tokenizer(
                part,
                add_special_tokens=False,
                return_offsets_mapping=True,
                verbose=False,  # no warning of the length: sessions are cut later
            )
            pairs = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
            out += [(i, s + shift, e + shift) for i, (s, e) in pairs]
        return out

    def tokens_of(self, piece: Piece) -> list[tuple[int, int, int]]:
        """The tokens of an example, as `tokens` gives them."""
        tokens = self.tokens(piece.text)
        starts = {s.start for s in piece.spans}
        begins = [begin for _, begin, _ in tokens]
        before = ((s, bisect_left(begins, s)) for s in starts)
        across = [s for s, at in before if at and tokens[at - 1][2] > s]
        # a token across the border of head and answer, which inference does not have
        return self.tokens(piece.text, across) if across else tokens

    def ids(
        self, messages: Sequence[Mapping[str, Any]], tools: Any = None, *, generation: bool = False
    ) -> list[int]:
        """Token ids of a conversation, as in training (no token is added)."""
        turns, schemas = self.prepare({"messages": list(messages), "tools": tools}, "messages")[:2]
        return [i for i, _, _ in self.tokens(self.text(turns, schemas, generation))]

    @property
    def adds_bos(self) -> bool:
        """Whether the rendered text begins with the tokenizer's BOS token."""
        bos = self.special["bos_token"]
        return bool(bos) and self._raw(TRIALS[0], None, False).startswith(bos)

    # ------------------------------------------------------------ loss

    def encode(self, row: Mapping[str, Any], where: str = "row") -> list[Encoded]:
        """The examples of one row as tokens and labels; see `examples`."""
        return [encoded for _, encoded in self.examples(row, where)]

    def examples(self, row: Mapping[str, Any], where: str = "row") -> list[tuple[Piece, Encoded]]:
        """Examples of one row; each trained message is a target in exactly one of them.

        Raises PreflightError, naming `where`, if no token would bear loss or the template loses a
        target's content.
        """
        turns, tools, _ = self.prepare(row, where)
        if not any(t.train for t in turns):
            raise PreflightError(
                f"{where}: every token is masked; nothing would be learned from it.",
                "Leave the row out: none of its answers is marked to be trained.",
            )
        pieces = self.pieces(turns, tools, where)
        return [(p, labelled(p, self.tokens_of(p), turns, where)) for p in pieces]

    def completion(
        self, messages: Sequence[Mapping[str, Any]], tools: Any = None, where: str = "row"
    ) -> tuple[str, str]:
        """The prompt before the last message, which is an answer, and the text to write for it.

        Control tokens inside a log's own text are split by a space in both. Raises PreflightError
        as `examples` does, and if the last message is no answer.
        """
        row = {"messages": list(messages), "tools": tools}
        turns, schemas, _ = self.prepare(row, where)
        if turns[-1].role != "assistant":
            raise PreflightError(f"{where}: it does not end in an answer.")
        try:
            prompt, body = self._completion(turns, schemas, len(turns) - 1, where)
        except TemplateRefused as error:
            raise PreflightError(f"{where}: the chat template refuses it: {error}") from error
        return prompt.replace(BREAK, " "), body.replace(BREAK, " ")

    def pieces(self, turns: Sequence[Turn], tools: Any, where: str) -> list[Piece]:
        """Texts with spans: as few as the template allows, in the order of their last turn."""
        try:
            quick = self._quick_piece(turns, tools, where) if self._quick else None
            return [quick] if quick else self._careful(turns, tools, where)
        except TemplateRefused as error:
            raise PreflightError(
                f"{where}: the chat template refuses this conversation: {error}",
                "Its order of roles is not one the model was made for; leave the row out.",
            ) from error

    def _careful(self, turns: Sequence[Turn], tools: Any, where: str) -> list[Piece]:
        """Pieces by prefixes: sound for any template."""
        pending = [i for i, t in enumerate(turns) if t.train]
        parts = {i: self._completion(turns, tools, i, where) for i in pending}
        out: list[Piece] = []
        while pending:
            text = self.text(turns[: pending[-1] + 1], tools)
            if not text.startswith("".join(parts[pending[-1]])):
                text = "".join(parts[pending[-1]])
            spans, left = [], []
            for i in pending:
                head, body = parts[i]
                if text.startswith(head + body):
                    spans.append(Span(len(head), len(head) + len(body), i))
                else:
                    left.append(i)
            out.append(Piece(text, tuple(spans)))
            pending = left
        return out[::-1]

    def _completion(self, turns: Sequence[Turn], tools: Any, i: int, where: str) -> tuple[str, str]:
        """The prompt before turn i and what the model must write after it."""
        prompt = self.text(turns[:i], tools, True) if i else ""
        full = self.text(turns[: i + 1], tools)
        raw = full[len(prompt) :]
        if not full.startswith(prompt):
            prompt, raw = self._rewritten(turns, tools, i, prompt, full, where)
        body = self._up_to_stop(raw)
        if body is None:
            raise PreflightError(
                f"{where}: the template ends an answer without a stop token, so the model would "
                "never learn to stop.",
                "Use a template whose answers end in the tokenizer's end token (--template).",
            )
        self._keeps(turns[i], body, where)
        return prompt, body

    def _rewritten(
        self, turns: Sequence[Turn], tools: Any, i: int, prompt: str, full: str, where: str
    ) -> tuple[str, str]:
        """Prompt and answer if the answer changes how what precedes it is rendered.

        Either the earlier conversation (gpt-oss drops the text before old calls once there is a
        final answer): then the prompt is the one of inference. Or the head of the answer (a thought
        opened in the generation prompt, absent in history): then the prompt is cut.
        """
        asked = Turn({"role": "user", "content": "."}, False, ())
        opening = self.text([asked], tools, True)
        alone = self.text([asked, turns[i]], tools)
        if alone.startswith(opening) and full.endswith(alone[len(opening) :]):
            return prompt, alone[len(opening) :]
        # The end of the head shows with an answer that has no letter in common with it.
        other = Turn({"role": "assistant", "content": "\ufdd1"}, False, ())
        head = shared_length(prompt, self.text([*turns[:i], other], tools))
        shared = min(shared_length(prompt, full), head)
        if shared < len(self.text(turns[:i], tools)):
            raise PreflightError(
                f"{where}: the chat template rewrites the conversation before message "
                f"{turns[i].sources[0]}, so what is trained cannot be told from what is read.",
                "Use another template (--template chatml).",
            )
        return full[:shared], full[shared:]

    def _up_to_stop(self, body: str) -> str | None:
        """Cut what follows the last control token (a line feed in most templates)."""
        ends = [m.end() for m in self._control.finditer(body)]
        return body[: ends[-1]] if ends and not body[ends[-1] :].strip() else None

    def _keeps(self, turn: Turn, body: str, where: str) -> None:
        """Raise PreflightError if an answer's text or calls are not in what is trained."""
        message = self._broken(turn.message)
        calls = message.get("tool_calls", ())
        wanted = [message["content"].strip(), *(c["function"]["name"] for c in calls)]
        for text in wanted:
            if text not in body:
                kind = "a tool call" if text != wanted[0] else "text"
                raise PreflightError(
                    f"{where}: the chat template loses {kind} of message {turn.sources[0]}.",
                    "Use another template (--template chatml), or leave the row out.",
                )

    # ------------------------------------------------------------ the quick way

    def _learn(self) -> None:
        """Find the head of an answer and the stop tokens; test if one rendering is enough."""
        asked = TRIALS[0][:1]
        try:
            head = self._raw(asked, None, True).removeprefix(self._raw(asked, None, False))
        except TemplateRefused:
            head = ""
        careful, where = [], "the template's own test"
        for trial in TRIALS:
            turns, tools, _ = self.prepare({"messages": trial, "tools": TOOLS}, "probe")
            try:
                pieces = self._careful(turns, tools, where)
            except TemplateRefused:
                continue
            except PreflightError:
                if trial is TRIALS[0]:
                    raise
                self._odd = True  # some rows will fail, by name; none takes the quick way
                continue
            for piece in pieces:
                for span in piece.spans:
                    stop = list(self._control.finditer(piece.text[span.start : span.end]))[-1]
                    if stop.group() not in self.stops:
                        self.stops.append(stop.group())
            careful.append((turns, tools, pieces))
        self._header = head
        single = bool(self._control.search(head))
        self._quick = (
            single
            and not self._odd
            and all([self._quick_piece(t, tools, where)] == pieces for t, tools, pieces in careful)
        )

    def _quick_piece(self, turns: Sequence[Turn], tools: Any, where: str) -> Piece | None:
        """A piece by one rendering: sound because content can hold no control token (see `BREAK`),
        so each head of an answer is the template's. None if the counts do not fit."""
        if any("reasoning_content" in t.message for t in turns):
            return None
        last = max(i for i, t in enumerate(turns) if t.train)
        shown = turns[: last + 1]
        text = self.text(shown, tools)
        answers = [i for i, t in enumerate(shown) if t.role == "assistant"]
        heads = [m.end() for m in re.finditer(re.escape(self._header), text)]
        if len(heads) != len(answers):
            return None
        spans = []
        for i, start in zip(answers, heads, strict=True):
            found = [p + len(s) for s in self.stops if (p := text.find(s, start)) >= 0]
            if not found:
                return None
            if shown[i].train:
                spans.append(Span(start, min(found), i))
                self._keeps(shown[i], text[start : min(found)], where)
        return Piece(text, tuple(spans))

    @property
    def one_example_per_turn(self) -> bool:
        """Whether the template is not prefix-stable, so that a row becomes several examples."""
        return not self._quick
