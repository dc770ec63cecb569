"""Examines one end of a power line, from the modem up to a matching."""

from __future__ import annotations

import argparse
import asyncio

from plugfest import pilots, slac_doctor
from plugfest.tasks import slac_run
from slac.link import open_link

PROBLEM = 1


def run(args: argparse.Namespace) -> int:
    with pilots.user_errors():
        return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
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
