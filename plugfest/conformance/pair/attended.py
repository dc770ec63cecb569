"""A scenario with a real pair: a person is guided, the line is recorded, and both become evidence."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plugfest.conformance.catalogue import Case
from plugfest.conformance.cause import Cause
from plugfest.conformance.pair import line
from plugfest.conformance.pair.evidence import Act, Evidence
from plugfest.conformance.pair.guide import Guide, Unanswered
from plugfest.conformance.pair.play import End, Played
from plugfest.conformance.pair.scenario import Do, Scenario, Until, Wait
from plugfest.traces.errors import RecordingError
from v2g.trace import Event, Observe

SETTLES = 3.0
"""s after the last step for which the line is still recorded."""


@dataclass
class Bench:
    """How a real pair is watched.

    Attributes:
        guide: of the person.
        interfaces: recorded, one per port; none: files are handed in.
        key_log: TLS secrets, or None.
        play: which end is ours, or None; nothing is recorded then but what it hears.
        seed: of our end.
    """

    guide: Guide
    interfaces: Sequence[str] = ()
    key_log: Path | None = None
    play: Played | None = None
    seed: int = 1

    async def carry_out(self, case: Case, made: Scenario, place: Path, observe: Observe) -> Evidence:
        """A scenario with a person; gives what it leaves behind."""
        known, given = self.guide.answers(made.id)
        if not self.interfaces and self.play is None and known.over(made):
            given.done, given.captures = dict(known.done), list(known.captures)
            given.prepared, given.asked, given.ended = known.prepared, dict(known.asked), known.ended
            acts = [_at(step, float(known.done[step.mark])) for step in made.steps if isinstance(step, Do)]
            return self._evidence(made, acts, place, known.captures, float(known.ended or 0.0), dict(known.asked))
        if self.interfaces and len(self.interfaces) < made.ports:
            return Evidence([], unable=f"it has {made.ports} ports, and {len(self.interfaces)} interface is recorded")
        try:
            if self.play is None:
                return await self._guided(case, made, place, observe)
            async with self.play.open(made, observe, self.seed) as end:
                return await self._guided(case, made, place, observe, end)
        except Unanswered as why:
            return Evidence([], unable=str(why))

    async def _guided(
        self, case: Case, made: Scenario, place: Path, observe: Observe, end: End | None = None
    ) -> Evidence:
        guide, acts = self.guide, list[Act]()
        if why := await guide.prepare(case, made):
            return Evidence([], unable=why)
        with line.recording(place, self.interfaces[: made.ports], made.id):
            for step in made.steps:
                match step:
                    case Wait():
                        await guide.pause(step)
                    case Until():
                        await guide.until(step, lambda step: self._seen(step, acts, place, end))
                    case Do():
                        ours = end is not None and end.does(step)
                        when, why = (guide.does(step), "") if ours else await guide.act(made, step)
                        if when is None:
                            return Evidence([], unable=why)
                        acts.append(_at(step, when))
                        if end is not None:
                            await end.do(step)
                        observe(Event(asyncio.get_running_loop().time(), "bench", "act", note=step.mark))
            until = time.time()
            answers = {}
            for expected in made.expected:
                if expected.verb == "asked" and (said := await guide.ask(made, expected.value)) is not None:
                    answers[expected.value] = said
            if self.interfaces:
                await asyncio.sleep(SETTLES)
        guide.answers(made.id)[1].ended = until
        if end is not None:
            return Evidence([end.port(acts, until)], answers)
        files = []
        if not self.interfaces:
            files = await guide.captures(made, lambda path: self._unfit(path, acts, until))
        return self._evidence(made, acts, place, files, until, answers)

    def _seen(self, step: Until, acts: Sequence[Act], place: Path, end: End | None) -> bool:
        """Whether a phase is in what was recorded so far, after the last act."""
        if not self.interfaces and end is None:
            return False
        with contextlib.suppress(RecordingError, OSError):
            if end is not None:
                port = end.port(acts, time.time())
            else:
                port = line.port(line.recorded(place, step.port), self.key_log, acts, time.time())
            since = port.at(acts[-1].mark, 0.0) if acts else 0.0
            return port.reached(step.phase, since, port.end) is not None
        return False

    def _unfit(self, path: Path, acts: Sequence[Act], until: float) -> str:
        """Why a recording cannot be judged, or ""."""
        try:
            line.port(path, self.key_log, acts, until)
        except (RecordingError, OSError) as why:
            return str(why)
        return ""

    def _evidence(
        self, made: Scenario, acts: Sequence[Act], place: Path, files: Sequence[Path], until: float,
        answers: dict[str, bool],
    ) -> Evidence:  # fmt: skip
        try:
            paths = list(files) or [line.recorded(place, port) for port in range(1, made.ports + 1)]
            ports = [line.port(path, self.key_log, acts, until) for path in paths]
            line.keep(files, place)
        except (RecordingError, OSError) as why:
            return Evidence([], unable=str(why), cause=Cause.NOT_RECORDED)
        return Evidence(ports, answers)


def _at(step: Do, when: float) -> Act:
    return Act(step.mark, when, step.port)
