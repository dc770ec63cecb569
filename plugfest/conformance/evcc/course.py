"""A running case with a vehicle under test: the held request, and the times that matter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from v2g.streams import MAIN


@dataclass
class Course:
    """A running case.

    Attributes:
        request: the held one, once it has come.
        origin: loop time from which the vehicle's reaction is timed.
        answered: loop time of the deviating answer.
        position: number of requests already taken by expectations.
        judged: requests whose content the case judges.
        caught: the request, while it is still awaited.
        repeated: all requests like the held one get the same answer.
    """

    tester: TesterEvse
    result: Result
    request: Arrival | None = None
    origin: float = 0.0
    answered: float | None = None
    position: int = 0
    judged: frozenset[str] = frozenset()
    caught: asyncio.Future[Arrival] | None = None
    repeated: bool = False

    @property
    def held(self) -> Arrival:
        """The held request. Inconclusive: there is none."""
        if self.request is None:
            raise Inconclusive("no request is held", cause=Cause.TESTER)
        return self.request

    async def hold(self, name: str = "") -> Arrival:
        """The request of the stimulus; with a name, the request of that name, after another one was answered.

        Raises:
            Inconclusive: it does not come.
        """
        tester = self.tester
        if name and self.request is not None and self.request.name != name:
            self.caught, self.request = tester.catch(lambda arrival: arrival.name == name), None
            tester.release()
            try:
                self.request = await tester.held(self.caught, name)
            except Inconclusive as why:  # the stimulus has started: a request that does not come now is missing
                raise Failed(str(why), expected=name, observed="other requests", cause=Cause.NO_REQUEST) from why
            self.position = tester.requests.index(self.request)
        if self.request is None:
            if self.caught is None:
                raise Inconclusive("no request is awaited", cause=Cause.TESTER)
            self.request = await tester.held(self.caught, name or "the request")
            self.position = tester.requests.index(self.request)
        return self.request

    @property
    def others_go_on(self) -> bool:
        """Requests may come while the vehicle waits: the same one repeated, or those of the main stream."""
        return self.repeated or self.held.stream != MAIN

    @property
    def later(self) -> list[Arrival]:
        """Requests after the held one."""
        return self.tester.after(self.held)


Action = Callable[[Course], Awaitable[None]]
"""What a step does or judges."""
