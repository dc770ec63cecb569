"""Cases with a vehicle under test that the vocabulary cannot express: small scripts under the same ids.

A script gets the tester charger, which is already serving, the run (whose ``variant`` it reads) and the result to write
to; the script itself plugs the vehicle in. It raises :class:`.Failed` if the vehicle is wrong.
"""

from plugfest.conformance.evcc.scripts import (
    codes20,
    contract,
    contract20,
    dc,
    discovery,
    dynamic20,
    grid20,
    iso20,
    loop,
    lowered,
    misfit,
    parking20,
    power,
    resume,
    schedules,
    session,
    setup,
    tls,
    tls20,
    wrong,
)
from plugfest.conformance.evcc.scripts.table import SCRIPTS, Script

__all__ = [
    "SCRIPTS", "Script", "codes20", "contract", "contract20", "dc", "discovery", "dynamic20", "grid20", "iso20", "loop",
    "lowered", "misfit", "parking20", "power", "resume", "schedules", "session", "setup", "tls", "tls20", "wrong",
]  # fmt: skip
