"""Many sessions at once over real sockets on loopback, each end in a process of its own.

The chargers' process runs this module, and has an outlet for each connection; the vehicles' process starts it
(`chargers`) and lets vehicles come (`Vehicles`). Both count what they hold (`Usage`) and how their sessions end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, NamedTuple

from evcc.charge import charge
from plugfest import plants, security, session_options
from plugfest.config.charger import Charger as ChargerKeys
from plugfest.config.model import Bench
from plugfest.config.vehicle import Vehicle as VehicleKeys
from secc import serve as secc
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot
from v2g.channel import Channel, connect, listening
from v2g.errors import SetupError
from v2g.interfaces import Interface
from v2g.outcome import Cause, Outcome
from v2g.protocols import DIN, ISO2
from v2g.trace import Event

LOOPBACK = Interface("lo", 1, IPv6Address("::1"), bytes(6))
QUICK = ChargerKeys(test_seconds=0.2, volts_per_second=5000.0, amps_per_second=2000.0)


class Usage(NamedTuple):
    """What a process holds: resident memory in MB, open files and sockets, tasks."""

    rss: float
    handles: int
    tasks: int


def usage() -> Usage:
    """Of this process, now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    rss = pages * resource.getpagesize() / 1e6
    return Usage(rss, len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()))  # noqa: PTH208 - no path is wanted


def bench(role: str, *, tls: bool, every: float, seconds: float, patient: float) -> Bench:
    """One of many vehicles or outlets.

    Args:
        every: s from one CurrentDemandRes to the next request.
        seconds: of charging.
        patient: s that a vehicle waits for a response.
    """
    timers = {f"V2G_EVCC_Msg_Timeout.{name}": patient for name in ("default", "CurrentDemandReq", "PowerDeliveryReq")}
    timers |= {"V2G_EVCC_CommunicationSetup_Timeout": 10 * patient, "V2G_EVCC_PreCharge_Timeout": 10 * patient}
    return Bench(
        role=role,  # type: ignore[arg-type]  # a text of the parser, one of the literals
        tls="required" if tls else "none",
        slac=False,
        timer=timers if role == "evcc" else {},
        charger=QUICK,
        vehicle=VehicleKeys(soc=30.0, loop_delay=every, duration=seconds),
    )


# ---------------------------------------------------------------------------------------------------------------
# Chargers


async def _serve(tls: bool) -> None:
    """Outlets on a free port, until standard input ends; a line of JSON for the port, and one for each line read."""
    made = bench("secc", tls=tls, every=0.25, seconds=1.0, patient=10.0)
    ends: Counter[str] = Counter()
    rng = random.Random(1)

    async def serve(channel: Channel) -> None:
        evse = plants.make_charger(made, AssumedChargerPilot(), rng)
        outcome = await secc.serve(channel, evse, secc.Options(protocols=(ISO2, DIN), rng=rng))
        ends[_end(outcome)] += 1
        if evse.energised:
            ends["the output was on after the end"] += 1

    async with contextlib.AsyncExitStack() as stack:
        context = security.charger(made, stack, lambda text: None) if tls else None
        port = await stack.enter_async_context(
            listening(
                LOOPBACK, serve, context=context, on_failure=lambda text: ends.update([f"TLS: {text}"]), at_once=5000
            )
        )
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        print(json.dumps({"port": port}), flush=True)
        while await reader.readline():
            print(json.dumps({"usage": usage(), "ends": ends}), flush=True)


def _end(outcome: Outcome) -> str:
    return "completed" if outcome.ok else f"{outcome.cause.name.lower()}: {outcome.reason}"


class Chargers:
    """The other process.

    Attributes:
        port: where its outlets are.
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process, self.port = process, port

    async def look(self) -> tuple[Usage, Counter[str]]:
        """What it holds now, and how its sessions ended so far."""
        found = await _told(self._process, b"\n")
        return Usage(*found["usage"]), Counter(found["ends"])


async def _told(process: asyncio.subprocess.Process, asked: bytes = b"") -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(asked)
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"the chargers' process ended with {await process.wait()}")
    return json.loads(line)


@contextlib.asynccontextmanager
async def chargers(*, tls: bool) -> AsyncIterator[Chargers]:
    """The chargers' process, while the context is open."""
    words = [sys.executable, "-m", "benchmarks.fleet", *(["--tls"] if tls else [])]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    try:
        yield Chargers(process, (await _told(process))["port"])
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            async with asyncio.timeout(10.0):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


# ---------------------------------------------------------------------------------------------------------------
# Vehicles


class Vehicles:
    """Vehicles of one process.

    Attributes:
        ends: how their sessions ended.
        broken: how many were broken off deliberately.
        delays: s from each CurrentDemandReq to its response.
        alive: charging or on the way to it.
    """

    def __init__(self, port: int, *, tls: bool, every: float, seconds: float, patient: float = 10.0) -> None:
        self.ends: Counter[str] = Counter()
        self.broken = self.alive = 0
        self.delays: list[float] = []
        self._port = port
        self._bench = bench("evcc", tls=tls, every=every, seconds=seconds, patient=patient)
        self._context = security.vehicle(self._bench) if tls else None

    async def session(self, *, broken_off: float | None = None, measure: Callable[[], bool] = lambda: False) -> None:
        """One vehicle, from its connection to its end.

        Args:
            broken_off: s after which it vanishes without a word; None: it stays to the end.
            measure: whether its delays count now.
        """
        asked = 0.0

        def observe(event: Event) -> None:
            nonlocal asked
            if event.layer != "message":
                return
            if event.name == "CurrentDemandReq":
                asked = event.time
            elif event.name == "CurrentDemandRes" and measure():
                self.delays.append(event.time - asked)

        self.alive += 1
        try:
            channel = await connect("::1", self._port, None, self._context)
            vehicle = plants.make_vehicle(self._bench, AssumedVehiclePilot())
            options = session_options.vehicle(self._bench, time.time, lambda text: None)
            options.protocols, options.observe = (ISO2,), observe
            task = asyncio.create_task(charge(channel, vehicle, options))
            if broken_off is not None:
                await asyncio.wait({task}, timeout=broken_off)
                if not task.done():
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    self.broken += 1
                    return
            self.ends[_end(await task)] += 1
        except SetupError as why:
            self.ends[f"{Cause.NO_PEER.name.lower()}: {why}"] += 1
        finally:
            self.alive -= 1


__all__ = ["Chargers", "Usage", "Vehicles", "chargers", "usage"]

if __name__ == "__main__":
    asyncio.run(_serve("--tls" in sys.argv))
