"""A simulated pilot that two processes share: the charger's holds the wire, the vehicle's attaches to it.

Attaching plugs the connector in; leaving (or falling silent) pulls it. The protocol is that of `slac.pilot_serial` over
a UNIX socket, which also works across network namespaces. `seat` is a complete board in software, for either end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from slac.pilot import NEGATIVE, STEADY, VOLTAGES, ChargerPilot, State, VehiclePilot
from slac.pilot_board import (
    CAN_D,
    CAN_DUTY,
    CAN_E,
    CAN_F,
    CAN_PLUG,
    VERSION,
    Notice,
    PilotError,
    Report,
    VehicleBoard,
    Wish,
    short,
    wish_of,
)
from slac.pilot_serial import LOST_AFTER, Lines, format_line, format_pairs, open_line, over_line, pairs_of, words_of
from slac.pilots import SimulatedPilot

ABLE = {"evse": (CAN_DUTY, CAN_E, CAN_F), "ev": (CAN_D, CAN_PLUG)}


def default_path() -> Path:
    """Socket of the wire shared by all of a user's processes."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"plugfest-pilot-{os.getuid()}"


@contextlib.asynccontextmanager
async def hosted(path: Path | None = None) -> AsyncIterator[ChargerPilot]:
    """The charger's end, with a socket at ``path`` for one vehicle after another.

    Raises:
        PilotError: another charger is there, or the socket cannot be made.
    """
    path = path or default_path()
    wire = SimulatedPilot()
    await _check_free(path)
    tasks: set[asyncio.Task[None]] = set()

    async def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await seat(wire, "ev", reader, writer)
        except asyncio.CancelledError:
            pass  # the charger ends; only we await this task
        finally:
            tasks.discard(task)

    try:
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(arrived, path)
        finally:
            os.umask(before)
    except OSError as why:
        raise PilotError(f"cannot make the simulated pilot at {path}: {why.strerror or why}; use sim:PATH") from None
    try:
        yield wire.evse
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        path.unlink(missing_ok=True)


async def _check_free(path: Path) -> None:
    """Checks that no process answers there; replaces the socket of a process that has ended."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        pass
    else:
        writer.close()
        raise PilotError(f"another charger holds the simulated pilot at {path}; stop it, or use --pilot sim:PATH")


@contextlib.asynccontextmanager
async def attached(path: Path | None = None, notice: Notice | None = None) -> AsyncIterator[VehiclePilot]:
    """The vehicle's end; plugs in, and finally pulls the plug.

    Raises:
        PilotError: no charger holds a wire there.
    """
    path = path or default_path()
    async with contextlib.AsyncExitStack() as stack:
        try:
            streams = await stack.enter_async_context(open_line(f"unix:{path}"))
        except PilotError:
            raise PilotError(
                f"no charger provides a simulated pilot at {path}; start the charger first:"
                " plugfest secc --pilot sim ..."
            ) from None
        yield await stack.enter_async_context(over_line(VehicleBoard(notice), *streams))


# ---------------------------------------------------------------------------------------------------------------
# A board in software


def measured(wire: SimulatedPilot, end: str) -> Report:
    """What a board measures at an end, ``evse`` or ``ev``."""
    state, duty = (wire.evse if end == "evse" else wire.ev).reading
    assert state is not None
    if end == "ev" and state is State.A:
        return Report(state, 0.0)
    return Report(state, duty, VOLTAGES[state].nominal, NEGATIVE.nominal if duty and 0.0 < duty < STEADY else None)


def follow(wire: SimulatedPilot, end: str, wish: Wish) -> None:
    """Carries out a wish of the host.

    Raises:
        PilotError: the wish is for the other end.
    """
    match wish:
        case "duty", float() as duty if end == "evse":
            wire.evse.offer(duty)
        case "fault", State() as state if end == "evse":
            wire.evse.fault(state)
        case "state", State() as state if end == "ev":
            wire.ev.set(state)
        case "plug", float() as plugged if end == "ev":
            wire.plug() if plugged else wire.unplug()
        case _:
            raise PilotError(f"{wish[0]} is not for the {end} end")


def abandon(wire: SimulatedPilot, end: str) -> None:
    """Reacts to the loss of the host: F, or B with the plug pulled."""
    if end == "evse":
        wire.evse.fault(State.F)
    else:
        wire.unplug()
        wire.ev.set(State.B)


async def seat(wire: SimulatedPilot, end: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A board for one end (``evse`` or ``ev``) of a wire, until its host leaves or falls silent."""
    leave: Callable[[], None] | None = None
    lines = Lines()
    try:
        async with contextlib.AsyncExitStack() as stack:
            while data := await asyncio.wait_for(reader.read(256), LOST_AFTER):
                for line in lines.feed(data):
                    try:
                        match words_of(line):
                            case ["ping"]:
                                writer.write(format_line("pong"))
                            case ["hello", who] if who != end or (leave is None and end == "ev" and wire.plugged):
                                writer.write(format_line(f"error this is the {end} end, for one host"))
                                return
                            case ["hello", _]:
                                writer.write(format_line(f"plugfest-pilot {VERSION} {end} {' '.join(ABLE[end])}"))
                                if leave is None:
                                    pilot = wire.evse if end == "evse" else wire.ev
                                    leave = pilot.subscribe(
                                        lambda _: writer.write(format_pairs(measured(wire, end).said()))
                                    )
                                    stack.callback(abandon, wire, end)
                                    stack.callback(leave)
                                    wire.evse.offer(STEADY) if end == "evse" else wire.plug()
                                writer.write(format_pairs(measured(wire, end).said()))
                            case words if leave is None:
                                raise PilotError(f"say hello before {short(' '.join(words))}")
                            case words:
                                follow(wire, end, wish_of(pairs_of(words)))
                    except PilotError as why:
                        writer.write(format_line(f"error {why}"))
    except (OSError, TimeoutError):
        pass  # the host has gone, as it may
    finally:
        writer.close()
