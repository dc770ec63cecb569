"""One connector of a charger, from plug-in to link: the duty offered, SLAC, a card shown at the charger, a lost link.

Rules (ISO 15118-3, IEC 61851-1; for AC unless stated otherwise):

- A vehicle that is plugged in gets 5 %, or at some AC chargers nothing (100 %, X1); its SLAC is answered in both cases.
- A card read by the charger itself (EIM): if it is shown before plugging in, the nominal duty is offered at once; if
  afterwards, it follows F for T_step_EF; if during SLAC, it follows X1 for T_step_X1, and matching continues.
- No vehicle asks at 5 %: F and 5 % again, C_sequ_retry times, then X1 and the nominal duty (`secc.nominal`).
- At a nominal duty SLAC is answered as well. The vehicle charges by the duty until a session begins.
- The link is lost while the vehicle stays plugged in. Option A: leave the network, X1 for T_step_X1, F for T_step_EF,
  and start over (DC too). Option B: leave the network, keep the pilot, and answer a new SLAC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from secc.authorizer import CardReader, Decision
from secc.charger import Evse
from secc.nominal import Entry, Nominal
from slac.errors import MatchFailed
from slac.evse import Evse as Slac
from slac.outcome import Match
from slac.pilot import CONNECTED, DIGITAL, STEADY, Reading, State, until
from v2g.outcome import Outcome
from v2g.trace import Observe, ignore

LinkLoss = Literal["A", "B"]


class Arrivals:
    """Brings one vehicle after another to a link.

    Attributes:
        side: the charger's SLAC.
        evse: the plant; if None, or without an AC supply, no nominal duty is offered.
        start: duty offered at plug-in, percent: 5, or 100.
        loss: reaction to a lost link.
        say: outputs a line for the user.
        begin, ended: called when charging at the nominal duty begins, and with its outcome; not if a session took over
            before any energy flowed.
    """

    def __init__(
        self,
        side: Slac,
        evse: Evse | None = None,
        *,
        start: float = DIGITAL,
        loss: LinkLoss = "A",
        observe: Observe = ignore,
        tick: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda text: None,
        begin: Callable[[], None] = lambda: None,
        ended: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        """``tick`` is called about once a second while the duty is nominal."""
        self.side, self.pilot = side, side.pilot
        self.evse = evse if evse is not None and evse.ac is not None else None
        self.start, self.loss = start, loss
        self.say, self.begin, self.ended = say, begin, ended
        self._observe, self._tick = observe, tick
        reader = self.evse.authorizer if self.evse is not None else None
        self._reader = reader if isinstance(reader, CardReader) else None
        self._nominal: Nominal | None = None
        self._charging: asyncio.Task[Outcome] | None = None
        self._before = self.pilot.state
        self.pilot.subscribe(self._moved)

    # -- for the charger ----------------------------------------------------------------------------------------------

    async def link(self) -> Match:
        """The link of the next vehicle that matches; others are charged meanwhile.

        Raises:
            ModemError, LinkError: the modem does not answer, or the interface is gone.
        """
        while True:
            matching: asyncio.Task[Match] | None = None
            if not self.charging:
                found, entry = await self._arrival()
                if isinstance(found, Match):
                    return found
                matching = found
                if entry is not None:
                    self._charge(entry)
            if self.charging and (match := await self._beside(matching)) is not None:
                return match
            await until(self.pilot, lambda reading: reading.state is State.A, None)

    @property
    def charging(self) -> bool:
        """Whether a vehicle is served at the nominal duty."""
        return self._charging is not None and not self._charging.done()

    def hand_over(self) -> None:
        """Hands the vehicle over from the nominal duty to a session that begins."""
        if self._nominal is not None:
            self._nominal.hand_over()

    async def lost(self) -> None:
        """Reacts to a lost link; the vehicle may have left, too.

        Raises ModemError: the modem does not accept the command to leave.
        """
        pilot, timing = self.pilot, self.side.options.timing
        if self.loss == "B" or pilot.state not in CONNECTED:
            await self.side.leave()
            return
        await self.stop()
        pilot.offer(STEADY)
        began = self._now
        await self.side.leave()
        await asyncio.sleep(max(0.0, began + timing.T_step_X1 - self._now))
        await self._through_f()

    async def anew(self) -> None:
        """Leaves the network and starts over through F for T_step_EF, after a link did not come back.

        Raises ModemError: the modem does not accept the command to leave.
        """
        await self.stop()
        await asyncio.gather(self._through_f(), self.side.leave())

    async def _through_f(self) -> None:
        if self._paid:
            self._charge(Entry.THROUGH_F)
            return
        self.side.duty = self.start
        await self.side.step_ef()

    async def stop(self) -> None:
        """Ends charging at the nominal duty: switches the outlet off and makes the pilot steady."""
        if self._charging is not None:
            self._charging.cancel()
            await asyncio.gather(self._charging, return_exceptions=True)

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def _paid(self) -> bool:
        return self._reader is not None and self._reader.decide() is Decision.ACCEPTED

    def _moved(self, reading: Reading) -> None:
        if reading.state is State.A is not self._before and self._reader is not None:
            self._reader.left()
        self._before = reading.state

    async def _arrival(self) -> tuple[Match | asyncio.Task[Match] | None, Entry | None]:
        """A match; or a matching still running, or None, with the way to the nominal duty."""
        side = self.side
        side.duty, side.limited = self.start, self.start == DIGITAL
        if self._paid:  # shown before plugging in, or for an earlier session
            side.duty, side.limited = None, False
        matching = asyncio.create_task(side.match())
        paying = asyncio.create_task(self._card())
        try:
            await asyncio.wait({matching, paying}, return_when=asyncio.FIRST_COMPLETED)
            if matching.done():
                try:
                    return matching.result(), None
                except MatchFailed as why:
                    follows = "the nominal duty follows" if self.evse else "plugfest slac doctor finds out why"
                    self.say(f"no vehicle was matched while {why}; {follows}")
                    after = Entry.THROUGH_X1 if side.options.repeat_pilot else Entry.THROUGH_BOTH
                    return None, after if self.evse else None
            side.duty, side.limited = None, False
            return matching, await self._entry()
        except BaseException:
            await _cancelled(matching)
            raise
        finally:
            await _cancelled(paying)

    async def _card(self) -> None:
        await (self._reader.accepted() if self._reader is not None else asyncio.Event().wait())

    async def _entry(self) -> Entry:
        """The way to the nominal duty after a card was accepted."""
        if self.pilot.state is State.A:
            await until(self.pilot, lambda reading: reading.state in CONNECTED, None)
            return Entry.AT_ONCE
        if not self.side.talking:
            return Entry.THROUGH_F
        return Entry.AT_ONCE if self.start == STEADY else Entry.THROUGH_X1

    def _charge(self, entry: Entry) -> None:
        assert self.evse is not None
        timing = self.side.options.timing
        self.begin()
        self._nominal = served = Nominal(self.evse, self._observe, self._tick)
        self._charging = task = asyncio.create_task(served.run(entry, timing.T_step_EF, timing.T_step_X1))

        def over(task: asyncio.Task[Outcome]) -> None:
            if task.cancelled() or task.exception() is not None:
                return
            if not served.handed_over or served.charged:
                self.ended(task.result())

        task.add_done_callback(over)

    async def _beside(self, matching: asyncio.Task[Match] | None) -> Match | None:
        """Waits for the vehicle's link while it charges at the nominal duty; None when that is over."""
        assert self._charging is not None
        self.side.duty, self.side.limited = None, False
        matching = matching or asyncio.create_task(self.side.match())
        try:
            await asyncio.wait({matching, self._charging}, return_when=asyncio.FIRST_COMPLETED)
            if matching.done():
                return matching.result()
            self._charging.result()
            return None
        except BaseException:
            await self.stop()
            raise
        finally:
            await _cancelled(matching)


async def _cancelled(task: asyncio.Task[Match] | asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
