"""The charger's output against what both sides allow, in random sessions of ISO 15118-20 DC, plain and bidirectional.

As in `test_limits.py`: sampled at the plant, between messages too, and compared with an account of the limits that the
test keeps for itself. The plant could always give power back; only the service and the limits keep it from that.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from bench import Bench
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from plugfest.virtual import run
from secc import agreed, envelope, iso20_dc, simulated
from secc.charger import Fault
from secc.envelope import LimitedOutput
from secc.plan import Plan, Slot
from secc.power import Insulation
from slac.pilot import State
from v2g.errors import ConnectionLost
from v2g.messages import appproto
from v2g.messages.iso20 import common, dc, types
from v2g.outcome import Outcome
from v2g.physical import number
from v2g.protocols import ISO20
from v2g.protocols.iso20 import RENEGOTIATION
from v2g.session import MAIN, Session

EPS = 1e-6
TICK = 0.013
"""s: between two samples."""
SWITCH = 0.002
"""s: at the very moment at which a slot ends, either slot may hold."""
LAG = 0.6
"""s: so long the charger may take until a change of its own wish shows: it looks twice a second."""

BATTERIES = (None, (300.0, 0.1), (385.0, 0.06), (385.0, 0.06), (385.0, 0.2), (600.0, 0.0))
WISHES = (math.inf, 30_000.0, 5_000.0, 0.0, -4_000.0, -25_000.0, -25_000.0, -math.inf)
PLANS = (
    Plan(),
    Plan((Slot(0, 40_000.0), Slot(3, 5_000.0)), discharge=(Slot(0, -20_000.0), Slot(4, -2_000.0))),
    Plan((Slot(0, 11_000.0),), discharge=(Slot(0, 0.0), Slot(3, -30_000.0))),
)
PLANT = ("derate", "restore", "break", "repair", "fault", "clear", "battery", "wait", "pilot", "wish", "wish", "wish")

Ratio = types.RationalNumberType


def ratio(amount: float) -> Ratio:
    """In tenths where they fit, else in thousands."""
    tenths = round(amount * 10)
    return Ratio(Exponent=-1, Value=tenths) if abs(tenths) <= 32767 else Ratio(Exponent=3, Value=round(amount / 1000))


@dataclass
class Allowed:
    """What a vehicle allows: V, A and W in, A and W out, and the lowest voltage of discharging, V."""

    volts: float
    amps: float
    watts: float
    amps_out: float = 0.0
    watts_out: float = 0.0
    lowest: float = 0.0

    def within(self, other: Allowed) -> Allowed:
        return Allowed(
            min(self.volts, other.volts),
            min(self.amps, other.amps),
            min(self.watts, other.watts),
            min(self.amps_out, other.amps_out),
            min(self.watts_out, other.watts_out),
            max(self.lowest, other.lowest),
        )


@dataclass
class Terms:
    """What was offered, and what the vehicle's profile says: steps in W, from a loop time on."""

    channel: str | None = None
    charging: list[tuple[float, float]] = field(default_factory=list)
    discharging: list[tuple[float, float]] = field(default_factory=list)
    profile: list[tuple[float, float]] = field(default_factory=list)
    offered_at: float = 0.0
    profile_at: float = 0.0


@dataclass
class Account:
    """What the test knows of one session; ``coming`` holds from the next message of the loop on, once it is ready."""

    bidirectional: bool = False
    dynamic: bool = False
    declared: Allowed | None = None
    now: Allowed | None = None
    terms: Terms = field(default_factory=Terms)
    coming: Terms | None = None
    ready: bool = False

    def bounds(self, time: float, wishes: list[float]) -> tuple[float, float]:
        """Least and most power that was agreed, W; the widest of what held within a moment."""
        if not self.terms.profile:  # no Start yet: the precharge has its 2 A
            return 0.0, math.inf
        if self.dynamic:
            least, most = min(0.0, *wishes), max(0.0, *wishes)
        else:
            both = [self._agreed(time), self._agreed(time - SWITCH), self._agreed(time + SWITCH)]
            least, most = min(one[0] for one in both), max(one[1] for one in both)
        return (0.0 if self.terms.channel == "Charge" else least, 0.0 if self.terms.channel == "Discharge" else most)

    def _agreed(self, time: float) -> tuple[float, float]:
        most, least = _at(self.terms.charging, time - self.terms.offered_at, math.inf), 0.0
        if self.bidirectional:
            least = _at(self.terms.discharging, time - self.terms.offered_at, 0.0)
        planned = _at(self.terms.profile, time - self.terms.profile_at, 0.0)
        return max(least, min(planned, 0.0)), min(most, max(planned, 0.0))


def _at(steps: list[tuple[float, float]], second: float, otherwise: float) -> float:
    return [otherwise, *(watts for start, watts in steps if start <= second)][-1]


@dataclass
class World:
    """A charger, and the account of the session at it."""

    bench: Bench
    account: Account = field(default_factory=Account)
    flowed: list[float] = field(default_factory=lambda: [0.0, 0.0])
    off_since: float | None = None
    cut: bool = False
    wishes: deque[tuple[float, float]] = field(default_factory=deque)

    @property
    def time(self) -> float:
        return asyncio.get_running_loop().time()

    def wish(self, watts: float) -> None:
        """The charger's own wish in dynamic mode, W."""
        self.bench.evse.target_power = watts
        self.wishes.append((self.time, watts))

    def held(self) -> list[float]:
        """Wishes that held within the lag."""
        while len(self.wishes) > 1 and self.wishes[1][0] < self.time - LAG:
            self.wishes.popleft()
        return [watts for _, watts in self.wishes]

    def check(self) -> None:
        """Fails where the output is outside what is allowed."""
        source, account = self.bench.power, self.account
        assert source is not None
        volts, amps = source.voltage, source.current
        self.flowed = [max(self.flowed[0], amps), max(self.flowed[1], -amps)]
        if not source.on:
            self.off_since = self.time if self.off_since is None else self.off_since
            if self.time - self.off_since > 0.1:
                assert amps == 0.0, f"{amps} A flow though the output is off"
            return
        self.off_since = None
        self.cut = self.cut and source.insulation is not Insulation.RUNNING
        assert not self.cut, f"{volts} V again, without a cable check since the output was switched off"
        assert account.now is not None, f"the output is on at {volts} V, and no limits were declared"
        own = source.limits
        most = account.now.within(
            Allowed(
                own.max_voltage, own.max_current, own.max_power, own.max_discharge_current, own.max_discharge_power,
                own.min_voltage,
            )
        )  # fmt: skip
        least_watts, most_watts = account.bounds(self.time, self.held())
        load = source.load() if source.load else None
        if load is not None and load[0] > most.volts:
            assert amps == 0.0, f"{amps} A at a battery of {load[0]} V, at most {most.volts} V"
        else:
            assert volts <= most.volts + EPS, f"{volts} V, at most {most.volts} V"
        for flowing in (amps, source._amps):  # with regulation error and ripple, and without
            assert flowing <= most.amps + EPS, f"{flowing} A, at most {most.amps} A"
            assert -flowing <= most.amps_out + EPS, f"{-flowing} A out, at most {most.amps_out} A"
            if not account.bidirectional:
                assert flowing >= 0.0, f"{-flowing} A out of a vehicle that only charges"
        assert volts * amps <= min(most.watts, most_watts) + EPS, (
            f"{volts * amps} W, at most {most.watts, most_watts} W"
        )
        out = min(most.watts_out, -least_watts)
        assert -volts * amps <= out + EPS, f"{-volts * amps} W out, at most {most.watts_out, -least_watts} W"
        if amps < 0.0:
            assert volts >= most.lowest - EPS, f"discharging at {volts} V, at least {most.lowest} V"


# ---------------------------------------------------------------------------------------------------------------
# A random vehicle


class _Over(Exception):
    """The request was refused: the session is over."""


@dataclass
class Vehicle:
    """A vehicle that makes random statements."""

    world: World
    rng: random.Random
    session: Session

    async def ask(self, request: Any, stream: int = MAIN) -> Any:
        """One exchange; what the vehicle allows with it counts once the charger has answered OK."""
        self.world.check()
        await self.session.send(request, stream=stream)
        received = await self.session.receive(stream)
        if isinstance(request, common.SessionSetupReq):
            self.session.id = received.session_id
        response: Any = received.message
        if response.ResponseCode.startswith("FAILED"):
            raise _Over
        self.told(request, response, beside=stream != MAIN)
        self.world.check()
        return response

    def told(self, request: Any, response: Any, *, beside: bool) -> None:
        """Takes over limits, schedules, profile and channel.

        Args:
            beside: in a renegotiation; its schedule and profile hold from the next message of the loop on.
        """
        account, time = self.world.account, self.world.time
        starts = isinstance(request, common.PowerDeliveryReq) and request.ChargeProgress == "Start" and not beside
        if account.ready and (starts or isinstance(request, dc.DC_ChargeLoopReq)):
            assert account.coming is not None
            account.terms, account.coming, account.ready = account.coming, None, False
        if beside and account.coming is None:
            account.coming = replace(account.terms)
        terms = account.coming if beside and account.coming is not None else account.terms
        if isinstance(request, dc.DC_ChargeParameterDiscoveryReq):
            self._declare(request.DC_CPDReqEnergyTransferMode, beside=beside)
        elif isinstance(request, common.ScheduleExchangeReq) and not account.dynamic:
            (tuple_,) = response.Scheduled_SEResControlMode.ScheduleTuple
            terms.charging = _steps(tuple_.ChargingSchedule.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry)
            found = tuple_.DischargingSchedule
            terms.discharging = (
                _steps(found.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry) if found is not None else []
            )
            terms.offered_at, terms.profile, terms.channel = time, [], None
        elif isinstance(request, common.PowerDeliveryReq) and request.ChargeProgress == "Start":
            assert request.EVPowerProfile is not None
            terms.profile = _steps(request.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry)
            terms.profile_at, account.ready = time, beside
            if account.bidirectional and self.world.bench.evse.separated:
                terms.channel = request.BPT_ChannelSelection
        elif isinstance(request, dc.DC_ChargeLoopReq):
            self._loop(request.CLReqControlMode, response)

    def _declare(self, said: Any, *, beside: bool) -> None:
        """Charge parameters; beside the loop they do not raise the voltage, which the cable check has tested."""
        account = self.world.account
        new = Allowed(
            number(said.EVMaximumVoltage), number(said.EVMaximumChargeCurrent), number(said.EVMaximumChargePower)
        )
        if account.bidirectional:
            new.amps_out = abs(number(said.EVMaximumDischargeCurrent))
            new.watts_out = abs(number(said.EVMaximumDischargePower))
            new.lowest = number(said.EVMinimumVoltage)
        if beside:
            assert account.declared is not None
            new.volts = min(new.volts, account.declared.volts)
        account.declared = account.now = new

    def _loop(self, said: Any, response: Any) -> None:
        account = self.world.account
        assert account.now is not None
        assert account.declared is not None
        now = account.declared  # of what the loop leaves out

        def of(name: str, before: float) -> float:
            value = getattr(said, name, None)
            return before if value is None else abs(number(value))

        asked = Allowed(
            of("EVMaximumVoltage", now.volts),
            of("EVMaximumChargeCurrent", now.amps),
            of("EVMaximumChargePower", now.watts),
            of("EVMaximumDischargeCurrent", now.amps_out),
            of("EVMaximumDischargePower", now.watts_out),
            of("EVMinimumVoltage", now.lowest) if account.bidirectional else 0.0,
        )
        if account.bidirectional and account.dynamic:
            band = said.EVMinimumV2XEnergyRequest or said.EVMinimumEnergyRequest
            if number(band) >= 0.0:
                asked.amps_out = 0.0
        account.now = asked.within(account.declared)
        present = number(response.EVSEPresentCurrent)
        assert -account.now.amps_out - EPS <= present <= account.now.amps + EPS, f"told {present} A"

    # -- its requests ---------------------------------------------------------------------------------------------

    def some(self, *likely: float) -> Ratio:
        """The first, or another likely value, or now and then any that the bits can carry."""
        if self.rng.random() < 0.99:
            return ratio(likely[0] if self.rng.random() < 0.6 else self.rng.choice(likely))
        return Ratio(Exponent=self.rng.randint(-3, 3), Value=self.rng.randint(-32768, 32767))

    def declaration(self) -> dc.DC_ChargeParameterDiscoveryReq:
        fields: dict[str, Any] = {
            "EVMaximumChargePower": self.some(90_000, 500, 20_000, 200_000),
            "EVMinimumChargePower": ratio(0),
            "EVMaximumChargeCurrent": self.some(100, 20.05, 300),
            "EVMinimumChargeCurrent": ratio(0),
            "EVMaximumVoltage": self.some(450, 400, 800),
            "EVMinimumVoltage": self.some(383.5, 200, 299.9, 350),
        }
        kind = dc.DC_CPDReqEnergyTransferModeType
        if self.world.account.bidirectional != (self.rng.random() < 0.01):
            kind = dc.BPT_DC_CPDReqEnergyTransferModeType
            fields |= {
                "EVMaximumDischargePower": self.some(15_000, 500, -15_000, 90_000),
                "EVMinimumDischargePower": ratio(0),
                "EVMaximumDischargeCurrent": self.some(60, 10.05, -60, 200),
                "EVMinimumDischargeCurrent": ratio(0),
            }
        return dc.DC_ChargeParameterDiscoveryReq(DC_CPDReqEnergyTransferMode=kind(**fields))

    def schedule(self) -> common.ScheduleExchangeReq:
        request = common.ScheduleExchangeReq(MaximumSupportingPoints=12)
        if self.world.account.dynamic:
            request.Dynamic_SEReqControlMode = common.Dynamic_SEReqControlModeType(
                DepartureTime=100,
                EVTargetEnergyRequest=ratio(10_000),
                EVMaximumEnergyRequest=ratio(20_000),
                EVMinimumEnergyRequest=ratio(-5_000),
            )
        else:
            request.Scheduled_SEReqControlMode = common.Scheduled_SEReqControlModeType(DepartureTime=100)
        return request

    def start(self) -> common.PowerDeliveryReq:
        """With a profile inside what was offered, mostly; both directions in turn."""
        account, rng = self.world.account, self.rng
        terms = account.coming or account.terms
        profile = common.EVPowerProfileType(
            TimeAnchor=0, EVPowerProfileEntries=common.EVPowerProfileEntryListType(EVPowerProfileEntry=[])
        )
        entries = profile.EVPowerProfileEntries.EVPowerProfileEntry
        if account.dynamic:
            profile.Dynamic_EVPPTControlMode = common.Dynamic_EVPPTControlModeType()
        else:
            profile.Scheduled_EVPPTControlMode = common.Scheduled_EVPPTControlModeType(SelectedScheduleTupleID=1)
        for seconds in (rng.choice([2, 4]), rng.choice([3, 5]), 90_000):
            most = min((watts for _, watts in terms.charging), default=50_000.0)
            least = max((watts for _, watts in terms.discharging), default=0.0)
            watts = rng.choice([most, most / 2, 0.0, least, least / 2, -20_000.0 if rng.random() < 0.05 else least])
            entries.append(common.PowerScheduleEntryType(Duration=seconds, Power=ratio(int(watts))))
        channel = rng.choice(["Charge", "Discharge"]) if account.bidirectional else None
        return common.PowerDeliveryReq(
            EVProcessing="Finished", ChargeProgress="Start", EVPowerProfile=profile, BPT_ChannelSelection=channel
        )

    def demand(self) -> dc.DC_ChargeLoopReq:
        """The loop's request in this session's kind, now and then in another."""
        account, rng = self.world.account, self.rng
        dynamic = account.dynamic != (rng.random() < 0.01)
        both = account.bidirectional != (rng.random() < 0.01)
        fields: dict[str, Any] = {}
        limits: dict[str, Any] = {
            "EVMaximumChargePower": self.some(90_000, 500, 20_000, 300_000),
            "EVMinimumChargePower": ratio(0),
            "EVMaximumChargeCurrent": self.some(100, 0, 10, 400),
            "EVMaximumVoltage": self.some(450, 300, 400, 800),
            "EVMinimumVoltage": self.some(200, 0, 250, 350, 384),
        }
        if both:
            limits |= {
                "EVMaximumDischargePower": self.some(10_000, 0, 500, -5_000, 90_000),
                "EVMinimumDischargePower": ratio(0),
                "EVMaximumDischargeCurrent": self.some(50, 0, 5, -40, 300),
            }
        if dynamic:
            fields = {
                **limits,
                "EVTargetEnergyRequest": ratio(5_000),
                "EVMaximumEnergyRequest": self.some(20_000, 5_000),
                "EVMinimumEnergyRequest": self.some(-5_000, -5_000, 0, 100),
            }
            if both and rng.random() < 0.5:
                fields |= {
                    "EVMaximumV2XEnergyRequest": ratio(10_000),
                    "EVMinimumV2XEnergyRequest": self.some(-2_000, -2_000, -1, 0, 50),
                }
        else:
            fields = {
                "EVTargetVoltage": self.some(450, 300, 400, 800),
                "EVTargetCurrent": self.some(*rng.choice([(50, 300, 0), (-20, -1, -80, -500)])),
                **{name: value for name, value in limits.items() if rng.random() < 0.25},
            }
        kind = {
            (False, False): dc.Scheduled_DC_CLReqControlModeType,
            (True, False): dc.Dynamic_DC_CLReqControlModeType,
            (False, True): dc.BPT_Scheduled_DC_CLReqControlModeType,
            (True, True): dc.BPT_Dynamic_DC_CLReqControlModeType,
        }[dynamic, both]
        return dc.DC_ChargeLoopReq(
            MeterInfoRequested=True, EVPresentVoltage=ratio(380), CLReqControlMode=kind(**fields)
        )


def _steps(entries: list[common.PowerScheduleEntryType]) -> list[tuple[float, float]]:
    steps, start = [], 0.0
    for entry in entries:
        steps.append((start, number(entry.Power)))
        start += entry.Duration
    return steps


async def _session(rng: random.Random, world: World) -> Outcome:
    bench, account = world.bench, Account(rng.random() < 0.7, rng.random() < 0.5)
    world.account = account
    bench.evse.pilot.offer(5.0)
    channel, charger = await bench.charger_alone()
    vehicle = Vehicle(world, rng, Session(channel))
    session = vehicle.session
    with contextlib.suppress(ConnectionLost, TimeoutError, _Over):
        entry = appproto.AppProtocolType(
            ProtocolNamespace=dc.NAMESPACE, VersionNumberMajor=1, VersionNumberMinor=0, SchemaID=1, Priority=1
        )
        await session.send(appproto.supportedAppProtocolReq(AppProtocol=[entry]))
        await session.receive()
        session.protocol, session.id = ISO20, bytes(8)
        session.listen(RENEGOTIATION)
        await vehicle.ask(common.SessionSetupReq(EVCCID="RANDOM1"))
        await vehicle.ask(common.AuthorizationSetupReq())
        eim = common.EIM_AReqAuthorizationModeType()
        await vehicle.ask(common.AuthorizationReq(SelectedAuthorizationService="EIM", EIM_AReqAuthorizationMode=eim))
        await vehicle.ask(common.ServiceDiscoveryReq())
        service = 6 if account.bidirectional else 2
        await vehicle.ask(common.ServiceDetailReq(ServiceID=service))
        chosen = common.SelectedServiceType(ServiceID=service, ParameterSetID=2 if account.dynamic else 1)
        await vehicle.ask(common.ServiceSelectionReq(SelectedEnergyTransferService=chosen))
        await vehicle.ask(vehicle.declaration())
        await vehicle.ask(vehicle.schedule())
        bench.wire.ev.set(State.C)
        for _ in range(60):
            if (await vehicle.ask(dc.DC_CableCheckReq())).EVSEProcessing == "Finished":
                break
            await asyncio.sleep(0.1)
        for _ in range(rng.choice([1, 20])):
            volts = vehicle.some(380, 200, 400)
            await vehicle.ask(
                dc.DC_PreChargeReq(EVProcessing="Ongoing", EVPresentVoltage=ratio(0), EVTargetVoltage=volts)
            )
            await asyncio.sleep(0.1)
        battery = rng.choice(BATTERIES)
        assert bench.power is not None
        bench.power.load = None if battery is None else lambda: battery
        await vehicle.ask(vehicle.start())
        await _loop(rng, world, vehicle)
        await vehicle.ask(common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Stop"))
    if not charger.done():
        channel.abort()
    async with asyncio.timeout(10.0):
        return await charger


async def _loop(rng: random.Random, world: World, vehicle: Vehicle) -> None:
    for _ in range(rng.randint(1, 25)):
        choice = rng.choice(
            [*["loop"] * 14, *PLANT, "start", "standby", *([] if world.account.dynamic else ["anew", "anew"])]
        )
        if choice == "loop":
            request = vehicle.demand()
            for _ in range(rng.choice([1, 1, 5, 12])):
                await vehicle.ask(request)
                await asyncio.sleep(rng.choice([0.0, 0.1, 0.3]))
        elif choice == "start":
            await vehicle.ask(vehicle.start())
        elif choice == "anew":
            for request in (vehicle.declaration, vehicle.schedule, vehicle.start):
                await vehicle.ask(request(), RENEGOTIATION)
            if rng.random() < 0.3:  # and a profile that is newer still, before the loop goes on
                await vehicle.ask(vehicle.start())
        elif choice == "standby":
            await vehicle.ask(common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Standby"))
        else:
            await _touch(rng, choice, world)


async def _touch(rng: random.Random, what: str, world: World) -> None:
    """Something happens at the plant, as if a timeline or a command caused it."""
    bench, source = world.bench, world.bench.power
    assert source is not None
    was_on = source.on
    match what:
        case "wait":
            await asyncio.sleep(rng.choice([0.02, 0.3]))
        case "wish":
            world.wish(rng.choice(WISHES))
        case "fault" if rng.random() < 0.15:
            bench.evse.fail(rng.choice(list(Fault)))
        case "clear":
            bench.evse.clear()
        case "pilot" if rng.random() < 0.15:
            bench.wire.ev.set(State.B)
            bench.wire.ev.set(State.C)
        case "derate":
            source.derate(rng.choice([0.0, 0.1, 0.5]))
        case "restore":
            source.derate(1.0)
        case "break" if rng.random() < 0.15:
            source.break_down("test")
        case "repair":
            source.repair()
        case "battery":
            battery = rng.choice(BATTERIES)
            source.load = None if battery is None else lambda: battery
    world.cut = world.cut or (was_on and not source.on)


async def walk(rng: random.Random) -> list[float]:
    """Sessions of random vehicles, one after another, at one charger; the largest currents in and out, A."""
    bench = Bench("iso20-dc-bpt", seed=rng.randint(0, 99), test_seconds=0.2)
    bench.evse.separated = rng.random() < 0.3
    world = World(bench)
    sampling = asyncio.create_task(_sample(world))
    try:
        for _ in range(rng.randint(1, 2)):
            bench.evse.plans = (rng.choice(PLANS),)
            bench.evse.clear()
            assert bench.power is not None
            bench.power.repair()
            bench.power.derate(1.0)
            bench.power.load = None
            world.wish(rng.choice(WISHES))
            await _session(rng, world)
            world.account = Account()
            bench.wire.ev.set(State.B)
            if sampling.done():
                break
            await asyncio.sleep(rng.choice([0.0, 0.05, 1.5]))
        world.check()
    finally:
        sampling.cancel()
        failed = (await asyncio.gather(sampling, return_exceptions=True))[0]
    if isinstance(failed, AssertionError):
        raise failed
    return world.flowed


async def _sample(world: World) -> None:
    while True:
        await asyncio.sleep(TICK)
        world.check()


# ---------------------------------------------------------------------------------------------------------------
# The property

# Without shrinking, which takes minutes: what failed says its draws.
EXAMPLES = settings(max_examples=40, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)


def test_never_beyond_what_both_sides_allow_in_either_direction() -> None:
    """Random sessions, scheduled and dynamic, plain and bidirectional: every sample is within the limits."""
    seen = []

    @EXAMPLES
    @given(st.integers(0, 2**32))
    def holds(seed: int) -> None:
        seen.append(run(walk(random.Random(seed))))

    holds()
    for direction in (0, 1):
        flowed = [one for one in seen if one[direction] > 1.0]
        assert len(flowed) > len(seen) / 8, "hardly anything flows that way: this test has seen nothing"


_AGREE, _DECLARE = LimitedOutput.agree, LimitedOutput.declare


def _declare_anything(output: LimitedOutput, limits: envelope.Ceiling) -> None:
    output._declared = output._vehicle = envelope._rounded(limits)
    output._changed()


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "limits of the vehicle ignored": (
        envelope, "_rounded", lambda limits: envelope.Ceiling(discharge_current=1e6, discharge_power=1e9),
    ),
    "limits of the loop ignored": (LimitedOutput, "change", lambda *limits: None),
    "schedules and wishes ignored": (
        LimitedOutput, "agree", lambda self, watts, least=0.0: _AGREE(self, math.inf, -math.inf),
    ),
    "lowest voltage ignored": (
        LimitedOutput, "declare", lambda self, limits: _DECLARE(self, limits._replace(least_voltage=0.0)),
    ),
    "voltage raised beside the loop": (LimitedOutput, "declare", _declare_anything),
    "limits of discharging on a ramp": (simulated, "_discharge_bound", lambda top, emf, ohms: math.inf),
    "end of the band ignored": (iso20_dc, "can_give", lambda asked: True),
    "channel ignored": (agreed, "now", agreed.meant),
    "output left on when the session ends": (LimitedOutput, "off", lambda self: None),
    "output on again without a cable check": (LimitedOutput, "tested", True),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_the_property_sees_a_charger_that_does_not_keep_a_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test notices when any single rule is removed."""
    monkeypatch.setattr(*MUTANTS[name])

    @settings(EXAMPLES, max_examples=150)
    @given(st.integers(0, 2**32))
    def holds(seed: int) -> None:
        run(walk(random.Random(seed)))

    with pytest.raises(AssertionError):
        holds()
