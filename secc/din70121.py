"""The charger's answers in DIN SPEC 70121, one function per request. Like :mod:`secc.iso2`, by DIN's names and rules.

DIN uses only DC and external payment; the rest of its schema is unused.
"""

from __future__ import annotations

from secc.authorizer import Decision
from secc.dc import ISOLATION, accept_limits, follow, insulation_tested, output, precharge, switch_off
from secc.visit import AnswerTable, Refusal, StatusCode, Visit, disclosing
from v2g.messages import din70121 as din
from v2g.physical import Quantities

ANSWERS = AnswerTable()
on = ANSWERS.on

CHARGE_SERVICE = 1
TEST_VOLTAGE = 500.0
"""Upper limit of the insulation test, whatever the vehicle and the output could take, V."""
MAX_ENTRIES = 12
"""Maximum number of entries in a PMaxSchedule [V2G-DC-329]."""
PMAX_LIMIT = 32767
"""Largest PMax that DIN can express, W. Chargers offer more power anyway, so a profile at this value is fine."""

quantity = Quantities(din, din.PhysicalValueType)
volt, ampere, watt = quantity.volt, quantity.ampere, quantity.watt


def status(visit: Visit, code: StatusCode = "EVSE_Ready") -> din.DC_EVSEStatusType:
    """Present DC_EVSEStatus; ``code`` is that of the phase, and a fault or a wish to stop overrides it."""
    notification, delay = visit.notification
    return din.DC_EVSEStatusType(
        # DIN has no value for a charger without a monitor: the element is left out, and vehicles continue.
        EVSEIsolationStatus=ISOLATION.get(output(visit).insulation),
        EVSEStatusCode=visit.status_code(code),
        NotificationMaxDelay=delay,
        # DIN has the name for renegotiation, but not the function.
        EVSENotification=notification if notification != "ReNegotiation" else "None",
    )


def ready_in_time(visit: Visit) -> None:
    """The ReadyToCharge timer runs from SessionSetupRes to PowerDeliveryRes."""
    visit.within("ready to charge", "V2G_SECC_ReadyToCharge_Performance_Time")


@on(din.SessionSetupReq)
def session_setup(visit: Visit, request: din.SessionSetupReq) -> din.SessionSetupRes:
    visit.session.id = visit.new_session_id()
    visit.since("ready to charge")
    return din.SessionSetupRes(
        ResponseCode="OK_NewSessionEstablished",
        EVSEID=visit.evse.evse_id.encode("ascii", "replace")[:32],
        DateTimeNow=int(visit.now()),
    )


@on(din.ServiceDiscoveryReq)
def service_discovery(visit: Visit, request: din.ServiceDiscoveryReq) -> din.ServiceDiscoveryRes:
    tag = din.ServiceTagType(ServiceID=CHARGE_SERVICE, ServiceCategory="EVCharging")
    return din.ServiceDiscoveryRes(
        ResponseCode="OK",
        PaymentOptions=din.PaymentOptionsType(PaymentOption=["ExternalPayment"]),
        ChargeService=din.ServiceChargeType(
            ServiceTag=tag, FreeService=visit.evse.free, EnergyTransferType="DC_extended"
        ),
    )


@on(din.ServicePaymentSelectionReq)
def payment_selection(visit: Visit, request: din.ServicePaymentSelectionReq) -> din.ServicePaymentSelectionRes:
    return din.ServicePaymentSelectionRes(ResponseCode="OK")


@on(din.ContractAuthenticationReq)
def authentication(visit: Visit, request: din.ContractAuthenticationReq) -> din.ContractAuthenticationRes:
    ready_in_time(visit)
    if "authorization" not in visit.started:
        visit.evse.authorizer.begin()
    if visit.evse.authorizer.decide() is Decision.ACCEPTED:
        visit.authorized = True
        visit.over("authorization")
        return din.ContractAuthenticationRes(ResponseCode="OK", EVSEProcessing="Finished")
    visit.within("authorization", "V2G_SECC_Ongoing_Performance_Time")
    return din.ContractAuthenticationRes(ResponseCode="OK", EVSEProcessing="Ongoing")


@on(din.ChargeParameterDiscoveryReq)
def charge_parameters(visit: Visit, request: din.ChargeParameterDiscoveryReq) -> din.ChargeParameterDiscoveryRes:
    ready_in_time(visit)
    visit.mode = request.EVRequestedEnergyTransferType
    parameter = request.EVChargeParameter
    assert isinstance(parameter, din.DC_EVChargeParameterType)  # other types have been refused
    limits = output(visit).limits
    offer = din.DC_EVSEChargeParameterType(
        DC_EVSEStatus=status(visit, "EVSE_NotReady"),
        EVSEMaximumCurrentLimit=ampere(limits.max_current),
        EVSEMaximumPowerLimit=watt(limits.max_power),
        EVSEMaximumVoltageLimit=volt(limits.max_voltage),
        EVSEMinimumCurrentLimit=ampere(limits.min_current),
        EVSEMinimumVoltageLimit=volt(limits.min_voltage),
        EVSECurrentRegulationTolerance=ampere(limits.tolerance),
        EVSEPeakCurrentRipple=ampere(limits.ripple),
    )
    with disclosing(EVSEChargeParameter=offer):
        accept_limits(visit, parameter)
    slots = visit.offer_schedule(None, MAX_ENTRIES)
    tuple_id = visit.evse.tuple_ids[0]
    visit.terms.schedule, visit.terms.tuple_id, visit.terms.offered_at = {tuple_id: slots}, tuple_id, visit.session.now
    visit.agreed_anew()
    entries = [
        din.PMaxScheduleEntryType(
            TimeInterval=din.RelativeTimeIntervalType(
                start=slot.start, duration=visit.terms.coverage - slot.start if slot is slots[-1] else None
            ),
            PMax=min(round(slot.watts), PMAX_LIMIT),
        )
        for slot in slots
    ]
    schedule = din.SAScheduleTupleType(
        SAScheduleTupleID=tuple_id, PMaxSchedule=din.PMaxScheduleType(PMaxScheduleID=1, PMaxScheduleEntry=entries)
    )
    return din.ChargeParameterDiscoveryRes(
        ResponseCode="OK",
        # The schema always requires a schedule; it counts only once EVSEProcessing is Finished.
        EVSEProcessing="Finished" if visit.planned() else "Ongoing",
        SASchedules=din.SAScheduleListType(SAScheduleTuple=[schedule]),
        EVSEChargeParameter=offer,
    )


@on(din.CableCheckReq)
def cable_check(visit: Visit, request: din.CableCheckReq) -> din.CableCheckRes:
    ready_in_time(visit)
    if insulation_tested(visit, TEST_VOLTAGE):
        return din.CableCheckRes(ResponseCode="OK", DC_EVSEStatus=status(visit), EVSEProcessing="Finished")
    active = status(visit, "EVSE_IsolationMonitoringActive")
    return din.CableCheckRes(ResponseCode="OK", DC_EVSEStatus=active, EVSEProcessing="Ongoing")


@on(din.PreChargeReq)
def pre_charge(visit: Visit, request: din.PreChargeReq) -> din.PreChargeRes:
    ready_in_time(visit)
    power = precharge(visit, request)
    return din.PreChargeRes(ResponseCode="OK", DC_EVSEStatus=status(visit), EVSEPresentVoltage=volt(power.voltage))


@on(din.PowerDeliveryReq)
async def power_delivery(visit: Visit, request: din.PowerDeliveryReq) -> din.PowerDeliveryRes:
    visit.over("precharge")
    if request.ReadyToChargeState:
        ready_in_time(visit)
        if visit.wants_stop:
            why = visit.fault.value if visit.fault else "it wants to stop"
            raise Refusal("FAILED_PowerDeliveryNotApplied", f"the charger cannot deliver: {why} [V2G-DC-401]")
        visit.over("ready to charge")
        visit.delivering, visit.stopped = True, False
    else:
        visit.evse.forget()
        visit.power_over()
        visit.stopped = True
        await switch_off(visit)
    return din.PowerDeliveryRes(ResponseCode="OK", EVSEStatus=status(visit))


@on(din.CurrentDemandReq)
def current_demand(visit: Visit, request: din.CurrentDemandReq) -> din.CurrentDemandRes:
    power = follow(visit, request)
    visit.evse.meter.read()
    limits, reached = power.limits, power.reached
    return din.CurrentDemandRes(
        ResponseCode="OK",
        DC_EVSEStatus=status(visit),
        EVSEPresentVoltage=volt(power.voltage),
        EVSEPresentCurrent=ampere(power.current),
        EVSECurrentLimitAchieved=reached.current,
        EVSEVoltageLimitAchieved=reached.voltage,
        EVSEPowerLimitAchieved=reached.power,
        EVSEMaximumVoltageLimit=volt(limits.max_voltage),
        EVSEMaximumCurrentLimit=ampere(limits.max_current),
        EVSEMaximumPowerLimit=watt(power.max_power),
    )


@on(din.WeldingDetectionReq)
def welding_detection(visit: Visit, request: din.WeldingDetectionReq) -> din.WeldingDetectionRes:
    visit.evse.off()  # already off, unless the vehicle came here straight from the loop
    visit.power_over()
    power = output(visit)
    return din.WeldingDetectionRes(
        ResponseCode="OK", DC_EVSEStatus=status(visit), EVSEPresentVoltage=volt(power.voltage)
    )


@on(din.SessionStopReq)
def session_stop(visit: Visit, request: din.SessionStopReq) -> din.SessionStopRes:
    visit.evse.off()
    visit.power_over()
    visit.ended = "Terminate"
    return din.SessionStopRes(ResponseCode="OK")
