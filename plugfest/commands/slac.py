"""``plugfest slac``: matching over the power line, and what goes wrong with it."""

from __future__ import annotations

import argparse
from typing import Any

from plugfest.commands import slac_watch


def add(commands: Any) -> None:
    top = commands.add_parser("slac", help="match over the power line, look at modems, find out why it fails")
    kinds = top.add_subparsers(metavar="watch", required=True)
    for command in (slac_watch,):
        command.add(kinds)


def add_interface(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-i", "--interface", required=True, metavar="IFACE", help="network interface to the modem")
