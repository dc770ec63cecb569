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


def evse_status(visit: Visit) -> types.EVSEStatusType | None:
    """EVSEStatus now; None where nothing is wanted."""
    wish, delay = visit.evse.notification
    if visit.fault is not None:
        return types.EVSEStatusType(NotificationMaxDelay=0, EVSENotification="Terminate")
    notification = NOTIFICATIONS.get(wish)
    if notification is None or (notification == "ExitStandby" and not visit.standby):
        return None
    if notification == "ScheduleRenegotiation" and (visit.control is None or visit.control.dynamic):
        return None  # in dynamic mode changes travel in the loop
    return types.EVSEStatusType(NotificationMaxDelay=delay, EVSENotification=notification)


def able(visit: Visit) -> None:
    """There is no status for a charger that has broken down: it refuses.

    Raises:
        Refusal: FAILED, with the fault.
    """
    if visit.switched_off:
        assert visit.fault is not None
        raise Refusal("FAILED", f"the charger cannot go on: {visit.fault.value}")


def meter_info(visit: Visit) -> types.MeterInfoType:
    """The meter's readings of this session; that of discharging in bidirectional services only."""
    meter = visit.evse.meter
    both = visit.control is not None and visit.control.bidirectional
    return types.MeterInfoType(
        MeterID=meter.meter_id,
        ChargedEnergyReadingWh=round(meter.session_wh),
        BPT_DischargedEnergyReadingWh=round(meter.session_discharged_wh) if both else None,
        MeterTimestamp=visit.session.clock(),
    )
