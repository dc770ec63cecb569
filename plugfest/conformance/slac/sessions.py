"""SLAC cases that need a session on the link: amplitude maps before SDP, pauses and wake-ups, leaving at the end.

The tester does both: SLAC as in :mod:`.vehicle` and :mod:`.charger`, then a session as
in :mod:`~plugfest.conformance.secc.tester` and :mod:`~plugfest.conformance.evcc.tester`, on the link that came of it.
The system has to be on a bench with both, see :mod:`plugfest.conformance.sut.slac_sessions`. What each case does is in
`.sessions_secc` and `.sessions_evcc`, by area, family and number.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.slac import sessions_evcc as slac_sessions_evcc
from plugfest.conformance.slac import sessions_secc as slac_sessions_secc
from plugfest.conformance.sut.systems import PowerLine
from plugfest.conformance.verdict import NotExecutable, Result

if TYPE_CHECKING:
    from plugfest.conformance.sut.bench import Bench

Script = Callable[[Any, "Bench", Result], Awaitable[None]]


class Plan:
    """What such a run asks for."""

    def __init__(self, run: Run) -> None:
        """Raises NotExecutable: it cannot be carried out here."""
        match = re.fullmatch(r"TC_(?:SECC|EVCC)_(\w+?)_VTB_(\w+)_(\d+)", run.case.id)
        tables: Mapping[str, Mapping[tuple[str, str], Sequence[tuple[range, Script]]]]
        tables = {"secc": slac_sessions_secc.SCRIPTS, "evcc": slac_sessions_evcc.SCRIPTS}
        found: Sequence[tuple[range, Script]] = ()
        if match is not None:
            found = tables[run.case.sut].get((match[1], match[2]), ())
            self.script = next((script for numbers, script in found if int(match[3]) in numbers), None)
        if match is None or self.script is None:
            raise NotExecutable("needs SLAC and a V2G session together, not written yet")

    async def carry_out(self, system: PowerLine, bench: Bench, result: Result) -> None:
        """Reaches the state and runs the script.

        Raises:
            Failed, Inconclusive, NotExecutable: as it turned out.
        """
        if not hasattr(system, "session"):
            raise NotExecutable("this bench has a power line, but no network behind it")
        assert self.script is not None
        await self.script(system, bench, result)


__all__ = ["Plan", "Script"]
