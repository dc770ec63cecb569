"""The charger's answers in ISO 15118-20 AC: powers instead of a current, in both directions in bidirectional services.

Scheduled: the schedule binds the vehicle. Dynamic: EVSETargetActivePower is the command, negative to discharge. One
loop serves all modes; :mod:`v2g.members` has the classes of each.
"""

from __future__ import annotations

import math
from typing import Any

from secc import agreed, iso20_metering
from secc.ac import close_contactor, supply, watch
from secc.bill import receipt
from secc.control import can_give
from secc.iso20_profile import loop_code
from secc.iso20_schedule import chosen, needs
from secc.iso20_status import able, evse_status, meter_info
from secc.visit import AnswerTable, Refusal, Visit
from slac.pilot import DUTY_CHANGE
from v2g import energy, phases
from v2g.members import ac_members
from v2g.messages.iso20 import ac, types
from v2g.phases import total
from v2g.physical import rational

__all__ = ["ANSWERS", "close_contactor"]

ANSWERS = AnswerTable()
on = ANSWERS.on


def spread(visit: Visit, name: str, amount: float) -> dict[str, types.RationalNumberType]:
    """A quantity over all phases, evenly split, as fields; one field per phase if the vehicle wants that."""
    count = phases_in_use(visit)
    return phases.elements(name, [amount / count] * count, apart=visit.line.per_phase)


def phases_in_use(visit: Visit) -> int:
    """Number of phases of the selected connector, at most that of the outlet."""
    return min(chosen(visit).chosen.phases, supply(visit).phases)


# ---------------------------------------------------------------------------------------------------------------
# Limits


@on(ac.AC_ChargeParameterDiscoveryReq)
def charge_parameters(visit: Visit, request: ac.AC_ChargeParameterDiscoveryReq) -> ac.AC_ChargeParameterDiscoveryRes:
    parameter, control = request.AC_CPDReqEnergyTransferMode, chosen(visit)
    if control.service.energy != "AC" or type(parameter) is not ac_members(control).declares:
        text = f"{type(parameter).__name__} for service {control.service.title}"
        raise Refusal("FAILED_WrongChargeParameter", text)
    outlet, count = supply(visit), phases_in_use(visit)
    visit.line.per_phase = count > 1 and phases.per_phase(parameter, "EVMaximumChargePower")
    visit.mode = "AC_three_phase_core" if count == 3 else "AC_single_phase_core"
    outlet.in_use = count
    per_phase = outlet.nominal_voltage * count
    visit.line.phase_limits = {}
    visit.line.least_power, most = limits_of(visit, parameter, "Charge")
    visit.line.max_current = visit.line.declared_current = most / per_phase
    visit.line.max_discharge_current = visit.line.declared_discharge_current = visit.line.least_discharge = 0.0
    charging, giving = outlet.most(count)
    fields = {
        **spread(visit, "EVSEMaximumChargePower", charging),
        **spread(visit, "EVSEMinimumChargePower", 0.0),
        "EVSENominalFrequency": rational(outlet.frequency, -2),
    }
    if outlet.max_asymmetry is not None:
        fields["MaximumPowerAsymmetry"] = rational(outlet.max_asymmetry, down=True)
    if outlet.ramp is not None:
        fields["EVSEPowerRampLimitation"] = rational(outlet.ramp, -1, down=True)
    if control.bidirectional:
        visit.line.least_discharge, most = limits_of(visit, parameter, "Discharge")
        visit.line.max_discharge_current = visit.line.declared_discharge_current = most / per_phase
        sign = -1.0 if visit.evse.negative_discharge_limits else 1.0
        fields |= spread(visit, "EVSEMaximumDischargePower", sign * giving)
        fields |= spread(visit, "EVSEMinimumDischargePower", 0.0)
    return ac.AC_ChargeParameterDiscoveryRes(
        ResponseCode="OK", AC_CPDResEnergyTransferMode=ac_members(control).offers(**fields)
    )


def limits_of(visit: Visit, parameter: Any, direction: str) -> tuple[float, float]:
    """The vehicle's smallest and largest power in a direction, W over all phases, as magnitudes.

    Raises:
        Refusal: the smallest power exceeds the largest, or a limit of charging is negative.
    """
    names = [f"EV{which}{direction}Power" for which in ("Minimum", "Maximum")]
    values = [phases.given(parameter, name, phases_in_use(visit)) for name in names]
    if direction == "Discharge":  # senders do not agree on the sign
        values = [tuple(map(abs, value)) for value in values]
    least, most = map(sum, values)
    if any(part < 0.0 for value in values for part in value) or least > most:
        raise Refusal("FAILED_WrongChargeParameter", f"{names[0]} {least:g} W, {names[1]} {most:g} W")
    if visit.line.per_phase:
        visit.line.phase_limits[direction] = values[1]
    return least, most


# ---------------------------------------------------------------------------------------------------------------
# The loop


@on(ac.AC_ChargeLoopReq)
def charge_loop(visit: Visit, request: ac.AC_ChargeLoopReq) -> ac.AC_ChargeLoopRes:
    """Answers in all modes, with the block of the kind that was selected [V2G20-1600]."""
    able(visit)
    visit.evse.meter.read()  # it integrates between readings, whether the vehicle wants to see them or not
    control, asked, evse = chosen(visit), request.CLReqControlMode, visit.evse
    if type(asked) is not ac_members(control).asks:
        text = f"{type(asked).__name__} instead of {ac_members(control).asks.__name__}"
        raise Refusal("FAILED", text)
    first, visit.charged = not visit.charged, True
    limits_changed(visit, asked)
    watch(visit)
    fields: dict[str, Any] = spread(visit, "EVSEPresentActivePower", supply(visit).power)
    if isinstance(asked, types.Dynamic_CLReqControlModeType):
        fields |= needs(visit).fields() | {"AckMaxDelay": round(DUTY_CHANGE)}
        fields |= phases.elements("EVSETargetActivePower", target(visit, asked), apart=visit.line.per_phase)
    if evse.reactive_power is not None:
        fields |= spread(visit, "EVSETargetReactivePower", 0.0 if visit.standby else evse.reactive_power)
    forming = control.chosen.generator == energy.GRID_FORMING
    res = ac.AC_ChargeLoopRes(
        ResponseCode=loop_code(visit),
        EVSEStatus=evse_status(visit),
        MeterInfo=meter_info(visit, asked=request.MeterInfoRequested) if request.MeterInfoRequested or first else None,
        Receipt=receipt(visit),
        EVSETargetFrequency=rational(supply(visit).frequency, -2) if forming else None,
        CLResControlMode=ac_members(control).answers(**fields),
    )
    return iso20_metering.shown(visit, res, first=first)


def limits_changed(visit: Visit, asked: Any) -> None:
    """Adopts the vehicle's limits from the loop, never wider than declared; a missing one is that.

    The supply offers no more than they allow.

    Raises:
        Refusal: a limit of charging is negative.
    """
    count = phases_in_use(visit)
    per_phase, line = supply(visit).nominal_voltage * count, visit.line
    line.max_current, line.max_discharge_current = line.declared_current, line.declared_discharge_current
    if asked.EVMaximumChargePower is not None:
        most = total(asked, "EVMaximumChargePower", count)
        if most < 0.0:
            raise Refusal("FAILED", f"EVMaximumChargePower {most:g} W")
        line.max_current = min(most / per_phase, line.declared_current)
    if asked.EVMinimumChargePower is not None:
        line.least_power = max(total(asked, "EVMinimumChargePower", count), 0.0)
    if getattr(asked, "EVMaximumDischargePower", None) is not None:
        most = sum(map(abs, phases.given(asked, "EVMaximumDischargePower", count)))
        line.max_discharge_current = min(most / per_phase, line.declared_discharge_current)
    if getattr(asked, "EVMinimumDischargePower", None) is not None:
        line.least_discharge = sum(map(abs, phases.given(asked, "EVMinimumDischargePower", count)))


def target(visit: Visit, asked: types.Dynamic_CLReqControlModeType) -> list[float]:
    """Present EVSETargetActivePower of each phase, W: the power that the charger wants, within both sides' limits.

    Zero if that is below the vehicle's smallest power: never a value between 0 and that. A vehicle that has reached the
    lower end of its band is not discharged.
    """
    count = phases_in_use(visit)
    nothing = [0.0] * count
    if visit.fault or visit.standby:
        return nothing
    outlet, what, line = supply(visit), agreed.meant(visit), visit.line
    per_phase = outlet.nominal_voltage * count
    charging, giving = outlet.most(count)
    if what.watts > 0.0:
        power, sign, direction = min(what.watts, charging, per_phase * line.max_current), 1.0, "Charge"
        least = line.least_power
    elif can_give(asked):
        power, sign, direction = min(-what.least, giving, per_phase * line.max_discharge_current), -1.0, "Discharge"
        least = line.least_discharge
    else:
        return nothing
    declared = line.phase_limits.get(direction, ())
    now = phases.given(asked, f"EVMaximum{direction}Power", count)
    both = zip(now if len(now) == count else declared, declared, strict=False)
    limits = [min(map(abs, pair)) for pair in both] or [math.inf] * count
    shares = [sign * min(power / count, limit) for limit in limits]
    return shares if abs(sum(shares)) >= least else nothing
