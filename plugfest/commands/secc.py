"""``plugfest secc``: a charger on a real interface."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugfest.commands import options

if TYPE_CHECKING:
    from plugfest.config.model import Bench


def add(commands: Any) -> None:
    parser = options.parser(
        commands,
        "secc",
        summary="be a charger: answer SDP on an interface and serve vehicles",
        description="Answers SDP on an interface and serves one vehicle after another, until stopped.",
    )
    options.add_interface(parser)
    options.add_session(parser)
    options.add_charger(parser)
    options.add_view(parser)
    parser.add_argument("--sessions", type=int, metavar="N", help="end after N sessions")
    group = options.add_connection(
        parser,
        tls="serve without TLS (default), as the vehicle asks, or only with TLS",
        cert="certificate chain, leaf first; else made on the fly",
        key="private key of the leaf",
    )
    group.add_argument("--vehicle-roots", metavar="PEM", type=Path, help="roots of vehicle certificates, for TLS 1.3")
    group.add_argument("--ocsp", metavar="DER", action="append", help="OCSP response to staple (repeatable)")
    group.add_argument("--port", type=int, help="TCP port without TLS (default: a free one from 49152 on)")
    group.add_argument("--tls-port", type=int, help="TCP port with TLS (default: a free one from 49152 on)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from plugfest import config

    return start(options.told(config.of_args(args, "secc", **options.implied(args, "secc"))))


def start(bench: Bench) -> int:
    """Runs a bench with a charger; returns the exit code."""
    import asyncio

    return asyncio.run(_run(bench))


async def _run(bench: Bench) -> int:
    import asyncio
    import contextlib
    import datetime
    import random
    import time

    from plugfest import outputs, pilots, plants, pnc, security
    from plugfest.config import named
    from plugfest.controls import Controls
    from plugfest.stage import Stage
    from plugfest.summary import summary
    from plugfest.view import view
    from secc.newcomer import Policy
    from secc.outlet import Outlet
    from secc.serve import Options
    from v2g import interfaces
    from v2g.outcome import Outcome
    from v2g.sdp import TlsPolicy

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
            from plugfest import handoff
            from secc.arrivals import Arrivals

            handoff.check(name)
        else:
            interfaces.find(name)
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
        stack.callback(lambda: stage.tell_unused() if served else None)
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
