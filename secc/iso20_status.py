"""EVSEStatus of ISO 15118-20: what the charger wants from the vehicle, if anything."""

from __future__ import annotations

from secc.charger import Wish
from secc.visit import Refusal, Visit
from v2g.messages.iso20 import types
from v2g.rules.iso20.status import IN_POWER_DELIVERY

NOTIFICATIONS: dict[Wish, types.evseNotificationType] = {
    Wish.STOP: "Terminate",
    Wish.RENEGOTIATE: "ScheduleRenegotiation",
    Wish.PAUSE: "Pause",
    Wish.OTHER_SERVICE: "ServiceRenegotiation",
    Wish.EXIT_STANDBY: "ExitStandby",
}
"""EVSENotification for each wish."""


GRACE = 60.0
"""Minimum time for a vehicle to renegotiate, s, even if the charger's wish gives it less."""


def evse_status(visit: Visit) -> types.EVSEStatusType | None:
    """Present EVSEStatus; None if the charger wants nothing."""
    wish, delay = visit.evse.notification
    if visit.fault is not None:
        return types.EVSEStatusType(NotificationMaxDelay=0, EVSENotification="Terminate")
    notification = NOTIFICATIONS.get(wish)
    if notification is None or (notification == "ExitStandby" and not visit.standby):
        return None
    if obstacle := unsaid(visit, wish):
        visit.tell(f"unsaid {notification}", f"{notification} is not sent: {obstacle}")
        return None
    return types.EVSEStatusType(NotificationMaxDelay=delay, EVSENotification=notification)


def delivery_status(visit: Visit, code: types.responseCodeType) -> types.EVSEStatusType | None:
    """EVSEStatus of a PowerDeliveryRes with this code: most wishes have to wait for the loop."""
    status = evse_status(visit)
    if status is not None and status.EVSENotification in IN_POWER_DELIVERY:
        return status
    if code == "WARNING_PowerToleranceNotConfirmed":
        return types.EVSEStatusType(NotificationMaxDelay=0, EVSENotification="ScheduleRenegotiation")
    return None


def unsaid(visit: Visit, wish: Wish) -> str:
    """Why the charger must not ask for this in the session, or ""."""
    if wish is Wish.OTHER_SERVICE and not visit.allows_another_service:
        return "this charger does not let a vehicle change its service"
    return out_of_mode(wish, dynamic=visit.control is not None and visit.control.dynamic)


def out_of_mode(wish: Wish, *, dynamic: bool) -> str:
    """Why a charger has no such wish in this control mode, or ""."""
    if wish is Wish.RENEGOTIATE and dynamic:
        return "in dynamic mode there is no schedule; changes are sent in the loop"
    if wish is Wish.PAUSE and not dynamic:
        return "in scheduled mode the vehicle's power profile decides on pauses"
    return ""


def able(visit: Visit) -> None:
    """Checks that the charger has no fault; there is no status for a fault, so the charger refuses.

    Raises:
        Refusal: FAILED, with the fault.
    """
    if visit.switched_off:
        assert visit.fault is not None
        raise Refusal("FAILED", f"the charger cannot go on: {visit.fault.value}")


def meter_info(visit: Visit, *, asked: bool = True) -> types.MeterInfoType:
    """The meter's readings for this session; discharged and inductive energy only in bidirectional services.

    Unless ``asked``, discharged energy is left out as long as it is zero: some vehicles cannot read that field.
    Reactive energy is left out while it is zero for the same reason.
    """
    meter = visit.evse.meter
    both = visit.control is not None and visit.control.bidirectional
    inductive, capacitive = map(round, meter.session_reactive)
    inductive = inductive if both else 0
    both = both and (asked or meter.session_discharged_wh >= 1.0)
    return types.MeterInfoType(
        MeterID=meter.meter_id,
        ChargedEnergyReadingWh=round(meter.session_wh),
        BPT_DischargedEnergyReadingWh=round(meter.session_discharged_wh) if both else None,
        CapacitiveEnergyReadingVARh=capacitive or None,
        BPT_InductiveEnergyReadingVARh=inductive or None,
        MeterTimestamp=visit.session.clock(),
    )


def renegotiation_code(visit: Visit) -> types.responseCodeType:
    """ResponseCode of a charge loop response without other errors: a warning until a new schedule is agreed.

    Raises:
        Refusal: the renegotiation has finally failed.
    """
    state, now = visit.renegotiation, visit.session.now
    scheduled = visit.control is not None and not visit.control.dynamic
    wish, delay = visit.evse.notification
    wanted = scheduled and wish is Wish.RENEGOTIATE and not visit.wants_stop
    if not wanted and not state.failures:
        state.until = None
        return "OK"
    if state.until is None:
        state.until = now + max(float(delay), GRACE)
    elif now >= state.until:
        if not wanted:  # the vehicle began it by itself, and has given it up
            state.done()
            return "OK"
        state.failures += 1
        state.until = now + GRACE
    if wanted and state.tries and state.failures > state.tries:
        raise Refusal("FAILED_ScheduleRenegotiation", f"the vehicle did not renegotiate, {state.failures} times")
    return "WARNING_ScheduleRenegotiationFailed" if state.failures else "OK"
