"""Faults of power flow, drawn from a seed: outputs, reports, meters and targets that are wrong by a factor.

What is drawn (factors, offsets, which value) nobody has chosen; the run named for a fault has to notice anyway.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Callable
from typing import Any

import msgspec

import evcc.checks
import secc.dc
from evcc.vehicle import Vehicle
from faults.fault import Adjust, charger, deep, nothing, sending, unjudged, vehicle
from plugfest.conformance.fields import found, replaced
from secc.envelope import LimitedOutput
from slac.pilot import State
from v2g.messages import din70121, iso2
from v2g.physical import number, physical

SEED = 20260
RNG = random.Random(SEED)

MODULES: dict[str, Any] = {"iso2": iso2, "din70121": din70121}
RUN = {"iso2": "PF_SECC_ISO2_PowerFlow", "din70121": "PF_SECC_DIN_PowerFlow"}
CAR = {"iso2": "PF_EVCC_ISO2_PowerFlow", "din70121": "PF_EVCC_DIN_PowerFlow"}
CHANGING, BEYOND, LOWER, ERROR, NOT_READY, ENERGY, END, PRECHARGE, OWN_LIMITS = (
    f"#{number}" for number in range(1, 10)
)


def factor(low: float, high: float) -> float:
    """A factor that is wrong upwards or downwards."""
    value = RNG.uniform(low, high)
    return round(value if RNG.random() < 0.5 else 1.0 / value, 3)


def scaled(module: str, field: str, by: float, unit: str) -> Callable[[Any], Any]:
    """A value of a message times a factor."""

    def change(message: Any) -> Any:
        try:
            value = number(found(message, field))
        except KeyError:
            return message
        return replaced(message, field, physical(MODULES[module], value * by, unit))

    return change


def exponent(field: str, by: int) -> Callable[[Any], Any]:
    """A wrong multiplier: the same digits."""

    def change(message: Any) -> Any:
        value = found(message, field)
        multiplier = max(-3, min(3, value.Multiplier + by))
        return replaced(message, field, msgspec.structs.replace(value, Multiplier=multiplier))

    return change


def unit(field: str, wrong: str) -> Callable[[Any], Any]:
    return lambda message: replaced(message, field, msgspec.structs.replace(found(message, field), Unit=wrong))


def stale(field: str, responses: int) -> Callable[[Any], Any]:
    """The value of so many messages before."""
    kept: list[Any] = []

    def change(message: Any) -> Any:
        kept.append(found(message, field))
        return replaced(message, field, kept[max(0, len(kept) - 1 - responses)])

    return change


def constant(field: str) -> Callable[[Any], Any]:
    """The first value forever."""
    return stale(field, 10**9)


def metered(change: Callable[[float, int], float]) -> Callable[[Any], Any]:
    """Another meter reading, of the right one and the number of the message."""
    count = itertools.count()

    def apply(message: Any) -> Any:
        info = message.MeterInfo
        if info is None or info.MeterReading is None:
            return message
        return replaced(message, "MeterReading", max(0, round(change(info.MeterReading, next(count)))))

    return apply


def driving(**replacements: Any) -> Adjust:
    """Another way to drive the output; the report is honest."""

    def adjust(system: Any) -> None:
        for name, make in replacements.items():
            driver = system.power
            setattr(driver, name, make(getattr(driver, name)))

    return adjust


def output_times(by: float) -> Adjust:
    """An output that gives so many times the current; its ceiling is not kept either."""

    def make(right: Callable[[float, float], None]) -> Any:
        return lambda voltage, current: right(voltage, current * by)

    return driving(aim=make)


_deliver = LimitedOutput.deliver


def _unlimited(by: float) -> Any:
    """The envelope does not clip: the driver gets the target times a factor, and no ceiling."""

    def deliver(output: LimitedOutput, voltage: float, current: float) -> None:
        output.driver.bound(type(output.ceiling)())
        output.driver.aim(voltage, current * by)

    return deliver


def _never_lower() -> Any:
    """An output whose current never falls while it is driven."""
    highest: dict[int, float] = {}

    def deliver(output: LimitedOutput, voltage: float, current: float) -> None:
        highest[id(output)] = max(current, highest.get(id(output), 0.0))
        _deliver(output, voltage, highest[id(output)])

    return deliver


def _echo(module: str) -> Adjust:
    """Present values are the targets; the output is another matter."""

    def adjust(system: Any) -> None:
        tables = dict(system.options.answers)
        table = dict(tables[module])
        for kind in list(table):
            if kind.__name__ not in ("CurrentDemandReq", "PreChargeReq"):
                continue

            def answer(visit: Any, request: Any, right: Any = table[kind]) -> Any:
                response = right(visit, request)
                response = replaced(response, "EVSEPresentVoltage", request.EVTargetVoltage)
                if hasattr(response, "EVSEPresentCurrent"):
                    response = replaced(response, "EVSEPresentCurrent", request.EVTargetCurrent)
                return response

            table[kind] = answer
        tables[module] = type(tables[module])(table)
        system.options.answers = tables

    return adjust


def _dynamics(**changes: float) -> Adjust:
    def adjust(system: Any) -> None:
        system.power._dynamics = dataclasses.replace(system.power._dynamics, **changes)

    return adjust


def _stops_nothing(*_: Any) -> None:
    """An output that stays on."""


for _module in MODULES:
    _run = RUN[_module]
    for _number in range(2 if _module == "iso2" else 1):
        _by = factor(1.25, 3.0)
        charger(f"report-current-x{_by:g}-{_module}", f"{_module}: the present current is {_by:g} times what flows",
                f"{_run}{CHANGING}",
                adjust=sending("CurrentDemandRes", scaled(_module, "EVSEPresentCurrent", _by, "A"),
                               _module))  # fmt: skip
        _by = factor(1.15, 2.0)
        charger(f"report-voltage-x{_by:g}-{_module}", f"{_module}: the present voltage is {_by:g} times what is there",
                f"{_run}{CHANGING}",
                adjust=sending("CurrentDemandRes", scaled(_module, "EVSEPresentVoltage", _by, "V"),
                               _module))  # fmt: skip
        _by = round(RNG.uniform(1.25, 3.0), 3)
        charger(f"output-x{_by:g}-{_module}", f"{_module}: the output gives {_by:g} times the current asked for",
                f"{_run}{CHANGING}", adjust=output_times(_by))  # fmt: skip
    _by = round(RNG.uniform(1.0, 1.4), 3)
    charger(f"output-unlimited-x{_by:g}-{_module}", f"{_module}: the output knows no limits, times {_by:g}",
            f"{_run}{BEYOND}", f"{_run}{LOWER}",
            patches=[(LimitedOutput, "deliver", _unlimited(_by)), (LimitedOutput, "watch", nothing)])  # fmt: skip
    charger(f"output-never-lower-{_module}", f"{_module}: the output follows upwards only",
            f"{_run}{CHANGING}", patches=[(LimitedOutput, "deliver", _never_lower())])  # fmt: skip
    # EVReady only informs in DIN SPEC 70121.
    charger(f"output-blind-{_module}", f"{_module}: EVErrorCode and EVReady do not lower the output",
            f"{_run}{ERROR}", *([f"{_run}{NOT_READY}"] if _module == "iso2" else []),
            patches=[(LimitedOutput, "ramp_down", nothing)])  # fmt: skip
    charger(f"output-stays-on-{_module}", f"{_module}: the output stays on after PowerDelivery(Stop)",
            f"{_run}{END}", patches=[(LimitedOutput, "off", _stops_nothing)])  # fmt: skip
    charger(f"output-lingers-{_module}", f"{_module}: the current takes five seconds to go after PowerDelivery(Stop)",
            f"{_run}{END}", adjust=_dynamics(off_seconds=5.0))  # fmt: skip
    charger(f"echo-{_module}", f"{_module}: present values are the targets", f"{_run}{CHANGING}",
            f"{_run}{PRECHARGE}", adjust=_echo(_module))  # fmt: skip
    charger(f"precharge-any-{_module}", f"{_module}: any precharge target is accepted", f"{_run}{PRECHARGE}",
            patches=[*unjudged("target-voltage"), (secc.dc, "STEP", 1e9)])  # fmt: skip
    for _field, _unit, _wrong in (("EVSEPresentCurrent", "A", "V"), ("EVSEPresentVoltage", "V", "W")):
        charger(f"unit-{_field}-{_module}", f"{_module}: {_field} in {_wrong}", f"{_run}{CHANGING}",
                adjust=sending("CurrentDemandRes", unit(_field, _wrong), _module))  # fmt: skip
        _by = RNG.choice([-1, 1])
        charger(f"multiplier-{_field}-{_module}", f"{_module}: {_field} with a multiplier that is off by {_by}",
                f"{_run}{CHANGING}",
                adjust=sending("CurrentDemandRes", exponent(_field, _by), _module))  # fmt: skip
    _late = RNG.randint(12, 30)
    charger(f"stale-{_module}", f"{_module}: the present current of {_late} responses before", f"{_run}{CHANGING}",
            adjust=sending("CurrentDemandRes", stale("EVSEPresentCurrent", _late), _module))  # fmt: skip
    charger(f"constant-{_module}", f"{_module}: the present current of the first response", f"{_run}{CHANGING}",
            adjust=sending("CurrentDemandRes", constant("EVSEPresentCurrent"), _module))  # fmt: skip

for _module in MODULES:
    for _kind in ("Current", "Voltage", "Power"):
        _flag = f"EVSE{_kind}LimitAchieved"
        charger(f"flag-{_kind.lower()}-{_module}", f"{_module}: {_flag} is true all the time",
                f"{RUN[_module]}{CHANGING}",
                adjust=sending("CurrentDemandRes", deep(_flag, True), _module))  # fmt: skip
    for _name, _kind in (("CurrentDemandRes", "loop"), ("ChargeParameterDiscoveryRes", "parameters")):
        if _module == "din70121":
            continue  # a larger charger may have ten times as much; the limit of the current comes first in DIN
        charger(f"rating-{_kind}-{_module}", f"{_module}: EVSEMaximumPowerLimit is ten times the right one in {_name}",
                f"{RUN[_module]}{CHANGING}",
                adjust=sending(_name, exponent("EVSEMaximumPowerLimit", 1), _module))  # fmt: skip
for _name, _kind in (("ChargingStatusRes", "loop"), ("ChargeParameterDiscoveryRes", "parameters")):
    charger(f"rating-{_kind}-ac", f"EVSEMaxCurrent is ten times the right one in {_name}",
            "PF_SECC_ISO2_PowerFlow_AC#1", adjust=sending(_name, exponent("EVSEMaxCurrent", 1)))  # fmt: skip
charger("flags-swapped", "the flags of current and voltage are swapped", f"{RUN['iso2']}{OWN_LIMITS}",
        adjust=sending("CurrentDemandRes", lambda message: msgspec.structs.replace(
            message, EVSECurrentLimitAchieved=message.EVSEVoltageLimitAchieved,
            EVSEVoltageLimitAchieved=message.EVSECurrentLimitAchieved)))  # fmt: skip

for _name, _text, _change in (
    ("x10", "ten times the reading", lambda wh, count: wh * 10),
    ("kwh", "kWh for Wh", lambda wh, count: wh / 1000.0),
    ("stands", "a meter that stands", lambda wh, count: 1000),
    ("back", "a meter that runs backwards", lambda wh, count: 50_000 - wh),
    ("jumps", "a meter that jumps back once", lambda wh, count: wh + 5000 - 4000 * (count > 60)),
):  # fmt: skip
    charger(f"meter-{_name}", _text, f"{RUN['iso2']}{ENERGY}", adjust=sending("CurrentDemandRes", metered(_change)))
charger("meter-ac-x10", "AC: ten times the reading", "PF_SECC_ISO2_PowerFlow_AC#1",
        adjust=sending("ChargingStatusRes", metered(lambda wh, count: wh * 10)))  # fmt: skip
charger("meter-ac-back", "AC: a meter that runs backwards", "PF_SECC_ISO2_PowerFlow_AC#1",
        adjust=sending("ChargingStatusRes", metered(lambda wh, count: 50_000 - wh)))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Vehicles


def _opens(after: int) -> Any:
    """A vehicle that goes to B in the middle of the flow."""
    right, count = Vehicle.take_dc, itertools.count()

    def take(car: Vehicle, *given: Any) -> Any:
        if next(count) == after:
            car.show(State.B)
        return right(car, *given)

    return take


for _module in MODULES:
    _run = CAR[_module]
    _by = round(RNG.uniform(1.2, 3.0), 3)
    vehicle(f"ev-target-x{_by:g}-{_module}", f"{_module}: asks for {_by:g} times its own limit", f"{_run}#2",
            adjust=sending("CurrentDemandReq", scaled(_module, "EVMaximumCurrentLimit", 0.5 / _by, "A"),
                           _module))  # fmt: skip
    vehicle(f"ev-soc-falls-{_module}", f"{_module}: the SoC falls", f"{_run}#1",
            adjust=sending("CurrentDemandReq", (lambda count: lambda message: replaced(
                message, "EVRESSSOC", max(0, 60 - next(count) // 4)))(itertools.count()), _module))  # fmt: skip
    vehicle(f"ev-soc-stands-{_module}", f"{_module}: the SoC never changes", f"{_run}#1",
            adjust=sending("CurrentDemandReq", deep("EVRESSSOC", 30), _module))  # fmt: skip
    _amps = round(RNG.uniform(3.0, 40.0), 1)
    vehicle(f"ev-precharge-{_amps:g}A-{_module}", f"{_module}: precharge asks for {_amps:g} A", f"{_run}#2",
            adjust=sending("PreChargeReq", deep("EVTargetCurrent", physical(MODULES[_module], _amps, "A")),
                           _module))  # fmt: skip
    vehicle(f"ev-voltage-{_module}", f"{_module}: asks for more voltage than its own limit", f"{_run}#2",
            adjust=sending("CurrentDemandReq", scaled(_module, "EVTargetVoltage", RNG.uniform(1.2, 1.6), "V"),
                           _module))  # fmt: skip
    vehicle(f"ev-stop-ignored-{_module}", f"{_module}: does not stop when asked to", f"{_run}#2",
            patches=[(evcc.checks, "dc_ending", nothing), (evcc.checks, "wishes", nothing)])  # fmt: skip
    vehicle(f"ev-opens-{_module}", f"{_module}: goes to B in the middle of the flow", f"{_run}#1",
            patches=[(Vehicle, "take_dc", _opens(RNG.randint(20, 200)))])  # fmt: skip
