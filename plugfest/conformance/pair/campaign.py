"""A campaign of scenarios: with our own roles in virtual time, or with a person at a real pair."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from plugfest.conformance.campaign.campaign import Campaign
from plugfest.conformance.campaign.evidence import evidence
from plugfest.conformance.campaign.storage import safe
from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.pics import Pics
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


def _nothing(run: Run, pics: Pics, observe: Observe) -> contextlib.AbstractAsyncContextManager[None]:
    return contextlib.nullcontext()


def outset(run: Run) -> Result:
    """The result of a run before it is judged."""
    case = run.case
    return Result(run.id, case=case.id, title=run.title, tags=list(case.tags))
