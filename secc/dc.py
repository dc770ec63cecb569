"""DC charging common to both protocols: how requests drive the output, and which are refused. Builds no responses."""

from __future__ import annotations

import asyncio
import math
from typing import Literal

from secc import agreed
from secc.charger import NO_CURRENT
from secc.envelope import STEP, LimitedOutput
from secc.power import Ceiling, Insulation
from secc.visit import Refusal, Visit
from v2g.messages import din70121 as din
from v2g.messages import iso2
from v2g.physical import amps, volts, watts

ISOLATION: dict[Insulation, Literal["Invalid", "Valid", "Warning", "Fault"]] = {
    Insulation.INVALID: "Invalid",
    Insulation.RUNNING: "Invalid",
    Insulation.VALID: "Valid",
    Insulation.WARNING: "Warning",
    Insulation.FAULT: "Fault",
}
"""EVSEIsolationStatus. The value for a charger without a monitor is left out: only ISO 15118-2 has one."""

GONE_WITHIN = 1.0
"""Longest wait of an answer for the current to be gone, s; the current has 0.1 s for that, the answer 1.5 s."""
LOOKS = 0.01
"""Interval between two readings of the current, s."""


def output(visit: Visit) -> LimitedOutput:
    """The DC output; a charger that offers DC always has one."""
    assert visit.evse.power is not None
    return visit.evse.power


def accept_limits(visit: Visit, parameter: iso2.DC_EVChargeParameterType | din.DC_EVChargeParameterType) -> None:
    """Adopts the vehicle's limits: from here on, the charger delivers nothing above them.

    Raises:
        Refusal: the voltage limit is below the lowest voltage that the output can deliver.
    """
    voltage, current = volts(parameter.EVMaximumVoltageLimit), amps(parameter.EVMaximumCurrentLimit)
    power = math.inf if parameter.EVMaximumPowerLimit is None else watts(parameter.EVMaximumPowerLimit)
    accept(visit, Ceiling(voltage, current, power))


def accept(visit: Visit, limits: Ceiling, requirement: str = "") -> None:
    """Adopts the vehicle's limits, V, A and W: from here on, the charger delivers nothing above them.

    Raises:
        Refusal: the limits are impossible, or the voltage is below the lowest that the output can deliver.
    """
    if limits.voltage <= 0 or limits.current < 0 or limits.power < 0:  # in ISO 15118-20; others are refused earlier
        text = f"limits of {limits.voltage:g} V, {limits.current:g} A, {limits.power:g} W [{requirement}]"
        raise Refusal("FAILED_WrongChargeParameter", text)
    least = output(visit).limits.min_voltage
    if limits.voltage < least:
        text = f"the vehicle accepts up to {limits.voltage:g} V, this charger supplies {least:g} V or more"
        raise Refusal("FAILED_WrongChargeParameter", text, misfit=True)
    if limits.current == 0 or limits.power == 0:
        text = f"the vehicle accepts no power: {limits.current:g} A, {limits.power:g} W"
        visit.session.tell("tolerance", "zero-limit", text)
    output(visit).declare(limits)


def insulation_tested(visit: Visit, most: float = math.inf) -> bool:
    """CableCheck: starts the insulation test at no more than ``most`` V, and returns whether it is finished.

    Raises:
        Refusal: the test found a fault.
        TimedOut: V2G_SECC_CableCheck_Performance_Time expired.
    """
    power = output(visit)
    if "cable check" not in visit.started and not visit.fault:
        power.test_insulation(most)
    visit.within("cable check", "V2G_SECC_CableCheck_Performance_Time")
    state = power.insulation
    if state is Insulation.FAULT:
        raise Refusal("FAILED", "the insulation test found a fault")
    # A charger with a fault does not test; its status says why, and the vehicle stops.
    if state in (Insulation.RUNNING, Insulation.INVALID) or visit.fault:
        return False
    visit.over("cable check", "precharge")
    visit.tested = True
    return True


def precharge(visit: Visit, request: iso2.PreChargeReq | din.PreChargeReq) -> LimitedOutput:
    """PreCharge: brings the output towards the vehicle's voltage.

    Raises:
        Refusal: V2G_SECC_PreCharge_Performance_Time expired and the charger is strict.
    """
    voltage, current = targets(request)
    return bring_up(visit, voltage, current, "FAILED")


def bring_up(visit: Visit, voltage: float, current: float, wrong: str) -> LimitedOutput:
    """Brings the open output towards a voltage, V, with at most ``current`` A.

    Raises:
        Refusal: the limits of the charger or of the vehicle itself exclude the voltage (ResponseCode ``wrong``); or
            V2G_SECC_PreCharge_Performance_Time expired and the charger is strict.
    """
    power = output(visit)
    if voltage < 0.0:
        raise Refusal(wrong, f"precharge to {voltage:g} V")
    for whose, most in (("the charger", power.limits.max_voltage), ("the vehicle", power.vehicle.voltage)):
        if voltage > most + STEP:
            raise Refusal(wrong, f"precharge to {voltage:g} V, the limit of {whose} is {most:g} V")
    limit = visit.session.timing.V2G_SECC_PreCharge_Performance_Time
    if visit.since("precharge") > limit:
        # Some cars continue for 12 s until their own measurement agrees.
        if not visit.session.tolerant:
            raise Refusal("FAILED", f"V2G_SECC_PreCharge_Performance_Time ({limit:g} s) expired")
        visit.session.tolerate("precharge-time", f"longer than {limit:g} s")
    if visit.fault:
        power.off()
    else:
        check_tested(power)
        power.bring_to(voltage, current)
    return power


def check_tested(power: LimitedOutput) -> None:
    """Checks that the output may be on.

    Raises:
        Refusal: the pilot or a fault has switched it off since the cable check.
    """
    if not power.tested:
        raise Refusal("FAILED", "the output was switched off after the cable check and stays off until the next one")


def follow(visit: Visit, request: iso2.CurrentDemandReq | din.CurrentDemandReq) -> LimitedOutput:
    """CurrentDemand: the output follows the targets unless a fault, a vehicle error or EVReady false forbids it.

    Targets above a limit are clipped, not refused: a vehicle that exceeds the charger's limits learns them from the
    response.
    """
    power = output(visit)
    visit.charged = True
    voltage, current = targets(request)
    power.change(
        *(
            None if value is None else read(value)
            for value, read in (
                (request.EVMaximumVoltageLimit, volts),
                (request.EVMaximumCurrentLimit, amps),
                (request.EVMaximumPowerLimit, watts),
            )
        )
    )
    power.agree(agreed.now(visit).watts)
    if visit.switched_off:
        power.off()
        return power
    check_tested(power)
    if visit.fault or request.DC_EVStatus.EVErrorCode != "NO_ERROR" or not request.DC_EVStatus.EVReady:
        power.ramp_down()  # the vehicle is expected to stop
    else:
        power.deliver(voltage, current)
    return power


async def switch_off(visit: Visit, *, for_good: bool = True) -> None:
    """PowerDelivery(Stop): switches off, and delays the answer until the current is gone, at most by `GONE_WITHIN`.

    ``for_good`` is false when the vehicle renegotiates: some do so without another cable check.

    The delay lets a vehicle that opens its contactors on the answer open them without load.
    """
    power = output(visit)
    if for_good:
        power.off()
    else:
        power.rest()
    end = visit.session.now + GONE_WITHIN
    while abs(power.current) >= NO_CURRENT and visit.session.now < end:
        await asyncio.sleep(LOOKS)
        visit.evse.meter.read()
    if abs(power.current) >= NO_CURRENT:
        visit.tell("slow-off", f"{power.current:.1f} A still flows {GONE_WITHIN:g} s after the output was switched off")


def targets(
    request: iso2.PreChargeReq | din.PreChargeReq | iso2.CurrentDemandReq | din.CurrentDemandReq,
) -> tuple[float, float]:
    """EVTargetVoltage and EVTargetCurrent, V and A; some cars send slightly negative values for zero."""
    return max(volts(request.EVTargetVoltage), 0.0), max(amps(request.EVTargetCurrent), 0.0)
