"""One run of a case against one system: plan, execute, judge, clean up. There is always a result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from plugfest.conformance.campaign.judge import Said, complete, judge
from plugfest.conformance.campaign.physics import judge_watched, watched
from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.protocols import spoken
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.plan import plan as plan_evcc
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.secc.generations import new_tester
from plugfest.conformance.secc.plan import plan as plan_secc
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.slac import cases as slac_cases
from plugfest.conformance.slac import sessions as slac_sessions
from plugfest.conformance.stimulus import source
from plugfest.conformance.stops import cause_of
from plugfest.conformance.sut.bench import Bench
from plugfest.conformance.sut.systems import Anywhere, PowerLine
from plugfest.conformance.verdict import Failed, NotExecutable, Result, Stop, Verdict
from plugfest.conformance.watch.judgement import Side
from plugfest.conformance.watch.line_watch import LineWatch
from plugfest.conformance.watch.watch import Watch
from slac.errors import SlacError
from slac.pilot_board import PilotError
from v2g.errors import ConnectionLost, V2GError
from v2g.trace import fan_out

LONGEST = 1800.0
"""s: no case takes longer on the bench's clock."""


def executable(run: Run) -> str:
    """Why a run cannot be executed by this tester, or ""."""
    try:
        plan(run)
    except NotExecutable as why:
        return str(why)
    return ""


def plan(run: Run) -> Any:
    """The plan of a run.

    Raises:
        NotExecutable: this tester cannot do what it asks for.
    """
    case = run.case
    if case.sut == "pair":
        raise NotExecutable("needs a real pair of vehicle and charger")
    if run.protocol == "slac":
        return slac_sessions.Plan(run) if run.with_session else slac_cases.Plan(run)
    return plan_secc(run) if case.sut == "secc" else plan_evcc(run)


async def execute(run: Run, system: Anywhere, bench: Bench) -> Result:
    """Runs a case. Raises nothing but cancellation."""
    case, loop = run.case, asyncio.get_running_loop()
    result = Result(
        run.id,
        case=case.id,
        protocol=run.protocol,
        title=run.title,
        requirements=list(case.requirements),
        tags=list(case.tags),
        seed=bench.seed,
    )
    started, said = loop.time(), Said()
    side: Side = "secc" if case.sut == "secc" else "evcc"
    watch, line = Watch(side, bench.pics, bench.pics.ac), LineWatch(side, bench.pics, bare=run.protocol == "slac")
    bench = replace(bench, observe=fan_out(bench.observe, said, watch, line))
    tester: Any = None
    try:
        made = plan(run)
        if run.protocol == "slac":
            await _slac(made, system, bench, result, line)
            return result
        protocol = spoken(run.protocol)
        new: Callable[..., TesterEv | TesterEvse] = new_tester if case.sut == "secc" else TesterEvse
        tester = new(system, bench.pics, protocol, bench.observe, source(bench.seed, run.id), bench.tls)
        if bench.certificates is not None:
            tester.take(bench.certificates)
        async with asyncio.timeout(LONGEST), watched(watch, line, tester):
            await made.carry_out(tester, result)
        result.verdict = max(result.verdict, Verdict.PASS)
    except NotExecutable as why:
        result.verdict, result.reason = Verdict.NONE, f"not executable: {why}"
    except Stop as why:
        judge(result, why, run, said.since(loop.time(), why))
    except TimeoutError:
        result.verdict, result.reason = Verdict.ERROR, f"the case did not end within {LONGEST:g} s"
        result.cause = Cause.HUNG
    except ConnectionLost as why:  # unless a script expects it, the system closed too early
        early = Failed(
            f"the {'charger' if case.sut == 'secc' else 'vehicle'} closed the connection while the tester was sending",
            cause=Cause.CLOSED, expected="an open connection", observed=str(why),
        )  # fmt: skip
        judge(result, early, run, said.since(loop.time()))
    except (V2GError, SlacError, OSError, ValueError, LookupError, TypeError, AttributeError) as why:
        result.verdict, result.reason = Verdict.ERROR, f"{type(why).__name__}: {why}"
        result.cause = cause_of(why) if isinstance(why, (V2GError, SlacError, OSError, PilotError)) else Cause.TESTER
        result.look = result.cause.meaning.look
    finally:
        result.seconds = round(loop.time() - started, 3)
        complete(result, run)
        if tester is not None:
            try:
                async with asyncio.timeout(60.0):
                    await tester.leave()
            except (TimeoutError, V2GError, OSError) as why:
                result.find(f"the tester could not leave the system cleanly: {why}")
        for one in (watch, line):
            judge_watched(result, one, run)
    return result


async def _slac(
    made: slac_cases.Plan | slac_sessions.Plan, system: Anywhere, bench: Bench, result: Result, line: LineWatch
) -> None:
    if not isinstance(system, PowerLine):
        raise NotExecutable("this bench has no power line")
    async with asyncio.timeout(LONGEST):
        with line.reading(system.pilot):
            if isinstance(made, slac_sessions.Plan):
                await made.carry_out(system, bench, result)
            else:
                await made.carry_out(system, result, bench.observe, bench.seed)
    result.verdict = max(result.verdict, Verdict.PASS)
