"""``plugfest demo``: a vehicle and a charger in one process, over the in-memory link, without privileges."""

from __future__ import annotations

from typing import Any

from plugfest.commands import options


def add(commands: Any) -> None:
    parser = options.parser(
        commands,
        "demo",
        summary="a complete session between both roles in this process",
        description="Runs a vehicle and a charger against each other over a link in memory, and shows the session.",
    )
    options.add_session(parser)
    options.add_vehicle(parser)
    options.add_charger(parser)
    options.add_view(parser)
    options.add_slac(parser)
    parser.add_argument("--fast", action="store_true", help="virtual time, as fast as possible")
    parser.add_argument("--tls", action="store_const", const="required", help="TLS with a temporary certificate")
    parser.add_argument(
        "--pnc",
        action="store_true",
        help="Plug & Charge: makes the PKI (--pki, default ./test-pki) if missing, installs a contract, signs receipts",
    )
    parser.set_defaults(run="plugfest.tasks.demo:run")
