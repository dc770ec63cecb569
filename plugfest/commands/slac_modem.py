"""``plugfest slac modem``: who is on the cable, firmware, role, key state, link."""

from __future__ import annotations

from typing import Any


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "modem",
        help="the modem on an interface: firmware, role, key state, link",
        description="Asks the modem on an interface for its identity, role and network, and which stations it hears.",
    )
    parser.add_argument("-i", "--interface", required=True, metavar="IFACE", help="network interface to the modem")
    parser.add_argument("--role", choices=("ev", "evse"), help="say whether the modem fits this role")
    parser.set_defaults(run="plugfest.tasks.slac_modem:run")
