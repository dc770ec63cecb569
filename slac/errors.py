"""What can go wrong below the messages of a session. The text is one sentence for the person at the bench."""

from __future__ import annotations

import enum


class SlacError(Exception):
    """Base of all errors of this package."""


class LinkError(SlacError):
    """The interface cannot be used: missing, down, no right to; says what to do."""


class ModemError(SlacError):
    """The local modem does not answer, or does not do what it was asked."""


class ModemMissing(ModemError):
    """No modem answers at all: there may be none, as on a plain cable."""


class PilotLost(SlacError):
    """The control pilot ended the matching: unplugged, or E or F."""


class Step(enum.Enum):
    """Where a matching stopped. The value is what was being done."""

    PILOT = "waiting for the control pilot"
    MODEM = "looking for the local modem"
    PARM = "looking for chargers (CM_SLAC_PARM)"
    SOUNDING = "measuring (CM_START_ATTEN_CHAR, CM_MNBC_SOUND)"
    ATTENUATION = "collecting attenuations (CM_ATTEN_CHAR)"
    DECISION = "choosing a charger"
    VALIDATION = "validating (CM_VALIDATE)"
    MATCH = "matching (CM_SLAC_MATCH)"
    SET_KEY = "setting the network key (CM_SET_KEY)"
    LINK = "waiting for the power line link"
    MATCHED = "matched"


class MatchFailed(SlacError):
    """A matching came to no end.

    Attributes:
        step: where it stopped.
        timer: name of the timer in `slac.timing` that expired, or "".
        failures: the failures of the single attempts, in order, where there were several.
    """

    def __init__(self, step: Step, text: str, *, timer: str = "", failures: tuple[MatchFailed, ...] = ()) -> None:
        super().__init__(f"{step.value}: {text}")
        self.step = step
        self.text = text
        self.timer = timer
        self.failures = failures
