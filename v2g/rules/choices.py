"""Choices of one side among the other's offers."""

from __future__ import annotations

from typing import Any

from v2g.rules.facts import Facts, progress, tuple_of
from v2g.rules.rule import DIN, EVCC, ISO2, SECC, Book, Live

BOOK = Book()
rule = BOOK.rule

STANDARD_SERVICES = range(1, 5)
"""ServiceIDs that the standard assigns: charging, certificates, Internet, use case information."""
DC_MODES = ("DC_extended", "DC_core")
"""Modes that a vehicle may request in DIN, whichever DC mode the charger offers [V2G-DC-625]."""


def _names(given: Any) -> str:
    return ", ".join(str(one) for one in given) or "nothing"


@rule("service-detail", "details are requested only for services on offer", EVCC, "ServiceDetailReq",
      code="FAILED_ServiceIDInvalid", iso2="V2G2-425")  # fmt: skip
def service_detail(facts: Facts, body: Any) -> str:
    if facts.services is None or body.ServiceID in (*facts.services, facts.charge_service):
        return ""
    return (
        f"details of service {body.ServiceID}, but the charger offered"
        f" {_names((facts.charge_service, *facts.services))}"
    )


@rule("service-detail-other", "details are those of the service requested", SECC, "ServiceDetailRes")
def service_detail_other(facts: Facts, body: Any) -> str:
    asked = getattr(facts.request, "ServiceID", None)
    if type(facts.request).__name__ != "ServiceDetailReq" or asked == body.ServiceID:
        return ""
    return f"details of service {body.ServiceID}, but those of {asked} were requested"


@rule("payment-not-offered", "the payment option chosen was offered", EVCC, "PaymentServiceSelectionReq",
      "ServicePaymentSelectionReq", code="FAILED_PaymentSelectionInvalid", iso2="V2G2-465",
      din="V2G-DC-252")  # fmt: skip
def payment_not_offered(facts: Facts, body: Any) -> str:
    chosen = str(body.SelectedPaymentOption)
    if facts.payments is None or chosen in facts.payments:
        return ""
    return f"the vehicle chooses {chosen}, but the charger offered {_names(facts.payments)}"


@rule("service-not-offered", "the services chosen were offered", EVCC, "PaymentServiceSelectionReq",
      code="FAILED_ServiceSelectionInvalid", iso2="V2G2-467")  # fmt: skip
def service_not_offered(facts: Facts, body: Any) -> str:
    if facts.services is None:
        return ""
    known = (facts.charge_service, *facts.services)
    chosen = [service.ServiceID for service in body.SelectedServiceList.SelectedService]
    for number in chosen:
        if number not in known:
            if number in STANDARD_SERVICES and facts.charge_service not in chosen:
                break  # merely not offered; the missing charge service matters more
            return f"the vehicle chooses service {number}, but the charger offered {_names(known)}"
    return ""


@rule("parameter-set-not-offered", "the parameter sets chosen were offered", EVCC, "PaymentServiceSelectionReq",
      code="FAILED_ServiceSelectionInvalid", iso2="V2G2-467")  # fmt: skip
def parameter_set_not_offered(facts: Facts, body: Any) -> str:
    for service in body.SelectedServiceList.SelectedService:
        number, wanted = service.ServiceID, service.ParameterSetID
        if wanted is None or number == facts.charge_service or number not in facts.parameter_sets:
            continue
        if wanted not in facts.parameter_sets[number]:
            offered = _names(facts.parameter_sets[number])
            return f"the vehicle chooses parameter set {wanted} of service {number}, which has {offered}"
    return ""


@rule("charge-parameter-set", "the charge service is chosen without a parameter set", EVCC,
      "PaymentServiceSelectionReq", severity="warning", live=Live.TOLERATED, code="FAILED_ServiceSelectionInvalid",
      iso2="V2G2-467")  # fmt: skip
def charge_parameter_set(facts: Facts, body: Any) -> str:
    for service in body.SelectedServiceList.SelectedService:
        if service.ServiceID == facts.charge_service and service.ParameterSetID is not None:
            return f"parameter set {service.ParameterSetID} of the charge service, which has none"
    return ""


@rule("no-charge-service", "the charge service is among the services chosen", EVCC, "PaymentServiceSelectionReq",
      code="FAILED_NoChargeServiceSelected", iso2="V2G2-804")  # fmt: skip
def no_charge_service(facts: Facts, body: Any) -> str:
    chosen = [service.ServiceID for service in body.SelectedServiceList.SelectedService]
    if facts.charge_service is None or facts.charge_service in chosen:
        return ""
    return f"the vehicle chooses services {_names(sorted(chosen))} without charging"


@rule("service-not-offered", "only the charge service is chosen", EVCC, "ServicePaymentSelectionReq",
      code="FAILED_ServiceSelectionInvalid", din="V2G-DC-635")  # fmt: skip
def charge_service_alone(facts: Facts, body: Any) -> str:
    chosen = [service.ServiceID for service in body.SelectedServiceList.SelectedService]
    if facts.charge_service is None or chosen == [facts.charge_service]:
        return ""
    return f"the vehicle chooses services {_names(chosen)}, but the charger offered {facts.charge_service}"


@rule("mode-not-offered", "the energy transfer mode requested was offered", EVCC, "ChargeParameterDiscoveryReq",
      code="FAILED_WrongEnergyTransferMode", din_code="FAILED_WrongEnergyTransferType", iso2="V2G2-476",
      din="V2G-DC-397")  # fmt: skip
def mode_not_offered(facts: Facts, body: Any) -> str:
    if facts.protocol == DIN:
        mode = str(body.EVRequestedEnergyTransferType)
        return "" if mode in DC_MODES else f"the vehicle asks for {mode}, DIN SPEC 70121 has {' and '.join(DC_MODES)}"
    mode = str(body.RequestedEnergyTransferMode)
    if facts.modes is None or mode in facts.modes:
        return ""
    return f"the vehicle asks for {mode}, but the charger offered {_names(facts.modes)}"


@rule("schedule-not-offered", "the schedule chosen was offered", EVCC, "PowerDeliveryReq",
      code="FAILED_TariffSelectionInvalid", iso2="V2G2-479", din="V2G-DC-400")  # fmt: skip
def schedule_not_offered(facts: Facts, body: Any) -> str:
    chosen = tuple_of(body)
    if progress(body) != "Start" or facts.schedules is None or chosen is None or chosen in facts.schedules:
        return ""
    return f"the vehicle chooses schedule {chosen}, but the charger offered {_names(facts.schedules)}"


@rule("schedule-other", "a vehicle that stops or renegotiates names the schedule that it follows", EVCC,
      "PowerDeliveryReq", severity="warning", live=Live.UNSEEN, only=(ISO2,))  # fmt: skip
def schedule_other(facts: Facts, body: Any) -> str:
    chosen = tuple_of(body)
    if progress(body) == "Start" or not facts.delivering or facts.tuple_id is None or chosen == facts.tuple_id:
        return ""
    return f"PowerDeliveryReq({progress(body)}) names schedule {chosen}, but {facts.tuple_id} was chosen"
