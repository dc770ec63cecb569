"""One attempt of a vehicle to find its charger, CM_SLAC_PARM to CM_SLAC_MATCH (ISO 15118-3 A.9.1 to A.9.5).

A request without a valid answer within TT_match_response is repeated C_EV_match_retry times; then the attempt fails.
An invalid message is treated as if it had not arrived. Every report (CM_ATTEN_CHAR.IND) from any charger is answered
until TT_EV_atten_results, and repeats of such a report even later.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from slac.errors import MatchFailed, Step
from slac.frames import (
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_MNBC_SOUND_IND,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    Frame,
    Message,
    Validation,
    mac_text,
    violations,
)
from slac.host import Host, Mailbox
from slac.outcome import Candidate, Verdict, judge, ranked
from slac.pilot import VehiclePilot, toggle
from slac.side import SideOptions

Validating = Literal["never", "doubtful", "always"]
NotReady = Literal["retry", "next"]
Refused = Literal["next", "skip", "end"]
NotRequired = Literal["match", "validate"]
Silent = Literal["again", "next"]

NOT_READY_PAUSE = 0.5
"""Time until a charger that was not ready to validate is asked again, s."""
NOT_READY_TIMES = 9
"""How often it is asked: for longer than it may be busy with another vehicle (TT_EVSE_vald_toggle)."""

_QUIET_PART = 0.9
"""Fraction of TP_match_sequence for which a patient vehicle waits for more answers after the last CM_SLAC_PARM.CNF."""
_HASTE = 0.01
"""Wait of an impatient vehicle for them, s; also the gap between CM_ATTEN_CHAR.RSP and the next request."""

_LEAD = 0.1
"""How late an answer may be that the charger repeats after TT_match_sequence, s."""

_MOST_TOLERATED = 50
"""Maximum number of remarks about one attempt."""

_ANSWERS = (CM_SLAC_PARM_CNF, CM_ATTEN_CHAR_IND, CM_VALIDATE_CNF, CM_SLAC_MATCH_CNF)


@dataclass(frozen=True)
class RunOptions(SideOptions):
    """How a vehicle makes one attempt; see `slac.side.SideOptions` too.

    Attributes:
        direct, indirect: C_EV_match_signalattn_direct and _indirect, mean attenuation in dB: up to ``direct`` a charger
            is found, up to ``indirect`` potentially found, above that not found. Makers choose the values.
        patient: wait for all reports until TT_EV_atten_results, and for late answers to CM_SLAC_PARM; else continue as
            soon as all chargers that answered have reported.
        validation: prove the pairing by toggling the pilot: ``never``, ``doubtful`` (only for chargers that are
            potentially found), or ``always``.
        not_ready: if a charger is not ready to validate, ask it again for a while (``retry``), or try the next one.
        refused: if a charger answers failure to the first step, try the ``next`` one, match without validation
            (``skip``), or ``end`` the attempt.
        not_required: if a charger does not require validation, match it at once (``match``), or validate anyway.
        silent: if a charger does not report its count, ask it ``again``, or try the ``next`` one at once. If frames are
            lost, the next one may be a neighbour whose own vehicle is toggling at that moment.
        twice: send each CM_SLAC_PARM.REQ twice, as some vehicles do. On a bad line this makes it unlikely that only
            neighbours receive it.
    """

    direct: float = 40.0
    indirect: float = 80.0
    patient: bool = True
    validation: Validating = "doubtful"
    not_ready: NotReady = "retry"
    refused: Refused = "next"
    not_required: NotRequired = "match"
    silent: Silent = "again"
    twice: bool = False


class Run:
    """One attempt. Call ``find``, ``choose`` and ``confirm`` inside a ``with`` block.

    Attributes:
        run_id: RunID.
        chargers: the chargers' answers to CM_SLAC_PARM.REQ, by address.
        candidates: the chargers' reports, by address.
        tolerated: deviations that were tolerated, one sentence each.
    """

    def __init__(self, host: Host, pilot: VehiclePilot, options: RunOptions, rng: random.Random, run_id: bytes) -> None:
        self.host = host
        self.run_id = run_id
        self.chargers: dict[bytes, CM_SLAC_PARM_CNF] = {}
        self.candidates: dict[bytes, Candidate] = {}
        self._pilot = pilot
        self._rng = rng
        self._options = options
        self._timing = options.timing
        self._loop = asyncio.get_running_loop()
        self.tolerated: list[str] = []
        self._refused: dict[type[Message], str] = {}  # by kind: why the last invalid message was ignored
        self._results_end = float("inf")
        self._last_parm = 0.0

    def __enter__(self) -> Run:
        own = self.host.mac
        self._box: Mailbox = self.host.listen(lambda f: f.destination == own and isinstance(f.message, _ANSWERS))
        return self

    def __exit__(self, *_: object) -> None:
        self._box.__exit__()

    # -- finding --------------------------------------------------------------------------------------------------

    async def find(self) -> None:
        """Asks for chargers, sends the sounds, and collects the reports in ``candidates``.

        Raises:
            MatchFailed: no charger answers, or none reports.
        """
        await self._ask_all()
        started = self._loop.time()
        self._results_end = started + self._timing.TT_EV_atten_results
        self._step(Step.SOUNDING)
        await self._sound()
        self._step(Step.ATTENUATION)
        while not self._all_reported():
            if not await self._receive(self._results_end):
                break
        if not self.candidates:
            text = f"no charger reported attenuations{self._properly(CM_ATTEN_CHAR_IND)}"
            raise MatchFailed(Step.ATTENUATION, text, timer="TT_EV_atten_results")

    async def _ask_all(self) -> None:
        self._step(Step.PARM)
        quiet = self._timing.TP_match_sequence * _QUIET_PART if self._options.patient else _HASTE
        for _ in range(1 + self._timing.C_EV_match_retry):
            end = self._loop.time() + self._timing.TT_match_response
            await self.host.send(CM_SLAC_PARM_REQ(self.run_id))
            if self._options.twice:
                await asyncio.sleep(_HASTE)
                await self.host.send(CM_SLAC_PARM_REQ(self.run_id))
            while await self._receive(min(end, self._last_parm + quiet) if self.chargers else end):
                pass
            if self.chargers:
                return
        text = f"no charger answered CM_SLAC_PARM.REQ{self._properly(CM_SLAC_PARM_CNF)}"
        raise MatchFailed(Step.PARM, text, timer="TT_match_response")

    async def _sound(self) -> None:
        """Sends STARTs and sounds at an even pace, and answers incoming messages meanwhile."""
        # As many as the chargers request, if time permits.
        most = int(self._timing.TT_EV_atten_results / max(self._timing.TP_EV_batch_msg_interval, 0.001)) // 2
        sounds = min(max(cnf.num_sounds for cnf in self.chargers.values()), max(most, 1))
        time_out = max(cnf.time_out for cnf in self.chargers.values())
        start = CM_START_ATTEN_CHAR_IND(self.run_id, self.host.mac, sounds, time_out)
        messages: list[Message] = [start] * self._timing.C_EV_start_atten_char_inds
        rnd = self._rng.randbytes(16)
        messages += [CM_MNBC_SOUND_IND(self.run_id, left, rnd) for left in reversed(range(sounds))]
        due = self._loop.time()
        for message in messages:
            while await self._receive(due):
                pass
            await self.host.send(message)
            # After a stall, never send faster than the shortest interval.
            due = max(due + self._timing.TP_EV_batch_msg_interval, self._loop.time() + self._shortest)

    @property
    def _shortest(self) -> float:
        return min(0.02, self._timing.TP_EV_batch_msg_interval)

    def _all_reported(self) -> bool:
        return not self._options.patient and self.chargers.keys() <= self.candidates.keys()

    # -- choosing -------------------------------------------------------------------------------------------------

    async def choose(self) -> tuple[Candidate, bool]:
        """Returns the charger to match with, and whether it was validated.

        Raises:
            MatchFailed: no charger is near enough, or none could be validated.
        """
        await self._idle(_HASTE)  # the next request must not overtake our answer to the report
        self._step(Step.DECISION)
        for candidate in self.candidates.values():
            self.host.tell("candidate", str(candidate))
        usable = ranked(self.candidates.values())
        if not usable:
            raise MatchFailed(
                Step.DECISION, f"no charger is near enough (limit {self._options.indirect:g} dB): {self._listed()}"
            )
        asked = False
        for candidate in usable:
            sure = candidate.verdict is Verdict.FOUND
            if self._options.validation == "never" and not sure:
                continue
            if self._options.validation == "never" or (self._options.validation == "doubtful" and sure):
                return candidate, False
            if not asked:
                self._step(Step.VALIDATION)
            asked = True
            proof = await self._validate(candidate.mac)
            if proof is not None:
                return candidate, proof
        if asked:
            raise MatchFailed(Step.VALIDATION, f"no charger could be validated: {self._listed()}")
        raise MatchFailed(Step.DECISION, f"chargers are too far to be taken without validation: {self._listed()}")

    def _listed(self) -> str:
        return "; ".join(map(str, self.candidates.values()))

    async def _validate(self, charger: bytes) -> bool | None:
        """True: the charger saw our toggles. False: it is accepted without validation. None: it is the wrong one."""
        options = self._options
        cnf = None
        for attempt in range(NOT_READY_TIMES if options.not_ready == "retry" else 1):
            if attempt:
                await self._idle(NOT_READY_PAUSE)
            cnf = await self._request(
                CM_VALIDATE_REQ(timer=0), charger, CM_VALIDATE_CNF, lambda m: "toggle_num" if m.toggle_num else ""
            )
            if cnf is None or cnf.result != Validation.NOT_READY:
                break
        if cnf is None:
            self.host.tell("validation", f"{mac_text(charger)} does not answer")
            return None
        if cnf.result == Validation.NOT_READY and options.not_ready == "retry":
            # Trying the next one would toggle our pilot while our own charger watches it for another vehicle.
            raise MatchFailed(Step.VALIDATION, f"{mac_text(charger)} was not ready in {NOT_READY_TIMES} requests")
        if cnf.result != Validation.READY:
            self.host.tell("validation", f"{mac_text(charger)} answers {_result(cnf.result)}")
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
            cnf = await self._await(end, charger, CM_VALIDATE_CNF, _answers_first_step)
            if cnf is None and self._options.silent == "again":  # it has counted by now; its answer may have been lost
                cnf = await self._request(
                    request, charger, CM_VALIDATE_CNF, _answers_first_step, timing.C_EV_match_retry
                )
            await toggling
        finally:
            toggling.cancel()
        if cnf is None:
            self.host.tell("validation", f"{mac_text(charger)} does not say what it counted")
            return None
        right = cnf.result == Validation.SUCCESS and cnf.toggle_num == times
        self.host.tell(
            "validation", f"{mac_text(charger)} saw {cnf.toggle_num} toggles of {times}: {_result(cnf.result)}"
        )
        return True if right else None

    async def _announce(self, request: CM_VALIDATE_REQ, charger: bytes) -> float:
        """Asks the charger to watch and returns when; asks again if it repeats its first answer (request lost)."""
        for _ in range(1 + self._timing.C_EV_match_retry):
            sent = self._loop.time()
            await self.host.send(request, charger)
            heard = sent + self._timing.TT_match_sequence + _LEAD
            while frame := await self._receive(heard):
                late = self._loop.time() > heard - 2 * _LEAD  # else a copy of the first answer
                if late and frame.source == charger and isinstance(frame.message, CM_VALIDATE_CNF):
                    break
            else:
                break
        return sent

    async def _toggled(self, lead: float, times: int) -> None:
        await asyncio.sleep(lead)
        await toggle(self._pilot, times, self._timing.TP_EV_vald_state_duration)

    # -- matching -------------------------------------------------------------------------------------------------

    async def confirm(self, charger: bytes) -> CM_SLAC_MATCH_CNF:
        """Matches with the chosen charger; returns its answer with the key.

        Raises:
            MatchFailed: no valid answer.
        """
        self._step(Step.MATCH)
        own = self.host.mac

        def fault(cnf: CM_SLAC_MATCH_CNF) -> str:
            if cnf.run_id != self.run_id:
                return f"RunID {cnf.run_id.hex()}"
            if cnf.pev_mac != own:
                return f"PEV MAC {mac_text(cnf.pev_mac)}"
            if cnf.evse_mac == charger or not self._options.strict:
                return ""
            return f"EVSE MAC {mac_text(cnf.evse_mac)}, not the sender's"

        request = CM_SLAC_MATCH_REQ(self.run_id, own, charger)
        cnf = await self._request(request, charger, CM_SLAC_MATCH_CNF, fault)
        if cnf is None:
            text = f"{mac_text(charger)} did not answer CM_SLAC_MATCH.REQ{self._properly(CM_SLAC_MATCH_CNF)}"
            raise MatchFailed(Step.MATCH, text, timer="TT_match_response")
        assert isinstance(cnf, CM_SLAC_MATCH_CNF)
        return cnf

    # -- messages -------------------------------------------------------------------------------------------------

    async def _request(
        self,
        message: Message,
        to: bytes,
        kind: type[Any],
        fault: Callable[[Any], str] = lambda _: "",
        times: int | None = None,
    ) -> Any:
        """Sends a request until a valid answer arrives; None if none does."""
        for _ in range(1 + self._timing.C_EV_match_retry if times is None else times):
            end = self._loop.time() + self._timing.TT_match_response
            await self.host.send(message, to)
            if (answer := await self._await(end, to, kind, fault)) is not None:
                return answer
        return None

    async def _await(
        self, end: float, source: bytes, kind: type[Any], fault: Callable[[Any], str] = lambda _: ""
    ) -> Any:
        while frame := await self._receive(end):
            if frame.source == source and isinstance(frame.message, kind):
                if why := fault(frame.message):
                    self._ignore(frame, why)
                else:
                    return frame.message
        return None

    async def _idle(self, seconds: float) -> None:
        end = self._loop.time() + seconds
        while await self._receive(end):
            pass

    async def _receive(self, end: float) -> Frame | None:
        """The next valid message until ``end``; routine messages are handled here."""
        while frame := await self._box.get(end - self._loop.time()):
            message = frame.message
            if why := self._fault(frame):
                self._ignore(frame, why)
                continue
            self._tolerate(frame)
            if isinstance(message, CM_SLAC_PARM_CNF):
                self.chargers.setdefault(frame.source, message)
                self._last_parm = self._loop.time()
            elif isinstance(message, CM_ATTEN_CHAR_IND):
                await self._report(frame.source, message)
            return frame
        return None

    async def _report(self, charger: bytes, message: CM_ATTEN_CHAR_IND) -> None:
        if charger not in self.candidates:
            if self._loop.time() > self._results_end:
                self.host.tell("ignored", f"report of {mac_text(charger)} after TT_EV_atten_results")
                return
            seen = Candidate(charger, message.aag, message.num_sounds)
            verdict = judge(seen.attenuation, seen.sounds, self._options.direct, self._options.indirect)
            self.candidates[charger] = Candidate(charger, message.aag, message.num_sounds, verdict)
        await self.host.send(CM_ATTEN_CHAR_RSP(self.host.mac, self.run_id), charger)

    def _ignore(self, frame: Frame, why: str) -> None:
        self.host.ignored(frame, why)
        self._refused[type(frame.message)] = f"at {mac_text(frame.source)} {why}"

    def _properly(self, kind: type[Message]) -> str:
        """What was wrong with the messages of a kind that arrived; "" if none did."""
        why = self._refused.get(kind)
        if why is None:
            return ""
        return f" properly: {why}" + ("; a vehicle that is not strict takes it" if self._options.strict else "")

    def _tolerate(self, frame: Frame) -> None:
        """Reports what a strict vehicle would have refused."""
        message = frame.message
        found = list(violations(message)) if not self._options.strict else []
        if (
            not self._options.strict
            and isinstance(message, CM_SLAC_PARM_CNF)
            and message.forwarding_sta != self.host.mac
        ):
            found.append(f"forwarding_sta is {mac_text(message.forwarding_sta)}, expected our address")
        if not self._options.strict and isinstance(message, CM_SLAC_MATCH_CNF) and message.evse_mac != frame.source:
            found.append(f"evse_mac is {mac_text(message.evse_mac)}, expected the sender's address")
        for what in found:
            text = f"{frame.name} of {mac_text(frame.source)}: {what}"
            if text not in self.tolerated and len(self.tolerated) < _MOST_TOLERATED:
                self.tolerated.append(self.host.tolerated(frame, what))

    def _fault(self, frame: Frame) -> str:
        """Why a message is invalid; "" if it is valid."""
        message = frame.message
        if self._options.strict and (wrong := violations(message)):
            return ", ".join(wrong)
        if isinstance(message, (CM_SLAC_PARM_CNF, CM_ATTEN_CHAR_IND)) and message.run_id != self.run_id:
            return f"RunID {message.run_id.hex()}, ours is {self.run_id.hex()}"
        if isinstance(message, CM_SLAC_PARM_CNF):
            if not message.num_sounds or not message.time_out:
                return f"{message.num_sounds} sounds in {message.time_out * 100} ms"
            if self._options.strict and message.forwarding_sta != self.host.mac:
                return f"forwarding_sta is {mac_text(message.forwarding_sta)}, not our address"
        if isinstance(message, CM_ATTEN_CHAR_IND):
            if message.source_address != self.host.mac:
                return f"source_address is {mac_text(message.source_address)}, not ours"
            if self._options.strict and not (message.aag and message.num_sounds):
                return f"{len(message.aag)} groups of {message.num_sounds} sounds"
        return ""

    def _step(self, step: Step) -> None:
        self.host.tell("step", step.name)


def _answers_first_step(cnf: CM_VALIDATE_CNF) -> str:
    return "answers the first step again" if (cnf.result, cnf.toggle_num) == (Validation.READY, 0) else ""


def _result(value: int) -> str:
    return Validation.WORDS[value] if value < len(Validation.WORDS) else f"result {value}"
