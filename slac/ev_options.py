"""How a vehicle makes one attempt to find its charger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from slac.side import SideOptions

Validating = Literal["never", "doubtful", "always"]
NotReady = Literal["retry", "next"]
Refused = Literal["next", "skip", "end"]
NotRequired = Literal["match", "validate"]
Silent = Literal["again", "next"]


@dataclass(frozen=True)
class RunOptions(SideOptions):
    """How a vehicle makes one attempt; see `slac.side.SideOptions` too.

    Attributes:
        direct, indirect: C_EV_match_signalattn_direct and _indirect, mean attenuation in dB: up to ``direct`` a charger
            is found, up to ``indirect`` potentially found, above that not found. Makers choose the values.
        patient: wait for all reports until TT_EV_atten_results, and for late answers to CM_SLAC_PARM; else continue as
            soon as all chargers that answered have reported.
        validation: prove the pairing by toggling the pilot: ``never``, ``doubtful`` (only for chargers that are
            potentially found), or ``always``.
        not_ready: if a charger is not ready to validate, ask it again for a while (``retry``), or try the next one.
        refused: if a charger answers failure to the first step, try the ``next`` one, match without validation
            (``skip``), or ``end`` the attempt.
        not_required: if a charger does not require validation, match it at once (``match``), or validate anyway.
        silent: if a charger does not report its count, ask it ``again``, or try the ``next`` one at once. If frames are
            lost, the next one may be a neighbour whose own vehicle is toggling at that moment.
        twice: send each CM_SLAC_PARM.REQ twice, as some vehicles do. On a bad line this makes it unlikely that only
            neighbours receive it.
    """

    direct: float = 40.0
    indirect: float = 80.0
    patient: bool = True
    validation: Validating = "doubtful"
    not_ready: NotReady = "retry"
    refused: Refused = "next"
    not_required: NotRequired = "match"
    silent: Silent = "again"
    twice: bool = False
