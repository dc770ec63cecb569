"""AC charging without messages: charger and vehicle on one simulated pilot, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from evcc.battery import Battery
from evcc.nominal import charge_nominal
from evcc.vehicle import Vehicle
from secc.authorizer import Authorizer, Customer, Immediate, Never
from secc.charger import Evse, Fault
from secc.nominal import serve_nominal
from secc.supply import AcSupply
from slac.pilot import State, duty_of
from slac.pilots import SimulatedPilot
from v2g.outcome import Cause


class Pair:
    """A vehicle plugged into an AC outlet, and what the pilot showed."""

    def __init__(self, amps: float = 16.0, *, soc: float = 0.2, authorizer: Authorizer | None = None) -> None:
        self.wire = SimulatedPilot(plugged=True)
        self.supply = AcSupply(max_current=amps)
        self.evse = Evse(self.wire.evse, ac=self.supply, authorizer=authorizer or Immediate())
        self.vehicle = Vehicle(self.wire.ev, Battery(soc=soc))
        self.supply.load = lambda: self.vehicle.ac_current
        self.seen: list[tuple[float, str, float | None]] = []
        loop = asyncio.get_running_loop()
        self.wire.ev.subscribe(lambda r: self.seen.append((loop.time(), r.label, r.duty)))

    def begin(self, duration: float | None = 10.0) -> tuple[asyncio.Task[Any], asyncio.Task[Any]]:
        charger = asyncio.create_task(serve_nominal(self.evse))
        return charger, asyncio.create_task(charge_nominal(self.vehicle, duration=duration))


async def test_it_charges_at_the_current_of_the_outlet() -> None:
    """F, then X1, then the duty of 16 A, C, contactor, B, and open again; both ends count the same energy."""
    pair = Pair()
    start = asyncio.get_running_loop().time()
    charger, vehicle = pair.begin(duration=60.0)
    await asyncio.sleep(20.0)
    assert pair.supply.closed
    assert pair.supply.current == pytest.approx(16.0)
    car = await vehicle
    assert not pair.supply.closed
    pair.wire.unplug()
    post = await charger
    assert [label for _, label, _ in pair.seen] == ["F", "B1", "B2", "C2", "B2", "A1"]
    assert [round(t - start, 1) for t, _, _ in pair.seen[:3]] == [0.0, 4.0, 7.0]
    assert pair.seen[2][2] == pytest.approx(duty_of(16.0))
    assert (car.cause, post.cause) == (Cause.COMPLETE, Cause.COMPLETE)
    assert post.energy_wh == pytest.approx(3 * 230 * 16 * 60 / 3600, rel=0.05)
    assert car.energy_wh == pytest.approx(post.energy_wh * 0.92, rel=0.05)
    assert car.soc_end > car.soc_start
    assert pair.evse.trips == []


async def test_a_changed_limit_is_followed() -> None:
    """The duty changes, and with it the current; not more often than each 5 s. Below 6 A nothing is offered."""
    pair = Pair(amps=10.0)
    charger, vehicle = pair.begin(duration=None)
    await asyncio.sleep(20.0)
    assert pair.supply.current == pytest.approx(10.0)
    pair.supply.max_current = 13.0
    await asyncio.sleep(1.5)
    pair.supply.max_current = 12.0
    await asyncio.sleep(10.0)
    assert pair.supply.current == pytest.approx(12.0)
    changes = [(t, d) for t, label, d in pair.seen if label == "C2"]
    assert changes[-1][0] - changes[-2][0] >= 5.0
    pair.supply.max_current = 5.0
    car = await vehicle
    assert (car.cause, car.reason) == (Cause.COMPLETE, "the charger no longer offers current")
    pair.wire.unplug()
    assert (await charger).ok


async def test_unplugged_under_power() -> None:
    """The contactor opens at once; both say so."""
    pair = Pair()
    charger, vehicle = pair.begin(duration=None)
    await asyncio.sleep(20.0)
    pair.wire.unplug()
    assert not pair.supply.closed
    car, post = await vehicle, await charger
    assert (car.cause, post.cause) == (Cause.ABORTED, Cause.ABORTED)
    assert "pilot went to A" in car.reason
    assert post.reason == "unplugged while the vehicle was ready"


@pytest.mark.parametrize(
    ("act", "cause", "reason"),
    [
        (lambda pair: pair.evse.request_stop(), Cause.COMPLETE, "stopped by the charger"),
        (lambda pair: pair.evse.fail(Fault.EMERGENCY), Cause.ABORTED, "the charger's fault: emergency"),
        (lambda pair: setattr(pair.supply, "rcd_tripped", True), Cause.ABORTED, "the RCD has tripped"),
        (lambda pair: pair.evse.pilot.fault(State.F), Cause.ABORTED, "the control pilot went to F"),
    ],
)
async def test_the_charger_can_end_it(act: Any, cause: Cause, reason: str) -> None:
    """PWM goes off, or E and F; the outlet is dead afterwards and the vehicle in B."""
    pair = Pair()
    charger, vehicle = pair.begin(duration=None)
    await asyncio.sleep(20.0)
    act(pair)
    post = await asyncio.wait_for(charger, 8.0)
    await asyncio.wait_for(vehicle, 1.0)
    assert (post.cause, post.reason) == (cause, reason)
    assert not pair.supply.closed
    assert pair.vehicle.ac_current == 0.0


async def test_a_vehicle_that_keeps_drawing_is_cut_off() -> None:
    """PWM off and no reaction: the contactor opens after 6 s."""
    pair = Pair()
    pair.supply.load = lambda: 16.0
    charger = asyncio.create_task(serve_nominal(pair.evse))
    pair.wire.ev.set(State.C)
    await asyncio.sleep(20.0)
    assert pair.supply.closed
    pair.evse.request_stop()
    await asyncio.sleep(5.5)
    assert pair.supply.closed
    await asyncio.sleep(1.5)
    assert not pair.supply.closed
    assert (await charger).reason == "stopped by the charger"


async def test_a_vehicle_that_gives_back_is_cut_off() -> None:
    """Nobody has agreed on that without messages."""
    pair = Pair()
    amps = 10.0
    pair.supply.load = lambda: amps
    charger = asyncio.create_task(serve_nominal(pair.evse))
    pair.wire.ev.set(State.C)
    await asyncio.sleep(20.0)
    assert pair.supply.closed
    amps = -5.0
    await asyncio.sleep(1.5)
    assert not pair.supply.closed
    assert (await charger).reason == "the vehicle gave back 5.0 A per phase without being asked"


async def test_nothing_is_offered_before_somebody_pays() -> None:
    """X1 until the card is accepted; a rejected one offers nothing at all."""
    customer = Customer()
    pair = Pair(authorizer=customer)
    charger, vehicle = pair.begin()
    await asyncio.sleep(30.0)
    assert pair.wire.ev.reading.label == "B1"
    customer.accept()
    assert (await vehicle).ok
    charger.cancel()
    refused = Pair(authorizer=Never())
    charger = asyncio.create_task(serve_nominal(refused.evse))
    await asyncio.sleep(30.0)
    assert refused.wire.ev.reading.label == "B1"
    refused.wire.unplug()
    assert (await charger).reason == "unplugged before charging"


async def test_the_battery_ends_it() -> None:
    """Full: the vehicle goes back to B by itself."""
    pair = Pair(soc=0.799)
    charger, vehicle = pair.begin(duration=None)
    car = await vehicle
    assert car.reason == "the battery has reached its target"
    assert pair.wire.ev.reading.label == "B2"
    charger.cancel()
    await asyncio.gather(charger, return_exceptions=True)
    assert pair.wire.ev.reading.label == "B1"
