"""The charger's answers in ISO 15118-20 DC: limits, cable check, precharge, the charge loop, welding detection."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from secc import agreed, iso20_metering
from secc.bill import receipt
from secc.control import can_give
from secc.dc import accept, bring_up, check_tested, insulation_tested, output
from secc.envelope import STEP
from secc.iso20_profile import loop_code
from secc.iso20_schedule import chosen, needs
from secc.iso20_status import able, evse_status, meter_info
from secc.power import Ceiling
from secc.visit import AnswerTable, Refusal, Visit, disclosing
from v2g.members import dc_members
from v2g.messages.iso20 import dc, types
from v2g.physical import PRECHARGE_CURRENT, magnitude, number, ramp, rational, signed
from v2g.ramp import Ramp

ANSWERS = AnswerTable()
on = ANSWERS.on


def volt(amount: float) -> types.RationalNumberType:
    return rational(amount, -1)


def ampere(amount: float) -> types.RationalNumberType:
    return rational(amount, -1)


def watt(amount: float) -> types.RationalNumberType:
    return rational(amount, down=True)


# ---------------------------------------------------------------------------------------------------------------
# Limits


def limits_of(parameter: dc.DC_CPDReqEnergyTransferModeType) -> Ceiling:
    """The vehicle's limits; discharge limits as magnitudes, zero in a service that only charges.

    Raises:
        Refusal: a limit is negative, or a minimum exceeds its maximum.
    """
    for what, read in (
        ("ChargePower", number),
        ("ChargeCurrent", number),
        ("Voltage", number),
        ("DischargePower", magnitude),
        ("DischargeCurrent", magnitude),
    ):
        if not hasattr(parameter, f"EVMaximum{what}"):
            continue
        least, most = (read(getattr(parameter, f"EV{which}{what}")) for which in ("Minimum", "Maximum"))
        if not 0.0 <= least <= most:
            raise Refusal("FAILED_WrongChargeParameter", f"EVMinimum{what} {least:g}, EVMaximum{what} {most:g}")
    limits = Ceiling(
        number(parameter.EVMaximumVoltage),
        number(parameter.EVMaximumChargeCurrent),
        number(parameter.EVMaximumChargePower),
    )
    if not isinstance(parameter, dc.BPT_DC_CPDReqEnergyTransferModeType):
        return limits
    return limits._replace(
        discharge_current=magnitude(parameter.EVMaximumDischargeCurrent),
        discharge_power=magnitude(parameter.EVMaximumDischargePower),
        least_voltage=number(parameter.EVMinimumVoltage),
    )


def discharge_limits(visit: Visit, power: float) -> dict[str, Any]:
    """The charger's fields for discharging, ``power`` in W; empty in a service that only charges."""
    if not chosen(visit).bidirectional:
        return {}
    limits, negative = output(visit).limits, visit.evse.negative_discharge_limits
    return {
        "EVSEMaximumDischargePower": signed(watt(power), negative=negative),
        "EVSEMinimumDischargePower": watt(0.0),
        "EVSEMaximumDischargeCurrent": signed(ampere(limits.ceiling.discharge_current), negative=negative),
    }


@on(dc.DC_ChargeParameterDiscoveryReq)
def charge_parameters(visit: Visit, request: dc.DC_ChargeParameterDiscoveryReq) -> dc.DC_ChargeParameterDiscoveryRes:
    parameter, control = request.DC_CPDReqEnergyTransferMode, chosen(visit)
    if control.service.energy != "DC" or type(parameter) is not dc_members(control).declares:
        text = f"{type(parameter).__name__} for service {control.service.title}"
        raise Refusal("FAILED_WrongChargeParameter", text)
    limits = output(visit).limits
    discharge = discharge_limits(visit, limits.ceiling.discharge_power)
    if discharge:
        discharge["EVSEMinimumDischargeCurrent"] = ampere(0.0)
    offer = dc_members(control).offers(
        EVSEMaximumChargePower=watt(limits.max_power),
        EVSEMinimumChargePower=watt(0.0),
        EVSEMaximumChargeCurrent=ampere(limits.max_current),
        EVSEMinimumChargeCurrent=ampere(limits.min_current),
        EVSEMaximumVoltage=volt(limits.max_voltage),
        EVSEMinimumVoltage=volt(limits.min_voltage),
        EVSEPowerRampLimitation=None if limits.ramp is None else rational(limits.ramp, -1, down=True),
        **discharge,
    )
    with disclosing(DC_CPDResEnergyTransferMode=offer):
        if number(parameter.EVMinimumVoltage) > limits.max_voltage:
            least = number(parameter.EVMinimumVoltage)
            text = f"the vehicle needs {least:g} V or more, this charger supplies up to {limits.max_voltage:g} V"
            raise Refusal("FAILED_WrongChargeParameter", text, misfit=True)
        accept(visit, limits_of(parameter), "V2G20")
    flows = output(visit).voltage * output(visit).current
    visit.ramp = Ramp(ramp(limits.ramp, limits.max_power), flows)
    visit.mode = "DC_extended"
    return dc.DC_ChargeParameterDiscoveryRes(ResponseCode="OK", DC_CPDResEnergyTransferMode=offer)


@on(dc.DC_CableCheckReq)
def cable_check(visit: Visit, request: dc.DC_CableCheckReq) -> dc.DC_CableCheckRes:
    able(visit)
    finished = insulation_tested(visit)
    return dc.DC_CableCheckRes(ResponseCode="OK", EVSEProcessing="Finished" if finished else "Ongoing")


@on(dc.DC_PreChargeReq)
def pre_charge(visit: Visit, request: dc.DC_PreChargeReq) -> dc.DC_PreChargeRes:
    """Precharges until EVProcessing Finished: the vehicle then has the voltage at its inlet. No target current."""
    able(visit)
    power = bring_up(visit, number(request.EVTargetVoltage), PRECHARGE_CURRENT, "FAILED")
    return dc.DC_PreChargeRes(ResponseCode="OK", EVSEPresentVoltage=volt(power.voltage))


# ---------------------------------------------------------------------------------------------------------------
# The loop


ROUNDED_DOWN = 0.999
"""Fraction of a smallest power that counts as reaching it: volts times amperes is subject to rounding."""


HELD = 0.98
"""Fraction of a current below which the ramp holds it back: the vehicle computes with its own voltage."""


class Targets(NamedTuple):
    """Targets of the output, V and A; a negative current takes power from the vehicle."""

    voltage: float
    current: float


@on(dc.DC_ChargeLoopReq)
def charge_loop(visit: Visit, request: dc.DC_ChargeLoopReq) -> dc.DC_ChargeLoopRes:
    """Scheduled: follows the vehicle's targets. Dynamic: follows the charger's own, within the vehicle's limits."""
    able(visit)
    visit.evse.meter.read()  # it integrates between readings, whether the vehicle wants to see them or not
    power, control, asked = output(visit), chosen(visit), request.CLReqControlMode
    if type(asked) is not dc_members(control).asks:
        raise Refusal("FAILED", f"{type(asked).__name__} instead of {dc_members(control).asks.__name__}")
    first, visit.charged = not visit.charged, True
    what = agreed.now(visit)
    power.agree(what.watts, what.least)
    change_limits(visit, asked)
    if isinstance(asked, dc.Dynamic_DC_CLReqControlModeType):
        targets = steered(visit, asked)
    else:
        targets = Targets(number(asked.EVTargetVoltage), number(asked.EVTargetCurrent))
    check_tested(power)
    # Some cars that only charge send -1 A for zero.
    current = targets.current if control.bidirectional else max(targets.current, 0.0)
    if visit.fault or visit.standby:
        current = 0.0
    ramped = visit.ramp.toward_current(current, power.voltage, visit.session.now)
    if visit.fault or visit.standby:
        power.ramp_down()
    else:
        power.deliver(max(targets.voltage, 0.0), ramped)
    reached = power.reached
    res = dc.DC_ChargeLoopRes(
        ResponseCode=loop_code(visit),
        EVSEStatus=evse_status(visit),
        MeterInfo=meter_info(visit, asked=request.MeterInfoRequested) if request.MeterInfoRequested or first else None,
        Receipt=receipt(visit),
        EVSEPresentCurrent=ampere(power.current),
        EVSEPresentVoltage=volt(power.voltage),
        EVSEPowerLimitAchieved=reached.power or abs(ramped) < abs(current) * HELD - STEP,
        EVSECurrentLimitAchieved=reached.current,
        EVSEVoltageLimitAchieved=reached.voltage,
        CLResControlMode=limits_now(visit),
    )
    return iso20_metering.shown(visit, res, first=first)


def change_limits(
    visit: Visit, asked: dc.Scheduled_DC_CLReqControlModeType | dc.Dynamic_DC_CLReqControlModeType
) -> None:
    """Adopts the vehicle's limits from the loop, which may only be tighter than those declared; a missing one is that.

    If the vehicle lets the charger decide how energy flows in both directions, the ends of the battery's band are
    limits too.

    Raises:
        Refusal: a limit is negative.
    """
    fields = ["EVMaximumVoltage", "EVMaximumChargeCurrent", "EVMaximumChargePower"]
    reads = [number, number, number]
    if chosen(visit).bidirectional:
        fields += ["EVMaximumDischargeCurrent", "EVMaximumDischargePower", "EVMinimumVoltage"]
        reads += [magnitude, magnitude, number]
    given = ((name, read, getattr(asked, name)) for name, read in zip(fields, reads, strict=True))
    said = {name: read(value) for name, read, value in given if value is not None}
    if any(limit < 0.0 or not math.isfinite(limit) for limit in said.values()):
        told = (f"{name} {limit:g}" for name, limit in said.items())
        raise Refusal("FAILED", f"negative limits: {', '.join(told)}")
    limits = [said.get(name, own) for name, own in zip(fields, output(visit).declared, strict=False)]
    if isinstance(asked, dc.BPT_Dynamic_DC_CLReqControlModeType):
        if not can_give(asked):
            limits[fields.index("EVMaximumDischargeCurrent")] = 0.0
        if number(asked.EVMaximumEnergyRequest) <= 0.0:
            limits[fields.index("EVMaximumChargeCurrent")] = 0.0
    output(visit).change(*limits)


def steered(visit: Visit, asked: dc.Dynamic_DC_CLReqControlModeType) -> Targets:
    """Dynamic: the current that gives the charger's power at the present voltage; the ceiling keeps it within limits.

    Zero if that is below the vehicle's smallest power: never a value between 0 and that.
    """
    power, wanted = output(visit), visit.evse.target_power
    top, volts = power.ceiling, max(power.voltage, 1.0)
    if wanted >= 0.0:
        current, least, sign = min(min(wanted, top.power) / volts, top.current), number(asked.EVMinimumChargePower), 1.0
    else:
        current, sign = min(min(-wanted, top.discharge_power) / volts, top.discharge_current), -1.0
        least = 0.0
        if isinstance(asked, dc.BPT_Dynamic_DC_CLReqControlModeType):
            least = magnitude(asked.EVMinimumDischargePower)
    return Targets(top.voltage, sign * current if current * volts >= least * ROUNDED_DOWN else 0.0)


def limits_now(visit: Visit) -> types.CLResControlModeType:
    """The charger's limits; mandatory in dynamic mode, but also sent in scheduled mode.

    They show the direction in which power may flow, or in which the charger wants it, even before the vehicle has
    selected that channel.
    """
    limits, control, what = output(visit).limits, chosen(visit), agreed.meant(visit)
    charge = min(limits.max_power, what.watts)
    discharge = min(limits.ceiling.discharge_power, -what.least)
    more = discharge_limits(visit, discharge)
    if more:
        more["EVSEMinimumVoltage"] = volt(limits.min_voltage)
    return dc_members(control).answers(
        EVSEMaximumChargePower=watt(charge),
        EVSEMinimumChargePower=watt(0.0),
        EVSEMaximumChargeCurrent=ampere(limits.max_current),
        EVSEMaximumVoltage=volt(limits.max_voltage),
        **more,
        **needs(visit).fields(),
    )


@on(dc.DC_WeldingDetectionReq)
def welding_detection(visit: Visit, request: dc.DC_WeldingDetectionReq) -> dc.DC_WeldingDetectionRes:
    return dc.DC_WeldingDetectionRes(ResponseCode="OK", EVSEPresentVoltage=volt(output(visit).voltage))
