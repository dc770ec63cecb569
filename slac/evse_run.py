"""One run of a charger with one vehicle, named by (vehicle MAC, RunID): CM_SLAC_PARM.CNF to CM_SLAC_MATCH.REQ.

ISO 15118-3 A.9. The run receives the frames that belong to it, answers them, and ends when the vehicle chooses this
charger, or with the reason why it did not. A message that is invalid, or not due, is ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from slac.errors import MatchFailed, Step
from slac.frames import (
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_ATTEN_PROFILE_IND,
    CM_MNBC_SOUND_IND,
    CM_SLAC_MATCH_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    MVF_REQ,
    NUM_GROUPS,
    VS_ATTENUATION_CHARACTERISTICS_IND,
    Frame,
    Message,
    Validation,
    mac_text,
    violations,
)
from slac.host import Host
from slac.outcome import average
from slac.pilot import ChargerPilot, ToggleCounter
from slac.side import SideOptions

Validating = Literal["auto", "not required", "failure", "silent"]

INVENTED = bytes(9 + 16 * group // (NUM_GROUPS - 1) for group in range(NUM_GROUPS))
"""Reported if the modem reports sounds but no groups: a slope from 9 to 25 dB. Some vehicles refuse all zeros."""

_MVF_SWAPPED = int.from_bytes(MVF_REQ.to_bytes(2, "big"), "little")
_WAITING = 64


@dataclass(frozen=True)
class RunOptions(SideOptions):
    """How a charger handles one vehicle; see `slac.side.SideOptions` too.

    Attributes:
        whole_window: report only at the end of TT_EVSE_match_MNBC, not as soon as all sounds have arrived.
        adjustment: attenuation of the receive path between modem and cable, subtracted from each group, dB.
        validation: ``auto`` counts toggles if the pilot can be read, and answers failure if not; the other values give
            that answer, or none.
    """

    whole_window: bool = False
    adjustment: int = 0
    validation: Validating = "auto"


class Run:
    """One vehicle, one RunID.

    Attributes:
        mac, run_id: identify the run.
        answered: loop time at which its CM_SLAC_PARM.REQ was last answered, s.
        begun: whether a START has arrived.
        choosing: whether it waits for the vehicle's choice, so that CM_VALIDATE concerns it.
        validating: whether it is watching the pilot.
        validated: whether toggles were seen.
        aag: averages that were reported.
        tolerated: deviations that were tolerated, one sentence each.
    """

    def __init__(self, host: Host, pilot: ChargerPilot, options: RunOptions, mac: bytes, run_id: bytes) -> None:
        self.mac = mac
        self.run_id = run_id
        self.begun = self.choosing = self.validating = self.validated = False
        self.aag = b""
        self.tolerated: list[str] = []
        self._host = host
        self._pilot = pilot
        self._options = options
        self._timing = options.timing
        self._loop = asyncio.get_running_loop()
        self.answered = self.started = self._loop.time()
        self._inbox: asyncio.Queue[Frame] = asyncio.Queue(_WAITING)
        self._heard = 0
        self._profiles: list[bytes] = []
        self._others: list[bytes] = []

    def __str__(self) -> str:
        return f"{mac_text(self.mac)} run {self.run_id.hex()}"

    def put(self, frame: Frame) -> None:
        """Passes the run one of its frames; invalid ones are reported and dropped."""
        if why := self._fault(frame):
            self._host.ignored(frame, why)
            return
        self._tolerate(frame)
        if not self._inbox.full():
            self._inbox.put_nowait(frame)

    async def serve(self) -> CM_SLAC_MATCH_REQ:
        """Serves the run; returns the vehicle's request to match, which the caller has to answer.

        Raises:
            MatchFailed: the run ended without such a request; says where and why.
        """
        start = await self._start()
        await self._listen(start)
        await self._report()
        return await self._choice()

    # -- measuring ------------------------------------------------------------------------------------------------

    async def _start(self) -> CM_START_ATTEN_CHAR_IND:
        while True:
            end = self.answered + self._timing.TT_match_sequence
            frame = await self._get(end)
            if frame is None:
                if self._loop.time() >= self.answered + self._timing.TT_match_sequence:
                    raise MatchFailed(Step.SOUNDING, "no CM_START_ATTEN_CHAR.IND arrived", timer="TT_match_sequence")
            elif isinstance(frame.message, CM_START_ATTEN_CHAR_IND):
                self.begun = True
                return frame.message
            else:
                self._count(frame.message)

    async def _listen(self, start: CM_START_ATTEN_CHAR_IND) -> None:
        """Collects what the modem heard until all sounds have arrived or TT_EVSE_match_MNBC has expired."""
        window = self._loop.time() + self._timing.TT_EVSE_match_MNBC
        end = window
        while frame := await self._get(end):
            self._count(frame.message)
            if self._options.whole_window:
                continue
            if len(self._profiles) >= start.num_sounds:
                break
            if isinstance(frame.message, CM_MNBC_SOUND_IND) and frame.message.cnt == 0:
                # The last sound; its profile is still to come, and perhaps sounds that it overtook.
                end = min(window, self._loop.time() + 0.9 * self._timing.TP_EVSE_avg_atten_calc)
        profiles = self._profiles or self._others
        if not profiles:
            if not self._heard:
                raise MatchFailed(Step.SOUNDING, "no sounds were heard", timer="TT_EVSE_match_MNBC")
            text = f"{self._heard} sounds were heard, but the modem reported no attenuation profile"
            raise MatchFailed(Step.SOUNDING, text, timer="TT_EVSE_match_MNBC")
        self.aag = average(profiles, self._options.adjustment)
        if not self.aag:
            self._host.tell("warning", "the modem reports no attenuation groups; invented ones are reported")
            self.aag = INVENTED
        self._profiles = profiles

    def _count(self, message: Message) -> None:
        if isinstance(message, CM_ATTEN_PROFILE_IND):
            self._profiles.append(message.aag)
        elif isinstance(message, VS_ATTENUATION_CHARACTERISTICS_IND):
            self._others.append(message.aag)
        elif isinstance(message, CM_MNBC_SOUND_IND):
            self._heard += 1

    async def _report(self) -> None:
        report = CM_ATTEN_CHAR_IND(self.mac, self.run_id, self.aag, min(255, len(self._profiles)))
        for _ in range(1 + self._timing.C_EV_match_retry):
            end = self._loop.time() + self._timing.TT_match_response
            await self._host.send(report, self.mac)
            while frame := await self._get(end):
                if isinstance(frame.message, CM_ATTEN_CHAR_RSP):
                    return
        raise MatchFailed(Step.ATTENUATION, "no CM_ATTEN_CHAR.RSP arrived", timer="TT_match_response")

    # -- the vehicle's choice -------------------------------------------------------------------------------------

    async def _choice(self) -> CM_SLAC_MATCH_REQ:
        self.choosing = True
        end, timer = self._loop.time() + self._timing.TT_EVSE_match_session, "TT_EVSE_match_session"
        while frame := await self._get(end):
            message = frame.message
            if isinstance(message, CM_SLAC_MATCH_REQ):
                return message
            if isinstance(message, CM_VALIDATE_REQ):
                if message.result != Validation.READY:
                    self._host.ignored(frame, f"result {message.result}")
                elif (request := await self._validate(message)) is not None:
                    return request
            if self.validated:
                end, timer = self._loop.time() + self._timing.TT_match_sequence, "TT_match_sequence"
        raise MatchFailed(Step.MATCH, "the vehicle neither matched nor validated", timer=timer)

    async def _validate(self, message: CM_VALIDATE_REQ) -> CM_SLAC_MATCH_REQ | None:
        """Performs both steps of a validation; returns a request to match that came instead of the second."""
        result = self._readiness()
        if result is None:
            return None
        self.validating = True  # other runs are not ready now: their toggles would count for this one
        try:
            return await self._both_steps(message, result)
        finally:
            self.validating = False

    async def _both_steps(self, message: CM_VALIDATE_REQ, result: int) -> CM_SLAC_MATCH_REQ | None:
        first = CM_VALIDATE_CNF(0, result)
        with ToggleCounter(self._pilot) as toggles:
            sends = 1 + self._timing.C_EV_match_retry if result == Validation.READY else 1
            for _ in range(sends):
                # A vehicle that goes straight to the second step is accepted.
                if message.timer == 0:
                    await self._host.send(first, self.mac)
                    if result == Validation.FAILURE:
                        return None
                    end = self._loop.time() + self._timing.TT_match_sequence
                    frame = await self._get(end, lambda m: isinstance(m, (CM_VALIDATE_REQ, CM_SLAC_MATCH_REQ)))
                    if frame is None:
                        continue
                    if isinstance(frame.message, CM_SLAC_MATCH_REQ):
                        return frame.message
                    assert isinstance(frame.message, CM_VALIDATE_REQ)
                    message = frame.message
                    if message.result != Validation.READY:
                        raise MatchFailed(
                            Step.VALIDATION, f"the vehicle gave up the validation (result {message.result})"
                        )
                if message.timer:
                    await self._watch(message.timer, toggles)
                    return None
        if result == Validation.READY:
            raise MatchFailed(Step.VALIDATION, "the second CM_VALIDATE.REQ did not come", timer="TT_match_sequence")
        return None

    def _readiness(self) -> int | None:
        match self._options.validation:
            case "not required":
                return Validation.NOT_REQUIRED
            case "failure":
                return Validation.FAILURE
            case "silent":
                return None
        return Validation.FAILURE if self._pilot.state is None else Validation.READY

    async def _watch(self, timer: int, toggles: ToggleCounter) -> None:
        await asyncio.sleep(min((timer + 1) * 0.1, self._timing.TT_EVSE_vald_toggle))
        answer = CM_VALIDATE_CNF(min(255, toggles.count), Validation.SUCCESS if toggles.count else Validation.FAILURE)
        self._host.tell("validation", f"{self}: {toggles.count} toggles")
        await self._host.send(answer, self.mac)
        # The answer may get lost: a repeated request asks for the count, not for another look at the pilot.
        end = self._loop.time() + self._timing.TT_match_sequence
        while frame := await self._get(end, lambda m: isinstance(m, (CM_VALIDATE_REQ, CM_SLAC_MATCH_REQ))):
            if isinstance(frame.message, CM_SLAC_MATCH_REQ):
                self.validated = toggles.count > 0
                self._inbox.put_nowait(frame)
                return
            if isinstance(frame.message, CM_VALIDATE_REQ) and frame.message.timer:
                await self._host.send(answer, self.mac)
                end = self._loop.time() + self._timing.TT_match_sequence
        text = (
            "the vehicle did not match after the validation"
            if toggles.count
            else "no toggles were seen: not our vehicle"
        )
        raise MatchFailed(Step.VALIDATION, text, timer="TT_match_sequence" if toggles.count else "")

    # -- messages -------------------------------------------------------------------------------------------------

    async def _get(self, end: float, right: Callable[[Any], bool] = lambda _: True) -> Frame | None:
        """The next frame until ``end``."""
        while True:
            left = end - self._loop.time()
            if left <= 0:
                frame = None if self._inbox.empty() else self._inbox.get_nowait()
            else:
                try:
                    async with asyncio.timeout(left):
                        frame = await self._inbox.get()
                except TimeoutError:
                    frame = None
            if frame is None or right(frame.message):
                return frame

    def _tolerate(self, frame: Frame) -> None:
        """Reports what a strict charger would have ignored."""
        if self._options.strict or isinstance(frame.message, CM_ATTEN_PROFILE_IND):
            return
        for what in violations(frame.message):
            text = f"{frame.name} of {mac_text(frame.source)}: {what}"
            if text not in self.tolerated and len(self.tolerated) < _WAITING:
                self.tolerated.append(self._host.tolerated(frame, what))

    def _fault(self, frame: Frame) -> str:
        """Why a message is invalid; "" if it is valid."""
        message = frame.message
        # Some vehicles swap the bytes of the length.
        swapped = isinstance(message, CM_SLAC_MATCH_REQ) and message.mvf_length == _MVF_SWAPPED
        wrong = violations(message, tolerated=("mvf_length",) if swapped else ()) if self._options.strict else ()
        if isinstance(message, CM_SLAC_MATCH_REQ):
            if message.pev_mac != self.mac:
                return f"PEV MAC {mac_text(message.pev_mac)}"
            if message.evse_mac != self._host.mac:
                return f"EVSE MAC {mac_text(message.evse_mac)}, expected {mac_text(self._host.mac)}"
        if wrong:
            return ", ".join(wrong)
        if isinstance(message, CM_START_ATTEN_CHAR_IND) and not (message.num_sounds and message.time_out):
            return f"announces {message.num_sounds} sounds in {message.time_out * 100} ms"
        if isinstance(message, CM_ATTEN_CHAR_RSP) and message.source_address != self.mac:
            return f"source_address {mac_text(message.source_address)}"
        return ""
