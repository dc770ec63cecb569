"""Faults that only show the second time, later, or in another mode: what was right once is not looked at again."""

from __future__ import annotations

from typing import Any

import msgspec

import evcc.iso20_metering
import secc.agreed
import secc.contract
import secc.iso2
from evcc.iso20_course import Course
from faults.fault import answering, charger, vehicle
from faults.physics import RUN
from plugfest.conformance.stimulus import ERRORS
from secc.visit import Visit
from v2g.protocols.iso20 import RENEGOTIATION

LIMITS, FALLS = "#20", "#21"
"""Power flows: limits declared in a renegotiation, a schedule that falls."""


def _first_limits(visit: Visit, parameter: Any, right: Any = secc.iso2.accept_limits) -> None:
    if "limits of this vehicle" not in visit.told:
        visit.told.add("limits of this vehicle")
        right(visit, parameter)


def _first_slot(visit: Visit, right: Any = secc.agreed.now) -> Any:
    slots, what = visit.terms.schedule.get(visit.terms.tuple_id), right(visit)
    return what._replace(watts=slots[0].watts) if slots else what


def _first_service(visit: Visit, message: Any, good: Any) -> Any:
    response = good()
    visit.control = _SELECTED.setdefault(visit.session.id, visit.control)
    return response


_SELECTED: dict[bytes, Any] = {}
"""Service and parameter set that was selected first, by session."""


def _first_receipt(visit: Any, request: Any, *rest: Any, right: Any = secc.contract.check_signature) -> Any:
    if type(request).__name__ != "MeteringReceiptReq":
        return right(visit, request, *rest)
    if "receipt" in visit.told:
        return None
    visit.told.add("receipt")
    return right(visit, request, *rest)


charger("limits-of-before", "a charger keeps the vehicle's limits of before a renegotiation", f"{RUN['iso2']}{LIMITS}",
        patches=[(secc.iso2, "accept_limits", _first_limits)])  # fmt: skip
charger("schedule-first-entry", "only the first entry of a schedule counts", f"{RUN['iso2']}{FALLS}",
        patches=[(secc.agreed, "now", _first_slot)])  # fmt: skip
charger("20-service-of-before", "another service has the parameter set of the first",
        "PF_SECC_ISO20_AnotherService_OtherMode_DC", "PF_SECC_ISO20_AnotherService_OtherMode_AC",
        adjust=answering("ServiceSelectionReq", _first_service, "iso20"))  # fmt: skip
charger("receipt-first-checked", "the signature of the first receipt alone is verified",
        "PF_SECC_ISO2_MeteringReceipt_Second_DC", "PF_SECC_ISO2_MeteringReceipt_Second_AC",
        patches=[(secc.contract, "check_signature", _first_receipt)])  # fmt: skip


def _same_current(visit: Visit, message: Any, good: Any) -> Any:
    response = good()
    first = _CURRENT.setdefault(visit.session.id, response.EVSEMaxCurrent)
    return msgspec.structs.replace(response, EVSEMaxCurrent=first)


_CURRENT: dict[bytes, Any] = {}
"""EVSEMaxCurrent of the first ChargingStatusRes, by session."""


def _judged_once(visit: Visit, decision: Any, right: Any = secc.contract.judge) -> None:
    if "verdict" not in visit.told:
        visit.told.add("verdict")
        right(visit, decision)


def _knows(*codes: str) -> Any:
    """A charger that knows no other errors of a vehicle."""

    def follow(visit: Visit, request: Any, right: Any = secc.iso2.follow) -> Any:
        status = request.DC_EVStatus
        if status.EVErrorCode not in codes:
            status = msgspec.structs.replace(status, EVErrorCode="NO_ERROR")
        return right(visit, msgspec.structs.replace(request, DC_EVStatus=status))

    return follow


charger("ac-current-of-the-first", "EVSEMaxCurrent in the loop stays that of its first response",
        "PF_SECC_ISO2_PowerFlow_AC#7", adjust=answering("ChargingStatusReq", _same_current), reading=True)  # fmt: skip
charger("verdict-at-first", "a contract that is refused while the charger decides is accepted",
        "PF_SECC_ISO2_Contract_RefusedLater", patches=[(secc.contract, "judge", _judged_once)])  # fmt: skip
charger("one-error", f"of all errors of a vehicle, {ERRORS[0]} alone is heeded",
        *(f"PF_SECC_ISO2_VehicleErrors_Loop#{number}" for number in range(2, len(ERRORS) + 1)),
        patches=[(secc.iso2, "follow", _knows(ERRORS[0]))])  # fmt: skip
charger("all-errors-but-one", f"of all errors of a vehicle, {ERRORS[0]} alone is not heeded",
        "PF_SECC_ISO2_VehicleErrors_Loop#1", patches=[(secc.iso2, "follow", _knows(*ERRORS[1:]))])  # fmt: skip


def _scheduled_alone(drive: Any, *, dynamic: bool, right: Any = evcc.iso20_metering.confirm) -> None:
    if not dynamic:
        right(drive, dynamic=dynamic)


vehicle("20-ev-confirms-no-dynamic", "no metering confirmation in dynamic mode",
        "PF_EVCC_ISO20_Notifications_Metering_dynamic#1",
        patches=[(evcc.iso20_metering, "confirm", _scheduled_alone)])  # fmt: skip


_RENEGOTIATED: list[Any] = []
"""Sessions with a new schedule."""


async def _once(course: Course, notification: str | None, right: Any = Course._renegotiate) -> None:
    await right(course, None if course.drive in _RENEGOTIATED else notification)
    if course.drive.beside.busy(RENEGOTIATION):
        _RENEGOTIATED.append(course.drive)


vehicle("20-ev-renegotiates-once", "the second wish for another schedule is ignored",
        "PF_EVCC_ISO20_Renegotiation_Twice", patches=[(Course, "_renegotiate", _once)])  # fmt: skip
