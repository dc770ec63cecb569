"""Tolerances and times of the judgements, as the PIXIT declares them for a system under test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from plugfest.conformance.catalogue.pics import Pics

CURRENT_PART = 0.05
"""Part of a current that counts where it is more than the tolerance in A (IEC 61851-23: 2.5 A up to 50 A, then 5 %)."""
VOLTAGE_PART = 0.03
"""Part of a voltage that counts where it is more than the tolerance in V."""
MOST_DECLARED = 5.0
"""A: of what a charger declares as tolerance and ripple, no more is taken."""
SMALL_CURRENT = 5.0
"""A: below, an output counts as without current, and contactors may open."""
UNDECLARED = 2.0
"""Factor by which a charger may be larger than our defaults where its ratings are not declared: more is implausible."""
LASTS = 0.5
"""s for which a value has to be wrong: connecting a battery is a shock of its own."""


@dataclass(frozen=True)
class Terms:
    """What is declared. Units: V, A, s, A/s; parts of 1.

    Attributes:
        amps, volts: by which an output may differ from its target.
        reaction: until an output begins to follow.
        fall, rise: slowest ramp of the current.
        reaches: until the voltage is reached in precharge.
        off: until the current is gone when it has to be.
        discharge: until an open output is below 60 V.
        lag: age of present values.
        present: ``measured``, ``simulated`` or ``unknown``: what present values are.
        meter_lag: between two updates of the meter.
        meter_part: by which the meter may differ.
        contactor: until an AC contactor has opened.
        vehicle: until a vehicle follows a limit or an alarm.
        stop: until a vehicle stops that was asked to, beside NotificationMaxDelay.
        targets: above the charger's limits they are ``kept`` out, ``clipped`` (left to the charger), or ``unknown``.
        ramped: the vehicle ramps down before PowerDelivery(Stop).
        transmission: tolerance on the time of a message.
        rated_volts, rated_amps, rated_watts, rated_line: most of a charger, of DC, and of AC in A per phase.
    """

    amps: float
    volts: float
    reaction: float
    fall: float
    rise: float
    reaches: float
    off: float
    discharge: float
    lag: float
    present: str
    meter_lag: float
    meter_part: float
    contactor: float
    vehicle: float
    stop: float
    targets: str
    ramped: bool
    transmission: float
    rated_volts: float
    rated_amps: float
    rated_watts: float
    rated_line: float

    @classmethod
    def of(cls, pics: Pics) -> Self:
        """As a PICS file declares it; what is declared as unknown has its default."""

        def seconds(name: str) -> float:
            value = pics[name]
            return float(Pics()[name] if value == "unknown" else value)

        def rated(name: str) -> float:
            return seconds(name) * (1.0 if name in pics.declared else UNDECLARED)

        return cls(
            amps=seconds("PIXIT_SECC_DC_CurrentTolerance"),
            volts=seconds("PIXIT_SECC_DC_VoltageTolerance"),
            reaction=seconds("PIXIT_SECC_DC_ReactionTime"),
            fall=seconds("PIXIT_SECC_DC_CurrentFall"),
            rise=seconds("PIXIT_SECC_DC_CurrentRise"),
            reaches=seconds("PIXIT_SECC_DC_PreChargeTime"),
            off=seconds("PIXIT_SECC_DC_OffTime"),
            discharge=seconds("PIXIT_SECC_DC_DischargeTime"),
            lag=seconds("PIXIT_SECC_DC_MeasurementDelay"),
            present=str(pics["PIXIT_SECC_DC_PresentValues"]),
            meter_lag=seconds("PIXIT_SECC_CMN_MeterUpdate"),
            meter_part=seconds("PIXIT_SECC_CMN_MeterTolerance") / 100.0,
            contactor=seconds("PIXIT_SECC_AC_ContactorTime"),
            vehicle=seconds("PIXIT_EVCC_CMN_ReactionTime"),
            stop=seconds("PIXIT_EVCC_CMN_StopTime"),
            targets=str(pics["PIXIT_EVCC_DC_TargetsAboveLimits"]),
            ramped=pics["PIXIT_EVCC_DC_EndOfCharging"] == "ramped",
            transmission=seconds("par_CMN_Transmission_Delay"),
            rated_volts=rated("PIXIT_SECC_DC_MaximumVoltage"),
            rated_amps=rated("PIXIT_SECC_DC_MaximumCurrent"),
            rated_watts=rated("PIXIT_SECC_DC_MaximumPower"),
            rated_line=rated("PIXIT_SECC_AC_MaximumCurrent"),
        )

    def current(self, amps: float, declared: float = 0.0) -> float:
        """A by which a current may differ from this one; ``declared`` is the charger's own tolerance and ripple."""
        return max(self.amps, abs(amps) * CURRENT_PART) + min(declared, MOST_DECLARED)

    def voltage(self, volts: float) -> float:
        """V by which a voltage may differ from this one."""
        return max(self.volts, abs(volts) * VOLTAGE_PART)
