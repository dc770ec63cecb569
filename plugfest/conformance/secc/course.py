"""A running case with a charger under test: what its steps act on and look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Result
from plugfest.conformance.wire import Arrival


@dataclass
class Course:
    """A running case.

    Attributes:
        tester: the tester vehicle.
        result: collects notes.
        answers: responses to the case's own requests, in order.
        asked: the latest request of the case.
        outstanding: the request whose response has not been awaited yet.
        awaits: whether responses are awaited; False if none may come.
        ended: loop time at which something was last sent or received.
        began: loop time of the first request.
        datagrams: SDP answers.
        connection: how an attempted connection ended, "" for open.
    """

    tester: TesterEv
    result: Result
    answers: list[Arrival] = field(default_factory=list)
    asked: str = ""
    outstanding: str = ""
    awaits: bool = True
    ended: float = 0.0
    began: float = 0.0
    datagrams: list[bytes] = field(default_factory=list)
    connection: str | None = None

    async def collect(self) -> None:
        """Awaits the response that is due."""
        if self.outstanding and self.awaits:
            request, self.outstanding = self.outstanding, ""
            self.answers.append(await self.tester.response(request))
            self.ended = self.tester.now


Action = Callable[[Course], Awaitable[None]]
"""What a step does or judges."""
