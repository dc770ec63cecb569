"""Opens a pilot by its name, as given on a command line.

- ``assumed``: no hardware; the peer is assumed to do what the protocol requires (`slac.pilots`).
- ``sim``, ``sim:PATH``: a wire that a charger's and a vehicle's process on this host share (`slac.pilot_shared`).
- ``serial:/dev/ttyACM0``, ``serial:/dev/ttyUSB0@19200``, ``tcp:HOST:PORT``: a board on a line (`slac.pilot_serial`).
- ``mqtt://user:password@host:1883/base``, ``mqtts://...``: a board over MQTT (`slac.pilot_mqtt`).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from slac import pilot_shared
from slac.pilot import ChargerPilot, VehiclePilot
from slac.pilot_board import Board, ChargerBoard, Notice, PilotError, VehicleBoard, short
from slac.pilot_mqtt import over_mqtt
from slac.pilot_serial import open_line, over_line
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot

NAMES = "assumed, sim, serial:DEVICE, tcp:HOST:PORT or mqtt://HOST/BASE"


@contextlib.asynccontextmanager
async def open_charger_pilot(target: str, notice: Notice | None = None) -> AsyncIterator[ChargerPilot]:
    """The charger's end, closed on exit. A board that does not answer within seconds is an error.

    Args:
        target: see above.
        notice: called with one line for each kind of trouble, and for what an assumed pilot leaves unchecked.

    Raises:
        PilotError: no such target, or no board there; one line that says what to do.
    """
    if target == "assumed":
        yield AssumedChargerPilot(notice)
    elif target == "sim" or target.startswith("sim:"):
        async with pilot_shared.hosted(_path(target)) as pilot:
            yield pilot
    else:
        async with _board(target, ChargerBoard(notice)) as board:
            yield board


@contextlib.asynccontextmanager
async def open_vehicle_pilot(target: str, notice: Notice | None = None) -> AsyncIterator[VehiclePilot]:
    """The vehicle's end; like `open_charger_pilot`."""
    if target == "assumed":
        yield AssumedVehiclePilot(notice)
    elif target == "sim" or target.startswith("sim:"):
        async with pilot_shared.attached(_path(target), notice) as vehicle:
            yield vehicle
    else:
        async with _board(target, VehicleBoard(notice)) as board:
            yield board


def _path(target: str) -> Path | None:
    place = target.partition(":")[2]
    return Path(place) if place else None


def socket_of(target: str) -> Path | None:
    """The socket of a simulated pilot that two processes share; None if the target is of another kind."""
    if target != "sim" and not target.startswith("sim:"):
        return None
    return _path(target) or pilot_shared.default_path()


@contextlib.asynccontextmanager
async def _board(target: str, board: Board) -> AsyncIterator[Board]:
    if target.startswith(("serial:", "tcp:")):
        async with open_line(target) as streams, over_line(board, *streams):
            yield board
    elif target.startswith(("mqtt://", "mqtts://")):
        async with over_mqtt(board, target):
            yield board
    else:
        raise PilotError(f"unknown pilot {short(target)}; write {NAMES}")
