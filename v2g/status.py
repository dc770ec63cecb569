"""Where a message has the status of its sender: directly, or within the parameters that it carries."""

from __future__ import annotations

from typing import Any


def of_charger(body: object) -> Any:
    """DC_EVSEStatus, AC_EVSEStatus or EVSEStatus of a response; None: it has none (ISO 15118-20: nothing to tell)."""
    for part in (body, getattr(body, "EVSEChargeParameter", None)):
        for name in ("DC_EVSEStatus", "AC_EVSEStatus", "EVSEStatus"):
            status = getattr(part, name, None)
            if status is not None:
                return status
    return None


def of_vehicle(body: object) -> Any:
    """DC_EVStatus of a request; None: it has none."""
    for name in ("EVPowerDeliveryParameter", "EVChargeParameter"):
        body = getattr(body, name, None) or body
    return getattr(body, "DC_EVStatus", None)
