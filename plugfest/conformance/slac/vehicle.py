"""The tester as a vehicle: the steps of a matching with a charger under test, each of which may be made wrong.

Every step sends what is due and judges the answer; ``reach`` walks to a state of the catalogue. A keyword of a step is
a field of its message with another value.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

from plugfest.conformance.cause import Cause
from plugfest.conformance.slac.tester import OF_A_CHARGER, Tester
from plugfest.conformance.stops import cause_of
from plugfest.conformance.sut.systems import LineToCharger
from plugfest.conformance.verdict import Failed, Inconclusive
from slac import frames
from slac.frames import Validation
from slac.keys import nid_of
from slac.pilot import Offer, Reading, State, VehiclePilot, toggle, until
from slac.timing import STANDARD as T

TOGGLE = 19
"""CM_VALIDATE.REQ timer for TP_EV_vald_toggle of 2.0 s."""

STATES = ("CP_A", "CP_B", "CP_C", "CP_D", "PARM", "ATTEN", "VALIDATE", "LINK", "MATCH")
"""States to reach, as the catalogue names them: with the pilot only, or with the matching so far."""

DUTY_WITHIN = 10.0
"""s from plugging in until the first duty is offered."""


HASTE = 0.02
"""s between CM_ATTEN_CHAR.RSP and what follows."""

LONGEST_STEP = 8.0
"""s: T_step_EF at most."""


def fault(reading: Reading) -> bool:
    """Whether the charger holds the pilot at E or F."""
    return reading.state in (State.E, State.F)


def steady(reading: Reading) -> bool:
    """Whether nothing is offered (100 %), as far as can be seen; E and F are not that."""
    return reading.duty is None or (reading.duty >= 99.0 and not fault(reading))


def nominal(reading: Reading) -> bool:
    """Whether a current is offered."""
    return reading.offer is not None and reading.offer[0] is Offer.CURRENT


def digital(reading: Reading) -> bool:
    """Whether 5 % is offered, as far as can be seen."""
    return reading.offer is None or reading.offer[0] is Offer.DIGITAL


APART = 0.02
"""s between the answer to the report and the next request: on the line the second one may overtake the first."""


class Vehicle(Tester[LineToCharger]):
    """A vehicle, as far as matching goes."""

    kinds = OF_A_CHARGER
    _nonce = bytes(16)

    @property
    def pilot(self) -> VehiclePilot:
        return self.system.pilot

    async def reach(self, state: str, *, paid: bool = False) -> None:
        """Walks to a state; ``paid``: a card is shown at the charger after plugging in, and its duty becomes nominal.

        Raises:
            Inconclusive: the charger does not get there.
        """
        if state == "CP_A":
            return
        await self.plug()
        if paid:
            self.need_pilot()
            await self.authorise()
            if not await until(self.pilot, nominal, LONGEST_STEP + DUTY_WITHIN):
                raise Inconclusive(
                    "the duty did not become nominal", expected="10 to 96 %", observed="none", cause=Cause.PILOT_DUTY
                )
        if state in ("CP_C", "CP_D"):
            self.system.show(State.C if state == "CP_C" else State.D)
        if state.startswith("CP"):
            return
        try:
            await self.walk(state)
        except Failed as why:
            raise Inconclusive(f"{state} was not reached: {why}", cause=cause_of(why)) from why

    async def _leave(self) -> None:
        """Pulls the connector, where that can be done: so the charger loses no link when the network is left."""
        if self.first:
            with contextlib.suppress(Inconclusive):
                self.system.show(State.A)
        await super()._leave()

    async def plug(self) -> None:
        """Plugs in; the duty at which the charger starts is there then."""
        await self.system.plug()
        self.system.show(State.B)
        pics = self.system.pics
        off = pics.ac and pics["PIXIT_SECC_AC_InitialDutyCycle"] == "dc100"
        if not await until(self.pilot, steady if off else digital, DUTY_WITHIN):
            what = "100 %" if off else "5 %"
            raise Inconclusive(
                f"the charger did not offer {what} in 10 s",
                expected=f"{what} duty",
                observed="none",
                cause=Cause.WRONG_FIELD,
            )

    async def authorise(self) -> None:
        """A card is shown at the charger itself.

        Raises:
            Inconclusive: nobody can do that on this bench.
        """
        if not await self.system.do("authorise"):
            raise Inconclusive(
                "nothing on this bench presents a card; name a command with --action authorise=COMMAND",
                cause=Cause.NO_ACTION,
            )

    async def fault_step(self, within: float) -> None:
        """The charger goes to E or F in time, for T_step_EF, and comes back."""
        if not await until(self.pilot, fault, within):
            raise Failed(
                "no step to E or F",
                expected=f"E or F within {within:g} s",
                observed=self.pilot.reading.label,
                cause=Cause.PILOT_STATE,
            )
        began = self.now
        back = await until(self.pilot, lambda reading: not fault(reading), LONGEST_STEP + 0.5)
        held = self.now - began
        self.result.saw("E or F for 4 to 8 s", f"{held:.1f} s")
        if not back or held < T.T_step_EF - 0.1:
            raise Failed(
                f"E or F for {held:.1f} s", expected="4 to 8 s", observed=f"{held:.1f} s", cause=Cause.PILOT_STATE
            )

    async def walk(self, state: str) -> None:
        """The messages up to a state.

        Raises:
            Failed: an answer is missing or wrong.
        """
        await self.parm()
        if state == "PARM":
            return
        await self.sound()
        await self.report()
        await self.respond()
        await asyncio.sleep(APART)
        if state == "VALIDATE":
            await self.validate()
        if state in ("MATCH", "LINK"):
            if self.system.pics["PIXIT_SECC_CMN_CmValidate"] == "cmValidate":
                await self.validate()
            await self.match()
            if state == "LINK":
                await self.link()

    # -- CM_SLAC_PARM -------------------------------------------------------------------------------------------------

    @property
    def request(self) -> frames.CM_SLAC_PARM_REQ:
        """The good-case CM_SLAC_PARM.REQ."""
        return frames.CM_SLAC_PARM_REQ(self.run_id)

    async def parm(self) -> frames.CM_SLAC_PARM_CNF:
        """Sends CM_SLAC_PARM.REQ until an answer comes; any repetition may be the one that is answered."""
        for attempt in range(25):
            await self.send(self.request)
            frame = await self.any(T.TT_match_response)
            if frame is not None:
                return self.check_parm(frame)
            if attempt % 3 == 2:
                await asyncio.sleep(T.TT_matching_rate)
        raise Failed("no CM_SLAC_PARM.CNF came", expected="CM_SLAC_PARM.CNF", observed="nothing", cause=Cause.NO_ANSWER)

    def check_parm(self, frame: frames.Frame) -> frames.CM_SLAC_PARM_CNF:
        """Judges an answer to CM_SLAC_PARM.REQ."""
        answer = frame.message
        if not isinstance(answer, frames.CM_SLAC_PARM_CNF):
            raise Failed(
                f"{frame.name} came instead of CM_SLAC_PARM.CNF",
                observed=frame.name,
                cause=Cause.WRONG_MESSAGE,
                expected="another message, or none",
            )
        self.peer = frame.source
        wrong = list(frames.violations(answer))
        for name, value in (("num_sounds", 10), ("time_out", 6), ("forwarding_sta", self.mac), ("run_id", self.run_id)):
            if getattr(answer, name) != value:
                wrong.append(name)
        self.result.saw("CM_SLAC_PARM.CNF with its constants", ", ".join(wrong) or frame.name)
        if wrong:
            raise Failed(
                f"CM_SLAC_PARM.CNF: wrong {', '.join(wrong)}",
                observed=", ".join(wrong),
                cause=Cause.WRONG_FIELD,
                expected="fields and counts as ISO 15118-3 requires",
            )
        return answer

    # -- sounding -----------------------------------------------------------------------------------------------------

    async def sound(self, sounds: int = 10, **forced: Any) -> None:
        """Sends the STARTs, whose fields may be forced, and this many sounds."""
        await self.starts(T.C_EV_start_atten_char_inds, **forced)
        await self.sounds(reversed(range(10 - sounds, 10)))

    async def starts(self, number: int = T.C_EV_start_atten_char_inds, **forced: Any) -> None:
        """The starts, whose fields may be forced."""
        start, self._nonce = frames.CM_START_ATTEN_CHAR_IND(self.run_id, self.mac), self.rng.randbytes(16)
        for _ in range(number):
            await self.send(start, **forced)
            await asyncio.sleep(T.TP_EV_batch_msg_interval)

    async def sounds(self, counts: Iterable[int]) -> None:
        """Sounds with these counts."""
        for count in counts:
            await self.send(frames.CM_MNBC_SOUND_IND(self.run_id, count, self._nonce))
            await asyncio.sleep(T.TP_EV_batch_msg_interval)

    async def report(self) -> frames.CM_ATTEN_CHAR_IND:
        """What the charger heard."""
        report: frames.CM_ATTEN_CHAR_IND = await self.expect(
            frames.CM_ATTEN_CHAR_IND, T.TT_EV_atten_results, source_address=self.mac, run_id=self.run_id
        )
        if len(report.aag) != frames.NUM_GROUPS or not report.num_sounds:
            seen = f"{len(report.aag)} groups of {report.num_sounds} sounds"
            raise Failed(f"CM_ATTEN_CHAR.IND: {seen}", expected="58 groups", observed=seen, cause=Cause.WRONG_FIELD)
        return report

    async def respond(self, **forced: Any) -> None:
        """Answers the report, and waits until the answer is on the line."""
        await self.send(frames.CM_ATTEN_CHAR_RSP(self.mac, self.run_id), **forced)
        await asyncio.sleep(HASTE)

    # -- validation ---------------------------------------------------------------------------------------------------

    async def validate(self) -> None:
        """Both steps."""
        await self.first_step()
        await self.second_step()

    async def first_step(self) -> None:
        """Asks whether the charger is ready to count; it is."""
        await self.send(frames.CM_VALIDATE_REQ())
        await self.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, toggle_num=0, result=Validation.READY)

    async def second_step(self) -> None:
        """Sends three toggles, which the charger counts."""
        self.need_pilot()
        await self.send(frames.CM_VALIDATE_REQ(TOGGLE))
        began = self.now
        await toggle(self.pilot, 3, T.TP_EV_vald_state_duration)
        left = began + (TOGGLE + 1) * 0.1 - self.now
        await self.expect(
            frames.CM_VALIDATE_CNF, max(0.0, left) + T.TT_match_response, toggle_num=3, result=Validation.SUCCESS
        )

    # -- matching and link --------------------------------------------------------------------------------------------

    @property
    def match_request(self) -> frames.CM_SLAC_MATCH_REQ:
        """The good-case CM_SLAC_MATCH.REQ."""
        return frames.CM_SLAC_MATCH_REQ(self.run_id, self.mac, self.peer)

    async def match(self, **forced: Any) -> frames.CM_SLAC_MATCH_CNF:
        """Chooses the charger; its answer names the network."""
        await self.send(self.match_request, **forced)
        answer: frames.CM_SLAC_MATCH_CNF = await self.expect(
            frames.CM_SLAC_MATCH_CNF, T.TT_match_response, run_id=self.run_id, pev_mac=self.mac, evse_mac=self.peer
        )
        if answer.nid != nid_of(answer.nmk):
            raise Failed(
                "CM_SLAC_MATCH.CNF: the NID is not that of the NMK",
                expected="NID derived from the NMK",
                cause=Cause.WRONG_FIELD,
            )
        self.network = answer.nid, answer.nmk
        return answer

    async def link(self) -> None:
        """Joins the network; the link comes up."""
        await self.join()
        await self.joined(T.TT_match_join)
