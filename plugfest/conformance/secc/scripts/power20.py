"""Long power flows in ISO 15118-20: scheduled and dynamic, also from the vehicle, and AC over the phases.

The scripts only ask; what the charger does is judged by :mod:`plugfest.conformance.watch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from boundary.text import counted
from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import replaced
from plugfest.conformance.secc import iso20
from plugfest.conformance.secc.answered import wrong
from plugfest.conformance.secc.back import Back
from plugfest.conformance.secc.iso20_walk import beside, looping
from plugfest.conformance.secc.scripts.power import CHANGES, DEAD, HIGH_VOLTAGE, LONG, SETTLES, larger
from plugfest.conformance.secc.scripts.power_limits import two_steps
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Failed, Result
from plugfest.conformance.wire import Arrival
from v2g.physical import number, signed
from v2g.protocols.iso20 import RENEGOTIATION
from v2g.status import refuses

FLOWS: Table[Callable[[TesterEv], Awaitable[None]]] = Table()
"""Variant -> what the vehicle asks for."""

METERED = 200.0
"""s of a flow that a meter must show, at most a minute late."""
LONGER = 15.0
"""s within which power must follow what a vehicle can use."""
MUCH = 400_000.0
"""W over all phases, more than an AC outlet has."""
LARGE_BACK = Back(500_000.0, 600.0)
"""What such a vehicle can give back."""
BEYOND, SOME_WATTS = 1.05, 1500.0
"""By how much power may be above a profile: factor, and W; regulation is no better."""
HELD = 12.0
"""s for which a target is held that the charger must reach."""


@SCRIPTS.on(
    "PF_SECC_ISO20_PowerFlow_DC", "PF_SECC_ISO20_PowerFlow_DC_dynamic", "PF_SECC_ISO20_PowerFlow_BPT",
    "PF_SECC_ISO20_PowerFlow_BPT_dynamic", "PF_SECC_ISO20_PowerFlow_AC", "PF_SECC_ISO20_PowerFlow_AC_dynamic",
    "PF_SECC_ISO20_PowerFlow_AC_BPT_dynamic", "PF_SECC_ISO20_TakesBack_DC", "PF_SECC_ISO20_TakesBack_AC",
)  # fmt: skip
async def power_flow(tester: TesterEv, run: Run, result: Result) -> None:
    """Asks for power as the variant says, and ends normally."""
    flow = str(run.variant["flow"])
    tester.gives = flow in GIVING
    if flow in LARGE:
        tester.pics, tester.back = larger(tester.pics), LARGE_BACK
    if flow == "power of the charger":
        tester.pics = tester.pics.with_(par_EVMaximumVoltage=HIGH_VOLTAGE)
    await tester.until("DC_CableCheck" if flow in FROM_CABLE_CHECK else "PowerDelivery.Start")
    held = ""
    try:
        await FLOWS[flow](tester)
    except _HeldToProfileError:
        held = ", until the charger, which offered a PowerTolerance, refused the deviation from the profile"
    result.saw(f"power flow: {flow}", f"{counted(tester.loops, 'round')} of the loop{held}")


class _HeldToProfileError(Exception):
    """The charger enforces the profile whose tolerance the tester confirmed; a flow leaves it, so that it ends here."""


def _limits(tester: TesterEv, which: str = "Charge") -> tuple[float, float]:
    """The lower of both sides' limits, A and V."""
    own = tester.responses["DC_ChargeParameterDiscoveryRes"].DC_CPDResEnergyTransferMode
    asked = tester.make("DC_ChargeParameterDiscoveryReq").DC_CPDReqEnergyTransferMode
    amps, volts = f"Maximum{which}Current", "MaximumVoltage"
    return (
        min(abs(number(getattr(own, f"EVSE{amps}"))), abs(number(getattr(asked, f"EV{amps}")))),
        min(number(getattr(own, f"EVSE{volts}")), number(getattr(asked, f"EV{volts}"))),
    )


async def _ask(tester: TesterEv, amps: float | None, volts: float, seconds: float, **fields: Any) -> bool:
    """Runs the loop with these targets for a while, feeding back with negative amps; False: the charger refused."""
    until = tester.now + seconds
    while tester.now < until:
        message = tester.make("DC_ChargeLoopReq")
        if amps is not None:
            message = replaced(message, "EVTargetCurrent", signed(iso20.ampere(abs(amps)), negative=amps < 0.0))
            message = replaced(message, "EVTargetVoltage", iso20.volt(volts))
        for name, value in fields.items():
            message = replaced(message, name, value)
        await tester.send(message)
        arrival = await tester.response("DC_ChargeLoopReq")
        _watched(tester, arrival)
        if arrival.name != "DC_ChargeLoopRes" or not arrival.code.startswith(("OK", "WARNING")):
            return False
        tester.loops += 1
        await tester.pause()
    return True


def _watched(tester: TesterEv, arrival: Arrival) -> bool:
    """Whether the charger warns that the tester left a profile whose tolerance it confirmed, as it may."""
    if not iso20.tolerated(tester):
        return False
    if arrival.code == "FAILED_EVPowerProfileViolation":
        raise _HeldToProfileError
    return arrival.code == "WARNING_EVPowerProfileViolation"


async def _end(tester: TesterEv) -> None:
    tester.progress = "Stop"
    await tester.deliver()


@FLOWS.on("changing targets")
async def changing(tester: TesterEv) -> None:
    """Other targets every few seconds, drawn from the seed."""
    amps, volts = _limits(tester)
    for _ in range(CHANGES):
        voltage = tester.rng.uniform(tester.battery_voltage * 1.05, volts)
        await _ask(tester, tester.rng.uniform(0.1, 0.95) * amps, voltage, tester.rng.uniform(2.0, 4.0))
    await _ask(tester, 0.0, volts, SETTLES)
    await _end(tester)


@FLOWS.on("a target held")
async def held(tester: TesterEv) -> None:
    """One target, held long enough that it must be reached."""
    amps, volts = _limits(tester)
    await _ask(tester, amps * tester.rng.uniform(0.3, 0.6), volts, HELD)
    await _end(tester)


@FLOWS.on("beyond the limits")
async def beyond(tester: TesterEv) -> None:
    """More than either side allows; a charger clips it [V2G20-2188]."""
    amps, volts = _limits(tester)
    await _ask(tester, amps * tester.rng.uniform(1.3, 3.0), volts, SETTLES)


@FLOWS.on("limits of the charger")
async def large(tester: TesterEv) -> None:
    """More than the charger can give, by a vehicle that could take it."""
    amps, volts = _limits(tester)
    asked = None if iso20.control(tester).dynamic else amps * tester.rng.uniform(1.3, 2.0)
    await _ask(tester, asked, volts, LONGER)
    await _end(tester)


@FLOWS.on("power of the charger")
async def powerful(tester: TesterEv) -> None:
    """The same with a battery of a high voltage, where power is what a charger runs out of first."""
    amps, volts = _limits(tester)
    tester.pics = tester.pics.with_(par_EVBatteryVoltage=volts * 0.92, par_EVTargetVoltage=volts * 0.96)
    await tester.until("PowerDelivery.Start")
    asked = None if iso20.control(tester).dynamic else amps * tester.rng.uniform(1.1, 1.3)
    await _ask(tester, asked, volts * 0.96, LONGER)
    await _end(tester)


@FLOWS.on("limits of the charger back")
async def large_back(tester: TesterEv) -> None:
    """More than the charger can take back, by a vehicle that could give it."""
    amps, volts = _limits(tester, "Discharge")
    asked = None if iso20.control(tester).dynamic else -amps * tester.rng.uniform(1.3, 2.0)
    await _ask(tester, asked, volts, LONGER)
    await _ask(tester, None if asked is None else -amps * 0.2, volts, SETTLES)
    await _end(tester)


@FLOWS.on("lower limits")
async def lower(tester: TesterEv) -> None:
    """The vehicle lowers its current limit below what it asks for, or what it receives, and raises it again."""
    amps, volts = _limits(tester)
    dynamic = iso20.control(tester).dynamic
    await _ask(tester, None if dynamic else amps * 0.9, volts, SETTLES)
    least = iso20.ampere(amps * tester.rng.uniform(0.1, 0.3))
    await _ask(tester, None if dynamic else amps * 0.9, volts, SETTLES, EVMaximumChargeCurrent=least)
    await _ask(tester, None if dynamic else amps * 0.9, volts, HELD)
    await _end(tester)


@FLOWS.on("lower power")
async def lower_power(tester: TesterEv) -> None:
    """The same for the vehicle's power limit."""
    amps, volts = _limits(tester)
    target = None if iso20.control(tester).dynamic else amps * 0.9
    await _ask(tester, target, volts, SETTLES)
    least = iso20.watt(amps * tester.battery_voltage * tester.rng.uniform(0.1, 0.3))
    await _ask(tester, target, volts, SETTLES, EVMaximumChargePower=least)
    await _end(tester)


@FLOWS.on("a voltage below the battery")
async def below(tester: TesterEv) -> None:
    """A target voltage that the battery exceeds: no current flows at it."""
    amps, volts = _limits(tester)
    await _ask(tester, amps * 0.4, volts, SETTLES)
    await _ask(tester, amps * 0.4, tester.battery_voltage * tester.rng.uniform(0.7, 0.9), HELD)
    await _end(tester)


@FLOWS.on("a renegotiated profile")
async def renegotiated(tester: TesterEv) -> None:
    """A profile of much less power, agreed on beside the loop: the charger gives no more than that from then on."""
    amps, volts = _limits(tester)
    await _ask(tester, amps * 0.6, volts, SETTLES)
    most = amps * tester.battery_voltage * 0.1
    code = await _renegotiate(tester, lambda watts: min(watts, most))
    if not code.startswith("OK"):
        raise Failed(f"a valid profile was answered with {code}", cause=Cause.REFUSED,
                     expected="PowerDeliveryRes OK", observed=code)  # fmt: skip
    await _ask(tester, amps * 0.6, volts, HELD)
    shown = tester.responses["DC_ChargeLoopRes"]
    watts = number(shown.EVSEPresentVoltage) * number(shown.EVSEPresentCurrent)
    if watts > most * BEYOND + SOME_WATTS:
        raise Failed(
            f"{watts:.0f} W flows {HELD:g} s after a profile of {most:.0f} W was agreed", cause=Cause.LIMIT_EXCEEDED,
            expected=f"at most {most:.0f} W", observed=f"{watts:.0f} W",
        )  # fmt: skip
    await _end(tester)


@FLOWS.on("a renegotiated profile beyond the schedule")
async def renegotiated_beyond(tester: TesterEv) -> None:
    """Beside the loop, too, a profile above its schedule is refused."""
    amps, volts = _limits(tester)
    await _ask(tester, amps * 0.3, volts, SETTLES)
    code = await _renegotiate(tester, lambda watts: watts * 3.0 + MUCH)
    if not refuses(code):
        raise Failed(f"a profile far above its schedule was answered with {code}", cause=Cause.ACCEPTED,
                     expected="FAILED_EVPowerProfileInvalid", observed=code)  # fmt: skip


async def _renegotiate(tester: TesterEv, change: Callable[[float], float]) -> str:
    """A renegotiation with changed powers in its profile, beside the loop; the code of PowerDeliveryRes."""
    tester.progress, code = "Start", ""
    async with looping(tester):
        for name in ("DC_ChargeParameterDiscoveryReq", "ScheduleExchangeReq", "PowerDeliveryReq"):
            message = tester.make(name)
            if name == "PowerDeliveryReq":
                for entry in message.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry:
                    entry.Power = iso20.watt(change(number(entry.Power)))
            code = (await beside(tester, message, RENEGOTIATION)).code
            if not code.startswith("OK"):
                break
    return code


@FLOWS.on("taken back")
async def taken(tester: TesterEv) -> None:
    """The charger decides to take power back, for as long as the vehicle gives it."""
    await _rounds(tester, LONGER)
    await _end(tester)


@FLOWS.on("lower limits taken back")
async def taken_less(tester: TesterEv) -> None:
    """The vehicle gives less: its power, then nothing below a minimum above that."""
    await _rounds(tester, SETTLES)
    least = iso20.watt(iso20.LEAST_WATTS * tester.rng.uniform(1.2, 1.6))
    await _rounds(tester, LONGER, EVMaximumDischargePower=least)
    much = iso20.watt(MUCH)
    await _rounds(tester, LONGER, EVMinimumDischargePower=much, EVMaximumDischargePower=much)
    await _end(tester)


@FLOWS.on("least power")
async def least_power(tester: TesterEv) -> None:
    """The vehicle can use more than the charger has, or nothing."""
    own = tester.responses["DC_ChargeParameterDiscoveryRes"].DC_CPDResEnergyTransferMode
    _, volts = _limits(tester)
    await _ask(tester, None, volts, SETTLES)
    least = iso20.watt(2.0 * number(own.EVSEMaximumChargePower))
    await _ask(tester, None, volts, LONGER, EVMinimumChargePower=least, EVMaximumChargePower=least)
    await _end(tester)


@FLOWS.on("end of the band")
async def end_of_the_band(tester: TesterEv) -> None:
    """The battery reaches the lower end of the range that the vehicle lets the charger cycle through."""
    await _rounds(tester, SETTLES)
    await _rounds(tester, LONGER, EVMinimumEnergyRequest=iso20.watt(1000.0))
    await _end(tester)


@FLOWS.on("standby")
async def standby(tester: TesterEv) -> None:
    """Power is suspended, the loop continues, and power comes back; nothing flows in between."""
    await _rounds(tester, SETTLES)
    tester.progress = "Standby"
    await tester.deliver()
    await _rounds(tester, LONGER / 2.0)
    by_targets = not tester.pics.ac and not iso20.control(tester).dynamic
    if by_targets:  # what it asks for does not count now
        await _ask(tester, _limits(tester)[0] * 0.5, _limits(tester)[1], LONGER / 2.0)
    tester.progress = "Start"
    await tester.deliver()
    if by_targets:
        await _ask(tester, _limits(tester)[0] * 0.2, _limits(tester)[1], LONGER)
    else:
        await _rounds(tester, SETTLES)
    await _end(tester)


@FLOWS.on("energy")
async def energy(tester: TesterEv) -> None:
    """Power for a long time, so that the meter shows it."""
    amps, volts = _limits(tester)
    part = None if iso20.control(tester).dynamic else amps * tester.rng.uniform(0.3, 0.6)
    await _ask(tester, part, volts, METERED, MeterInfoRequested=True)
    await _end(tester)


@FLOWS.on("end")
async def end(tester: TesterEv) -> None:
    """PowerDelivery(Stop) under load, then welding detection until the output must be dead."""
    amps, volts = _limits(tester)
    await _ask(tester, None if iso20.control(tester).dynamic else amps * 0.5, volts, SETTLES)
    await _end(tester)
    until = tester.now + DEAD
    while tester.now < until:
        await tester.exchange("DC_WeldingDetectionReq")
        await asyncio.sleep(0.5)


@FLOWS.on("precharge")
async def precharge(tester: TesterEv) -> None:
    """Two voltages one after the other, then one far above the limits."""
    _, volts = _limits(tester)
    targets = sorted(tester.rng.uniform(200.0, volts) for _ in range(2))
    for target in (*targets, volts * tester.rng.uniform(1.3, 2.0)):
        message = replaced(tester.make("DC_PreChargeReq"), "EVTargetVoltage", iso20.volt(target))
        for _ in range(6):
            await tester.send(replaced(message, "EVProcessing", "Ongoing"))
            arrival = await tester.response("DC_PreChargeReq")
            if not arrival.code.startswith("OK"):
                return
            await tester.pause()


@FLOWS.on("precharge in steps")
async def in_steps(tester: TesterEv) -> None:
    """A voltage, and once it is reached, a higher one."""
    own = tester.responses["DC_ChargeParameterDiscoveryRes"].DC_CPDResEnergyTransferMode

    def request(volts: float) -> Any:
        message = replaced(tester.make("DC_PreChargeReq"), "EVTargetVoltage", iso20.volt(volts))
        return replaced(message, "EVProcessing", "Ongoing")

    await two_steps(tester, number(own.EVSEMinimumVoltage), _limits(tester)[1], request)


@FLOWS.on("giving back")
async def giving(tester: TesterEv) -> None:
    """A negative target, held long enough that it must be reached, then another one."""
    amps, volts = _limits(tester, "Discharge")
    for part in (0.9, 0.4):
        await _ask(tester, -amps * part, volts, HELD)
    await _end(tester)


@FLOWS.on("a current out of the vehicle")
async def out_of_charging_only(tester: TesterEv) -> None:
    """A negative target in a service that only charges: the charger refuses it, or no current flows either way."""
    amps, volts = _limits(tester)
    if await _ask(tester, -amps * tester.rng.uniform(0.2, 0.6), volts, HELD):
        await _end(tester)


@FLOWS.on("giving back beyond the limits")
async def giving_beyond(tester: TesterEv) -> None:
    """The vehicle asks to feed back more than either side allows; a charger clips it."""
    amps, volts = _limits(tester, "Discharge")
    await _ask(tester, -amps * tester.rng.uniform(2.0, 4.0), volts, SETTLES)


@FLOWS.on("changing directions")
async def directions(tester: TesterEv) -> None:
    """Charging and discharging in turn, each for some seconds."""
    amps, volts = _limits(tester)
    back, _ = _limits(tester, "Discharge")
    for _ in range(CHANGES // 2):
        if not await _ask(tester, -back * tester.rng.uniform(0.3, 0.9), volts, SETTLES):
            return
        if not await _ask(tester, min(amps * 0.1, back), volts, 1.0):
            return
    await _ask(tester, 0.0, volts, 1.0)
    await _end(tester)


@FLOWS.on("energy given back")
async def energy_back(tester: TesterEv) -> None:
    """Discharging for a long time, so that the meter shows it, then charging, which must not change that register."""
    back, volts = _limits(tester, "Discharge")
    await _ask(tester, -back * tester.rng.uniform(0.7, 0.9), volts, METERED, MeterInfoRequested=True)
    await _ask(tester, back * tester.rng.uniform(0.2, 0.4), volts, HELD, MeterInfoRequested=True)
    await _ask(tester, 0.0, volts, 1.0)
    await _end(tester)


GIVING = (
    "giving back", "giving back beyond the limits", "lower limits back", "changing directions", "energy given back",
    "limits of the charger back", "taken back", "lower limits taken back",
)  # fmt: skip
"""Flows with a discharge profile."""
LARGE = ("limits of the charger", "power of the charger", "limits of the charger back")
"""Flows of a vehicle that only the charger limits."""
FROM_CABLE_CHECK = ("precharge", "precharge in steps", "power of the charger")
"""Flows that begin before precharge."""


@FLOWS.on("lower limits back")
async def lower_back(tester: TesterEv) -> None:
    """The vehicle lowers what it feeds back: its current, then its power."""
    amps, volts = _limits(tester, "Discharge")
    await _ask(tester, -amps * 0.9, volts, SETTLES)
    await _ask(tester, -amps * 0.9, volts, SETTLES, EVMaximumDischargeCurrent=iso20.ampere(amps * 0.2))
    least = iso20.watt(amps * tester.battery_voltage * tester.rng.uniform(0.1, 0.2))
    await _ask(tester, -amps * 0.9, volts, SETTLES, EVMaximumDischargePower=least)
    await _end(tester)


async def _rounds(tester: TesterEv, seconds: float, **fields: Any) -> None:
    """Runs the loop for a while, unchanged except for these fields."""
    until = tester.now + seconds
    while tester.now < until:
        message = tester.make(tester.loop_request)
        for name, value in fields.items():
            message = replaced(message, name, value)
        await tester.send(message)
        arrival = await tester.response(tester.loop_request)
        failed = wrong(arrival, tester.loop_request, tester.session_id)
        if failed is not None and not _watched(tester, arrival):
            raise failed
        tester.loops += 1
        await tester.pause()


@FLOWS.on("lower limits of AC")
async def lower_alternating(tester: TesterEv) -> None:
    """The vehicle lowers its limits in both directions, then demands a minimum above them."""
    await _rounds(tester, SETTLES)
    least = iso20.watt(iso20.LEAST_WATTS * tester.rng.uniform(1.2, 2.0))
    both = ("EVMaximumChargePower", "EVMaximumDischargePower")[: 1 + iso20.control(tester).bidirectional]
    await _rounds(tester, SETTLES, **dict.fromkeys(both, least))
    await _rounds(tester, LONGER, EVMinimumChargePower=iso20.watt(MUCH), EVMaximumChargePower=iso20.watt(MUCH))
    await _end(tester)


@FLOWS.on("alternating current")
async def alternating(tester: TesterEv) -> None:
    """The loop for a long time, then the end, and the contactor after it."""
    await _rounds(tester, LONG / 3.0)
    await _end(tester)
    await asyncio.sleep(DEAD)
