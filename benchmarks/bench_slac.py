"""SLAC: frames per second, and how long a matching takes over veth against the waits that the standard demands.

The waits: answers to CM_SLAC_PARM.REQ (TP_match_sequence), STARTs and sounds (TP_EV_batch_msg_interval), reports
(TT_EV_atten_results, where the vehicle waits for all of them), the modems' restart and joining after the new key, and
TP_link_ready_notification. The rest is ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator

from slac import ev, evse
from slac.frames import BROADCAST, CM_ATTEN_CHAR_IND, CM_MNBC_SOUND_IND, CM_SLAC_PARM_REQ, Frame, build, parse
from slac.link import open_link
from slac.pilots import SimulatedPilot
from slac.powerline import Powerline
from slac.powerline_veth import attached
from slac.timing import STANDARD

RUNS = 3


def _frames() -> None:
    mac, run = bytes(6), bytes(8)
    print(f"{'message':<22} {'bytes':>6} {'build µs':>9} {'parse µs':>9}   of the 20 ms between sounds")
    for message in (
        CM_SLAC_PARM_REQ(run), CM_MNBC_SOUND_IND(run, 9), CM_ATTEN_CHAR_IND(mac, run, bytes(58)),
    ):  # fmt: skip
        frame = Frame(BROADCAST, mac, message)
        data = build(frame)
        cost = []
        for work in (lambda frame=frame: build(frame), lambda data=data: parse(data)):
            started = time.perf_counter()
            for _ in range(2000):
                work()
            cost.append((time.perf_counter() - started) / 2000)
        print(f"{message.name:<22} {len(data):>6} {cost[0] * 1e6:>9.1f} {cost[1] * 1e6:>9.1f}   {sum(cost) / 0.02:.2%}")


@contextlib.contextmanager
def _cables(names: tuple[str, ...]) -> Iterator[None]:
    try:
        for name in names:
            subprocess.run(["ip", "link", "add", f"{name}h", "type", "veth", "peer", "name", f"{name}m"], check=True)
            for end in (f"{name}h", f"{name}m"):
                subprocess.run(["ip", "link", "set", end, "up"], check=True)
        yield
    finally:
        for name in names:
            subprocess.run(["ip", "link", "del", f"{name}h"], check=False, capture_output=True)


async def _match(patient: bool, seed: int) -> tuple[float, float]:
    """Seconds from the first CM_SLAC_PARM.REQ to the vehicle's match, and those that are mandated."""
    line = Powerline(random.Random(seed))
    car, post = line.vehicle(), line.charger()
    line.connect(car, post, 20.0)
    pilot = SimulatedPilot()
    started: list[float] = []

    def observe(event: ev.Match | object) -> None:
        if getattr(event, "name", "") == "CM_SLAC_PARM.REQ" and not started:
            started.append(event.time)  # type: ignore[attr-defined]  # an event, as its name says

    async with attached(line, {car: "pfbcm", post: "pfbpm"}):
        links = open_link("pfbch"), open_link("pfbph")
        try:
            async with evse.ready(links[1], pilot.evse) as charger:
                waiting = asyncio.create_task(charger.match())
                matching = asyncio.create_task(
                    ev.match(links[0], pilot.ev, ev.Options(patient=patient), observe=observe)
                )
                await asyncio.sleep(0.5)
                pilot.plug()
                found = await matching
                await waiting
        finally:
            for link in links:
                link.close()
    sounds = (STANDARD.C_EV_start_atten_char_inds + STANDARD.C_EV_match_MNBC - 1) * STANDARD.TP_EV_batch_msg_interval
    mandated = STANDARD.TP_match_sequence + STANDARD.TT_EV_atten_results if patient else sounds
    mandated += max(car.modem.behaviour.deaf, car.modem.behaviour.join) + STANDARD.TP_link_ready_notification
    return found.time - started[0], mandated


def main() -> None:
    _frames()
    if os.geteuid() != 0 or shutil.which("ip") is None:
        print("matching over veth: needs root and iproute2")
        return
    print(f"\n{'matching over veth':<22} {'mandated s':>11} {'measured s':>11} {'more':>7}")
    with _cables(("pfbc", "pfbp")):
        for patient in (True, False):
            runs = [asyncio.run(_match(patient, seed)) for seed in range(RUNS)]
            measured, mandated = sorted(r[0] for r in runs)[RUNS // 2], runs[0][1]
            name = "all reports awaited" if patient else "first reports taken"
            print(f"{name:<22} {mandated:>11.3f} {measured:>11.3f} {measured / mandated - 1:>7.1%}")


if __name__ == "__main__":
    main()
