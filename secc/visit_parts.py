"""Parts of a visit with a life of their own: renegotiation, installation, metering confirmation, and AC limits."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from v2g.messages.iso20 import types
from v2g.rules.bounds import Ceiling


@dataclass
class Renegotiation:
    """Progress of a vehicle that has to renegotiate its schedule (ISO 15118-20).

    Attributes:
        tries: how often it may fail; 0: any number of times.
        until: loop time by which it shall be done, s; None: no renegotiation is due.
        failures: how often the vehicle missed that time, or began and did not finish.
    """

    tries: int = 2
    until: float | None = None
    failures: int = 0

    def done(self) -> None:
        """Notes that the renegotiation succeeded."""
        self.until, self.failures = None, 0


@dataclass
class Installing:
    """Contract installations in a visit (ISO 15118-20).

    Attributes:
        request: the request that the back end is processing, or processed last.
        task: the task processing it, or None.
        done: eMAIDs delivered.
        complete: no more contracts are left to deliver.
    """

    request: Any = None
    task: asyncio.Future[Any] | None = None
    done: list[str] = field(default_factory=list)
    complete: bool = False

    def stop(self) -> None:
        """Cancels the work: its result is no longer needed."""
        if self.task is not None:
            self.task.cancel()
            self.task = None


class Shown(NamedTuple):
    """What a loop response showed and the vehicle has to confirm: MeterInfo and Receipt."""

    meter: types.MeterInfoType
    receipt: types.ReceiptType | None


@dataclass
class Metering:
    """Metering confirmation of a visit (ISO 15118-20).

    Attributes:
        began: loop time at which the current confirmation interval began, s.
        until: loop time by which the vehicle shall have confirmed, s; None: no confirmation is pending.
        shown: what was shown since the confirmation was requested.
    """

    began: float | None = None
    until: float | None = None
    shown: list[Shown] = field(default_factory=list)


@dataclass
class LineLimits:
    """Limits of a vehicle that charges with AC.

    Attributes:
        max_current: its present EVMaxCurrent, A.
        declared_current: EVMaxCurrent as declared before the loop; the loop may lower it (ISO 15118-20), A.
        max_discharge_current, declared_discharge_current: the same for discharging, as magnitudes (ISO 15118-20), A.
        least_power, least_discharge: power over all phases below which the vehicle neither charges nor discharges, W,
            as magnitudes (ISO 15118-20).
        per_phase: the vehicle gave its limits per phase, and expects the charger's limits per phase (ISO 15118-20).
        phase_limits: the maximum it declared for each phase, W, as magnitudes, by direction: Charge, Discharge.
        draws, gives: what it may draw and feed back, A per phase, coming down no faster than the charger's ramp.
    """

    max_current: float = math.inf
    declared_current: float = math.inf
    max_discharge_current: float = 0.0
    declared_discharge_current: float = 0.0
    least_power: float = 0.0
    least_discharge: float = 0.0
    per_phase: bool = False
    phase_limits: dict[str, tuple[float, ...]] = field(default_factory=dict)
    draws: Ceiling = field(default_factory=lambda: Ceiling(hold=0.0))
    gives: Ceiling = field(default_factory=lambda: Ceiling(hold=0.0))
