"""``plugfest doctor``: is this host ready for a session?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boundary.console import say
from boundary.text import dumps
from plugfest.errors import UserError

if TYPE_CHECKING:
    from plugfest.config.model import Bench


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="check this host: interface, IPv6, multicast, rights, firewall, modem, ports, certificates, clock",
        description="Checks what a session needs of this host. Each thing gets a tick, or a cause and a remedy; the"
        " exit code is 1 where something is wrong.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "file", type=Path, nargs="?", default=None, help="bench file, for its interface, ports, certificates, broker"
    )
    parser.add_argument("-i", "--interface", metavar="IFACE", help="network interface to the peer")
    parser.add_argument("--role", choices=("evcc", "secc"), help="what it shall be ready for (default: both)")
    parser.add_argument("--cert", metavar="PEM", type=Path, help="certificate chain of a charger")
    parser.add_argument("--key", metavar="PEM", type=Path, help="its private key")
    parser.add_argument("--password", help="password of the key")
    parser.add_argument("--roots", metavar="PEM", type=Path, help="trusted V2G roots of a vehicle")
    parser.add_argument("--pki", metavar="DIR", type=Path, help="a PKI that plugfest pki made")
    parser.add_argument("--port", type=int, help="TCP port without TLS")
    parser.add_argument("--tls-port", type=int, help="TCP port with TLS")
    parser.add_argument(
        "--no-modem", dest="modem", action="store_const", const=False, help="do not look for a modem: a plain cable"
    )
    parser.add_argument("--mqtt", metavar="URL", help="broker")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import asyncio

    return asyncio.run(_run(_bench(args), json=getattr(args, "json", False)))


def _bench(args: argparse.Namespace) -> Bench:
    import msgspec

    from plugfest import config
    from plugfest.config import names
    from plugfest.config.model import Bench, Mqtt

    given: dict[str, Any] = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(args).items()
        if name in Bench.__struct_fields__ and name not in ("mqtt", "json")
    }
    if hasattr(args, "mqtt"):
        given["mqtt"] = msgspec.convert(names.broker(args.mqtt), Mqtt)
    bench = config.load(args.file) if args.file is not None else Bench()
    if bench.interface is None and "interface" not in given:
        raise UserError("which interface? plugfest doctor -i IFACE, or a bench file that names one")
    return msgspec.structs.replace(bench, **given)


async def _run(bench: Bench, *, json: bool) -> int:
    import dataclasses

    from plugfest.doctor import SIGNS, examine

    marks = []
    async for finding in examine(bench):
        marks.append(finding.mark)
        if json:
            say(dumps(dataclasses.asdict(finding)), flush=True)
            continue
        say(f"{SIGNS[finding.mark]} {finding.topic:<13}{finding.text}", flush=True)
        if finding.mark != "ok":
            for title, text in (("cause", finding.cause), ("try", finding.remedy)):
                if text:
                    say(f"{'':<15}{title}: {text}", flush=True)
    if not json:
        wrong, warnings = marks.count("wrong"), marks.count("warning")
        words = "ready" if not wrong else f"not ready: {wrong} wrong"
        say()
        say(f"{words}{f', {warnings} to look at' if warnings else ''}")
    return 1 if "wrong" in marks else 0
