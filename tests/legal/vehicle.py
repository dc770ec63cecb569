"""Vehicles that are different, and right."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import sys
from collections.abc import AsyncIterator
from typing import Any

import msgspec

import evcc.checks
import evcc.din70121
import evcc.iso2
import evcc.iso20
import evcc.schedule
import v2g.memory
from evcc.drive import Drive
from legal.variant import (
    CLOSING_LATE,
    IN_PIECES,
    VEHICLE_AC,
    VEHICLE_DC,
    VEHICLE_DIN,
    each,
    fields,
    late,
    rescaled,
    saying,
    settings,
    tls,
    vehicle,
)
from slac.pilot import State
from v2g import sdp
from v2g.discovery import NothingFound
from v2g.messages import appproto
from v2g.physical import number, physical

DC, ALL = (*VEHICLE_DC, *VEHICLE_DIN), (*VEHICLE_DC, *VEHICLE_AC, *VEHICLE_DIN)
STOPS = (
    "PF_EVCC_ISO2_Notification_Stop#1",
    "PF_EVCC_DIN_Notification_Stop",
    "PF_EVCC_DIN_SessionStop",
    "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_001@iso15118-2",
    "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_001@din70121",
    "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_003",
)


async def _at_once(*_: Any) -> None:
    """Goes straight to SessionStop."""


vehicle(
    "no-welding-detection",
    "no WeldingDetectionReq is sent",
    (*DC, *STOPS),
    patches=((evcc.iso2, "until_dead", _at_once), (evcc.din70121, "until_dead", _at_once)),
    declared={"PIXIT_EVCC_DC_WeldingDetection": "none"},
)


def _declines(system: Any) -> None:
    system.options.renegotiates = False


vehicle(
    "closes-at-once",
    "a vehicle that cannot charge there closes the connection without SessionStopReq",
    (
        "PF_EVCC_ISO2_ServiceDiscovery_NoCommonMode",
        "PF_EVCC_ISO2_CertificateInstallation_Res#2",
        "PF_EVCC_ISO2_ChargeParameterDiscovery_Unsuitable#1",
        "PF_EVCC_ISO2_Isolation#5",
        "PF_EVCC_ISO20_Warnings#1",
        "PF_EVCC_ISO20_Resume#3",
        "PF_EVCC_ISO20_Content_NoService#1",
        "PF_EVCC_ISO20_Content_NoSet_Scheduled#1",
        "PF_EVCC_ISO20_Content_NoLimits_DC#1",
        "PF_EVCC_DIN_ChargeParameterDiscovery_Unsuitable#1",
    ),
    patches=tuple((module, "say_goodbye", _at_once) for module in (evcc.iso2, evcc.din70121, evcc.iso20)),
)
vehicle(
    "declines-renegotiation",
    "a renegotiation the charger asks for is declined [V2G2-680]",
    ("PF_EVCC_ISO2_Notification_ReNegotiation", "TC_EVCC_AC_VTB_PowerDelivery_003"),
    _declines,
)

# Negotiation


def _offer(*entries: tuple[str, int, int]) -> Any:
    def change(message: Any) -> Any:
        own = message.AppProtocol[-1]  # the one that is spoken in the run
        made = [
            msgspec.structs.replace(own, Priority=priority)
            if not name
            else msgspec.structs.replace(own, ProtocolNamespace=name, SchemaID=number, Priority=priority)
            for name, number, priority in entries
        ]
        return appproto.supportedAppProtocolReq(AppProtocol=made)

    return saying(supportedAppProtocolReq=change)


HANDSHAKES = ("PF_EVCC_ISO2_SAP_Offer", "PF_EVCC_DIN_SAP_Offer", *VEHICLE_DIN)


vehicle(
    "private-protocol-first",
    "a private protocol is preferred",
    HANDSHAKES,
    _offer(("urn:example:private:1", 7, 1), ("", 1, 2)),
)

# Identity and contents

vehicle("evccid-ff", "another EVCCID", ALL, saying(SessionSetupReq=fields(EVCCID=bytes.fromhex("fefdfcfbfaf9"))))
vehicle(
    "evccid-leading-zero",
    "an EVCCID that begins with zeros",
    ALL,
    saying(SessionSetupReq=fields(EVCCID=bytes(3) + b"\1\2\3")),
)
vehicle(
    "service-category",
    "only charging services are asked for",
    DC,
    saying(ServiceDiscoveryReq=fields(ServiceCategory="EVCharging")),
)
vehicle(
    "sparse-parameters",
    "what is optional in the charge parameters is left out",
    DC,
    saying(
        ChargeParameterDiscoveryReq=fields(
            EVMaximumPowerLimit=None, EVEnergyCapacity=None, EVEnergyRequest=None, FullSOC=None, BulkSOC=None
        )
    ),
)
vehicle(
    "sparse-loop",
    "what is optional in the loop is left out",
    DC,
    saying(
        CurrentDemandReq=fields(
            EVMaximumVoltageLimit=None,
            EVMaximumCurrentLimit=None,
            EVMaximumPowerLimit=None,
            BulkChargingComplete=None,
            RemainingTimeToFullSoC=None,
            RemainingTimeToBulkSoC=None,
        )
    ),
)
vehicle("bulk-flag", "BulkChargingComplete is said", DC, saying(CurrentDemandReq=fields(BulkChargingComplete=False)))
vehicle(
    "max-entries",
    "MaxEntriesSAScheduleTuple is said",
    (*VEHICLE_DC, *VEHICLE_AC),
    saying(ChargeParameterDiscoveryReq=fields(MaxEntriesSAScheduleTuple=12)),
)
vehicle("departure", "a departure is said", ALL, settings(departure=7200))
vehicle("departure-now", "a departure of 0 s in each session, like a recorded car", ("PF_EVCC_ISO2_Resume_Needs",),
        saying(ChargeParameterDiscoveryReq=fields(DepartureTime=0)))  # fmt: skip
vehicle(
    "conditioning",
    "DIN: the car says how it is conditioned",
    VEHICLE_DIN,
    each(fields(EVCabinConditioning=True, EVRESSConditioning=False)),
)
vehicle(
    "no-profile",
    "no ChargingProfile is sent",
    (*VEHICLE_DC, *VEHICLE_DIN),
    saying(PowerDeliveryReq=fields(ChargingProfile=None)),
)
vehicle(
    "no-delivery-parameter",
    "no parameters in PowerDeliveryReq",
    DC,
    saying(PowerDeliveryReq=fields(EVPowerDeliveryParameter=None, DC_EVPowerDeliveryParameter=None)),
)
for multiplier in (-3, -2, -1, 0, 1, 2, 3):
    vehicle(
        f"ev-multiplier{multiplier:+d}",
        f"values with multiplier {multiplier} where that is exact",
        ALL,
        each(rescaled(multiplier)),
    )
vehicle("no-precharge-current", "EVTargetCurrent is 0 in PreChargeReq", DC, settings(precharge_current=0.0))
vehicle("two-amperes-precharge", "EVTargetCurrent is 2 A in PreChargeReq", DC, settings(precharge_current=2.0))


def _soc(percent: float) -> Any:
    def adjust(system: Any) -> None:
        system.vehicle.battery.soc = percent

    return adjust


vehicle("almost-empty", "2 % in the battery", DC, _soc(0.02))
vehicle("half-full", "half full", ALL, _soc(0.5))

# What a vehicle says about itself

vehicle("always-ready", "EVReady is true from the charge parameters to the end", DC, each(fields(EVReady=True)))


def _ready_later(system: Any) -> None:
    """A car that gets ready while the cable is checked."""
    checks = itertools.count()

    def change(message: Any) -> Any:
        return fields(EVReady=next(checks) > 0)(message)

    saying(CableCheckReq=change)(system)


vehicle("ready-later", "EVReady is false in the first CableCheckReq", DC, _ready_later)


def _up_to_100(message: Any) -> Any:
    told = message.EVChargeParameter
    room = number(told.EVEnergyCapacity) * (100 - told.DC_EVStatus.EVRESSSOC) / 100.0
    wanted = physical(sys.modules[type(message).__module__], room, "Wh")
    return fields(EVEnergyRequest=wanted, FullSOC=94, BulkSOC=83)(message)


vehicle("energy-up-to-100", "FullSOC is 94 %, and the energy asked for is up to 100 %", DC,
        saying(ChargeParameterDiscoveryReq=_up_to_100))  # fmt: skip
vehicle("lower-limits-in-loop", "the loop has lower limits than the charge parameters", DC, saying(
    ChargeParameterDiscoveryReq=lambda message: fields(
        EVMaximumCurrentLimit=physical(sys.modules[type(message).__module__], 500, "A"),
        EVMaximumPowerLimit=physical(sys.modules[type(message).__module__], 200_000, "W", 1),
    )(message)))  # fmt: skip

# Time

vehicle("fast-loop", "20 ms between two messages of a loop", DC, settings(loop_delay=0.02))
vehicle("slow-loop-ev", "0.24 s between two messages of a loop", DC, settings(loop_delay=0.24))
vehicle("slow-start", "5 s before ServiceDiscoveryReq", ALL, saying(ServiceDiscoveryReq=late(5.0)))
vehicle(
    "slow-parameters",
    "30 s before ChargeParameterDiscoveryReq",
    VEHICLE_DIN,
    saying(ChargeParameterDiscoveryReq=late(30.0)),
)
_PAUSES = {"PowerDeliveryReq": 0.7, "CableCheckReq": 0.8, "default": 0.25}
vehicle(
    "slow-messages",
    "0.25 s before each message, 0.7 s before PowerDeliveryReq",
    (
        *DC,
        "PF_EVCC_DIN_CableCheck_Never",
        "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_001@din70121",
    ),
    settings(pauses=_PAUSES),
)
vehicle("slow-messages-ac", "the same in AC", (*VEHICLE_AC, "PF_EVCC_ISO2_RequestTiming"), settings(pauses=_PAUSES),
        declared={"PICS_CMN_CMN_ChargingMode": "aC"})  # fmt: skip
vehicle("slow-stop", "5 s before SessionStopReq", (*DC, *STOPS), saying(SessionStopReq=late(5.0)))

vehicle(
    "closes-after-4-s-ev",
    "the connection is closed 4 s after the end",
    (
        "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_003",
        "TC_EVCC_CMN_VTB_SessionStop_001",
        "PF_EVCC_DIN_SessionStop",
        "PF_EVCC_DIN_ServiceDiscovery_WrongResponse",
    ),
    patches=CLOSING_LATE,
)

# Security

PNC = ("PF_EVCC_ISO2_PaymentDetails_GenChallenge", "PF_EVCC_ISO2_TLS_Params#2")
vehicle(
    "tls-ecdh-ev",
    "TLS: static ECDH is preferred",
    PNC,
    tls(suites=("TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256")),
)
vehicle(
    "tls-ecdhe-ev",
    "TLS: no static ECDH",
    PNC,
    tls(suites=("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",)),
)
vehicle(
    "tls-plain-ev",
    "TLS: no staple is asked for, roots by their names",
    PNC,
    tls(status_request="none", staple="ignore", trusted_ca_keys="x509_name", extended_master_secret=False),
)

# Limits of the charger


def _blind_to_limits(self: Any, response: Any) -> Any:
    """The charger clips what is asked for."""
    return self


vehicle(
    "leaves-clipping",
    "targets do not follow lower limits of the charger, which clips them",
    (
        "PF_EVCC_ISO2_CurrentDemand_Limits#1",
        "PF_EVCC_ISO2_CurrentDemand_Limits#2",
        "PF_EVCC_DIN_Limits#1",
        *DC,
    ),
    patches=((evcc.checks.Limits, "updated", _blind_to_limits),),
    declared={"PIXIT_EVCC_DC_TargetsAboveLimits": "clipped"},
)

# Discovery

_discover = v2g.memory.MemoryNetwork.discover


async def _starts_late(*given: Any, **more: Any) -> Any:
    await asyncio.sleep(12.0)
    return await _discover(*given, **more)


async def _with_tls_first(*given: Any, **more: Any) -> Any:
    try:
        return await _discover(*given, **{**more, "security": sdp.TLS})
    except NothingFound:
        return await _discover(*given, **more)


vehicle(
    "search-late",
    "12 s pass before the first SDP request",
    ("PF_EVCC_ISO2_SDP_NoAnswer",),
    patches=((v2g.memory.MemoryNetwork, "discover", _starts_late),),
)
vehicle(
    "search-twice",
    "50 SDP requests ask for TLS, and when nobody answers, 50 more ask without",
    ("PF_EVCC_ISO2_SDP_NoAnswer",),
    patches=((v2g.memory.MemoryNetwork, "discover", _with_tls_first),),
)

# Schedules


def _last(schedules: Any, need: Any) -> Any:
    return schedules[-1]


vehicle(
    "last-schedule",
    "of several schedules the last is taken, whatever the tariffs say",
    tuple(f"PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature#{number}" for number in (1, 2)),
    patches=((evcc.schedule, "choose", _last),),
)

# ---------------------------------------------------------------------------------------------------------------
# AC


def _waiting(seconds: float) -> Any:
    """Takes power some time after it may: the onboard charger wakes up, or the battery is warmed first."""

    def adjust(system: Any) -> None:
        car = system.vehicle
        take, began = car.take_ac, list[float]()

        def takes(voltage: float, current: float, phases: int = 3) -> Any:
            began.append(car._clock())
            return take(voltage, current if began[-1] - began[0] >= seconds else 0.0, phases)

        car.take_ac = takes

    return adjust


vehicle("ac-waits", "no current is drawn of AC for 40 s", ("PF_EVCC_ISO2_PowerFlow_AC#1", *VEHICLE_AC), _waiting(40.0))
vehicle("ac-waits-20", "ISO 15118-20: no power is drawn of AC for 15 s", ("PF_EVCC_ISO20_PowerFlow_AC#1",),
        _waiting(15.0))  # fmt: skip
vehicle(
    "ac-needs-much",
    "EVMinCurrent is 13 A, and less is not taken",
    ("PF_EVCC_ISO2_BelowLeast_AC", "PF_EVCC_ISO2_LowerLimit_AC", "PF_EVCC_ISO2_PowerFlow_AC#1"),
    lambda system: setattr(system.vehicle, "onboard", dataclasses.replace(system.vehicle.onboard, min_current=13.0)),
)

vehicle("in-pieces-vehicle", "each message comes in segments of seven bytes", ALL, patches=IN_PIECES)


@contextlib.asynccontextmanager
async def _ready_again(drive: Drive, state: State, right: Any = evcc.iso2.pilot_moves) -> AsyncIterator[None]:
    """Stays in C while it renegotiates."""
    async with contextlib.nullcontext() if drive.ending.how == "renegotiate" else right(drive, state):
        yield


vehicle("ac-stays-ready-in-renegotiation", "in AC the pilot stays in C while the schedule is renegotiated",
        ("PF_EVCC_ISO2_PowerFlow_AC#4",), patches=[(evcc.iso2, "pilot_moves", _ready_again)])  # fmt: skip
