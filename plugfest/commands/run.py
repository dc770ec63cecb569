"""``plugfest run``: the bench that a file describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugfest.commands import options


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "run",
        help="run the bench that a file describes",
        description="Runs the bench that a YAML file describes: a car, a charger, or both. See plugfest config.",
    )
    parser.add_argument("file", type=Path, help="bench file")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", help="change a key, e.g. vehicle.soc=30 (repeatable)"
    )
    for option, text in (
        ("--fast", "virtual time (role both)"),
        ("--quiet", "do not print the session"),
        ("--all", "print every message of the loops too"),
        ("--json", "print one JSON object per event, for programs"),
        ("--plain", "plain lines also on a terminal"),
    ):
        parser.add_argument(option, action="store_true", help=text)
    parser.add_argument("-i", "--interface", metavar="IFACE", help="network interface to the peer")
    for option, text in (
        ("--trace", "write the session as JSON lines"),
        ("--pcapng", "write the session as a capture for Wireshark"),
        ("--report", "write a report on the session as HTML"),
    ):
        parser.add_argument(option, metavar="FILE", type=Path, help=text)
    options.add_web(parser)
    parser.set_defaults(run="plugfest.tasks.run:run")
