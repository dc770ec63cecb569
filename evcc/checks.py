"""How a vehicle judges the charger's status and limits, for both protocols. No messages are sent here.

Whether a message is correct at all is decided elsewhere: by the table of rules (:mod:`v2g.rules`), which
:meth:`evcc.drive.Drive.heed` acts on. There are two kinds of answer: before power flows, an unusable charger raises
`Unsuitable`; in the loop, a reason to end is an `Ending`, because something must be switched off first. The most urgent
reason counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from evcc.drive import Drive, Ending, Unsuitable
from v2g.errors import RemoteError
from v2g.outcome import Cause
from v2g.physical import amps, volts, watts
from v2g.status import ALARMS, ENDINGS, of_charger

TRIPPED = "the charger's RCD has tripped"
WORKING = ("EVSE_Ready", "EVSE_IsolationMonitoringActive")
"""Status codes that let charging go on."""

OVER = 1.1
"""Multiple of its own limits at which a vehicle protects itself; chargers and grids stay within a few percent."""

OVER_AMPS = 10.0
"""A: tolerance for the regulation of small currents."""


class Notifying(Protocol):
    """EVSEStatus of either protocol, AC or DC."""

    @property
    def EVSENotification(self) -> str: ...  # noqa: N802 - a message's field
    @property
    def NotificationMaxDelay(self) -> int: ...  # noqa: N802 - a message's field


def same_kind(element: object, expected: type[Any]) -> None:
    """Checks that the block of a response is of the same kind as the request's [V2G20-1600].

    Raises:
        RemoteError: it is of another kind.
    """
    if type(element) is not expected:
        raise RemoteError(f"{type(element).__name__} in the response, expected {expected.__name__}")


class DcStatus(Notifying, Protocol):
    """DC_EVSEStatus of either protocol."""

    @property
    def EVSEIsolationStatus(self) -> str | None: ...  # noqa: N802 - a message's field
    @property
    def EVSEStatusCode(self) -> str: ...  # noqa: N802 - a message's field


# ---------------------------------------------------------------------------------------------------------------
# Before power flows


def no_alarm(status: DcStatus) -> None:
    """In ChargeParameterDiscovery any status but an emergency will do: some chargers are not ready yet.

    Raises:
        Unsuitable: emergency or malfunction.
    """
    if status.EVSEStatusCode in ALARMS:
        raise Unsuitable(f"the charger reports {status.EVSEStatusCode}")


def preparing(status: DcStatus) -> None:
    """During CableCheck and PreCharge, nothing may demand an end.

    Raises:
        Unsuitable: the charger shuts down.
    """
    if status.EVSEStatusCode in ENDINGS:
        raise Unsuitable(f"the charger reports {status.EVSEStatusCode}")


def started(response: Any) -> None:
    """In the answer to PowerDelivery(Start), nothing may demand an end.

    Raises:
        Unsuitable: the charger shuts down, or its RCD has tripped.
    """
    status = of_charger(response)
    if hasattr(status, "EVSEStatusCode"):
        preparing(status)
    else:
        not_tripped(status)


def not_tripped(status: Any) -> None:
    """The residual-current device of an AC charger is closed. Unsuitable: it has tripped."""
    if getattr(status, "RCD", False):
        raise Unsuitable(TRIPPED)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a DC charger can give now: V, A, W."""

    voltage: float
    current: float
    power: float = math.inf

    def updated(self, response: Any) -> Limits:
        """These limits, with those that a CurrentDemandRes carries taken over."""
        voltage, current = response.EVSEMaximumVoltageLimit, response.EVSEMaximumCurrentLimit
        power = response.EVSEMaximumPowerLimit
        return Limits(
            self.voltage if voltage is None else volts(voltage),
            self.current if current is None else amps(current),
            self.power if power is None else watts(power),
        )


NO_LIMITS = Limits(0.0, 0.0, 0.0)
"""The charger can give nothing."""


def dc_limits(drive: Drive, parameter: Any) -> Limits:
    """The limits of a DC_EVSEChargeParameter, if this vehicle can charge within them.

    Raises:
        Unsuitable: the charger cannot go as high or as low as the battery's voltage, or its least current is too large.
    """
    battery = drive.vehicle.battery
    power = parameter.EVSEMaximumPowerLimit
    limits = Limits(
        volts(parameter.EVSEMaximumVoltageLimit),
        amps(parameter.EVSEMaximumCurrentLimit),
        math.inf if power is None else watts(power),
    )
    least_voltage = volts(parameter.EVSEMinimumVoltageLimit)
    least_current = amps(parameter.EVSEMinimumCurrentLimit)
    if not least_voltage <= battery.voltage <= limits.voltage:
        raise Unsuitable(
            f"the battery is at {battery.voltage:.1f} V,"
            f" the charger supplies {least_voltage:g} to {limits.voltage:g} V",
            misfit=True,
        )
    if least_current > min(battery.pack.max_current, limits.current):
        raise Unsuitable(
            f"the charger supplies {least_current:g} to {limits.current:g} A,"
            f" the battery accepts up to {battery.pack.max_current:g} A",
            misfit=True,
        )
    return limits


def ac_outlet(drive: Drive, nominal: float, max_current: float) -> None:
    """Checks that the inlet can take an AC outlet's nominal voltage (V), and that its current per phase (A) is enough.

    Raises:
        Unsuitable: the voltage is more than EVMaxVoltage, or the current less than the onboard charger needs.
    """
    most, least = drive.vehicle.inlet.ac_v_range[1], drive.vehicle.onboard.min_current
    if nominal > most * OVER:
        raise Unsuitable(f"the charger supplies {nominal:g} V, the inlet takes up to {most:g} V", misfit=True)
    if max_current < least:
        text = f"the charger supplies {max_current:g} A, the onboard charger needs {least:g} A"
        raise Unsuitable(text, misfit=True)


# ---------------------------------------------------------------------------------------------------------------
# While power flows


def alarmed(status: DcStatus) -> bool:
    """Whether the charger reports a status on which a vehicle disconnects at once."""
    return status.EVSEStatusCode in ALARMS or status.EVSEIsolationStatus == "Fault"


def dc_ending(drive: Drive, status: DcStatus, voltage: float, current: float) -> Ending | None:
    """Why the DC loop ends after this response, or None.

    Args:
        voltage, current: as the charger reports them, V and A.
    """
    code = status.EVSEStatusCode
    # First, because a charger that switched off because of this also reports an alarm.
    if status.EVSEIsolationStatus == "Fault":
        return Ending("stop", "the charger reports an isolation fault", Cause.ABORTED, hurry=0.0, alarm=True)
    if code in ALARMS:
        return Ending("stop", f"the charger reports {code}", Cause.ABORTED, hurry=0.0, alarm=True)
    if drive.danger:
        return Ending("stop", drive.danger, Cause.ABORTED, hurry=0.0, alarm=True)
    pack = drive.vehicle.battery.rated
    if voltage > pack.max_voltage * OVER:
        return _protect(drive, "FAILED_ChargingVoltageOutOfRange", f"{voltage:g} V, at most {pack.max_voltage:g} V")
    if current > pack.max_current * OVER + OVER_AMPS:
        return _protect(drive, "FAILED_ChargingCurrentdifferential", f"{current:g} A, at most {pack.max_current:g} A")
    if code == "EVSE_UtilityInterruptEvent":
        return Ending("stop", f"the charger reports {code}", Cause.ABORTED, hurry=0.0)
    if code not in WORKING:
        cause = Cause.COMPLETE if code == "EVSE_Shutdown" else Cause.ABORTED
        return Ending("stop", f"the charger reports {code}", cause, hurry=_hurry(status))
    return wishes(drive, status)


def _protect(drive: Drive, error_code: str, text: str) -> Ending:
    """The vehicle disconnects to protect its battery, and says so in its status."""
    drive.error_code = error_code
    return Ending("stop", f"the charger delivers {text}", Cause.ABORTED, hurry=0.0, alarm=True)


def wishes(drive: Drive, status: Notifying) -> Ending | None:
    """Why the loop ends although nothing is wrong: the charger's wishes, then the driver's, then a full battery."""
    vehicle = drive.vehicle
    if status.EVSENotification == "StopCharging":
        return Ending("stop", "the charger asked to stop", hurry=_hurry(status))
    if vehicle.stop.is_set():
        vehicle.stop.clear()
        return Ending("stop", "stopped by the driver")
    if vehicle.pause.is_set():
        vehicle.pause.clear()
        return Ending("pause", "paused by the driver")
    if vehicle.battery.full:
        return Ending("stop", "charging complete")
    if drive.over_time:
        return Ending("stop", "charging time is over")
    if status.EVSENotification == "ReNegotiation" and drive.options.renegotiates:
        return Ending("renegotiate", "the charger asked to renegotiate", hurry=_hurry(status))
    if vehicle.renegotiate.is_set():
        vehicle.renegotiate.clear()
        return Ending("renegotiate", "the driver asked to renegotiate")
    return None


def _hurry(status: Notifying) -> float:
    """Seconds left for the ramp; a NotificationMaxDelay of 0 means "as soon as possible"."""
    return float(status.NotificationMaxDelay) if status.NotificationMaxDelay else math.inf
