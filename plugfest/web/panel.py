"""The session's side of the panel: events become rows, state and points. Runs in the session's loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

import exi
from boundary.text import shortened
from plugfest.board import Board
from plugfest.lines import details
from plugfest.mqtt.commands import Commands
from plugfest.view import digest
from plugfest.web import actions, server
from plugfest.web.address import Address
from plugfest.web.hub import Hub
from v2g.messages import schema
from v2g.outcome import Outcome
from v2g.trace import Bounded, Event

if TYPE_CHECKING:
    from plugfest.traces.checks import Judgement

TICK = 1.0
"""s between two points of the curves."""
LOOK = 0.1
"""s between two checks for viewers."""
MATCHING = "CM_"
"""Prefix of the names of matching messages."""
CURVES = ("volts", "amps", "watts", "soc")
ANSWER_WITHIN = 5.0
"""s within which the session performs an action."""
SILENT = {"response-time", "finished", "data", "keylog", "certificates", "left-out"}
"""Events without a row: they say nothing new, contain only bytes, or are secret."""
KINDS = {"bench": "action", "error": "trouble", "tolerance": "trouble"}
"""Rows that stand out, by layer."""
LONGEST = 400
FINDINGS = 100


class Panel:
    """What a session shows in the browser.

    Args:
        web: the address to listen on.
        role: the bench's role. title: what runs. measure: the plant's present numbers.
        commands: performs the actions. say: prints a line for the user.
    """

    def __init__(
        self,
        web: str,
        role: str,
        title: str,
        measure: Callable[[], dict[str, Any]],
        commands: Commands,
        say: Callable[[str], None],
    ) -> None:
        self.board = Board()
        self.hub = Hub({"title": title, "kind": "session", "role": role, "actions": actions.of_role(role)}, self._act)
        self.observe = Bounded(self._observe)
        self._address = Address.parse(web)
        self._measure, self._commands, self._say = measure, commands, say
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: server.Server | None = None
        self._zero = 0.0
        self._findings: list[dict[str, Any]] = []
        self._outcomes: dict[str, Any] = {}

    # -- the session ------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serves while the context is open, and then until the last page is closed (`linger`).

        Raises:
            UserError: the address cannot be used, or the extra is not installed.
        """
        self._loop = asyncio.get_running_loop()
        self._zero = self._loop.time()
        self._server = server.Server(self._address, self.hub)
        self._server.start()
        self._say(f"panel: {self._server.url}")
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        except BaseException:
            self._server.stop()
            raise
        finally:
            ticking.cancel()
            self._loop = None
            self.hub.over = True
            self._show()

    async def linger(self) -> None:
        """After the session, keeps the page until it has no viewers, or until Ctrl-C."""
        if self._server is None:
            return
        enough = asyncio.Event()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
            loop.add_signal_handler(signal.SIGINT, enough.set)
        try:
            self._server.tell_of_lingering(self._say)
            while self._server.looked_at and not enough.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await enough.wait()
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            self._server.stop()

    def begin(self, now: float) -> None:
        """A session starts."""
        self.board.begin(now)
        self._findings, self._outcomes = [], {}
        self.hub.row(self._row(now, "begin", f"session {self.board.sessions}"))
        self._show()

    def end(self, outcomes: Mapping[str, Outcome], judged: Judgement | None, began: float, now: float) -> None:
        """The session ended; times in ``judged`` count from the loop time ``began``."""
        self.board.end("; ".join(f"{role}: {o.ending}" for role, o in outcomes.items()))
        self._outcomes = {role: digest(outcome) for role, outcome in outcomes.items()}
        if judged is not None:
            self._findings = [
                {"time": self._since(began + one.time), "severity": one.severity, "side": one.side, "rule": one.rule,
                 "text": one.full}
                for one in judged.findings[:FINDINGS]
            ]  # fmt: skip
        self.hub.row(self._row(now, "end", self.board.ended))
        self._show()

    def _observe(self, event: Event) -> None:
        self.board.observe(event)
        if event.layer == "message":
            words = "beside" if event.stream else ""
            facts = self._row(event.time, "message", event.name)
            text = shortened(" ".join(filter(None, (words, details(event.message), event.note))), LONGEST)
            self.hub.row({**facts, "direction": event.direction, "words": text}, lambda: unfolded(event))
        elif event.layer == "slac" and event.data:
            if not event.name.startswith(MATCHING):
                return  # repeated queries to the modem
            self.hub.row({**self._row(event.time, "message", event.name), "direction": event.direction, "words": ""})
        elif event.layer != "plant" and event.name not in SILENT:
            kind = KINDS.get(event.layer, "note")
            text = f"{event.name}: {event.note}" if kind == "action" else f"{event.layer}: {event.name} {event.note}"
            self.hub.row(self._row(event.time, kind, text))
        self._show()

    def _row(self, time: float, kind: str, text: str) -> dict[str, Any]:
        return {"time": self._since(time), "kind": kind, "name": shortened(text, LONGEST)}

    def _since(self, time: float) -> float:
        return round(time - self._zero, 3)

    def _show(self) -> None:
        board = self.board
        self.hub.state(
            {
                "links": board.links | ({"pilot": board.pilot} if board.pilot else {}),
                "protocol": board.protocol,
                "state": board.state,
                "since": self._since(board.since),
                "ended": board.ended,
                "sessions": board.sessions,
                "numbers": dict(board.numbers),
                "warnings": [{"time": self._since(time), "text": text} for time, text in board.warnings],
                "findings": self._findings,
                "outcomes": self._outcomes,
                "over": self.hub.over,
            }
        )

    async def _tick(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            numbers = self._measure()
            self.board.measured(numbers, now)
            known: dict[str, Any] = {
                name: numbers[name] for name in ("volts", "amps", "watts", "soc") if name in numbers
            }
            self.hub.point({"time": self._since(now), **known})
            self._show()
            await asyncio.sleep(TICK)

    # -- actions ----------------------------------------------------------------------------------------------------

    def _act(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Performs an action in the session's loop; called in a thread of the server."""
        loop = self._loop
        if loop is None:
            return {"ok": False, "error": "the session is over"}

        async def perform() -> dict[str, Any]:
            answer = self._commands.perform(facts)
            self._show()
            return answer

        try:
            return asyncio.run_coroutine_threadsafe(perform(), loop).result(ANSWER_WITHIN)
        except (TimeoutError, RuntimeError):
            return {"ok": False, "error": "the session did not answer"}


def unfolded(event: Event) -> dict[str, Any]:
    """A message as its unfolded row shows it."""
    try:
        content: Any = exi.to_json(schema(event.schema), event.message) if event.message is not None else None
    except exi.ExiError:  # sent on purpose, and not expressible
        content = repr(event.message)
    return {"protocol": event.schema, "exi": event.data[:4096].hex(), "bytes": len(event.data), "message": content}
