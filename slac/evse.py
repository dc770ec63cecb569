"""The charger's side of matching: many vehicles may ask at once, and one is matched.

    async with evse.ready(link, pilot) as charger:            # finds the modem, sets a new key
        while True:
            match = await charger.match()                     # a vehicle plugs in, pairs, and the link is up
            ...                                               # the session
            await charger.leave()                             # new key: this vehicle cannot come back unasked

`slac.evse_reception` answers the vehicles and gives the key (`slac.evse_key`) to the first that chooses this charger.
After a vehicle has left, the charger sets a new key.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

from slac.errors import MatchFailed, PilotLost, SlacError, Step
from slac.events import LINK_LOST, Observe, ignore
from slac.evse_key import Key
from slac.evse_reception import Reception
from slac.evse_run import RunOptions
from slac.host import Host, Rewrites
from slac.link import Link
from slac.modem import Modem
from slac.outcome import Match
from slac.pilot import CONNECTED, DIGITAL, STEADY, ChargerPilot, State, until
from slac.side import Side, attached
from slac.watch_pilot import while_connected

__all__ = ["Evse", "Match", "Options", "ready"]


@dataclass(frozen=True)
class Options(RunOptions):
    """How the charger matches; see `slac.evse_run.RunOptions` too.

    Attributes:
        duty: duty offered while a vehicle is plugged in, percent; None: other code controls the pilot.
        repeat_pilot: if no vehicle asks within TT_EVSE_SLAC_init, go through F for T_step_EF and offer ``duty`` again,
            C_sequ_retry times (AC chargers that start at 5 %); else the pilot goes steady and `Evse.match` fails.
        nmk: the key to use every time; None: a new random key each time.
    """

    duty: float | None = DIGITAL
    repeat_pilot: bool = False
    nmk: bytes | None = None


class Evse(Side[ChargerPilot, Options]):
    """A charger on a host that is running. Use with ``async with``.

    Attributes:
        duty: duty offered while a vehicle is plugged in, percent; None: other code controls the pilot. Initially that
            of the options.
        limited: whether a vehicle has to ask within TT_EVSE_SLAC_init.
    """

    defaults = Options

    def __init__(
        self,
        host: Host,
        pilot: ChargerPilot,
        modem: Modem | None = None,
        options: Options | None = None,
        *,
        rng: random.Random | None = None,
    ) -> None:
        """See `slac.side.Side`."""
        super().__init__(host, pilot, modem, options, rng=rng)
        self.duty = self.options.duty
        self.limited = True
        self._key = Key(self.modem, self.options.nmk, self.rng)
        self._reception = Reception(host, pilot, self.modem, self.options, self._key, self._settle)

    async def __aenter__(self) -> Evse:
        await self.new_key()
        self._reception.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reception.close()

    @property
    def nmk(self) -> bytes:
        """Key for the next vehicle."""
        return self._key.nmk

    @property
    def nid(self) -> bytes:
        """Network id for the next vehicle."""
        return self._key.nid

    @property
    def matched(self) -> Match | None:
        """The vehicle that has the key and whose link is up."""
        return self._reception.matched

    # -- for the charger ------------------------------------------------------------------------------------------

    async def match(self) -> Match:
        """Waits for a vehicle, offers the duty, matches, and returns when the link is ready. Forgets one that leaves.

        Raises:
            MatchFailed: a vehicle is plugged in but none asked within TT_EVSE_SLAC_init. Without a readable pilot this
                limit does not apply.
            ModemError, LinkError: the modem does not answer, or the interface is gone.
        """
        timing = self.options.timing
        silences = 0
        while True:
            if not self._key.fresh:
                await self.new_key()
            self.host.tell("step", Step.PILOT.name)
            await until(self.pilot, lambda reading: reading.state is None or reading.state in CONNECTED, None)
            try:
                self._offer(self.duty)
                found = await while_connected(self.pilot, self._until_found())
            except asyncio.CancelledError:
                self._reception.stop("nobody is waiting for a match any longer")
                raise
            except PilotLost as why:
                self.host.tell("attempt failed", str(why))
                self._reception.stop(str(why))
                if self.pilot.state is State.A:  # E and F were set on purpose
                    self._offer(STEADY)
                silences = 0
                continue
            if found is not None:
                return found
            self._reception.stop("no vehicle asked")
            self.host.tell(
                "attempt failed", f"no vehicle asked within TT_EVSE_SLAC_init ({timing.TT_EVSE_SLAC_init:g} s)"
            )
            if silences >= timing.C_sequ_retry or not self.options.repeat_pilot:
                self._offer(STEADY)
                raise MatchFailed(Step.PARM, "no vehicle sent CM_SLAC_PARM.REQ", timer="TT_EVSE_SLAC_init")
            silences += 1
            await self.step_ef()

    @property
    def talking(self) -> bool:
        """Whether a vehicle is matching, or already has the key."""
        return self._reception.talking

    async def until_lost(self, match: Match) -> str:
        """Waits until a match is over and returns why: the pilot in A, E or F, no link, or another match."""
        try:
            await while_connected(self.pilot, self._look(match))
        except PilotLost as why:
            return str(why)
        why_lost = "the power line link is down" if self.matched in (match, None) else "another vehicle was matched"
        self.host.tell(LINK_LOST, why_lost)
        return why_lost

    async def leave(self) -> None:
        """Leaves the network, as after TERMINATE or when unplugged, by setting a new key.

        Raises:
            ModemError: the modem does not answer, is not back within ``modem_settle``, or did not accept the key.
        """
        self._reception.stop("left")
        await self.new_key()
        self.host.tell("left")

    async def step_ef(self, state: State = State.F) -> None:
        """Sets the pilot to E or F for T_step_EF, then offers the duty again."""
        if self.duty is None:
            return
        self.pilot.fault(state)
        try:
            await asyncio.sleep(self.options.timing.T_step_EF)
        finally:
            self._offer(self.duty)

    async def new_key(self) -> None:
        """Sets a new key, waits until the modem is back, and reads it back. Raises as :meth:`leave`."""
        await self._key.renew()

    def _offer(self, duty: float | None) -> None:
        if self.duty is not None and duty is not None:
            self.pilot.offer(duty)

    async def _until_found(self) -> Match | None:
        """The next match; None if no vehicle asked within TT_EVSE_SLAC_init."""
        loop, reception = asyncio.get_running_loop(), self._reception
        reception.open()
        self.host.tell("step", Step.PARM.name)
        while True:
            unlimited = self.pilot.state is None or not self.limited
            limit = None if unlimited else reception.heard + self.options.timing.TT_EVSE_SLAC_init
            try:
                async with asyncio.timeout_at(limit):
                    found = await reception.found.get()
            except TimeoutError:
                if self.talking or not self.limited:
                    reception.heard = loop.time()
                elif limit is not None and reception.heard + self.options.timing.TT_EVSE_SLAC_init <= loop.time():
                    return None
                continue
            if isinstance(found, SlacError):
                reception.found.put_nowait(found)
                raise found
            return found

    async def _look(self, match: Match) -> None:
        while self.matched is match:
            if await self.modem.linked(match.nid) is False:
                return
            self._reception.changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.options.timing.matched_polling):
                    await self._reception.changed.wait()


@contextlib.asynccontextmanager
async def ready(
    link: Link,
    pilot: ChargerPilot,
    options: Options | None = None,
    *,
    observe: Observe = ignore,
    rewrite: Rewrites | None = None,
    rng: random.Random | None = None,
    modem: bool = True,
) -> AsyncIterator[Evse]:
    """A charger that is ready for vehicles: finds the modem and sets a new key. The link stays open.

    Args:
        link: see `slac.link`.
        pilot: the charger's end of the control pilot.
        options: how to match.
        observe: called with each event.
        rewrite: hooks that change messages, see `slac.host`.
        rng: source of keys and nonces.
        modem: False if there is no modem behind the link.

    Raises:
        ModemError: no modem answers, or it does not come back after the key was changed.
        LinkError: the interface is gone.
    """
    rng = rng or random.Random()
    options = options or Options()
    async with attached(link, options.timing, observe, rewrite, rng, modem) as (host, found):
        async with Evse(host, pilot, found, options, rng=rng) as evse:
            yield evse
