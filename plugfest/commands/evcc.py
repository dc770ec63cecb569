"""``plugfest evcc``: a vehicle on a real interface."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from plugfest.commands import options
from plugfest.errors import UserError


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "evcc",
        help="be a vehicle: find a charger on an interface and charge",
        description="Finds a charger on an interface, charges, and ends with an exit code that says how it went.",
    )
    options.add_interface(parser)
    options.add_session(parser)
    options.add_vehicle(parser)
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--tls",
        choices=("none", "optional", "required"),
        default="none",
        help="ask for no TLS (default), for TLS but take none, or insist",
    )
    group.add_argument("--roots", metavar="PEM", type=Path, help="trusted V2G roots; without, any certificate is taken")
    group.add_argument("--sdp-to", metavar="ADDRESS", help="send SDP requests to this address instead of multicast")
    group.add_argument("--address", help="the charger's address, to skip SDP (with --port)")
    group.add_argument("--port", type=int, help="the charger's TCP port, to skip SDP")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import asyncio

    try:
        return asyncio.run(_run(args))
    except KeyboardInterrupt:
        print("plugfest: stopped", file=sys.stderr)
        return 7


def _address(text: str | None, option: str) -> Any:
    from ipaddress import AddressValueError, IPv6Address

    if text is None:
        return None
    try:
        return IPv6Address(text.partition("%")[0])
    except AddressValueError as why:
        raise UserError(f"{option} {text}: an IPv6 address is needed") from why


async def _run(args: argparse.Namespace) -> int:
    import asyncio
    import datetime
    import signal

    from evcc.charge import Options, Search, find_and_charge
    from plugfest import plants
    from plugfest.lines import Lines
    from plugfest.summary import summary
    from v2g import interfaces, tls
    from v2g.errors import SetupError
    from v2g.sdp import TlsPolicy
    from v2g.trace import Event, fan_out, ignore

    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        interface = interfaces.find(args.interface)
        policy = TlsPolicy(args.tls)
        context = tls.client(args.roots, key_log=args.key_log) if policy is not TlsPolicy.NONE else None
    except SetupError as why:
        raise UserError(str(why)) from why
    if (args.address is None) != (args.port is None):
        raise UserError("--address and --port go together")
    search = Search(
        interface,
        policy,
        context,
        sdp_to=_address(args.sdp_to, "--sdp-to"),
        address=_address(args.address, "--address"),
        port=args.port or 0,
    )
    vehicle = plants.make_vehicle(args, plants.assumed_vehicle_pilot(lambda text: None), interface.mac)
    lines = Lines(plants.vehicle_numbers(vehicle, ac=args.ac))

    def show(event: Event) -> None:
        event.time -= start
        lines(event)

    # The first Ctrl-C ends charging in order, the second at once.
    def stop() -> None:
        print("stopping; once more to abort", file=sys.stderr)
        vehicle.stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, stop)
    if context is not None and args.roots is None:
        print("note: no --roots, so the charger's certificate is not checked")
    with options.tracing(args.trace, "evcc", datetime.datetime.now(datetime.UTC)) as trace:
        outcome = await find_and_charge(
            search,
            vehicle,
            Options(
                protocols=tuple(options.protocols(args)),
                ac=args.ac,
                duration=args.duration,
                tolerant=not args.strict,
                timing=options.timers(args),
                observe=fan_out(trace, ignore if args.quiet else show),
            ),
        )
    print()
    for line in summary(outcome, role="vehicle"):
        print(line)
    print(f"  battery {args.soc:.1f} % -> {vehicle.battery.soc * 100:.1f} %")
    return int(outcome.cause)
