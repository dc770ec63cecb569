"""The tester vehicle's end of a connection: sends requests, and judges whether and what is answered."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plugfest.conformance.catalogue import timer
from plugfest.conformance.catalogue.durations import allowed
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.catalogue.protocols import message_timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.answered import absence, unreadable
from plugfest.conformance.secc.paying import Paying, Paying20
from plugfest.conformance.sut.systems import ChargerUnderTest
from plugfest.conformance.verdict import Failed, Inconclusive
from plugfest.conformance.wire import Arrival, Wire
from v2g import naming
from v2g.errors import ConnectionLost
from v2g.protocols import ISO2, Protocol
from v2g.rules.rule import Breach
from v2g.streams import MAIN
from v2g.trace import Event, Observe, ignore

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext


@dataclass
class Talking:
    """A tester that talks with a charger under test.

    Attributes:
        system: the charger.
        pics: what is declared.
        protocol: the session's protocol, once agreed.
        tls: context for TLS, if the charger has it.
        wire: the connection, or None.
        responses: the latest response by name.
        session_id: the session's id; zeros before there is one.
        paying: what contract payment needs.
        breaches: content rules broken by the charger's messages, in order.
    """

    system: ChargerUnderTest
    pics: Pics
    protocol: Protocol = ISO2
    observe: Observe = ignore
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    tls: TlsContext | None = None
    wire: Wire | None = None
    responses: dict[str, Any] = field(default_factory=dict)
    session_id: bytes = bytes(8)
    paying: Paying | Paying20 | None = None
    breaches: list[Breach] = field(default_factory=list)

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def connection(self) -> Wire:
        """The connection. Inconclusive: there is none."""
        if self.wire is None:
            raise Inconclusive("there is no connection yet", cause=Cause.NOT_CONNECTED)
        return self.wire

    @property
    def delay(self) -> float:
        """Tolerance on a charger's timing, s; more than the standard's for a charger known to be slow."""
        return float(self.pics["par_CMN_Transmission_Delay"])

    def tell(self, layer: str, name: str, note: str = "") -> None:
        self.observe(Event(self.now, layer, name, note=note))

    def timeout(self, request: str) -> float:
        """The tester's limit for the response to a request, s, without tolerance."""
        for name in (message_timer(self.protocol, request), message_timer(ISO2, request)):
            try:
                return timer(name)
            except KeyError:
                continue
        return 2.0

    async def send(self, message: Any, **deviation: Any) -> None:
        """Sends a request, with the deviations of :meth:`plugfest.conformance.wire.Wire.send`.

        Raises:
            Failed: the connection is closed.
            Inconclusive: a value is beyond its field, unless ``facets`` is false.
        """
        wire = self.connection
        deviation.setdefault("facets", True)
        if "signature" not in deviation and self.paying is not None:
            deviation["signature"] = self.paying.sign(message)
        try:
            await wire.send(message, **deviation)
        except ConnectionLost as why:
            name = type(message).__name__
            raise Failed(
                f"the charger closed the connection before {name} was sent",
                cause=Cause.CLOSED, expected=f"a connection that stays open for {name}", observed=str(why),
            ) from why  # fmt: skip

    async def response(self, request: str, within: float | None = None, stream: int = MAIN) -> Arrival:
        """Awaits the response to a request.

        Args:
            stream: payload type of a side stream.

        Raises:
            Failed: nothing came in time, the connection was closed, or what came is not a message.
        """
        seconds = self.timeout(request) if within is None else within
        wire = self.connection
        began = (wire.sent_at or self.now) if stream == MAIN else self.now
        arrival = await wire.next(max(seconds + self.delay - (self.now - began), 0.0), stream)
        expected = naming.response(request)
        if arrival is None:
            raise absence(wire, expected, stream, began, allowed(seconds, self.delay))
        if arrival.message is None:
            raise unreadable(arrival, expected)
        if arrival.name == expected:
            self.responses[arrival.name] = arrival.message
        self.breaches += arrival.breaches
        return arrival
