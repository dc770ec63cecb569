"""The charger's answers in DIN SPEC 70121, one function per request. As :mod:`secc.iso2`, in DIN's names and ways.

DIN knows DC and external payment only; what its schema has besides is not in use.
"""

from __future__ import annotations

from secc.authorizer import Decision
from secc.power import Insulation, PowerSource
from secc.visit import AnswerTable, Refusal, Visit, exceeds
from v2g.messages import din70121 as din
from v2g.messages.din70121 import PhysicalValueType
from v2g.physical import check_unit, number, physical

ANSWERS = AnswerTable()
on = ANSWERS.on

CHARGE_SERVICE = 1
TUPLE_ID = 1
PRECHARGE_CURRENT = 2.0
MAX_ENTRIES = 12
"""Entries of a PMaxSchedule [V2G-DC-329]."""
PMAX_LIMIT = 32767
"""W: the largest PMax that DIN can express. More power is offered all the same, so a profile at this value is fine."""

_ISOLATION = {
    Insulation.INVALID: "Invalid",
    Insulation.RUNNING: "Invalid",
    Insulation.VALID: "Valid",
    Insulation.WARNING: "Warning",
    Insulation.FAULT: "Fault",
}


def volt(amount: float) -> PhysicalValueType:
    value: PhysicalValueType = physical(din, amount, "V")
    return value


def ampere(amount: float) -> PhysicalValueType:
    value: PhysicalValueType = physical(din, amount, "A")
    return value


def watt(amount: float) -> PhysicalValueType:
    value: PhysicalValueType = physical(din, amount, "W", finest=0)
    return value


def output(visit: Visit) -> PowerSource:
    assert visit.evse.power is not None
    return visit.evse.power


def status(visit: Visit, code: str = "EVSE_Ready") -> din.DC_EVSEStatusType:
    """DC_EVSEStatus now; ``code`` is the phase's, which a fault or a wish to stop outdoes."""
    notification, delay = visit.notification
    return din.DC_EVSEStatusType(
        # DIN has no word for a charger without monitor: the element is left out, and vehicles go on.
        EVSEIsolationStatus=_ISOLATION.get(output(visit).insulation),  # type: ignore[arg-type]
        EVSEStatusCode=visit.status_code(code),  # type: ignore[arg-type]
        NotificationMaxDelay=delay,
        # DIN calls renegotiation by the same name but has none.
        EVSENotification=notification if notification != "ReNegotiation" else "None",  # type: ignore[arg-type]
    )


def ready_in_time(visit: Visit) -> None:
    """The ReadyToCharge timer runs from SessionSetupRes to PowerDeliveryRes."""
    limit = visit.session.timing.V2G_SECC_ReadyToCharge_Performance_Time
    visit.within("ready to charge", "V2G_SECC_ReadyToCharge_Performance_Time", limit)


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
    if request.SelectedPaymentOption != "ExternalPayment":
        raise Refusal("FAILED_PaymentSelectionInvalid", f"{request.SelectedPaymentOption} is not offered")
    chosen = [service.ServiceID for service in request.SelectedServiceList.SelectedService]
    if chosen != [CHARGE_SERVICE]:
        text = f"services {chosen}, offered is {CHARGE_SERVICE} [V2G-DC-635]"
        raise Refusal("FAILED_ServiceSelectionInvalid", text)
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
    limit = visit.session.timing.V2G_SECC_Ongoing_Performance_Time
    visit.within("authorization", "V2G_SECC_Ongoing_Performance_Time", limit)
    return din.ContractAuthenticationRes(ResponseCode="OK", EVSEProcessing="Ongoing")


@on(din.ChargeParameterDiscoveryReq)
def charge_parameters(visit: Visit, request: din.ChargeParameterDiscoveryReq) -> din.ChargeParameterDiscoveryRes:
    ready_in_time(visit)
    mode, parameter = request.EVRequestedEnergyTransferType, request.EVChargeParameter
    if mode not in ("DC_extended", "DC_core"):  # a few early cars ask for the latter
        raise Refusal("FAILED_WrongEnergyTransferType", f"{mode} is not offered [V2G-DC-397]")
    if not isinstance(parameter, din.DC_EVChargeParameterType):
        raise Refusal("FAILED_WrongChargeParameter", f"{type(parameter).__name__} for {mode} [V2G-DC-398]")
    voltage = number(check_unit(parameter.EVMaximumVoltageLimit, "V"))
    current = number(check_unit(parameter.EVMaximumCurrentLimit, "A"))
    limits = output(visit).limits
    power = 0.0 if parameter.EVMaximumPowerLimit is None else number(check_unit(parameter.EVMaximumPowerLimit, "W"))
    if voltage <= 0 or current < 0 or power < 0 or voltage < limits.min_voltage:
        text = f"limits of {voltage:g} V, {current:g} A, {power:g} W [V2G-DC-398]"
        raise Refusal("FAILED_WrongChargeParameter", text)
    visit.mode, visit.max_voltage = mode, voltage
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
    slots = visit.offer_schedule(None, MAX_ENTRIES)
    visit.schedule = {TUPLE_ID: slots}
    entries = [
        din.PMaxScheduleEntryType(
            TimeInterval=din.RelativeTimeIntervalType(
                start=slot.start, duration=visit.coverage - slot.start if slot is slots[-1] else None
            ),
            PMax=min(round(slot.watts), PMAX_LIMIT),
        )
        for slot in slots
    ]
    schedule = din.SAScheduleTupleType(
        SAScheduleTupleID=TUPLE_ID, PMaxSchedule=din.PMaxScheduleType(PMaxScheduleID=1, PMaxScheduleEntry=entries)
    )
    return din.ChargeParameterDiscoveryRes(
        ResponseCode="OK",
        # The schema wants a schedule in any case; it counts once it is Finished.
        EVSEProcessing="Finished" if visit.planned() else "Ongoing",
        SASchedules=din.SAScheduleListType(SAScheduleTuple=[schedule]),
        EVSEChargeParameter=offer,
    )


def healthy(vehicle: din.DC_EVStatusType) -> None:
    """Refuses a vehicle that reports an error of its own before power flows."""
    if vehicle.EVErrorCode != "NO_ERROR":
        raise Refusal("FAILED", f"the vehicle reports {vehicle.EVErrorCode}")


@on(din.CableCheckReq)
def cable_check(visit: Visit, request: din.CableCheckReq) -> din.CableCheckRes:
    ready_in_time(visit)
    healthy(request.DC_EVStatus)
    power = output(visit)
    if "cable check" not in visit.started and not visit.fault:
        power.start_insulation_test(min(visit.max_voltage, power.limits.max_voltage, 500.0))
    limit = visit.session.timing.V2G_SECC_CableCheck_Performance_Time
    visit.within("cable check", "V2G_SECC_CableCheck_Performance_Time", limit)
    state = power.insulation
    if state is Insulation.FAULT:
        raise Refusal("FAILED", "the insulation test found a fault")
    # With a fault of the charger there is no test; the status says why, and the vehicle stops.
    if state in (Insulation.RUNNING, Insulation.INVALID) or visit.fault:
        active = status(visit, "EVSE_IsolationMonitoringActive")
        return din.CableCheckRes(ResponseCode="OK", DC_EVSEStatus=active, EVSEProcessing="Ongoing")
    visit.over("cable check", "precharge")
    return din.CableCheckRes(ResponseCode="OK", DC_EVSEStatus=status(visit), EVSEProcessing="Finished")


@on(din.PreChargeReq)
def pre_charge(visit: Visit, request: din.PreChargeReq) -> din.PreChargeRes:
    ready_in_time(visit)
    healthy(request.DC_EVStatus)
    power = output(visit)
    voltage = number(check_unit(request.EVTargetVoltage, "V"))
    current = number(check_unit(request.EVTargetCurrent, "A"))
    if current > PRECHARGE_CURRENT:
        raise Refusal("FAILED", f"target current of {current:g} A in precharge, at most {PRECHARGE_CURRENT:g} A")
    if voltage > power.limits.max_voltage:
        raise Refusal("FAILED", f"{voltage:g} V, at most {power.limits.max_voltage:g} V")
    limit = visit.session.timing.V2G_SECC_PreCharge_Performance_Time
    if visit.since("precharge") > limit:
        if not visit.session.tolerant:
            raise Refusal("FAILED", f"V2G_SECC_PreCharge_Performance_Time ({limit:g} s) expired")
        visit.session.tolerate("precharge-time", f"longer than {limit:g} s")
    if visit.fault:
        power.off()
    else:
        power.precharge(max(voltage, 0.0), max(current, 0.0))
    return din.PreChargeRes(ResponseCode="OK", DC_EVSEStatus=status(visit), EVSEPresentVoltage=volt(power.voltage))


@on(din.PowerDeliveryReq)
def power_delivery(visit: Visit, request: din.PowerDeliveryReq) -> din.PowerDeliveryRes:
    visit.over("precharge")
    power = output(visit)
    if request.ReadyToChargeState:
        ready_in_time(visit)
        if visit.charged:
            raise Refusal("FAILED", "PowerDelivery(true) after CurrentDemand has started")
        if request.ChargingProfile is not None:
            check_profile(visit, request.ChargingProfile)
        if visit.wants_stop:
            why = visit.fault.value if visit.fault else "it wants to stop"
            raise Refusal("FAILED_PowerDeliveryNotApplied", f"the charger cannot deliver: {why} [V2G-DC-401]")
        visit.over("ready to charge")
        visit.delivering, visit.stopped = True, False
    else:
        visit.evse.forget()
        visit.delivering, visit.stopped = False, True
        power.off()
    return din.PowerDeliveryRes(ResponseCode="OK", EVSEStatus=status(visit))


def check_profile(visit: Visit, profile: din.ChargingProfileType) -> None:
    if profile.SAScheduleTupleID not in visit.schedule:
        raise Refusal("FAILED_TariffSelectionInvalid", f"no schedule {profile.SAScheduleTupleID} [V2G-DC-400]")
    slots = visit.schedule[profile.SAScheduleTupleID]
    schedule = [(slot.start, min(round(slot.watts), PMAX_LIMIT)) for slot in slots]
    asked = [(e.ChargingProfileEntryStart, e.ChargingProfileEntryMaxPower) for e in profile.ProfileEntry]
    second = exceeds(sorted(asked), schedule, visit.coverage)
    if second is not None:
        raise Refusal("FAILED_ChargingProfileInvalid", f"more than PMax from {second} s on [V2G-DC-399]")


@on(din.CurrentDemandReq)
def current_demand(visit: Visit, request: din.CurrentDemandReq) -> din.CurrentDemandRes:
    power = output(visit)
    visit.charged = True
    voltage = number(check_unit(request.EVTargetVoltage, "V"))
    current = number(check_unit(request.EVTargetCurrent, "A"))
    if visit.switched_off:
        power.off()
    elif visit.fault or request.DC_EVStatus.EVErrorCode != "NO_ERROR":
        power.aim(power.voltage, 0.0)  # ramp down; the vehicle is expected to stop
    else:
        # A slightly negative target is a real car's way to say zero.
        power.aim(max(voltage, 0.0), max(current, 0.0))
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
        EVSEMaximumPowerLimit=watt(limits.max_power),
    )


@on(din.WeldingDetectionReq)
def welding_detection(visit: Visit, request: din.WeldingDetectionReq) -> din.WeldingDetectionRes:
    visit.evse.off()  # already off, unless the vehicle came here straight from the loop
    visit.delivering = False
    power = output(visit)
    return din.WeldingDetectionRes(
        ResponseCode="OK", DC_EVSEStatus=status(visit), EVSEPresentVoltage=volt(power.voltage)
    )


@on(din.SessionStopReq)
def session_stop(visit: Visit, request: din.SessionStopReq) -> din.SessionStopRes:
    visit.evse.off()
    visit.delivering = False
    visit.ended = "Terminate"
    return din.SessionStopRes(ResponseCode="OK")
