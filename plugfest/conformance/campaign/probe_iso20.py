"""What a charger declares in ISO 15118-20: services, parameter sets, control modes, payment, certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.secc.generations import new_tester
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.sut.systems import ChargerUnderTest
from plugfest.conformance.verdict import Stop
from v2g import energy
from v2g.energy import PARKING
from v2g.errors import V2GError
from v2g.messages.iso20 import common
from v2g.protocols import ISO20

if TYPE_CHECKING:
    from plugfest.conformance.sut.certificates import Certificates
    from v2g.tls import Context as TlsContext

STATES = ("SDP", "TCP", "SAP", "AuthorizationSetup", "ServiceDiscovery", "ServiceDetail", "ServiceSelection")
"""How far the sessions of a probe go; no power flows."""

PRICING = {energy.ABSOLUTE_PRICES: "absolute", energy.PRICE_LEVELS: "levels"}


async def charger(
    system: ChargerUnderTest,
    tls: TlsContext | None,
    certificates: Certificates | None,
    quick: Mapping[str, Any],
    declared: dict[str, Any],
    notes: list[str],
) -> bool:
    """A session in DC, or in AC if that fails, up to the details of each energy service.

    Args:
        quick: values that keep it short.
        declared, notes: what was found is added to them.

    Returns:
        Whether the charger speaks ISO 15118-20.
    """
    if tls is None:
        return False
    for mode in ("dC", "aC"):
        for payment in ("eIM", "pnC") if certificates is not None else ("eIM",):
            pics = Pics({**quick, "PICS_CMN_CMN_ChargingMode": mode, "PICS_CMN_CMN_IdentificationMode": payment})
            walk = new_tester(system, pics, ISO20, tls=tls)
            if certificates is not None:
                walk.take(certificates)
            await _look(walk, declared, notes)
            if "ServiceDiscoveryRes" in walk.responses:
                declared["PICS_CMN_CMN_ChargingMode"] = mode
                return True
            if "AuthorizationSetupRes" not in walk.responses:
                break
    return False


async def _look(walk: TesterEv, declared: dict[str, Any], notes: list[str]) -> None:
    """Runs one session as far as it gets, and records what is learned from it."""
    mode, reached = "AC" if walk.pics.ac else "DC", ""
    try:
        for state in STATES:
            await walk.until(state)
            reached = state
        await _other_services(walk)
    except (Stop, V2GError, KeyError) as why:
        notes.append(f"{ISO20.title}, {mode}: {reached or 'nothing'} reached; {why}")
    else:
        notes.append(f"{ISO20.title}, {mode}: a session up to the choice of a service")
    finally:
        _learn(walk, declared, notes)
        await walk.leave()


async def _other_services(walk: TesterEv) -> None:
    """A separate session for the details of all other services, which are requested before one is selected."""
    listed = walk.responses["ServiceDiscoveryRes"]
    added = listed.VASList.Service if listed.VASList is not None else []
    wanted = [one.ServiceID for one in (*listed.EnergyTransferServiceList.Service, *added)]
    kept = dict(walk.details), dict(walk.responses)
    await walk.leave()
    walk.forget()
    await walk.until("ServiceDiscovery")
    for number in wanted:
        if number not in kept[0]:
            await walk.exchange("ServiceDetailReq", common.ServiceDetailReq(ServiceID=number))
    walk.details = {**kept[0], **walk.details}
    walk.responses = {**kept[1], **walk.responses}


def _learn(walk: TesterEv, declared: dict[str, Any], notes: list[str]) -> None:
    """What the responses declare."""
    if (setup := walk.responses.get("AuthorizationSetupRes")) is not None:
        listed = list(setup.AuthorizationServices)
        if "EIM" not in listed:
            declared["PICS_CMN_CMN_IdentificationMode"] = "pnC"
        declared["PIXIT_SECC_CMN_PaymentOption"] = "contract" if "PnC" in listed else "externalPayment"
        installs = setup.CertificateInstallationService
        declared["PIXIT_SECC_CMN_CertificateHandling"] = "certInstall" if installs else "none"
        notes.append(f"authorization by {', '.join(listed)}{', installs contracts' if installs else ''}")
    if (found := walk.responses.get("ServiceDiscoveryRes")) is not None:
        numbers = [one.ServiceID for one in found.EnergyTransferServiceList.Service]
        added = [one.ServiceID for one in (found.VASList.Service if found.VASList is not None else ())]
        declared["PICS_CMN_ISO20_MCS"] = any(energy.title(one).startswith("MCS") for one in numbers)
        declared["PICS_CMN_ISO20_BPT"] = any("_BPT" in energy.title(one) for one in numbers)
        declared["PIXIT_SECC_ISO20_ServiceRenegotiation"] = found.ServiceRenegotiationSupported
        declared["PIXIT_SECC_ISO20_ParkingStatus"] = PARKING in added
        others = f"; value-added services {', '.join(map(str, added))}" if added else ""
        notes.append(f"offers {', '.join(map(energy.title, numbers))}{others}")
    for number, detail in sorted(walk.details.items()):
        if number not in energy.SERVICES:
            continue
        sets = [one for element in detail.ServiceParameterList.ParameterSet if (one := energy.read(element))]
        modes = sorted({"dynamic" if one.dynamic else "scheduled" for one in sets})
        notes.append(f"{energy.title(number)}: {len(sets)} parameter sets, {' and '.join(modes)}")
        if modes and "scheduled" not in modes:
            declared["PICS_CMN_ISO20_ControlMode"] = "dynamic"
        for one in sets:
            declared["PIXIT_SECC_ISO20_Pricing"] = PRICING.get(one.pricing, "none")
            if one.separated:
                declared["PIXIT_SECC_ISO20_BPTChannel"] = "separated"
