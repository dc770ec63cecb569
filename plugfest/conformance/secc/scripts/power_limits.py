"""More power flows: limits of either side reached one by one, limits told once, a vehicle that takes its time."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import replaced
from plugfest.conformance.secc.scripts.power import (
    CALM,
    FAR_BELOW,
    FLOWS,
    HIGH_VOLTAGE,
    OPENS_LATE,
    SETTLES,
    ask,
    end_power,
    larger,
    limits,
)
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive
from v2g.physical import number, physical
from v2g.rules.schedule import Step, read

UNTOLD = {"EVMaximumVoltageLimit": None, "EVMaximumCurrentLimit": None, "EVMaximumPowerLimit": None}
"""The limits of CurrentDemandReq, which are optional, left out."""
ALONE = 0.7
"""Part of the voltage at which current and power of a charger run out together: far below it, only the current does."""
LEAST_ABOVE = 20.0
"""V of a battery above the least that a charger can give."""
HIGHER = 1.3
"""Factor on the battery's voltage for a target that does not limit the current."""
NEARLY_FULL = 1.0
"""V by which a battery is below the charger's highest voltage, so that this limits the current."""
METERED = 3.0
"""s between two requests of a loop, so that a meter shows more than its first reading."""
WAITS = 2.0
"""s that a slow vehicle waits: long enough for an output that is wrongly on to be seen."""

FIRST, WHOLE = 2.0, 4.8
"""s that an output has to reach the first of two precharge voltages, and s for both: the vehicle waits 7 s in all."""
STUCK = 2.0
"""s for which it stays at the first before that counts."""
SOON, AFTER = 120.0, 25.0
"""s within which a schedule falls, and s after that: a charger has some time to follow it."""
REACHED, APART = 20.0, 80.0
"""V by which a voltage is reached, and by which both differ at least."""


@FLOWS.on("precharge in steps")
async def in_steps(tester: TesterEv) -> None:
    """See :func:`two_steps`."""
    own, module = tester.responses["ChargeParameterDiscoveryRes"].EVSEChargeParameter, tester.protocol.module
    _, highest = limits(tester)

    def request(volts: float) -> Any:
        return replaced(tester.make("PreChargeReq"), "EVTargetVoltage", physical(module, volts, "V"))

    await two_steps(tester, number(own.EVSEMinimumVoltageLimit), highest, request)


async def two_steps(tester: TesterEv, least: float, highest: float, request: Callable[[float], Any]) -> None:
    """A precharge voltage, and once it is reached, a higher one: the output leaves the first.

    A charger may refuse the second, or end a precharge that takes so long; one that is slow is not judged.

    Raises:
        Failed: the output was fast to reach the first voltage, and stays there.
    """
    low, high = max(least, 150.0) + LEAST_ABOVE, highest * 0.9
    low += (high - low) * tester.rng.uniform(0.1, 0.3)
    began, reached, target = tester.now, None, low
    while tester.now < began + WHOLE and high - low >= APART:
        message = request(target)
        await tester.send(message)
        arrival = await tester.response(type(message).__name__)
        if not arrival.code.startswith("OK"):
            return
        volts = number(arrival.message.EVSEPresentVoltage)
        if reached is None and abs(volts - low) <= REACHED:
            reached, target = tester.now, high
        elif (reached is None and tester.now > began + FIRST) or (reached is not None and abs(volts - low) > REACHED):
            return
        await tester.pause()
    if reached is not None and tester.now - reached >= STUCK:
        raise Failed(
            f"the output stays at {volts:.0f} V, {tester.now - reached:.1f} s after {high:.0f} V was asked for",
            cause=Cause.PHYSICS, expected=f"a voltage that goes from {low:.0f} V to {high:.0f} V",
            observed=f"{volts:.0f} V",
        )  # fmt: skip


@FLOWS.on("current of the charger")
async def current_alone(tester: TesterEv) -> None:
    """More current than the charger has, at a voltage where it has power left; then less, so that no limit holds."""
    offered = tester.responses["ChargeParameterDiscoveryRes"].EVSEChargeParameter
    amps, volts = limits(tester)
    watts = [] if offered.EVSEMaximumPowerLimit is None else [number(offered.EVSEMaximumPowerLimit)]
    plans = [read(one) for one in tester.responses["ChargeParameterDiscoveryRes"].SASchedules.SAScheduleTuple]
    watts += [step.milliwatts / 1000.0 for plan in plans for step in plan.steps if step.milliwatts]
    battery = min(tester.battery_voltage, min(watts, default=volts * amps) / amps * ALONE)
    if battery < number(offered.EVSEMinimumVoltageLimit) + LEAST_ABOVE:
        raise Inconclusive("the charger has no voltage at which only its current is limited", cause=Cause.POINTLESS)
    tester.pics = tester.pics.with_(par_EVBatteryVoltage=battery, par_EVTargetVoltage=battery * HIGHER)
    await tester.until("PowerDelivery.Start")
    if await ask(tester, amps * tester.rng.uniform(1.2, 1.5), battery * HIGHER, 3.0 * SETTLES, pace=CALM):
        for part in FAR_BELOW:
            await ask(tester, amps * part, battery * HIGHER, 2.0 * SETTLES, pace=CALM)
        await end_power(tester)


@FLOWS.on("voltage of the charger")
async def voltage_alone(tester: TesterEv) -> None:
    """A battery just below the charger's highest voltage, by a vehicle that allows more."""
    amps, volts = limits(tester)
    tester.pics = tester.pics.with_(par_EVBatteryVoltage=volts - NEARLY_FULL, par_EVTargetVoltage=volts)
    await tester.until("PowerDelivery.Start")
    if await ask(tester, min(amps * 0.9, 100.0), volts * 1.04, 2.0 * SETTLES):
        await end_power(tester)


@FLOWS.on("limits told once")
async def told_once(tester: TesterEv) -> None:
    """The second of two sessions: its lower limit of the current stands in the charge parameters alone."""
    await _earlier(tester)
    await tester.until("PowerDelivery.Start")
    amps, volts = limits(tester)
    if await ask(tester, amps * tester.rng.uniform(1.3, 2.0), volts, SETTLES, **UNTOLD):
        await end_power(tester)


@FLOWS.on("power told once")
async def power_told_once(tester: TesterEv) -> None:
    """The same of power; then the loop lowers power, and voltage below that of the battery."""
    await _earlier(tester)
    tester.watts = float(tester.pics["par_EVMaximumCurrent"]) * tester.battery_voltage * 0.5
    await tester.until("PowerDelivery.Start")
    amps, volts = limits(tester)
    module, target = tester.protocol.module, amps * 0.9
    lower = {**UNTOLD, "EVMaximumPowerLimit": physical(module, tester.watts * 0.5, "W")}
    low = {**UNTOLD, "EVMaximumVoltageLimit": physical(module, tester.battery_voltage * 0.9, "V")}
    for more in (UNTOLD, lower, UNTOLD, low):
        if not await ask(tester, target, volts, SETTLES, **more):
            return
    await end_power(tester)


async def _earlier(tester: TesterEv) -> None:
    """Another vehicle, with wider limits, charges enough for a meter to show it; the next one takes less current."""
    mine, tester.pics = tester.pics, larger(tester.pics).with_(par_EVMaximumVoltage=HIGH_VOLTAGE)
    await tester.until("ChargingLoop")
    await asyncio.sleep(METERED)
    await tester.charge(1)
    if not mine.ac:
        offered = number(tester.responses["ChargeParameterDiscoveryRes"].EVSEChargeParameter.EVSEMaximumCurrentLimit)
        mine = mine.with_(par_EVMaximumCurrent=min(float(mine["par_EVMaximumCurrent"]), offered / 2.0))
    tester.pics = mine
    await tester.leave()
    tester.forget()


@FLOWS.on("second session")
async def second(tester: TesterEv) -> None:
    """The second of two sessions: nothing of the first counts, but for the meter, which goes on."""
    await _earlier(tester)
    await tester.until("PowerDelivery.Start")
    await tester.charge(3)
    await end_power(tester)


@FLOWS.on("slow steps")
async def slow_steps(tester: TesterEv) -> None:
    """A vehicle that waits before each step: nothing is on before it is asked for."""
    for state in ("ChargeParameterDiscovery", "CableCheck", "PreCharge", "PowerDelivery.Start"):
        await asyncio.sleep(WAITS)
        await tester.until(state)
    await asyncio.sleep(WAITS)
    await tester.charge(3)
    await end_power(tester)


@FLOWS.on("renegotiation")
async def renegotiation(tester: TesterEv) -> None:
    """PowerDelivery(Renegotiate) under load, from a vehicle that stays in C with its contactors closed."""
    amps, volts = limits(tester)
    await ask(tester, amps * 0.8, volts, SETTLES)
    tester.progress = "Renegotiate"
    await tester.exchange("PowerDeliveryReq")
    await asyncio.sleep(OPENS_LATE)


@FLOWS.on("limits of a renegotiation")
async def renegotiated_limits(tester: TesterEv) -> None:
    """A vehicle that declares less current in a renegotiation, and in the loop names no limits and asks for more."""
    amps, volts = limits(tester)
    await ask(tester, amps * 0.8, volts, SETTLES, **UNTOLD)
    await tester.until("Renegotiation")
    tester.pics = tester.pics.with_(par_EVMaximumCurrent=amps * tester.rng.uniform(0.3, 0.5))
    await tester.until("Renegotiation.PowerDelivery.Start")
    if await ask(tester, amps * 0.8, volts, SETTLES, **UNTOLD):
        await end_power(tester)


@FLOWS.on("a schedule that falls")
async def falls(tester: TesterEv) -> None:
    """More power than a schedule allows, from before it falls until after that."""
    plans = [read(one).steps for one in tester.responses["ChargeParameterDiscoveryRes"].SASchedules.SAScheduleTuple]
    falling = ((place, _fall(steps)) for place, steps in enumerate(plans))
    found = next(((place, second) for place, second in falling if second is not None), None)
    if found is None:
        raise Inconclusive(f"no schedule allows less power within {SOON:g} s", cause=Cause.POINTLESS)
    tester.stimulus = dataclasses.replace(tester.stimulus, choice=found[0])
    if tester.pics.ac:
        until = tester.now + found[1] + AFTER
        await tester.until("PowerDelivery.Start")
        while tester.now < until:
            await tester.charge(1)
            await asyncio.sleep(CALM)
        await end_power(tester)
        return
    amps, volts = limits(tester)
    tester.pics = tester.pics.with_(par_EVBatteryVoltage=volts * 0.92, par_EVTargetVoltage=volts * 0.96)
    until = tester.now + found[1]
    await tester.until("PowerDelivery.Start")
    seconds = max(until - tester.now, 0.0) + AFTER
    if await ask(tester, amps * tester.rng.uniform(1.1, 1.3), volts * 0.96, seconds, pace=CALM):
        await end_power(tester)


def _fall(steps: Sequence[Step]) -> int | None:
    """The first second, not too far away, at which a schedule allows less, but not nothing; None: there is none."""
    for before, after in itertools.pairwise(steps):
        if before.milliwatts and after.milliwatts and after.milliwatts < before.milliwatts and after.start <= SOON:
            return after.start
    return None
