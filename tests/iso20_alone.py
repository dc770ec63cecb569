"""A charger of ISO 15118-20 with a hand at its line: what tests of refusals start from."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from bench import iso20_bench

from slac.pilot import State
from v2g.errors import ConnectionLost
from v2g.messages import appproto
from v2g.messages.iso20 import ac, common, dc
from v2g.outcome import Outcome
from v2g.protocols import ISO20
from v2g.sequence import Sequence
from v2g.session import Session


async def course(mode: str, control: str) -> list[Any]:
    """The requests of a good session, one of each in a row."""
    bench = iso20_bench(mode, control)
    await bench.run()
    requests = [e.message for e in bench.events["ev"] if e.layer == "message" and e.direction == "tx"][1:]
    return [request for before, request in itertools.pairwise([None, *requests]) if type(before) is not type(request)]


class Alone:
    """A charger with a hand at its line."""

    def __init__(self, mode: str) -> None:
        self.bench = iso20_bench(mode, "any", test_seconds=0.1)
        self.energy = "AC" if "-ac" in mode else "DC"
        self.order = Sequence(ISO20.order, dc=self.energy == "DC")

    async def connect(self) -> None:
        """As far as the handshake."""
        self.bench.evse.pilot.offer(5.0)
        channel, self.task = await self.bench.charger_alone()
        self.session = Session(channel)
        namespace = ac.NAMESPACE if self.energy == "AC" else dc.NAMESPACE
        entry = appproto.AppProtocolType(
            ProtocolNamespace=namespace, VersionNumberMajor=1, VersionNumberMinor=0, SchemaID=1, Priority=1
        )
        await self.session.send(appproto.supportedAppProtocolReq(AppProtocol=[entry]))
        await self.session.receive()
        self.session.protocol, self.session.id = ISO20, bytes(8)

    async def ask(self, request: Any) -> Any:
        """One exchange; repeated while the charger says Ongoing."""
        if type(request).__name__ in ("DC_CableCheckReq", "PowerDeliveryReq"):
            stops = getattr(request, "ChargeProgress", "") == "Stop"
            self.bench.wire.ev.set(State.B if stops and self.energy == "AC" else State.C)
        if isinstance(request, dc.DC_WeldingDetectionReq) or (
            isinstance(request, common.SessionStopReq)
            and self.order.last in ("PowerDeliveryReq", "DC_WeldingDetectionReq")
        ):
            self.bench.wire.ev.set(State.B)
        while True:
            await self.session.send(request)
            received = await self.session.receive()
            if isinstance(request, common.SessionSetupReq):
                self.session.id = received.session_id
            self.order.advance(request, received.message)
            if not str(getattr(received.message, "EVSEProcessing", "")).startswith("Ongoing"):
                return received.message
            await asyncio.sleep(0.1)

    async def beside(self, request: Any, stream: int) -> Any:
        """One exchange on a side stream."""
        self.session.listen(stream)
        await self.session.send(request, stream=stream)
        return (await self.session.receive(stream)).message

    async def closed(self) -> Outcome:
        """The end of the session, without a word more."""
        with pytest.raises(ConnectionLost):
            await self.session.receive()
        return await self.task

    async def until_loop(self, way: list[Any]) -> Any:
        """The requests of a good session, with the first message of the charge loop, which is returned."""
        for request in way:
            assert not (await self.ask(request)).ResponseCode.startswith("FAILED"), request
            if "ChargeLoop" in type(request).__name__:
                return request
        raise AssertionError("no charge loop in this session")


class Loop:
    """The charge loop going on in the background, at a vehicle's pace.

    Attributes:
        responses: so far.
        request: what is sent; a test may replace it.
    """

    def __init__(self, alone: Alone, request: Any) -> None:
        self.alone, self.request = alone, request
        self.responses: list[Any] = []
        self._going = True
        self.task = asyncio.create_task(self._go())

    async def _go(self) -> None:
        while self._going:
            self.responses.append(await self.alone.ask(self.request))
            await asyncio.sleep(0.1)

    @property
    def codes(self) -> list[str]:
        return [response.ResponseCode for response in self.responses]

    async def stop(self) -> None:
        """Between two exchanges."""
        self._going = False
        await asyncio.gather(self.task, return_exceptions=True)
