"""ISO 15118-2: AC and DC, external payment or by contract, over TCP or TLS 1.2."""

from __future__ import annotations

from v2g import sequence, timing
from v2g.messages import iso2
from v2g.protocols.protocol import ONE_STREAM, Abilities, Energy, Names, Offer, Protocol, body

BOTH: frozenset[Energy] = frozenset({"AC", "DC"})

ISO2 = Protocol(
    name="iso2",
    title="ISO 15118-2",
    offers=(Offer(iso2.MSG_DEF, (2, 0), BOTH),),
    modules={"iso2": iso2},
    wrap=body(iso2),
    timing=timing.ISO2,
    order=sequence.ISO2,
    abilities=Abilities(BOTH),
    names=Names(
        selection="PaymentServiceSelectionReq",
        authorization="AuthorizationReq",
        loops={"DC": "CurrentDemandReq", "AC": "ChargingStatusReq"},
        powered=("PreChargeReq", "CurrentDemandReq"),
        pilot={"CableCheckReq": "CD", "WeldingDetectionReq": "B"},
    ),
    payload_types={"iso2": ONE_STREAM},
)
