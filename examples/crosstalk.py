"""Two cars and two chargers side by side that hear each other; the second charger hands out a wrong key.

    python examples/crosstalk.py

Which chargers each car heard, which one it chose, and how the second matching fails. A simulated power line in virtual
time; replace the stations by `slac.link.open_link("plc0")` to run either side against real ones.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random

from plugfest.virtual import run
from slac import ev, evse
from slac.errors import MatchFailed
from slac.frames import CM_SLAC_MATCH_CNF, Frame
from slac.pilots import SimulatedPilot
from slac.powerline import Powerline, Station
from slac.timing import Timing

ONCE = ev.Options(timing=Timing().replace(TT_matching_repetition=0))  # one attempt


def wrong_key(frame: Frame) -> Frame:
    assert isinstance(frame.message, CM_SLAC_MATCH_CNF)
    return dataclasses.replace(frame, message=dataclasses.replace(frame.message, nmk=bytes(16)))


async def charge_point(link: Station, pilot: SimulatedPilot, wrong: bool) -> None:
    rewrite = {CM_SLAC_MATCH_CNF: wrong_key} if wrong else {}
    async with evse.ready(link, pilot.evse, rewrite=rewrite, rng=random.Random(link.name)) as charger:
        await charger.match()


async def main() -> None:
    line = Powerline(random.Random(1), crosstalk=45.0)
    pairs = [(line.vehicle(f"car {n}"), line.charger(f"charger {n}"), SimulatedPilot(plugged=True)) for n in (1, 2)]
    for (car, post, _), attenuation in zip(pairs, (21.0, 27.0), strict=True):
        line.connect(car, post, attenuation)
    names = {post.mac: post.name for _, post, _ in pairs}
    posts = [asyncio.create_task(charge_point(post, pilot, n == 1)) for n, (_, post, pilot) in enumerate(pairs)]

    async def vehicle(car: Station, pilot: SimulatedPilot) -> str:
        try:
            match = await ev.match(car, pilot.ev, ONCE, rng=random.Random(car.name))
        except MatchFailed as why:
            return f"{car.name}: {why}"
        heard = ", ".join(f"{names[c.mac]} at {c.attenuation:.0f} dB" for c in match.candidates)
        return f"{car.name}: chose {names[match.evse_mac]}; heard {heard}"

    for said in await asyncio.gather(*(vehicle(car, pilot) for car, _, pilot in pairs)):
        print(said)
    for post in posts:
        post.cancel()


if __name__ == "__main__":
    run(main())
