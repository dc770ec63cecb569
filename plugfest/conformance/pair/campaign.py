"""A campaign of scenarios: with our own roles in virtual time, or with a person at a real pair."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plugfest.conformance.campaign.campaign import Campaign
from plugfest.conformance.campaign.evidence import evidence
from plugfest.conformance.campaign.storage import safe
from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.pair import play
from plugfest.conformance.pair.attended import Bench
from plugfest.conformance.pair.evidence import Evidence
from plugfest.conformance.pair.guide import Guide
from plugfest.conformance.pair.judge import judge
from plugfest.conformance.pair.scenario import scenario
from plugfest.conformance.pair.unattended import carry_out, impossible
from plugfest.conformance.sut.own import EPOCH
from plugfest.conformance.verdict import Result
from plugfest.conformance.virtual import VirtualLoop
from v2g.trace import Observe

MEMORY = "plugfest's own vehicle and charger, in memory, virtual time"


def selected(runs: Iterable[Run]) -> tuple[list[Run], list[tuple[Run, str]]]:
    """The runs that our own roles can do, and the others with the reason."""
    chosen, left = [], []
    for run in runs:
        if run.case.fit != "emulator":
            left.append((run, "needs a real pair of vehicle and charger: see docs/pairs.md"))
        elif why := impossible(scenario(run.case)):
            left.append((run, why))
        else:
            chosen.append(run)
    return chosen, left


def answered(runs: Iterable[Run], bench: Bench) -> tuple[list[Run], list[tuple[Run, str]]]:
    """The runs that a person, or else the file of answers, can lead through, and the others with the reason."""
    chosen, left = [], []
    guide = bench.guide
    for run in runs:
        if bench.play is not None and run.case.fit != "emulator":
            left.append((run, "needs real equipment on both sides"))
        elif bench.play is not None and (why := play.impossible(scenario(run.case), bench.play)):
            left.append((run, why))
        elif guide.attended or run.case.id in guide.known:
            chosen.append(run)
        else:
            left.append((run, "the answers do not mention it, and there is no terminal"))
    return chosen, left


@dataclass
class OwnPairs(Campaign):
    """Scenarios with both of our own roles; use :func:`own`."""

    def _loop(self, run: Run, pics: Pics, observe: Observe, place: Path | None) -> Result:
        made, result = scenario(run.case), outset(run)
        with contextlib.ExitStack() as stack:
            observers = [observe]
            for number in range(2, made.ports + 1):
                other = self.folder / "cases" / safe(run.id) / f"port-{number}"
                other.mkdir(exist_ok=True)
                observers.append(stack.enter_context(evidence(other, EPOCH, "both")))
            runner = stack.enter_context(asyncio.Runner(loop_factory=VirtualLoop))
            found = runner.run(carry_out(made, observers, seed=self.seed))
            result.seconds = round(runner.get_loop().time(), 3)
        judge(result, made, found, run.case.rule)
        return result


def own(folder: Path, *, name: str = "", part: str = "") -> OwnPairs:
    """A campaign with both of our own roles.

    Args:
        part: end of the names of this process' own files, where several share the folder.
    """
    return OwnPairs(folder, _nothing, Pics(), virtual=True, info={"system": name or MEMORY}, part=part)


ALL_DAY = 24 * 3600.0
"""s: a person is not hurried."""


@dataclass
class RealPairs(Campaign):
    """Scenarios with a real pair and a person; use :func:`real`."""

    watched: Bench = field(default_factory=lambda: Bench(Guide()))

    def expected(self, run: Run) -> float:
        return scenario(run.case).seconds

    def run(self, runs: Sequence[Run], *, rerun_failed: bool = False) -> dict[str, Result]:
        """As for any campaign; the dialogue reports what is in progress."""
        tell = self.tell
        self.tell = lambda progress: tell(progress) if progress.result is not None else None
        return super().run(runs, rerun_failed=rerun_failed)

    def _loop(self, run: Run, pics: Pics, observe: Observe, place: Path | None) -> Result:
        made, result = scenario(run.case), outset(run)
        folder = self.folder / "cases" / safe(run.id)

        self.watched.seed = self.seed

        async def main() -> Evidence:
            return await self.watched.carry_out(run.case, made, folder, observe)

        began = time.monotonic()
        try:
            with asyncio.Runner() as runner:
                found = runner.run(main())
        finally:
            self.watched.guide.keep()
        judge(result, made, found, run.case.rule)
        result.seconds = round(time.monotonic() - began, 3)
        return result


def real(folder: Path, bench: Bench, *, name: str = "", part: str = "") -> RealPairs:
    """A campaign with a real pair, a person or a file of answers, and a recording of the line."""
    if bench.play is not None:
        ours = {"evcc": "vehicle", "secc": "charger"}[bench.play.side]
        info = {"system": name or "a pair", "watched": f"plugfest is the {ours}, at {bench.play.interface}"}
        return RealPairs(
            folder, _nothing, Pics(), info=info, part=part, longest=ALL_DAY, watched=bench, role=bench.play.side
        )
    where = ", ".join(bench.interfaces)
    info = {
        "system": name or "a vehicle and a charger",
        "watched": f"the line at {where}" if where else "recordings that were handed in",
    }
    interface = bench.interfaces[0] if bench.interfaces else ""
    return RealPairs(
        folder,
        _nothing,
        Pics(),
        info=info,
        part=part,
        longest=ALL_DAY,
        watched=bench,
        interface=interface,
        traffic=False,
    )


def _nothing(run: Run, pics: Pics, observe: Observe) -> contextlib.AbstractAsyncContextManager[None]:
    return contextlib.nullcontext()


def outset(run: Run) -> Result:
    """The result of a run before it is judged."""
    case = run.case
    return Result(run.id, case=case.id, title=run.title, tags=list(case.tags))
