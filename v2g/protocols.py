"""The protocols a session can speak, as data, and the handshake that selects one.

The bytes alone do not tell DIN, ISO 15118-2 and the handshake apart: which schema reads them is session state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from exi import Schema
from v2g import messages, timing, v2gtp
from v2g.messages import appproto, din70121, iso2
from v2g.messages.xmldsig import SignatureType
from v2g.timing import Timing


@dataclass(frozen=True, eq=False)
class Protocol:
    """One application protocol.

    Attributes:
        name: schema set, also the name users give.
        title: what people call it.
        namespace: what supportedAppProtocol offers.
        version: major and minor version offered.
        module: its messages.
        timing: its timers.
        payload_type: of its frames.
    """

    name: str
    title: str
    namespace: str
    version: tuple[int, int]
    module: Any
    timing: Timing
    payload_type: int = v2gtp.EXI

    @property
    def schema(self) -> Schema:
        return messages.schema(self.name)

    def wrap(self, message: Any, session_id: bytes, signature: SignatureType | None = None) -> Any:
        """The document around a body message."""
        if self is APPPROTO:
            return message
        header = self.module.MessageHeaderType(SessionID=session_id, Signature=signature)
        return self.module.V2G_Message(Header=header, Body=self.module.BodyType(BodyElement=message))

    def response_to(self, request: type[Any]) -> type[Any] | None:
        """The response class that pairs with a request class, or None."""
        name = request.__name__
        if not name.endswith("Req"):
            return None
        found: type[Any] | None = getattr(self.module, name.removesuffix("Req") + "Res", None)
        return found


APPPROTO = Protocol("appproto", "supportedAppProtocol", appproto.NAMESPACE, (0, 0), appproto, timing.ISO2)
DIN = Protocol("din70121", "DIN SPEC 70121", din70121.MSG_DEF, (2, 0), din70121, timing.DIN)
ISO2 = Protocol("iso2", "ISO 15118-2", iso2.MSG_DEF, (2, 0), iso2, timing.ISO2)

PROTOCOLS = {protocol.name: protocol for protocol in (DIN, ISO2)}
"""What a session can be about, by name."""


def offer(protocols: Sequence[Protocol]) -> appproto.supportedAppProtocolReq:
    """The vehicle's request: priority falls with the position, SchemaIDs count from 1."""
    return appproto.supportedAppProtocolReq(
        AppProtocol=[
            appproto.AppProtocolType(
                ProtocolNamespace=protocol.namespace,
                VersionNumberMajor=protocol.version[0],
                VersionNumberMinor=protocol.version[1],
                SchemaID=place,
                Priority=place,
            )
            for place, protocol in enumerate(protocols, 1)
        ]
    )


@dataclass(frozen=True)
class Selection:
    """The charger's choice: its response, the protocol (None: no negotiation), and offers it does not know."""

    response: appproto.supportedAppProtocolRes
    protocol: Protocol | None
    unknown: tuple[str, ...] = ()


def select(request: appproto.supportedAppProtocolReq, supported: Iterable[Protocol]) -> Selection:
    """Of the offers whose namespace and major version the charger supports, the one with the lowest priority number.

    Another minor version is a deviation that is accepted and said [V2G2-169, 172]. SchemaID 0 is an id like any other.
    """
    ours = {(protocol.namespace, protocol.version[0]): protocol for protocol in supported}
    offers = request.AppProtocol
    unknown = tuple(o.ProtocolNamespace for o in offers if (o.ProtocolNamespace, o.VersionNumberMajor) not in ours)
    usable = [o for o in offers if (o.ProtocolNamespace, o.VersionNumberMajor) in ours]
    if not usable:
        refusal = appproto.supportedAppProtocolRes(ResponseCode="Failed_NoNegotiation")
        return Selection(refusal, None, unknown)
    best = min(usable, key=lambda o: o.Priority)
    protocol = ours[best.ProtocolNamespace, best.VersionNumberMajor]
    exact = best.VersionNumberMinor == protocol.version[1]
    response = appproto.supportedAppProtocolRes(
        ResponseCode="OK_SuccessfulNegotiation" if exact else "OK_SuccessfulNegotiationWithMinorDeviation",
        SchemaID=best.SchemaID,
    )
    return Selection(response, protocol, unknown)
