"""What the page asks for, and the loop that answers it on 127.0.0.1."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import SessiontuneError, StoreError, UsageError, no_port
from ..html import COLOURS
from ..privacy.pseudonym import told_apart
from .catalogue import Catalogue, Listed, Message, calls_of
from .guard import Guard
from .judging import Decision, Judging
from .masks import Masks
from .spelling import spelled
from .wanted import Wanted, phrases

#: Rows and messages that one question may ask for.
_ROWS, _MESSAGES = 500, 200
#: Characters of one text as it is first shown.
_SHOWN = 20_000
#: Seconds in which what is under way may end after Ctrl-C.
_GRACE = 3
_PAGE = {
    "/": ("index.html", "text/html"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
    "/page/review.css": ("review.css", "text/css"),
    "/page/review.js": ("review.js", "text/javascript"),
    "/page/asking.js": ("asking.js", "text/javascript"),
    "/page/making.js": ("making.js", "text/javascript"),
    "/page/list.js": ("list.js", "text/javascript"),
    "/page/words.js": ("words.js", "text/javascript"),
    "/page/thread.js": ("thread.js", "text/javascript"),
}


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """A decision on these threads, or on all that are wanted (`mark`: of the list that the person
    saw)."""

    decision: Decision
    threads: list[str] = []
    wanted: Wanted | None = None
    mark: str = ""
    note: str = ""


@dataclass(frozen=True)
class Review:
    """What the page is about. `name`: of the export; `masks`: which tokens bear loss, if a base was
    named."""

    name: str
    catalogue: Catalogue
    judging: Judging
    masks: Masks | None = None


def application(review: Review) -> Starlette:
    """The routes, without a guard before them."""
    return Starlette(routes=[*map(_page, _PAGE), *_Answers(review).routes()])


def listening(port: int) -> socket.socket:
    """A socket on 127.0.0.1:`port` (0: any). UsageError where that cannot be had."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
        made.listen()  # so that nobody else takes the port while the export is read
    except OSError as error:
        made.close()
        raise no_port(port, error) from error
    return made


def serve(guard: Guard, there: socket.socket) -> None:
    """Answer until Ctrl-C."""
    settings = uvicorn.Config(
        guard, log_level="critical", access_log=False, server_header=False,
        lifespan="off", ws="none", timeout_graceful_shutdown=_GRACE,
    )  # fmt: skip
    uvicorn.Server(settings).run(sockets=[there])


class _Answers:
    """One method for each thing that the page asks."""

    def __init__(self, review: Review) -> None:
        self._name, self._masks = review.name, review.masks
        self._catalogue, self._judging = review.catalogue, review.judging
        self._changing = threading.Lock()

    def routes(self) -> list[Route]:
        return [
            Route("/api/export", _asked(self._export)),
            Route("/api/threads", _asked(self._threads)),
            Route("/api/threads/{thread}", _asked(self._thread)),
            Route("/api/threads/{thread}/origins", _asked(self._where)),
            Route("/api/threads/{thread}/mask", _asked(self._mask)),
            Route("/api/threads/{thread}/{number}", _asked(self._whole)),
            Route("/api/verdicts", _changed(self._judge), methods=["POST"]),
            Route("/api/undo", _changed(self._undo), methods=["POST"]),
        ]

    def _export(self, request: Request) -> dict[str, Any]:
        return {
            "name": self._name,
            "known": bool(self._judging.known),
            "masks": self._masks is not None,
            "facets": self._catalogue.facets,
            **self._standing(),
        }

    def _standing(self) -> dict[str, Any]:
        """What each answer says, since another window may have changed it."""
        return {
            "judged": self._catalogue.judged(),
            "steps": self._judging.steps,
            "renewed": self._catalogue.renewed(),
        }

    def _threads(self, request: Request) -> Listed:
        start, count = _asked_for(request, "start", 0), _asked_for(request, "count", 100)
        near = request.query_params.get("near", "")
        return self._catalogue.listed(_wanted(request), start, min(count, _ROWS), near)

    def _thread(self, request: Request) -> dict[str, Any]:
        thread = request.path_params["thread"]
        about = self._catalogue.about(thread)
        if about is None:
            raise UsageError(f"There is no thread {thread} in this export.")
        start, count = _asked_for(request, "start", 0), _asked_for(request, "count", 50)
        found = self._catalogue.messages(thread, start, min(count, _MESSAGES))
        q = request.query_params.get("q", "")
        return {
            "thread": about,
            "known": thread in self._judging.known,
            "hits": self._catalogue.hits(thread, q),
            "phrases": phrases(q),
            "messages": [_drawn(m, start + i, _SHOWN) for i, m in enumerate(found)],
            **self._standing(),
        }

    def _whole(self, request: Request) -> dict[str, Any]:
        number = _number(request.path_params["number"], "number")
        found = self._catalogue.messages(request.path_params["thread"], number, 1)
        if not found:
            raise UsageError("There is no such message in this export.")
        return _drawn(found[0], number, None)

    def _where(self, request: Request) -> dict[str, Any]:
        return {
            "origins": self._judging.origins(self._catalogue.keys(request.path_params["thread"]))
        }

    def _mask(self, request: Request) -> dict[str, Any]:
        if self._masks is None:
            raise UsageError("No base was named.", "Start `sessiontune review` with --base MODEL.")
        return {"rows": self._masks.of(request.path_params["thread"])}

    def _judge(self, body: bytes) -> dict[str, Any]:
        try:
            change = msgspec.json.decode(body, type=Change)
        except ValueError as error:
            raise UsageError(f"This is no change: {error}.") from error
        with self._changing:
            chosen, unknown = change.threads, 0
            if change.wanted is not None:
                mark, listed = self._catalogue.matching(change.wanted)
                if mark != change.mark:
                    raise UsageError("The list has changed since it was shown.", "Reload the page.")
                chosen = [thread for thread in listed if thread in self._judging.known]
                unknown = len(listed) - len(chosen)
            made = self._judging.judge(chosen, change.decision, change.note)
            self._catalogue.judge({t: (v.decision, v.note) for t, v in made.items()})
        return {"changed": len(made), "unknown": unknown, **self._standing()}

    def _undo(self, body: bytes) -> dict[str, Any]:
        with self._changing:
            back = self._judging.undo()
            self._catalogue.judge({t: (v.decision, v.note) if v else None for t, v in back.items()})
        return {"changed": len(back), "threads": list(back)[:1], **self._standing()}


def _page(path: str) -> Route:
    name, kind = _PAGE[path]

    def answer(request: Request) -> Response:
        text = (files(__package__) / "page" / name).read_text("utf-8")
        return Response(COLOURS + text if name.endswith(".css") else text, media_type=kind)

    return Route(path, answer)


def _asked(answer: Callable[[Request], Any]) -> Callable[[Request], Response]:
    return lambda request: _answered(lambda: answer(request))


def _changed(answer: Callable[[bytes], Any]) -> Callable[[Request], Any]:
    async def changed(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_answered, lambda: answer(body))

    return changed


def _answered(answer: Callable[[], Any]) -> Response:
    """What was asked as JSON, or why not: the page shows that."""
    try:
        said, status = answer(), 200
    except SessiontuneError as error:
        said = {"error": {"message": error.message, "hint": error.hint}}
        status = 409 if isinstance(error, StoreError) else 400
    return Response(msgspec.json.encode(said), status, media_type="application/json")


def _wanted(request: Request) -> Wanted:
    given = request.query_params
    return Wanted(**{name: given.get(name, "") for name in Wanted.__struct_fields__})


def _asked_for(request: Request, name: str, usual: int) -> int:
    given = request.query_params.get(name, "")
    return _number(given, name) if given else usual


def _number(given: str, name: str) -> int:
    if not given.isascii() or not given.isdigit() or len(given) > 12:
        raise UsageError(f"{name} is a number.")
    return int(given)


def _drawn(message: Message, number: int, most: int | None) -> dict[str, Any]:
    """A message as the page draws it: texts in pieces, each with the kind of pseudonym it is."""
    return {
        "number": number,
        "id": message.message_id,
        "row": message.id,
        "role": message.role,
        "kind": message.kind,
        "status": message.status,
        "at": message.at,
        "model": message.model,
        "name": message.name or "",
        "epoch": message.epoch,
        "train": message.train,
        "labels": [label for label in message.labels.split(",") if label],
        "text": _shown(message.content, most),
        "thinking": _shown(message.reasoning_content or "", most),
        "calls": [
            {"name": name, "arguments": _shown(spelled(arguments), most)}
            for name, arguments in calls_of(message)
        ],
    }


def _shown(text: str, most: int | None) -> dict[str, Any]:
    """The pieces of a text, or of its first `most` characters, and how many are left."""
    cut = text[:most]
    return {"pieces": told_apart(cut), "hidden": len(text) - len(cut)}
