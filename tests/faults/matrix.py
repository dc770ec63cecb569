"""Which cases catch which fault: ``python -m faults.matrix > ../docs/faults.md``, run in ``tests/``.

Every fault is tried with the families of the cases named for it. A case that nothing has failed by then is tried with
the other faults too, until one fails it; so what stays in the list at the end was tried with every fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from faults import FAULTS, Fault
from plugfest.conformance.campaign.execute import executable, execute
from plugfest.conformance.catalogue import Run, runs
from plugfest.conformance.catalogue.pics import Pics, satisfying
from plugfest.conformance.sut.own_system import FAST, bench_for, own_system
from plugfest.conformance.verdict import Result, Verdict
from plugfest.conformance.virtual import VirtualLoop

BY_NAME = {fault.name: fault for fault in FAULTS}
RUNS = {run.id: run for run in runs() if not executable(run)}
SHOWN = 6
"""Cases named in a row of the table."""


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


def catches(run: Run, fault: Fault) -> bool:
    """Whether a run catches a fault."""
    try:
        return caught(one(run, fault), fault)
    except Exception:  # noqa: BLE001 - a fault may break the role in any way; then this run says nothing
        return False


def _of_its_families(fault: Fault) -> list[Run]:
    families = {(RUNS[name].case.file, RUNS[name].case.family) for name in fault.caught_by}
    return [run for run in RUNS.values() if run.case.sut == fault.sut and (run.case.file, run.case.family) in families]


def catching(name: str) -> list[str]:
    """The runs of its families that catch a fault."""
    return [run.id for run in _of_its_families(BY_NAME[name]) if catches(run, BY_NAME[name])]


def first_catch(run_id: str, names: Sequence[str]) -> str:
    """The first of these faults that fails a run, or ""."""
    return next((name for name in names if catches(RUNS[run_id], BY_NAME[name])), "")


def matrix() -> dict[str, list[str]]:
    """Which runs catch which fault. Faults that fail many runs are tried first with those that are left."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(BY_NAME, pool.map(catching, BY_NAME), strict=True))
        _say(f"{len(found)} faults tried with their families")
        left = {sut: _idle(found, sut) for sut in ("secc", "evcc")}
        order = sorted(FAULTS, key=lambda fault: -len(found[fault.name]))
        for sut, idle in left.items():
            names = [fault.name for fault in order if fault.sut == sut]
            for place, (run, name) in enumerate(
                zip(idle, pool.map(first_catch, [run.id for run in idle], [names] * len(idle)), strict=True), 1
            ):
                if name:
                    found[name].append(run.id)
                _say(f"{sut} {place}/{len(idle)} {run.id}: {name or 'no fault fails it'}")
    return found


def _idle(found: dict[str, list[str]], sut: str) -> list[Run]:
    busy = {name for names in found.values() for name in names}
    return [run for run in RUNS.values() if run.case.sut == sut and run.id not in busy]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def page(found: dict[str, list[str]]) -> str:
    """The page of the docs."""
    lines = [
        "# Seeded faults and the cases that catch them",
        "",
        "Made by `python -m faults.matrix > ../docs/faults.md` in `tests/`; do not edit. Each fault is put into our",
        "own role, and the cases of the families that are named for it run against it in virtual time; a case that",
        "failed with none of them was tried with every other fault, until one failed it.",
        "A case catches a fault with the verdict fail; with a finding, too, where only our own reading forbids it.",
        "",
        f"{len(FAULTS)} faults.",
        "",
        "| fault | in | what is wrong | caught by |",
        "|---|---|---|---|",
    ]
    for fault in FAULTS:
        names = list(dict.fromkeys([*fault.caught_by, *found[fault.name]]))
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
        lines.append(f"| {fault.name} | {fault.sut} | {fault.text} | {shown}{more} |")
    idle = [run for sut in ("secc", "evcc") for run in _idle(found, sut)]
    lines += ["", "## Cases that none of these faults fails", "", f"{len(idle)} of {len(RUNS)} runs:", ""]
    lines += [f"- `{run.id}` {run.title}" for run in idle]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(matrix()), end="")
