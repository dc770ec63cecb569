"""A run of the catalogue against our own role with a fault in place, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import Any

from faults.fault import Fault
from plugfest.conformance.campaign.execute import executable, execute
from plugfest.conformance.catalogue import Run, runs
from plugfest.conformance.catalogue.pics import Pics, satisfying
from plugfest.conformance.sut.own_system import FAST, bench_for, own_system
from plugfest.conformance.verdict import Result, Verdict
from plugfest.conformance.virtual import VirtualLoop

RUNS = {run.id: run for run in runs() if not executable(run)}


def one(run: Run, fault: Fault | None = None, **declared: Any) -> Result:
    """One run against our own role, with a fault in place, and what else is declared.

    Raises:
        RuntimeError: a task of the role broke down, which no case should be praised for.
    """
    pics = satisfying(run.case, Pics(FAST)).with_(**declared)
    broken: list[Any] = []

    async def main() -> Result:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context.get("exception")))
        async with own_system(run, pics, adjust=fault.adjust if fault else lambda system: None) as system:
            return await execute(run, system, bench_for(run, pics))

    with fault.in_place() if fault else contextlib.nullcontext(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        result = runner.run(main())
        if caught(result, fault):
            gc.collect()  # tells the loop of tasks that ended with an exception
    if broken:
        raise RuntimeError(f"{run.id} with {fault.name if fault else 'no fault'}: {broken[0]!r}")
    return result


def caught(result: Result, fault: Fault | None = None) -> bool:
    """A fault is caught by a failure; by a finding, too, where only our own reading forbids it: by fault or case."""
    reading = RUNS[result.run].case.lenient is not None or (fault is not None and fault.reading)
    return result.verdict is Verdict.FAIL or (reading and bool(result.findings))
