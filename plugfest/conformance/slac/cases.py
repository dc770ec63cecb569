"""A run of a SLAC case: its precondition, then what its family does; with the tester in the other role.

Families are in `.secc` and `.evcc` with their ``_link`` and ``_pilot`` parts, and in
`.both`; the steps that they are made of in `.vehicle` and `.charger`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from plugfest.conformance.catalogue import Run
from plugfest.conformance.slac import charger as slac_charger
from plugfest.conformance.slac import evcc as slac_evcc
from plugfest.conformance.slac import more_evcc, more_secc
from plugfest.conformance.slac import secc as slac_secc
from plugfest.conformance.slac import vehicle as slac_vehicle
from plugfest.conformance.slac.charger import Charger
from plugfest.conformance.slac.vehicle import Vehicle
from plugfest.conformance.sut.systems import LineToCharger, LineToVehicle, PowerLine
from plugfest.conformance.verdict import NotExecutable, Result
from v2g.trace import Observe


class Plan:
    """What a run asks for."""

    def __init__(self, run: Run) -> None:
        """Raises NotExecutable: it cannot be carried out here."""
        words = " ".join(run.case.preconditions)
        if run.with_session:
            raise NotExecutable("needs SLAC and a V2G session together")
        self.charger = run.case.sut == "secc"
        states = slac_vehicle.STATES if self.charger else slac_charger.STATES
        self.state = next((name for name in states if name in words), "")
        self.pilot = run.case.pilot
        # A card makes the duty nominal before the link is there, where the case does not show it itself.
        self.paid = self.state == "LINK" and "PICS_SECC_CMN_EIMDone == afterPlugin" in run.case.select
        self.second = run.case.evse_nodes > 1
        self.steps = [dict(step) for step in run.steps[0]]
        self.script: Any = _script(run)
        self.own: Any = more_secc.SCRIPTS.get(run.case.id) or more_evcc.SCRIPTS.get(run.case.id)
        self.run = run
        if (self.script is None and self.own is None) or not self.state:
            raise NotExecutable("not written yet for SLAC")

    async def carry_out(self, system: PowerLine, result: Result, observe: Observe, seed: int) -> None:
        """Reaches the state and runs the script.

        Raises:
            Failed, Inconclusive, NotExecutable: as it turned out.
        """
        if self.charger:
            ev = Vehicle(cast(LineToCharger, system), result, observe, seed)
            async with ev.open():
                await ev.reach(self.state, paid=self.paid)
                await self._play(ev)
            return
        post = Charger(cast(LineToVehicle, system), result, observe, seed)
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(post.open())
            if self.second:
                post.beside = await stack.enter_async_context(post.another())
            await post.reach(self.state, self.pilot)
            await self._play(post)

    async def _play(self, tester: Vehicle | Charger) -> None:
        if self.own is not None:
            await self.own(tester, self.run)
        else:
            await self.script(tester, self.steps)


def _script(run: Run) -> Any:
    """What the family of a case does, by its area, name and number."""
    match = re.fullmatch(r"TC_(?:SECC|EVCC)_(\w+?)_VTB_(\w+)_(\d+)", run.case.id)
    if match is None:
        return None
    area, family, number = match.groups()
    tables: dict[str, Mapping[tuple[str, str], Sequence[tuple[range, Any]]]]
    tables = {"secc": slac_secc.SCRIPTS, "evcc": slac_evcc.SCRIPTS}
    found = tables[run.case.sut].get((area, family), ())
    return next((script for numbers, script in found if int(number) in numbers), None)
