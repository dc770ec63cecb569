"""Correctly spelled keys that have no effect on this bench, each with what it would need.

Keys from a ready car or station are not counted: they serve benches of all kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import yaml

from plugfest import config
from plugfest.config.actions import ChangeService, SetNeeds, SetPower, SetReactive, Standby
from plugfest.config.check import Path, spell
from plugfest.config.model import Bench
from plugfest.config.named import message_classes
from plugfest.config.words import PROTOCOLS, protocol_names
from plugfest.errors import UserError
from slac.timing import rule_of
from v2g import naming
from v2g.protocols import APPPROTO
from v2g.protocols import PROTOCOLS as KNOWN


class Need(NamedTuple):
    """What a key needs.

    Attributes:
        met: whether a bench has it. text: the message if it does not.
    """

    met: Callable[[Bench], bool]
    text: str


def _speaks(bench: Bench) -> set[str]:
    names = {PROTOCOLS[word.lower()] for word in protocol_names(bench)}
    return {name for name in names if KNOWN[name].can_charge("AC" if bench.ac else "DC")}


VEHICLE = Need(lambda b: b.role != "secc", "this bench has no vehicle (role secc)")
CHARGER = Need(lambda b: b.role != "evcc", "this bench has no charger (role evcc)")
ONLY_VEHICLE = Need(lambda b: b.role == "evcc", "only for role evcc")
ONLY_CHARGER = Need(lambda b: b.role == "secc", "only for role secc")
NETWORK = Need(lambda b: b.role != "both", "role both runs in memory")
AC = Need(lambda b: b.ac, "this bench charges with DC")
DC = Need(lambda b: not b.ac, "this bench charges with AC")
POWER_CLASS = Need(
    lambda b: not b.ac, "it is the power class of a DC output; an AC outlet has charger.ac-supply.max-current"
)
TLS = Need(lambda b: b.tls != "none", "without TLS (tls: optional or required)")
SLAC = Need(lambda b: b.slac, "without SLAC (slac: true)")
NEWER = Need(lambda b: bool(_speaks(b) - {"din70121"}), "DIN SPEC 70121 has nothing comparable")
ISO20 = Need(lambda b: "iso20" in _speaks(b), "only ISO 15118-20 has it (protocol: iso20)")
DYNAMIC = Need(
    lambda b: "iso20" in _speaks(b) and not b.scheduled,
    "the charger sets mobility needs only in dynamic mode of ISO 15118-20",
)
DECIDES = Need(lambda b: not b.dynamic, "in dynamic mode the charger decides on power (charger.target-power)")
BOTH_WAYS = Need(lambda b: b.both_ways, "this bench only charges (bpt: true is for both directions)")


def _below_zero(power: float | str | Sequence[tuple[float, float]] | None) -> bool:
    """Whether a power, or any point of a curve, is out of the car; not looked up in a file."""
    if isinstance(power, int | float):
        return power < 0.0
    return power is not None and not isinstance(power, str) and any(watts < 0.0 for _, watts in power)


def _one_way(bench: Bench) -> bool:
    """Whether power can flow only into the car; a charger may take it back from whatever car comes."""
    station = bench.charger
    takes = bench.role == "secc" and (station.max_discharge_current or station.max_discharge_power)
    return not (bench.both_ways or takes)


_ONLY_IN = "power below zero comes out of the car, and this bench only charges (bpt: true is for both directions)"
GIVES = Need(lambda b: not (_one_way(b) and _below_zero(b.vehicle.wanted_power)), _ONLY_IN)
TAKES = Need(lambda b: not (_one_way(b) and _below_zero(b.charger.target_power)), _ONLY_IN)
CONTROL = Need(
    lambda b: "iso20" in _speaks(b) and (b.role == "secc" or b.control != "scheduled"),
    "the charger decides on power only in dynamic mode of ISO 15118-20 (protocol: iso20, dynamic: true)",
)
PLAIN = Need(lambda b: b.role != "secc" or b.tls != "required", "with tls: required there is no port without TLS")
FIXED = Need(
    lambda b: b.role != "evcc" or b.address is not None,
    "a vehicle uses the port from SDP unless address is given",
)
CONTRACT = Need(
    lambda b: b.tls != "none" and b.pki is not None and b.payment != "external",
    "without payment by contract (needs tls, pki, and payment: contract or auto)",
)
STAYS = Need(lambda b: b.vehicle.stays, "the vehicle does not stay in a pause (vehicle.sleep, wake-after)")

NEEDS: tuple[tuple[str, tuple[Need, ...]], ...] = (
    ("interface", (NETWORK,)),
    ("pilot", (NETWORK,)),
    ("sessions", (ONLY_CHARGER,)),
    ("stamps", (ISO20,)),
    ("relaxed", (ISO20,)),
    ("sdp-to", (ONLY_VEHICLE,)),
    ("address", (ONLY_VEHICLE,)),
    ("port", (NETWORK, PLAIN, FIXED)),
    ("tls-port", (ONLY_CHARGER, TLS)),
    ("modem", (NETWORK, SLAC)),
    ("slac-timer", (SLAC,)),
    ("roots", (TLS,)),
    ("vehicle-roots", (CHARGER, TLS)),
    ("cert", (TLS,)),
    ("key", (TLS,)),
    ("password", (TLS,)),
    ("ocsp", (CHARGER, TLS)),
    ("crl", (TLS,)),
    ("key-log", (TLS,)),
    ("pki", (TLS,)),
    ("signed-info", (ISO20, CONTRACT)),
    ("key-transport", (ISO20, CONTRACT)),
    ("vehicle", (VEHICLE,)),
    ("vehicle.onboard", (AC,)),
    ("vehicle.precharge-current", (DC,)),
    ("vehicle.precharge-tolerance", (DC,)),
    ("vehicle.trusts-report", (DC,)),
    ("vehicle.validation", (ONLY_VEHICLE, SLAC)),
    ("vehicle.again", (ONLY_VEHICLE, SLAC)),
    ("vehicle.sleep", (NEWER,)),
    ("vehicle.wake-after", (NEWER,)),
    ("vehicle.sleep-without-power", (NEWER,)),
    ("vehicle.evccid20", (ISO20,)),
    ("vehicle.minimum", (BOTH_WAYS,)),
    ("vehicle.max-discharge-current", (BOTH_WAYS,)),
    ("vehicle.max-discharge-power", (BOTH_WAYS,)),
    ("vehicle.negative-discharge-limits", (BOTH_WAYS,)),
    ("vehicle.sells-at", (ISO20, DECIDES, BOTH_WAYS)),
    ("vehicle.currency", (ISO20, DECIDES, BOTH_WAYS)),
    ("vehicle.prefers-standby", (ISO20,)),
    ("vehicle.confirms-tolerance", (ISO20, DECIDES)),
    ("vehicle.renegotiation-retries", (ISO20, DECIDES)),
    ("vehicle.authorization-retries", (ISO20,)),
    ("vehicle.onboard.max-discharge-current", (BOTH_WAYS,)),
    ("vehicle.onboard.min-discharge-current", (BOTH_WAYS,)),
    ("vehicle.onboard.per-phase", (ISO20,)),
    ("vehicle.follows-needs", (DYNAMIC,)),
    ("vehicle.wanted-power", (ISO20, DECIDES, GIVES)),
    ("vehicle.departure", (NEWER,)),
    ("vehicle.renegotiates", (NEWER,)),
    ("vehicle.services", (NEWER,)),
    ("vehicle.contract", (NEWER, CONTRACT)),
    ("vehicle.install", (NEWER, CONTRACT)),
    ("vehicle.update-days", (NEWER, CONTRACT)),
    ("vehicle.max-contracts", (ISO20, CONTRACT)),
    ("vehicle.prioritized", (ISO20, CONTRACT)),
    ("vehicle.goes-on-after-failed-certificate", (NEWER, CONTRACT)),
    ("vehicle.tls", (TLS,)),
    ("charger", (CHARGER,)),
    ("charger.power", (POWER_CLASS,)),
    ("charger.min-voltage", (DC,)),
    ("charger.max-voltage", (DC,)),
    ("charger.min-current", (DC,)),
    ("charger.max-current", (DC,)),
    ("charger.max-discharge-current", (ISO20,)),
    ("charger.max-discharge-power", (ISO20, DC)),
    ("charger.separated", (BOTH_WAYS,)),
    ("charger.negative-discharge-limits", (BOTH_WAYS,)),
    ("charger.ripple", (DC,)),
    ("charger.tolerance", (DC,)),
    ("charger.volts-per-second", (DC,)),
    ("charger.amps-per-second", (DC,)),
    ("charger.power-ramp", (DC, ISO20)),
    ("charger.test-seconds", (DC,)),
    ("charger.insulation", (DC,)),
    ("charger.insulation-monitor", (DC,)),
    ("charger.ac-supply", (AC,)),
    ("charger.lost-link", (ONLY_CHARGER, SLAC)),
    ("charger.newcomers", (ONLY_CHARGER,)),
    ("charger.target-power", (CONTROL, TAKES)),
    ("charger.needs", (DYNAMIC,)),
    ("charger.generator", (BOTH_WAYS,)),
    ("charger.islanding", (BOTH_WAYS, AC)),
    ("charger.standby", (ISO20,)),
    ("charger.other-services", (ISO20,)),
    ("charger.renegotiation-tries", (ISO20,)),
    ("charger.pauses-idle", (ISO20,)),
    ("charger.insists-on-tolerance", (ISO20,)),
    ("charger.ac-supply.frequency", (ISO20,)),
    ("charger.ac-supply.max-asymmetry", (ISO20,)),
    ("charger.ac-supply.ramp", (ISO20,)),
    ("charger.plans", (NEWER,)),
    ("charger.ac-supply.reactive-power", (ISO20,)),
    ("charger.services", (NEWER,)),
    ("charger.receipts", (NEWER,)),
    ("charger.receipts-insist", (NEWER,)),
    ("charger.provisioning", (NEWER, CONTRACT)),
    ("charger.provisioning-url", (NEWER, CONTRACT)),
    ("charger.goes-on-after-failed-certificate", (NEWER,)),
    ("charger.emaid", (NEWER, CONTRACT)),
    ("charger.emaids", (ISO20, CONTRACT)),
    ("charger.provisioning-delay", (ISO20, CONTRACT)),
    ("charger.providers", (ISO20, CONTRACT)),
    ("charger.verdicts", (NEWER, CONTRACT)),
    ("charger.bad-signature", (ISO20, CONTRACT)),
    ("charger.tls", (TLS,)),
)
"""Keys with a need; a section's need applies to all its keys."""

NEWEST = (SetPower, SetNeeds, Standby, ChangeService, SetReactive)
"""Actions of ISO 15118-20."""
_DC_MESSAGES = ("CableCheck", "PreCharge", "CurrentDemand", "WeldingDetection")
_AC_MESSAGES = ("ChargingStatus",)
_NOT_SPOKEN = ("WPT_", "ACDP_")
"""Messages of services that are read, but not sent."""
_VEHICLE_TIMERS = ("V2G_EVCC_", "SDP_")
_CHARGER_TIMERS = ("V2G_SECC_",)
_OF_ONE = {
    "V2G_EVCC_ReadyToCharge_Timeout": Need(lambda b: "din70121" in _speaks(b), "only DIN SPEC 70121 has it"),
    "V2G_SECC_ReadyToCharge_Performance_Time": Need(lambda b: "din70121" in _speaks(b), "only DIN SPEC 70121 has it"),
    "V2G_EVCC_CableCheck_Timeout": DC,
    "V2G_SECC_CableCheck_Performance_Time": DC,
    "V2G_EVCC_PreCharge_Timeout": DC,
    "V2G_SECC_PreCharge_Performance_Time": DC,
    "V2G_EVCC_CPState_Change_Time": AC,
    "V2G_SECC_Contactor_Close_Time": AC,
    "SDP_Request_Interval": ONLY_VEHICLE,
    "SDP_Max_Requests": ONLY_VEHICLE,
}


def without_effect(bench: Bench) -> list[str]:
    """The keys of a bench that have no effect there, one line per reason: which, and why."""
    reasons: dict[str, list[str]] = {}
    for path, why in _found(bench):
        reasons.setdefault(why, []).append(spell(path))
    return [f"{listed(keys)} {'has' if len(keys) == 1 else 'have'} no effect: {why}" for why, keys in reasons.items()]


NAMED = 3
"""Maximum number of keys named in a line; the rest is given as a number."""


def listed(keys: Sequence[str]) -> str:
    """``a``, ``a, b``, ``a, b, c and 4 more``."""
    left = len(keys) - NAMED
    return ", ".join(keys[:NAMED]) + (f" and {left} more" if left > 0 else "")


def _found(bench: Bench) -> Iterator[tuple[Path, str]]:
    given = _own(bench)
    told: list[str] = []
    for name, needs in NEEDS:
        path = tuple(name.split("."))
        if _at(given, path) is None or any(name.startswith(f"{section}.") for section in told):
            continue
        missing = next((need for need in needs if not need.met(bench)), None)
        if missing is not None:
            told.append(name)
            yield path, missing.text
    yield from _timers(bench)
    yield from _slac_timers(bench)
    for section, key, there in (("vehicle", "pauses", VEHICLE), ("charger", "delays", CHARGER)):
        if there.met(bench):
            for name in _at(given, (section, key)) or {}:
                if name != "default" and (why := _never_sent(bench, name)):
                    yield (section, key, name), why
    for place, step in enumerate(bench.timeline):
        if isinstance(step, NEWEST) and not ISO20.met(bench):
            yield ("timeline", place), ISO20.text
        elif isinstance(step, SetReactive) and not bench.ac:
            yield ("timeline", place), AC.text
        elif isinstance(step, SetPower) and _below_zero(step.power) and _one_way(bench):
            yield ("timeline", place), _ONLY_IN
    for place, deviation in enumerate(bench.deviations):
        if place < len(bench.deviations) - len(given.get("deviations", ())):
            continue  # the car's or the station's
        side = VEHICLE if deviation.message.endswith("Req") else CHARGER
        why = side.text if not side.met(bench) else _never_sent(bench, deviation.message, deviation.protocol)
        if why:
            yield ("deviations", place), why


def _own(bench: Bench) -> dict[str, Any]:
    """What the file itself sets, apart from the defaults, its car and its station."""
    given: dict[str, Any] = msgspec.to_builtins(bench)
    for section, key in (("vehicle", "car"), ("charger", "station")):
        name = given.get(section, {}).get(key)
        if name is None:
            continue
        try:
            basis = config.loads(yaml.safe_dump({"role": "both", section: {key: name}}), "ready")
        except UserError:  # a file beside the bench file: the origin of each key is not known here
            given.pop(section)
            given.pop("deviations", None)
        else:
            given = _less(given, msgspec.to_builtins(basis))
    return given


def _less(given: dict[str, Any], basis: dict[str, Any]) -> dict[str, Any]:
    """The part of ``given`` that is not in ``basis``."""
    left: dict[str, Any] = {}
    for name, value in given.items():
        known = basis.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            if more := _less(value, known):
                left[name] = more
        elif isinstance(value, list) and isinstance(known, list):
            if value[len(known) :]:
                left[name] = value[len(known) :]
        elif value != known:
            left[name] = value
    return left


def _at(given: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = given
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _timers(bench: Bench) -> Iterator[tuple[Path, str]]:
    for name in bench.timer:
        timer, _, message = name.partition(".")
        side = VEHICLE if timer.startswith(_VEHICLE_TIMERS) else CHARGER if timer.startswith(_CHARGER_TIMERS) else None
        need = next((n for n in (side, _OF_ONE.get(timer)) if n is not None and not n.met(bench)), None)
        why = need.text if need else _never_sent(bench, message) if message not in ("", "default") else ""
        if why:
            yield ("timer", name), why


def _slac_timers(bench: Bench) -> Iterator[tuple[Path, str]]:
    other = {"evcc": "EVSE", "secc": "EV"}.get(bench.role)
    if bench.slac:
        for name in bench.slac_timer:
            if rule_of(name).side == other:
                yield ("slac-timer", name), f"it is a timer of the {'charger' if other == 'EVSE' else 'vehicle'}"


def _never_sent(bench: Bench, message: str, protocol: str | None = None) -> str:
    """Why no session of a bench has a message, or ""."""
    known = set(message_classes(message))
    if protocol is not None:
        known &= {PROTOCOLS.get(protocol.lower(), protocol)}
    if APPPROTO.name in known:
        return ""
    speaks = _speaks(bench)
    if known and not known & speaks:
        titles = " or ".join(KNOWN[name].title for name in sorted(known) if name in KNOWN)
        return f"only {titles} has {message}, which this bench does not speak" if titles else ""
    stem = naming.exchange(message)
    if stem.startswith(_NOT_SPOKEN):
        return f"none of the supported services has {message}"
    if (stem in _DC_MESSAGES or stem.startswith("DC_")) and bench.ac:
        return f"there is no {message} in AC"
    if (stem in _AC_MESSAGES or stem.startswith("AC_")) and not bench.ac:
        return f"there is no {message} in DC"
    return ""


__all__ = ["NEEDS", "without_effect"]
