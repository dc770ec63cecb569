"""The vehicle's side of matching: from the 5 % duty to a link that is ready for the session.

    match = await ev.match(link, pilot)                       # all in one call, on a link of `slac.link`

or step by step, for a vehicle that outlives one matching:

    async with Host(link, observe=observe) as host:
        vehicle = Ev(host, pilot, await detect(host))
        match = await vehicle.match()
        reason = await vehicle.until_lost(match)
        await vehicle.leave()

`match` waits for the charger's duty, then makes attempts, each with a new RunID, TT_matching_rate apart, until
TT_matching_repetition expires. Control pilot state A, E or F ends the matching at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass

from slac import amp_map
from slac.errors import MatchFailed, ModemError, PilotLost, SlacError, Step
from slac.ev_options import RunOptions
from slac.ev_run import Run
from slac.events import LINK_LOST, Observe, ignore
from slac.frames import mac_text
from slac.host import Rewrites
from slac.link import Link
from slac.modem_key import REFUSED_PAUSE, refused_key
from slac.outcome import Match
from slac.pilot import Offer, Reading, VehiclePilot, until
from slac.side import Side, attached
from slac.watch_pilot import ENDS, while_connected

__all__ = ["Ev", "Match", "Options", "match"]

_CLOCK = 1e-6
"""Rounding error to allow for in sums of clock times, s."""
_READ_BACK = 3.0
"""Time without a link after which the modem is asked for its network, s."""


@dataclass(frozen=True)
class Options(RunOptions):
    """How the vehicle matches; see `slac.ev_options.RunOptions` too.

    Attributes:
        digital: start only at the 5 % duty; else at a nominal duty too.
        run_id: a fixed RunID for every attempt, as some vehicles use; None: a random one each time.
    """

    digital: bool = True
    run_id: bytes | None = None


class Ev(Side[VehiclePilot, Options]):
    """A vehicle on a host that is running."""

    defaults = Options

    async def match(self) -> Match:
        """Waits for the charger's duty, then matches with the charger.

        Raises:
            MatchFailed: every attempt failed; ``failures`` lists them.
            PilotLost: after the start, the vehicle was unplugged, or the pilot went to E or F.
            LinkError: the interface is gone.
        """
        self.host.tell("step", Step.PILOT.name)
        await until(self.pilot, self._offered, None)
        return await while_connected(self.pilot, self._repeat(self.options.timing.TT_matching_repetition))

    async def rematch(self) -> Match:
        """Leaves the network and tries again for T_conn_resetup, after the link was lost but not the pilot.

        Raises as `match` does.
        """
        await self.leave()
        return await while_connected(self.pilot, self._repeat(self.options.timing.T_conn_resetup))

    def _offered(self, reading: Reading) -> bool:
        if reading.state in ENDS:
            return False
        if reading.offer is None:
            return True
        wanted = {Offer.DIGITAL} if self.options.digital else {Offer.DIGITAL, Offer.CURRENT}
        return reading.offer[0] in wanted

    async def _repeat(self, span: float) -> Match:
        """Makes attempts as long as the next one begins within ``span`` seconds."""
        timing = self.options.timing
        loop = asyncio.get_running_loop()
        first = loop.time()
        failures: list[MatchFailed] = []
        while True:
            try:
                return await self._attempt()
            except MatchFailed as why:
                failures.append(why)
                self.host.tell("attempt failed", str(why))
            if loop.time() + timing.TT_matching_rate > first + span - _CLOCK:
                break
            await asyncio.sleep(timing.TT_matching_rate)
        raise _telling(failures)

    async def _attempt(self) -> Match:
        run_id = self.options.run_id or self.rng.randbytes(8)
        run = Run(self.host, self.pilot, self.options, self.rng, run_id)
        with run:
            await run.find()
            chosen, validated = await run.choose()
            confirmed = await run.confirm(chosen.mac)
        time = await self._join(chosen.mac, confirmed.nid, confirmed.nmk)
        found = Match(
            run_id, self.host.mac, chosen.mac, confirmed.nid, confirmed.nmk, chosen.attenuation, chosen.aag,
            tuple(run.candidates.values()), validated, time, (*self.modem.lacks, *run.tolerated),
        )  # fmt: skip
        near = "attenuation unknown" if found.attenuation is None else f"{found.attenuation:.1f} dB"
        self.host.tell("step", Step.MATCHED.name)
        self.host.tell("matched", f"{mac_text(found.evse_mac)}, {near}, network {found.nid.hex()}")
        return found

    async def _join(self, charger: bytes, nid: bytes, nmk: bytes) -> float:
        """Sets the key and waits for the link; returns the loop time at which it was ready."""
        timing = self.options.timing
        loop = asyncio.get_running_loop()
        end = loop.time() + timing.TT_match_join
        self.host.tell("step", Step.SET_KEY.name)
        answering = asyncio.ensure_future(amp_map.serve(self.host, charger))
        try:
            try:
                await self.modem.set_key(nid, nmk)
            except ModemError as why:
                raise MatchFailed(Step.SET_KEY, str(why)) from why
            self.host.tell("step", Step.LINK.name)
            await self._wait_linked(nid, nmk, end)
            await self._settle(charger)
        except asyncio.CancelledError:
            with contextlib.suppress(SlacError):
                await asyncio.shield(self.leave())
            raise
        finally:
            answering.cancel()
        return loop.time()

    async def _wait_linked(self, nid: bytes, nmk: bytes, end: float) -> None:
        """Waits for the link of this network. Periodically reads the key back, and sets it again if it was refused."""
        timing = self.options.timing
        loop = asyncio.get_running_loop()
        refused, keyed = "", loop.time()
        while (left := end - loop.time()) > 0:
            up = await self.modem.wait_linked(nid, min(left, _READ_BACK))
            if not up and self.modem.heard <= keyed:
                continue  # it restarts
            network = await self.modem.network((nid, nmk))
            if network is not None and network != nid:
                refused = refused_key(network, nid)
                self.host.tell("warning", f"the link is up, but {refused}" if up else refused)
                await asyncio.sleep(min(REFUSED_PAUSE, max(end - loop.time(), 0.0)))
                with contextlib.suppress(ModemError):  # it may restart; the link will tell
                    await self.modem.set_key(nid, nmk)
            elif up:
                return
            elif network is not None:
                refused = ""
        await self.leave()
        text = f"it did not come up within TT_match_join ({timing.TT_match_join:g} s)"
        raise MatchFailed(Step.LINK, f"{text}; {refused}" if refused else text, timer="TT_match_join")

    async def until_lost(self, match: Match) -> str:
        """Waits until the link of a match is gone and returns why: pilot in A, E or F, or reported by the modem."""
        try:
            await while_connected(self.pilot, self._look(match))
        except PilotLost as why:
            return str(why)
        why_lost = "the power line link is down"
        self.host.tell(LINK_LOST, why_lost)
        return why_lost

    async def _look(self, match: Match) -> None:
        while True:
            if await self.modem.linked(match.nid) is False:
                return
            await asyncio.sleep(self.options.timing.matched_polling)

    async def leave(self) -> None:
        """Leaves the network, as after TERMINATE or when unplugged, by setting a key that nobody knows."""
        try:
            async with asyncio.timeout(self.options.timing.TP_match_leave):
                await self.modem.forget_key()
        except (ModemError, TimeoutError):
            self.host.tell("warning", "the modem did not accept the command to leave its network")
        else:
            self.host.tell("left")


def _telling(failures: list[MatchFailed]) -> MatchFailed:
    """The attempt that got furthest, as it says most: in later ones the charger may still have been busy with it."""
    steps = list(Step)
    best = max(failures, key=lambda one: steps.index(one.step))
    said = [number for number, one in enumerate(failures, 1) if (one.step, one.text) == (best.step, best.text)]
    times = ""
    if len(failures) > 1:
        alike = len(said) == len(failures)
        times = f" ({len(failures)} attempts)" if alike else f" (attempt {said[-1]} of {len(failures)})"
    return MatchFailed(best.step, best.text + times, timer=best.timer, failures=tuple(failures))


async def match(
    link: Link,
    pilot: VehiclePilot,
    options: Options | None = None,
    *,
    observe: Observe = ignore,
    rewrite: Rewrites | None = None,
    rng: random.Random | None = None,
    modem: bool = True,
) -> Match:
    """Finds the modem, waits for the charger's duty, and matches with the charger. The link stays open.

    Args:
        link: see `slac.link`.
        pilot: the vehicle's end of the control pilot.
        options: how to match.
        observe: called with each event.
        rewrite: hooks that change messages, see `slac.host`.
        rng: source of RunIDs and nonces.
        modem: False if there is no modem behind the link.

    Raises:
        ModemError: no modem answers.
        MatchFailed, PilotLost, LinkError: see `Ev.match`.
    """
    rng = rng or random.Random()
    options = options or Options()
    async with attached(link, options.timing, observe, rewrite, rng, modem) as (host, found):
        return await Ev(host, pilot, found, options, rng=rng).match()
