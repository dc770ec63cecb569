"""``plugfest evcc``: a vehicle on a real interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugfest.commands import options


def add(commands: Any) -> None:
    parser = options.parser(
        commands,
        "evcc",
        summary="act as a vehicle: find a charger on an interface and charge",
        description="Finds a charger on an interface and charges. The exit code says how it ended.",
    )
    options.add_interface(parser)
    options.add_session(parser)
    options.add_vehicle(parser)
    options.add_basic(parser)
    options.add_view(parser)
    group = options.add_connection(
        parser,
        tls="no TLS (default), TLS if the charger offers it, or TLS only",
        cert="the vehicle's certificate chain, for TLS 1.3",
        key="its private key",
    )
    group.add_argument(
        "--roots", metavar="PEM", type=Path, help="trusted V2G roots; without them any certificate is accepted"
    )
    group.add_argument("--sdp-to", metavar="ADDRESS", help="send SDP requests to this address instead of multicast")
    group.add_argument("--address", help="the charger's address, to skip SDP (with --port)")
    group.add_argument("--port", type=int, help="the charger's TCP port, to skip SDP")
    parser.set_defaults(run="plugfest.tasks.evcc:run")
