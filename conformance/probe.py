"""The PICS file by looking: one good-case session, and what the system said in it."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.evcc.tester import TesterEvse
from conformance.pics import Pics
from conformance.secc.tester import TesterEv
from conformance.verdict import Stop
from v2g import sdp
from v2g.errors import V2GError
from v2g.protocols import DIN, ISO2

QUICK = {"PICS_CMN_CMN_LoopCounter": 5, "par_waitForNextTC": 1.0}


def probe(sut: str, system: Any) -> tuple[Pics, list[str]]:
    """What a system shows of itself, and a line about each thing seen.

    Raises:
        SetupError: the interface cannot be used.
    """

    async def main() -> tuple[Pics, list[str]]:
        async with system.open():
            return await (charger(system) if sut == "secc" else vehicle(system))

    return asyncio.run(main())


async def charger(system: Any) -> tuple[Pics, list[str]]:
    """Sessions in DC and AC, ISO 15118-2 and DIN, as far as they get."""
    declared: dict[str, Any] = {}
    notes: list[str] = []
    for protocol, mode in ((ISO2, "dC"), (ISO2, "aC"), (DIN, "dC")):
        pics = Pics({**QUICK, **declared, "PICS_CMN_CMN_ChargingMode": mode})
        walk = TesterEv(system, pics, protocol)
        reached = ""
        try:
            for state in ("SDP", "TCP", "SAP", "ServiceDiscovery", "ChargeParameterDiscovery", "ChargingLoop"):
                await walk.until(state)
                reached = state
        except (Stop, V2GError, KeyError) as why:
            notes.append(f"{protocol.title}, {mode.upper()}: {reached or 'nothing'} reached; {why}")
        else:
            notes.append(f"{protocol.title}, {mode.upper()}: a session up to the charging loop")
        finally:
            _learn(walk, declared, notes)
            await walk.leave()
        if reached == "ChargingLoop" and protocol is ISO2:
            declared["PICS_CMN_CMN_ChargingMode"] = mode
            break
    return Pics({key: value for key, value in declared.items() if key not in QUICK}), notes


def _learn(walk: TesterEv, declared: dict[str, Any], notes: list[str]) -> None:
    """What the responses of a session say."""
    if walk.endpoint is not None:
        declared["PIXIT_SECC_CMN_TLS"] = walk.endpoint.security == sdp.TLS
    if walk.protocol is DIN:
        return
    found = walk.responses.get("ServiceDiscoveryRes")
    if found is not None:
        options = list(found.PaymentOptionList.PaymentOption)
        if "ExternalPayment" not in options:
            declared["PICS_CMN_CMN_IdentificationMode"] = "pnC"
        declared["PIXIT_SECC_CMN_VAS"] = "serviceDetail" if walk.services else "none"
        modes = list(found.ChargeService.SupportedEnergyTransferMode.EnergyTransferMode)
        for kind in ("AC", "DC"):
            if (first := next((mode for mode in modes if mode.startswith(kind)), None)) is not None:
                declared[f"PICS_CMN_CMN_EnergyTransferMode{kind}"] = first[0].lower() + first[1:]
        notes.append(f"offers {', '.join(options)}; {', '.join(modes)}")
    if walk.schedule is not None and getattr(walk.schedule, "SalesTariff", None) is not None:
        declared["PIXIT_SECC_CMN_SalesTariff"] = "salesTariff"
    loop = walk.responses.get("CurrentDemandRes") or walk.responses.get("ChargingStatusRes")
    if loop is not None:
        declared["PIXIT_SECC_CMN_MeterInfo"] = "meterInfo" if loop.MeterInfo is not None else "unknown"
        declared["PIXIT_SECC_CMN_ReceiptRequired"] = bool(loop.ReceiptRequired)


async def vehicle(system: Any) -> tuple[Pics, list[str]]:
    """One session that the tester ends after some rounds."""
    declared: dict[str, Any] = {}
    notes: list[str] = []
    for protocol in (ISO2, DIN):
        tester = TesterEvse(system, Pics({**QUICK, **declared}), protocol)
        tester.stops_after = 5
        async with tester.serving():
            await system.plug()
            for _ in range(300):
                if tester.wires and tester.wire.closed_at is not None:
                    break
                await asyncio.sleep(0.2)
        names = [request.name for request in tester.requests]
        notes.append(f"{protocol.title}: {', '.join(dict.fromkeys(names)) or 'nothing asked'}")
        if tester.asked:
            declared["PIXIT_EVCC_CMN_TLS"] = "tls" if tester.asked[0][1][8] == sdp.TLS else "none"
        declared["PIXIT_EVCC_DC_WeldingDetection"] = "weldingDetection" if "WeldingDetectionReq" in names else "none"
        if "ChargingStatusReq" in names:
            declared["PICS_CMN_CMN_ChargingMode"] = "aC"
        await tester.leave()
        if "SessionSetupReq" in names:
            break
    return Pics(declared), notes
