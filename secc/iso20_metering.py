"""Metering confirmation at the charger, ISO 15118-20: the vehicle signs a reading that it was shown, on a side stream.

Loop responses request MeteringConfirmation until the vehicle has confirmed. As the loop continues meanwhile, the
vehicle may confirm any reading shown since the request. If the charger insists, it refuses a confirmation that does not
match, and asks a vehicle to stop that stays silent for longer than NotificationMaxDelay. The signature confirms that
the vehicle received the reading, not that the reading is correct.
"""

from __future__ import annotations

from typing import TypeVar

import exi
from secc import contract
from secc.contracts import Receipt
from secc.iso20_contract import SET
from secc.iso20_status import meter_info
from secc.visit import AnswerTable, Refusal, Visit
from secc.visit_parts import Shown
from v2g import signature
from v2g.messages import schema
from v2g.messages.iso20 import ac, common, dc, types

Response = TypeVar("Response", dc.DC_ChargeLoopRes, ac.AC_ChargeLoopRes)

ANSWERS = AnswerTable()

KEPT = 64
"""Number of latest readings that a vehicle may still confirm."""
DELAY = 10
"""NotificationMaxDelay, s."""


def shown(visit: Visit, res: Response, *, first: bool) -> Response:
    """The loop response with a request for confirmation, except in the first one, or if another wish is pending."""
    state, contracts = visit.metering, visit.contracts
    if contracts is None or contracts.receipt_every is None or visit.contract is None:
        return res
    now = visit.session.now
    if state.began is None or first:
        state.began = now
    if state.until is None:
        if first or now - state.began < contracts.receipt_every or res.EVSEStatus is not None:
            return res
        state.until = now + DELAY
    elif res.EVSEStatus is not None:  # the vehicle cannot know that it must confirm as well
        state.until = now + DELAY
    elif now >= state.until:
        return _silent(visit, res)
    res.MeterInfo = res.MeterInfo or meter_info(visit, asked=False)
    state.shown.append(Shown(res.MeterInfo, res.Receipt))
    del state.shown[:-KEPT]
    if res.EVSEStatus is None:
        res.EVSEStatus = types.EVSEStatusType(NotificationMaxDelay=DELAY, EVSENotification="MeteringConfirmation")
    return res


def _silent(visit: Visit, res: Response) -> Response:
    """Handles a vehicle that did not confirm in time."""
    assert visit.contract is not None
    problem = f"no metering confirmation within {DELAY} s"
    meter = visit.metering.shown[-1].meter
    _over(visit)
    receipt = Receipt(visit.now(), visit.contract.emaid, visit.session.id, meter, b"", b"", problem)
    contract.keep_receipt(visit, receipt)
    if contract.needed(visit).insists and not visit.wants_stop:
        visit.evse.request_stop(DELAY)
        res.EVSEStatus = types.EVSEStatusType(NotificationMaxDelay=DELAY, EVSENotification="Terminate")
    return res


def _over(visit: Visit) -> None:
    """Begins the next interval."""
    visit.metering.began, visit.metering.until = visit.session.now, None
    visit.metering.shown.clear()


@ANSWERS.on(common.MeteringConfirmationReq)
def confirmation(visit: Visit, request: common.MeteringConfirmationReq) -> common.MeteringConfirmationRes:
    """Compares a confirmation with the readings shown, and verifies its signature.

    Raises:
        Refusal: FAILED_MeteringSignatureNotValid, if the charger insists.
    """
    if visit.contract is None:
        raise Refusal("FAILED_SequenceError", "a metering confirmation without a contract")
    signed, given = request.SignedMeteringData, visit.asked_signature
    problem = _problem(visit, request)
    receipt = Receipt(
        visit.now(),
        visit.contract.emaid,
        signed.SessionID,
        signed.MeterInfo,
        given.SignatureValue.value if given is not None else b"",
        exi.encode(schema(SET), request, strict=False),
        problem,
    )
    contract.keep_receipt(visit, receipt)
    _over(visit)
    if problem and contract.needed(visit).insists:
        raise Refusal("FAILED_MeteringSignatureNotValid", problem)
    return common.MeteringConfirmationRes(ResponseCode="OK")


def _problem(visit: Visit, request: common.MeteringConfirmationReq) -> str:
    """What is wrong with a confirmation, or ""."""
    signed = request.SignedMeteringData
    if signed.SessionID != visit.session.id:
        return f"a receipt for session {signed.SessionID.hex()} in session {visit.session.id.hex()}"
    readings = [one for one in visit.metering.shown if one.meter == signed.MeterInfo]
    if not readings:
        last = visit.metering.shown[-1].meter.ChargedEnergyReadingWh if visit.metering.shown else "nothing"
        return f"MeterInfo differs from what was sent: {signed.MeterInfo.ChargedEnergyReadingWh} Wh instead of {last}"
    if all(one.receipt != signed.Receipt for one in readings):
        return "Receipt differs from what was sent"
    mode = signed.Scheduled_SMDTControlMode
    dynamic = visit.control is not None and visit.control.dynamic
    if (mode is None) != dynamic:
        return f"a receipt for the wrong control mode; {'dynamic' if dynamic else 'scheduled'} was selected"
    if mode is not None and mode.SelectedScheduleTupleID != visit.terms.tuple_id:
        return f"a receipt for schedule {mode.SelectedScheduleTupleID}, but {visit.terms.tuple_id} was chosen"
    assert visit.contract is not None
    try:
        made = contract.check_signature(visit, request, visit.contract.chain[0], SET)
    except (signature.SignatureError, Refusal) as why:
        return str(why)
    visit.session.tell("state", "signature", f"MeteringConfirmationReq by contract {visit.contract.emaid}: {made}")
    return ""
