"""Renegotiation of a schedule in ISO 15118-20: the answers on the side stream, and how the loop reports it.

Charge parameters and schedules are answered as on the main stream. PowerDelivery carries the new profile and switches
nothing. The standard does not specify its ChargeProgress, so both Start and ScheduleRenegotiation are accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secc import iso20_ac, iso20_dc, iso20_profile
from secc.charger import Wish
from secc.iso20_status import GRACE, delivery_status
from secc.visit import AnswerTable, Refusal, Visit
from v2g.messages.iso20 import ac, common, dc

ANSWERS = AnswerTable()
on = ANSWERS.on


def check(visit: Visit) -> Callable[[Any], None]:
    """The check of the stream: power must flow by a schedule, and a loop message must have been exchanged.

    Or a tolerance was not confirmed, and the charger has requested a renegotiation before power starts.
    """

    def look(request: Any) -> None:
        flows = visit.delivering and visit.charged
        if visit.control is None or not (flows or visit.unconfirmed):
            raise Refusal("FAILED_SequenceError", "a schedule can be renegotiated only in the charge loop")
        if visit.control.dynamic:
            raise Refusal("FAILED_SequenceError", "in dynamic mode there is no schedule to renegotiate")

    return look


def _begins(visit: Visit) -> None:
    """Restarts the time limit when the vehicle tries, or tries again."""
    if visit.renegotiation.until is not None or visit.renegotiation.failures:
        visit.renegotiation.until = visit.session.now + GRACE


@on(dc.DC_ChargeParameterDiscoveryReq)
def dc_parameters(visit: Visit, request: dc.DC_ChargeParameterDiscoveryReq) -> Any:
    _begins(visit)
    return iso20_dc.ANSWERS[dc.DC_ChargeParameterDiscoveryReq](visit, request)


@on(ac.AC_ChargeParameterDiscoveryReq)
def ac_parameters(visit: Visit, request: ac.AC_ChargeParameterDiscoveryReq) -> Any:
    _begins(visit)
    return iso20_ac.ANSWERS[ac.AC_ChargeParameterDiscoveryReq](visit, request)


@on(common.PowerDeliveryReq)
def power_delivery(visit: Visit, request: common.PowerDeliveryReq) -> common.PowerDeliveryRes:
    """Accepts the profile, which takes effect with the next message of the loop."""
    if request.EVProcessing != "Finished":
        return common.PowerDeliveryRes(ResponseCode="OK")
    code = iso20_profile.accept(visit, request)
    if code.startswith("WARNING"):  # a tolerance was not confirmed: the vehicle has to start over
        return common.PowerDeliveryRes(ResponseCode=code, EVSEStatus=delivery_status(visit, code))
    visit.coming = visit.terms
    visit.renegotiation.done()
    if visit.evse.notification.wish is Wish.RENEGOTIATE:
        visit.evse.forget()
    visit.session.tell("state", "renegotiated", f"schedule {visit.terms.tuple_id}")
    return common.PowerDeliveryRes(ResponseCode=code)
