"""A campaign with a pair: our own roles, or a real vehicle at a real charger with a person at the bench."""

from __future__ import annotations

import argparse
from pathlib import Path

from plugfest.conformance.campaign.campaign import Campaign
from plugfest.conformance.catalogue import Run
from plugfest.conformance.pair import campaign as pairs
from plugfest.errors import UserError

ONE_SIDE = ("pics", "command", "reset_command", "pki", "address", "port", "slac", "action")
"""Options of the bench of one side, which a pair has none of."""


def campaign(
    args: argparse.Namespace, folder: Path, runs: list[Run], part: str
) -> tuple[Campaign, list[Run], list[tuple[Run, str]]]:
    """A campaign with a pair, the runs that are executed, and the others with the reason."""
    if given := next((name for name in ONE_SIDE if getattr(args, name)), ""):
        raise UserError(f"--{given.replace('_', '-')} is for one side under test, not for --sut pair")
    todo, left = pairs.selected(runs)
    return pairs.own(folder, name=args.name or "", part=part), todo, left


def refuse(args: argparse.Namespace) -> None:
    """Refuses options of pairs where one side is tested."""
