"""The charger's answers in ISO 15118-20 that AC and DC have in common, in the order of the messages.

Like :mod:`secc.iso2`; :mod:`secc.iso20_dc` and :mod:`secc.iso20_ac` have the DC and AC messages,
:mod:`secc.iso20_schedule` the offer of ScheduleExchange, :mod:`secc.iso20_profile` the rules for the vehicle's power
profile. Differences that shape these answers: every FAILED ends the session, a WARNING does not change its state.
Without a status field, a charger that cannot continue answers FAILED, and one that wants something uses EVSEStatus,
which only the messages of the power flow have: before that, one that wants to stop answers FAILED too.
"""

from __future__ import annotations

from typing import Any

from boundary.text import visible
from secc import (
    control,
    iso20_ac,
    iso20_contract,
    iso20_dc,
    iso20_metering,
    iso20_profile,
    iso20_provisioning,
    iso20_schedule,
    iso20_services,
)
from secc.authorizer import Decision
from secc.charger import Wish
from secc.dc import switch_off
from secc.iso20_status import delivery_status
from secc.minimal import minimal
from secc.pauses import Paused
from secc.terms import Terms
from secc.visit import Answer, AnswerTable, Refusal, Visit
from v2g import energy
from v2g.messages import schema
from v2g.messages.iso20 import ac, common, dc, types

ANSWERS = AnswerTable({**iso20_dc.ANSWERS, **iso20_ac.ANSWERS, **iso20_provisioning.ANSWERS, **iso20_metering.ANSWERS})
on = ANSWERS.on

BEFORE_POWER: tuple[type[Any], ...] = (
    common.AuthorizationSetupReq,
    common.AuthorizationReq,
    common.CertificateInstallationReq,
    common.ServiceDiscoveryReq,
    common.ServiceDetailReq,
    common.ServiceSelectionReq,
    dc.DC_ChargeParameterDiscoveryReq,
    ac.AC_ChargeParameterDiscoveryReq,
    common.ScheduleExchangeReq,
    dc.DC_CableCheckReq,
    dc.DC_PreChargeReq,
)
"""Requests on the way to the power flow: their responses cannot ask the vehicle to stop."""


# ---------------------------------------------------------------------------------------------------------------
# Who, and whether


@on(common.SessionSetupReq)
def session_setup(visit: Visit, request: common.SessionSetupReq) -> common.SessionSetupRes:
    """Lets the vehicle that paused a session resume it; any other gets a new session, without a reason."""
    if visit.certified and visit.certified != request.EVCCID:
        text = f"EVCCID {visible(request.EVCCID)}, the vehicle certificate is that of {visible(visit.certified)}"
        visit.tell("evccid", text)
    kept = visit.paused.get(visit.asked_id)
    if kept is not None and kept.control is not None and known_again(visit, kept):
        visit.resumed, visit.control = visit.paused.pop(visit.asked_id), kept.control
        visit.authorized, visit.contract = True, kept.contract
        visit.session.id = visit.asked_id
        visit.mode, visit.added = kept.mode, kept.added
        visit.evse.meter.begin(kept.charged_wh, kept.discharged_wh, kept.reactive)
    else:
        visit.session.id = visit.new_session_id()
        visit.evse.manager.rest()
    return common.SessionSetupRes(
        ResponseCode="OK_OldSessionJoined" if visit.resumed else "OK_NewSessionEstablished",
        EVSEID=visit.evse.evse_id,
    )


def known_again(visit: Visit, kept: Paused) -> bool:
    """Whether this is the vehicle that paused, by its certificate. Without one, a bench may accept the id instead."""
    if not visit.binding and not kept.binding and visit.session.tolerant:
        visit.session.tolerate("resume-unproven", "the session was resumed without a vehicle certificate")
        return True
    return bool(visit.binding) and visit.binding == kept.binding


@on(common.AuthorizationSetupReq)
def authorization_setup(visit: Visit, request: common.AuthorizationSetupReq) -> common.AuthorizationSetupRes:
    if (contracts := iso20_contract.offered(visit)) is not None:
        return iso20_contract.setup(visit, contracts)
    return common.AuthorizationSetupRes(
        ResponseCode="OK",
        AuthorizationServices=["EIM"],
        CertificateInstallationService=False,
        EIM_ASResAuthorizationMode=common.EIM_ASResAuthorizationModeType(),
    )


@on(common.AuthorizationReq)
def authorization(visit: Visit, request: common.AuthorizationReq) -> common.AuthorizationRes:
    """A refusal is a warning: the vehicle may try again, or stop."""
    by_contract = request.SelectedAuthorizationService == "PnC"
    if not iso20_contract.selectable(visit, request):
        text = f"{request.SelectedAuthorizationService} is not offered, or its block is missing"
        return _refused(visit, "WARNING_AuthorizationSelectionInvalid", text)
    try:
        new = iso20_contract.prove(visit, request) if by_contract else None
    except Refusal as why:
        if not why.response_code.startswith("WARNING"):
            raise
        return _refused(visit, why.response_code, str(why))
    if new != visit.contract:
        visit.over("authorization")
    visit.contract = new
    if "authorization" not in visit.started:
        visit.evse.authorizer.begin(new.emaid if new else None)
    limit = visit.session.timing.V2G_SECC_Ongoing_Performance_Time
    match visit.evse.authorizer.decide():
        case Decision.ACCEPTED:
            visit.authorized = True
            visit.over("authorization")
            if new is not None:
                return iso20_contract.accepted(visit)
            return common.AuthorizationRes(ResponseCode="OK", EVSEProcessing="Finished")
        case Decision.ONGOING if visit.since("authorization") < limit:
            return common.AuthorizationRes(ResponseCode="OK", EVSEProcessing="Ongoing")
        case Decision.WAITING_FOR_CUSTOMER if visit.since("authorization") < limit:
            return common.AuthorizationRes(ResponseCode="OK", EVSEProcessing="Ongoing_WaitingForCustomerInteraction")
    if new is not None:
        return _refused(visit, iso20_contract.REFUSED, f"contract {new.emaid} was not accepted")
    return _refused(visit, "WARNING_EIMAuthorizationFailure", "the customer was not accepted")


def _refused(visit: Visit, code: str, text: str) -> common.AuthorizationRes:
    """Warns that the vehicle is not authorized in this way; it may try again."""
    visit.over("authorization")
    visit.contract = None
    visit.session.tell("error", "authorization", f"{code}: {text}")
    return minimal(schema("iso20-common"), common.AuthorizationRes, ResponseCode=code, EVSEProcessing="Finished")


# ---------------------------------------------------------------------------------------------------------------
# What


@on(common.ServiceDiscoveryReq)
def service_discovery(visit: Visit, request: common.ServiceDiscoveryReq) -> common.ServiceDiscoveryRes:
    """Lists all energy services of the outlet, whatever the vehicle's filter: it may want to know the others too."""
    offered = [
        common.ServiceType(ServiceID=service.number, FreeService=visit.evse.free)
        for service in control.services(visit.evse)
    ]
    return common.ServiceDiscoveryRes(
        ResponseCode="OK",
        ServiceRenegotiationSupported=visit.allows_another_service,
        EnergyTransferServiceList=common.ServiceListType(Service=offered),
        VASList=iso20_services.vas_list(visit, request.SupportedServiceIDs),
    )


@on(common.ServiceDetailReq)
def service_detail(visit: Visit, request: common.ServiceDetailReq) -> common.ServiceDetailRes:
    if (added := iso20_services.find(visit, request.ServiceID)) is not None:
        return common.ServiceDetailRes(
            ResponseCode="OK",
            ServiceID=request.ServiceID,
            ServiceParameterList=common.ServiceParameterListType(ParameterSet=iso20_services.parameter_sets(added)),
        )
    service = next((one for one in control.services(visit.evse) if one.number == request.ServiceID), None)
    if service is None:
        raise Refusal("FAILED_ServiceIDInvalid", f"no service {request.ServiceID} on offer [V2G20-464]")
    sets = [chosen.element() for chosen in control.parameter_sets(visit.evse, service)]
    return common.ServiceDetailRes(
        ResponseCode="OK",
        ServiceID=service.number,
        ServiceParameterList=common.ServiceParameterListType(ParameterSet=sets),
    )


@on(common.ServiceSelectionReq)
def service_selection(visit: Visit, request: common.ServiceSelectionReq) -> common.ServiceSelectionRes:
    chosen = request.SelectedEnergyTransferService
    if chosen.ServiceID >= energy.FIRST_VALUE_ADDED:
        text = f"service {chosen.ServiceID} transfers no energy [V2G20-1618]"
        raise Refusal("FAILED_NoEnergyTransferServiceSelected", text)
    found = control.find(visit.evse, chosen.ServiceID, chosen.ParameterSetID)
    if found is None:
        text = f"service {chosen.ServiceID} with parameter set {chosen.ParameterSetID} is not offered [V2G20-467]"
        raise Refusal("FAILED_ServiceSelectionInvalid", text)
    if visit.resumed is not None and not visit.allows_another_service and found != visit.resumed.control:
        text = "a resumed session keeps its service: this charger does not renegotiate services"
        raise Refusal("FAILED_NoServiceRenegotiationSupported", text)
    iso20_services.select(visit, request.SelectedVASList.SelectedService if request.SelectedVASList else [])
    visit.control = found
    return common.ServiceSelectionRes(ResponseCode="OK")


# ---------------------------------------------------------------------------------------------------------------
# When and how much


@on(common.ScheduleExchangeReq)
def schedule_exchange(visit: Visit, request: common.ScheduleExchangeReq) -> common.ScheduleExchangeRes:
    return iso20_schedule.exchange(visit, request)


@on(common.PowerDeliveryReq)
async def power_delivery(visit: Visit, request: common.PowerDeliveryReq) -> common.PowerDeliveryRes:
    """Handles Start (once the vehicle has finished its profile), Stop, Standby, and the return from it."""
    visit.over("precharge")
    code: types.responseCodeType = "OK"
    match request.ChargeProgress:
        case "Start" if request.EVProcessing != "Finished":
            pass  # it is still working on its profile
        case "Start":
            code = await start(visit, request)
        case "Standby":
            if not visit.delivering:
                raise Refusal("FAILED", "standby before any Start")
            code = standby(visit)
        case "ScheduleRenegotiation":
            leave_standby(visit)
            visit.agreed_anew()
        case "Stop":
            await stop(visit)
    return common.PowerDeliveryRes(ResponseCode=code, EVSEStatus=delivery_status(visit, code))


async def start(visit: Visit, request: common.PowerDeliveryReq) -> types.responseCodeType:
    """Accepts the profile, and closes the contactor of an AC outlet; a Start from standby does only this.

    Terms renegotiated before take effect now, except for their profile: this one is newer. A warning leaves everything
    unchanged.
    """
    visit.check_may_start()
    if visit.dc and not visit.tested:
        raise Refusal("FAILED_PowerDeliveryNotApplied", "Start without a cable check in this session")
    visit.take_over()  # also after a warning; else the older renegotiated profile would replace this one
    code = iso20_profile.accept(visit, request)
    visit.unconfirmed = code.startswith("WARNING")
    if visit.unconfirmed:
        return code
    if not visit.dc and not visit.delivering:
        await iso20_ac.close_contactor(visit)
    leave_standby(visit)
    visit.delivering, visit.stopped = True, False
    visit.evse.manager.begin()
    visit.agreed_anew()
    return code


def standby(visit: Visit) -> types.responseCodeType:
    """Suspends power with the contactors closed, or refuses to, in which case the vehicle continues."""
    if not visit.allows_standby:
        return "WARNING_StandbyNotAllowed"
    visit.standby = True
    if visit.evse.notification.wish is Wish.EXIT_STANDBY:
        visit.evse.forget()  # a wish from an earlier standby
    visit.agreed_anew()
    return "OK"


def leave_standby(visit: Visit) -> None:
    """Lets power flow again; clears the charger's wish for it."""
    visit.standby = False
    if visit.evse.notification.wish is Wish.EXIT_STANDBY:
        visit.evse.forget()


async def stop(visit: Visit) -> None:
    """Switches power off at once; clears the charger's wish, which is now fulfilled."""
    visit.asked_to_pause |= visit.evse.notification.wish is Wish.PAUSE
    if visit.dc:
        await switch_off(visit)
    visit.evse.off()
    visit.evse.forget()
    visit.power_over()
    visit.standby = visit.unconfirmed = False
    visit.stopped = True
    visit.coming = None
    visit.stops += 1
    visit.renegotiation.done()


# ---------------------------------------------------------------------------------------------------------------
# The end


@on(common.SessionStopReq)
async def session_stop(visit: Visit, request: common.SessionStopReq) -> common.SessionStopRes:
    """Terminate, Pause, or on to another service on the same connection."""
    if said := [visible(text) for text in (request.EVTerminationExplanation, request.EVTerminationCode) if text]:
        visit.session.tell("state", "stopping", f"the vehicle says: {' / '.join(said)}")
    before_profile = visit.delivering
    if request.ChargingSession == "Pause" and (before_profile or not iso20_schedule.may_pause(visit)):
        raise Refusal("FAILED_PauseNotAllowed", "the profile does not allow it now, and the charger did not ask for it")
    if request.ChargingSession == "ServiceRenegotiation" and not visit.allows_another_service:
        text = "this charger does not renegotiate services, as it announced"
        raise Refusal("FAILED_NoServiceRenegotiationSupported", text)
    await stop(visit)
    if request.ChargingSession == "ServiceRenegotiation":
        visit.control, visit.tested, visit.stopped = None, False, False
        visit.evse.forget_limits()
        # The permission to pause belongs to the part that has ended.
        visit.terms, visit.asked_to_pause = Terms(), False
        return common.SessionStopRes(ResponseCode="OK")
    if request.ChargingSession == "Pause":
        meter = visit.evse.meter
        visit.paused[visit.session.id] = Paused(
            visit.session.protocol.name, visit.mode, visit.terms.tuple_id, visit.authorized, control=visit.control,
            binding=visit.binding, contract=visit.contract, added=visit.added, charged_wh=meter.session_wh,
            discharged_wh=meter.session_discharged_wh, reactive=meter.session_reactive,
        )  # fmt: skip
    visit.ended = request.ChargingSession
    return common.SessionStopRes(ResponseCode="OK")


# ---------------------------------------------------------------------------------------------------------------
# A charger that wants to stop before power flows


def while_willing(answer: Answer) -> Answer:
    """The answer of a charger, or FAILED if it wants to stop and power does not flow yet."""

    def guarded(visit: Visit, request: Any) -> Any:
        if visit.wants_stop and not visit.delivering:
            why = visit.fault.value if visit.fault else "it wants to stop"
            raise Refusal("FAILED", f"the charger does not go on: {why}")
        return answer(visit, request)

    return guarded


ANSWERS.update({kind: while_willing(ANSWERS[kind]) for kind in BEFORE_POWER})
