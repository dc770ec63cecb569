"""Cases with a charger under test that the vocabulary cannot express: small scripts under the same ids.

A script gets the tester vehicle, the run (whose ``variant`` it looks into) and the result to write into. It raises
:class:`~conformance.verdict.Failed` where the charger is wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from conformance.catalogue import Run
from conformance.tester_ev import TesterEv
from conformance.verdict import Result

Script = Callable[[TesterEv, Run, Result], Awaitable[None]]

SCRIPTS: dict[str, Script] = {}


def lacking(run: Run) -> str:
    """What this tester lacks for a run that has a script, or ""."""
    return ""
