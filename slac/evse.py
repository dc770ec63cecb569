"""The charger's side of matching: many vehicles may ask at once, and one is matched.

    async with evse.ready(link, pilot) as charger:            # finds the modem, sets a new key
        while True:
            match = await charger.match()                     # a vehicle plugs in, pairs, and the link is up
            ...                                               # the session
            await charger.leave()                             # new key: this vehicle cannot come back unasked

Each (vehicle MAC, RunID) has its own small coroutine, see `slac.evse_run`; this module distributes the frames, keeps
the key, and gives it to the first vehicle that chooses this charger. Without a vehicle on the pilot (state A) it
answers no requests.

Rules: a repeated CM_SLAC_PARM.REQ is answered again, as is a repeated CM_SLAC_MATCH.REQ, with the same key. While a
vehicle is matched and its link is up, no vehicle is answered; when the link is gone, any vehicle is. If the link does
not come up within TT_match_join, and after a vehicle has left, the charger sets a new key.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from slac import amp_map
from slac.errors import LinkError, MatchFailed, PilotLost, SlacError, Step
from slac.events import LINK_LOST, Observe, ignore
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
from slac.host import Host, Rewrites
from slac.keys import new_nmk, nid_of
from slac.link import Link
from slac.modem import Modem
from slac.outcome import Match
from slac.pilot import CONNECTED, DIGITAL, STEADY, ChargerPilot, State, until
from slac.side import Side, attached
from slac.watch_pilot import while_connected

__all__ = ["Evse", "Match", "Options", "ready"]

MOST_RUNS = 64
"""Maximum number of parallel runs; C_EVSE_match_parallel requires 5. Further ones get no answer, to bound memory."""

_COPY = 0.4
"""Time after which a CM_SLAC_PARM.REQ with the RunID just matched is a new attempt, not a late copy, s."""

_ALL = (CM_SLAC_PARM_REQ, CM_START_ATTEN_CHAR_IND, CM_MNBC_SOUND_IND)  # sent as broadcasts
_OURS = (CM_ATTEN_CHAR_RSP, CM_VALIDATE_REQ, CM_SLAC_MATCH_REQ, CM_AMP_MAP_REQ)
_PROFILES = (CM_ATTEN_PROFILE_IND, VS_ATTENUATION_CHARACTERISTICS_IND)
_OF_A_RUN = (CM_START_ATTEN_CHAR_IND, CM_MNBC_SOUND_IND, CM_ATTEN_CHAR_RSP, CM_SLAC_MATCH_REQ)


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
        nmk, nid: key and network id for the next vehicle.
        matched: the vehicle that has them.
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
        self.nmk = self.nid = b""
        self.matched: Match | None = None
        self._given: tuple[bytes, bytes] | None = None  # who was given the key, until it is replaced
        self._given_at = 0.0
        self._key_set = False
        self._runs: dict[tuple[bytes, bytes], Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting = False
        self._heard = 0.0
        self._found: asyncio.Queue[Match | SlacError] = asyncio.Queue()
        self._look_again = asyncio.Event()

    async def __aenter__(self) -> Evse:
        await self.new_key()
        self._start(self._hand_out())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._accepting = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
            if self._given is not None or not self._key_set:
                await self.new_key()
            self.host.tell("step", Step.PILOT.name)
            await until(self.pilot, lambda reading: reading.state is None or reading.state in CONNECTED, None)
            try:
                self._offer(self.duty)
                found = await while_connected(self.pilot, self._until_found())
            except asyncio.CancelledError:
                self._stop("nobody waits for a match any more")
                raise
            except PilotLost as why:
                self.host.tell("attempt failed", str(why))
                self._stop(str(why))
                if self.pilot.state is State.A:  # E and F were set on purpose
                    self._offer(STEADY)
                silences = 0
                continue
            if found is not None:
                return found
            self._stop("no vehicle asked")
            self.host.tell("attempt failed", f"no vehicle asked in TT_EVSE_SLAC_init ({timing.TT_EVSE_SLAC_init:g} s)")
            if silences >= timing.C_sequ_retry or not self.options.repeat_pilot:
                self._offer(STEADY)
                raise MatchFailed(Step.PARM, "no vehicle sent CM_SLAC_PARM.REQ", timer="TT_EVSE_SLAC_init")
            silences += 1
            await self.step_ef()

    @property
    def talking(self) -> bool:
        """Whether a vehicle is matching, or already has the key."""
        return bool(self._runs) or self._given is not None

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
            ModemError: the modem does not answer.
        """
        self._stop("left")
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
        """Sets a new key, waits until the modem is back, and reads it back.

        Raises:
            ModemError: the modem does not answer, is not back within ``modem_settle``, or did not accept the key.
        """
        self.nmk = self.options.nmk or new_nmk(self.rng)
        self.nid = nid_of(self.nmk)
        self._given, self._key_set = None, False
        await self.modem.take_key(self.nid, self.nmk)
        self._key_set = True

    def _offer(self, duty: float | None) -> None:
        if self.duty is not None and duty is not None:
            self.pilot.offer(duty)

    async def _until_found(self) -> Match | None:
        """The next match; None if no vehicle asked within TT_EVSE_SLAC_init."""
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        self._accepting = True
        self.host.tell("step", Step.PARM.name)
        while True:
            unlimited = self.pilot.state is None or not self.limited
            limit = None if unlimited else self._heard + self.options.timing.TT_EVSE_SLAC_init
            try:
                async with asyncio.timeout_at(limit):
                    found = await self._found.get()
            except TimeoutError:
                if self.talking or not self.limited:
                    self._heard = loop.time()
                elif limit is not None and self._heard + self.options.timing.TT_EVSE_SLAC_init <= loop.time():
                    return None
                continue
            if isinstance(found, SlacError):
                self._found.put_nowait(found)
                raise found
            return found

    async def _look(self, match: Match) -> None:
        while self.matched is match:
            if await self.modem.linked(match.nid) is False:
                return
            self._look_again.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.options.timing.matched_polling):
                    await self._look_again.wait()

    def _stop(self, why: str) -> None:
        """Stops answering and ends all runs."""
        self._accepting = False
        self.matched = None
        self._look_again.set()
        for task in list(self._tasks):
            if task.get_name() != "hand out":
                task.cancel()
        if self._runs:
            self.host.tell("dropped", f"{len(self._runs)} runs: {why}")
        self._runs.clear()
        while not self._found.empty():
            if isinstance(item := self._found.get_nowait(), SlacError):
                self._found.put_nowait(item)
                break

    # -- handing out ----------------------------------------------------------------------------------------------

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
                self._found.put_nowait(why)

    async def _hand(self, frame: Frame) -> None:
        message, mac = frame.message, frame.source
        if isinstance(message, CM_SLAC_PARM_REQ):
            await self._asked(frame, message)
        elif isinstance(message, _PROFILES):
            if run := self._newest(message.pev_mac, lambda r: r.begun) or self._newest(message.pev_mac):
                run.put(frame)
        elif isinstance(message, CM_AMP_MAP_REQ):
            if self._given is not None and self._given[0] == mac:
                await amp_map.answer(self.host, frame)
        elif isinstance(message, CM_VALIDATE_REQ):
            await self._validate(frame)
        elif isinstance(message, CM_SLAC_MATCH_REQ) and self._given == (given := (mac, message.run_id)):
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
        if self._given is not None:
            # A vehicle that asks again while its link comes up has given up; a matched one stays matched.
            again = self._given[1] != message.run_id or loop.time() - self._given_at > _COPY
            if self.matched is None and self._given[0] == frame.source and again:
                self.host.tell("attempt failed", f"{mac_text(frame.source)} asks anew before the link came up")
                self._start_over()
            elif self.matched is not None:
                self._look_again.set()
            return
        key = (frame.source, message.run_id)
        run = self._runs.get(key)
        if run is not None and run.begun and loop.time() - run.started >= self.options.timing.TT_match_sequence:
            self._end(run)  # a new attempt of a vehicle that always uses the same RunID
            run = None
        if run is None:
            if len(self._runs) >= MOST_RUNS:
                self.host.ignored(frame, f"{MOST_RUNS} runs are going on")
                return
            self._runs[key] = run = Run(self.host, self.pilot, self.options, *key)
            self._start(self._serve(run), name=repr(key))
        self._heard = run.answered = loop.time()
        await self.host.send(CM_SLAC_PARM_CNF(message.run_id, frame.source), frame.source)

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
            if self._given is not None or self._runs.get((run.mac, run.run_id)) is not run:
                return
            self._given = (run.mac, run.run_id)
            self._heard = self._given_at = asyncio.get_running_loop().time()
            await self._confirm(run.mac, run.run_id)
            for other in list(self._runs.values()):
                if other is not run:
                    self._end(other)
            await self._join(run)
        except MatchFailed as why:
            self.host.tell("attempt failed", f"{run}: {why}")
        except LinkError as why:
            self._found.put_nowait(why)
        finally:
            if self._runs.get((run.mac, run.run_id)) is run:
                del self._runs[run.mac, run.run_id]

    def _end(self, run: Run) -> None:
        self._runs.pop((run.mac, run.run_id), None)
        for task in list(self._tasks):
            if task.get_name() == repr((run.mac, run.run_id)):
                task.cancel()

    async def _confirm(self, mac: bytes, run_id: bytes) -> None:
        await self.host.send(CM_SLAC_MATCH_CNF(run_id, mac, self.host.mac, self.nid, self.nmk), mac)

    async def _repeat(self, frame: Frame, given: tuple[bytes, bytes]) -> None:
        if self.options.strict and (wrong := violations(frame.message)):
            self.host.ignored(frame, ", ".join(wrong))
        else:
            await self._confirm(*given)

    async def _join(self, run: Run) -> None:
        timing = self.options.timing
        loop = asyncio.get_running_loop()
        self.host.tell("step", Step.LINK.name)
        if not await self.modem.wait_linked(self.nid, timing.TT_match_join):
            why = MatchFailed(Step.LINK, f"it did not come up in TT_match_join ({timing.TT_match_join:g} s)")
            self.host.tell("attempt failed", f"{run}: {why}")
            self._start_over()
            return
        await self._settle(run.mac)
        aag = run.aag
        self.matched = found = Match(
            run.run_id, run.mac, self.host.mac, self.nid, self.nmk, sum(aag) / len(aag), aag, (), run.validated,
            loop.time(), (*self.modem.lacks, *run.tolerated),
        )  # fmt: skip
        self.host.tell("step", Step.MATCHED.name)
        self.host.tell("matched", f"{mac_text(run.mac)}, {found.attenuation:.1f} dB, network {self.nid.hex()}")
        self._found.put_nowait(found)

    def _start_over(self) -> None:
        """Sets a new key and answers again; leaves the pilot alone."""
        given = self._given
        if given is not None and (run := self._runs.pop(given, None)):
            self._end(run)
        self.matched = None
        self._start(self._renewed(), name="new key")

    async def _renewed(self) -> None:
        try:
            await self.new_key()
        except SlacError as why:
            self.host.tell("warning", str(why))
            self._found.put_nowait(why)


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
