"""The table in which the scripts register under the ids of their cases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Result

Script = Callable[[TesterEvse, Run, Result], Awaitable[None]]
"""Gets the tester charger, the run (whose ``variant`` it reads) and the result to write to."""

SCRIPTS: Table[Script] = Table()

SETUP = timer("V2G_EVCC_CommunicationSetup_Timeout")
"""s for which a vehicle tries to set up a session."""
