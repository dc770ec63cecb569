"""Charger and vehicle in network namespaces of this host."""

from __future__ import annotations

import argparse
import asyncio

import msgspec

from boundary.console import complain
from plugfest.errors import UserError
from plugfest.lab import both, network, peer
from plugfest.tasks import demo

READY_AFTER = 1.0
"""s that a charger's program gets to start, unless told otherwise."""


def run(args: argparse.Namespace) -> int:
    for option in ("peer_end", "ready_after"):
        if hasattr(args, option) and not hasattr(args, "peer"):
            raise UserError(f"--{option.replace('_', '-')} is for the program of --peer COMMAND, which is missing")
    if hasattr(args, "peer"):
        peer.check(args.peer)
    bench = demo.bench_of(args)
    place = network.Network(args.place, bench.slac)
    cable = both.Cable(args.attenuation, args.loss)
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
