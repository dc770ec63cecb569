"""Makes a PICS file by probing: one good-case session, and what the system said in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from plugfest.conformance.campaign import probe_iso20
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.secc.discovery import discover
from plugfest.conformance.secc.generations import new_tester
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.sut.systems import ChargerUnderTest, VehicleUnderTest
from plugfest.conformance.verdict import Inconclusive, Stop
from v2g import sdp
from v2g.errors import SetupError, V2GError
from v2g.protocols import DIN, ISO2

if TYPE_CHECKING:
    from plugfest.conformance.sut.certificates import Certificates
    from v2g.tls import Context as TlsContext

QUICK = {"PICS_CMN_CMN_LoopCounter": 5, "par_waitForNextTC": 1.0}


Side = tuple["TlsContext | None", "Certificates | None"]
"""The tester's TLS context and certificates."""

NO_SIDE: Side = (None, None)


def probe(sut: str, system: Any, tls: TlsContext | None = None, iso20: Side = NO_SIDE) -> tuple[Pics, list[str]]:
    """What a system declares about itself, and a line about each thing seen.

    Args:
        tls: the tester's context.
        iso20: the tester's side in ISO 15118-20, tried first if given.

    Raises:
        SetupError: the interface cannot be used, or the system does not respond.
    """

    async def main() -> tuple[Pics, list[str]]:
        async with system.open():
            return await (charger(system, tls, iso20) if sut == "secc" else vehicle(system, tls))

    return asyncio.run(main())


async def charger(
    system: ChargerUnderTest, tls: TlsContext | None = None, iso20: Side = NO_SIDE
) -> tuple[Pics, list[str]]:
    """What SDP announces; then sessions in DC and AC, ISO 15118-20, ISO 15118-2 and DIN, as far as they get."""
    declared: dict[str, Any] = {}
    notes: list[str] = []
    if getattr(system, "endpoint", None) is None:
        await _security(system, tls, declared, notes)
    seen = await probe_iso20.charger(system, *iso20, QUICK, declared, notes)
    for protocol, mode in ((ISO2, "dC"), (ISO2, "aC"), (DIN, "dC")):
        pics = Pics({**QUICK, **declared, "PICS_CMN_CMN_ChargingMode": mode})
        walk = new_tester(system, pics, protocol, tls=tls)
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
        seen = seen or walk.wire is not None or bool(walk.responses) or reached not in ("", "SDP")
        if reached == "ChargingLoop" and protocol is ISO2:
            declared["PICS_CMN_CMN_ChargingMode"] = mode
            break
    if not seen:
        raise SetupError(f"no sign of the charger: {notes[0].partition('; ')[2]}")
    return Pics({key: value for key, value in declared.items() if key not in QUICK}), notes


async def _security(
    system: ChargerUnderTest, tls: TlsContext | None, declared: dict[str, Any], notes: list[str]
) -> None:
    """Whether the charger accepts sessions without TLS, with it, or both.

    Raises:
        SetupError: SDP is not answered at all.
    """
    walk = new_tester(system, Pics(QUICK), ISO2, tls=tls)
    offered: dict[bool, bool] = {}
    try:
        await walk.until("LINK")
        for wanted in (False, True):
            walk.pics = walk.pics.with_(PIXIT_SECC_CMN_TLS=wanted)
            walk.endpoint = None
            try:
                await discover(walk)
            except Stop as why:
                if walk.endpoint is None:
                    raise SetupError(f"no sign of the charger: {why}; {_WHERE}") from why
            if walk.endpoint is not None:
                offered[wanted] = walk.endpoint.security == sdp.TLS
    except Inconclusive as why:
        raise SetupError(f"no sign of the charger: {why}") from why
    finally:
        await walk.leave()
    declared["PIXIT_SECC_CMN_TLS"] = offered[False]
    if offered[False]:
        notes.append("announces TLS even to vehicles that do not ask for it")
    elif offered[True]:
        notes.append("announces TLS on request; for a campaign with TLS declare PIXIT_SECC_CMN_TLS: true")
    else:
        notes.append("announces no TLS")


_WHERE = "is it on, on this link, and matched (--slac behind a PLC modem)?"


def _learn(walk: TesterEv, declared: dict[str, Any], notes: list[str]) -> None:
    """What the responses of a session declare."""
    if not walk.protocol.abilities.contract:  # then the responses offer no choice
        return
    found = walk.responses.get("ServiceDiscoveryRes")
    if found is not None:
        options = list(found.PaymentOptionList.PaymentOption)
        if "ExternalPayment" not in options:
            declared["PICS_CMN_CMN_IdentificationMode"] = "pnC"
        declared["PIXIT_SECC_CMN_VAS"] = "serviceDetail" if walk.offered.services else "none"
        modes = list(found.ChargeService.SupportedEnergyTransferMode.EnergyTransferMode)
        for kind in ("AC", "DC"):
            if (first := next((mode for mode in modes if mode.startswith(kind)), None)) is not None:
                declared[f"PICS_CMN_CMN_EnergyTransferMode{kind}"] = first[0].lower() + first[1:]
        notes.append(f"offers {', '.join(options)}; {', '.join(modes)}")
    if walk.offered.schedule is not None and getattr(walk.offered.schedule, "SalesTariff", None) is not None:
        declared["PIXIT_SECC_CMN_SalesTariff"] = "salesTariff"
    loop = walk.responses.get("CurrentDemandRes") or walk.responses.get("ChargingStatusRes")
    if loop is not None:
        declared["PIXIT_SECC_CMN_MeterInfo"] = "meterInfo" if loop.MeterInfo is not None else "unknown"
        declared["PIXIT_SECC_CMN_ReceiptRequired"] = bool(loop.ReceiptRequired)


async def vehicle(system: VehicleUnderTest, tls: TlsContext | None = None) -> tuple[Pics, list[str]]:
    """One session that the tester ends after some rounds."""
    declared: dict[str, Any] = {}
    notes: list[str] = []
    seen = False
    for protocol in (ISO2, DIN):
        tester = TesterEvse(system, Pics({**QUICK, **declared}), protocol, tls=tls)
        tester.answers.stops_after = 5
        try:
            async with tester.serving():
                await tester.plug()
                for _ in range(300):
                    if tester.hung_up:
                        break
                    await asyncio.sleep(0.2)
        except Inconclusive as why:
            raise SetupError(f"no sign of the vehicle: {why}") from why
        finally:
            await tester.leave()
        names = [request.name for request in tester.requests]
        seen = seen or bool(names or tester.asked)
        notes.append(f"{protocol.title}: {', '.join(dict.fromkeys(names)) or 'no request'}")
        _learn_of_vehicle(tester, names, declared, notes)
        if "SessionSetupReq" in names:
            break
    if not seen:
        raise SetupError(f"no sign of the vehicle: it sent no SDP request; {_WHERE}")
    return Pics(declared), notes


def _learn_of_vehicle(tester: TesterEvse, names: list[str], declared: dict[str, Any], notes: list[str]) -> None:
    """What the requests of a session declare."""
    if tester.asked:
        wants = tester.asked[0][1][8] == sdp.TLS
        declared["PIXIT_EVCC_CMN_TLS"] = "tls" if wants else "none"
        if wants and tester.tls is None:
            notes.append("asks for TLS, which needs --pki")
    if "SessionSetupReq" not in names:
        return
    if "SessionStopReq" in names:  # nothing is known if the session broke off earlier
        welding = "WeldingDetectionReq" in names
        declared["PIXIT_EVCC_DC_WeldingDetection"] = "weldingDetection" if welding else "none"
    declared["PIXIT_EVCC_CMN_VAS"] = "serviceDetail" if "ServiceDetailReq" in names else "unknown"
    if "ChargingStatusReq" in names:
        declared["PICS_CMN_CMN_ChargingMode"] = "aC"
    for request in tester.requests:
        if str(getattr(request.message, "SelectedPaymentOption", "")) == "Contract":
            declared["PICS_CMN_CMN_IdentificationMode"] = "pnC"
        if request.name == "ChargeParameterDiscoveryReq" and tester.protocol is ISO2:
            given = getattr(request.message.EVChargeParameter, "DepartureTime", None) is not None
            declared["PIXIT_EVCC_CMN_DepartureTime"] = "departureTime" if given else "none"
