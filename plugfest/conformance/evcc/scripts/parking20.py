"""Parking in ISO 15118-20: a charger offers it, and the vehicle checks in beside the loop, and out before the end."""

from __future__ import annotations

from collections.abc import Mapping

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.iso20 import Sign, ends_beside, in_order, stopping
from plugfest.conformance.evcc.scripts.steps import charging, loop_name
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.verdict import Failed, Result
from secc.charger import Wish
from secc.services import MANUAL_EXTERNAL, Service
from v2g.energy import CHECK_IN, CHECK_OUT
from v2g.energy import PARKING as SERVICE
from v2g.protocols.iso20 import PARKING

INTENDED: Mapping[str, int] = {"VehicleCheckInReq": CHECK_IN, "VehicleCheckOutReq": CHECK_OUT}
"""IntendedService that each request needs."""
STEPS: Mapping[str, tuple[str, ...]] = {
    "VehicleCheckInReq": ("CheckIn", "Completed"),
    "VehicleCheckOutReq": ("CheckOut", "Completed"),
}
"""What a vehicle reports, in this order; it may be Processing in between."""
ALL_SETS = 250
"""ParameterSetIDs are drawn from 1 to this."""
LATEST = 60.0
"""s within which each of them has to come."""


def _offer(tester: TesterEvse, *requests: str) -> None:
    """Offers parking with a parameter set for each of these, numbered by the seed."""
    numbers = tester.rng.sample(range(1, ALL_SETS), len(requests))
    sets = {
        number: {"IntendedService": INTENDED[name], "ParkingStatusType": MANUAL_EXTERNAL}
        for number, name in zip(numbers, requests, strict=True)
    }
    tester.answers.added = (Service(0, "ParkingStatus", sets=sets, number20=SERVICE),)


def _says(name: str, status: str) -> Sign:
    """A request of the parking stream with this status."""
    field = "EVCheckInStatus" if name == "VehicleCheckInReq" else "EVCheckOutStatus"
    return lambda one: one.name == name and one.stream == PARKING and str(getattr(one.message, field)) == status


def _steps(name: str) -> tuple[tuple[str, Sign], ...]:
    return tuple((f"{name} {status}", _says(name, status)) for status in STEPS[name])


@SCRIPTS.on("PF_EVCC_ISO20_Parking")
async def parking(tester: TesterEvse, run: Run, result: Result) -> None:
    """The vehicle does what it has selected, in order, while the loop goes on; and nothing else of the service."""
    wanted = [name for name in STEPS if name in str(run.variant["intended"])]
    _offer(tester, *wanted)
    await charging(tester)
    if "VehicleCheckInReq" in wanted:
        await in_order(tester, result, 0, _steps("VehicleCheckInReq"), tester.now + LATEST)
    place = len(tester.requests)
    tester.evse.request(Wish.STOP, 0)
    end = (("SessionStopReq Terminate", stopping("Terminate")),)
    leaving = _steps("VehicleCheckOutReq") if "VehicleCheckOutReq" in wanted else ()
    await in_order(tester, result, place, (*leaving, *end), tester.now + LATEST)
    for name in STEPS:
        others = [one.name for one in tester.requests if one.name == name and name not in wanted]
        if others:
            raise Failed(
                f"{name} came, but no parameter set with IntendedService {INTENDED[name]} was on offer",
                cause=Cause.WRONG_MESSAGE, expected="what was selected", observed=name,
            )  # fmt: skip


@SCRIPTS.on("PF_EVCC_ISO20_Parking_Refused")
async def refused(tester: TesterEvse, run: Run, result: Result) -> None:
    """A check-in or check-out is answered wrongly, which ends the session on all streams."""
    request, answer = str(run.variant["request"]), str(run.variant["answer"])
    _offer(tester, *STEPS)
    caught = tester.catch(lambda one: one.stream == PARKING and one.name == request)
    if request == "VehicleCheckOutReq":
        await charging(tester)
        tester.evse.request(Wish.STOP, 0)
    else:
        await tester.plug()
    held = await tester.held(caught, f"{request} alongside the loop", LATEST, due="the parking service")
    await ends_beside(tester, result, held, answer, {loop_name(tester), *STEPS})
