"""A case with a vehicle under test while it is under way: the request that is held, and the times that count."""

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
    """A case under way.

    Attributes:
        request: the one that is held, once it has come.
        origin: loop time from which the vehicle's reaction is counted.
        answered: loop time of the deviating answer.
        position: how many requests an expectation has already taken.
        judged: requests whose content the case is about.
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
        """The request that is held. Inconclusive: none is."""
        if self.request is None:
            raise Inconclusive("no request is held", cause=Cause.TESTER)
        return self.request

    async def hold(self, name: str = "") -> Arrival:
        """The request that the stimulus is about; with a name, that one, after another was answered.

        Raises:
            Inconclusive: it does not come.
        """
        tester = self.tester
        if name and self.request is not None and self.request.name != name:
            self.caught, self.request = tester.catch(lambda arrival: arrival.name == name), None
            tester.release()
            try:
                self.request = await tester.held(self.caught, name)
            except Inconclusive as why:  # the stimulus is under way: what does not come now is missing
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
        """Requests may come while the vehicle waits: the same again and again, or those of the main stream."""
        return self.repeated or self.held.stream != MAIN

    @property
    def later(self) -> list[Arrival]:
        """Requests after the one that is held."""
        return self.tester.after(self.held)


Action = Callable[[Course], Awaitable[None]]
"""What a step does or judges."""
