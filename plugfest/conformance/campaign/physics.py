"""The watch of a run: plant and pilot are read while it goes on, and what it found is taken into the result."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from plugfest.conformance.campaign.judge import done
from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Severity
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Judged, Result, Verdict
from plugfest.conformance.watch.line_watch import LineWatch
from plugfest.conformance.watch.watch import Watch


@contextlib.asynccontextmanager
async def watched(watch: Watch, tester: TesterEv | TesterEvse) -> AsyncIterator[None]:
    """While the context is open, plant and pilot of a run are watched."""
    watch.measure = tester.measured
    if isinstance(tester, TesterEv):
        watch.line = lambda: tester.system.pilot.state
        watch.secure = lambda: tester.wire.session.channel.secure if tester.wire is not None else None
    end = tester.system.pilot.subscribe(watch.pilot)
    try:
        async with watch.reading():
            yield
    finally:
        end()


def judge_watched(result: Result, watch: Watch | LineWatch, run: Run) -> None:
    """Takes what the watch found into the result: a violation fails the run, whatever the case is about."""
    for violation in watch.violations.values():
        judged = Judged(did=done(run), what=violation.text, expected=violation.rule, rule=violation.source)
        if violation.fails and result.verdict in (Verdict.PASS, Verdict.INCONC):
            result.verdict, result.cause, result.judged = Verdict.FAIL, violation.cause, judged
            result.reason, result.look = str(judged), ""
        else:
            result.find(str(judged), Severity.READING)
