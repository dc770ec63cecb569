"""``plugfest secc``: a charger on a real interface."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from plugfest.commands import options
from plugfest.errors import UserError


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "secc",
        help="be a charger: answer SDP on an interface and serve vehicles",
        description="Answers SDP on an interface and serves one vehicle after another, until stopped.",
    )
    options.add_interface(parser)
    options.add_session(parser)
    options.add_charger(parser)
    parser.add_argument("--sessions", type=int, metavar="N", help="end after N sessions")
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--tls",
        choices=("none", "optional", "required"),
        default="none",
        help="serve without TLS (default), as the vehicle asks, or only with TLS",
    )
    group.add_argument("--cert", metavar="PEM", type=Path, help="certificate chain, leaf first; else made on the fly")
    group.add_argument("--key", metavar="PEM", type=Path, help="private key of the leaf")
    group.add_argument("--password", help="password of the key")
    group.add_argument("--port", type=int, help="TCP port without TLS (default: a free one from 49152 on)")
    group.add_argument("--tls-port", type=int, help="TCP port with TLS (default: a free one from 49152 on)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import asyncio

    try:
        return asyncio.run(_run(args))
    except KeyboardInterrupt:
        print("plugfest: stopped", file=sys.stderr)
        return 7


async def _run(args: argparse.Namespace) -> int:
    import asyncio
    import contextlib
    import datetime
    import random
    import time

    from plugfest import plants
    from plugfest.lines import Lines
    from plugfest.summary import summary
    from secc.outlet import Outlet
    from secc.serve import Options
    from v2g import interfaces, tls
    from v2g.errors import SetupError
    from v2g.outcome import Outcome
    from v2g.sdp import TlsPolicy
    from v2g.trace import Event, fan_out, ignore

    loop = asyncio.get_running_loop()
    start = loop.time()
    rng = random.Random(args.seed)
    policy = TlsPolicy(args.tls)
    if (args.cert is None) != (args.key is None):
        raise UserError("--cert and --key go together")
    for warning in plants.warnings(args):
        print(f"note: {warning}")
    evse = plants.make_charger(args, plants.assumed_charger_pilot(lambda text: None), rng)
    lines = Lines(plants.charger_numbers(evse))
    done: list[Outcome] = []
    finished = asyncio.Event()

    def show(event: Event) -> None:
        event.time -= start
        lines(event)

    def ended(outcome: Outcome) -> None:
        done.append(outcome)
        print()
        for line in summary(outcome, role="charger"):
            print(line)
        print(flush=True)
        if args.sessions is not None and len(done) >= args.sessions:
            finished.set()

    with contextlib.ExitStack() as stack:
        trace = stack.enter_context(options.tracing(args.trace, "secc", datetime.datetime.now(datetime.UTC)))
        try:
            interface = interfaces.find(args.interface)
            context = None
            if policy is not TlsPolicy.NONE:
                chain, key = args.cert, args.key
                if chain is None:
                    now = datetime.datetime.now(datetime.UTC)
                    chain, key, root = stack.enter_context(tls.bench_certificate(now))
                    print(f"note: certificate made on the fly; its root, while this runs: {root}")
                context = tls.server(chain, key, password=args.password, key_log=args.key_log)
            outlet = Outlet(
                interface,
                evse,
                Options(
                    protocols=tuple(options.protocols(args)),
                    tolerant=not args.strict,
                    timing=options.timers(args),
                    observe=fan_out(trace, ignore if args.quiet else show),
                    now=time.time,
                    rng=rng,
                ),
                policy=policy,
                context=context,
                port=args.port,
                tls_port=args.tls_port,
                on_end=ended,
            )
            async with outlet.open():
                where = ", ".join(f"{'TLS' if secure else 'TCP'} {port}" for secure, port in outlet.ports.items())
                print(f"charger ready on {interface.name}, {interface.address}, {where}", flush=True)
                await finished.wait()
        except SetupError as why:
            raise UserError(str(why)) from why
    return next((int(o.cause) for o in done if not o.ok), 0)
