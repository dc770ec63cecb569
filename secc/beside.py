"""Side streams of ISO 15118-20, which run beside the main one: schedule renegotiation, metering confirmation, parking.

Each stream has its own task, message sequence (:mod:`v2g.sequence`), pairing and timers. A request out of sequence, or
with the wrong session id, is refused as on the main stream, and ends the session, as any FAILED does. The main loop
continues meanwhile, and whatever ends it also ends the streams.

Renegotiated terms are kept apart until the vehicle's profile is accepted, and take effect with the next message of the
loop. Limits from ChargeParameterDiscovery take effect at once: a vehicle that lowers them has a reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from secc import iso20_parking, iso20_renegotiation
from secc.answer import answer, anything
from secc.terms import Terms
from secc.visit import Answers, Visit
from v2g.errors import RemoteError, TimedOut
from v2g.protocols.iso20 import METERING, PARKING, RENEGOTIATION
from v2g.sequence import START, Sequence
from v2g.session import Received

OF_A_STREAM = ("asked_id", "asked_signature", "breaches", "signature", "started", "refused", "terms", "coming")
"""Fields of a :class:`Visit` that belong to the request being answered or to its stream."""


def side_streams(visit: Visit, answers: Answers) -> list[Coroutine[Any, Any, None]]:
    """The coroutines that serve the charger's side streams; each runs until cancelled."""
    streams = [_renegotiation(visit, {**answers, **iso20_renegotiation.ANSWERS})]
    if visit.contracts is not None:
        streams.append(_metering(visit, answers))
    if iso20_parking.offered(visit):
        streams.append(_parking(visit, {**answers, **iso20_parking.ANSWERS}))
    return streams


async def with_streams(main: Coroutine[Any, Any, None], sides: list[Coroutine[Any, Any, None]]) -> None:
    """Runs the main stream, and the side streams for as long as it lasts.

    Raises:
        V2GError: the error that ended one of them; by then all of them have stopped.
    """
    if not sides:
        return await main
    tasks = [asyncio.ensure_future(work) for work in (main, *sides)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:  # a lost connection ends all: the main stream's error counts
            if task in done:
                return task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# ---------------------------------------------------------------------------------------------------------------
# The streams


async def _renegotiation(visit: Visit, answers: Answers) -> None:
    """Repeated schedule renegotiation; a vehicle that does not finish in time has failed, and may try again."""
    stream = _Stream(visit, RENEGOTIATION, answers)
    while True:
        try:
            received = await stream.next()
        except TimedOut as why:
            visit.session.tell("error", "renegotiation", str(why))
            visit.renegotiation.failures += 1
            visit.renegotiation.until = None
            stream.begin_anew()
            continue
        if stream.outdated:
            stream.begin_anew()
            if not visit.delivering:
                visit.tell(
                    "late-side-request", f"{type(received.message).__name__} arrived after the end and is dropped"
                )
                visit.session.forget(RENEGOTIATION)
                continue
        await stream.answer(received, iso20_renegotiation.check(visit))


async def _parking(visit: Visit, answers: Answers) -> None:
    stream = _Stream(visit, PARKING, answers)
    while True:
        await stream.answer(await stream.next(patient=True), iso20_parking.check(visit))


async def _metering(visit: Visit, answers: Answers) -> None:
    stream = _Stream(visit, METERING, answers)
    while True:
        await stream.answer(await stream.next(patient=True), anything)


class Apart:
    """What a side stream has agreed on so far, kept apart from the terms in force in the loop."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._terms: Terms | None = None
        self._started: dict[str, float] = {}

    def begin(self) -> None:
        """Starts the stream, with nothing agreed on it."""
        self._terms = None

    def forget(self) -> None:
        """Drops what was agreed, and the phases begun."""
        self._terms, self._started = None, {}

    @contextlib.contextmanager
    def lent(self) -> Iterator[Visit]:
        """The visit as the stream sees it, for one answer; keeps what the answer agrees on, and passes on the rest.

        If the answer raises, nothing is kept or passed on.
        """
        main = self._visit
        beside = copy.copy(main)
        beside.started = self._started
        beside.terms = (self._terms or main.terms).apart()
        beside.coming = None
        before = dict(vars(beside))
        yield beside
        for name, value in vars(beside).items():
            if value is not before[name] and name not in OF_A_STREAM:
                setattr(main, name, value)
        self._terms = beside.terms
        if beside.coming is not None:
            main.coming, self._terms = beside.coming, None


class _Stream:
    """One running side stream.

    Attributes:
        begun: whether messages have been exchanged since its beginning.
    """

    def __init__(self, visit: Visit, number: int, answers: Answers) -> None:
        self._visit, self._number, self._answers = visit, number, answers
        self._side = visit.session.protocol.side[number]
        self._apart = Apart(visit)
        self.begin_anew()
        visit.session.listen(number)

    def begin_anew(self) -> None:
        """Resets the stream: no messages exchanged yet."""
        self._sequence = Sequence(self._side.order, dc=self._visit.dc)
        self._apart.forget()
        self._stops = self._visit.stops

    @property
    def outdated(self) -> bool:
        """Whether the exchange has begun and power was stopped since, so that it no longer counts."""
        return self.begun and self._stops != self._visit.stops

    @property
    def begun(self) -> bool:
        return self._sequence.last not in (START, "PowerDeliveryReq")

    async def next(self, *, patient: bool = False) -> Received:
        """The next request; once the exchange has begun, within the sequence time-out.

        Args:
            patient: apply no time-out, since a vehicle may be parked for days.

        Raises:
            TimedOut: no request came.
        """
        seconds = self._visit.session.timing.sequence_timeout()
        try:
            async with asyncio.timeout(seconds if self.begun and not patient else None):
                return await self._visit.session.receive(self._number)
        except TimeoutError as why:
            timer = self._visit.session.protocol.timer("V2G_SECC_Sequence_Timeout")
            raise TimedOut(timer, seconds, f"the next request of {self._side.title}") from why

    async def answer(self, received: Received, check: Callable[[Any], None]) -> None:
        """Answers a request, based on what the stream has agreed on so far."""
        main = self._visit
        if not self.begun:
            self._stops = main.stops
            self._apart.begin()
        with self._apart.lent() as beside:
            try:
                await answer(beside, self._sequence, received, self._answers, check=check)
            except RemoteError:
                main.refused = main.refused or beside.refused
                raise
        await asyncio.sleep(0)  # a vehicle that floods this stream must not starve the main one
