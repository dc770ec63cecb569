"""Cases with a vehicle under test that the vocabulary cannot express: small scripts under the same ids.

A script gets the tester charger, which is serving already, the run (whose ``variant`` it looks into) and the result to
write into; it plugs the vehicle in itself. It raises :class:`~conformance.verdict.Failed` where the vehicle is wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from conformance.catalogue import Run
from conformance.tester_evse import TesterEvse
from conformance.verdict import Result

Script = Callable[[TesterEvse, Run, Result], Awaitable[None]]

SCRIPTS: dict[str, Script] = {}

VAS = 62001
"""ServiceID of the additional service that the tester offers."""


def value_added(tester: TesterEvse) -> Any:
    """The additional service that the tester offers."""
    from v2g.messages import iso2

    return iso2.ServiceType(ServiceID=VAS, ServiceCategory="OtherCustom", FreeService=True)


def lacking(run: Run) -> str:
    """What this tester lacks for a run that has a script, or ""."""
    return ""
