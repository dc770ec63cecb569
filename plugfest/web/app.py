"""The requests of the panel: the page, what happens (server-sent events), actions, messages, reports, evidence.

`plugfest.web.address.Address` checks every request first. A viewer that does not read what it is sent within `STALLED`
seconds is dropped; its browser reconnects by itself when it can.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from boundary.errors import InputError
from boundary.read import parse_json
from boundary.text import dumps
from plugfest.web import reports
from plugfest.web.address import COOKIE, Address
from plugfest.web.hub import Hub, Seen

PACE = 0.15
"""s between two batches: fast enough for a person, without causing load."""
QUIET = 10.0
"""s without news after which a viewer gets a sign of life."""
STALLED = 10.0
"""s within which a browser must take a batch."""
VIEWERS = 20
"""Maximum number of pages open at the same time."""
COMMAND = 16_384
"""Maximum size of an action, bytes."""
CAPTURE = 64 * 1024 * 1024
"""Maximum size of a recording dropped on the page, bytes."""
KEPT = 8
"""Number of reports kept."""

PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: only what comes from here."""
FRAMED = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
)
"""Reports are complete documents with their own script; they get no origin, and therefore no access to ours."""
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass
class App:
    """The application.

    Attributes:
        address: which requests to accept. hub: what there is to see.
        evidence: folder of a campaign, if there is one.
        viewers: number of open pages.
        left: when the last of them was closed or loaded, on the clock of `time.monotonic`; None: there was none.
    """

    address: Address
    hub: Hub
    evidence: Path | None = None
    viewers: int = 0
    left: float | None = None
    stopping: bool = False
    _reports: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _making: int = 0

    def asgi(self) -> ASGIApp:
        """The application for the server."""
        return _Guard(
            Starlette(
                routes=[
                    Route("/", self.page),
                    Route("/static/{name}", self.static),
                    Route("/events", self.events),
                    Route("/rows/{number:int}", self.row),
                    Route("/act", self.act, methods=["POST"]),
                    Route("/reports", self.report, methods=["POST"]),
                    Route("/reports/{number}", self.reported),
                    Route("/evidence/{path:path}", self.file),
                ]
            ),
            self.address,
        )

    async def page(self, request: Request) -> Response:
        if request.query_params.get("token"):  # from here on it is in the cookie, and not in any history
            answer: Response = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, self.address.token, httponly=True, samesite="strict")
            return answer
        self.left = time.monotonic()  # it opens in a moment
        return _static("index.html")

    async def static(self, request: Request) -> Response:
        self.left = time.monotonic()
        return _static(request.path_params["name"])

    async def row(self, request: Request) -> Response:
        found = await run_in_threadpool(self.hub.detail, request.path_params["number"])
        if found is None:
            return JSONResponse({"error": "it is no longer kept"}, 404)
        return Response(dumps(found), media_type="application/json")

    async def act(self, request: Request) -> Response:
        try:
            facts = parse_json(await _body(request, COMMAND), "action")
        except InputError as why:
            return JSONResponse({"ok": False, "error": str(why)}, 400)
        if not isinstance(facts, dict):
            return JSONResponse({"ok": False, "error": "an action is a JSON object"}, 400)
        answer = await run_in_threadpool(self.hub.act, facts)
        return Response(dumps(answer), media_type="application/json")

    # -- what happens -----------------------------------------------------------------------------------------------

    async def events(self, request: Request) -> Response:
        if self.viewers >= VIEWERS:
            return PlainTextResponse(f"{VIEWERS} pages are already open", 503)
        return _Stream(self._news, self._counted)

    def _counted(self, change: int) -> None:
        self.viewers += change
        if change < 0:
            self.left = time.monotonic()

    async def _news(self) -> AsyncIterator[bytes]:
        seen, quiet = Seen(), 0.0
        yield b"retry: 1000\n" + _event({"about": self.hub.about, **self.hub.since(seen)})
        while not self.stopping:
            if news := self.hub.since(seen):
                quiet = 0.0
                yield _event(news)
            elif quiet >= QUIET:
                quiet = 0.0
                yield b": still here\n\n"
            await asyncio.sleep(PACE)
            quiet += PACE
        yield _event({"gone": True})

    # -- reports ------------------------------------------------------------------------------------------------------

    async def report(self, request: Request) -> Response:
        """The report of a recording dropped on the page."""
        if self._making >= 2:
            return JSONResponse({"error": "two reports are already being made; wait a moment"}, 503)
        self._making += 1
        try:
            data = await _body(request, CAPTURE)
            html, headline = await reports.made(data, request.query_params.get("name", "capture"))
        except InputError as why:
            return JSONResponse({"error": why.what}, 400)
        finally:
            self._making -= 1
        number = str(time.monotonic_ns())
        self._reports[number] = html
        while len(self._reports) > KEPT:
            self._reports.popitem(last=False)
        return JSONResponse({"report": f"/reports/{number}", "headline": headline})

    async def reported(self, request: Request) -> Response:
        html = self._reports.get(request.path_params["number"])
        if html is None:
            return PlainTextResponse("this report is no longer kept; drop the recording again", 404)
        return Response(html, media_type="text/html", headers={"Content-Security-Policy": FRAMED})

    async def file(self, request: Request) -> Response:
        """A file of the evidence; a folder becomes a list of links."""
        if self.evidence is None:
            return PlainTextResponse("there is no evidence", 404)
        root = self.evidence.resolve()
        path = (root / request.path_params["path"]).resolve()
        if not path.is_relative_to(root) or not path.exists():
            return PlainTextResponse("there is no such file", 404)
        headers = {"Content-Security-Policy": FRAMED}
        if path.is_dir():
            return Response(
                reports.listing(path, root), media_type="text/html", headers={"Content-Security-Policy": PAGE}
            )
        shown = {".html": "text/html", ".txt": "text/plain", ".log": "text/plain", ".json": "text/plain",
                 ".jsonl": "text/plain", ".yaml": "text/plain"}.get(path.suffix)  # fmt: skip
        return FileResponse(path, media_type=shown or "application/octet-stream", headers=headers)


def _event(facts: dict[str, Any]) -> bytes:
    return b"data: " + dumps(facts).encode() + b"\n\n"


def _static(name: str) -> Response:
    """A file of the page; only files of exactly this name."""
    folder = resources.files("plugfest.web") / "static"
    kind = TYPES.get(name.rpartition(".")[2])
    if kind is None or name not in {entry.name for entry in folder.iterdir()}:
        return PlainTextResponse("there is no such file", 404)
    headers = {"Content-Security-Policy": PAGE, "Cache-Control": "no-cache"}
    return Response((folder / name).read_bytes(), media_type=kind, headers=headers)


async def _body(request: Request, most: int) -> bytes:
    """Raises InputError: it is too long, or does not arrive."""
    data = bytearray()
    try:
        async with asyncio.timeout(60.0):
            async for piece in request.stream():
                data += piece
                if len(data) > most:
                    raise InputError("request", f"more than {most} bytes")
    except (TimeoutError, ClientDisconnect):
        raise InputError("request", "the upload was incomplete") from None
    return bytes(data)


class _Guard:
    """Refuses requests that are not accepted, and adds the headers of every response."""

    def __init__(self, inner: ASGIApp, address: Address) -> None:
        self._inner, self._address = inner, address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        why = self._address.refuses(
            {name.lower(): value for name, value in request.headers.items()},
            request.query_params.get("token", ""),
            changes=request.method not in ("GET", "HEAD"),
        )
        if why:
            await PlainTextResponse(why, 403)(scope, receive, send)
            return

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"], (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"),
                    (b"cross-origin-resource-policy", b"same-origin"),
                ]  # fmt: skip
            await send(message)

        await self._inner(scope, receive, with_headers)


class _Stream(Response):
    """News for one viewer, as long as it reads them."""

    def __init__(self, news: Callable[[], AsyncIterator[bytes]], counted: Callable[[int], None]) -> None:
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._news, self._counted = news, counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        gone = asyncio.create_task(_until_gone(receive))
        self._counted(1)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for data in self._news():
                if gone.done():
                    return
                try:
                    async with asyncio.timeout(STALLED):
                        await send({"type": "http.response.body", "body": data, "more_body": True})
                except TimeoutError:
                    return  # the server closes a connection with an incomplete response
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._counted(-1)
            gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
