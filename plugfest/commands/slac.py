"""``plugfest slac``: matching over the power line, and what goes wrong with it."""

from __future__ import annotations

from typing import Any

from plugfest.commands import slac_doctor, slac_line, slac_modem, slac_run, slac_watch


def add(commands: Any) -> None:
    top = commands.add_parser("slac", help="match over the power line, look at modems, find out why it fails")
    kinds = top.add_subparsers(metavar="ev|evse|modem|doctor|watch|line", required=True)
    for command in (slac_run, slac_modem, slac_doctor, slac_watch, slac_line):
        command.add(kinds)
