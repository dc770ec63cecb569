"""A vehicle and a charger in one process, over a link in memory."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import random
from collections.abc import Callable, Coroutine
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

from boundary.console import say
from evcc.charge import charge
from evcc.options import Outcome as VehicleOutcome
from evcc.options import Paused
from evcc.stay import Stay, stay
from plugfest import config, handoff, outputs, plants, receipts, security, session_options
from plugfest.commands import options
from plugfest.config import named
from plugfest.config.model import Bench
from plugfest.controls import Controls
from plugfest.errors import UserError
from plugfest.plants import Pair
from plugfest.stage import Stage
from plugfest.summary import summary
from plugfest.views import view
from plugfest.virtual import VirtualLoop
from secc.outlet import Outlet
from v2g.channel import Channel
from v2g.errors import SetupError
from v2g.interfaces import Interface
from v2g.memory_link import memory_pair
from v2g.outcome import Outcome
from v2g.trace import Observe

DURATION = 15.0
"""s for which the demo charges by default."""


TAKES, GIVES = 11.0, 10.0
"""kW: with ``--bpt``; a home outlet and the onboard charger of a car can both do this."""


CONTRACTS = ("DEPLFC00000001", "DEXYZC00000002")
"""eMAIDs that a demo of ISO 15118-20 installs with ``--pnc``."""


MILLENNIUM = 946_684_800.0
"""Unix time of 2000-01-01: start of virtual time if the unit of its time stamps is recognised by their size."""


PKI = "test-pki"
"""Directory of the PKI unless the bench names one; a checkout of plugfest has a package `pki`."""
RECEIPTS = 5.0
"""s between requests for receipts with ``--pnc``."""


def run(args: argparse.Namespace) -> int:
    return start(bench_of(args, duration=DURATION), "demo")


def bench_of(args: argparse.Namespace, **defaults: Any) -> Bench:
    """The bench with both roles that the options describe; with ``--pnc`` its PKI is made if it is missing.

    Args:
        defaults: the command's defaults, by option name with underscores.

    Raises:
        UserError: a value is invalid.
    """
    if hasattr(args, "pnc"):
        defaults |= {"pki": PKI, "payment": "contract", "tls": "required", "install": True, "receipts": RECEIPTS}
        if "iso20" in str(getattr(args, "protocol", "")):
            defaults["emaids"] = list(CONTRACTS)
    back = hasattr(args, "bpt") or getattr(args, "service", "").endswith("_BPT")
    if back and not hasattr(args, "scheduled"):
        defaults |= {"dynamic": True, "target_power": both_ways(getattr(args, "duration", DURATION))}
    elif back:
        defaults["wanted_power"] = -GIVES
    bench = options.told(config.of_args(args, "both", **{**options.implied(args, "both"), **defaults}))
    if hasattr(args, "pnc"):
        make_pki(bench)
    return bench


def both_ways(duration: float) -> list[tuple[float, float]]:
    """What the charger wants with ``--bpt`` during the demo, kW: to charge, to discharge, to charge."""
    third = max(round(duration / 3.0, 1), 0.1)
    return [(0.0, TAKES), (third, -GIVES), (2.0 * third, TAKES)]


def make_pki(bench: Bench) -> None:
    """Makes the bench's PKI, if it is missing.

    Raises:
        UserError: the directory contains other files, but no certificate.
    """
    from plugfest import pnc  # see session_options

    directory = Path(bench.pki or PKI)
    newest = any(protocol.abilities.mutual for protocol in named.protocols(bench))
    parts = [(directory / suite).is_dir() for suite in ("iso2", "iso20")]
    if directory.is_dir() and not any(parts):
        try:
            pnc.open_store(directory)
        except UserError as why:
            raise UserError(
                f"{directory} exists, but holds no PKI: choose another directory, such as --pki other-pki"
            ) from why
    if not directory.is_dir() or (newest and parts == [True, False]):
        seed = None if bench.seed is None else str(bench.seed)
        store = pnc.make_store(directory, datetime.datetime.now(datetime.UTC), seed=seed, newest=newest)
        if not bench.quiet:
            say(f"made a test PKI of {len(store)} certificates in {directory}")


def start(bench: Bench, title: str) -> int:
    """Runs a bench with both roles; returns the exit code."""

    with asyncio.Runner(loop_factory=VirtualLoop if bench.fast else None) as runner:
        return runner.run(_both(bench, title))


async def _both(bench: Bench, title: str) -> int:
    loop = asyncio.get_running_loop()
    now = datetime.datetime.now(datetime.UTC)
    rng = random.Random(bench.seed if bench.seed is not None else 1)
    # In virtual time the same run has the same trace; certificates need the real date.
    virtual = MILLENNIUM if bench.stamps == "us" else 0.0  # microseconds are distinguished from seconds by their size
    epoch = virtual if bench.fast and bench.pki is None else now.timestamp() - loop.time()
    pair = plants.make_pair(bench, rng)
    soc = pair.vehicle.battery.soc * 100.0
    controls = Controls(pair.vehicle, pair.evse, pair.wire)
    looks = view(bench, title, controls, plants.vehicle_numbers(pair.vehicle, ac=bench.ac))
    contexts = _contexts(bench, now)
    with outputs.writing(bench, "both", None if bench.fast else now) as trace:
        stage = Stage(bench, controls, looks, trace)
        charger = session_options.charger(bench, pair.evse, lambda: epoch + loop.time(), rng)
        vehicle = controls.options = session_options.vehicle(bench, charger.now, looks.say)
        stage.equip(charger, "secc", main=False)
        stage.equip(vehicle, "evcc")
        async with stage.running():
            looks.headline(_headline(bench, title, soc))  # only now, as all arguments are good
            unmatched: Outcome | None = None
            if bench.slac:
                seed = rng.randrange(1 << 32)
                unmatched = await handoff.on_simulated_line(bench, controls, pair.wire, stage.observe, seed)
            if unmatched is not None:
                outcomes: list[tuple[str, Outcome]] = [("vehicle", unmatched), ("charger", unmatched)]
            else:
                outcomes = await _stay(bench, contexts, stage, pair, charger, vehicle, looks.say)
            stage.end(dict(outcomes))
    for role, outcome in outcomes:
        for line in summary(outcome, role=role):
            looks.say(line)
    for line in receipts.lines(charger.contracts.receipts) if charger.contracts else ():
        looks.say(line)
    looks.say(f"battery: {soc:.1f} % -> {pair.vehicle.battery.soc * 100:.1f} %")
    await stage.close()
    return trace.code(next((int(o.cause) for _, o in outcomes if not o.ok), 0))


async def _stay(
    bench: Bench,
    contexts: dict[str, Any],
    stage: Stage,
    pair: Pair,
    charger: Any,
    vehicle: Any,
    say: Callable[[str], None],
) -> list[tuple[str, Outcome]]:
    """Runs the session, and the next one after each pause that the vehicle sleeps through."""

    ended: list[Outcome] = []
    arrived: list[Callable[[Channel], Coroutine[Any, Any, None]]] = []

    @contextlib.asynccontextmanager
    async def listen(_: Interface, serve: Callable[[Channel], Coroutine[Any, Any, None]], **__: Any) -> Any:
        arrived.append(serve)
        yield 0

    outlet = Outlet(
        Interface("memory", 0, IPv6Address("::1"), bytes(6)), pair.evse, charger, on_end=ended.append,
        wakes_after=bench.charger.wake_car_after, listen=listen, answer_on=lambda *_, **__: contextlib.nullcontext(),
    )  # fmt: skip
    stage.controls.outlet = outlet
    how = Stay(bench.vehicle.stays, bench.vehicle.wake_after, stage.observe, say)

    async def session(resume: Paused | None) -> VehicleOutcome:
        vehicle.resume = resume or vehicle.resume
        ends = await _link(contexts, stage.tell)
        pair.vehicle.begin()
        stage.begin(resumed=resume is not None)
        serving = asyncio.create_task(arrived[0](ends[0]))
        outcome = await charge(ends[1], pair.vehicle, vehicle)
        await serving
        if outcome.paused and how.sleeps:
            stage.end({"vehicle": outcome, "charger": ended[-1]}, pauses=True)
            for role, each in (("vehicle", outcome), ("charger", ended[-1])):
                for line in summary(each, role=role):
                    say(line)
        return outcome

    async with outlet.open():
        outcome = await stay(None, None, pair.vehicle, session, how)
    return [("vehicle", outcome), ("charger", ended[-1])]


def _contexts(bench: Bench, now: Any) -> dict[str, Any]:
    """TLS of both sides, made once: a paused session is resumed with the same certificates."""

    if bench.tls == "none":
        return {}
    with contextlib.ExitStack() as stack:
        charger = security.charger(bench, stack, lambda text: None)
        vehicle = security.vehicle(bench)
    if vehicle.trust is None and bench.cert is None:
        vehicle.trust = security.made_on_the_fly(charger)
    charger.now = vehicle.now = lambda: now
    return {"server": charger, "client": vehicle}


async def _link(contexts: dict[str, Any], observe: Observe) -> Any:
    """The two ends of a link in memory, the charger's first."""
    try:
        return await memory_pair(**contexts, observe=observe)
    except SetupError as why:
        raise UserError(str(why)) from why


def _headline(bench: Bench, title: str, soc: float) -> list[str]:
    newest = any(protocol.abilities.bidirectional for protocol in named.protocols(bench))
    kind = bench.transfer if newest else "AC" if bench.ac else "DC"
    what = kind if bench.ac else f"{kind}, {bench.charger.power:g} kW"
    wanted = bench.charger.target_power
    curve = (
        ", ".join(f"{power:g} kW from {start:g} s on" for start, power in wanted) if isinstance(wanted, list) else ""
    )
    battery = bench.vehicle.battery if isinstance(bench.vehicle.battery, str) else "own"
    plug = named.connector(bench).name.upper()
    return [
        f"plugfest {title}: {plug}, {what}, {battery} battery from {soc:g} %",
        *(
            [f"the charger wants {curve}, counted from when power first flows; negative: the car discharges"]
            if curve
            else []
        ),
        "the vehicle's view: time in s, > sent, < received, * state",
        "",
    ]
