"""``plugfest slac line``: a simulated power line with two modems between two interfaces."""

from __future__ import annotations

import argparse
from typing import Any

from plugfest.arguments import FROM_ZERO, number
from plugfest.defaults import ATTENUATION

_DESCRIPTION = """\
Puts a simulated power line between two interfaces: what a vehicle's host sends into one comes out of the other as
modems would pass it, SLAC included. The interfaces are the near ends of virtual cables (veth) whose far ends the hosts
use, in network namespaces or not, or real ports to devices that have no modem of their own.
"""


_FAULTS = "(faults)"


class _Help(argparse.RawDescriptionHelpFormatter):
    """Lists the faults where help is wanted: what knows them is not loaded for any other command."""

    def add_text(self, text: str | None) -> None:
        super().add_text(_faults() if text == _FAULTS else text)


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "line",
        help="a simulated power line with two modems between two interfaces",
        description=_DESCRIPTION,
        epilog=_FAULTS,
        formatter_class=_Help,
    )
    parser.add_argument("vehicle", metavar="VEHICLE-IFACE", help="interface to the vehicle's host")
    parser.add_argument("charger", metavar="CHARGER-IFACE", help="interface to the charger's host")
    parser.add_argument(
        "--attenuation",
        type=FROM_ZERO,
        default=ATTENUATION,
        metavar="DB",
        help=f"of the cable (default {ATTENUATION:g})",
    )
    parser.add_argument(
        "--neighbour",
        type=FROM_ZERO,
        metavar="DB",
        help="attenuation of another charger on the line, in software",
    )
    parser.add_argument("--loss", type=number(0, 1), default=0.0, metavar="P", help="share of frames lost, 0 to 1")
    parser.add_argument(
        "--second-vehicle",
        type=FROM_ZERO,
        metavar="DB",
        help="attenuation from the charger to another vehicle on the line, in software, that matches over and over",
    )
    parser.add_argument(
        "--modem", metavar="NAME", default="qca7000", help="of both ends: qca7000, qca7420, qualcomm, cg5317 or generic"
    )
    parser.add_argument("--vehicle-modem", metavar="NAME", help="of the vehicle's end")
    parser.add_argument("--charger-modem", metavar="NAME", help="of the charger's end")
    parser.add_argument(
        "--fault", metavar="NAME", action="append", default=[], help="inject a fault listed below; repeatable"
    )
    parser.add_argument(
        "--lose", metavar="MESSAGE[=N]", action="append", default=[],
        help="lose the first N frames of a message, or all of them, e.g. CM_MNBC_SOUND.IND=3; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--power", metavar="END=FROM-TO", action="append", default=[],
        help="the modem of an end has no power during this time, s since the start, e.g. charger=0-10, vehicle=5-",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="seed of loss and noise (default 1)")
    parser.set_defaults(run="plugfest.tasks.slac_line:run")


def _faults() -> str:
    from slac.line_faults import FAULTS

    return "faults:\n" + "\n".join(f"  {name:<22}{fault.what}" for name, fault in FAULTS.items())
