"""The watch of a run: reads plant and pilot while the run goes on, and adds what it found to the result."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from boundary.text import clause
from pki.profiles import Role
from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.narrative import done
from plugfest.conformance.cause import Severity
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Judged, Result, Verdict
from plugfest.conformance.watch.line_watch import LineWatch
from plugfest.conformance.watch.papers import Known
from plugfest.conformance.watch.violation import Violation
from plugfest.conformance.watch.watch import Watch
from v2g.credentials import common_name, read


@contextlib.asynccontextmanager
async def watched(watch: Watch, line: LineWatch, tester: TesterEv | TesterEvse) -> AsyncIterator[None]:
    """Watches plant and pilot of a run while the context is open."""
    pilot = tester.system.pilot
    watch.measure = tester.measured
    if isinstance(tester, TesterEv):
        watch.line = lambda: pilot.state
        watch.secure = lambda: tester.wire.session.channel.secure if tester.wire is not None else None
    else:
        watch.known = lambda: _known(tester)
    end = pilot.subscribe(watch.pilot)
    if pilot.reading.state is not None:
        watch.pilot(pilot.reading)
    try:
        with line.reading(pilot) if isinstance(tester, TesterEv) else contextlib.nullcontext():
            async with watch.reading():
                yield
    finally:
        end()


def _known(tester: TesterEvse) -> Known:
    """What a bench knows about certificate authorities, and about the vehicle that has connected."""
    bench, connection = tester.taken, tester.wires[-1].channel.tls if tester.wires else None
    shown = common_name(read(connection.peer_chain[0])) if connection is not None and connection.peer_chain else ""
    if bench is None:
        return Known(vehicle=shown)
    subs = bench.store.of_role(Role.MO_SUB1, Role.MO_SUB2)
    roots = bench.store.of_role(Role.V2G_ROOT)
    return Known(
        frozenset(entry.certificate.subject for entry in subs),
        frozenset(entry.certificate.serial_number for entry in roots),
        shown,
    )


def judged(violation: Violation, did: str = "") -> Judged:
    """What a verdict says about a violation."""
    return Judged(did=did, what=violation.text, expected=violation.rule, rule=violation.source)


_APART = {Verdict.PASS: "the case passed", Verdict.INCONC: "the case was inconclusive"}
"""What a case came to by itself, in words."""


def judge_watched(result: Result, watch: Watch | LineWatch, run: Run) -> None:
    """Adds what the watch found to the result: a violation fails the run, whatever the case tests."""
    failing: list[Violation] = []
    for violation in watch.violations.values():
        if violation.fails:
            result.broken.append(judged(violation))
        if violation.fails and result.verdict in (Verdict.PASS, Verdict.INCONC):
            failing.append(violation)
        else:
            result.find(str(judged(violation, done(run))), Severity.NOTE if violation.allowed else Severity.READING)
    if failing:
        _fail(result, failing, done(run))


def _fail(result: Result, failing: list[Violation], did: str) -> None:
    """Fails a run for what was broken in it, all of which its reason says; then what the case came to by itself."""
    result.itself = result.verdict
    result.verdict, result.cause, result.judged = Verdict.FAIL, failing[0].cause, judged(failing[0], did)
    said = [str(result.judged), *(f"moreover, {clause(str(judged(one)))}" for one in failing[1:])]
    apart = f"apart from that, {_APART[result.itself]}{': ' * bool(result.reason)}{clause(result.reason)}"
    result.reason, result.look = "; ".join([*said, apart]), ""
