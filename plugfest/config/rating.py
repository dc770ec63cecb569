"""The ratings of a bench's DC charger: its power class, with the bench's own values."""

from __future__ import annotations

from plugfest.config.charger import Charger
from slac.connector import PowerClass, power_class


def rating(charger: Charger) -> PowerClass:
    """Ratings of the DC output.

    Raises:
        ValueError: no such power class, and not everything is given; or the lowest voltage is above the highest.
    """
    try:
        known = power_class(charger.power)
    except ValueError as why:
        if charger.max_voltage is None or charger.max_current is None:
            raise ValueError(f"{why}; or give max-voltage and max-current") from why
        known = PowerClass(charger.power, charger.max_voltage, charger.max_current)
    found = PowerClass(
        charger.power,
        charger.max_voltage or known.max_v,
        charger.max_current or known.max_a,
        known.min_v if charger.min_voltage is None else charger.min_voltage,
    )
    if found.min_v > found.max_v:
        text = f"the lowest voltage of the output, {found.min_v:g} V, is above the highest, {found.max_v:g} V"
        raise ValueError(text if charger.min_voltage is not None else f"{text}; give min-voltage too")
    return found
