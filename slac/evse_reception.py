"""What a charger does with the frames of vehicles: each run gets its own, and the first to choose gets the key.

Each (vehicle MAC, RunID) has its own small coroutine, see `slac.evse_run`. Without a vehicle on the pilot (state A) no
request is answered. A repeated CM_SLAC_PARM.REQ is answered again, as is a repeated CM_SLAC_MATCH.REQ, with the same
key. While a vehicle is matched and its link is up, no vehicle is answered; when the link is gone, any vehicle is. If
the link does not come up within TT_match_join, there is a new key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from slac import amp_map
from slac.errors import LinkError, MatchFailed, SlacError, Step
from slac.evse_key import Key
from slac.evse_run import Run, RunOptions
from slac.frames import (
    BROADCAST,
    CM_AMP_MAP_REQ,
    CM_ATTEN_CHAR_RSP,
    CM_ATTEN_PROFILE_IND,
    CM_MNBC_SOUND_IND,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    VS_ATTENUATION_CHARACTERISTICS_IND,
    Frame,
    Validation,
    mac_text,
    violations,
)
from slac.host import Host
from slac.modem import Modem
from slac.outcome import Match
from slac.pilot import CONNECTED, ChargerPilot

MOST_RUNS = 64
"""Maximum number of parallel runs; C_EVSE_match_parallel requires 5. Further ones get no answer, to bound memory."""

_WARNING = 10.0
"""Time between two warnings that there are too many runs, s."""
_COPY = 0.4
"""Time after which a CM_SLAC_PARM.REQ with the RunID just matched is a new attempt, not a late copy, s."""

_ALL = (CM_SLAC_PARM_REQ, CM_START_ATTEN_CHAR_IND, CM_MNBC_SOUND_IND)  # sent as broadcasts
_OURS = (CM_ATTEN_CHAR_RSP, CM_VALIDATE_REQ, CM_SLAC_MATCH_REQ, CM_AMP_MAP_REQ)
_PROFILES = (CM_ATTEN_PROFILE_IND, VS_ATTENUATION_CHARACTERISTICS_IND)
_OF_A_RUN = (CM_START_ATTEN_CHAR_IND, CM_MNBC_SOUND_IND, CM_ATTEN_CHAR_RSP, CM_SLAC_MATCH_REQ)


class Reception:
    """Serves the vehicles that ask, while it is open.

    Attributes:
        matched: the vehicle that has the key and whose link is up, or None.
        found: matches, and errors that end everything.
        changed: set when the match may be over.
        heard: loop time at which a vehicle last asked or chose, s.
    """

    def __init__(
        self,
        host: Host,
        pilot: ChargerPilot,
        modem: Modem,
        options: RunOptions,
        key: Key,
        settle: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """``settle`` waits until a link that has come up is ready, given the vehicle's address."""
        self.matched: Match | None = None
        self.found: asyncio.Queue[Match | SlacError] = asyncio.Queue()
        self.changed = asyncio.Event()
        self.heard = 0.0
        self.host, self.pilot, self.modem, self.options, self.key = host, pilot, modem, options, key
        self._settle = settle
        self._accepting = False
        self._warns_from = 0.0
        self._runs: dict[tuple[bytes, bytes], Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listens from now on, but answers only while open."""
        self._start(self._hand_out())

    def open(self) -> None:
        """Answers vehicles from now on."""
        self.heard = asyncio.get_running_loop().time()
        self._accepting = True

    async def close(self) -> None:
        """Ends everything."""
        self._accepting = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def talking(self) -> bool:
        """Whether a vehicle is matching, or already has the key."""
        return bool(self._runs) or self.key.given is not None

    def stop(self, why: str) -> None:
        """Stops answering and ends all runs."""
        self._accepting = False
        self.matched = None
        self.changed.set()
        for task in list(self._tasks):
            if task.get_name() != "hand out":
                task.cancel()
        if self._runs:
            self.host.tell("dropped", f"{len(self._runs)} runs: {why}")
        self._runs.clear()
        while not self.found.empty():
            if isinstance(item := self.found.get_nowait(), SlacError):
                self.found.put_nowait(item)
                break

    def _start(self, work: Coroutine[Any, Any, None], name: str = "hand out") -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_out(self) -> None:
        def wanted(frame: Frame) -> bool:
            if isinstance(frame.message, _OURS):
                return frame.destination == self.host.mac
            return isinstance(frame.message, _ALL + _PROFILES) and frame.destination in (BROADCAST, self.host.mac)

        with self.host.listen(wanted) as box:
            try:
                while frame := await box.get():
                    if self.pilot.shows(*CONNECTED):
                        await self._hand(frame)
            except LinkError as why:
                self.found.put_nowait(why)

    async def _hand(self, frame: Frame) -> None:
        message, mac = frame.message, frame.source
        if isinstance(message, CM_SLAC_PARM_REQ):
            await self._asked(frame, message)
        elif isinstance(message, _PROFILES):
            if run := self._newest(message.pev_mac, lambda r: r.begun) or self._newest(message.pev_mac):
                run.put(frame)
        elif isinstance(message, CM_AMP_MAP_REQ):
            if self.key.given is not None and self.key.given[0] == mac:
                await amp_map.answer(self.host, frame)
        elif isinstance(message, CM_VALIDATE_REQ):
            await self._validate(frame)
        elif isinstance(message, CM_SLAC_MATCH_REQ) and self.key.given == (given := (mac, message.run_id)):
            await self._repeat(frame, given)
        elif isinstance(message, _OF_A_RUN):
            if run := self._runs.get((mac, message.run_id)):
                run.put(frame)
            elif self._accepting and not isinstance(message, _ALL):
                self.host.ignored(frame, f"no run {message.run_id.hex()} of this vehicle")

    def _newest(self, mac: bytes, right: Callable[[Run], bool] = lambda _: True) -> Run | None:
        runs = [run for run in self._runs.values() if run.mac == mac and right(run)]
        return max(runs, key=lambda run: run.started, default=None)

    async def _asked(self, frame: Frame, message: CM_SLAC_PARM_REQ) -> None:
        if self.options.strict and (wrong := violations(message)):
            self.host.ignored(frame, ", ".join(wrong))
            return
        if not self._accepting:
            return
        loop = asyncio.get_running_loop()
        if self.key.given is not None:
            # A vehicle that asks again while its link comes up has given up; a matched one stays matched.
            again = self.key.given[1] != message.run_id or loop.time() - self.key.given_at > _COPY
            if self.matched is None and self.key.given[0] == frame.source and again:
                self.host.tell("attempt failed", f"{mac_text(frame.source)} started over before the link came up")
                self._start_over()
            elif self.matched is not None:
                self.changed.set()
            return
        key = (frame.source, message.run_id)
        run = self._runs.get(key)
        if run is not None and run.begun and loop.time() - run.started >= self.options.timing.TT_match_sequence:
            self._end(run)  # a new attempt of a vehicle that always uses the same RunID
            run = None
        if run is None:
            if len(self._runs) >= MOST_RUNS:
                self._crowded(frame, loop.time())
                return
            self._runs[key] = run = Run(self.host, self.pilot, self.options, *key)
            self._start(self._serve(run), name=repr(key))
        self.heard = run.answered = loop.time()
        await self.host.send(CM_SLAC_PARM_CNF(message.run_id, frame.source), frame.source)

    def _crowded(self, frame: Frame, now: float) -> None:
        """Reports a vehicle that gets no answer because too many others are matching."""
        self.host.ignored(frame, f"{MOST_RUNS} runs are already in progress")
        if now >= self._warns_from:  # or nobody knows why a vehicle is not served
            self.host.tell("warning", f"{MOST_RUNS} vehicles are matching at once; further ones get no answer")
            self._warns_from = now + _WARNING

    async def _validate(self, frame: Frame) -> None:
        # The vehicle's answer to the report may have come just before, and still be waiting in the queue.
        run = self._newest(frame.source, lambda r: r.choosing or bool(r.aag))
        if run is None:
            return
        if any(other.validating for other in self._runs.values() if other is not run):
            await self.host.send(CM_VALIDATE_CNF(0, Validation.NOT_READY), frame.source)
        else:
            run.put(frame)

    # -- runs -----------------------------------------------------------------------------------------------------

    async def _serve(self, run: Run) -> None:
        try:
            await run.serve()
            if self.key.given is not None or self._runs.get((run.mac, run.run_id)) is not run:
                return
            self.heard = asyncio.get_running_loop().time()
            self.key.give(run.mac, run.run_id, self.heard)
            await self._confirm(run.mac, run.run_id)
            for other in list(self._runs.values()):
                if other is not run:
                    self._end(other)
            await self._join(run)
        except MatchFailed as why:
            self.host.tell("attempt failed", f"{run}: {why}")
        except LinkError as why:
            self.found.put_nowait(why)
        finally:
            if self._runs.get((run.mac, run.run_id)) is run:
                del self._runs[run.mac, run.run_id]

    def _end(self, run: Run) -> None:
        self._runs.pop((run.mac, run.run_id), None)
        for task in list(self._tasks):
            if task.get_name() == repr((run.mac, run.run_id)):
                task.cancel()

    async def _confirm(self, mac: bytes, run_id: bytes) -> None:
        await self.host.send(CM_SLAC_MATCH_CNF(run_id, mac, self.host.mac, self.key.nid, self.key.nmk), mac)

    async def _repeat(self, frame: Frame, given: tuple[bytes, bytes]) -> None:
        if self.options.strict and (wrong := violations(frame.message)):
            self.host.ignored(frame, ", ".join(wrong))
        else:
            await self._confirm(*given)

    async def _join(self, run: Run) -> None:
        timing = self.options.timing
        loop = asyncio.get_running_loop()
        self.host.tell("step", Step.LINK.name)
        if not await self.modem.wait_linked(self.key.nid, timing.TT_match_join):
            why = MatchFailed(Step.LINK, f"it did not come up within TT_match_join ({timing.TT_match_join:g} s)")
            self.host.tell("attempt failed", f"{run}: {why}")
            self._start_over()
            return
        await self._settle(run.mac)
        aag = run.aag
        self.matched = found = Match(
            run.run_id, run.mac, self.host.mac, self.key.nid, self.key.nmk, sum(aag) / len(aag), aag, (), run.validated,
            loop.time(), (*self.modem.lacks, *run.tolerated),
        )  # fmt: skip
        self.host.tell("step", Step.MATCHED.name)
        self.host.tell("matched", f"{mac_text(run.mac)}, {found.attenuation:.1f} dB, network {self.key.nid.hex()}")
        self.found.put_nowait(found)

    def _start_over(self) -> None:
        """Sets a new key and answers again; leaves the pilot alone."""
        given = self.key.given
        if given is not None and (run := self._runs.pop(given, None)):
            self._end(run)
        self.matched = None
        self._start(self._renewed(), name="new key")

    async def _renewed(self) -> None:
        try:
            await self.key.renew()
        except SlacError as why:
            self.host.tell("warning", str(why))
            self.found.put_nowait(why)
