"""The charger's answers in ISO 15118-2, one function per request.

Each function takes the :class:`~secc.visit.Visit` and a request that passed the checks, and returns the response; it
refuses by raising :class:`~secc.visit.Refusal`. Contract payment is in :mod:`secc.contract` and
:mod:`secc.provisioning`, services in :mod:`secc.iso2_services`, schedules and tariffs in :mod:`secc.schedule`, control
of the DC output in :mod:`secc.dc`.
"""

from __future__ import annotations

from typing import Any, cast

from secc import ac, contract, dc, iso2_services, provisioning, schedule
from secc.authorizer import Decision
from secc.charger import Wish
from secc.dc import accept_limits, follow, insulation_tested, output, precharge, switch_off
from secc.pauses import Paused
from secc.power import Insulation
from secc.services import CHARGE_SERVICE
from secc.visit import AnswerTable, Refusal, StatusCode, Visit, disclosing
from v2g.messages import iso2
from v2g.physical import Quantities

ANSWERS = AnswerTable()
on = ANSWERS.on

ISOLATION: dict[Insulation, iso2.isolationLevelType] = {**dc.ISOLATION, Insulation.NO_MONITOR: "No_IMD"}

quantity = Quantities(iso2, iso2.PhysicalValueType)
volt, ampere, watt = quantity.volt, quantity.ampere, quantity.watt
at_most = Quantities(iso2, iso2.PhysicalValueType, down=True).ampere


def dc_status(visit: Visit, code: StatusCode = "EVSE_Ready") -> iso2.DC_EVSEStatusType:
    """Present DC_EVSEStatus; ``code`` is that of the phase, and a fault or a wish to stop overrides it."""
    notification, delay = visit.notification
    return iso2.DC_EVSEStatusType(
        NotificationMaxDelay=delay,
        EVSENotification=notification,
        EVSEIsolationStatus=ISOLATION[output(visit).insulation],
        EVSEStatusCode=visit.status_code(code),
    )


def ac_status(visit: Visit) -> iso2.AC_EVSEStatusType:
    """Present AC_EVSEStatus."""
    assert visit.evse.ac is not None
    notification, delay = visit.notification
    return iso2.AC_EVSEStatusType(
        NotificationMaxDelay=delay,
        EVSENotification=notification,
        RCD=visit.evse.ac.rcd_tripped,
    )


def meter_info(visit: Visit) -> iso2.MeterInfoType:
    return iso2.MeterInfoType(
        MeterID=visit.evse.meter.meter_id, MeterReading=round(visit.evse.meter.read()), TMeter=int(visit.now())
    )


# ---------------------------------------------------------------------------------------------------------------
# Until power is agreed


@on(iso2.SessionSetupReq)
def session_setup(visit: Visit, request: iso2.SessionSetupReq) -> iso2.SessionSetupRes:
    visit.resumed = visit.paused.pop(visit.asked_id, None)
    visit.session.id = visit.asked_id if visit.resumed else visit.new_session_id()
    return iso2.SessionSetupRes(
        ResponseCode="OK_OldSessionJoined" if visit.resumed else "OK_NewSessionEstablished",
        EVSEID=visit.evse.evse_id,
        EVSETimeStamp=int(visit.now()),
    )


def payment_options(visit: Visit) -> list[iso2.paymentOptionType]:
    """Payment options offered; after a pause only the one chosen before [V2G2-463]."""
    if visit.resumed:
        return [cast(iso2.paymentOptionType, visit.resumed.payment)]
    if visit.contracts is not None and visit.secure:  # a contract needs TLS
        return ["Contract", "ExternalPayment"] if visit.contracts.external else ["Contract"]
    return ["ExternalPayment"]


def offered_modes(visit: Visit) -> list[str]:
    """Energy transfer modes offered; after a pause only the one chosen before [V2G2-463]."""
    if visit.resumed:
        return [visit.resumed.mode]
    modes = visit.evse.connector.modes
    if visit.dc:
        return [mode for mode in modes if mode.startswith("DC")]
    assert visit.evse.ac is not None
    phases = {1: ["AC_single_phase_core"], 3: ["AC_three_phase_core", "AC_single_phase_core"]}[visit.evse.ac.phases]
    return [mode for mode in modes if mode in phases]


@on(iso2.ServiceDiscoveryReq)
def service_discovery(visit: Visit, request: iso2.ServiceDiscoveryReq) -> iso2.ServiceDiscoveryRes:
    modes: Any = offered_modes(visit)
    return iso2.ServiceDiscoveryRes(
        ResponseCode="OK",
        PaymentOptionList=iso2.PaymentOptionListType(PaymentOption=payment_options(visit)),
        ChargeService=iso2.ChargeServiceType(
            ServiceID=CHARGE_SERVICE,
            ServiceCategory="EVCharging",
            FreeService=visit.evse.free,
            SupportedEnergyTransferMode=iso2.SupportedEnergyTransferModeType(EnergyTransferMode=modes),
        ),
        ServiceList=iso2_services.service_list(visit, request),
    )


@on(iso2.ServiceDetailReq)
def service_detail(visit: Visit, request: iso2.ServiceDetailReq) -> iso2.ServiceDetailRes:
    return iso2_services.details(visit, request)


@on(iso2.PaymentServiceSelectionReq)
def payment_selection(visit: Visit, request: iso2.PaymentServiceSelectionReq) -> iso2.PaymentServiceSelectionRes:
    iso2_services.select(visit, request.SelectedServiceList.SelectedService)
    visit.payment = request.SelectedPaymentOption
    return iso2.PaymentServiceSelectionRes(ResponseCode="OK")


on(iso2.CertificateInstallationReq)(provisioning.install)
on(iso2.CertificateUpdateReq)(provisioning.update)
on(iso2.PaymentDetailsReq)(contract.payment_details)


@on(iso2.AuthorizationReq)
def authorization(visit: Visit, request: iso2.AuthorizationReq) -> iso2.AuthorizationRes:
    by_contract = visit.payment == "Contract"
    if by_contract:
        contract.prove(visit, request)
    resumed = visit.resumed is not None and visit.resumed.authorized
    if "authorization" not in visit.started and not resumed:
        visit.evse.authorizer.begin(visit.contract.emaid if visit.contract else None)
    decision = Decision.ACCEPTED if resumed else visit.evse.authorizer.decide()
    if by_contract:
        contract.judge(visit, decision)
    if decision is Decision.ACCEPTED:
        visit.authorized = True
        visit.over("authorization")
        return iso2.AuthorizationRes(ResponseCode="OK", EVSEProcessing="Finished")
    visit.within("authorization", "V2G_SECC_Ongoing_Performance_Time")
    # Runs until a positive decision, whatever the reason for the wait; after a refused card the user may try another
    # [V2G2-854, 856].
    waiting: iso2.EVSEProcessingType = "Ongoing" if by_contract else "Ongoing_WaitingForCustomerInteraction"
    return iso2.AuthorizationRes(ResponseCode="OK", EVSEProcessing=waiting)


@on(iso2.ChargeParameterDiscoveryReq)
def charge_parameters(visit: Visit, request: iso2.ChargeParameterDiscoveryReq) -> iso2.ChargeParameterDiscoveryRes:
    mode, parameter = request.RequestedEnergyTransferMode, request.EVChargeParameter
    if mode.startswith("DC") != visit.dc:
        raise Refusal("FAILED_WrongEnergyTransferMode", f"{mode}, which this outlet does not offer [V2G2-476]")
    visit.mode = mode
    with disclosing(EVSEChargeParameter=dc_parameters(visit) if visit.dc else ac_parameters(visit)):
        if isinstance(parameter, iso2.DC_EVChargeParameterType):
            accept_limits(visit, parameter)
        elif isinstance(parameter, iso2.AC_EVChargeParameterType):
            ac.accept(visit, parameter)
    limits = dc_parameters(visit) if visit.dc else ac_parameters(visit)
    if not visit.planned():
        return iso2.ChargeParameterDiscoveryRes(ResponseCode="OK", EVSEProcessing="Ongoing", EVSEChargeParameter=limits)
    tuples = schedule.offer(visit, parameter.DepartureTime, request.MaxEntriesSAScheduleTuple)
    return iso2.ChargeParameterDiscoveryRes(
        ResponseCode="OK",
        EVSEProcessing="Finished",
        SASchedules=iso2.SAScheduleListType(SAScheduleTuple=tuples),
        EVSEChargeParameter=limits,
    )


def dc_parameters(visit: Visit) -> iso2.DC_EVSEChargeParameterType:
    limits = output(visit).limits
    return iso2.DC_EVSEChargeParameterType(
        DC_EVSEStatus=dc_status(visit, "EVSE_NotReady"),
        EVSEMaximumCurrentLimit=ampere(limits.max_current),
        EVSEMaximumPowerLimit=watt(limits.max_power),
        EVSEMaximumVoltageLimit=volt(limits.max_voltage),
        EVSEMinimumCurrentLimit=ampere(limits.min_current),
        EVSEMinimumVoltageLimit=volt(limits.min_voltage),
        EVSECurrentRegulationTolerance=ampere(limits.tolerance),
        EVSEPeakCurrentRipple=ampere(limits.ripple),
    )


def ac_parameters(visit: Visit) -> iso2.AC_EVSEChargeParameterType:
    assert visit.evse.ac is not None
    return iso2.AC_EVSEChargeParameterType(
        AC_EVSEStatus=ac_status(visit),
        EVSENominalVoltage=volt(visit.evse.ac.nominal_voltage),
        EVSEMaxCurrent=at_most(ac.best(visit)),
    )


# ---------------------------------------------------------------------------------------------------------------
# DC until power flows


@on(iso2.CableCheckReq)
def cable_check(visit: Visit, request: iso2.CableCheckReq) -> iso2.CableCheckRes:
    if insulation_tested(visit):
        return iso2.CableCheckRes(ResponseCode="OK", DC_EVSEStatus=dc_status(visit), EVSEProcessing="Finished")
    status = dc_status(visit, "EVSE_IsolationMonitoringActive")
    return iso2.CableCheckRes(ResponseCode="OK", DC_EVSEStatus=status, EVSEProcessing="Ongoing")


@on(iso2.PreChargeReq)
def pre_charge(visit: Visit, request: iso2.PreChargeReq) -> iso2.PreChargeRes:
    power = precharge(visit, request)
    return iso2.PreChargeRes(ResponseCode="OK", DC_EVSEStatus=dc_status(visit), EVSEPresentVoltage=volt(power.voltage))


# ---------------------------------------------------------------------------------------------------------------
# Power


@on(iso2.PowerDeliveryReq)
async def power_delivery(visit: Visit, request: iso2.PowerDeliveryReq) -> iso2.PowerDeliveryRes:
    visit.over("precharge")
    if request.ChargeProgress == "Start":
        await start(visit, request)
    else:
        # The vehicle's error code has no influence here: it is stopping.
        visit.stopped = request.ChargeProgress == "Stop"
        if visit.stopped or visit.evse.notification.wish is Wish.RENEGOTIATE:
            visit.evse.forget()  # a wish to stop outlives a renegotiation that the vehicle had begun
        visit.power_over()
        if visit.dc:
            await switch_off(visit, for_good=visit.stopped)
        elif visit.stopped:
            visit.evse.off()
    status: iso2.EVSEStatusType = dc_status(visit) if visit.dc else ac_status(visit)
    return iso2.PowerDeliveryRes(ResponseCode="OK", EVSEStatus=status)


async def start(visit: Visit, request: iso2.PowerDeliveryReq) -> None:
    """Accepts the chosen schedule and profile, and closes the contactor of an AC outlet."""
    profile = schedule.keep(request.ChargingProfile) if request.ChargingProfile is not None else ()
    visit.check_may_start()
    visit.terms.tuple_id, visit.terms.profile = request.SAScheduleTupleID, profile
    if not visit.dc:
        ac.offer(visit)
        await ac.close_contactor(visit)
    visit.delivering, visit.stopped = True, False
    visit.agreed_anew()


@on(iso2.CurrentDemandReq)
def current_demand(visit: Visit, request: iso2.CurrentDemandReq) -> iso2.CurrentDemandRes:
    power = follow(visit, request)
    limits, reached = power.limits, power.reached
    return iso2.CurrentDemandRes(
        ResponseCode="OK",
        DC_EVSEStatus=dc_status(visit),
        EVSEPresentVoltage=volt(power.voltage),
        EVSEPresentCurrent=ampere(power.current),
        EVSECurrentLimitAchieved=reached.current,
        EVSEVoltageLimitAchieved=reached.voltage,
        EVSEPowerLimitAchieved=reached.power,
        EVSEMaximumVoltageLimit=volt(limits.max_voltage),
        EVSEMaximumCurrentLimit=ampere(limits.max_current),
        EVSEMaximumPowerLimit=watt(power.max_power),
        EVSEID=visit.evse.evse_id,
        SAScheduleTupleID=visit.terms.tuple_id,
        MeterInfo=meter_info(visit),
        ReceiptRequired=contract.asked_receipt(visit),
    )


@on(iso2.ChargingStatusReq)
def charging_status(visit: Visit, request: iso2.ChargingStatusReq) -> iso2.ChargingStatusRes:
    assert visit.evse.ac is not None
    visit.charged = True
    return iso2.ChargingStatusRes(
        ResponseCode="OK",
        EVSEID=visit.evse.evse_id,
        SAScheduleTupleID=visit.terms.tuple_id,
        EVSEMaxCurrent=at_most(ac.offer(visit)),
        MeterInfo=meter_info(visit),
        ReceiptRequired=contract.asked_receipt(visit),
        AC_EVSEStatus=ac_status(visit),
    )


@on(iso2.MeteringReceiptReq)
def metering_receipt(visit: Visit, request: iso2.MeteringReceiptReq) -> iso2.MeteringReceiptRes:
    contract.check_receipt(visit, request)
    status: iso2.EVSEStatusType = dc_status(visit) if visit.dc else ac_status(visit)
    return iso2.MeteringReceiptRes(ResponseCode="OK", EVSEStatus=status)


# ---------------------------------------------------------------------------------------------------------------
# The end


@on(iso2.WeldingDetectionReq)
def welding_detection(visit: Visit, request: iso2.WeldingDetectionReq) -> iso2.WeldingDetectionRes:
    power = output(visit)
    return iso2.WeldingDetectionRes(
        ResponseCode="OK", DC_EVSEStatus=dc_status(visit), EVSEPresentVoltage=volt(power.voltage)
    )


@on(iso2.SessionStopReq)
def session_stop(visit: Visit, request: iso2.SessionStopReq) -> iso2.SessionStopRes:
    visit.evse.off()
    visit.power_over()
    if request.ChargingSession == "Pause":
        visit.paused[visit.session.id] = Paused(
            "iso2", visit.mode, visit.terms.tuple_id, visit.authorized, visit.payment, visit.schedule_began
        )
    visit.ended = request.ChargingSession
    return iso2.SessionStopRes(ResponseCode="OK")
