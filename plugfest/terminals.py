"""Power terminals that a charger's and a vehicle's process on this host share, in addition to the simulated pilot.

Rules:

- The charger holds a socket next to the pilot's. The vehicle tells through it what it connects to the terminals, the
  charger what it measures there: as in one process, only some milliseconds later.
- Who shares only the pilot, as a tester does, finds each role as it is without this: the charger takes the current for
  taken that it offers, and the vehicle believes what the charger reports.
- A vehicle that leaves leaves open terminals behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from evcc.vehicle import Vehicle
from secc.charger import Evse, simulated
from slac.pilot_open import socket_of

PERIOD = 0.01
"""s between two checks of the own end; only changes are sent."""
FOUND_WITHIN = 1.0
"""s for which a vehicle looks for the charger's socket: its pilot is there a moment earlier."""
OFF_WITHIN = 5.0
"""Maximum time for which the terminals of a vehicle that has left stay open, s; the output is off long before."""
_LONGEST = 200
"""Maximum length of a line, bytes."""


class Connected(msgspec.Struct, forbid_unknown_fields=True):
    """What a vehicle connects to the terminals.

    Attributes:
        dc: open-circuit voltage and resistance, V and ohm; None with open contactors.
        ac: A per phase, negative out of the vehicle, and on how many phases.
        reactive: VAr over all phases, negative where the vehicle is capacitive.
    """

    dc: tuple[float, float] | None = None
    ac: tuple[float, int] = (0.0, 0)
    reactive: float = 0.0


class Measured(msgspec.Struct, forbid_unknown_fields=True):
    """What a charger measures: V and A."""

    volts: float = 0.0
    amps: float = 0.0


_Theirs = TypeVar("_Theirs", Connected, Measured)


def _place(pilot: str) -> Path | None:
    """The socket that goes with a pilot; None with one that is not simulated."""
    wire = socket_of(pilot)
    return None if wire is None else wire.with_name(wire.name + "-power")


@contextlib.asynccontextmanager
async def hosted(pilot: str, evse: Evse) -> AsyncIterator[None]:
    """A vehicle's process can connect to a charger's terminals while the context is open.

    Args:
        pilot: as `slac.pilot_open` takes it; nothing is done where that is not simulated.
    """
    place = _place(pilot)
    if place is None:
        yield
        return
    tasks: set[asyncio.Task[None]] = set()

    async def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None and not tasks:  # one connector, one vehicle
            tasks.add(task)
            try:
                await _connected(evse, reader, writer)
            except asyncio.CancelledError:
                pass  # the charger ends; only we wait for this task
            finally:
                tasks.discard(task)
        writer.close()

    before = os.umask(0o177)
    try:
        place.unlink(missing_ok=True)  # the holder of the pilot holds this
        server = await asyncio.start_unix_server(arrived, place, limit=_LONGEST)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        place.unlink(missing_ok=True)


async def _connected(evse: Evse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One vehicle at the terminals, from its first line until it leaves."""
    power, supply = simulated(evse), evse.ac
    there = Connected()

    def heard(said: Connected) -> None:
        nonlocal there
        there = said
        if power is not None:
            power.load = lambda: there.dc
        if supply is not None:
            supply.load, supply.load_phases = lambda: there.ac[0], lambda: there.ac[1]
            supply.load_reactive = lambda: there.reactive

    try:
        await _exchange(reader, writer, Connected, heard, lambda: None if power is None else Measured(*power.measure()))
    finally:
        there = Connected()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OFF_WITHIN):
                while power is not None and power.on:  # noqa: ASYNC110 - an output has no event
                    await asyncio.sleep(PERIOD)
        if power is not None:
            power.load = None
        if supply is not None:
            supply.load = supply.load_phases = supply.load_reactive = None


@contextlib.asynccontextmanager
async def attached(pilot: str, vehicle: Vehicle) -> AsyncIterator[None]:
    """A vehicle is connected to the charger's terminals while the context is open, if the charger shares them."""
    place = _place(pilot)
    if place is None:
        yield
        return
    connected = asyncio.create_task(_at(place, vehicle))
    try:
        yield
    finally:
        connected.cancel()
        await asyncio.gather(connected, return_exceptions=True)


async def _at(place: Path, vehicle: Vehicle) -> None:
    streams = await _found(place)
    if streams is None:
        return
    reader, writer = streams
    there = Measured()

    def heard(said: Measured) -> None:
        nonlocal there
        there = said
        vehicle.sense = lambda: (there.volts, there.amps)

    try:
        await _exchange(
            reader, writer, Measured, heard,
            lambda: Connected(vehicle.load(), (vehicle.ac_current, vehicle.ac_phases), vehicle.ac_reactive),
        )  # fmt: skip
    finally:
        there = Measured()
        writer.close()


async def _found(place: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    end = asyncio.get_running_loop().time() + FOUND_WITHIN
    while True:
        try:
            return await asyncio.open_unix_connection(place, limit=_LONGEST)
        except OSError:
            if asyncio.get_running_loop().time() >= end:
                return None
        await asyncio.sleep(PERIOD)


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    theirs: type[_Theirs],
    heard: Callable[[_Theirs], None],
    own: Callable[[], Connected | Measured | None],
) -> None:
    """Sends changes at our end to the other process, and receives changes at its end, until it leaves."""
    decoder, encoder = msgspec.json.Decoder(theirs), msgspec.json.Encoder()

    async def tell() -> None:
        said: Connected | Measured | None = None
        while True:
            if (now := own()) is not None and now != said:
                said = now
                writer.write(encoder.encode(now) + b"\n")
                await writer.drain()
            await asyncio.sleep(PERIOD)

    async def hear() -> None:
        while line := await reader.readline():
            heard(decoder.decode(line))

    tasks = [asyncio.create_task(tell()), asyncio.create_task(hear())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # the other process left, or is not one of ours
