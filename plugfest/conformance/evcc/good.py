"""The good case: the tester charger's answers to requests, with the changes that a case makes to them.

The answers are our charger's own (:mod:`secc.iso2`, :mod:`secc.din70121`, ...) over a simulated plant, without its
checks of order and session, which the case judges. What the standard leaves open is drawn by seed.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.catalogue.protocols import energy
from plugfest.conformance.fields import replaced
from plugfest.conformance.stimulus import ChargerStimulus, restated
from plugfest.conformance.watch.watch import REFUSES
from plugfest.conformance.wire import Arrival
from secc import iso20_parking, iso20_renegotiation
from secc import serve as secc
from secc.beside import Apart
from secc.charger import Evse
from secc.minimal import minimal
from secc.services import Service
from secc.visit import Answers, Refusal, Visit
from v2g.errors import RemoteError
from v2g.messages import appproto, din70121, iso2
from v2g.protocols import ISO2, ISO20, Protocol, select
from v2g.protocols.iso20 import PARKING, RENEGOTIATION
from v2g.session import Session
from v2g.streams import MAIN

if TYPE_CHECKING:
    from secc.contracts import Contracts

OF_THE_BENCH = (
    "FAILED_CertChainError", "FAILED_NoCertificateAvailable", "FAILED_CertificateRevoked", "FAILED_ContractCanceled",
)  # fmt: skip
"""Codes with which the tester's own trust anchors and lists refuse a vehicle that may be right elsewhere."""

BESIDE: Mapping[int, Answers] = {RENEGOTIATION: iso20_renegotiation.ANSWERS, PARKING: iso20_parking.ANSWERS}
"""Responses on side streams that differ from those on the main stream, by payload type."""

Override = Callable[[Any, Any], Any]
"""Makes another response from a request and its good-case response; None: no response."""


@dataclass
class GoodCase:
    """The good-case responses to one vehicle.

    Attributes:
        protocol: the one to use.
        evse: the tester's plant.
        stimulus: decides what the case leaves open.
        tell: records what the tester does, by layer, name and note.
        now: wall clock, Unix seconds.
        rng: for session ids.
        overrides: responses other than the good case's, by request name.
        fixed: one response for every request of a name.
        services: additional services to offer, in ISO 15118-2.
        added: value added services to offer in ISO 15118-20.
        receipts: ReceiptRequired in the loop.
        stops_after: rounds of the loop after which the vehicle is asked to stop; None: never.
        loops: rounds of the charging loop so far.
        refused: requests that had to be refused, with the reasons.
        contracts: what contract payment needs.
        paused: sessions that may be resumed, by id.
        visit: what is known about the vehicle on its latest connection; None: it has not connected.
    """

    pics: Pics
    protocol: Protocol
    evse: Evse
    stimulus: ChargerStimulus
    tell: Callable[[str, str, str], None]
    now: Callable[[], float]
    rng: random.Random
    overrides: dict[str, Override] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    services: list[Any] = field(default_factory=list)
    added: tuple[Service, ...] = ()
    receipts: bool = False
    stops_after: int | None = None
    loops: int = 0
    refused: list[str] = field(default_factory=list)
    contracts: Contracts | None = None
    paused: dict[bytes, Any] = field(default_factory=dict)
    visit: Visit | None = None
    _apart: dict[int, Apart] = field(default_factory=dict)

    def begin(self, session: Session) -> None:
        """Starts with a new connection."""
        self.visit = Visit(self.evse, session, self.evse.power is not None, self.now, self.rng, self.paused)
        self.visit.contracts, self.visit.services = self.contracts, self.added
        if self.receipts and self.contracts is not None:
            self.contracts.receipt_every = 0.0

    def changes(self, name: str) -> bool:
        """Whether the case changes the response to requests of this name."""
        return name in self.fixed or name in self.overrides

    async def response(self, arrival: Arrival) -> Any:
        """The good-case response to a request, with the case's changes; None: no response."""
        request = arrival.message
        if request is None:
            return None
        name = arrival.name
        if name in self.fixed:
            return self.fixed[name]
        if isinstance(request, appproto.supportedAppProtocolReq):
            response: Any = self._select(request)
        elif arrival.stream != MAIN:
            response = await self._beside(arrival)
        else:
            response = self._varied(await self._answer(arrival))
        if self.protocol.is_loop(name):
            self.loops += 1
            if self.stops_after is not None and self.loops >= self.stops_after:
                self.stops_after = None
                self.evse.request_stop(self.stimulus.notice)
            if self.receipts and self.contracts is None and self.protocol is not ISO20:
                response.ReceiptRequired = True
        if (override := self.overrides.get(name)) is not None:
            return override(request, response)
        return response

    def _varied(self, response: Any) -> Any:
        """A good-case response, with everything the standard leaves open drawn by seed."""
        drawn = self.stimulus
        if isinstance(response, iso2.ServiceDiscoveryRes):
            offered = response.ChargeService.SupportedEnergyTransferMode
            modes = drawn.offered(list(offered.EnergyTransferMode)) if not self._resumes else offered.EnergyTransferMode
            response = replaced(response, "EnergyTransferMode", modes)
        elif isinstance(response, din70121.ServiceDiscoveryRes):
            response = replaced(response, "ServiceID", drawn.charge_service)
        return restated(response, drawn.mix)

    @property
    def _resumes(self) -> bool:
        return self.visit is not None and self.visit.resumed is not None

    def _select(self, request: appproto.supportedAppProtocolReq) -> Any:
        selection = select(request, [self.protocol], energy(self.pics.ac))
        if selection.protocol is None:
            self.refused.append(f"the vehicle does not offer {self.protocol.title}")
        return selection.response

    async def _beside(self, arrival: Arrival) -> Any:
        """The response on a side stream; what it agrees on applies from the next message of the loop."""
        assert self.visit is not None
        apart = self._apart.setdefault(arrival.stream, Apart(self.visit))
        if arrival.name.endswith("ChargeParameterDiscoveryReq"):
            apart.begin()
            first, *others = self.evse.tuple_ids
            self.evse.tuple_ids = (*others, first)  # ids belong to an offer: the next one has others
        main = self.visit
        with apart.lent() as self.visit:
            try:
                return await self._answer(arrival)
            finally:
                self.visit, main.signature = main, self.visit.signature

    async def _answer(self, arrival: Arrival) -> Any:
        """Our charger's own response."""
        assert self.visit is not None
        request, protocol = arrival.message, self.visit.session.protocol
        kind = protocol.response_to(type(request))
        if kind is None:
            self.refused.append(f"{arrival.name} is not a request")
            return None
        if self.protocol.is_loop(arrival.name):
            self.visit.take_over()
        self.visit.asked_id = arrival.session_id
        self.visit.asked_signature, self.visit.signature = arrival.signature, None
        name = arrival.name
        if self.services and name in ("ServiceDetailReq", "PaymentServiceSelectionReq"):
            extra = {"ServiceID": request.ServiceID} if name == "ServiceDetailReq" else {}
            return minimal(protocol.schema, kind, dc=self.visit.dc, ResponseCode="OK", **extra)
        answers: Answers = {**secc.ANSWERS[protocol.name], **BESIDE.get(arrival.stream, {})}
        answer = answers.get(type(request))
        try:
            if answer is None:
                raise Refusal("FAILED", "not supported")
            response = answer(self.visit, request)
            if inspect.isawaitable(response):
                response = await response
        except RemoteError as why:
            self.refused.append(f"{name}: {why}")
            if isinstance(why, Refusal) and answer is not None and why.response_code not in OF_THE_BENCH:
                self.tell(*REFUSES, f"{name}: {why}")
            schema = protocol.schema_of(kind)
            return minimal(schema, kind, dc=self.visit.dc, request=request, ResponseCode="FAILED")
        if self.services and name == "ServiceDiscoveryReq":
            response.ServiceList = ISO2.module.ServiceListType(Service=self.services)
        return response
