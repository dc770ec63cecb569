"""The charger's answers in ISO 15118-20 AC: power instead of a current, and a target power in dynamic mode."""

from __future__ import annotations

from secc import agreed
from secc.ac import close_contactor, supply
from secc.iso20_profile import loop_code
from secc.iso20_schedule import chosen
from secc.iso20_status import able, evse_status, meter_info
from secc.visit import AnswerTable, Refusal, Visit
from v2g.messages.iso20 import ac, types
from v2g.phases import total
from v2g.physical import rational

__all__ = ["ANSWERS", "close_contactor"]

ANSWERS = AnswerTable()
on = ANSWERS.on

GRID_FREQUENCY = 50.0
"""Hz: EVSENominalFrequency."""


def watt(amount: float) -> types.RationalNumberType:
    return rational(amount, down=True)


@on(ac.AC_ChargeParameterDiscoveryReq)
def charge_parameters(visit: Visit, request: ac.AC_ChargeParameterDiscoveryReq) -> ac.AC_ChargeParameterDiscoveryRes:
    parameter = request.AC_CPDReqEnergyTransferMode
    if chosen(visit).service.energy != "AC" or type(parameter) is not ac.AC_CPDReqEnergyTransferModeType:
        text = f"{type(parameter).__name__} for service {chosen(visit).service.title}"
        raise Refusal("FAILED_WrongChargeParameter", text)
    least, most = total(parameter, "EVMinimumChargePower"), total(parameter, "EVMaximumChargePower")
    if not 0.0 <= least <= most:
        text = f"EVMinimumChargePower {least:g} W, EVMaximumChargePower {most:g} W"
        raise Refusal("FAILED_WrongChargeParameter", text)
    outlet, phases = supply(visit), phases_in_use(visit)
    visit.mode = "AC_three_phase_core" if phases == 3 else "AC_single_phase_core"
    outlet.in_use = phases
    visit.max_current = visit.declared_current = most / (outlet.nominal_voltage * phases)
    return ac.AC_ChargeParameterDiscoveryRes(
        ResponseCode="OK",
        AC_CPDResEnergyTransferMode=ac.AC_CPDResEnergyTransferModeType(
            EVSEMaximumChargePower=watt(outlet.max_current * outlet.nominal_voltage * phases),
            EVSEMinimumChargePower=watt(0.0),
            EVSENominalFrequency=rational(GRID_FREQUENCY, -2),
        ),
    )


def phases_in_use(visit: Visit) -> int:
    """What the selected connector has, at most what the outlet has."""
    return min(chosen(visit).chosen.phases, supply(visit).phases)


@on(ac.AC_ChargeLoopReq)
def charge_loop(visit: Visit, request: ac.AC_ChargeLoopReq) -> ac.AC_ChargeLoopRes:
    """Scheduled: the schedule binds the vehicle. Dynamic: the charger says how much."""
    able(visit)
    visit.charged = True
    answer: types.CLResControlModeType
    match request.CLReqControlMode:
        case ac.BPT_Scheduled_AC_CLReqControlModeType() | ac.BPT_Dynamic_AC_CLReqControlModeType():
            raise Refusal("FAILED", "a bidirectional charge loop in a session that only charges")
        case ac.Scheduled_AC_CLReqControlModeType() if not chosen(visit).dynamic:
            limits_changed(visit, request.CLReqControlMode)
            answer = ac.Scheduled_AC_CLResControlModeType(EVSEPresentActivePower=watt(supply(visit).power))
        case ac.Dynamic_AC_CLReqControlModeType() as asked if chosen(visit).dynamic:
            limits_changed(visit, asked)
            answer = ac.Dynamic_AC_CLResControlModeType(
                EVSETargetActivePower=watt(target(visit, total(asked, "EVMinimumChargePower"))),
                EVSEPresentActivePower=watt(supply(visit).power),
            )
        case other:
            raise Refusal("FAILED", f"{type(other).__name__} in the other control mode")
    return ac.AC_ChargeLoopRes(
        ResponseCode=loop_code(visit),
        EVSEStatus=evse_status(visit),
        MeterInfo=meter_info(visit) if request.MeterInfoRequested else None,
        CLResControlMode=answer,
    )


def limits_changed(
    visit: Visit, asked: ac.Scheduled_AC_CLReqControlModeType | ac.Dynamic_AC_CLReqControlModeType
) -> None:
    """The vehicle's largest power from the loop, never above what it declared; the supply offers no more than that.

    Raises:
        Refusal: it is negative.
    """
    if asked.EVMaximumChargePower is None:
        return
    most = total(asked, "EVMaximumChargePower")
    if most < 0.0:
        raise Refusal("FAILED", f"EVMaximumChargePower {most:g} W")
    now = most / (supply(visit).nominal_voltage * phases_in_use(visit))
    visit.max_current = min(now, visit.declared_current)


def target(visit: Visit, least: float) -> float:
    """EVSETargetActivePower now, W over all phases: nothing, or at least what the vehicle can do with."""
    outlet = supply(visit)
    most = outlet.nominal_voltage * phases_in_use(visit) * min(outlet.max_current, visit.max_current)
    power = 0.0 if visit.fault or visit.standby else min(agreed.now(visit).watts, most)
    return power if power >= least else 0.0
