"""Parking in ISO 15118-20 (value added service 66): check-in and check-out, on a stream beside the main one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secc import iso20_services
from secc.visit import AnswerTable, Refusal, Visit
from v2g import energy
from v2g.messages.iso20 import common

ANSWERS = AnswerTable()
on = ANSWERS.on


def offered(visit: Visit) -> bool:
    """Whether this charger has the service; without it, the stream does not exist."""
    return iso20_services.find(visit, energy.PARKING) is not None


def check(visit: Visit) -> Callable[[Any], None]:
    """The check of the stream: the vehicle must have selected the service."""

    def look(request: Any) -> None:
        if energy.PARKING not in dict(visit.added):
            raise Refusal("FAILED_SequenceError", "the vehicle has not selected the parking service")

    return look


def intended(visit: Visit, service: int) -> None:
    """Notes a message of the service that the selected parameter set does not cover."""
    offer = iso20_services.find(visit, energy.PARKING)
    sets = offer.sets if offer is not None else {}
    chosen = [sets.get(selected, {}) for kind, selected in visit.added if kind == energy.PARKING]
    if all(values.get("IntendedService") != service for values in chosen):
        visit.tell(f"parking-{service}", f"IntendedService {service} was not selected")


@on(common.VehicleCheckInReq)
def check_in(visit: Visit, request: common.VehicleCheckInReq) -> common.VehicleCheckInRes:
    """Answers an arriving vehicle without position hints, because their units are not public."""
    intended(visit, energy.CHECK_IN)
    visit.session.tell("state", "check-in", str(request.EVCheckInStatus))
    return common.VehicleCheckInRes(ResponseCode="OK")


@on(common.VehicleCheckOutReq)
def check_out(visit: Visit, request: common.VehicleCheckOutReq) -> common.VehicleCheckOutRes:
    """Answers a leaving vehicle: scheduled when it announces this, completed when it reports that it is done."""
    intended(visit, energy.CHECK_OUT)
    visit.session.tell("state", "check-out", str(request.EVCheckOutStatus))
    done = request.EVCheckOutStatus == "Completed"
    return common.VehicleCheckOutRes(ResponseCode="OK", EVSECheckOutStatus="Completed" if done else "Scheduled")
