"""Numbers over time from a recording: voltages, currents, power, state of charge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec

from boundary.errors import InputError
from boundary.read import parse_record
from plugfest.traces.entries import Recording
from plugfest.traces.text import quantity


@dataclass
class Series:
    """Values of one quantity.

    Attributes:
        name: stable word.
        title: in words.
        unit: V, A, kW, kWh or %.
        points: (time in s, value), in order of time.
    """

    name: str
    title: str
    unit: str
    points: list[tuple[float, float]] = field(default_factory=list)


_FIELDS = {
    "EVTargetVoltage": ("target_voltage", "requested by the vehicle", "V"),
    "EVSEPresentVoltage": ("present_voltage", "at the charger", "V"),
    "EVPresentVoltage": ("vehicle_voltage", "at the vehicle", "V"),
    "EVTargetCurrent": ("target_current", "requested by the vehicle", "A"),
    "EVSEPresentCurrent": ("present_current", "of the charger", "A"),
    "EVSEMaxCurrent": ("max_current", "offered by the charger", "A"),
    "EVSEPresentActivePower": ("present_power", "of the charger", "kW"),
    "EVPresentActivePower": ("vehicle_power", "of the vehicle", "kW"),
    "EVRESSSOC": ("soc", "reported by the vehicle", "%"),
    "EVSETargetActivePower": ("target_power", "wanted by the charger", "kW"),
    "PresentSOC": ("soc", "reported by the vehicle", "%"),
    "ChargedEnergyReadingWh": ("charged", "the meter, into the vehicle", "kWh"),
    "BPT_DischargedEnergyReadingWh": ("discharged", "the meter, out of the vehicle", "kWh"),
}
"""Field of a message -> series."""
_PHASES = ("_L2", "_L3")
"""Name endings of the fields that accompany a power in ISO 15118-20; with them, the field itself is the first phase."""

_TELEMETRY = {
    "soc": ("plant_soc", "simulated", "%"),
    "volts": ("plant_voltage", "simulated", "V"),
    "amps": ("plant_current", "simulated", "A"),
    "watts": ("plant_power", "simulated", "kW"),
    "target": ("plant_target", "wanted by the charger's energy manager", "kW"),
}
MAX_DEPTH = 4


def series(recording: Recording) -> dict[str, Series]:
    """The series of a recording by name; those without a point are left out."""
    found: dict[str, Series] = {}

    def add(key: tuple[str, str, str], time: float, value: float) -> None:
        if abs(value) < 1e9:
            found.setdefault(key[0], Series(*key)).points.append((time, value))

    for entry in recording.messages:
        values = dict(_numbers(entry.body, 0))
        for name, value in values.items():
            key = _FIELDS[name]
            add(key, entry.time, value / 1000 if key[2].startswith("kW") else value)
        if "EVSEPresentVoltage" in values and "EVSEPresentCurrent" in values:
            power = values["EVSEPresentVoltage"] * values["EVSEPresentCurrent"] / 1000
            add(("power", "volts times amperes of the charger", "kW"), entry.time, power)
    for entry in recording.layer("plant"):
        try:
            told = parse_record(entry.note, "telemetry")
        except InputError:
            continue
        for name, key in _TELEMETRY.items():
            measured = told.get(name)
            if isinstance(measured, int | float) and not isinstance(measured, bool):
                add(key, entry.time, float(measured) / (1000.0 if key[2] == "kW" else 1.0))
    return found


def _numbers(value: Any, depth: int) -> Iterator[tuple[str, float]]:
    if depth > MAX_DEPTH or not isinstance(value, msgspec.Struct):
        return
    for name in value.__struct_fields__:
        item = getattr(value, name, None)
        if name in _FIELDS:
            if isinstance(item, int | float) and not isinstance(item, bool):
                yield name, float(item)
            elif item is not None:
                try:
                    number = quantity(item)
                except (TypeError, OverflowError):
                    number = None
                if number is not None:
                    yield name, number[0] + sum(_companions(value, name))
        elif isinstance(item, msgspec.Struct):
            yield from _numbers(item, depth + 1)


def _companions(value: Any, name: str) -> Iterator[float]:
    """The other phases of a power."""
    for phase in _PHASES:
        other = getattr(value, f"{name}{phase}", None)
        if other is not None and (number := quantity(other)) is not None:
            yield number[0]


def energies(points: list[tuple[float, float]]) -> tuple[float, float]:
    """kWh under a curve of kW over seconds: into the vehicle, and from it as a magnitude."""
    into = out = 0.0
    for (t0, p0), (t1, p1) in pairwise(points):
        hours = (t1 - t0) / 3600
        if p0 * p1 >= 0.0:
            into += max(p0 + p1, 0.0) / 2 * hours
            out += max(-p0 - p1, 0.0) / 2 * hours
        else:  # it crosses zero in between
            high, low = max(p0, p1), -min(p0, p1)
            into += high * high / (high + low) / 2 * hours
            out += low * low / (high + low) / 2 * hours
    return into, out
