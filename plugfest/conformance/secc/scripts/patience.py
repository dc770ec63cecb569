"""A vehicle that takes its time between two messages, but less than the charger has to wait, is served."""

from __future__ import annotations

from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result

SPARE = 5.0
"""s that are left of the charger's timer, for whatever counts from another moment: messages on their way, the link."""


@SCRIPTS.on("PF_SECC_ISO2_Patience", "PF_SECC_DIN_Patience")
async def patience(tester: TesterEv, run: Run, result: Result) -> None:
    """A timer ends the session when it has run out, not before: until then the next request is answered."""
    state, name = str(run.variant["after"]), str(run.variant["timer"])
    await tester.until(state)
    began, from_what = tester.now, f"after {state}"
    if "CommunicationSetup" in name:
        began, from_what = tester.link_up, "after the link came up"
    await tester.connection.until_closed(max(began + timer(name) - SPARE - tester.now, 0.0))
    line, waited = tester.kind.line, tester.now
    try:
        for following in line[line.index(state) + 1 :]:
            await tester.until(following)
            if tester.connection.sent_at >= waited:  # some steps send nothing
                break
    except Inconclusive as why:
        closed = tester.connection.closed_at
        if closed is None:
            raise
        raise Failed(
            f"the charger closed the connection {closed - began:.0f} s {from_what}", cause=Cause.TOO_EARLY,
            expected=f"the next request is awaited for {timer(name):g} s", observed=str(why),
        ) from why  # fmt: skip
    result.saw("the next request is answered", f"{tester.now - began:.0f} s {from_what}")
