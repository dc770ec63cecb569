"""``plugfest slac doctor``: what is wrong between this host and a link, from the interface up."""

from __future__ import annotations

import argparse
from typing import Any

from plugfest.commands import slac_run

PROBLEM = 1

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
    parser.add_argument("--within", type=float, default=30.0, metavar="S", help="give up after so long (default 30)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import asyncio

    from plugfest import pilots

    with pilots.user_errors():
        return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    from plugfest import slac_doctor
    from slac.link import open_link

    settings = slac_doctor.Settings(
        role=args.role, pilot=args.pilot, within=args.within, modem=args.modem, strict=args.strict,
        timing=slac_run.timing(args),
    )  # fmt: skip
    link = open_link(args.interface)  # missing, down, no carrier, no rights: one line
    try:
        well = await slac_doctor.examine(link, settings, slac_run.Reporter(settings.timing))
        return 0 if well and await slac_doctor.ipv6(args.interface) else PROBLEM
    finally:
        link.close()
