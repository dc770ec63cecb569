"""DIN SPEC 70121: DC, external payment, no TLS."""

from __future__ import annotations

from v2g import sequence, timing
from v2g.messages import din70121
from v2g.protocols.protocol import ONE_STREAM, Abilities, Names, Offer, Protocol, body

DIN = Protocol(
    name="din70121",
    title="DIN SPEC 70121",
    offers=(Offer(din70121.MSG_DEF, (2, 0), frozenset({"DC"})),),
    modules={"din70121": din70121},
    wrap=body(din70121),
    timing=timing.DIN,
    order=sequence.DIN,
    abilities=Abilities(
        frozenset({"DC"}), tls=False, contract=False, pause=False, renegotiation=False, short_ids=True, whole_watts=True
    ),
    names=Names(
        selection="ServicePaymentSelectionReq",
        authorization="ContractAuthenticationReq",
        loops={"DC": "CurrentDemandReq"},
        powered=("PreChargeReq", "CurrentDemandReq"),
        pilot={"CableCheckReq": "CD", "WeldingDetectionReq": "B"},
        codes={"FAILED_WrongEnergyTransferMode": "FAILED_WrongEnergyTransferType"},
    ),
    payload_types={"din70121": ONE_STREAM},
)
