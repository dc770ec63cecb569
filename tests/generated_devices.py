"""Legal cars and stations, drawn by seed: sizes, limits, speeds and habits as they differ between makes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from ready import DIN, ISO2, ISO20, NO_SERVICES, Ready

SPOKEN = {DIN: "din", ISO2: "iso2", ISO20: "iso20"}
ONE_PHASE = {"PICS_CMN_CMN_EnergyTransferModeAC": "aC_single_phase_core"}
Drawn = Mapping[str, Callable[[], Any]]


def device(seed: int) -> Ready:
    """A legal device, with what its maker declares."""
    rng = random.Random(seed)
    kind = rng.choice(("car", "station"))
    protocol = rng.choice((DIN, ISO2, ISO2, ISO20, ISO20))
    ac = protocol != DIN and rng.random() < 0.4
    both_ways = protocol == ISO20 and rng.random() < 0.5
    dynamic = protocol == ISO20 and rng.random() < 0.4
    declared: dict[str, Any] = {}
    top: dict[str, Any] = {"protocol": [SPOKEN[protocol]]}
    if protocol == ISO20:
        top |= {"tls": "required", "dynamic" if dynamic else "scheduled": True}
    if both_ways:
        top["bpt"] = declared["PICS_CMN_ISO20_BPT"] = True
    if dynamic:
        declared["PICS_CMN_ISO20_ControlMode"] = "dynamic"
    if kind == "car":
        declared |= NO_SERVICES
        keys = _car(rng, protocol, ac, both_ways, dynamic)
        declared |= _said_of_a_car(keys)
    else:
        declared["PIXIT_SECC_CMN_TLS"] = protocol == ISO20
        keys = _station(rng, protocol, ac, both_ways)
        declared |= _said_of_a_station(keys)
    return Ready(kind, f"{seed}", protocol, ac, declared=declared, keys=keys, top=top)


def _some(rng: random.Random, part: float, keys: Drawn) -> dict[str, Any]:
    """Each of these keys with a probability."""
    return {name: draw() for name, draw in keys.items() if rng.random() < part}


def _car(rng: random.Random, protocol: str, ac: bool, both_ways: bool, dynamic: bool) -> dict[str, Any]:
    soc = round(rng.uniform(15, 60))
    target = round(rng.uniform(soc + 15, 100))
    own = {
        "capacity": round(rng.uniform(10, 110)),
        "cells": rng.choice((88, 96, 108, 192, 216)),
        "resistance": round(rng.uniform(0.02, 0.1), 3),
        "max-current": round(rng.uniform(60, 500)),
        "max-power": round(rng.uniform(30, 300)),
        "max-discharge-power": round(rng.uniform(8, 100)),
    }
    keys = {"battery": rng.choice(("28kWh", "400V", "800V", own)), "soc": soc, "target": target}
    usual: Drawn = {
        "departure": lambda: rng.choice((600, 3600, 36000, 86399)),
        "energy-request": lambda: round(rng.uniform(1, 0.1 * (target - soc)), 1),
        "loop-delay": lambda: round(rng.uniform(0, 0.2), 3),
        "max-current": lambda: round(rng.uniform(20, 400)),
        "max-power": lambda: round(rng.uniform(8, 200)),
        "precharge-current": lambda: rng.choice((0, 1, 2)),
        "precharge-tolerance": lambda: rng.choice((5, 10, 20)),
        "session-id": lambda: "00",
        "trusts-report": lambda: True,
        "bulk": lambda: round(rng.uniform(50, max(50, target))),
        "pauses": lambda: {"default": round(rng.uniform(0, 0.2), 3)},
    }
    keys |= _some(rng, 0.35, usual)
    if ac:
        onboard = {"phases": rng.choice((1, 2, 3)), "max-current": rng.choice((10, 16, 32))}
        keys["onboard"] = onboard | {"min-current": rng.choice((1, 6)), "per-phase": protocol == ISO20 and soc > 30}
    if protocol == ISO2:
        keys |= _some(rng, 0.2, {"renegotiates": lambda: False})
    if protocol == ISO20:
        keys |= _some(
            rng, 0.3, {
                "follows-needs": lambda: False,
                "confirms-tolerance": lambda: False,
                "authorization-retries": lambda: 2,
            },
        )  # fmt: skip
        if not dynamic:
            keys |= _some(rng, 0.3, {"wanted-power": lambda: round(rng.uniform(4, 20))})
    if both_ways:
        keys |= _some(rng, 0.4, {"negative-discharge-limits": lambda: True})
    return keys


def _said_of_a_car(keys: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if keys.get("renegotiates") is False:
        said["PICS_CMN_CMN_Renegotiation"] = False
    if "departure" in keys:
        said["PIXIT_EVCC_CMN_DepartureTime"] = "departureTime"
    if "onboard" in keys and keys["onboard"]["phases"] == 1:
        said |= ONE_PHASE
    return said


def _station(rng: random.Random, protocol: str, ac: bool, both_ways: bool) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    if ac:
        supply = {"phases": rng.choice((1, 3)), "max-current": rng.choice((10, 16, 20, 32))}
        keys["ac-supply"] = supply | {"close-seconds": rng.choice((0, 0.1, 1.0))}
    else:
        keys["power"] = rng.choice((50, 75, 150, 350))
        keys |= _some(
            rng, 0.4, {
                "max-voltage": lambda: rng.choice((500, 750, 920, 1000)),
                "max-current": lambda: rng.choice((100, 125, 200, 500)),
                "min-voltage": lambda: rng.choice((50, 150, 200)),
                "min-current": lambda: rng.choice((0.5, 1, 2)),
                "ripple": lambda: round(rng.uniform(0, 5), 1),
                "tolerance": lambda: round(rng.uniform(0.5, 3), 1),
                "volts-per-second": lambda: rng.choice((200, 500, 2000)),
                "amps-per-second": lambda: rng.choice((100, 200, 1000)),
                "test-seconds": lambda: round(rng.uniform(0.1, 20), 1),
                "insulation": lambda: rng.choice((200, 500, 5000)),
            },
        )  # fmt: skip
    usual: Drawn = {
        "planning": lambda: round(rng.uniform(0, 30), 1),
        "authorize-after": lambda: round(rng.uniform(0, 30), 1),
        "evse-id": lambda: rng.choice(("DE*ABC*E1", "FRXYZE12345678901234567890", "ZZ00000")),
        "free": lambda: rng.choice((True, False)),
        "delays": lambda: {
            "default": round(rng.uniform(0, 0.3), 3),
            "CurrentDemandReq": 0.01,
            "ChargingStatusReq": 0.2,
        },
    }
    keys |= _some(rng, 0.35, usual)
    if protocol == ISO20:
        keys |= _some(
            rng, 0.3, {
                "standby": lambda: False,
                "other-services": lambda: False,
                "renegotiation-tries": lambda: rng.choice((0, 1, 3)),
            },
        )  # fmt: skip
    if both_ways:
        keys |= _some(rng, 0.3, {"negative-discharge-limits": lambda: True})
    return keys


def _said_of_a_station(keys: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for key, name in (
        ("standby", "PIXIT_SECC_ISO20_Standby"),
        ("other-services", "PIXIT_SECC_ISO20_ServiceRenegotiation"),
    ):
        if keys.get(key) is False:
            said[name] = False
    if "ac-supply" in keys and keys["ac-supply"]["phases"] == 1:
        said |= ONE_PHASE
    return said


POINTLESS = {
    "PF_SECC_ISO2_PowerFlow#21": "a schedule that falls",
    "PF_SECC_ISO2_PowerFlow_AC#7": "a schedule that falls",
    "PF_SECC_DIN_PowerDelivery_BadProfile": "less than 32767 W on offer",
    "PF_SECC_DIN_ChargeParameterDiscovery_NeverFinished": "a charger that is still Ongoing after 60 s",
}
"""Runs that need what these devices may not have, each with what that is."""
