"""``plugfest lab``: charger and vehicle in network namespaces of this host, with a simulated power line between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugfest.arguments import COUNT, FROM_ZERO, number
from plugfest.commands import options
from plugfest.defaults import ATTENUATION, READY_AFTER

_DESCRIPTION = """\
Makes two network namespaces, joins them by virtual cables and a simulated power line, and starts a charger in one and a
vehicle in the other. Both share the control pilot and the battery. Needs root. With --peer, your program takes
the place of one of them (docs/lab.md).
"""


def add(commands: Any) -> None:
    parser = options.parser(
        commands,
        "lab",
        summary="charger and vehicle on real sockets, in network namespaces of this host",
        description=_DESCRIPTION,
    )
    options.add_session(parser)
    options.add_vehicle(parser)
    options.add_charger(parser)
    options.add_view(parser)
    options.add_slac(parser)
    group = parser.add_argument_group("lab")
    group.add_argument("--bench", metavar="FILE", type=Path, help="a bench file (role both); options go on top of it")
    group.add_argument(
        "--name", dest="place", default="lab", help="name of the lab, if there are several (default lab)"
    )
    group.add_argument(
        "--peer", metavar="COMMAND", help="your program at one end; PLUGFEST_INTERFACE names its interface"
    )
    group.add_argument("--peer-end", choices=("vehicle", "charger"), help="the program's end (default vehicle)")
    group.add_argument(
        "--ready-after",
        type=FROM_ZERO,
        metavar="S",
        help=f"seconds that a charger's program takes to start (default {READY_AFTER:g})",
    )
    group.add_argument("--attenuation", type=FROM_ZERO, metavar="DB", help=f"of the cable (default {ATTENUATION:g})")
    group.add_argument("--loss", type=number(0, 1), metavar="P", help="share of frames lost, 0 to 1")
    group.add_argument("--sessions", dest="times", type=COUNT, metavar="N", help="end after N sessions")
    parser.add_argument("--tls", action="store_const", const="required", help="TLS with a temporary certificate")
    parser.add_argument(
        "--pnc",
        action="store_true",
        help="Plug & Charge: makes the PKI (--pki, default ./test-pki) if missing, installs a contract, signs receipts",
    )
    parser.set_defaults(run="plugfest.tasks.lab:run")
