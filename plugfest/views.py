"""Which view a bench asks for: live on a terminal, plain lines, JSON, or nothing."""

from __future__ import annotations

import asyncio
import sys

from plugfest.config.model import Bench
from plugfest.controls import Controls
from plugfest.lines import HEAD, Lines, Plant
from plugfest.telemetry import measure
from plugfest.view import Json, Quiet, View
from v2g.trace import Bounded, Event

CALM = 2.0
"""s within which repetitions of a loop are not shown as lines, unless all are wanted."""


def view(bench: Bench, title: str, controls: Controls, plant: Plant) -> View:
    """The view that a bench asks for: live on a terminal, otherwise plain lines, unless it says which.

    Args:
        title: what runs.
        controls: the plants, for the live view's numbers.
        plant: the numbers of a line.
    """
    if bench.json:
        return Json(bench.role)
    if bench.quiet:
        return Quiet(sys.stdout)
    if sys.stdout.isatty() and not (bench.plain or bench.all or bench.fast):
        from plugfest.live import LiveView

        target = controls.vehicle.battery.target_soc * 100.0 if controls.vehicle is not None else None
        return LiveView(title, lambda: measure(controls), target)
    heading = () if bench.role == "both" else HEAD  # those of demo and lab say more
    lines = Lines(plant, calm=0.0 if bench.all else CALM, heading=heading)
    start = asyncio.get_running_loop().time()

    def show(event: Event) -> None:
        lines(event, since=start)

    return View(Bounded(show), sys.stdout)
