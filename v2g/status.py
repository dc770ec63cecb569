"""Where a message has the status of its sender: directly, or within the parameters that it carries."""

from __future__ import annotations

from typing import Any

ALARMS = ("EVSE_EmergencyShutdown", "EVSE_Malfunction")
"""Values of EVSEStatusCode on which a vehicle disconnects at once."""
WISHES = ("EVSE_Shutdown", "EVSE_UtilityInterruptEvent")
"""Values with which a charger without a fault ends the session, or does not begin one."""
ENDINGS = (*ALARMS, *WISHES)

STOPS = ("StopCharging", "Terminate")
"""Values of EVSENotification that ask a vehicle to stop."""
PAUSES = ("Pause", "ServiceRenegotiation")
"""Values after which it ends the power flow, and the session goes on."""


def refuses(code: object) -> bool:
    """Whether a ResponseCode refuses the request: ``FAILED…``, in the handshake ``Failed_NoNegotiation``."""
    return str(code).upper().startswith("FAILED")


def asks_to_stop(status: Any) -> str:
    """The word with which a charger's status asks the vehicle to stop charging; "" if it does not."""
    if status is None:
        return ""
    code, notification = str(getattr(status, "EVSEStatusCode", "")), str(getattr(status, "EVSENotification", ""))
    if code in ENDINGS:
        return code
    return notification if notification in STOPS else ""


def of_charger(body: object) -> Any:
    """DC_EVSEStatus, AC_EVSEStatus or EVSEStatus of a response; None: it has none (ISO 15118-20: nothing to tell)."""
    for name in ("DC_EVSEStatus", "AC_EVSEStatus", "EVSEStatus"):
        status = getattr(body, name, None)
        if status is not None:
            return status
    part = getattr(body, "EVSEChargeParameter", None)
    return None if part is None else of_charger(part)


def of_vehicle(body: object) -> Any:
    """DC_EVStatus of a request; None: it has none."""
    for name in ("EVPowerDeliveryParameter", "EVChargeParameter"):
        body = getattr(body, name, None) or body
    return getattr(body, "DC_EVStatus", None)
