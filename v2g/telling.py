"""A few words that summarise a message of ISO 15118-20 for an engineer: its service, needs, schedule, target.

A message with deliberately nonsensical content gets none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from v2g import energy
from v2g.messages.iso20 import ac, common, dc, types
from v2g.physical import number
from v2g.terms import NOT_KNOWN, total


def words(body: Any) -> list[str]:
    """Words for a message's line, in addition to its code and whatever is already shown there."""
    found: list[str] = []
    with contextlib.suppress(AttributeError, TypeError, ValueError, OverflowError):
        found = [str(word) for word in _words(body)]
    return found


def _words(body: Any) -> Iterator[str]:
    match body:
        case common.ServiceDiscoveryRes():
            offered = body.EnergyTransferServiceList.Service
            added = body.VASList.Service if body.VASList is not None else []
            yield ", ".join(_title(one.ServiceID) for one in (*offered, *added))
        case common.ServiceDetailReq():
            yield _title(body.ServiceID)
        case common.ServiceDetailRes():
            sets = [energy.read(one) for one in body.ServiceParameterList.ParameterSet]
            known = [f"{one.number} {'dynamic' if one.dynamic else 'scheduled'}" for one in sets if one is not None]
            yield f"{_title(body.ServiceID)}" + (f": {', '.join(known)}" if known else "")
        case common.ServiceSelectionReq():
            chosen = body.SelectedEnergyTransferService
            yield f"{_title(chosen.ServiceID)}, set {chosen.ParameterSetID}"
            if body.SelectedVASList is not None:
                yield "and " + ", ".join(_title(one.ServiceID) for one in body.SelectedVASList.SelectedService)
        case common.ScheduleExchangeReq():
            yield from _needs(body.Dynamic_SEReqControlMode or body.Scheduled_SEReqControlMode)
        case common.ScheduleExchangeRes():
            yield from _schedules(body)
        case common.PowerDeliveryReq():
            yield from _delivery(body)
        case types.ChargeLoopReqType() | types.ChargeLoopResType():
            yield from _loop(body)
        case ac.AC_ChargeParameterDiscoveryReq() | ac.AC_ChargeParameterDiscoveryRes():
            yield from _powers(body, "AC")
        case dc.DC_ChargeParameterDiscoveryReq() | dc.DC_ChargeParameterDiscoveryRes():
            yield from _powers(body, "DC")
        case common.SessionStopReq() if body.EVTerminationCode:
            yield body.EVTerminationCode
    status = getattr(body, "EVSEStatus", None)
    if isinstance(status, types.EVSEStatusType):
        yield f"{status.EVSENotification} within {status.NotificationMaxDelay} s"


ADDED = {energy.INTERNET: "Internet", energy.PARKING: "ParkingStatus"}
"""Value added services by their names."""


def _title(service: int) -> str:
    known = energy.SERVICES.get(service)
    return known.title if known is not None else ADDED.get(service, f"service {service}")


def _needs(said: Any) -> Iterator[str]:
    if said is None:
        return
    if said.DepartureTime is not None and said.DepartureTime < NOT_KNOWN:
        yield f"leaves in {said.DepartureTime} s"
    for name, word in (("MinimumSOC", "at least"), ("TargetSOC", "target")):
        soc = getattr(said, name, None)
        if soc is not None:
            yield f"{word} {soc} %"
    wanted = getattr(said, "EVTargetEnergyRequest", None)
    if wanted is not None:
        yield f"{number(wanted) / 1000.0:.4g} kWh"


def _schedules(body: common.ScheduleExchangeRes) -> Iterator[str]:
    if body.GoToPause:
        yield "invites to pause"
    if body.Scheduled_SEResControlMode is not None and body.EVSEProcessing == "Finished":
        numbers = [str(one.ScheduleTupleID) for one in body.Scheduled_SEResControlMode.ScheduleTuple]
        yield f"schedule{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
    if body.Dynamic_SEResControlMode is not None:
        yield from _needs(body.Dynamic_SEResControlMode)


def _delivery(body: common.PowerDeliveryReq) -> Iterator[str]:
    if body.EVProcessing != "Finished":
        yield str(body.EVProcessing)
    if body.EVPowerProfile is not None and body.EVPowerProfile.Scheduled_EVPPTControlMode is not None:
        yield f"schedule {body.EVPowerProfile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID}"
    if body.BPT_ChannelSelection is not None:
        yield str(body.BPT_ChannelSelection)


def _loop(body: Any) -> Iterator[str]:
    mode = getattr(body, "CLReqControlMode", None) or getattr(body, "CLResControlMode", None)
    if isinstance(mode, dc.Scheduled_DC_CLReqControlModeType):
        yield f"asks for {number(mode.EVTargetVoltage):g} V {number(mode.EVTargetCurrent):g} A"
    taken, target = total(mode, "EVPresentActivePower"), total(mode, "EVSETargetActivePower")
    if taken is not None:
        yield f"{'gives' if taken < 0.0 else 'takes'} {abs(taken):g} W"
    if target is not None:
        yield f"wants {target:g} W"
    if isinstance(mode, types.Dynamic_CLResControlModeType):
        yield from _needs(mode)


def _powers(body: Any, kind: str) -> Iterator[str]:
    side = "EV" if hasattr(body, f"{kind}_CPDReqEnergyTransferMode") else "EVSE"
    limits = getattr(body, f"{kind}_CPD{'Req' if side == 'EV' else 'Res'}EnergyTransferMode")
    into, out = total(limits, f"{side}MaximumChargePower"), total(limits, f"{side}MaximumDischargePower")
    if into is not None:
        yield f"up to {into / 1000.0:g} kW"
    if out is not None:
        yield f"and {abs(out) / 1000.0:g} kW back"
