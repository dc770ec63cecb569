"""``plugfest doctor``: is this host ready for a session?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from plugfest.arguments import PORT


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="check this host: interface, IPv6, multicast, rights, firewall, modem, ports, certificates, clock",
        description="Checks what a session needs from this host. Each item gets a tick, or a cause and a remedy; the"
        " exit code is 1 if something is wrong.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "file", type=Path, nargs="?", default=None, help="bench file, for its interface, ports, certificates, broker"
    )
    parser.add_argument("-i", "--interface", metavar="IFACE", help="network interface to the peer")
    parser.add_argument("--role", choices=("evcc", "secc"), help="the role to check for (default: both)")
    parser.add_argument("--cert", metavar="PEM", type=Path, help="certificate chain of a charger")
    parser.add_argument("--key", metavar="PEM", type=Path, help="its private key")
    parser.add_argument("--password", help="password of the key")
    parser.add_argument("--roots", metavar="PEM", type=Path, help="trusted V2G roots of a vehicle")
    parser.add_argument("--pki", metavar="DIR", type=Path, help="a PKI made with plugfest pki")
    parser.add_argument("--port", type=PORT, help="TCP port without TLS")
    parser.add_argument("--tls-port", type=PORT, help="TCP port with TLS")
    parser.add_argument(
        "--no-modem", dest="modem", action="store_const", const=False, help="plain cable: do not look for a modem"
    )
    parser.add_argument("--mqtt", metavar="URL", help="broker")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run="plugfest.tasks.doctor:run")
