"""Faults that only show the second time: what was right at first is not looked at, or not done, again."""

from __future__ import annotations

from typing import Any

import secc.agreed
import secc.contract
import secc.iso2
from faults.fault import answering, charger
from faults.physics import RUN
from secc.visit import Visit

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
