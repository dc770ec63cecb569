"""The messages of a vehicle's attempt to find its charger: what arrives, what is valid, and what is answered at once.

An invalid message is treated as if it had not arrived. Every report (CM_ATTEN_CHAR.IND) from any charger is answered
until TT_EV_atten_results, and repeats of such a report even later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from slac.errors import Step
from slac.ev_options import RunOptions
from slac.frames import (
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_PARM_CNF,
    CM_VALIDATE_CNF,
    Frame,
    Message,
    mac_text,
    violations,
)
from slac.host import Host, Mailbox
from slac.outcome import Candidate, judge

_MOST_TOLERATED = 50
"""Maximum number of remarks about one attempt."""

_ANSWERS = (CM_SLAC_PARM_CNF, CM_ATTEN_CHAR_IND, CM_VALIDATE_CNF, CM_SLAC_MATCH_CNF)


class Talk:
    """What is exchanged in one attempt. Use with ``with``.

    Attributes:
        run_id: RunID.
        chargers: the chargers' answers to CM_SLAC_PARM.REQ, by address.
        answered_at: loop time of the latest of them.
        candidates: the chargers' reports, by address.
        results_end: loop time until which reports count.
        tolerated: deviations that were tolerated, one sentence each.
    """

    def __init__(self, host: Host, options: RunOptions, run_id: bytes) -> None:
        self.host = host
        self.run_id = run_id
        self.options = options
        self.chargers: dict[bytes, CM_SLAC_PARM_CNF] = {}
        self.candidates: dict[bytes, Candidate] = {}
        self.tolerated: list[str] = []
        self.results_end = float("inf")
        self.answered_at = 0.0
        self._timing = options.timing
        self._loop = asyncio.get_running_loop()
        self._refused: dict[type[Message], str] = {}  # by kind: why the last invalid message was ignored

    def __enter__(self) -> Talk:
        own = self.host.mac
        self._box: Mailbox = self.host.listen(lambda f: f.destination == own and isinstance(f.message, _ANSWERS))
        return self

    def __exit__(self, *_: object) -> None:
        self._box.__exit__()

    async def request(
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
            if (answer := await self.awaited(end, to, kind, fault)) is not None:
                return answer
        return None

    async def awaited(
        self, end: float, source: bytes, kind: type[Any], fault: Callable[[Any], str] = lambda _: ""
    ) -> Any:
        """A valid message of this kind from this sender until ``end``; None if none comes."""
        while frame := await self.receive(end):
            if frame.source == source and isinstance(frame.message, kind):
                if why := fault(frame.message):
                    self._ignore(frame, why)
                else:
                    return frame.message
        return None

    async def idle(self, seconds: float) -> None:
        """Waits, and handles routine messages meanwhile."""
        end = self._loop.time() + seconds
        while await self.receive(end):
            pass

    async def receive(self, end: float) -> Frame | None:
        """The next valid message until ``end``; routine messages are handled here."""
        while frame := await self._box.get(end - self._loop.time()):
            message = frame.message
            if why := self._fault(frame):
                self._ignore(frame, why)
                continue
            self._tolerate(frame)
            if isinstance(message, CM_SLAC_PARM_CNF):
                self.chargers.setdefault(frame.source, message)
                self.answered_at = self._loop.time()
            elif isinstance(message, CM_ATTEN_CHAR_IND):
                await self._report(frame.source, message)
            return frame
        return None

    async def _report(self, charger: bytes, message: CM_ATTEN_CHAR_IND) -> None:
        if charger not in self.candidates:
            if self._loop.time() > self.results_end:
                self.host.tell("ignored", f"report of {mac_text(charger)} after TT_EV_atten_results")
                return
            seen = Candidate(charger, message.aag, message.num_sounds)
            verdict = judge(seen.attenuation, seen.sounds, self.options.direct, self.options.indirect)
            self.candidates[charger] = Candidate(charger, message.aag, message.num_sounds, verdict)
        await self.host.send(CM_ATTEN_CHAR_RSP(self.host.mac, self.run_id), charger)

    def _ignore(self, frame: Frame, why: str) -> None:
        self.host.ignored(frame, why)
        self._refused[type(frame.message)] = f"from {mac_text(frame.source)}: {why}"

    def properly(self, kind: type[Message]) -> str:
        """What was wrong with the messages of a kind that arrived; "" if none did."""
        why = self._refused.get(kind)
        if why is None:
            return ""
        return f" properly: {why}" + ("; a vehicle that is not strict accepts it" if self.options.strict else "")

    def _tolerate(self, frame: Frame) -> None:
        """Reports what a strict vehicle would have refused."""
        message = frame.message
        found = list(violations(message)) if not self.options.strict else []
        if (
            not self.options.strict
            and isinstance(message, CM_SLAC_PARM_CNF)
            and message.forwarding_sta != self.host.mac
        ):
            found.append(f"forwarding_sta is {mac_text(message.forwarding_sta)}, expected our address")
        if not self.options.strict and isinstance(message, CM_SLAC_MATCH_CNF) and message.evse_mac != frame.source:
            found.append(f"evse_mac is {mac_text(message.evse_mac)}, expected the sender's address")
        for what in found:
            text = f"{frame.name} of {mac_text(frame.source)}: {what}"
            if text not in self.tolerated and len(self.tolerated) < _MOST_TOLERATED:
                self.tolerated.append(self.host.tolerated(frame, what))

    def _fault(self, frame: Frame) -> str:
        """Why a message is invalid; "" if it is valid."""
        message = frame.message
        if self.options.strict and (wrong := violations(message)):
            return ", ".join(wrong)
        if isinstance(message, (CM_SLAC_PARM_CNF, CM_ATTEN_CHAR_IND)) and message.run_id != self.run_id:
            return f"RunID {message.run_id.hex()}, expected {self.run_id.hex()}"
        if isinstance(message, CM_SLAC_PARM_CNF):
            if not message.num_sounds or not message.time_out:
                return f"announces {message.num_sounds} sounds in {message.time_out * 100} ms"
            if self.options.strict and message.forwarding_sta != self.host.mac:
                return f"forwarding_sta is {mac_text(message.forwarding_sta)}, not our address"
        if isinstance(message, CM_ATTEN_CHAR_IND):
            if message.source_address != self.host.mac:
                return f"source_address is {mac_text(message.source_address)}, not ours"
            if self.options.strict and not (message.aag and message.num_sounds):
                return f"{len(message.aag)} groups of {message.num_sounds} sounds"
        return ""

    def step(self, step: Step) -> None:
        """Records that a step begins."""
        self.host.tell("step", step.name)
