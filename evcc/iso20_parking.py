"""Value added services of ISO 15118-20 on the vehicle's side: their selection, and parking (66) on its own stream."""

from __future__ import annotations

from collections.abc import Sequence

from evcc.drive import Drive
from v2g import energy
from v2g.errors import RemoteError, TimedOut
from v2g.messages.iso20 import common
from v2g.protocols.iso20 import PARKING

ROUNDS = 20
"""The most VehicleCheckOutReq sent."""


async def select(drive: Drive, found: common.ServiceDiscoveryRes) -> list[common.SelectedServiceType]:
    """ServiceDetail for each value added service of interest that is offered; returns the services to select.

    None as a service's set means its first one; for parking, one for each intended service.
    """
    selected: list[common.SelectedServiceType] = []
    for service in found.VASList.Service if found.VASList is not None else []:
        number = service.ServiceID
        if number not in drive.options.services:
            continue
        wanted = drive.options.services[number]
        res = await drive.ask(common.ServiceDetailReq(ServiceID=number))
        sets = res.ServiceParameterList.ParameterSet
        if wanted is not None:
            sets = [one for one in sets if one.ParameterSetID == wanted]
        elif number == energy.PARKING:
            sets = _one_each(sets)
        else:
            sets = sets[:1]
        if not sets:
            drive.note(f"service {number} has no parameter set {wanted}; not selected")
        for one in sets:
            selected.append(common.SelectedServiceType(ServiceID=number, ParameterSetID=one.ParameterSetID))
            if number == energy.PARKING:
                drive.parks |= {_intended(one)}
    return selected


def _intended(element: common.ParameterSetType) -> int:
    values = (p.intValue for p in element.Parameter if p.Name == "IntendedService" and p.intValue is not None)
    return next(values, 0)


def _one_each(sets: Sequence[common.ParameterSetType]) -> list[common.ParameterSetType]:
    return list({_intended(one): one for one in reversed(sets)}.values())[::-1]


def arrive(drive: Drive) -> None:
    """Checks in beside the main stream, if the vehicle has selected that; once per session."""
    if energy.CHECK_IN in drive.parks and not drive.arrived:
        drive.arrived = True
        drive.beside.begin(PARKING, _check_in(drive.on(PARKING)))


async def _check_in(drive: Drive) -> None:
    statuses: tuple[common.evCheckInStatusType, ...] = ("CheckIn", "Processing", "Completed")
    try:
        for status in statuses:
            await drive.ask(common.VehicleCheckInReq(EVCheckInStatus=status, ParkingMethod="Manual"))
            await drive.breathe()
    except TimedOut as why:
        drive.note(f"the charger did not check the vehicle in: {why}")


async def depart(drive: Drive) -> None:
    """Checks out before the session ends, if the vehicle has selected that."""
    if drive.parks:
        await drive.beside.stop(PARKING)
    if energy.CHECK_OUT in drive.parks:
        try:
            await _check_out(drive.on(PARKING))
        except RemoteError:
            drive.usable = False  # the session is over on every stream
            raise


async def _check_out(drive: Drive) -> None:
    status: common.evCheckOutStatusType = "CheckOut"
    drive.session.forget(PARKING)
    try:
        for _ in range(ROUNDS):
            request = common.VehicleCheckOutReq(EVCheckOutStatus=status, CheckOutTime=drive.session.clock())
            res = await drive.ask(request)
            if status == "Completed" and res.EVSECheckOutStatus == "Completed":
                return
            status = "Processing" if status == "CheckOut" else "Completed"
            await drive.breathe()
        drive.note("the charger did not complete the check-out")
    except TimedOut as why:
        drive.note(f"the charger did not check the vehicle out: {why}")
