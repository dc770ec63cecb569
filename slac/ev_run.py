"""One attempt of a vehicle to find its charger, CM_SLAC_PARM to CM_SLAC_MATCH (ISO 15118-3 A.9.1 to A.9.5).

A request without a valid answer within TT_match_response is repeated C_EV_match_retry times; then the attempt fails.
`slac.ev_talk` says what is a valid answer, `slac.ev_validation` how a charger is proven to be the right one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

from slac.errors import MatchFailed, Step
from slac.ev_options import RunOptions
from slac.ev_talk import Talk
from slac.ev_validation import Proof
from slac.frames import (
    CM_ATTEN_CHAR_IND,
    CM_MNBC_SOUND_IND,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    Message,
    mac_text,
)
from slac.host import Host
from slac.outcome import Candidate, Verdict, ranked
from slac.pilot import VehiclePilot

_QUIET_PART = 0.9
"""Fraction of TP_match_sequence for which a patient vehicle waits for more answers after the last CM_SLAC_PARM.CNF."""
_HASTE = 0.01
"""Wait of an impatient vehicle for them, s; also the gap between CM_ATTEN_CHAR.RSP and the next request."""


class Run:
    """One attempt. Call ``find``, ``choose`` and ``confirm`` inside a ``with`` block.

    Attributes:
        run_id: RunID.
    """

    def __init__(self, host: Host, pilot: VehiclePilot, options: RunOptions, rng: random.Random, run_id: bytes) -> None:
        self.host = host
        self.run_id = run_id
        self._talk = Talk(host, options, run_id)
        self._proof = Proof(self._talk, pilot, rng)
        self._rng = rng
        self._options = options
        self._timing = options.timing
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Run:
        self._talk.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._talk.__exit__(*error)

    @property
    def candidates(self) -> Mapping[bytes, Candidate]:
        """The chargers' reports, by address."""
        return self._talk.candidates

    @property
    def tolerated(self) -> Sequence[str]:
        """Deviations that were tolerated, one sentence each."""
        return self._talk.tolerated

    # -- finding --------------------------------------------------------------------------------------------------

    async def find(self) -> None:
        """Asks for chargers, sends the sounds, and collects the reports in ``candidates``.

        Raises:
            MatchFailed: no charger answers, or none reports.
        """
        await self._ask_all()
        started = self._loop.time()
        self._talk.results_end = started + self._timing.TT_EV_atten_results
        self._talk.step(Step.SOUNDING)
        await self._sound()
        self._talk.step(Step.ATTENUATION)
        while not self._all_reported():
            if not await self._talk.receive(self._talk.results_end):
                break
        if not self.candidates:
            text = f"no charger reported attenuations{self._talk.properly(CM_ATTEN_CHAR_IND)}"
            raise MatchFailed(Step.ATTENUATION, text, timer="TT_EV_atten_results")

    async def _ask_all(self) -> None:
        self._talk.step(Step.PARM)
        quiet = self._timing.TP_match_sequence * _QUIET_PART if self._options.patient else _HASTE
        for _ in range(1 + self._timing.C_EV_match_retry):
            end = self._loop.time() + self._timing.TT_match_response
            await self.host.send(CM_SLAC_PARM_REQ(self.run_id))
            if self._options.twice:
                await asyncio.sleep(_HASTE)
                await self.host.send(CM_SLAC_PARM_REQ(self.run_id))
            while await self._talk.receive(min(end, self._talk.answered_at + quiet) if self._talk.chargers else end):
                pass
            if self._talk.chargers:
                return
        text = f"no charger answered CM_SLAC_PARM.REQ{self._talk.properly(CM_SLAC_PARM_CNF)}"
        raise MatchFailed(Step.PARM, text, timer="TT_match_response")

    async def _sound(self) -> None:
        """Sends STARTs and sounds at an even pace, and answers incoming messages meanwhile."""
        # As many as the chargers request, if time permits.
        most = int(self._timing.TT_EV_atten_results / max(self._timing.TP_EV_batch_msg_interval, 0.001)) // 2
        sounds = min(max(cnf.num_sounds for cnf in self._talk.chargers.values()), max(most, 1))
        time_out = max(cnf.time_out for cnf in self._talk.chargers.values())
        start = CM_START_ATTEN_CHAR_IND(self.run_id, self.host.mac, sounds, time_out)
        messages: list[Message] = [start] * self._timing.C_EV_start_atten_char_inds
        rnd = self._rng.randbytes(16)
        messages += [CM_MNBC_SOUND_IND(self.run_id, left, rnd) for left in reversed(range(sounds))]
        due = self._loop.time()
        for message in messages:
            while await self._talk.receive(due):
                pass
            await self.host.send(message)
            # After a stall, never send faster than the shortest interval.
            due = max(due + self._timing.TP_EV_batch_msg_interval, self._loop.time() + self._shortest)

    @property
    def _shortest(self) -> float:
        return min(0.02, self._timing.TP_EV_batch_msg_interval)

    def _all_reported(self) -> bool:
        return not self._options.patient and self._talk.chargers.keys() <= self.candidates.keys()

    # -- choosing -------------------------------------------------------------------------------------------------

    async def choose(self) -> tuple[Candidate, bool]:
        """Returns the charger to match with, and whether it was validated.

        Raises:
            MatchFailed: no charger is near enough, or none could be validated.
        """
        await self._talk.idle(_HASTE)  # the next request must not overtake our answer to the report
        self._talk.step(Step.DECISION)
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
                self._talk.step(Step.VALIDATION)
            asked = True
            proof = await self._proof.of(candidate.mac)
            if proof is not None:
                return candidate, proof
        if asked:
            raise MatchFailed(Step.VALIDATION, f"no charger could be validated: {self._listed()}")
        raise MatchFailed(
            Step.DECISION, f"the chargers are too far away to be chosen without validation: {self._listed()}"
        )

    def _listed(self) -> str:
        return "; ".join(map(str, self.candidates.values()))

    # -- matching -------------------------------------------------------------------------------------------------

    async def confirm(self, charger: bytes) -> CM_SLAC_MATCH_CNF:
        """Matches with the chosen charger; returns its answer with the key.

        Raises:
            MatchFailed: no valid answer.
        """
        self._talk.step(Step.MATCH)
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
        cnf = await self._talk.request(request, charger, CM_SLAC_MATCH_CNF, fault)
        if cnf is None:
            text = f"{mac_text(charger)} did not answer CM_SLAC_MATCH.REQ{self._talk.properly(CM_SLAC_MATCH_CNF)}"
            raise MatchFailed(Step.MATCH, text, timer="TT_match_response")
        assert isinstance(cnf, CM_SLAC_MATCH_CNF)
        return cnf
