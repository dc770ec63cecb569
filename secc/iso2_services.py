"""ServiceDiscovery, ServiceDetail and the selection of services at the charger, ISO 15118-2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from secc.services import CHARGE_SERVICE, Byte, Parameter, Service, Short, certificate_service
from secc.visit import Refusal, Visit
from v2g.messages import iso2


def offered(visit: Visit) -> list[Service]:
    """The services offered over this connection, without charging."""
    own = [certificate_service()] if visit.contracts is not None and visit.contracts.backend is not None else []
    return [
        service for service in (*own, *visit.services) if service.number and (visit.secure or not service.needs_tls)
    ]


def service_list(visit: Visit, request: iso2.ServiceDiscoveryReq) -> iso2.ServiceListType | None:
    """ServiceList of the services requested; None if empty. Any service offered may be chosen."""
    facts, on_offer = visit.session.facts, offered(visit)
    facts.services = tuple(service.number for service in on_offer)
    facts.parameter_sets.update({service.number: tuple(service.sets) for service in on_offer})
    chosen = [
        iso2.ServiceType(
            ServiceID=service.number,
            ServiceName=service.name or None,
            ServiceCategory=cast(Any, service.category),
            ServiceScope=service.scope or None,
            FreeService=service.free,
        )
        for service in on_offer
        if request.ServiceCategory in (None, service.category)
        and (not request.ServiceScope or not service.scope or request.ServiceScope == service.scope)
    ]
    return iso2.ServiceListType(Service=chosen[:8]) if chosen else None


def details(visit: Visit, request: iso2.ServiceDetailReq) -> iso2.ServiceDetailRes:
    """The parameter sets of a service that is offered."""
    if request.ServiceID == CHARGE_SERVICE:
        return iso2.ServiceDetailRes(ResponseCode="OK", ServiceID=CHARGE_SERVICE)
    service = next((service for service in offered(visit) if service.number == request.ServiceID), None)
    if service is None:  # offered by a deviation alone
        raise Refusal("FAILED_ServiceIDInvalid", f"this charger has no service {request.ServiceID}")
    sets = [
        iso2.ParameterSetType(ParameterSetID=number, Parameter=[_parameter(*item) for item in values.items()])
        for number, values in service.sets.items()
    ]
    return iso2.ServiceDetailRes(
        ResponseCode="OK",
        ServiceID=service.number,
        ServiceParameterList=iso2.ServiceParameterListType(ParameterSet=sets) if sets else None,
    )


def _parameter(name: str, value: Parameter) -> iso2.ParameterType:
    match value:
        case bool():
            return iso2.ParameterType(Name=name, boolValue=value)
        case Byte():
            return iso2.ParameterType(Name=name, byteValue=int(value))
        case Short():
            return iso2.ParameterType(Name=name, shortValue=int(value))
        case int():
            return iso2.ParameterType(Name=name, intValue=value)
        case str():
            return iso2.ParameterType(Name=name, stringValue=value)
        case _:
            return iso2.ParameterType(Name=name, physicalValue=value)


def select(visit: Visit, chosen: Iterable[iso2.SelectedServiceType]) -> None:
    """Stores SelectedServiceList in :attr:`Visit.selected`; services not offered have been refused before."""
    visit.selected = {service.ServiceID: service.ParameterSetID for service in chosen}
