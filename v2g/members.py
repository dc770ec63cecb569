"""The message members of ISO 15118-20 that a session uses, by control mode and by whether it is bidirectional.

Charge parameters have a plain and a BPT member, the charge loop has four members: the selected service and parameter
set decide which is used, and a response is of the same kind as its request [V2G20-1600].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from v2g.energy import Control
from v2g.messages.iso20 import ac, dc

CPDRequest = type[dc.DC_CPDReqEnergyTransferModeType]
CPDResponse = type[dc.DC_CPDResEnergyTransferModeType]
LoopRequest = type[dc.Scheduled_DC_CLReqControlModeType] | type[dc.Dynamic_DC_CLReqControlModeType]
LoopResponse = type[dc.Scheduled_DC_CLResControlModeType] | type[dc.Dynamic_DC_CLResControlModeType]


@dataclass(frozen=True, slots=True)
class DcMembers:
    """The classes of one kind of control.

    Attributes:
        declares, offers: the vehicle's and the charger's limits in DC_ChargeParameterDiscovery.
        asks, answers: the vehicle's and the charger's member in DC_ChargeLoop.
    """

    declares: CPDRequest
    offers: CPDResponse
    asks: LoopRequest
    answers: LoopResponse


_PLAIN = (dc.DC_CPDReqEnergyTransferModeType, dc.DC_CPDResEnergyTransferModeType)
_BPT = (dc.BPT_DC_CPDReqEnergyTransferModeType, dc.BPT_DC_CPDResEnergyTransferModeType)
_MEMBERS: Mapping[tuple[bool, bool], DcMembers] = {
    (False, False): DcMembers(*_PLAIN, dc.Scheduled_DC_CLReqControlModeType, dc.Scheduled_DC_CLResControlModeType),
    (True, False): DcMembers(*_PLAIN, dc.Dynamic_DC_CLReqControlModeType, dc.Dynamic_DC_CLResControlModeType),
    (False, True): DcMembers(*_BPT, dc.BPT_Scheduled_DC_CLReqControlModeType, dc.BPT_Scheduled_DC_CLResControlModeType),
    (True, True): DcMembers(*_BPT, dc.BPT_Dynamic_DC_CLReqControlModeType, dc.BPT_Dynamic_DC_CLResControlModeType),
}
"""The members by (dynamic, bidirectional)."""


def dc_members(control: Control) -> DcMembers:
    """The members of a DC session with this control."""
    return _MEMBERS[control.dynamic, control.bidirectional]


@dataclass(frozen=True, slots=True)
class AcMembers:
    """The same for AC."""

    declares: type[ac.AC_CPDReqEnergyTransferModeType]
    offers: type[ac.AC_CPDResEnergyTransferModeType]
    asks: type[ac.Scheduled_AC_CLReqControlModeType] | type[ac.Dynamic_AC_CLReqControlModeType]
    answers: type[ac.Scheduled_AC_CLResControlModeType] | type[ac.Dynamic_AC_CLResControlModeType]


_AC = (ac.AC_CPDReqEnergyTransferModeType, ac.AC_CPDResEnergyTransferModeType)
_AC_BPT = (ac.BPT_AC_CPDReqEnergyTransferModeType, ac.BPT_AC_CPDResEnergyTransferModeType)
_AC_MEMBERS: Mapping[tuple[bool, bool], AcMembers] = {
    (False, False): AcMembers(*_AC, ac.Scheduled_AC_CLReqControlModeType, ac.Scheduled_AC_CLResControlModeType),
    (True, False): AcMembers(*_AC, ac.Dynamic_AC_CLReqControlModeType, ac.Dynamic_AC_CLResControlModeType),
    (False, True): AcMembers(
        *_AC_BPT, ac.BPT_Scheduled_AC_CLReqControlModeType, ac.BPT_Scheduled_AC_CLResControlModeType
    ),
    (True, True): AcMembers(*_AC_BPT, ac.BPT_Dynamic_AC_CLReqControlModeType, ac.BPT_Dynamic_AC_CLResControlModeType),
}


def ac_members(control: Control) -> AcMembers:
    """The members of an AC session with this control."""
    return _AC_MEMBERS[control.dynamic, control.bidirectional]
