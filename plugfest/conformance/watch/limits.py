"""What a side's highest voltage, current and power are called: ISO 15118-20 has other names than its elders."""

from __future__ import annotations

from v2g.rules.rule import CLASSIC

ELDER = {"V": "MaximumVoltageLimit", "A": "MaximumCurrentLimit", "W": "MaximumPowerLimit"}
MODERN = {"V": "MaximumVoltage", "A": "MaximumChargeCurrent", "W": "MaximumChargePower"}


def limit(protocol: str, side: str, unit: str) -> str:
    """The field that limits DC, in the messages of a protocol.

    Args:
        protocol: as the content rules name it.
        side: EV or EVSE.
        unit: V, A or W.
    """
    return side + (ELDER if protocol in CLASSIC else MODERN)[unit]
