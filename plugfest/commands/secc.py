"""``plugfest secc``: a charger on a real interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugfest.commands import options


def add(commands: Any) -> None:
    parser = options.parser(
        commands,
        "secc",
        summary="act as a charger: answer SDP on an interface and serve vehicles",
        description="Answers SDP on an interface and serves one vehicle after another, until stopped.",
    )
    options.add_interface(parser)
    options.add_session(parser)
    options.add_charger(parser)
    options.add_view(parser)
    parser.add_argument("--sessions", type=int, metavar="N", help="end after N sessions")
    group = options.add_connection(
        parser,
        tls="serve without TLS (default), as the vehicle requests, or only with TLS",
        cert="certificate chain, leaf first; else a temporary one",
        key="private key of the leaf",
    )
    group.add_argument("--vehicle-roots", metavar="PEM", type=Path, help="roots of vehicle certificates, for TLS 1.3")
    group.add_argument("--ocsp", metavar="DER", action="append", help="OCSP response to staple (repeatable)")
    group.add_argument("--port", type=int, help="TCP port without TLS (default: a free one from 49152 on)")
    group.add_argument("--tls-port", type=int, help="TCP port with TLS (default: a free one from 49152 on)")
    parser.set_defaults(run="plugfest.tasks.secc:run")
