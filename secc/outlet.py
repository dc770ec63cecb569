"""An outlet on a network: answers SDP, opens TCP and TLS ports, and serves one vehicle at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from secc.charger import Evse
from secc.newcomer import WAITS, Policy, silence
from secc.pauses import Paused, Pauses
from secc.serve import Options, serve
from slac.pilot import READY, STEADY, STEP_X1, Offer, Reading, State
from v2g import sdp
from v2g.channel import Channel, listening
from v2g.discovery import answering
from v2g.interfaces import Interface
from v2g.outcome import Outcome
from v2g.protocols import ISO2
from v2g.trace import Event, Observe

if TYPE_CHECKING:
    from v2g import tls

DIGITAL = 5.0
"""Duty cycle of a charger that is ready to communicate, percent."""

LONGEST_PULSE = 0.6
"""Longest C pulse of a toggle in a pause, s; a vehicle that shows C for longer still wants to be woken up."""


@dataclass
class Outlet:
    """Serves one vehicle after another on an interface.

    Attributes:
        interface: the network interface.
        evse: the plant.
        options: how the charger behaves.
        policy: whether TLS is used.
        context: TLS context; required unless the policy is NONE.
        port, tls_port: fixed ports, or None for free ones.
        on_begin, on_end: called for each connection that is served, and for each session that ended.
        ports: the open ports by security (TLS or not).
        paused: sessions that a vehicle may resume.
        wakes_after: time after which the charger wakes a paused vehicle, s; None: never. B-C-B wakes it at any time.
        newcomers: what ends a running session in favour of a new connection (`secc.newcomer`).
        matched: SLAC let exactly one vehicle into the network.
        step_x1: shortest time without a duty before it returns, s (ISO 15118-3 T_step_X1).
        awake: cleared in a pause; set when the duty is back.
        listen, answer_on: how vehicles connect; a network in memory has its own functions.
    """

    interface: Interface
    evse: Evse
    options: Options
    policy: sdp.TlsPolicy = sdp.TlsPolicy.NONE
    context: tls.Context | None = None
    port: int | None = None
    tls_port: int | None = None
    on_begin: Callable[[], None] = lambda: None
    on_end: Callable[[Outcome], None] = lambda outcome: None
    ports: dict[bool, int] = field(default_factory=dict)
    paused: MutableMapping[bytes, Paused] = field(default_factory=Pauses)
    wakes_after: float | None = None
    newcomers: Policy = Policy.SILENCE
    matched: bool = False
    step_x1: float = STEP_X1
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    listen: Callable[..., AbstractAsyncContextManager[int]] = listening
    answer_on: Callable[..., AbstractAsyncContextManager[None]] = answering
    _channel: Channel | None = None
    _newcomer: Channel | None = None
    _refused: set[str] = field(default_factory=set)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _setup_until: float | None = None
    _steady_since: float | None = None
    _timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    _asked: bool = False
    _was: State | None = None

    def link_is_up(self) -> None:
        """Notes that the data link is up, which starts a strict charger's time until SessionSetupRes [V2G2-716].

        After that time it answers no discovery and accepts no connection until the link comes up again. Without this
        call, or if it is tolerant, it serves a vehicle at any time: real vehicles are sometimes slow.
        """
        timing = ISO2.timing.replace(self.options.timing)
        self._setup_until = self._now() + timing.V2G_SECC_CommunicationSetup_Performance_Time

    @property
    def _too_late(self) -> bool:
        until = self._setup_until
        return not self.options.tolerant and until is not None and self._now() >= until

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serves vehicles while the context is open.

        Raises:
            SetupError: a port is in use, or the multicast group cannot be joined.
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self.evse.pilot.subscribe(self._pilot_changed))
            stack.callback(self._drop, "pulse", "wake", "by itself")
            # The listener is ready before SDP is answered: some cars connect within milliseconds.
            for secure in (False, True):
                if (self.policy is sdp.TlsPolicy.NONE) if secure else (self.policy is sdp.TlsPolicy.REQUIRED):
                    continue
                self.ports[secure] = await stack.enter_async_context(
                    self.listen(
                        self.interface,
                        self._connected,
                        port=self.tls_port if secure else self.port,
                        context=self.context if secure else None,
                        observe=self.options.observe,
                        rng=self.options.rng,
                        admit=self._admitted,
                    )
                )
            await stack.enter_async_context(self.answer_on(self.interface, self._answer, observe=self.options.observe))
            yield

    # -- pauses ---------------------------------------------------------------------------------------------------

    @property
    def asleep(self) -> bool:
        """Whether a paused vehicle is waiting for the duty."""
        return bool(self.paused) and self._channel is None and not self.awake.is_set()

    def _pilot_changed(self, reading: Reading) -> None:
        """Detects B-C-B while nothing is offered: the vehicle wants to communicate."""
        before, self._was = self._was, reading.state
        if reading.state in (State.A, State.E, State.F):
            self._drop("pulse", "wake", "by itself")
            self._steady_since, self._asked = None, False
        elif reading.duty != STEADY:
            self._steady_since = None
        elif self._steady_since is None:
            self._steady_since = self._now()
        if reading.duty != STEADY or not self.paused:
            return
        if reading.state in READY and before is State.B:  # not a C left from the session
            self._later("pulse", LONGEST_PULSE, self._toggled)
        elif reading.state is State.B and "pulse" in self._timers:
            self._toggled()

    def _toggled(self) -> None:
        self._drop("pulse")
        if self.asleep:
            self.wake("B-C-B")
        elif self._channel is not None:
            self._asked = True  # the session is just ending; the pause will be short

    def wake(self, why: str) -> None:
        """Offers the duty to a paused vehicle again, T_step_X1 after it ended; does nothing if none is paused."""
        if not self.asleep or self.evse.pilot.state in (State.A, State.E, State.F):
            return
        since = self._now() if self._steady_since is None else self._steady_since
        left = since + self.step_x1 - self._now()
        if left > 1e-9:
            self._later("wake", left, lambda: self.wake(why))
            return
        self._drop("pulse", "wake", "by itself")
        self._tell("pilot", "wake-up", why)
        self.awake.set()
        self.evse.pilot.offer(DIGITAL)

    def _sleep(self) -> None:
        """Begins the pause after a session has paused."""
        self.awake.clear()
        if self.wakes_after is not None:
            self._later("by itself", self.wakes_after, lambda: self.wake("by itself"))
        if self._asked:
            self.wake("B-C-B")
        self._asked = False

    def _later(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        self._drop(name)
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, work)

    def _drop(self, *names: str) -> None:
        for name in names:
            if (timer := self._timers.pop(name, None)) is not None:
                timer.cancel()

    # -- sessions -------------------------------------------------------------------------------------------------

    def _tell(self, layer: str, name: str, note: str) -> None:
        self.options.observe(Event(self._now(), layer, name, note=note))

    def _answer(self, request: sdp.Request) -> sdp.Response | None:
        security = sdp.answer(request, self.policy)
        if security is None or self._too_late:
            return None
        return sdp.Response(self.interface.address, self.ports[security == sdp.TLS], security)

    @property
    def awaited(self) -> bool:
        """Whether a vehicle on a new connection is waiting for the running session to end."""
        return self._newcomer is not None

    async def _gives_way(self, new: Channel, old: Channel) -> bool:
        """Whether to serve a new connection: as soon as the old one has ended, or was ended in its favour."""
        same = self.matched or (bool(new.peer) and new.peer == old.peer)
        needed = silence(self.newcomers, same=same, spoke=old.spoke)
        if self._newcomer is not None:
            return self._refuse(new, "another one is already waiting")
        if needed is None:
            return self._refuse(new, "a session is in progress and is not interrupted for a newcomer")
        if needed - (self._now() - old.heard) > WAITS:
            return self._refuse(new, f"the vehicle of the running session was heard {self._quiet(old)} ago")
        self._newcomer = new
        try:
            self._tell("tcp", "second-connection-waits", f"{new.description}: nothing was heard for {self._quiet(old)}")
            heard = old.heard
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(heard + needed - self._now(), 0.0)):
                    await self._idle.wait()
            if self._channel is old:
                if needed and old.heard != heard:
                    return self._refuse(new, "the vehicle of the running session has continued")
                who = "the vehicle came back" if same else "another vehicle came"
                await self.hang_up(f"{who} on a new connection, after {self._quiet(old)} of silence on this one")
            return not new.gone
        finally:
            self._newcomer = None

    def _refuse(self, new: Channel, why: str) -> bool:
        """Refuses a new connection, and reports this once per peer and session."""
        new.abort()
        if new.peer not in self._refused and len(self._refused) < 100:
            self._refused.add(new.peer)
            self._tell("tcp", "second-connection-refused", f"{new.description}: {why}")
        return False

    def _quiet(self, channel: Channel) -> str:
        return f"{self._now() - channel.heard:.1f} s"

    async def _admitted(self, channel: Channel) -> Observe | None:
        """Whether a new connection may begin its TLS handshake, and the observer of it.

        While a session runs, a newcomer is refused or waits before its handshake: so no flood of handshakes delays the
        session, and nothing of another connection gets into its record.
        """
        if self._channel is not None and not await self._gives_way(channel, self._channel):
            return None

        def tell(event: Event) -> None:
            if self._channel in (None, channel) or event.name == "keylog":  # a capture cannot be read without
                self.options.observe(event)

        return tell

    async def _connected(self, channel: Channel) -> None:
        if self._channel is not None and not await self._gives_way(channel, self._channel):
            return
        if self._too_late:
            self._tell("tcp", "late-connection-refused", channel.description)
            channel.abort()
            return
        self._channel = channel
        self._refused.clear()
        self._idle.clear()
        self._drop("pulse", "wake", "by itself")
        self._asked = False
        self.awake.set()
        outcome = Outcome()
        try:
            self._tell("tcp", "connected", channel.description)
            self.on_begin()
            reading = self.evse.pilot.reading
            nominal = reading.offer is not None and reading.offer[0] is Offer.CURRENT  # stays, in AC
            if reading.state not in (State.E, State.F) and not nominal:
                self.evse.pilot.offer(DIGITAL)
            await serve(channel, self.evse, self.options, paused=self.paused, outcome=outcome)
        finally:  # an unforeseen end is reported and counted too, or the next session would not start over
            self._channel = None
            self._idle.set()
            if not self._cancelled():
                self._ended(outcome)

    @staticmethod
    def _cancelled() -> bool:
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    def _ended(self, outcome: Outcome) -> None:
        if outcome.session_id:  # the link stays up, and the vehicle may start over
            self._setup_until = None
        if outcome.paused:
            self._sleep()
        self.on_end(outcome)

    async def hang_up(self, why: str) -> None:
        """Breaks off the running session, if any, and waits until it is over."""
        if self._channel is not None:
            self._tell("tcp", "hung-up", why)
            self._channel.abort(why)
            await self._idle.wait()
