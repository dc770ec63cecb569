"""A simulated power line with two modems between two interfaces."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

from boundary.choices import unknown
from boundary.console import say
from plugfest import pilots
from plugfest.errors import UserError
from slac import ev, evse
from slac.errors import SlacError
from slac.line_faults import FAULTS, LOSABLE, lose
from slac.mme import Message
from slac.modem_sim import BEHAVIOURS
from slac.pilots import AssumedVehiclePilot, SimulatedPilot
from slac.powerline import Conditions, Powerline, Station
from slac.powerline_veth import attached

ENDS = ("vehicle", "charger")
_STAY = 5.0
"""s for which a second vehicle keeps its match."""


def _lost(word: str) -> tuple[type[Message], int | None]:
    """Message and number of ``--lose``. Raises UserError: it is neither."""

    name, _, number = word.partition("=")
    if name not in LOSABLE:
        raise UserError(f"--lose: {unknown('message', name, LOSABLE)}")
    if number and not (number.isascii() and number.isdigit() and len(number) < 10):
        raise UserError(f"--lose {word}: give a number of frames after =")
    return LOSABLE[name], int(number) if number else None


def _cut(word: str, stations: dict[str, Station]) -> None:
    """Switches a modem's power off and on again. Raises UserError: the value cannot be read."""

    end, _, span = word.partition("=")
    first, dash, last = span.partition("-")
    try:
        begin, back = float(first or 0), float(last) if last else None
        if end not in ENDS or (span and not dash) or not 0 <= begin < 1e9 or (back is not None and back <= begin):
            raise ValueError
    except ValueError:
        raise UserError(
            f"--power {word}: write vehicle=FROM-TO or charger=FROM-TO, in seconds; TO may be left out"
        ) from None
    station, loop = stations[end], asyncio.get_running_loop()
    loop.call_later(begin, setattr, station, "powered", False)
    if back is not None:
        loop.call_later(back, setattr, station, "powered", True)


def run(args: argparse.Namespace) -> int:
    with pilots.user_errors():
        try:
            asyncio.run(_run(args))
        except KeyboardInterrupt:
            say()
    return 0


async def _run(args: argparse.Namespace) -> None:
    if args.vehicle == args.charger:
        raise UserError(f"{args.vehicle} cannot be both ends of a line; give one interface for each")
    modems = {end: getattr(args, f"{end}_modem") or args.modem for end in ENDS}
    for name in modems.values():
        if name not in BEHAVIOURS:
            raise UserError(unknown("modem", name, BEHAVIOURS))
    line = Powerline(random.Random(args.seed), Conditions(loss=args.loss))
    car = line.vehicle("vehicle", behaviour=BEHAVIOURS[modems["vehicle"]]())
    post = line.charger("charger", behaviour=BEHAVIOURS[modems["charger"]]())
    line.connect(car, post, args.attenuation)
    for name in args.fault:
        if name not in FAULTS:
            raise UserError(f"--fault: {unknown('fault', name, FAULTS)}")
        FAULTS[name].make(line, car, post)
    for word in args.lose:
        lose(line, *_lost(word))
    for word in args.power:
        _cut(word, {"vehicle": car, "charger": post})
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(attached(line, {car: args.vehicle, post: args.charger}))
        if args.neighbour is not None:
            await stack.enter_async_context(_neighbour(line, car, args.neighbour, args.seed))
        if args.second_vehicle is not None:
            await stack.enter_async_context(_second_vehicle(line, post, args.second_vehicle, args.seed))
        say(f"power line between {args.vehicle} (vehicle) and {args.charger} (charger); Ctrl-C ends", flush=True)
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def _neighbour(line: Powerline, car: Station, attenuation: float, seed: int) -> AsyncIterator[None]:
    """A separate charger on the line, which takes one vehicle after another."""

    station = line.charger("neighbour")
    line.connect(car, station, attenuation)
    # As far as it can tell from its pilot, another vehicle occupies its own outlet.
    pilot = SimulatedPilot(plugged=True)
    async with evse.ready(station, pilot.evse, rng=random.Random(seed)) as charger:

        async def serve() -> None:
            while True:
                await charger.until_lost(await charger.match())
                await charger.leave()

        serving = asyncio.create_task(serve())
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


@contextlib.asynccontextmanager
async def _second_vehicle(line: Powerline, post: Station, attenuation: float, seed: int) -> AsyncIterator[None]:
    """A separate vehicle on the line that tries to match again and again."""
    station = line.vehicle("second vehicle")
    line.connect(station, post, attenuation)
    rng = random.Random(seed + 1)

    async def drive() -> None:
        while True:
            with contextlib.suppress(SlacError):
                await ev.match(station, AssumedVehiclePilot(), rng=rng)
                await asyncio.sleep(_STAY)
            await asyncio.sleep(1.0)

    driving = asyncio.create_task(drive())
    try:
        yield
    finally:
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)
