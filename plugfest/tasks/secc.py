"""A charger on a real interface, one vehicle after another."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import random
import time

from plugfest import config, outputs, pilots, plants, pnc, security
from plugfest.commands import options
from plugfest.config import named
from plugfest.config.model import Bench
from plugfest.controls import Controls
from plugfest.stage import Stage
from plugfest.summary import summary
from plugfest.views import view
from secc.newcomer import Policy
from secc.outlet import Outlet
from secc.serve import Options
from v2g import interfaces
from v2g.outcome import Outcome
from v2g.sdp import TlsPolicy


def run(args: argparse.Namespace) -> int:
    return start(options.told(config.of_args(args, "secc", **options.implied(args, "secc"))))


def start(bench: Bench) -> int:
    """Runs a bench with a charger; returns the exit code."""
    return asyncio.run(serve(bench))


async def serve(bench: Bench) -> int:
    """Serves vehicles until so many sessions are over, or for ever; returns the exit code."""
    rng = random.Random(bench.seed) if bench.seed is not None else random.SystemRandom()
    name = bench.interface or ""
    codes: list[int] = []  # of the first session that failed
    served = 0
    sessions: asyncio.Queue[Outcome] = asyncio.Queue()
    finished = asyncio.Event()

    def ended(outcome: Outcome) -> None:
        told(outcome)
        if bench.slac:  # nobody else takes them out
            sessions.put_nowait(outcome)

    def told(outcome: Outcome) -> None:
        nonlocal served
        served += 1
        if not outcome.ok and not codes:
            codes.append(int(outcome.cause))
        stage.end({"charger": outcome})
        looks.say("")
        for line in summary(outcome, role="charger"):
            looks.say(line)
        looks.say("")
        if bench.sessions is not None and served >= bench.sessions:
            finished.set()

    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(pilots.user_errors())
        if bench.slac:
            from plugfest import handoff  # SLAC takes its time to load, and a plain cable needs none of it
            from secc.arrivals import Arrivals

            handoff.check(name)
        else:
            interfaces.find(name)
        stack.enter_context(interfaces.claimed(name))
        pilot = await stack.enter_async_context(pilots.charger(bench))
        evse = plants.make_charger(bench, pilot, rng)
        controls = Controls(evse=evse)
        looks = view(bench, f"secc {name}", controls, plants.charger_numbers(evse))
        for warning in plants.warnings(bench):
            looks.say(f"note: {warning}")
        now = datetime.datetime.now(datetime.UTC)
        trace = stack.enter_context(outputs.writing(bench, "secc", now, interface=name))
        stage = Stage(bench, controls, looks, trace)
        policy = TlsPolicy(bench.tls)
        settings = Options(
            protocols=tuple(named.protocols(bench)),
            tolerant=not bench.strict,
            any_transport=bench.any_transport,
            timing=bench.timer,
            stamps=bench.stamps,
            relaxed=bench.relaxed,
            now=time.time,
            rng=rng,
        )
        pnc.equip_charger(settings, evse, bench, time.time)
        stage.equip(settings, "secc")
        stack.callback(pilots.tell(pilot, stage.observe))
        outlet = Outlet(
            await pilots.usable(name),
            evse,
            settings,
            policy=policy,
            context=security.charger(bench, stack, looks.say) if policy is not TlsPolicy.NONE else None,
            port=bench.port,
            tls_port=bench.tls_port,
            on_end=ended,
            wakes_after=bench.charger.wake_car_after,
            newcomers=Policy(bench.charger.newcomers),
        )
        controls.outlet = outlet
        stack.push_async_callback(lambda: stage.close(tell=bool(served)))
        await stack.enter_async_context(stage.running())

        def ready() -> None:
            where = ", ".join(f"{'TLS' if secure else 'TCP'} {port}" for secure, port in outlet.ports.items())
            looks.say(f"charger ready on {name}, {outlet.interface.address}, {where}")

        if bench.slac:
            side = await stack.enter_async_context(handoff.charger_side(bench, pilot, stage.observe))
            looks.say(f"charger waits for a vehicle on {name}, modem {side.modem}")

            arrivals = Arrivals(
                side, evse if bench.ac else None, start=bench.charger.initial_duty, loss=bench.charger.lost_link,
                observe=stage.observe, tick=lambda: stage.measured("BasicCharging"), say=looks.say, begin=stage.begin,
                ended=told,
            )  # fmt: skip
            serving = asyncio.create_task(handoff.serve_matched(arrivals, outlet, ready, looks.say, sessions))
            await handoff.first_of(serving, finished)
        else:
            pilots.offer_when_plugged(pilot)
            async with outlet.open():
                ready()
                await finished.wait()
    return trace.code(codes[0] if codes else 0)
