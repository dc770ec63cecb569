"""Value added services in ISO 15118-20: their list, their parameter sets, and the vehicle's selection."""

from __future__ import annotations

from collections.abc import Sequence

from secc.services import PARKING, Byte, Parameter, Service, Short
from secc.visit import Refusal, Visit
from v2g.messages.iso20 import common, types
from v2g.physical import number, rational

MOST_SERVICES = 8
"""Maximum number of services in a list."""


def offered(visit: Visit) -> list[Service]:
    """The services offered besides energy; their numbers are ``number20``."""
    return [service for service in visit.services if service.number20][:MOST_SERVICES]


def find(visit: Visit, service_id: int) -> Service | None:
    """The service offered with this ServiceID, or None."""
    return next((service for service in offered(visit) if service.number20 == service_id), None)


def vas_list(visit: Visit, wanted: common.ServiceIDListType | None) -> common.ServiceListType | None:
    """VASList of the services that the vehicle supports, or of all; None if empty."""
    supported = None if wanted is None else set(wanted.ServiceID)
    chosen = [
        common.ServiceType(ServiceID=service.number20 or 0, FreeService=service.free)
        for service in offered(visit)
        if supported is None or service.number20 in supported
    ]
    return common.ServiceListType(Service=chosen) if chosen else None


def parameter_sets(service: Service) -> list[common.ParameterSetType]:
    """Its parameter sets as sent; the schema requires at least one set with one parameter."""
    sets = service.sets or {1: {"Offered": True}}
    return [
        common.ParameterSetType(ParameterSetID=key, Parameter=[_parameter(*item) for item in values.items()])
        for key, values in sets.items()
    ]


def select(visit: Visit, chosen: Sequence[common.SelectedServiceType]) -> None:
    """Stores the pairs of SelectedVASList.

    Raises:
        Refusal: a pair is not offered.
    """
    for one in chosen:
        service = find(visit, one.ServiceID)
        if service is None or one.ParameterSetID not in (service.sets or {1: {}}):
            text = f"value added service {one.ServiceID} with parameter set {one.ParameterSetID} is not offered"
            raise Refusal("FAILED_ServiceSelectionInvalid", f"{text} [V2G20-467]")
    visit.added = tuple((one.ServiceID, one.ParameterSetID) for one in chosen)


def _parameter(name: str, value: Parameter) -> common.ParameterType:
    match value:
        case bool():
            return common.ParameterType(Name=name, boolValue=value)
        case Byte():
            return common.ParameterType(Name=name, byteValue=int(value))
        case Short():
            return common.ParameterType(Name=name, shortValue=int(value))
        case int():
            return common.ParameterType(Name=name, intValue=value)
        case str():
            return common.ParameterType(Name=name, finiteString=value)
        case _:
            amount: types.RationalNumberType = rational(number(value), -3)
            return common.ParameterType(Name=name, rationalNumber=amount)


__all__ = ["PARKING", "find", "offered", "parameter_sets", "select", "vas_list"]
