"""Power in ISO 15118-20 as the grid asks for it: a ramp, reactive power, less power for a while, so much energy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import pairwise

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.evcc.scripts.steps import change_loop, charging, loop_name, loops_more
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable, Result
from secc.charger import simulated
from secc.manager import constant
from secc.plan import Plan
from v2g.phases import given
from v2g.physical import rational
from v2g.rules.iso20.kinds import asked_watts

FLOWS: Table[Callable[[TesterEvse, Result], Awaitable[None]]] = Table()
"""Variant -> what the grid asks for."""

LOW, HIGH = 4_000.0, 9_000.0
"""W that any onboard charger of three phases can take."""
RAMP = 30.0
"""EVSEPowerRampLimitation, percent per minute."""
WINDOW = 2.0
"""s over which a change of power is measured: a vehicle may go in steps."""
STEEP, STEEP_WATTS = 1.5, 700.0
"""By how much a change may be steeper: factor, and W for steps and meters."""
OVER = 1.05
"""Factor by which a reported power may be above a limit."""
REACTIVE, SOME_REACTIVE = 2_000.0, 300.0
"""VAr asked for, and from which on the sign of what is reported counts."""
ENERGY, MORE_ENERGY = 200.0, 25.0
"""Wh that a schedule has, and by how much more may go in until the vehicle has stopped."""
COUNTS, STOPS = 1.02, 2.0
"""Factor by which a vehicle may count wrong, and s in which it stops: beyond that is a finding."""
ENOUGH, IDLE = 300.0, 500.0
"""s in which a slow vehicle, too, has taken that and more; and W below which it takes nothing any more."""
ROUNDS = 80
"""Rounds of the loop in which a vehicle follows."""


@SCRIPTS.on("PF_EVCC_ISO20_Grid_AC", "PF_EVCC_ISO20_Grid_AC_dynamic", "PF_EVCC_ISO20_Grid_DC")
async def grid(tester: TesterEvse, run: Run, result: Result) -> None:
    """Charges as the variant says."""
    await FLOWS[str(run.variant["flow"])](tester, result)


def _reported(tester: TesterEvse, name: str) -> Iterator[tuple[float, float]]:
    """Loop time and value of a quantity over all phases, as the vehicle has reported it in the loop."""
    for one in tester.requests:
        if one.name == loop_name(tester) and (values := given(one.message.CLReqControlMode, name)):
            yield one.time, sum(values)


def _now(tester: TesterEvse, name: str) -> float:
    """The value reported last; 0 where none was."""
    return next((value for _, value in reversed(list(_reported(tester, name)))), 0.0)


@FLOWS.on("ramp")
async def ramp(tester: TesterEvse, result: Result) -> None:
    """More power than before, with EVSEPowerRampLimitation: it rises no faster."""
    assert tester.evse.ac is not None
    tester.evse.ac.ramp = RAMP
    tester.evse.manager.ask(constant(LOW))
    await charging(tester, ROUNDS)
    began, before = tester.now, _now(tester, "EVPresentActivePower")
    tester.evse.manager.ask(constant(HIGH))
    await loops_more(tester, ROUNDS)
    rising = [(time, watts) for time, watts in _reported(tester, "EVPresentActivePower") if time >= began - WINDOW]
    wrong = _too_steep(result, rising, tester.evse.ac.most(tester.evse.ac.phases)[0], before)
    if wrong is not None:
        raise wrong


@FLOWS.on("ramp of targets")
async def ramp_of_targets(tester: TesterEvse, result: Result) -> None:
    """A DC vehicle that decides, with EVSEPowerRampLimitation: how fast what it asks for rises, from nothing on.

    The charger regulates the current, so that a vehicle may leave the ramp to it: the rule ramp-request notes that.
    """
    power = simulated(tester.evse)
    if power is None:
        raise NotExecutable("only a simulated output can be given a ramp")
    power.rate(replace(power.rated, ramp=RAMP))
    await charging(tester, ROUNDS)
    rising = [
        (one.time, watts)
        for one in tester.requests
        if one.name == loop_name(tester) and (watts := asked_watts(one.message)) is not None
    ]
    before = [(time, 0.0) for time, _ in rising[:1]]
    _too_steep(result, [*before, *rising], power.rated.max_power, 0.0)


def _too_steep(result: Result, rising: list[tuple[float, float]], largest: float, before: float) -> Failed | None:
    """Time and power, W, in order; the largest power that the charger can supply, and that before, W."""
    most = largest * RAMP / 100.0 / 60.0 * WINDOW * STEEP + STEEP_WATTS
    steepest = max((_rise(rising, time, watts) for time, watts in rising), default=0.0)
    result.saw(f"at most {most:.0f} W more in {WINDOW:g} s", f"{steepest:.0f} W, from {before:.0f} W")
    if steepest <= most:
        return None
    return Failed(
        f"the power rises by {steepest:.0f} W in {WINDOW:g} s, EVSEPowerRampLimitation is {RAMP:g} % per minute",
        cause=Cause.LIMIT_EXCEEDED, expected=f"at most {most:.0f} W more in {WINDOW:g} s", observed=f"{steepest:.0f} W",
    )  # fmt: skip


def _rise(samples: list[tuple[float, float]], time: float, watts: float) -> float:
    """By how much a power rises within the window from a time on."""
    return max((later - watts for at, later in samples if time <= at <= time + WINDOW), default=0.0)


@FLOWS.on("reactive power")
async def reactive(tester: TesterEvse, result: Result) -> None:
    """Reactive power of either sign, which a vehicle follows or leaves at zero: never the other one."""
    tester.evse.manager.ask(constant(LOW))
    await charging(tester, ROUNDS // 2)
    for wanted in (REACTIVE, -REACTIVE):
        tester.evse.reactive_power = wanted
        await loops_more(tester, ROUNDS // 2)
        told = _now(tester, "EVPresentReactivePower")
        result.saw(f"{wanted:g} VAr, or none", f"{told:.0f} VAr")
        if told * wanted < 0.0 and abs(told) > SOME_REACTIVE:
            raise Failed(
                f"the vehicle has {told:.0f} VAr where EVSETargetReactivePower is {wanted:g} VAr",
                cause=Cause.PHYSICS, expected=f"{wanted:g} VAr, or none", observed=f"{told:.0f} VAr",
            )  # fmt: skip
        if abs(told - wanted) > abs(wanted) / 4.0:
            result.find(f"EVSETargetReactivePower is {wanted:g} VAr, but the vehicle reports {told:.0f} VAr")


@FLOWS.on("target power")
async def target(tester: TesterEvse, result: Result) -> None:
    """EVSETargetActivePower in scheduled mode, below what the schedule allows: a vehicle should follow."""
    await charging(tester, ROUNDS // 2)
    before = _now(tester, "EVPresentActivePower")
    if before < 2.0 * LOW:
        raise Inconclusive(f"the vehicle takes {before:.0f} W, no more than it would be asked for",
                           cause=Cause.POINTLESS)  # fmt: skip
    change_loop(tester, ("EVSETargetActivePower", rational(LOW)))
    await loops_more(tester, ROUNDS)
    told = _now(tester, "EVPresentActivePower")
    result.saw(f"at most {LOW:g} W", f"{told:.0f} W")
    if told > LOW + STEEP_WATTS:
        result.find(f"EVSETargetActivePower is {LOW:g} W, but the vehicle takes {told:.0f} W")


@FLOWS.on("available energy")
async def available(tester: TesterEvse, result: Result) -> None:
    """A schedule with AvailableEnergy: the vehicle takes no more than that, by its own word.

    The tester's outlet gives no more either, and its meter stands then, whatever a vehicle goes on to report. Time
    counts, not rounds of the loop: some vehicles send twenty requests a second.
    """
    tester.evse.plans = [Plan(available=ENERGY)]
    await charging(tester, ROUNDS)
    until, came = tester.now + ENOUGH, 0.0
    while tester.now < until and came <= ENERGY + MORE_ENERGY and not tester.over:
        await loops_more(tester, ROUNDS)
        came = max(_taken(tester), tester.evse.meter.session_wh)
        if came > ENERGY / 2 and _now(tester, "EVPresentActivePower") < IDLE:
            break
    result.saw(f"at most {ENERGY:g} Wh", f"{came:.0f} Wh")
    if came > ENERGY + MORE_ENERGY:
        raise Failed(
            f"the vehicle has taken {came:.0f} Wh, AvailableEnergy of its schedule is {ENERGY:g} Wh",
            cause=Cause.LIMIT_EXCEEDED, expected=f"at most {ENERGY:g} Wh", observed=f"{came:.0f} Wh",
        )  # fmt: skip
    highest = max((watts for _, watts in _reported(tester, "EVPresentActivePower")), default=0.0)
    most = ENERGY * COUNTS + highest * STOPS / 3600.0
    if came > most:
        result.find(
            f"the vehicle has taken {came:.0f} Wh ({most:.0f} Wh with tolerance), AvailableEnergy of its schedule is "
            f"{ENERGY:g} Wh: does it count what it takes from the outlet, or what its battery gets?",
            Severity.READING, Cause.LIMIT_EXCEEDED,
        )  # fmt: skip


def _taken(tester: TesterEvse) -> float:
    """Wh that have gone into the vehicle by the power that it has reported."""
    told = pairwise(_reported(tester, "EVPresentActivePower"))
    return sum(watts * (after - before) for (before, watts), (after, _) in told) / 3600.0


@FLOWS.on("one phase")
async def one_phase(tester: TesterEvse, result: Result) -> None:
    """An outlet of one phase: the vehicle takes what one phase gives."""
    assert tester.evse.ac is not None
    tester.evse.ac.phases = 1
    await charging(tester, ROUNDS)
    most, told = tester.evse.ac.most(1)[0], _now(tester, "EVPresentActivePower")
    result.saw(f"at most {most:.0f} W", f"{told:.0f} W")
    if told > most * OVER:
        raise Failed(
            f"the vehicle reports {told:.0f} W at an outlet of one phase and {most:.0f} W",
            cause=Cause.LIMIT_EXCEEDED, expected=f"at most {most:.0f} W", observed=f"{told:.0f} W",
        )  # fmt: skip
