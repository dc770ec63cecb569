"""``plugfest slac ev`` and ``plugfest slac evse``: matching alone, without a session, and a report of each attempt."""

from __future__ import annotations

import argparse
from typing import Any

from plugfest.arguments import COUNT


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "ev",
        help="act as a vehicle: match with a charger",
        description="Matches with a charger and reports. Exit code 0: matched; 1: not.",
    )
    add_options(parser)
    parser.add_argument("--stay", action="store_true", help="keep the link until it is lost, or until Ctrl-C")
    parser.set_defaults(run="plugfest.tasks.slac_run:match_vehicle")
    parser = commands.add_parser(
        "evse",
        help="act as a charger: match with vehicles",
        description="Matches with one vehicle after another and reports. Exit code 0: the last was matched; 1: not.",
    )
    add_options(parser)
    parser.add_argument("--count", type=COUNT, metavar="N", help="end after N matchings")
    parser.set_defaults(run="plugfest.tasks.slac_run:match_charger")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the commands that take part in a matching."""
    parser.add_argument("-i", "--interface", required=True, metavar="IFACE", help="network interface to the modem")
    parser.add_argument("--pilot", metavar="P", default="assumed", help="control pilot, as in plugfest evcc")
    parser.add_argument("--no-modem", dest="modem", action="store_false", help="without a modem, on a plain cable")
    parser.add_argument("--slac-timer", metavar="NAME=S", action="append", help="change a timer, e.g. TT_match_join=20")
    parser.add_argument(
        "--strict", action="store_true", help="ignore messages with a field that does not conform to the standard"
    )
    parser.add_argument("--seed", type=int, help="seed of RunIDs and keys, for repeatable runs")
