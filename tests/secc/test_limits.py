"""The charger's output against what both sides allow, in random sessions: sampled at the plant, between messages too.

The test keeps its own account of the limits, from what it sends and what is answered. It knows nothing of the modules
that enforce them.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from bench import MODES, Bench
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from secc_driver import NORMAL, REQUESTS, Driver, ac_parameter, dc_parameter, value

from plugfest.virtual import run
from secc import ac, envelope
from secc.charger import Fault
from secc.envelope import LimitedOutput
from secc.plan import Slot
from secc.power import Insulation
from secc.simulated import SimulatedPowerSource
from secc.supply import AcSupply
from secc.visit import Visit
from slac.pilot import State
from v2g.errors import ConnectionLost
from v2g.messages import iso2
from v2g.outcome import Outcome
from v2g.physical import amps, number, volts

EPS = 1e-6
TICK = 0.013
"""s: between two samples."""
SWITCH = 0.002
"""s: at the very moment at which a slot ends, either slot may hold."""


# ---------------------------------------------------------------------------------------------------------------
# What may be asked


VOLTS = (0, 199.9, 300, 380.2, 400, 450, 500, 1000, -0.5, -5)
AMPS = (0, 0.1, 1, 2, 16, 99.9, 200, 350, 400, -1, -20)
WATTS = ((0, 0), (500, 0), (11_000, 0), (30_000, 0), (60, 3), (200, 3), (-1, 0))
BATTERIES = (None, None, (300.0, 0.1), (385.0, 0.06), (600.0, 0.0))
SCHEDULES = (
    (),
    (),
    (Slot(0, 11_000.0),),
    (Slot(0, 40_000.0), Slot(2, 5_000.0), Slot(4, 90_000.0)),
    (Slot(0, 0.0), Slot(3, 22_000.0)),
)
PLANT = ("derate", "restore", "break", "repair", "fault", "clear", "battery", "wait", "pilot")


def quantity(rng: random.Random, likely: tuple[float, ...]) -> tuple[int, int]:
    """Value and multiplier: a likely one, or any that the bits can carry."""
    if rng.random() < 0.8:
        return round(rng.choice(likely) * 10), -1
    return rng.randint(-32768, 32767), rng.randint(-3, 3)


@dataclass
class Account:
    """What the test knows that may flow. All limits are infinite until told, and zero until declared."""

    declared: list[float] | None = None
    now: list[float] | None = None
    slots: tuple[Slot, ...] = ()
    profile: tuple[Slot, ...] = ()
    offered_at: float = 0.0
    ac_amps: float = 0.0
    phases: int = 3
    off_since: float | None = None
    lowest: float = math.inf
    flowed: float = 0.0
    samples: int = 0

    def agreed(self, time: float) -> float:
        def at(slots: tuple[Slot, ...], second: float) -> float:
            return [math.inf, *(slot.watts for slot in slots if slot.start <= second)][-1]

        seconds = (time - self.offered_at, time - self.offered_at - SWITCH)
        return max(min(at(self.slots, second), at(self.profile, second)) for second in seconds)


@dataclass
class World:
    """One charger, and the account of it."""

    mode: str
    bench: Bench
    account: Account = field(default_factory=Account)
    cut: bool = False

    @property
    def time(self) -> float:
        return asyncio.get_running_loop().time()

    def check(self) -> None:
        """Fails where the output is above what is allowed."""
        self.account.samples += 1
        if self.bench.power is not None:
            self._check_dc(self.bench.power)
        else:
            assert self.bench.supply is not None
            self._check_ac(self.bench.supply)

    def _check_dc(self, source: SimulatedPowerSource) -> None:
        account, load = self.account, source.load() if source.load else None
        voltage, current = source.voltage, source.current
        account.flowed = max(account.flowed, current)
        if not source.on:
            account.off_since = self.time if account.off_since is None else account.off_since
            if self.time - account.off_since > 0.1:
                assert current == 0.0, f"{current} A flow though the output is off"
            if load is None:
                assert voltage <= account.lowest + EPS, f"{voltage} V though the output is off"
            account.lowest = voltage
            return
        account.off_since, account.lowest = None, math.inf
        self.cut = self.cut and source.insulation is not Insulation.RUNNING
        assert not self.cut, f"{voltage} V again, without a cable check since the output was switched off"
        assert account.now is not None, f"the output is on at {voltage} V, and no limits were declared"
        own = source.limits
        most_v, most_a = min(account.now[0], own.max_voltage), min(account.now[1], own.max_current)
        most_w = min(account.now[2], own.max_power, account.agreed(self.time))
        if load is not None and load[0] > most_v:
            assert current == 0.0, f"{current} A into a battery of {load[0]} V, at most {most_v} V"
        else:
            assert voltage <= most_v + EPS, f"{voltage} V, at most {most_v} V"
        for flowing in (current, source._amps):  # with regulation error and ripple, and without
            assert flowing >= 0.0, f"{flowing} A: these protocols only charge"
            assert flowing <= most_a + EPS, f"{flowing} A, at most {most_a} A"
        assert voltage * current <= most_w + EPS, f"{voltage * current} W, at most {most_w} W"

    def _check_ac(self, supply: AcSupply) -> None:
        if not supply.closed:
            assert supply.current == 0.0
            return
        account = self.account
        account.flowed = max(account.flowed, supply.current)
        assert account.now is not None, "the contactor is closed, and no limits were declared"
        assert supply.current <= min(supply.max_current, account.ac_amps) + EPS
        assert supply.power <= account.agreed(self.time) + EPS

    # -- one request ----------------------------------------------------------------------------------------------

    def told(self, request: Any, response: Any) -> None:
        """Takes over what a request that was answered OK declares, and looks at what the response says."""
        account, name = self.account, type(request).__name__
        if name == "ChargeParameterDiscoveryReq":
            parameter = request.EVChargeParameter
            if isinstance(parameter, iso2.AC_EVChargeParameterType):
                account.declared = account.now = [number(parameter.EVMaxVoltage), number(parameter.EVMaxCurrent)]
                account.ac_amps = number(parameter.EVMaxCurrent)
                account.phases = 1 if "single" in request.RequestedEnergyTransferMode else 3
                assert amps(response.EVSEChargeParameter.EVSEMaxCurrent) <= account.ac_amps + EPS
            else:
                limits = (
                    parameter.EVMaximumVoltageLimit,
                    parameter.EVMaximumCurrentLimit,
                    parameter.EVMaximumPowerLimit,
                )
                account.declared = [math.inf if limit is None else number(limit) for limit in limits]
                account.now = list(account.declared)
            account.slots, account.profile, account.offered_at = self.bench.evse.schedule, (), self.time
        elif name == "CurrentDemandReq":
            assert account.now is not None
            assert account.declared is not None
            limits = (request.EVMaximumVoltageLimit, request.EVMaximumCurrentLimit, request.EVMaximumPowerLimit)
            for index, limit in enumerate(limits):
                if limit is not None:
                    account.now[index] = min(number(limit), account.declared[index])
            present = volts(response.EVSEPresentVoltage), amps(response.EVSEPresentCurrent)
            battery = self.bench.power.load() if self.bench.power and self.bench.power.load else None
            if self.bench.power and self.bench.power.on:
                assert present[0] <= account.now[0] + EPS or battery is not None, f"told {present[0]} V"
                assert present[1] <= account.now[1] + EPS, f"told {present[1]} A, at most {account.now[1]} A"
        elif name == "ChargingStatusReq":
            offered = amps(response.EVSEMaxCurrent)
            assert offered <= account.ac_amps + EPS
            assert offered * 230.0 * account.phases <= account.agreed(self.time) + EPS
        elif name == "PowerDeliveryReq" and getattr(request, "ChargeProgress", "") == "Start":
            entries = request.ChargingProfile.ProfileEntry if request.ChargingProfile else []
            account.profile = tuple(
                Slot(entry.ChargingProfileEntryStart, number(entry.ChargingProfileEntryMaxPower)) for entry in entries
            )


# ---------------------------------------------------------------------------------------------------------------
# A random vehicle


async def walk(rng: random.Random, modes: list[str], sessions: int = 3) -> tuple[Account, list[Outcome]]:
    """Sessions of random vehicles, one after another, at one charger."""
    plant = Bench(modes[0], seed=rng.randint(0, 99), test_seconds=0.2)
    # The shortest schedules an outlet has are for days; these change while the vehicle is there.
    world = World(modes[0], plant)
    sampling = asyncio.create_task(_sample(world))
    outcomes = []
    try:
        for _ in range(rng.randint(1, sessions)):
            mode = rng.choice(modes)
            bench = Bench(mode, test_seconds=0.2)
            bench.wire, bench.evse, bench.power, bench.supply = plant.wire, plant.evse, plant.power, plant.supply
            bench.paused, bench.seed = plant.paused, plant.seed
            world.mode = mode
            plant.evse.schedule = rng.choice(SCHEDULES) or (Slot(0, plant.evse.max_power),)
            plant.evse.clear()
            if plant.power is not None:
                plant.power.repair()
            outcomes.append(await _session(rng, world, bench))
            world.account.declared = world.account.now = None
            if sampling.done():
                break
            await asyncio.sleep(rng.choice([0.0, 0.05, 1.5]))
        world.check()
    finally:
        sampling.cancel()
        failed = (await asyncio.gather(sampling, return_exceptions=True))[0]
    if isinstance(failed, AssertionError):
        raise failed
    return world.account, outcomes


async def _sample(world: World) -> None:
    while True:
        await asyncio.sleep(TICK)
        world.check()


async def _session(rng: random.Random, world: World, bench: Bench) -> Outcome:
    driver = await Driver.connect(world.mode, bench=bench)
    with contextlib.suppress(ConnectionLost, TimeoutError, _Over):
        steps = NORMAL[world.mode].split()
        first = steps.index("ChargeParameterDiscoveryReq")
        loop = "ChargingStatusReq" if bench.ac else "CurrentDemandReq"
        for label in steps[: first if rng.random() < 0.95 else 2]:
            await _ask(world, driver, label)
        far = steps.index(loop) if rng.random() < 0.85 else rng.randint(first, steps.index(loop))
        await _forward(rng, world, driver, steps[first:far])
        others = [*REQUESTS[world.mode]]
        for _ in range(rng.randint(0, 12)):
            choice = rng.choice([*[loop] * 8, *PLANT, "anew", "any"])
            if choice == "anew" and world.mode != "din":
                await _ask(world, driver, "PowerDeliveryReq:renegotiate")
                await _forward(rng, world, driver, steps[first : steps.index(loop)])
            elif choice in ("any", "anew"):
                label = rng.choice(others)
                await _ask(world, driver, label, **_changes(rng, world, label))
            elif choice == loop:
                changes = _changes(rng, world, loop)
                for _ in range(rng.choice([1, 1, 5, 20])):
                    await _ask(world, driver, loop, **changes)
            else:
                await _touch(rng, choice, world, bench)
    if not driver.charger.done():
        if driver.sent and driver.sent[-1].startswith("SessionStop"):
            return await driver.closed(10.0)
        driver.channel.abort()
    async with asyncio.timeout(10.0):
        return await driver.charger


class _Over(Exception):
    """The request was refused: the session is over."""


async def _forward(rng: random.Random, world: World, driver: Driver, labels: list[str]) -> None:
    """The normal order, the cable check until it is finished."""
    for label in dict.fromkeys(labels):
        response = await _ask(world, driver, label, **_changes(rng, world, label))
        while label == "CableCheckReq" and response.EVSEProcessing == "Ongoing":
            response = await _ask(world, driver, label)
        for _ in range(rng.choice([0, 0, 8]) if label == "PreChargeReq" else 0):
            await asyncio.sleep(0.2)
            await _ask(world, driver, label, **_changes(rng, world, label))


async def _ask(world: World, driver: Driver, label: str, **changes: Any) -> Any:
    request = REQUESTS[world.mode][label]
    if changes:
        request = type(request)(**{**{name: getattr(request, name) for name in request.__struct_fields__}, **changes})
    response = await driver.step(label, **changes)
    if not response.ResponseCode.startswith("OK"):
        raise _Over
    world.told(request, response)
    world.check()
    return response


def _changes(rng: random.Random, world: World, label: str) -> dict[str, Any]:
    """Another value for what a vehicle decides on in this request, mostly one that is accepted."""
    module, name = MODES[world.mode][0].module, label.partition(":")[0]

    def some(likely: tuple[float, ...], unit: str) -> Any:
        amount, multiplier = rng.choice(WATTS) if unit == "W" else quantity(rng, likely)
        return value(module, amount, unit, multiplier)

    sane = rng.random() < 0.92
    if name == "ChargeParameterDiscoveryReq" and world.bench.ac:
        most = rng.choice([6, 10, 16, 32, 80, 0]) if sane else rng.randint(-50, 500)
        least = 0 if sane else rng.randint(-5, 100)
        mode = rng.choice(["AC_three_phase_core", "AC_single_phase_core"])
        parameter = ac_parameter(EVMaxCurrent=value(module, most, "A"), EVMinCurrent=value(module, least, "A"))
        return {"EVChargeParameter": parameter, "RequestedEnergyTransferMode": mode}
    if name == "ChargeParameterDiscoveryReq":
        voltage = value(module, rng.randint(150, 1200), "V") if sane else some(VOLTS, "V")
        current = value(module, rng.randint(0, 500), "A") if sane else some(AMPS, "A")
        power = rng.choice((None, *WATTS))
        limit = None if power is None or (sane and power[0] < 0) else value(module, power[0], "W", power[1])
        return {
            "EVChargeParameter": dc_parameter(
                module, EVMaximumVoltageLimit=voltage, EVMaximumCurrentLimit=current, EVMaximumPowerLimit=limit
            )
        }
    if name == "PreChargeReq":
        target = value(module, rng.randint(0, 150), "V") if sane else some(VOLTS, "V")
        return {"EVTargetVoltage": target, "EVTargetCurrent": value(module, 1, "A") if sane else some(AMPS, "A")}
    if name == "CurrentDemandReq":
        changes = {"EVTargetVoltage": some(VOLTS, "V"), "EVTargetCurrent": some(AMPS, "A")}
        limits = (("EVMaximumVoltageLimit", VOLTS, "V"), ("EVMaximumCurrentLimit", AMPS, "A"))
        for field_name, likely, unit in (*limits, ("EVMaximumPowerLimit", (), "W")):
            if rng.random() < 0.5 and rng.random() < 0.5:
                changes[field_name] = some(likely, unit)
        if sane:  # nothing negative, which would end the session
            for field_name, asked in changes.items():
                changes[field_name] = value(module, abs(asked.Value) % 32768, asked.Unit, asked.Multiplier)
        elif rng.random() < 0.5:
            changes["DC_EVStatus"] = module.DC_EVStatusType(
                EVReady=True, EVErrorCode="FAILED_RESSTemperatureInhibit", EVRESSSOC=50
            )
        return changes
    if label == "PowerDeliveryReq:start" and world.mode != "din" and rng.random() < 0.5:
        most = min(slot.watts for slot in world.bench.evse.schedule)
        entries = [
            iso2.ProfileEntryType(ChargingProfileEntryStart=start, ChargingProfileEntryMaxPower=value(iso2, watts, "W"))
            for start, watts in ((0, min(int(most), 9_000)), (3, min(int(most), 4_000)))
        ]
        return {"ChargingProfile": iso2.ChargingProfileType(ProfileEntry=entries)}
    return {}


async def _touch(rng: random.Random, what: str, world: World, bench: Bench) -> None:
    """Something happens at the plant, as if a timeline or a command caused it."""
    power, supply, evse = bench.power, bench.supply, bench.evse
    was_on = power is not None and power.on
    match what:
        case "wait":
            await asyncio.sleep(rng.choice([0.02, 0.3, 2.1]))
        case "fault":
            evse.fail(rng.choice(list(Fault)))
        case "clear":
            evse.clear()
        case "pilot":
            bench.wire.ev.set(State.B)
            if rng.random() < 0.5:
                bench.wire.ev.set(State.C)
        case "derate" if power is not None:
            power.derate(rng.choice([0.0, 0.1, 0.5]))
        case "derate" if supply is not None:
            supply.max_current = rng.choice([0.0, 10.0, 16.0])
        case "restore" if power is not None:
            power.derate(1.0)
        case "restore" if supply is not None:
            supply.max_current = 32.0
        case "break" if power is not None:
            power.break_down("test")
        case "repair" if power is not None:
            power.repair()
        case "battery" if power is not None:
            battery = rng.choice(BATTERIES)
            power.load = None if battery is None else lambda: battery
    if power is not None:
        world.cut = world.cut or (was_on and not power.on)


# ---------------------------------------------------------------------------------------------------------------
# The property

# Without shrinking, which takes minutes: what failed says its draws.
EXAMPLES = settings(max_examples=40, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("modes", [["din", "iso2-dc"], ["iso2-ac"]], ids=["dc", "ac"])
def test_never_above_what_both_sides_allow(modes: list[str]) -> None:
    """Random sessions in both protocols, DC and AC: every sample of the plant is within the limits."""
    seen = []

    @EXAMPLES
    @given(st.integers(0, 2**32))
    def holds(seed: int) -> None:
        seen.append(run(walk(random.Random(seed), modes))[0])

    holds()
    flowed = [account for account in seen if account.flowed > 1.0]
    assert len(flowed) > len(seen) / 10, "the sessions hardly ever charge: this test has seen nothing"


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "limits of the vehicle ignored": (envelope, "_rounded", lambda limits: envelope.Ceiling()),
    "limits of the loop ignored": (LimitedOutput, "change", lambda *limits, **more: None),
    "power agreed ignored": (LimitedOutput, "agree", lambda self, watts, least=0.0: None),
    "lowered limits on a ramp": (SimulatedPowerSource, "_hold", lambda self, load: None),
    "output left on when the session ends": (LimitedOutput, "off", lambda self: None),
    "output on again without a cable check": (LimitedOutput, "tested", True),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_property_sees_a_charger_that_does_not_keep_a_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test notices when any single rule is removed."""
    monkeypatch.setattr(*MUTANTS[name])

    @settings(EXAMPLES, max_examples=100)
    @given(st.integers(0, 2**32))
    def holds(seed: int) -> None:
        run(walk(random.Random(seed), ["din", "iso2-dc"]))

    with pytest.raises(AssertionError):
        holds()


def test_the_property_sees_an_ac_offer_above_what_was_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in AC."""

    def offer(visit: Visit) -> float:
        return ac.supply(visit).max_current

    monkeypatch.setattr(ac, "offer", offer)

    @EXAMPLES
    @given(st.integers(0, 2**32))
    def holds(seed: int) -> None:
        run(walk(random.Random(seed), ["iso2-ac"]))

    with pytest.raises(AssertionError):
        holds()
