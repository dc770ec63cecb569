"""What the highest voltage, current and power of a side are called, in ISO 15118-20 and in the earlier protocols."""

from __future__ import annotations

from v2g.rules.rule import CLASSIC

EARLIER = {"V": "MaximumVoltageLimit", "A": "MaximumCurrentLimit", "W": "MaximumPowerLimit"}
ISO20 = {"V": "MaximumVoltage", "A": "MaximumChargeCurrent", "W": "MaximumChargePower"}


def limit(protocol: str, side: str, unit: str) -> str:
    """The field that limits DC, in the messages of a protocol.

    Args:
        protocol: as the content rules name it.
        side: EV or EVSE.
        unit: V, A or W.
    """
    return side + (EARLIER if protocol in CLASSIC else ISO20)[unit]
