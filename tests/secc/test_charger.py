"""The charger: protection, switching off, wishes, meter, authorization, AC supply."""

from __future__ import annotations

import asyncio

import pytest

from secc.authorizer import ByCallback, Customer, Decision, Delayed, Immediate, Never
from secc.charger import Evse, Fault, Notification, Wish, simulated, simulated_dc
from secc.meter import Meter
from secc.plan import Slot
from secc.power import Ceiling
from secc.simulated import SimulatedPowerSource
from secc.supply import AcSupply
from slac.pilot import State
from slac.pilots import AssumedChargerPilot, SimulatedPilot


def dc() -> tuple[Evse, SimulatedPowerSource, SimulatedPilot]:
    wire = SimulatedPilot(plugged=True)
    evse = simulated_dc(wire.evse, kw=150)
    power = simulated(evse)
    assert power is not None
    power.bound(Ceiling())  # these tests are about the plant, without a vehicle that has declared limits
    wire.evse.offer(5.0)
    wire.ev.set(State.C)
    return evse, power, wire


async def test_safe_is_fast() -> None:
    """From 400 V and 200 A: current gone in 0.1 s, output safe in a second, PWM off."""
    evse, power, wire = dc()
    power.aim(400, 200)
    await asyncio.sleep(5)
    assert evse.energised
    seen = await evse.safe()
    assert seen.clean
    assert seen.current_after is not None
    assert seen.current_after <= 0.1
    assert seen.voltage_after is not None
    assert seen.voltage_after <= 1.0
    assert not evse.energised
    assert wire.ev.reading.label == "C1"


async def test_safe_sees_a_battery_that_stays() -> None:
    """With the vehicle's contactors closed the voltage stays, which the report says after two seconds."""
    evse, power, _ = dc()
    power.load = lambda: (380.0, 0.1)
    power.aim(403, 100)
    await asyncio.sleep(3)
    seen = await evse.safe()
    assert seen.current_after is not None
    assert seen.voltage_after is None
    assert not seen.clean
    assert asyncio.get_running_loop().time() < 5.1


async def test_cancelled_safe_is_off() -> None:
    """The output is off before the first wait, so cancelling does no harm."""
    evse, power, wire = dc()
    power.aim(400, 200)
    await asyncio.sleep(3)
    task = asyncio.create_task(evse.safe())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not power.on
    assert wire.evse.reading.duty == 100


@pytest.mark.parametrize("cause", ["B", "unplug", "short"])
async def test_leaving_c_switches_off(cause: str) -> None:
    """Back to B, a pulled plug or a short while power flows: off within 0.1 s without any message, and recorded."""
    evse, power, wire = dc()
    power.aim(400, 200)
    await asyncio.sleep(3)
    {"B": lambda: wire.ev.set(State.B), "unplug": wire.unplug, "short": wire.short}[cause]()
    await asyncio.sleep(0.1)
    assert power.current == 0
    assert len(evse.trips) == 1


async def test_leaving_c_after_stop_is_not_a_trip() -> None:
    """The normal end: output off, then the vehicle goes to B."""
    evse, power, wire = dc()
    power.aim(400, 200)
    await asyncio.sleep(3)
    evse.off()
    wire.ev.set(State.B)
    assert evse.trips == []


async def test_own_fault_state_survives_safe() -> None:
    """A charger in F stays in F when it is switched off."""
    evse, power, wire = dc()
    power.aim(400, 200)
    await asyncio.sleep(3)
    evse.pilot.fault(State.F)
    await evse.safe()
    assert wire.ev.state is State.F


async def test_wishes() -> None:
    """A wish counts its delay down; a stop takes precedence over a renegotiation, and can be withdrawn."""
    evse, _, _ = dc()
    assert evse.notification == Notification(Wish.NOTHING, 0)
    evse.request_renegotiation(30)
    await asyncio.sleep(10)
    assert evse.notification == (Wish.RENEGOTIATE, 20)
    evse.request_stop(5)
    evse.request_renegotiation()
    await asyncio.sleep(10)
    assert evse.notification == (Wish.STOP, 0)
    evse.forget()
    assert evse.notification.wish is Wish.NOTHING
    with pytest.raises(ValueError, match="0 to 65535"):
        evse.request_stop(70_000)


@pytest.mark.parametrize(
    ("fault", "on"),
    [(Fault.EMERGENCY, False), (Fault.MALFUNCTION, False), (Fault.SHUTDOWN, True), (Fault.UTILITY_INTERRUPT, True)],
)
async def test_faults(fault: Fault, on: bool) -> None:
    """An emergency switches off at once; a stop at the charger lets the vehicle ramp down."""
    evse, power, _ = dc()
    power.aim(400, 200)
    evse.fail(fault)
    assert evse.fault is fault
    assert power.on is on
    evse.clear()
    assert evse.fault is None


async def test_ratings_and_schedule() -> None:
    """The schedule is full power where none is given; an outlet without output is refused."""
    evse, power, _ = dc()
    assert evse.schedule == (Slot(0, 150_000),)
    power.derate(0.5)
    assert evse.max_power == 75_000
    with pytest.raises(ValueError, match="DC output or an AC supply"):
        Evse(AssumedChargerPilot())


async def test_meter() -> None:
    """An hour at 10 kW is 10 kWh; a session counts from its start; a broken meter stands still."""
    watts = 10_000.0
    meter = Meter(lambda: watts, start_wh=500)
    meter.begin()
    for _ in range(360):
        await asyncio.sleep(10)
        meter.read()
    assert meter.session_wh == pytest.approx(10_000)
    assert meter.read() == pytest.approx(10_500)
    meter.fault = "communication"
    await asyncio.sleep(3600)
    assert meter.read() == pytest.approx(10_500)


async def test_evse_meters_its_output() -> None:
    """The meter of a DC charger counts what its output delivers."""
    evse, power, _ = dc()
    power.aim(400, 100)
    evse.meter.begin()
    for _ in range(600):
        await asyncio.sleep(0.1)
        evse.meter.read()
    assert evse.meter.session_wh == pytest.approx(40_000 / 60, rel=0.03)


async def test_ac_supply() -> None:
    """The contactor takes its time, then power flows as the vehicle draws it; the RCD opens it."""
    supply = AcSupply(max_current=32)
    supply.close()
    assert not supply.closed
    await asyncio.sleep(0.3)
    assert supply.closed
    assert supply.power == 230 * 32 * 3  # nobody says how much, so all that is offered
    supply.load = lambda: 16.0
    assert supply.current == 16
    supply.rcd_tripped = True
    assert not supply.closed
    supply.close()
    await asyncio.sleep(1)
    assert not supply.closed


async def test_sticking_ac_contactor() -> None:
    """One that sticks neither closes nor opens."""
    supply = AcSupply()
    supply.sticks = True
    supply.close()
    await asyncio.sleep(4)
    assert not supply.closed
    supply.sticks = False
    supply.close()
    await asyncio.sleep(1)
    supply.sticks = True
    supply.open()
    assert supply.closed


async def test_ac_outlet_opens_in_b() -> None:
    """The contactor opens when the vehicle leaves C; with current flowing that is recorded."""
    wire = SimulatedPilot(plugged=True)
    amps = 0.0
    evse = Evse(wire.evse, ac=AcSupply(load=lambda: amps))
    assert evse.max_power == 22_080
    assert evse.ac is not None
    for drawn, trips in ((0.0, 0), (16.0, 1)):
        amps = drawn
        wire.ev.set(State.C)
        evse.ac.close()
        await asyncio.sleep(1)
        assert evse.energised
        wire.ev.set(State.B)
        assert not evse.energised
        assert len(evse.trips) == trips


async def test_authorizers() -> None:
    """Each kind decides as its name says."""
    assert Immediate().decide() is Decision.ACCEPTED
    assert Never().decide() is Decision.REJECTED
    assert Never(rejects=False).decide() is Decision.ONGOING
    delayed = Delayed(3)
    delayed.begin()
    await asyncio.sleep(2.9)
    assert delayed.decide() is Decision.ONGOING
    await asyncio.sleep(0.2)
    assert delayed.decide() is Decision.ACCEPTED


def test_customer() -> None:
    """A card before or after the beginning counts, once."""
    customer = Customer()
    customer.begin()
    assert customer.decide() is Decision.WAITING_FOR_CUSTOMER
    customer.reject()
    assert customer.decide() is Decision.REJECTED
    customer.accept()
    assert customer.decide() is Decision.ACCEPTED
    customer.begin()
    assert customer.decide() is Decision.WAITING_FOR_CUSTOMER
    early = Customer()
    early.accept()
    early.begin()
    assert early.decide() is Decision.ACCEPTED


def test_callback() -> None:
    """It is asked with the identity until it has decided, and not again."""
    answers = [Decision.ONGOING, Decision.ACCEPTED]
    asked: list[str | None] = []

    def ask(who: str | None) -> Decision:
        asked.append(who)
        return answers.pop(0)

    authorizer = ByCallback(ask)
    authorizer.begin("DE-PLF-C12345678-9")
    assert [authorizer.decide() for _ in range(3)] == [Decision.ONGOING, Decision.ACCEPTED, Decision.ACCEPTED]
    assert asked == ["DE-PLF-C12345678-9"] * 2


async def test_meter_counts_each_direction_by_itself() -> None:
    """Neither register falls, and a change of direction between two readings is split where the power is zero."""
    now, watts = 0.0, 3600.0
    meter = Meter(lambda: watts, clock=lambda: now)
    meter.begin()
    now = 10.0
    assert (meter.session_wh, meter.session_discharged_wh) == (10.0, 0.0)
    watts = -3600.0
    now = 20.0  # through zero at 15 s
    assert (meter.session_wh, meter.session_discharged_wh) == (12.5, 2.5)
    now = 30.0
    assert (meter.session_wh, meter.session_discharged_wh) == (12.5, 12.5)
    meter.begin()
    assert (meter.session_wh, meter.session_discharged_wh) == (0.0, 0.0)
