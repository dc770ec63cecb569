"""Our own charger in ISO 15118-20, as a PICS file declares it: its outlet, its schedules, its contracts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pki.profiles import Role
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.sut.certificates import EMAIDS, Certificates, credential
from secc.charger import Evse, MobilityNeeds
from secc.contracts import Contracts
from secc.iso20_provisioning import LocalBackend
from secc.plan import Plan, Price
from secc.power import Limits
from secc.serve import Options
from secc.services import PARKING
from secc.simulated import Dynamics, SimulatedPowerSource
from secc.supply import AcSupply
from slac.connector import CCS2, MCS, Connector, power_class
from v2g.credentials import Credential
from v2g.prices import Rule, Stack, Tariff

TAKES_AMPERES, TAKES_WATTS = 200.0, 60_000.0
"""What the outlet takes from a vehicle in bidirectional services."""

TAKES_BACK = 9_000.0
"""W that it takes in dynamic mode, if that is declared."""

TOLERANCE = 500.0
"""W: PowerTolerance of its schedules, if they have one."""

EMAIDS20 = ("DEPLGC00000011", "DEPLGC00000022")
"""eMAIDs of the contracts that its back end has for any vehicle."""

RECEIPT_EVERY = 2.0
"""s between two metering confirmations."""


LARGE_OUTPUT = Limits.of(power_class(150))


def connector(pics: Pics) -> Connector:
    return MCS if pics["PICS_CMN_ISO20_MCS"] else CCS2


def output(pics: Pics, dynamics: Dynamics, rng: random.Random, rating: Limits = LARGE_OUTPUT) -> SimulatedPowerSource:
    """The DC output; it takes power back if bidirectional services are declared."""
    if pics["PICS_CMN_ISO20_BPT"]:
        rating = replace(rating, max_discharge_current=TAKES_AMPERES, max_discharge_power=TAKES_WATTS)
    return SimulatedPowerSource(rating, dynamics, rng=rng)


def supply(pics: Pics) -> AcSupply:
    """The AC supply for a vehicle that draws nothing."""
    return AcSupply(load=lambda: 0.0, max_discharge_current=20.0 if pics["PICS_CMN_ISO20_BPT"] else 0.0)


def dress(evse: Evse, pics: Pics) -> None:
    """Schedules, directions and needs as declared."""
    evse.bidirectional = bool(pics["PICS_CMN_ISO20_BPT"])
    evse.separated = pics["PIXIT_SECC_ISO20_BPTChannel"] == "separated"
    if pics["PIXIT_SECC_ISO20_TakesBack"]:
        evse.target_power = -TAKES_BACK
    if pics["PICS_CMN_ISO20_MobilityNeedsMode"] == "byCharger":
        evse.mobility_needs = MobilityNeeds(departure=7200.0, minimum_soc=40, target_soc=90)
    tolerance = TOLERANCE if pics["PIXIT_SECC_ISO20_PowerTolerance"] else None
    match pics["PIXIT_SECC_ISO20_Pricing"]:
        case "absolute":
            tariff = Tariff((Stack(0, (Rule(0.35),)), Stack(3600, (Rule(0.45), Rule(0.55, above=5000.0)))))
            evse.plans = [Plan(tariff=tariff, tolerance=tolerance)]
        case "levels":
            evse.plans = [Plan(prices=[Price(0, 1), Price(3600, 2)], tolerance=tolerance)]
        case _ if tolerance is not None:
            evse.plans = [Plan(tolerance=tolerance)]
    if pics["PIXIT_SECC_CMN_ChargeParameterDiscoveryOngoing"] == "ongoing":
        evse.planning_seconds = 3.0


def configure(options: Options, pics: Pics) -> None:
    """What it allows and offers, as declared."""
    options.standby = bool(pics["PIXIT_SECC_ISO20_Standby"])
    options.service_renegotiation = bool(pics["PIXIT_SECC_ISO20_ServiceRenegotiation"])
    if pics["PIXIT_SECC_ISO20_ParkingStatus"]:
        options.services = (*options.services, PARKING)


def contracts(bench: Certificates, pics: Pics) -> Contracts:
    """What it needs for contract payment, with a back end that has two contracts for any vehicle."""
    store = bench.store
    made: dict[str, Credential] = {}

    def issue(emaid: str) -> Credential:
        if emaid not in made:
            made[emaid] = credential(bench.issue(Role.CONTRACT, store[Role.MO_SUB2], f"new-{emaid}", {"cn": emaid}))
        return made[emaid]

    backend = LocalBackend(
        provider=credential(store[Role.CPS]),
        oem_authorities=[entry.der for entry in store.of_role(Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2)],
        issue=issue,
        any_vehicle=EMAIDS20,
    )
    installs = pics["PIXIT_SECC_CMN_CertificateHandling"] == "certInstall"
    return Contracts(
        roots=bench.mo_roots,
        backend20=backend if installs else None,
        verdicts=dict.fromkeys(map(str.upper, EMAIDS.values()), "WARNING_eMSPUnknown"),
        external=pics["PIXIT_SECC_CMN_PaymentOption"] != "contract",
        receipt_every=RECEIPT_EVERY if pics["PIXIT_SECC_CMN_ReceiptRequired"] else None,
        tariff_keys20=(credential(store[Role.MO_SUB2]),),
        revoked=bench.revoked,
    )


DISTURBED: Mapping[str, Mapping[str, Any]] = {
    "no contract": {"any_vehicle": ()},
    "slow back end": {"delay": 20.0},
    "silent back end": {"delay": 1000.0},
}
"""Operator action -> the resulting state of the back end."""


def disturb(contracts: Contracts | None, action: str) -> bool:
    """Makes the back end slow, silent, or without a contract for any vehicle; False: there is no back end."""
    backend = contracts.backend20 if contracts is not None else None
    if not isinstance(backend, LocalBackend):
        return False
    for name, value in DISTURBED[action].items():
        setattr(backend, name, value)
    return True
