"""Power terminals shared by two processes: as in one, but over a socket."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from processes import CEILING, until

from evcc.vehicle import Vehicle
from plugfest import plants, terminals
from plugfest.config.model import Bench
from secc.charger import Evse, simulated
from secc.simulated import SimulatedPowerSource
from slac.pilots import SimulatedPilot

pytestmark = pytest.mark.real_time


def both(*, ac: bool = False) -> tuple[Evse, Vehicle]:
    """A charger and a vehicle that know nothing of each other's terminals."""
    wire = SimulatedPilot(plugged=True)
    bench = Bench(ac=ac)
    return plants.make_charger(bench, wire.evse, random.Random(1)), plants.make_vehicle(bench, wire.ev)


def source(evse: Evse) -> SimulatedPowerSource:
    power = simulated(evse)
    assert power is not None
    return power


async def test_the_charger_sees_the_battery_and_the_vehicle_the_voltage(tmp_path: Path) -> None:
    """As long as it is there; then its terminals are open, and a bare pilot is served as ever."""
    pilot = f"sim:{tmp_path / 'wire'}"
    evse, vehicle = both()
    power = source(evse)
    async with terminals.hosted(pilot, evse):
        async with terminals.attached(pilot, vehicle):
            await until(lambda: vehicle.sense is not None and power.load is not None, "shown at the terminals")
            assert power.load is not None
            assert power.load() is None  # contactors are open
            power.bound(power.limits.ceiling)
            power.precharge(vehicle.battery.voltage)
            await until(lambda: vehicle.matched, "shown at the terminals")
            vehicle.close_contactors()
            await until(lambda: power.load is not None and power.load() == vehicle.load(), "shown at the terminals")
            power.aim(500.0, 20.0)
            await until(lambda: vehicle.current > 15.0, "shown at the terminals")
            assert vehicle.inlet_voltage == pytest.approx(vehicle.battery.open_voltage, abs=10.0)
            vehicle.contactors.closed = False
            await until(lambda: power.current == 0.0, "shown at the terminals")
        await until(lambda: vehicle.sense is None or vehicle.sense() == (0.0, 0.0), "shown at the terminals")
        power.off()
        await until(lambda: power.load is None, "shown at the terminals")
    assert not [*tmp_path.glob("*")]  # noqa: ASYNC240


async def test_one_vehicle_at_a_time_and_nonsense_is_nobody(tmp_path: Path) -> None:
    """What is not ours is dropped, and does not stand in the way of the next one."""
    pilot = f"sim:{tmp_path / 'wire'}"
    evse, vehicle = both()
    async with terminals.hosted(pilot, evse):
        for line in (b'{"dc": "much"}\n', b"x" * 10_000, b'{"dc": [1e999, 0]}\n', b""):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "wire-power")
            writer.write(line)
            writer.write_eof()
            async with asyncio.timeout(CEILING):
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await reader.readexactly(10_000)
            writer.close()
        await until(lambda: source(evse).load is None, "shown at the terminals")
        async with terminals.attached(pilot, vehicle):
            await until(lambda: vehicle.sense is not None, "shown at the terminals")


async def test_ac_is_drawn_from_the_outlet(tmp_path: Path) -> None:
    """What the vehicle draws, on as many phases; without it the outlet assumes all that it offers."""
    pilot = f"sim:{tmp_path / 'wire'}"
    evse, vehicle = both(ac=True)
    assert evse.ac is not None
    supply = evse.ac
    async with terminals.hosted(pilot, evse):
        async with terminals.attached(pilot, vehicle):
            await until(
                lambda: supply.load is not None and supply.load() == vehicle.ac_current, "shown at the terminals"
            )
        await until(lambda: supply.load is None, "shown at the terminals")
    assert vehicle.sense is None


async def test_a_pilot_alone_changes_nothing() -> None:
    """Neither a board nor an assumed one has terminals to share, and a vehicle does without the charger's."""
    evse, vehicle = both()
    for pilot in ("assumed", "serial:/dev/ttyACM0"):
        async with terminals.hosted(pilot, evse), terminals.attached(pilot, vehicle):
            await asyncio.sleep(0)
        assert (source(evse).load, vehicle.sense) == (None, None)
