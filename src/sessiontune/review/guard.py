"""Who is answered: the browser that opened the address with its token, and nobody else.

A page of another site can reach a server on loopback. So each request must name this server in its
Host header (a rebound DNS name does not), come from no other origin, and bring the cookie that the
token of the first address was exchanged for; what changes something must also bring a header that
only our own script can send.
"""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The header of each change, and what it says.
MARK = ("x-sessiontune", "review")
#: Bytes of one change.
LARGEST = 4 << 20
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Stands before the whole application."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = frozenset(f"{name}:{port}" for name in _LOCAL)
        self._cookie = f"sessiontune_review_{port}"  # cookies are shared by all ports
        self._secret = secrets.token_urlsafe(32)
        self.token = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._answer(scope)
        await (answer or self._app)(scope, receive, guarded)

    def _answer(self, scope: Scope) -> Response | None:
        """What is said in place of the application's answer; None lets the request through."""
        headers = Headers(scope=scope)
        if refusal := self._refusal(scope["method"], headers):
            return _say(403, refusal)
        known = self._is_known(headers)
        if scope["path"] == "/" and b"token=" in scope["query_string"]:
            return self._exchange(scope["query_string"], known)
        if not known:
            return _say(403, "Open the address that `sessiontune review` printed.")
        return None

    def _refusal(self, method: str, headers: Headers) -> str:
        """Why no request like this is answered; "" if one may be."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return "The Host header does not name this server."
        own = f"http://{hosts[0].lower()}"
        if any(origin.lower() != own for origin in headers.getlist("origin")):
            return "Requests from other pages are refused."
        # "none" is an address that was typed, or clicked outside the browser.
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return "Requests from other pages are refused."
        if method in ("GET", "HEAD"):
            return ""
        if not headers.getlist("origin") or headers.get(MARK[0]) != MARK[1]:
            return "Only the page itself may change something."
        length = headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length) > LARGEST:
            return f"A change has a length, of at most {LARGEST} bytes."
        return ""

    def _is_known(self, headers: Headers) -> bool:
        """Whether the request brings the cookie."""
        jar = SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except CookieError:
            return False
        found = jar.get(self._cookie)
        return found is not None and secrets.compare_digest(
            found.value.encode(), self._secret.encode()
        )

    def _exchange(self, query: bytes, known: bool) -> Response:
        """The cookie for the token, once; then the page without it in its address."""
        given = parse_qs(query.decode("ascii", "replace")).get("token", [""])[0]
        if known:
            return RedirectResponse("/", 303)
        if not self.token or not secrets.compare_digest(given.encode(), self.token.encode()):
            return _say(
                403, "This address was used before. Stop `sessiontune review` and start it again."
            )
        self.token = ""
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, self._secret, httponly=True, samesite="strict", path="/")
        return answer


def _say(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status)
