"""Long power flows: changing targets, targets beyond the limits, vehicle errors, energy, the end.

The scripts only ask; what the charger does is judged by :mod:`plugfest.conformance.watch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from boundary.text import counted
from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.fields import replaced
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Result
from slac.pilot import State
from v2g.physical import number, physical

FLOWS: Table[Callable[[TesterEv], Awaitable[None]]] = Table()
"""Variant -> what the vehicle asks for."""

BEGINS = {
    "precharge": "CableCheck", "precharge in steps": "CableCheck", "power of the charger": "CableCheck",
    "a schedule that falls": "ChargeParameterDiscovery", "never ready": "ChargeParameterDiscovery",
    "current of the charger": "CableCheck", "voltage of the charger": "CableCheck", "slow steps": "SessionSetup",
    **dict.fromkeys(("limits told once", "power told once", "second session", "one phase", "less power"), "LINK"),
}  # fmt: skip
"""Variant -> the state it begins in, if power does not flow yet."""
CHANGES = 8
"""Number of targets requested one after the other."""
FAR_BELOW = (0.35, 0.22, 0.1)
"""Parts of the limit, far below any, that come first."""
LARGE = ("par_EVMaximumCurrent",)
LARGER = (
    "limits of the charger", "power of the charger", "current of the charger", "voltage of the charger",
    "a schedule that falls",
)  # fmt: skip
"""Flows of a vehicle that only the charger limits."""
SETTLES = 3.0
"""s for which an error or a target beyond the limits is held."""
HELD = 36.0
"""s for which more is asked for than the charger gives: the slowest ramp to its limit, and time to tell why."""
CALM = 0.5
"""s between two requests of a flow that only has to last."""
LONG = 90.0
"""s for which a metered flow lasts."""
AFTERWARDS = 65.0
"""s without a current after it, until a meter has surely counted all of it."""
LONG_AC = 180.0
"""The same for AC, where less flows, so that a meter that counts one phase of three is detected."""
HIGH_VOLTAGE = 900.0
"""V, the limit of a vehicle for which power is what a charger runs out of first."""
HIGH_VOLTAGES = {
    "power of the charger": HIGH_VOLTAGE, "a schedule that falls": HIGH_VOLTAGE, "voltage of the charger": 1500.0,
}  # fmt: skip
"""Flow -> the same, and the limit of a vehicle for which voltage is."""
MORE = 10.0
"""Factor on the usual limits, for a vehicle that only the charger limits."""
OPENS_LATE = 3.0
"""s for which the battery stays connected, in C, after PowerDelivery(Stop), so that a continuing current is seen."""
DEAD = 7.0
"""s for which the output is observed after the end."""


@SCRIPTS.on("PF_SECC_ISO2_PowerFlow", "PF_SECC_DIN_PowerFlow", "PF_SECC_ISO2_PowerFlow_AC")
async def power_flow(tester: TesterEv, run: Run, result: Result) -> None:
    """Asks for power as the variant says, and ends normally."""
    flow = str(run.variant["flow"])
    if flow in LARGER:
        tester.pics = larger(tester.pics)
    if flow in HIGH_VOLTAGES:
        tester.pics = tester.pics.with_(par_EVMaximumVoltage=HIGH_VOLTAGES[flow])
    await tester.until(BEGINS.get(flow, "PowerDelivery.Start"))
    await FLOWS[flow](tester)
    result.saw(f"power flow: {flow}", f"{counted(tester.loops, 'round')} of the loop")


def larger(pics: Pics) -> Pics:
    """As declared, with a vehicle that only the charger limits."""
    return pics.with_(**{name: float(pics[name]) * MORE for name in LARGE})


def limits(tester: TesterEv) -> tuple[float, float]:
    """The lower of both sides' limits, A and V."""
    own = tester.responses["ChargeParameterDiscoveryRes"].EVSEChargeParameter
    asked = tester.make("CurrentDemandReq")
    return (
        min(number(own.EVSEMaximumCurrentLimit), number(asked.EVMaximumCurrentLimit)),
        min(number(own.EVSEMaximumVoltageLimit), number(asked.EVMaximumVoltageLimit)),
    )


async def ask(
    tester: TesterEv, amps: float, volts: float, seconds: float, *, pace: float | None = None, **fields: Any
) -> bool:
    """Runs the loop with these targets for a while; False: the charger refused.

    Args:
        pace: s between two requests; None: as declared.
        fields: further fields of the requests.
    """
    module, until = tester.protocol.module, tester.now + seconds
    while tester.now < until:
        message = replaced(tester.make("CurrentDemandReq"), "EVTargetCurrent", physical(module, amps, "A"))
        message = replaced(message, "EVTargetVoltage", physical(module, volts, "V"))
        for name, value in fields.items():
            message = replaced(message, name, value)
        await tester.send(message)
        arrival = await tester.response("CurrentDemandReq")
        if arrival.name != "CurrentDemandRes" or not arrival.code.startswith("OK"):
            return False
        tester.loops += 1
        if getattr(arrival.message, "ReceiptRequired", None):
            await tester.exchange("MeteringReceiptReq")
        await (tester.pause() if pace is None else asyncio.sleep(pace))
    return True


async def end_power(tester: TesterEv) -> None:
    tester.progress = "Stop"
    await tester.deliver()


@FLOWS.on("changing targets")
async def changing(tester: TesterEv) -> None:
    """Other targets every few seconds, drawn from the seed, with a long pause between two requests among them."""
    amps, volts = limits(tester)
    for part in FAR_BELOW:
        await ask(tester, part * amps, volts, SETTLES)
    for place in range(CHANGES):
        target = tester.rng.uniform(0.1, 0.95) * amps
        voltage = tester.rng.uniform(tester.battery_voltage * 1.05, volts)
        await ask(tester, target, voltage, tester.rng.uniform(2.0, 4.0))
        if place % 3 == 2:
            await asyncio.sleep(2.0)
    await ask(tester, 0.0, voltage, SETTLES)
    await end_power(tester)


@FLOWS.on("beyond the limits")
async def beyond(tester: TesterEv) -> None:
    """More than either side allows."""
    amps, volts = limits(tester)
    factor = tester.rng.uniform(1.3, 3.0)
    if await ask(tester, amps * factor, volts, SETTLES):
        await ask(tester, amps * factor, volts * 1.3, SETTLES)


@FLOWS.on("limits of the charger")
async def large(tester: TesterEv) -> None:
    """More than the charger can give, by a vehicle that could take it."""
    amps, volts = limits(tester)
    await ask(tester, amps * tester.rng.uniform(1.3, 2.0), volts, HELD, pace=CALM)
    await end_power(tester)


@FLOWS.on("power of the charger")
async def powerful(tester: TesterEv) -> None:
    """The same with a battery of a high voltage, where power is what a charger runs out of first."""
    amps, volts = limits(tester)
    tester.pics = tester.pics.with_(par_EVBatteryVoltage=volts * 0.92, par_EVTargetVoltage=volts * 0.96)
    await tester.until("PowerDelivery.Start")
    await ask(tester, amps * tester.rng.uniform(1.1, 1.3), volts * 0.96, HELD, pace=CALM)
    await end_power(tester)


@FLOWS.on("a voltage below the battery")
async def below(tester: TesterEv) -> None:
    """A target voltage that the battery exceeds: no current flows at it."""
    amps, volts = limits(tester)
    await ask(tester, amps * 0.4, volts, SETTLES)
    await ask(tester, amps * 0.4, tester.battery_voltage * tester.rng.uniform(0.7, 0.9), 2.0 * SETTLES)
    await ask(tester, amps * 0.4, tester.battery_voltage * 0.95, 2.0 * SETTLES)
    await end_power(tester)


@FLOWS.on("lower limits")
async def lower(tester: TesterEv) -> None:
    """The vehicle lowers its current limit below what it asks for, and raises it again."""
    amps, volts = limits(tester)
    await ask(tester, amps * 0.9, volts, SETTLES)
    most = physical(tester.protocol.module, amps * tester.rng.uniform(0.2, 0.5), "A")
    await ask(tester, amps * 0.9, volts, SETTLES, EVMaximumCurrentLimit=most)
    await ask(tester, amps * 0.9, volts, 5.0 * SETTLES)


@FLOWS.on("vehicle error")
async def vehicle_error(tester: TesterEv) -> None:
    """EVErrorCode, with unchanged targets."""
    amps, volts = limits(tester)
    await ask(tester, amps * 0.8, volts, SETTLES)
    code = tester.rng.choice(["FAILED_RESSTemperatureInhibit", "FAILED_EVRESSMalfunction", "FAILED_EVShiftPosition"])
    if await ask(tester, amps * 0.8, volts, SETTLES, EVErrorCode=code):
        await end_power(tester)


@FLOWS.on("vehicle not ready")
async def not_ready(tester: TesterEv) -> None:
    """EVReady false, with unchanged targets."""
    amps, volts = limits(tester)
    await ask(tester, amps * 0.8, volts, SETTLES)
    if await ask(tester, amps * 0.8, volts, SETTLES, EVReady=False):
        await end_power(tester)


@FLOWS.on("energy")
async def energy(tester: TesterEv) -> None:
    """A large current for a long time, so that the meter shows it."""
    amps, volts = limits(tester)
    target = amps * tester.rng.uniform(0.7, 0.95)
    await ask(tester, target, volts, 4.0 * SETTLES)
    await ask(tester, target, volts, LONG - 4.0 * SETTLES, pace=CALM)
    await ask(tester, 0.0, volts, AFTERWARDS, pace=1.0)
    await end_power(tester)


@FLOWS.on("end")
async def end(tester: TesterEv) -> None:
    """PowerDelivery(Stop) under load, contactors that open late, WeldingDetection until the output must be dead."""
    amps, volts = limits(tester)
    await ask(tester, amps * 0.8, volts, SETTLES)
    tester.progress = "Stop"
    await tester.exchange("PowerDeliveryReq")
    await asyncio.sleep(OPENS_LATE)
    tester.system.load(None)
    tester.system.pilot.set(State.B)
    until = tester.now + DEAD
    while tester.now < until:
        await tester.exchange("WeldingDetectionReq")
        await asyncio.sleep(0.5)


@FLOWS.on("precharge")
async def precharge(tester: TesterEv) -> None:
    """Two voltages one after the other, then one far above the limits, all within the 5 s of a precharge."""
    _, volts = limits(tester)
    module = tester.protocol.module
    targets = sorted(tester.rng.uniform(200.0, volts) for _ in range(2))
    for target in (*targets, volts * tester.rng.uniform(1.3, 2.0)):
        message = replaced(tester.make("PreChargeReq"), "EVTargetVoltage", physical(module, target, "V"))
        for _ in range(6):
            await tester.send(message)
            arrival = await tester.response("PreChargeReq")
            if not arrival.code.startswith("OK"):
                return
            await tester.pause()


@FLOWS.on("alternating current")
async def alternating(tester: TesterEv) -> None:
    """ChargingStatus for a long time, then the end, and the contactor after it."""
    for _ in range(round(LONG_AC / 2.0)):
        await tester.charge(1)
        await asyncio.sleep(2.0)
    await end_power(tester)
    await asyncio.sleep(DEAD)


@FLOWS.on("never ready")
async def never_ready(tester: TesterEv) -> None:
    """PowerDelivery(Start) from a vehicle that stays in B. A charger may refuse it or not; it closes no contactor."""
    tester.system.load(tester.battery_voltage)
    tester.progress = "Start"
    await tester.send(tester.make("PowerDeliveryReq"))
    await tester.response("PowerDeliveryReq")
    await asyncio.sleep(DEAD)


@FLOWS.on("still ready")
async def still_ready(tester: TesterEv) -> None:
    """PowerDelivery(Stop) from a vehicle that stays in C: the contactor opens anyway, and a DC output goes off."""
    await tester.charge(3)
    tester.progress = "Stop"
    await tester.send(tester.make("PowerDeliveryReq"))
    await tester.response("PowerDeliveryReq")
    if not tester.pics.ac:
        tester.system.load(None)
    await asyncio.sleep(DEAD)
