"""Cases with a charger under test that the vocabulary cannot express: small scripts under the same ids.

A script gets the tester vehicle, the run (whose ``variant`` it reads) and the result to write to. It raises
:class:`~plugfest.conformance.verdict.Failed` if the charger is wrong.
"""

from plugfest.conformance.secc.scripts import (
    again,
    charging,
    codes20,
    content,
    discovery,
    iso20,
    leaving,
    order,
    patience,
    pausing,
    power,
    power20,
    power_ac,
    power_limits,
    receipts,
    setup,
    stopping,
    tls,
    transport,
    unwell,
)
from plugfest.conformance.secc.scripts.table import SCRIPTS, Script

__all__ = [
    "SCRIPTS",
    "Script",
    "again",
    "charging",
    "codes20",
    "content",
    "discovery",
    "iso20",
    "leaving",
    "order",
    "patience",
    "pausing",
    "power",
    "power20",
    "power_ac",
    "power_limits",
    "receipts",
    "setup",
    "stopping",
    "tls",
    "transport",
    "unwell",
]
