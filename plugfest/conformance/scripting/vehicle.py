"""The tester vehicle as scripts use it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from boundary.choices import meant
from plugfest.conformance.catalogue.durations import CLOSE, DELAY
from plugfest.conformance.scripting.mistakes import changed, check_protocol
from plugfest.conformance.scripting.script import Script
from plugfest.conformance.secc.generations import new_tester
from plugfest.conformance.secc.tester import TesterEv
from slac.pilot import State
from v2g import naming


class VehicleScript(Script):
    """A tester vehicle at a charger under test.

    Attributes:
        ev: the tester vehicle (:class:`plugfest.conformance.secc.tester.TesterEv`), for what this class does not offer.
        trace: what it saw.
        system: the charger under test.
    """

    sut = "secc"
    ev: TesterEv

    async def _start(self, stack: contextlib.AsyncExitStack, observe: Any) -> None:
        setting, bench = self.setting, self._bench()
        self.ev = new_tester(self.system, setting.pics, setting.protocol, observe, self._draws(), bench.tls)
        if bench.certificates is not None:
            self.ev.take(bench.certificates)
        stack.push_async_callback(self.ev.leave)
        await self._watch(stack, self.ev)

    @property
    def session_id(self) -> bytes:
        """The session id; zeros before there is a session."""
        return self.ev.session_id

    async def until(self, request: type[Any] | str) -> None:
        """Walks to the point where a request is due, with everything before it answered as expected.

        Args:
            request: a message class, or a state of the catalogue such as ``PowerDelivery.Stop`` or ``TCP``.

        Raises:
            Inconclusive: the charger does not get there (the test fails and says that it is inconclusive).
        """
        name = request if isinstance(request, str) else request.__name__
        await self.ev.until(before(self.ev, name) if name.endswith("Req") else known(self.ev, name))
        if name.endswith("CableCheckReq") and not self.setting.ac:
            self.ev.ready()

    def make(self, request: type[Any] | str, **fields: Any) -> Any:
        """The good-case request of a type, with some fields changed, at any depth.

        A number may stand for a physical value; it takes the unit of the value it replaces.

        Raises:
            ValueError: it has no such field; the error lists those it has.
        """
        message = self.ev.make(request if isinstance(request, str) else request.__name__)
        return changed(message, **fields)

    async def send(
        self, message: Any, *, segments: tuple[int, ...] | None = None, within: float | None = None, **deviation: Any
    ) -> Any:
        """Sends a request and returns its response, whatever its code; the test fails if none comes in time.

        Args:
            message: a message, or a class or name for the good case.
            segments: lengths of the TCP segments that carry the frame; what remains goes into one more.
            within: s; the standard's message time-out by default.
            deviation: ``session_id``, ``header``, ``exi``, ``frame``, ``signature``; see
                :meth:`plugfest.conformance.wire.Wire.send`.
        """
        message = self._meant(message, deviation)
        if segments is not None:
            await self._in_segments(message, segments)
        else:
            await self.ev.send(message, facets=False, **deviation)
        arrival = await self.ev.response(type(message).__name__, within)
        return arrival.message

    def _meant(self, message: Any, deviation: Mapping[str, Any]) -> Any:
        """The message itself, or the good case of a class or name."""
        if isinstance(message, type | str):
            return self.make(message)
        if "exi" not in deviation and "frame" not in deviation:
            check_protocol(message, self.setting.protocol)
        return message

    async def _in_segments(self, message: Any, segments: tuple[int, ...]) -> None:
        wire = self.ev.connection
        frame = b""

        def keep(data: bytes) -> bytes | None:
            nonlocal frame
            frame = data
            return None

        await self.ev.send(message, frame=keep, facets=False)
        position = 0
        for length in (*segments, len(frame)):
            if position < len(frame):
                await wire.channel.write(frame[position : position + length])
                position += length
                await asyncio.sleep(0.01)
        wire.sent_at = self.ev.now

    async def post(self, message: Any, **deviation: Any) -> None:
        """Sends a request without waiting for the response."""
        await self.ev.send(self._meant(message, deviation), facets=False, **deviation)

    async def send_bytes(self, data: bytes) -> None:
        """Sends these bytes as they are, without a frame."""
        await self.ev.connection.channel.write(data)

    async def silent(self, within: float) -> None:
        """Asserts that nothing arrives for this many seconds."""
        arrival = await self.ev.connection.next(within)
        assert arrival is None, f"{arrival.name} came"

    async def closed(self, within: float = 5.0) -> None:
        """Asserts that the charger closes TCP in time and sends nothing more."""
        wire = self.ev.connection
        closed = await wire.until_closed(within + DELAY)
        assert not wire.unread, f"{wire.unread[0].name} came instead of the close"
        assert closed, f"TCP is still open after {within:g} s"

    async def close(self, *, reset: bool = False) -> None:
        """Closes TCP normally, or with a reset."""
        await self.ev.connection.close(reset=reset)

    @property
    def energised(self) -> bool | None:
        """Whether the charger's output is on; None if the bench cannot see it."""
        found: bool | None = self.system.energised()
        return found

    def pilot(self, state: str) -> None:
        """Sets the vehicle's pilot state: A (unplugged), B, C or D.

        Raises:
            ValueError: not a state that a vehicle can make.
        """
        if state not in ("A", "B", "C", "D"):
            raise ValueError(f"a vehicle's pilot is A, B, C or D, not {state!r}")
        if state == "A":
            assert self.system.unplug(), "the connector cannot be unplugged on this bench"
        else:
            self.system.pilot.set(State(state))

    async def refused(self, message: Any, code: str, **deviation: Any) -> None:
        """Asserts that a request is answered with this FAILED code and that TCP is closed in time."""
        response = await self.send(message, **deviation)
        assert response.ResponseCode == code, f"{type(response).__name__} {response.ResponseCode}, expected {code}"
        await self.closed(CLOSE)


def before(tester: TesterEv, request: str) -> str:
    """The state in which a request is due."""
    name = naming.exchange(request)
    if name == "PowerDelivery":
        name = "PowerDelivery.Start"
    if request == tester.loop_request:
        return "PowerDelivery.Start"
    if name.endswith("ChargeParameterDiscovery"):
        name = "ChargeParameterDiscovery"
    if name == "supportedAppProtocol":
        return "TCP"
    line = tester.kind.line
    if name not in line:
        requests = [f"{step}Req" for step in line if "." not in step and step not in STATES]
        raise ValueError(f"{request} has no place in this session{meant(request, requests)}")
    return line[line.index(name) - 1]


STATES = ("LINK", "SDP", "TCP", "SAP", "ChargingLoop", "ChargeLoop")
"""Steps of a walk that are not requests."""


def known(tester: TesterEv, state: str) -> str:
    """The state of that name. ValueError: there is no such state."""
    try:
        tester.kind.way_to(state)
    except (KeyError, ValueError):
        raise ValueError(f"no state {state}{meant(state, tester.kind.line)}") from None
    return state
