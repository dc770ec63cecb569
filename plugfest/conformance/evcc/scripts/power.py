"""A long power flow, and its end. :mod:`plugfest.conformance.watch` judges what the vehicle does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.evcc.reactions import loops
from plugfest.conformance.evcc.scripts.steps import change_loop, delivers, drawn, loop_name
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from secc.plan import Plan, Slot
from slac.pilot import STEADY, STEP_X1, Offer, duty_of
from v2g.protocols import DIN, ISO20
from v2g.rules.schedule import read

LONG = 75.0
"""s in which a battery is charged by a few percent."""
SETTLED = 4.0
"""s after which a vehicle takes its full power."""
SHORT = 15.0
"""s in which a vehicle keeps to one of several schedules."""
SCHEDULED = {False: (8_000.0, 40_000.0), True: (7_000.0, 15_000.0)}
"""Low and high powers of a schedule, W, by whether it is of AC, where less may be nothing for a vehicle."""
STEP = LONG / 3.0
"""s for which each of them lasts: longer than a vehicle may take to follow it."""
CARRIERS = ("EVChargeParameter", "Scheduled_SEReqControlMode", "Dynamic_SEReqControlMode")
"""Parts of requests with a DepartureTime."""
BY_SCHEDULE = ("schedule", "schedules", "renegotiated")
"""Flows in which only a schedule tells the vehicle how much it may take."""
BY_CURRENT = (*BY_SCHEDULE, "one phase", "duty")
"""Flows of AC in which a vehicle of ISO 15118-2 shows by its current alone what it does."""
REPEATED = {
    "CurrentDemandReq": ("EVSEMaximumVoltageLimit", "EVSEMaximumCurrentLimit", "EVSEMaximumPowerLimit"),
    "ChargingStatusReq": ("EVSEMaxCurrent",),
}
"""Optional fields of a loop's responses that would say the same."""
ENOUGH, LITTLE = 13.0, 7.0
"""A per phase that a duty says: less than the outlet has, and more than any vehicle needs."""
DELAY = 5
"""s of NotificationMaxDelay."""
LONGEST, MINUTES = 7 * 86400, 30.0
"""s that a DepartureTime has at most, and that it may differ: some round to minutes."""
LASTING = 40.0
"""s after which a vehicle tells its departure again; more than that."""
ENDS = 45
"""s for which a schedule lasts that ends."""
BACK_IN_B = 1.5
"""s after the end of a session, for which its pilot is seen."""
PATIENCE = 60.0
"""s after the request to stop within which the session ends."""


def _steps(tester: TesterEvse) -> list[Slot]:
    """A schedule whose power goes up and down while the vehicle charges, drawn by seed."""
    low, high = SCHEDULED[tester.pics.ac]
    most = [high, low, high]
    return [Slot(round(place * STEP), watts * tester.rng.uniform(0.6, 1.0)) for place, watts in enumerate(most)]


@SCRIPTS.on(
    "PF_EVCC_ISO2_PowerFlow", "PF_EVCC_DIN_PowerFlow", "PF_EVCC_ISO2_PowerFlow_AC", "PF_EVCC_ISO20_PowerFlow_DC",
    "PF_EVCC_ISO20_PowerFlow_DC_dynamic", "PF_EVCC_ISO20_PowerFlow_BPT", "PF_EVCC_ISO20_PowerFlow_AC",
    "PF_EVCC_ISO20_PowerFlow_AC_dynamic", "PF_EVCC_ISO20_PowerFlow_AC_BPT", "PF_EVCC_ISO20_Departure",
    "PF_EVCC_ISO20_Departure_dynamic", "PF_EVCC_ISO2_Departure",
)  # fmt: skip
async def power_flow(tester: TesterEvse, run: Run, result: Result) -> None:
    """Charges for a while, then asks the vehicle to stop: it ends normally."""
    flow = str(run.variant["flow"])
    if flow in BY_SCHEDULE and tester.protocol is not ISO20:
        change_loop(tester, *((name, None) for name in REPEATED[loop_name(tester)]))
    if flow == "schedule" and tester.protocol is DIN:
        tester.evse.schedule = tuple(_steps(tester))
    elif flow == "schedule":
        tester.evse.plans = [Plan(slots=_steps(tester))]
    elif flow == "ends":
        tester.evse.schedule_seconds = ENDS
    elif flow == "one phase":
        _on_one_phase(tester)
    elif flow == "schedules":
        tester.evse.plans = [Plan(slots=[Slot(0, watts)]) for watts in (0.0, *SCHEDULED[tester.pics.ac])]
    await (_plug_with_current(tester) if flow == "duty" else tester.plug())
    await loops(tester, tester.answers.loops + 3)
    if (begins := BEGINS.get(flow)) is not None:
        await begins(tester, result)
    blind = tester.pics.ac and tester.protocol is not ISO20 and flow in BY_CURRENT and tester.measured() is None
    told_again = flow == "departure" and tester.protocol is not ISO20
    await tester.wait_for(lambda: tester.over, 0.0 if told_again else LASTS.get(flow, LONG))
    tester.evse.request_stop(DELAY)
    ended = await tester.wait_for(lambda: tester.over, PATIENCE)
    result.saw("the session ends after StopCharging", "as expected" if ended else "it did not")
    if not ended:
        raise Failed(
            f"the session did not end {PATIENCE:g} s after StopCharging with {DELAY} s",
            cause=Cause.WENT_ON, expected=f"the end of the session within {PATIENCE:g} s of StopCharging",
            observed="a session that goes on",
        )  # fmt: skip
    if tester.pics.ac:
        await asyncio.sleep(BACK_IN_B)
    last = getattr(tester.requests[-1].message, "ChargingSession", "")
    if tester.protocol is not ISO20 and last == "Pause":  # there, a pause needs an agreement
        result.find("the vehicle pauses a session that the charger has asked it to stop")
    if blind:
        drawn(tester)


def _on_one_phase(tester: TesterEvse) -> None:
    """An outlet of one phase, with as much power as that has: a vehicle that draws on three takes too much."""
    outlet = tester.evse.ac
    assert outlet is not None
    outlet.phases = outlet.in_use = 1
    tester.evse.plans = [Plan(slots=[Slot(0, outlet.nominal_voltage * outlet.max_current)])]


async def _plug_with_current(tester: TesterEvse) -> None:
    """Plugs in with a nominal duty; after a matching at 5 %, with X1 between the two."""
    await tester.system.plug()
    pilot = tester.system.pilot
    if pilot.reading.offer is not None and pilot.reading.offer[0] is Offer.DIGITAL:
        pilot.offer(STEADY)
        await asyncio.sleep(STEP_X1)
    pilot.offer(duty_of(ENOUGH))


async def _lowers_the_duty(tester: TesterEvse, result: Result) -> None:
    """A nominal duty that says less than EVSEMaxCurrent, and then less again: the lower one counts."""
    reading = tester.system.pilot.reading
    if reading.offer is None:
        raise Inconclusive("the duty cannot be seen on this bench", cause=Cause.NO_ACTION)
    await tester.wait_for(lambda: tester.over, SHORT)
    tester.system.pilot.offer(duty_of(LITTLE))
    result.saw("the vehicle follows the duty", f"from {ENOUGH:g} A to {LITTLE:g} A")


async def _departs(tester: TesterEvse, result: Result) -> None:
    """A departure was named, and it is told before the loop. How it goes on, the watch judges.

    In ISO 15118-2 it is told again in a renegotiation.
    """
    told = next((seconds for one in tester.requests if (seconds := _departure(one.message)) is not None), None)
    result.saw("DepartureTime", "none" if told is None else f"{told} s")
    if not told:
        raise Failed(
            f"DepartureTime is {'missing' if told is None else '0 s'}, although a departure was named",
            cause=Cause.WRONG_FIELD, expected="DepartureTime before the loop", observed=str(told),
        )  # fmt: skip
    if tester.protocol is not ISO20:
        if told > LONGEST:
            result.find(f"DepartureTime is {told} s, {told / 86400.0:.0f} days", Severity.READING, Cause.WRONG_FIELD)
        await tester.wait_for(lambda: tester.over, LASTING)
        tester.evse.request_renegotiation(DELAY)
        await tester.wait_for(lambda: tester.over, SHORT)
        _counts_down(tester, result)


def _counts_down(tester: TesterEvse, result: Result) -> None:
    """Each DepartureTime is that of the first request, less the time since then."""
    times = [(one.time, seconds) for one in tester.requests if (seconds := _departure(one.message)) is not None]
    (began, first), (again, last) = times[0], times[-1]
    due = first - (again - began)
    result.saw(f"DepartureTime counts down from {first} s", f"{last} s after {again - began:.0f} s")
    if abs(last - due) > MINUTES:
        result.find(
            f"DepartureTime is {last} s, {again - began:.0f} s after {first} s was told", Severity.READING,
            Cause.WRONG_FIELD,
        )  # fmt: skip


async def _ends(tester: TesterEvse, result: Result) -> None:
    """The schedule ends soon: a vehicle asks for another one, or stops [V2G2-305]."""
    offer = next(one for one in reversed(tester.replied) if one.name == "ChargeParameterDiscoveryRes")
    lasts = max(read(one).end for one in offer.message.SASchedules.SAScheduleTuple)
    if lasts > ENDS:
        result.saw("another schedule, or the end", f"the schedule lasts {lasts:g} s, until the vehicle departs")
        return
    ends = offer.time + lasts

    def left() -> list[Arrival]:
        return [one for one in tester.requests if delivers(one, "Renegotiate") or delivers(one, "Stop")]

    await tester.wait_for(lambda: left() or tester.over, max(ends + SETTLED - tester.now, 0.0))
    seen = "it goes on without" if not left() else "it stops" if delivers(left()[0], "Stop") else "it renegotiates"
    result.saw("another schedule, or the end", seen)
    await tester.wait_for(lambda: tester.over, SETTLED)  # power flows again
    if not left() and not tester.over:
        result.find(
            f"the vehicle goes on charging {SETTLED:g} s after its schedule of {ENDS} s has ended", Severity.READING,
            Cause.WENT_ON,
        )  # fmt: skip


def _departure(message: Any) -> int | None:
    """DepartureTime of a message that has one, s."""
    parts = (getattr(message, name, None) for name in CARRIERS)
    told = (getattr(part, "DepartureTime", None) for part in parts)
    return next((int(seconds) for seconds in told if seconds is not None), None)


async def _renegotiates(tester: TesterEvse, result: Result) -> None:
    """Another schedule while power flows, with another id and much less power: a vehicle that agrees keeps to it."""
    await tester.wait_for(lambda: tester.over, SETTLED)
    if tester.protocol is not ISO20:  # there, each offer on the side stream has other ids
        first, *others = tester.evse.tuple_ids
        tester.evse.tuple_ids = (*others, first)
    low, _ = SCHEDULED[tester.pics.ac]
    tester.evse.plans = [Plan(slots=[Slot(0, low)])]
    tester.evse.request_renegotiation(DELAY)


async def _pauses(tester: TesterEvse, result: Result) -> None:
    """The driver wants to pause: in dynamic mode the charger would have to ask for it, which it does not."""
    if not await tester.system.do("pause"):
        raise Inconclusive("nobody on this bench can ask the vehicle to pause", cause=Cause.NO_ACTION)


BEGINS: Mapping[str, Callable[[TesterEvse, Result], Awaitable[None]]] = {
    "ends": _ends,
    "departure": _departs,
    "renegotiated": _renegotiates,
    "duty": _lowers_the_duty,
    "paused by the driver": _pauses,
}
"""Flow -> what happens once power flows."""
LASTS = {
    "end": 0.0, "ends": 0.0, "schedules": SHORT, "paused by the driver": SHORT, "renegotiated": 2.0 * SHORT,
    "one phase": SHORT, "duty": SHORT,
}  # fmt: skip
"""Flow -> s for which it lasts then."""
