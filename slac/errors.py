"""What can go wrong below the messages of a session. The text is one sentence for the person at the bench."""

from __future__ import annotations

import enum


class SlacError(Exception):
    """Base of all errors of this package."""


class LinkError(SlacError):
    """The interface cannot be used: missing, down, or no permission; says what to do."""


class ModemError(SlacError):
    """The local modem does not answer, or does not do what it was asked to."""


class ModemMissing(ModemError):
    """No modem answers at all: there may be none, as on a plain cable."""


class PilotLost(SlacError):
    """The control pilot ended the matching: unplugged, or E or F."""


class Step(enum.Enum):
    """Step at which a matching stopped. The value describes it."""

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
    """A matching failed.

    Attributes:
        step: the step at which it stopped.
        timer: name of the timer in `slac.timing` that expired, or "".
        failures: the failures of the individual attempts, in order, if there were several.
    """

    def __init__(self, step: Step, text: str, *, timer: str = "", failures: tuple[MatchFailed, ...] = ()) -> None:
        super().__init__(f"{step.value}: {text}")
        self.step = step
        self.text = text
        self.timer = timer
        self.failures = failures
