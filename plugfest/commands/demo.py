"""``plugfest demo``: a vehicle and a charger in one process, over the in-memory link, without privileges."""

from __future__ import annotations

import argparse
from typing import Any

from plugfest.commands import options


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="a whole session between both roles in this process",
        description="Runs a vehicle and a charger against each other over a link in memory, and shows the session.",
    )
    options.add_session(parser)
    options.add_vehicle(parser)
    options.add_charger(parser)
    parser.add_argument("--fast", action="store_true", help="virtual time: as fast as it computes")
    parser.add_argument("--tls", action="store_true", help="TLS with a certificate made on the fly")
    parser.add_argument("--all", action="store_true", help="show every message of the loops too")
    parser.set_defaults(run=run, duration=15.0)


def run(args: argparse.Namespace) -> int:
    import asyncio

    from plugfest.virtual import VirtualLoop

    protocols = options.protocols(args)
    with asyncio.Runner(loop_factory=VirtualLoop if args.fast else None) as runner:
        return runner.run(_demo(args, protocols))


async def _demo(args: argparse.Namespace, protocols: list[Any]) -> int:
    import asyncio
    import datetime
    import random

    from evcc import charge as evcc
    from plugfest import plants
    from plugfest.lines import Lines
    from plugfest.summary import summary
    from secc import serve as secc
    from v2g import tls
    from v2g.channel import memory_pair
    from v2g.trace import Event, fan_out

    loop = asyncio.get_running_loop()
    now = datetime.datetime.now(datetime.UTC)
    rng = random.Random(args.seed if args.seed is not None else 1)
    epoch = 0.0 if args.fast else now.timestamp() - loop.time()
    start = loop.time()
    if args.tls:
        with tls.bench_certificate(now) as (chain, key, root):
            ends = await memory_pair(server=tls.server(chain, key), client=tls.client(root))
    else:
        ends = await memory_pair()
    pair = plants.make_pair(args, rng)
    lines = Lines(plants.vehicle_numbers(pair.vehicle, ac=args.ac), calm=0.0 if args.all else 2.0)

    def relative(event: Event) -> None:
        event.time -= start
        lines(event)

    what = "AC" if args.ac else f"DC, {args.power:g} kW"
    print(f"plugfest demo: {pair.evse.connector.name.upper()}, {what}, {args.battery} battery from {args.soc:g} %")
    print("the vehicle's view: time in s, > sent, < received, * state\n")
    with options.tracing(args.trace, "demo", None if args.fast else now) as trace:
        changes = options.timers(args)
        charger = asyncio.create_task(
            secc.serve(
                ends[0],
                pair.evse,
                secc.Options(
                    protocols=tuple(protocols),
                    tolerant=not args.strict,
                    timing=changes,
                    now=lambda: epoch + loop.time(),
                    rng=rng,
                ),
            )
        )
        vehicle = await evcc.charge(
            ends[1],
            pair.vehicle,
            evcc.Options(
                protocols=tuple(protocols),
                ac=args.ac,
                duration=args.duration,
                tolerant=not args.strict,
                timing=changes,
                observe=fan_out(trace, relative),
            ),
        )
        outcomes = (("vehicle", vehicle), ("charger", await charger))
    print()
    for role, outcome in outcomes:
        for line in summary(outcome, role=role):
            print(line)
    print(f"battery: {args.soc:.1f} % -> {pair.vehicle.battery.soc * 100:.1f} %")
    return next((int(o.cause) for _, o in outcomes if not o.ok), 0)
