"""After an unplug: whether the charger goes on with the session."""

from __future__ import annotations

import asyncio

from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Result
from v2g.status import refuses


async def over(tester: TesterEv, result: Result, wait: float) -> None:
    """After an unplug, the charger does not go on with the session; if it does, that is a finding.

    Args:
        wait: s until the tester asks again.
    """
    await asyncio.sleep(wait)
    seen = "closed"
    if tester.connection.closed_at is None:
        await tester.send(tester.make(tester.loop_request))
        arrival = await tester.connection.next(tester.timeout(tester.loop_request))
        seen = "no answer" if arrival is None else f"{arrival.name} {arrival.code}"
        if arrival is not None and not refuses(arrival.code):
            result.find(
                f"the charger answers {seen} {wait:g} s after it was unplugged: the session goes on",
                Severity.READING, Cause.ACCEPTED,
            )  # fmt: skip
    result.saw(f"the session over {wait:g} s after the unplug", seen)
