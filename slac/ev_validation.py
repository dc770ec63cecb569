"""How a vehicle proves that a charger is the one at its cable: it toggles the pilot, and the charger counts.

CM_VALIDATE, ISO 15118-3 A.9.4.
"""

from __future__ import annotations

import asyncio
import random

from slac.errors import MatchFailed, Step
from slac.ev_talk import Talk
from slac.frames import CM_VALIDATE_CNF, CM_VALIDATE_REQ, Validation, mac_text
from slac.pilot import VehiclePilot, toggle

NOT_READY_PAUSE = 0.5
"""Time until a charger that was not ready to validate is asked again, s."""
NOT_READY_TIMES = 9
"""How often it is asked: for longer than it may be busy with another vehicle (TT_EVSE_vald_toggle)."""

_LEAD = 0.1
"""How late an answer may be that the charger repeats after TT_match_sequence, s."""


class Proof:
    """Validates chargers, one after the other."""

    def __init__(self, talk: Talk, pilot: VehiclePilot, rng: random.Random) -> None:
        self._talk = talk
        self._pilot = pilot
        self._rng = rng
        self._options = talk.options
        self._timing = talk.options.timing
        self._loop = asyncio.get_running_loop()

    async def of(self, charger: bytes) -> bool | None:
        """True: the charger saw our toggles. False: it is accepted without validation. None: it is the wrong one.

        Raises:
            MatchFailed: the validation ends the attempt, by the options.
        """
        options = self._options
        cnf = None
        for attempt in range(NOT_READY_TIMES if options.not_ready == "retry" else 1):
            if attempt:
                await self._talk.idle(NOT_READY_PAUSE)
            cnf = await self._talk.request(
                CM_VALIDATE_REQ(timer=0), charger, CM_VALIDATE_CNF, lambda m: "toggle_num" if m.toggle_num else ""
            )
            if cnf is None or cnf.result != Validation.NOT_READY:
                break
        if cnf is None:
            self._talk.host.tell("validation", f"{mac_text(charger)} does not answer")
            return None
        if cnf.result == Validation.NOT_READY and options.not_ready == "retry":
            # Trying the next one would toggle our pilot while our own charger watches it for another vehicle.
            raise MatchFailed(
                Step.VALIDATION, f"{mac_text(charger)} was still not ready after {NOT_READY_TIMES} requests"
            )
        if cnf.result != Validation.READY:
            self._talk.host.tell("validation", f"{mac_text(charger)} answers {_result(cnf.result)}")
        if cnf.result == Validation.FAILURE and options.refused == "end":
            raise MatchFailed(Step.VALIDATION, f"{mac_text(charger)} cannot validate")
        if cnf.result == Validation.FAILURE and options.refused == "skip":
            return False
        if cnf.result == Validation.NOT_REQUIRED and options.not_required == "match":
            return False
        if cnf.result in (Validation.READY, Validation.NOT_REQUIRED):
            return await self._toggle(charger)
        return None

    async def _toggle(self, charger: bytes) -> bool | None:
        """The second step of the validation."""
        timing = self._timing
        # A number and a moment that a neighbour toggling at the same time is unlikely to share.
        times, window = self._rng.randint(1, max(1, timing.C_EV_vald_nb_toggles)), timing.TP_EV_vald_toggle
        request = CM_VALIDATE_REQ(timer=max(0, round(window * 10) - 1))
        started = await self._announce(request, charger)
        room = window - 2 * times * timing.TP_EV_vald_state_duration - timing.T_vald_detect_time
        lead = self._rng.uniform(0.0, max(0.0, room - (self._loop.time() - started)))
        toggling = asyncio.ensure_future(self._toggled(lead, times))
        try:
            end = started + window + timing.TT_match_response
            cnf = await self._talk.awaited(end, charger, CM_VALIDATE_CNF, _answers_first_step)
            if cnf is None and self._options.silent == "again":  # it has counted by now; its answer may have been lost
                cnf = await self._talk.request(
                    request, charger, CM_VALIDATE_CNF, _answers_first_step, timing.C_EV_match_retry
                )
            await toggling
        finally:
            toggling.cancel()
        if cnf is None:
            self._talk.host.tell("validation", f"{mac_text(charger)} does not report its toggle count")
            return None
        right = cnf.result == Validation.SUCCESS and cnf.toggle_num == times
        self._talk.host.tell(
            "validation", f"{mac_text(charger)} saw {cnf.toggle_num} of {times} toggles: {_result(cnf.result)}"
        )
        return True if right else None

    async def _announce(self, request: CM_VALIDATE_REQ, charger: bytes) -> float:
        """Asks the charger to watch and returns when; asks again if it repeats its first answer (request lost)."""
        for _ in range(1 + self._timing.C_EV_match_retry):
            sent = self._loop.time()
            await self._talk.host.send(request, charger)
            heard = sent + self._timing.TT_match_sequence + _LEAD
            while frame := await self._talk.receive(heard):
                late = self._loop.time() > heard - 2 * _LEAD  # else a copy of the first answer
                if late and frame.source == charger and isinstance(frame.message, CM_VALIDATE_CNF):
                    break
            else:
                break
        return sent

    async def _toggled(self, lead: float, times: int) -> None:
        await asyncio.sleep(lead)
        await toggle(self._pilot, times, self._timing.TP_EV_vald_state_duration)


def _answers_first_step(cnf: CM_VALIDATE_CNF) -> str:
    return "answers the first step again" if (cnf.result, cnf.toggle_num) == (Validation.READY, 0) else ""


def _result(value: int) -> str:
    return Validation.WORDS[value] if value < len(Validation.WORDS) else f"result {value}"
