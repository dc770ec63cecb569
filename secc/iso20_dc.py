"""The charger's answers in ISO 15118-20 DC: limits, cable check, precharge, the charge loop, welding detection."""

from __future__ import annotations

import math

from secc import agreed
from secc.dc import accept, bring_up, insulation_tested, output
from secc.iso20_profile import loop_code
from secc.iso20_schedule import chosen
from secc.iso20_status import able, evse_status, meter_info
from secc.power import Ceiling
from secc.visit import AnswerTable, Refusal, Visit
from v2g.messages.iso20 import dc, types
from v2g.physical import PRECHARGE_CURRENT, number, rational

ANSWERS = AnswerTable()
on = ANSWERS.on


def volt(amount: float) -> types.RationalNumberType:
    return rational(amount, -1)


def ampere(amount: float) -> types.RationalNumberType:
    return rational(amount, -1)


def watt(amount: float) -> types.RationalNumberType:
    return rational(amount, down=True)


def limits_of(parameter: dc.DC_CPDReqEnergyTransferModeType) -> Ceiling:
    """The vehicle's limits.

    Raises:
        Refusal: a limit is negative, or a smallest one above its largest.
    """
    for what in ("ChargePower", "ChargeCurrent", "Voltage"):
        least, most = (number(getattr(parameter, f"EV{which}{what}")) for which in ("Minimum", "Maximum"))
        if not 0.0 <= least <= most:
            raise Refusal("FAILED_WrongChargeParameter", f"EVMinimum{what} {least:g}, EVMaximum{what} {most:g}")
    return Ceiling(
        number(parameter.EVMaximumVoltage),
        number(parameter.EVMaximumChargeCurrent),
        number(parameter.EVMaximumChargePower),
    )


@on(dc.DC_ChargeParameterDiscoveryReq)
def charge_parameters(visit: Visit, request: dc.DC_ChargeParameterDiscoveryReq) -> dc.DC_ChargeParameterDiscoveryRes:
    parameter = request.DC_CPDReqEnergyTransferMode
    if chosen(visit).service.energy != "DC" or type(parameter) is not dc.DC_CPDReqEnergyTransferModeType:
        text = f"{type(parameter).__name__} for service {chosen(visit).service.title}"
        raise Refusal("FAILED_WrongChargeParameter", text)
    limits = output(visit).limits
    if number(parameter.EVMinimumVoltage) > limits.max_voltage:
        text = f"EVMinimumVoltage {number(parameter.EVMinimumVoltage):g} V, this charger gives {limits.max_voltage:g} V"
        raise Refusal("FAILED_WrongChargeParameter", text)
    accept(visit, limits_of(parameter), "V2G20")
    visit.mode = "DC_extended"
    return dc.DC_ChargeParameterDiscoveryRes(
        ResponseCode="OK",
        DC_CPDResEnergyTransferMode=dc.DC_CPDResEnergyTransferModeType(
            EVSEMaximumChargePower=watt(limits.max_power),
            EVSEMinimumChargePower=watt(0.0),
            EVSEMaximumChargeCurrent=ampere(limits.max_current),
            EVSEMinimumChargeCurrent=ampere(limits.min_current),
            EVSEMaximumVoltage=volt(limits.max_voltage),
            EVSEMinimumVoltage=volt(limits.min_voltage),
        ),
    )


@on(dc.DC_CableCheckReq)
def cable_check(visit: Visit, request: dc.DC_CableCheckReq) -> dc.DC_CableCheckRes:
    able(visit)
    finished = insulation_tested(visit)
    return dc.DC_CableCheckRes(ResponseCode="OK", EVSEProcessing="Finished" if finished else "Ongoing")


@on(dc.DC_PreChargeReq)
def pre_charge(visit: Visit, request: dc.DC_PreChargeReq) -> dc.DC_PreChargeRes:
    """The vehicle says by EVProcessing Finished that its inlet has the voltage; there is no target current."""
    able(visit)
    power = bring_up(visit, number(request.EVTargetVoltage), PRECHARGE_CURRENT, "FAILED")
    return dc.DC_PreChargeRes(ResponseCode="OK", EVSEPresentVoltage=volt(power.voltage))


# ---------------------------------------------------------------------------------------------------------------
# The loop


@on(dc.DC_ChargeLoopReq)
def charge_loop(visit: Visit, request: dc.DC_ChargeLoopReq) -> dc.DC_ChargeLoopRes:
    """Scheduled: the vehicle's targets. Dynamic: the charger's own, within the vehicle's limits."""
    able(visit)
    power, asked = output(visit), request.CLReqControlMode
    visit.charged = True
    power.agree(agreed.now(visit).watts)
    match asked:
        case dc.BPT_Scheduled_DC_CLReqControlModeType() | dc.BPT_Dynamic_DC_CLReqControlModeType():
            raise Refusal("FAILED", "a bidirectional charge loop in a session that only charges")
        case dc.Scheduled_DC_CLReqControlModeType() if not chosen(visit).dynamic:
            change_limits(visit, asked)
            targets = number(asked.EVTargetVoltage), number(asked.EVTargetCurrent)
        case dc.Dynamic_DC_CLReqControlModeType() if chosen(visit).dynamic:
            change_limits(visit, asked)
            # The current that makes the charger's power at the present voltage; the ceiling holds it within limits.
            most = min(visit.evse.target_power, power.ceiling.power) / max(power.voltage, 1.0)
            targets = power.ceiling.voltage, min(most, power.ceiling.current)
        case other:
            raise Refusal("FAILED", f"{type(other).__name__} in the other control mode")
    if visit.fault or visit.standby:
        power.ramp_down()
    else:
        power.deliver(max(targets[0], 0.0), max(targets[1], 0.0))
    reached = power.reached
    return dc.DC_ChargeLoopRes(
        ResponseCode=loop_code(visit),
        EVSEStatus=evse_status(visit),
        MeterInfo=meter_info(visit) if request.MeterInfoRequested else None,
        EVSEPresentCurrent=ampere(power.current),
        EVSEPresentVoltage=volt(power.voltage),
        EVSEPowerLimitAchieved=reached.power,
        EVSECurrentLimitAchieved=reached.current,
        EVSEVoltageLimitAchieved=reached.voltage,
        CLResControlMode=limits_now(visit),
    )


def change_limits(
    visit: Visit, asked: dc.Scheduled_DC_CLReqControlModeType | dc.Dynamic_DC_CLReqControlModeType
) -> None:
    """The vehicle's limits from the loop, which may only be tighter than those declared.

    Raises:
        Refusal: one is negative.
    """
    limits = [
        None if value is None else number(value)
        for value in (asked.EVMaximumVoltage, asked.EVMaximumChargeCurrent, asked.EVMaximumChargePower)
    ]
    if any(limit is not None and (limit < 0.0 or not math.isfinite(limit)) for limit in limits):
        raise Refusal("FAILED", f"negative limits: {', '.join(f'{limit:g}' for limit in limits if limit is not None)}")
    output(visit).change(*limits)


def limits_now(visit: Visit) -> types.CLResControlModeType:
    """The charger's limits; mandatory in dynamic mode, and said in scheduled mode as well."""
    limits = output(visit).limits
    kind = dc.Dynamic_DC_CLResControlModeType if chosen(visit).dynamic else dc.Scheduled_DC_CLResControlModeType
    return kind(
        EVSEMaximumChargePower=watt(output(visit).max_power),
        EVSEMinimumChargePower=watt(0.0),
        EVSEMaximumChargeCurrent=ampere(limits.max_current),
        EVSEMaximumVoltage=volt(limits.max_voltage),
    )


@on(dc.DC_WeldingDetectionReq)
def welding_detection(visit: Visit, request: dc.DC_WeldingDetectionReq) -> dc.DC_WeldingDetectionRes:
    return dc.DC_WeldingDetectionRes(ResponseCode="OK", EVSEPresentVoltage=volt(output(visit).voltage))
