"""``plugfest slac line``: a simulated power line with two modems between two interfaces."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from boundary.console import say

if TYPE_CHECKING:
    from slac.powerline import Powerline, Station

_DESCRIPTION = """\
Puts a simulated power line between two interfaces: what a vehicle's host sends into one comes out of the other as
modems would pass it, SLAC included. The interfaces are the near ends of virtual cables (veth) whose far ends the hosts
use, in network namespaces or not, or real ports to devices that have no modem of their own.
"""


FAULTS: Mapping[str, tuple[str, str, Any]] = {
    "no-profiles": ("charger", "profiles", False),
    "no-groups": ("charger", "groups", 0),
    "no-key-answer": ("vehicle", "key_result", None),
    "refuses-key": ("vehicle", "takes_key", False),
    "slow-join": ("vehicle", "join", 20.0),
    "long-deaf": ("vehicle", "deaf", 5.0),
}
"""Names -> whose modem, attribute of `slac.modem_sim.Behaviour`, value."""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "line",
        help="a simulated power line with two modems between two interfaces",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("vehicle", metavar="VEHICLE-IFACE", help="interface to the vehicle's host")
    parser.add_argument("charger", metavar="CHARGER-IFACE", help="interface to the charger's host")
    parser.add_argument("--attenuation", type=float, default=20.0, metavar="DB", help="of the cable (default 20)")
    parser.add_argument(
        "--neighbour",
        type=float,
        metavar="DB",
        help="attenuation of another charger on the line, in software",
    )
    parser.add_argument("--loss", type=float, default=0.0, metavar="P", help="part of the frames lost, 0 to 1")
    parser.add_argument(
        "--modem", metavar="NAME", default="qca7000", help="qca7000, qca7420, qualcomm, cg5317 or generic"
    )
    parser.add_argument(
        "--fault", metavar="NAME", action="append", default=[], help=f"make something fail: {', '.join(FAULTS)}"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of loss and noise (default 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import asyncio

    from plugfest import pilots

    with pilots.user_errors():
        try:
            asyncio.run(_run(args))
        except KeyboardInterrupt:
            say()
    return 0


async def _run(args: argparse.Namespace) -> None:
    import asyncio
    import random

    from plugfest.errors import UserError
    from slac.modem_sim import BEHAVIOURS
    from slac.powerline import Conditions, Powerline
    from slac.powerline_veth import attached

    if args.modem not in BEHAVIOURS:
        raise UserError(f"--modem {args.modem}: there are {', '.join(BEHAVIOURS)}")
    if not 0.0 <= args.loss <= 1.0:
        raise UserError(f"--loss {args.loss:g}: a part from 0 to 1 is needed")
    line = Powerline(random.Random(args.seed), Conditions(loss=args.loss))
    behaviours = {"vehicle": BEHAVIOURS[args.modem](), "charger": BEHAVIOURS[args.modem]()}
    for fault in args.fault:
        if fault not in FAULTS:
            raise UserError(f"--fault {fault}: there are {', '.join(FAULTS)}")
        side, attribute, value = FAULTS[fault]
        setattr(behaviours[side], attribute, value)
    car = line.vehicle("vehicle", behaviour=behaviours["vehicle"])
    post = line.charger("charger", behaviour=behaviours["charger"])
    line.connect(car, post, args.attenuation)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(attached(line, {car: args.vehicle, post: args.charger}))
        if args.neighbour is not None:
            await stack.enter_async_context(_neighbour(line, car, args.neighbour, args.seed))
        say(f"power line between {args.vehicle} (vehicle) and {args.charger} (charger); Ctrl-C ends", flush=True)
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def _neighbour(line: Powerline, car: Station, attenuation: float, seed: int) -> AsyncIterator[None]:
    """A charger of its own on the line, which takes one vehicle after another."""
    import asyncio
    import random

    from slac import evse
    from slac.pilots import SimulatedPilot

    station = line.charger("neighbour")
    line.connect(car, station, attenuation)
    # Its own outlet is taken by some other vehicle, as far as it can tell from its pilot.
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
