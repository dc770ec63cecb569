"""``plugfest slac doctor``: what is wrong between this host and a link, from the interface up."""

from __future__ import annotations

import argparse
from typing import Any

from plugfest.arguments import FROM_ZERO
from plugfest.commands import slac_run

_DESCRIPTION = """\
Checks the interface, the modem, its role and key, then takes part in a matching as vehicle or charger (--role), or
watches one, and reports each step with times against the limits of ISO 15118-3, the attenuation per group, where it
stopped, the likely cause and what to try; then whether IPv6 is ready on the link. Exit code 0: all is well; 1: not.
"""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="find out why matching fails",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    slac_run.add_options(parser)
    parser.add_argument(
        "--role", choices=("ev", "evse", "watch"), default="watch", help="take part, or watch (the default)"
    )
    parser.add_argument(
        "--within", type=FROM_ZERO, default=30.0, metavar="S", help="give up after this time (default 30)"
    )
    parser.set_defaults(run="plugfest.tasks.slac_doctor:run")
