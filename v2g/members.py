"""The members of the DC messages of ISO 15118-20 that a session uses: by control mode, and by whether it gives back.

Charge parameters have a plain and a BPT member, the charge loop four: the selected service and parameter set decide,
and a response has the same kind as its request [V2G20-1600].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from v2g.energy import Control
from v2g.messages.iso20 import dc

CPDRequest = type[dc.DC_CPDReqEnergyTransferModeType]
CPDResponse = type[dc.DC_CPDResEnergyTransferModeType]
LoopRequest = type[dc.Scheduled_DC_CLReqControlModeType] | type[dc.Dynamic_DC_CLReqControlModeType]
LoopResponse = type[dc.Scheduled_DC_CLResControlModeType] | type[dc.Dynamic_DC_CLResControlModeType]


@dataclass(frozen=True, slots=True)
class DcMembers:
    """The classes of one kind of control.

    Attributes:
        declares, offers: limits of the vehicle and of the charger in DC_ChargeParameterDiscovery.
        asks, answers: of the two in DC_ChargeLoop.
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
"""By whether it is dynamic, and whether it is bidirectional."""


def dc_members(control: Control) -> DcMembers:
    """The members of a DC session with this control."""
    return _MEMBERS[control.dynamic, control.bidirectional]
