"""EVSEStatus of ISO 15118-20: what the charger wants from the vehicle, or nothing at all."""

from __future__ import annotations

from secc.charger import Wish
from secc.visit import Refusal, Visit
from v2g.messages.iso20 import types

NOTIFICATIONS: dict[Wish, types.evseNotificationType] = {
    Wish.STOP: "Terminate",
    Wish.RENEGOTIATE: "ScheduleRenegotiation",
    Wish.PAUSE: "Pause",
    Wish.OTHER_SERVICE: "ServiceRenegotiation",
    Wish.EXIT_STANDBY: "ExitStandby",
}
"""EVSENotification of each wish."""


GRACE = 60.0
"""s: in which a vehicle shall have renegotiated, where the charger leaves it less in its wish."""


def evse_status(visit: Visit) -> types.EVSEStatusType | None:
    """EVSEStatus now; None where nothing is wanted."""
    wish, delay = visit.evse.notification
    if visit.fault is not None:
        return types.EVSEStatusType(NotificationMaxDelay=0, EVSENotification="Terminate")
    notification = NOTIFICATIONS.get(wish)
    if notification is None or (notification == "ExitStandby" and not visit.standby):
        return None
    if obstacle := unsaid(visit, notification):
        visit.tell(f"unsaid {notification}", f"{notification} is not notified: {obstacle}")
        return None
    return types.EVSEStatusType(NotificationMaxDelay=delay, EVSENotification=notification)


def unsaid(visit: Visit, notification: types.evseNotificationType) -> str:
    """Why the charger must not ask for this in the session, or ""."""
    dynamic = visit.control is not None and visit.control.dynamic
    if notification == "ScheduleRenegotiation" and dynamic:
        return "in dynamic mode there is no schedule, changes travel in the loop"
    if notification == "Pause" and not dynamic:
        return "in scheduled mode the vehicle's power profile decides on pauses"
    if notification == "ServiceRenegotiation" and not visit.allows_another_service:
        return "this charger does not let a vehicle change its service"
    return ""


def able(visit: Visit) -> None:
    """There is no status for a charger that has broken down: it refuses.

    Raises:
        Refusal: FAILED, with the fault.
    """
    if visit.switched_off:
        assert visit.fault is not None
        raise Refusal("FAILED", f"the charger cannot go on: {visit.fault.value}")


def meter_info(visit: Visit, *, asked: bool = True) -> types.MeterInfoType:
    """The meter's readings of this session; those of discharging and of an inductor in bidirectional services only.

    Unasked, not before something was discharged: there are vehicles that cannot read that field. Reactive energy is
    left out for the same reason as long as there is none.
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
    """ResponseCode of a charge loop response where nothing else is wrong: a warning while no new schedule is agreed.

    Raises:
        Refusal: it has failed for good.
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
        if not wanted:  # the vehicle's own idea, and it has dropped it
            state.done()
            return "OK"
        state.failures += 1
        state.until = now + GRACE
    if wanted and state.tries and state.failures > state.tries:
        raise Refusal("FAILED_ScheduleRenegotiation", f"the vehicle did not renegotiate, {state.failures} times")
    return "WARNING_ScheduleRenegotiationFailed" if state.failures else "OK"
