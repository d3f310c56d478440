"""One conversation with one or two sides: the tuned model, or base and tuned at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from ..errors import EndpointError

#: Called with (side, piece of text) as an answer grows.
Grow = Callable[[str, str], None]


class Streams(Protocol):
    """What is needed of the HTTP client."""

    def events(self, path: str, data: Mapping[str, Any]) -> Iterator[Any]: ...


class Talk:
    """Keeps each side's own history. With two sides the first is the base: the same server, with
    the adapter's weight set to 0 for its requests. `run`: as a command takes it."""

    def __init__(
        self,
        client: Streams,
        sides: tuple[str, ...],
        system: str = "",
        sampling: Mapping[str, Any] | None = None,
        run: str = "RUN",
    ) -> None:
        self.sides = sides
        self._client = client
        self._system = system
        self._run = run
        self._sampling = {k: v for k, v in (sampling or {}).items() if v is not None}
        #: Sides whose last answer was cut at the largest length.
        self.cut: list[str] = []
        self._stop = threading.Event()
        self._history: dict[str, list[dict[str, str]]] = {}
        self.clear()

    def clear(self) -> None:
        """Begin again."""
        first = [{"role": "system", "content": self._system}] if self._system else []
        self._history = {side: list(first) for side in self.sides}

    def ask(self, text: str, grow: Grow) -> dict[str, str]:
        """Ask all sides at once; returns their whole answers. EndpointError when one fails.

        Reasoning is shown (`grow`) but is not part of the answer; a tool call is, as text. Ctrl-C
        ends all answers, and nothing of them is kept.
        """
        self._stop.clear()
        self.cut = []
        answers: dict[str, str] = {}
        failed: list[EndpointError] = []

        def run(side: str) -> None:
            try:
                answers[side] = self._one(side, text, grow)
            except EndpointError as error:
                failed.append(error)

        threads = [threading.Thread(target=run, args=(s,), daemon=True) for s in self.sides[1:]]
        for thread in threads:
            thread.start()
        try:
            run(self.sides[0])
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            self._stop.set()
            for thread in threads:
                thread.join()
            raise
        if failed:
            raise failed[0]
        for side, answer in answers.items():
            asked = {"role": "user", "content": text}
            self._history[side] += [asked, {"role": "assistant", "content": answer}]
        return {side: answers[side] for side in self.sides}

    def _one(self, side: str, text: str, grow: Grow) -> str:
        data: dict[str, Any] = {
            "messages": [*self._history[side], {"role": "user", "content": text}],
            "stream": True,
            **self._sampling,
        }
        if len(self.sides) > 1:
            data["lora"] = [{"id": 0, "scale": 0.0 if side == "base" else 1.0}]
        pieces: list[str] = []
        thinking = False
        for event in self._events(data):
            if self._stop.is_set():
                break
            if "error" in event:
                raise EndpointError(f"The model server says: {event['error']}")
            for choice in event.get("choices") or ():
                delta = choice.get("delta") or {}
                if thought := delta.get("reasoning_content"):
                    grow(side, thought if thinking else f"(thinking) {thought}")
                    thinking = True
                piece = (delta.get("content") or "") + _calls(delta)
                if piece:
                    grow(side, f"\n\n{piece}" if thinking else piece)
                    thinking = False
                    pieces.append(piece)
                if choice.get("finish_reason") == "length":
                    self.cut.append(side)
        return "".join(pieces)

    def _events(self, data: Mapping[str, Any]) -> Iterator[Any]:
        try:
            yield from self._client.events("/v1/chat/completions", data)
        except EndpointError as error:
            if "exceeds the available context" not in error.message:
                raise
            raise EndpointError(
                "The conversation is longer than the context of the model.",
                f"/new starts again; for more: sessiontune ship {self._run} --context N.",
            ) from error


def _calls(delta: Mapping[str, Any]) -> str:
    """The pieces of tool calls in a delta as text: the name once, then its arguments."""
    text = ""
    for call in delta.get("tool_calls") or ():
        function = call.get("function") or {}
        text += f"\n[calls {function['name']}] " if function.get("name") else ""
        text += function.get("arguments") or ""
    return text
