"""AC: which vehicle parameters are accepted, what the charger offers, and what happens if a vehicle draws more.

An AC outlet cannot regulate the current: it announces how much is available, and has a contactor. It offers the lowest
of its rating, the vehicle's EVMaxCurrent, and the agreed power split over the phases in use. To follow a lower offer, a
vehicle has as much time as after a change of the duty (IEC 61851-1: 5 s); then the contactor opens.

In dynamic mode of ISO 15118-20 a vehicle may come down to a lower command as slowly as EVSEPowerRampLimitation says.

ISO 15118-20 agrees on powers: a vehicle that uses two of three phases may draw its power through them, up to the rating
of each. In ISO 15118-2 the limit is a current, which holds for each phase.

Power from the vehicle is limited in the same way in bidirectional sessions. If a vehicle feeds back more than both
sides have declared (zero in a session that only charges), the contactor opens as soon as this is seen.
"""

from __future__ import annotations

import asyncio

from secc import agreed
from secc.supply import AcSupply
from secc.visit import Refusal, Visit
from slac.pilot import DUTY_CHANGE, READY
from v2g.messages import iso2
from v2g.physical import AC_OVERDRAW, AC_OVERDRAW_AMPS, LOW_GRID, number, ramp

FOLLOWS = 1.0
"""Time for which a vehicle may draw too much without a report, s: it follows a change in its next messages."""

ONE_PHASE = "AC_single_phase_core"


def supply(visit: Visit) -> AcSupply:
    """The AC supply; a charger that offers AC always has one."""
    assert visit.evse.ac is not None
    return visit.evse.ac


def accept(visit: Visit, parameter: iso2.AC_EVChargeParameterType) -> None:
    """Adopts the vehicle's limits. One real car sends its DC limits here.

    Raises:
        Refusal: the outlet's voltage is above EVMaxVoltage.
    """
    nominal = supply(visit).nominal_voltage
    voltage = number(parameter.EVMaxVoltage)
    if voltage < nominal * LOW_GRID:
        text = f"EVMaxVoltage of {voltage:g} V at an outlet of {nominal:g} V [V2G2-477]"
        raise Refusal("FAILED_WrongChargeParameter", text, misfit=True)
    visit.line.max_current = most = number(parameter.EVMaxCurrent)
    ac = supply(visit)
    ac.in_use = phases(visit)
    ac.agreed = min(ac.agreed, most)  # the contactor may have stayed closed for a renegotiation


def phases(visit: Visit, by_profile: int | None = None) -> int:
    """Number of phases in use, as given by the profile, or else by the energy transfer mode."""
    most = 1 if visit.mode == ONE_PHASE else supply(visit).phases
    return min(most, by_profile or most)


def best(visit: Visit) -> float:
    """EVSEMaxCurrent of ChargeParameterDiscoveryRes: the highest current ever available per phase, A."""
    ac, evse = supply(visit), visit.evse
    slots = [slot for plan in evse.plans for slot in plan.slots or evse.schedule] or evse.schedule
    watts = max(slot.watts for slot in slots)
    return min(ac.max_current, visit.line.max_current, watts / (ac.nominal_voltage * phases(visit)))


def offer(visit: Visit) -> float:
    """Present EVSEMaxCurrent, A per phase; also stored in the supply, together with the limit for feeding back."""
    ac, what = supply(visit), agreed.now(visit)
    ac.in_use = phases(visit, what.phases)
    most, back = ac.most(ac.in_use)
    per_phase = ac.nominal_voltage * ac.in_use
    watts, least = (0.0, 0.0) if visit.standby else (what.watts, what.least)
    ac.agreed = max(0.0, min(visit.line.max_current, min(watts, most) / per_phase))
    ac.agreed_back = max(0.0, min(visit.line.max_discharge_current, min(-least, back) / per_phase))
    return ac.offered


async def close_contactor(visit: Visit) -> None:
    """AC: waits for state C or D, then for the contactor [V2G2-860].

    Raises:
        Refusal: no C or D, no contact, or what comes meanwhile forbids it: a fault, a wish to stop, a pilot that leaves
            C again, or a vehicle that has gone.
    """
    outlet, timing = supply(visit), visit.session.timing
    if not await visit.evse.pilot.wait(*READY, within=timing.V2G_SECC_CPState_Detection_Timeout):
        raise Refusal("FAILED_PowerDeliveryNotApplied", "the control pilot did not go to C or D")
    deadline = visit.session.now + timing.V2G_SECC_Contactor_Close_Time
    try:
        _check_wanted(visit)
        outlet.close()
        while not outlet.closed:
            if visit.session.now >= deadline:
                seconds = timing.V2G_SECC_Contactor_Close_Time
                raise Refusal("FAILED_ContactorError", f"the contactor did not close in {seconds:g} s [V2G2-862]")
            await asyncio.sleep(0.02)
            _check_wanted(visit)
        visit.evse.meter.read()  # from now on the vehicle may draw
    except BaseException:
        outlet.open()
        raise


def _check_wanted(visit: Visit) -> None:
    """Checks that the contactor is still to close: much can happen while the charger waits.

    Raises:
        Refusal: it is not.
    """
    visit.check_may_start()
    if not visit.evse.pilot.shows(*READY) or visit.session.channel.gone:
        raise Refusal("FAILED_PowerDeliveryNotApplied", "the vehicle left C or D, or closed the connection")


def watch(visit: Visit) -> None:
    """Reports a vehicle that draws, or feeds back, more than agreed, and opens the contactor if it continues.

    Feeding back more than both sides have declared opens the contactor at once.
    """
    ac, offered = supply(visit), offer(visit)
    flows, back = ac.current, ac.taken_back
    rating = ac.max_current if flows >= 0.0 else ac.max_discharge_current
    if visit.control is not None and not _beyond(abs(flows), rating):
        flows = ac.power / (ac.nominal_voltage * ac.in_use)  # as if over all phases in use
    if visit.control is not None and visit.control.dynamic:
        offered, back = _ramped(visit, offered, back)
    if flows < 0.0:
        declared = min(ac.max_discharge_current, visit.line.declared_discharge_current)
        if _beyond(-flows, declared):
            _cut(
                visit, f"the vehicle gives back {-flows:.1f} A per phase; both sides declared at most {declared:.1f} A"
            )
            return
    if flows >= 0.0 and _beyond(flows, offered):
        text = f"the vehicle draws {flows:.1f} A per phase, but only {offered:.1f} A is offered"
    elif flows < 0.0 and _beyond(-flows, back):
        text = f"the vehicle gives back {-flows:.1f} A per phase, but only {back:.1f} A was agreed"
    else:
        visit.over("overdraw", "overdraw told")
        return
    if visit.since("overdraw") >= FOLLOWS and "overdraw told" not in visit.started:
        visit.since("overdraw told")
        visit.session.tell("error", "overdraw", text)
    if visit.since("overdraw") >= DUTY_CHANGE:
        visit.over("overdraw", "overdraw told")
        _cut(visit, f"{text}, for {DUTY_CHANGE:g} s")


def _ramped(visit: Visit, offered: float, back: float) -> tuple[float, float]:
    """What the vehicle may draw and feed back now on the way down to a command, A per phase."""
    ac, now = supply(visit), visit.session.now
    most, _ = ac.most(ac.in_use)
    fall = ramp(ac.ramp, most) / (ac.nominal_voltage * ac.in_use)
    allowed = []
    for ceiling, amps in ((visit.line.draws, offered), (visit.line.gives, back)):
        ceiling.fall = fall
        ceiling.set(amps, now)
        allowed.append(ceiling.at(now) or 0.0)
    return allowed[0], allowed[1]


def _beyond(amps: float, limit: float) -> bool:
    return amps > limit * AC_OVERDRAW + AC_OVERDRAW_AMPS


def _cut(visit: Visit, why: str) -> None:
    """Opens the contactor; the next request of the loop is refused."""
    supply(visit).open()
    visit.overdue = why
    if visit.control is not None and visit.terms.profile:
        visit.overdue_code = "FAILED_EVPowerProfileViolation"
    visit.session.tell("error", "switched-off", why)
