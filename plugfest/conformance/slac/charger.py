"""The tester as a charger: the steps of a matching with a vehicle under test, each of which may be made wrong.

Every step awaits and judges what the vehicle owes, or answers it; ``reach`` walks to a state of the catalogue. A
keyword of an answer is a field of its message with another value.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

from boundary.text import counted
from plugfest.conformance.catalogue import PilotStep
from plugfest.conformance.cause import Cause
from plugfest.conformance.slac.tester import OF_A_VEHICLE, Tester
from plugfest.conformance.stops import cause_of
from plugfest.conformance.sut.systems import LineToVehicle
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from slac import frames
from slac.frames import Validation
from slac.keys import new_nmk, nid_of
from slac.link import Link
from slac.pilot import ChargerPilot, Reading, State
from slac.timing import STANDARD as T
from v2g.trace import Observe

INIT = 20.0
"""s: TT_EVSE_SLAC_init at least."""

POTENTIAL = bytes([0x28]) * frames.NUM_GROUPS
"""A report after which this charger is a potential match: a vehicle that validates does so now."""

STATES = ("CP_B", "PARM", "ATTEN", "VALIDATE", "MATCHREQ", "LINK")
"""States to reach, as the catalogue names them."""

STEADY, DIGITAL, NOMINAL = 100.0, 5.0, 53.3

DIGITAL_SOON = (PilotStep(STEADY, seconds=0.2), PilotStep(DIGITAL))
"""The control pilot from plugging in on, where a case has nothing else."""


class Charger(Tester[LineToVehicle]):
    """A charger, as far as matching goes."""

    kinds = OF_A_VEHICLE

    def __init__(
        self, system: LineToVehicle, result: Result, observe: Observe, seed: int, link: Link | None = None
    ) -> None:
        super().__init__(system, result, observe, seed, link)
        nmk = new_nmk(self.rng)
        self.network = nid_of(nmk), nmk

    @property
    def pilot(self) -> ChargerPilot:
        return self.system.pilot

    async def reach(self, state: str, pilot: Sequence[PilotStep] = ()) -> None:
        """Plugs in, with the pilot that the case requires, and walks to a state.

        Raises:
            Inconclusive: the vehicle does not get there.
        """
        await self.plug(pilot)
        if state == "CP_B":
            return
        try:
            await self._walk(state)
        except Failed as why:
            raise Inconclusive(f"{state} was not reached: {why}", cause=cause_of(why)) from why

    async def plug(self, pilot: Sequence[PilotStep] = ()) -> None:
        """Plugs in; by default the duty is 5 % at once, or after 0.2 s where a vehicle can see the pilot."""
        if self.pilot.reading.state is None:  # assumed: the vehicle does not wait for any duty
            if pilot:
                self.need_pilot()
            self.pilot.offer(DIGITAL)
            await self.system.plug()
            return
        first, *others = pilot or DIGITAL_SOON
        self._show(first)
        await self.system.plug()
        await asyncio.sleep(first.seconds)
        for step in others:
            self._show(step)
            await asyncio.sleep(step.seconds)

    def _show(self, step: PilotStep) -> None:
        if step.duty is not None:
            self.pilot.offer(step.duty)
        else:
            self.pilot.fault(State[step.state])

    async def _walk(self, state: str) -> None:
        await self.asked()
        if state == "PARM":
            return
        await self.answer()
        await self.heard()
        await self.report()
        await self.taken()
        if state == "ATTEN":
            return
        if self.system.pics["PIXIT_EVCC_CMN_CmValidate"] == "cmValidate":
            await self.validation()
        if state == "VALIDATE":
            return
        await self.wanted()
        if state == "LINK":
            await self.confirm()
            await self.join()
            await self.joined(T.TT_match_join)

    # -- pilot --------------------------------------------------------------------------------------------------------

    def fault(self, step: dict[str, Any]) -> None:
        """E or F, as a step of the catalogue names it."""
        self.need_pilot()
        self.pilot.fault(State.E if str(step["cp"]).startswith("E") else State.F)

    # -- CM_SLAC_PARM and sounding ------------------------------------------------------------------------------------

    async def asked(self, within: float = INIT) -> frames.CM_SLAC_PARM_REQ:
        """The vehicle asks who is there."""
        request: frames.CM_SLAC_PARM_REQ = await self.expect(frames.CM_SLAC_PARM_REQ, within)
        self.run_id = request.run_id
        return request

    async def answer(self, **forced: Any) -> None:
        """CM_SLAC_PARM.CNF."""
        await self.send(frames.CM_SLAC_PARM_CNF(self.run_id, self.peer), **forced)

    async def heard(self) -> float:
        """The starts and the sounds; when the first start came."""
        first = 0.0
        for _ in range(T.C_EV_start_atten_char_inds):
            await self.expect(frames.CM_START_ATTEN_CHAR_IND, T.TT_match_sequence, run_id=self.run_id)
            first = first or self.now
        counts = []
        for _ in range(frames.NUM_SOUNDS):
            left = max(0.0, first + T.TT_EVSE_match_MNBC - self.now)
            counts.append((await self.expect(frames.CM_MNBC_SOUND_IND, left, run_id=self.run_id)).cnt)
        if counts not in (list(range(9, -1, -1)), list(range(10, 0, -1))):
            raise Failed(
                f"the sounds count {counts}", expected="9 down to 0", observed=str(counts), cause=Cause.WRONG_FIELD
            )
        return first

    async def report(self, **forced: Any) -> None:
        """CM_ATTEN_CHAR.IND."""
        await self.send(frames.CM_ATTEN_CHAR_IND(self.peer, self.run_id, POTENTIAL), **forced)

    async def taken(self) -> None:
        """The vehicle takes the report."""
        await self.expect(
            frames.CM_ATTEN_CHAR_RSP, T.TT_match_response, source_address=self.peer, run_id=self.run_id, result=0
        )

    # -- validation ---------------------------------------------------------------------------------------------------

    async def validation(self) -> None:
        """Both steps; the toggles are counted."""
        await self.first_step()
        await self.second_step()

    async def first_step(self) -> None:
        """The vehicle asks whether we are ready; it is not answered here."""
        await self.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0, result=Validation.READY)

    async def second_step(self, answer: int | None = Validation.SUCCESS, first: int = Validation.READY) -> None:
        """Answers the first step, counts the toggles, and answers the second; ``answer`` None: does not."""
        self.need_pilot()
        toggles = _Toggles(self)
        await self.send(frames.CM_VALIDATE_CNF(0, first))
        request = await self.expect(frames.CM_VALIDATE_REQ, T.TT_match_sequence, result=Validation.READY)
        seconds = (request.timer + 1) * 0.1
        if not 0.6 <= seconds <= 3.5:
            raise Failed(
                f"it announces {seconds:.1f} s",
                expected="0.6 to 3.5 s",
                observed=f"{seconds:.1f} s",
                cause=Cause.WRONG_FIELD,
            )
        await asyncio.sleep(seconds)
        toggles.close()
        count, longest = toggles.count, toggles.longest
        self.result.saw(
            "1 to 3 toggles, no state longer than 0.4 s", f"{counted(count, 'toggle')}, {longest:.2f} s at most"
        )
        if not 1 <= count <= 3 or longest > 0.41:
            raise Failed(
                f"{counted(count, 'toggle')}, {longest:.2f} s at most",
                expected="1 to 3, 0.4 s",
                observed=str(count),
                cause=Cause.PILOT_STATE,
            )
        if answer is not None:
            await self.send(frames.CM_VALIDATE_CNF(count, answer))

    # -- matching -----------------------------------------------------------------------------------------------------

    async def wanted(self, within: float = T.TT_EVSE_match_session) -> None:
        """The vehicle chooses us."""
        await self.expect(frames.CM_SLAC_MATCH_REQ, within, run_id=self.run_id, pev_mac=self.peer, evse_mac=self.mac)

    async def confirm(self, **forced: Any) -> None:
        """CM_SLAC_MATCH.CNF, with our network."""
        await self.send(frames.CM_SLAC_MATCH_CNF(self.run_id, self.peer, self.mac, *self.network), **forced)


class _Toggles:
    """Counts B-C-B at the charger's end."""

    def __init__(self, post: Charger) -> None:
        self.states: list[tuple[State | None, float]] = []

        def changed(reading: Reading) -> None:
            if not self.states or reading.state is not self.states[-1][0]:
                self.states.append((reading.state, post.now))

        self.close = post.pilot.subscribe(changed)

    @property
    def count(self) -> int:
        return sum(state is State.C for state, _ in self.states)

    @property
    def longest(self) -> float:
        times = [time for _, time in self.states]
        return max((b - a for a, b in itertools.pairwise(times)), default=0.0)
