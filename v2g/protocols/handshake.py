"""supportedAppProtocol, the handshake before any protocol: the offers and the selection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from v2g import timing
from v2g.messages import appproto
from v2g.messages.xmldsig import SignatureType
from v2g.protocols.protocol import ONE_STREAM, Abilities, Energy, Names, Offer, Protocol


def _wrap(message: Any, session_id: bytes, signature: SignatureType | None = None, time: int = 0) -> Any:
    """The message is its own document."""
    return message


APPPROTO = Protocol(
    name="appproto",
    title="supportedAppProtocol",
    offers=(Offer(appproto.NAMESPACE, (0, 0), frozenset()),),
    modules={"appproto": appproto},
    wrap=_wrap,
    timing=timing.ISO2,
    order=(),
    abilities=Abilities(frozenset()),
    names=Names(selection="", authorization="", loops={}, powered=(), pilot={}),
    payload_types={"appproto": ONE_STREAM},
)
"""The handshake itself as a protocol: no header, no order, no abilities."""


def offer(protocols: Sequence[Protocol], energy: Energy | None = None) -> appproto.supportedAppProtocolReq:
    """The vehicle's request: priority decreases with the position, SchemaIDs count from 1.

    Args:
        energy: kind of energy the vehicle wants; None: whatever the protocols offer.
    """
    entries = [entry for protocol in protocols for entry in protocol.offers if energy is None or energy in entry.energy]
    return appproto.supportedAppProtocolReq(
        AppProtocol=[
            appproto.AppProtocolType(
                ProtocolNamespace=entry.namespace,
                VersionNumberMajor=entry.version[0],
                VersionNumberMinor=entry.version[1],
                SchemaID=place,
                Priority=place,
            )
            for place, entry in enumerate(entries, 1)
        ]
    )


@dataclass(frozen=True)
class Selection:
    """The charger's choice: its response, the protocol (None: no agreement), and the offers it does not know."""

    response: appproto.supportedAppProtocolRes
    protocol: Protocol | None
    unknown: tuple[str, ...] = ()
    entry: Offer | None = None


def meant(entry: appproto.AppProtocolType, known: Iterable[Protocol]) -> tuple[Protocol, Offer] | None:
    """The protocol that an entry names by namespace and major version, and the matching offer of that protocol."""
    for protocol in known:
        for own in protocol.offers:
            if (own.namespace, own.version[0]) == (entry.ProtocolNamespace, entry.VersionNumberMajor):
                return protocol, own
    return None


def select(
    request: appproto.supportedAppProtocolReq, supported: Iterable[Protocol], energy: Energy | None = None
) -> Selection:
    """Selects the offer with the lowest priority number among those with a supported namespace and major version.

    Another minor version is a deviation that is accepted and reported [V2G2-169, 172]. SchemaID 0 is valid.

    Args:
        energy: kind of energy the charger gives; None: whatever the protocols offer.
    """
    ours = tuple(supported)
    usable: list[tuple[appproto.AppProtocolType, Protocol, Offer]] = []
    unknown = []
    for entry in request.AppProtocol:
        found = meant(entry, ours)
        if found is None:
            unknown.append(entry.ProtocolNamespace)
        elif energy is None or energy in found[1].energy:
            usable.append((entry, *found))
    if not usable:
        refusal = appproto.supportedAppProtocolRes(ResponseCode="Failed_NoNegotiation")
        return Selection(refusal, None, tuple(unknown))
    best, protocol, own = min(usable, key=lambda one: one[0].Priority)
    exact = best.VersionNumberMinor == own.version[1]
    response = appproto.supportedAppProtocolRes(
        ResponseCode="OK_SuccessfulNegotiation" if exact else "OK_SuccessfulNegotiationWithMinorDeviation",
        SchemaID=best.SchemaID,
    )
    return Selection(response, protocol, tuple(unknown), own)
