"""An outlet on a network: SDP answers, TCP and TLS ports, one vehicle at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from secc.charger import Evse
from secc.serve import Options, serve
from secc.visit import Paused
from slac.pilot import State
from v2g import sdp
from v2g.channel import Channel, listening
from v2g.discovery import answering
from v2g.interfaces import Interface
from v2g.outcome import Outcome
from v2g.trace import Event

if TYPE_CHECKING:
    from v2g import tls

DIGITAL = 5.0
"""Percent: the duty cycle of a charger that is ready to talk."""


@dataclass
class Outlet:
    """Serves one vehicle after another on an interface.

    Attributes:
        interface: where.
        evse: the plant.
        options: how it behaves.
        policy: TLS or not.
        context: for TLS; needed unless the policy is NONE.
        port, tls_port: fixed ports, or None for free ones.
        on_end: told of each session that ended.
        ports: by security (TLS or not), once open.
        paused: sessions that a vehicle may resume.
    """

    interface: Interface
    evse: Evse
    options: Options
    policy: sdp.TlsPolicy = sdp.TlsPolicy.NONE
    context: tls.Context | None = None
    port: int | None = None
    tls_port: int | None = None
    on_end: Callable[[Outcome], None] = lambda outcome: None
    ports: dict[bool, int] = field(default_factory=dict)
    paused: dict[bytes, Paused] = field(default_factory=dict)
    _busy: bool = False

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """While the context is open, vehicles are served.

        Raises:
            SetupError: a port is taken, or the group cannot be joined.
        """
        async with contextlib.AsyncExitStack() as stack:
            # The listener stands before SDP is answered: some cars connect within milliseconds.
            for secure in (False, True):
                if (self.policy is sdp.TlsPolicy.NONE) if secure else (self.policy is sdp.TlsPolicy.REQUIRED):
                    continue
                self.ports[secure] = await stack.enter_async_context(
                    listening(
                        self.interface,
                        self._connected,
                        port=self.tls_port if secure else self.port,
                        context=self.context if secure else None,
                        observe=self.options.observe,
                        rng=self.options.rng,
                        on_failure=partial(self._tell, "tls", "handshake-failed"),
                    )
                )
            await stack.enter_async_context(answering(self.interface, self._answer, observe=self.options.observe))
            yield

    def _tell(self, layer: str, name: str, note: str) -> None:
        self.options.observe(Event(asyncio.get_running_loop().time(), layer, name, note=note))

    def _answer(self, request: sdp.Request) -> sdp.Response | None:
        security = sdp.answer(request, self.policy)
        if security is None:
            return None
        return sdp.Response(self.interface.address, self.ports[security == sdp.TLS], security)

    async def _connected(self, channel: Channel) -> None:
        if self._busy:
            self._tell("tcp", "second-connection-refused", channel.description)
            channel.abort()
            return
        self._busy = True
        try:
            self._tell("tcp", "connected", channel.description)
            if self.evse.pilot.state not in (State.E, State.F):
                self.evse.pilot.offer(DIGITAL)
            outcome = await serve(channel, self.evse, self.options, paused=self.paused)
        finally:
            self._busy = False
        self.on_end(outcome)
