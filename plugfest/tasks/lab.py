"""Charger and vehicle in network namespaces of this host."""

from __future__ import annotations

import argparse
import asyncio

import msgspec

from boundary.console import complain
from plugfest.defaults import READY_AFTER
from plugfest.errors import UserError
from plugfest.lab import both, network, peer
from plugfest.tasks import demo


def run(args: argparse.Namespace) -> int:
    for option in ("peer_end", "ready_after"):
        if hasattr(args, option) and not hasattr(args, "peer"):
            raise UserError(f"--{option.replace('_', '-')} is for the program of --peer COMMAND, which is missing")
    if hasattr(args, "ready_after") and getattr(args, "peer_end", "") != "charger":
        raise UserError("--ready-after is for a charger's program: add --peer-end charger")
    if hasattr(args, "peer"):
        peer.check(args.peer)
    bench = demo.bench_of(args)
    for option in ("attenuation", "loss"):
        if hasattr(args, option) and not bench.slac:
            raise UserError(f"--{option} is for the simulated power line, and without SLAC there is none")
    place = network.Network(args.place, bench.slac)
    cable = both.Cable(**{name: getattr(args, name) for name in ("attenuation", "loss") if hasattr(args, name)})
    with network.made(place, lambda text: complain(f"note: {text}")):
        if hasattr(args, "peer"):
            bench = msgspec.structs.replace(bench, plain=True)  # the terminal belongs to the program
            return asyncio.run(
                peer.run(
                    bench,
                    place,
                    cable,
                    args.peer,
                    getattr(args, "peer_end", "vehicle"),
                    getattr(args, "ready_after", READY_AFTER),
                    getattr(args, "times", None),
                )
            )
        return asyncio.run(both.run(bench, place, cable, getattr(args, "times", None)))
