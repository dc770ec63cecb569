"""The table in which the scripts register under the ids of their cases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Result

Script = Callable[[TesterEv, Run, Result], Awaitable[None]]
"""Gets the tester vehicle, the run (whose ``variant`` it reads) and the result to write to."""

SCRIPTS: Table[Script] = Table()

SETUP = timer("V2G_SECC_CommunicationSetup_Performance_Time")
"""s within which a session must be set up."""
