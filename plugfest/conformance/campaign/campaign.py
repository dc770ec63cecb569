"""A campaign: many runs against one system, into a folder that survives whatever happens.

Each result is a line of ``results.jsonl``, written and synced as soon as it exists; the trace of each run is beside it.
An interrupted campaign resumes where it stopped; failed runs can be run again; shards write files of their own into the
same folder, or into folders that are merged later. The report is made from the files only.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import os
import platform
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from boundary.text import clause, dumps
from boundary.write import write
from plugfest.conformance.campaign.evidence import capture, evidence, may_capture
from plugfest.conformance.campaign.execute import executable, execute
from plugfest.conformance.campaign.storage import INFO, RESULTS, read_results, safe
from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.catalogue.pics import Pics, excluded, satisfying, save
from plugfest.conformance.cause import Cause, Side
from plugfest.conformance.stops import cause_of
from plugfest.conformance.sut.bench import Bench
from plugfest.conformance.sut.own import EPOCH
from plugfest.conformance.verdict import Result, Verdict
from plugfest.conformance.virtual import VirtualLoop
from slac.errors import SlacError
from v2g.errors import V2GError
from v2g.trace import Observe, fan_out

AGAIN = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONC)
"""Verdicts that ``--rerun-failed`` runs again."""

PATIENCE = 5
"""Number of consecutive runs without any message from the system before the campaign reports it."""

MARGIN = 300.0
"""s beyond a run's estimate before it is ended by force."""


class Interrupted(Exception):
    """The person at the bench stopped the campaign; what is done is on disk."""


@dataclass(frozen=True)
class Shard:
    """Part ``number`` of ``count`` (from 1)."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parses ``2/3``. ValueError: it is not a shard."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError(f"{text!r}: a shard is I/N, from 1/N to N/N")
        return cls(int(match[1]), int(match[2]))

    @property
    def part(self) -> str:
        """Distinguishes its files from those of other shards; "" if there is only one."""
        return "" if self.count == 1 else f"-{self.number}-of-{self.count}"

    def mine(self, runs: Sequence[Run]) -> list[Run]:
        """Every ``count``-th run."""
        return list(runs[self.number - 1 :: self.count])


def estimate(run: Run, pics: Pics) -> float:
    """Estimated duration of a run on a real bench, s: its waits, and 12 s for the rest."""
    seconds = 12.0 + float(pics["par_waitForNextTC"])
    for step in (*run.steps[0], *run.steps[1]):
        for verb in ("silent", "no_reply", "within_total"):
            with contextlib.suppress(KeyError):
                seconds += timer(str(step[verb])) if verb in step else 0.0
    if any(word in "".join(run.case.preconditions) for word in ("Resumed", "PAUSED")):
        seconds += min(float(pics["PICS_CMN_CMN_WakeUp"]), float(pics["PIXIT_CMN_CMN_WakeUp"])) + 60
    if "Loop.Stop" in "".join(run.case.preconditions) or "PowerDelivery.Stop" in "".join(run.case.preconditions):
        seconds += float(pics["PICS_CMN_CMN_LoopCounter"]) * (float(pics["par_chargingLoop_pause"]) + 0.1)
    return seconds


def selected(runs: Iterable[Run], pics: Pics | None) -> tuple[list[Run], list[tuple[Run, str]]]:
    """The runs that apply and can be executed, and the others with the reasons.

    Args:
        pics: what is declared; None: each case supplies what it needs (our own roles in memory).
    """
    chosen, left = [], []
    for run in runs:
        why = executable(run)
        if not why and pics is not None and (condition := excluded(run, pics)):
            why = f"does not apply: {condition}"
        if why:
            left.append((run, why))
        else:
            chosen.append(run)
    return chosen, left


Opener = Callable[[Run, Pics, Observe], contextlib.AbstractAsyncContextManager[Any]]
"""Opens the system under test for one run."""


@dataclass
class Progress:
    """Progress to report before or after a run.

    Attributes:
        done, total: runs.
        run: the run that is over, or begins.
        result: None: it begins.
        left: estimated s for all remaining runs.
        expected: estimated s for the run.
        note: what a person should know now; usually "".
    """

    done: int
    total: int
    run: Run
    result: Result | None
    left: float
    expected: float = 0.0
    note: str = ""


@dataclass
class Campaign:
    """Runs a list of runs.

    Attributes:
        folder: where the evidence goes.
        opener: opens the system for a run.
        pics: what is declared; None: what each case needs, over ``base``.
        virtual: run in virtual time (systems in memory only).
        shard: the part of the runs that belongs to this process.
        part: suffix of the names of this process's own files if several processes share a folder.
        tell: is notified of progress.
        bench: creates the tester's side of a run.
        info: facts for the report: versions, system, command line.
        reset: restores a system that no longer answers; returns what was done.
        seed: decides what the cases leave open (:mod:`plugfest.conformance.stimulus`).
        interface: the interface to capture; "": packets are reconstructed from what the tester sent and received.
        traffic: the tester sees the traffic; False: it is recorded elsewhere, and nothing is reconstructed.
        role: the role that sees the traffic; "": the tester's, or both if a pair is tested.
    """

    folder: Path
    opener: Opener
    pics: Pics | None = None
    base: Pics = field(default_factory=Pics)
    virtual: bool = False
    shard: Shard = field(default_factory=Shard)
    part: str = ""
    tell: Callable[[Progress], None] = lambda progress: None
    bench: Callable[[Run, Pics, Observe], Bench] = lambda run, pics, observe: Bench(pics, observe)
    info: Mapping[str, Any] = field(default_factory=dict)
    reset: Callable[[], str] | None = None
    longest: float | None = None
    interface: str = ""
    traffic: bool = True
    role: str = ""
    seed: int = 1
    _silent: int = 0

    def run(self, runs: Sequence[Run], *, rerun_failed: bool = False) -> dict[str, Result]:
        """Runs everything without a result, and with ``rerun_failed`` also what did not pass.

        Raises:
            Interrupted: Ctrl-C; the current run has no result, all others are on disk.
        """
        self.begin()
        results = read_results(self.folder)
        open_ = [
            run
            for run in self.shard.mine(runs)
            if run.id not in results or (rerun_failed and results[run.id].verdict in AGAIN)
        ]
        left = [self.expected(run) for run in open_]
        spent, planned, done = 0.0, 0.0, 0
        try:
            for number, run in enumerate(open_):
                ratio = spent / planned if planned > 60 else 1.0
                self.tell(Progress(number, len(open_), run, None, sum(left[number:]) * ratio, left[number] * ratio))
                began = time.monotonic()
                result = self.one(run)
                spent, planned = spent + time.monotonic() - began, planned + left[number]
                if run.id in results:
                    result.attempts = results[run.id].attempts + 1
                results[run.id] = result
                self._watch(result)
                self.record(result)
                done = number + 1
                time_left = sum(left[done:]) * ratio
                self.tell(Progress(done, len(open_), run, result, time_left, note=self._note()))
        except KeyboardInterrupt:  # in a run or between two of them
            where = f"in {open_[done].id}" if done < len(open_) else "after the last run"
            raise Interrupted(f"stopped {where}; {done} of {len(open_)} done") from None
        return results

    def begin(self) -> None:
        """Creates the folder and describes the campaign in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._describe()

    def record(self, result: Result) -> None:
        """Writes a result and syncs it to disk."""
        with (self.folder / RESULTS.format(self.part or self.shard.part)).open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a crash cut off the last line
                    file.write(b"\n")
            file.write(dumps(result.to_json()).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def expected(self, run: Run) -> float:
        """Estimated duration of a run, s."""
        return 0.05 if self.virtual else estimate(run, self._pics(run))

    def _pics(self, run: Run) -> Pics:
        return self.pics if self.pics is not None else satisfying(run.case, self.base)

    def _watch(self, result: Result) -> None:
        """Restores a system that has gone silent, if the bench can."""
        mute = result.verdict is not Verdict.PASS and result.cause.meaning.mute
        self._silent = self._silent + 1 if mute else 0
        if self._silent and self.reset is not None and self._silent % 2 == 0:
            result.find(f"the system was reset: {self.reset()}")

    def _note(self) -> str:
        """A note, given once, when the system has been silent for a while."""
        if self._silent != PATIENCE:
            return ""
        what = "it is reset after every second one" if self.reset is not None else "see --reset-command"
        return f"the system has sent nothing in {PATIENCE} cases; is it switched on and connected? ({what})"

    # -- one run --------------------------------------------------------------------------------------------------

    def one(self, run: Run) -> Result:
        """Executes one run and puts its evidence in the folder. Raises nothing but KeyboardInterrupt."""
        place = self.folder / "cases" / safe(run.id)
        place.mkdir(parents=True, exist_ok=True)
        pics = self._pics(run)
        limit = self.longest or self.expected(run) * 2 + MARGIN
        started = datetime.datetime.now(datetime.UTC)
        try:
            epoch = EPOCH if self.virtual else started.timestamp() - time.monotonic()
            role = self.role or {"secc": "evcc", "evcc": "secc"}.get(run.case.sut, "both")
            real = bool(self.interface) and may_capture(self.interface)
            with (
                evidence(place, epoch, role, packets=self.traffic and not real) as observe,
                _watchdog(None if self.virtual else limit),
            ):
                result = self._loop(run, pics, observe, place if real else None)
        except _Hung:
            text = f"there was no progress for {limit:g} s"
            result = Result(run.id, case=run.case.id, verdict=Verdict.ERROR, reason=text, cause=Cause.HUNG)
        except (OSError, RuntimeError, ValueError, LookupError, V2GError, SlacError) as why:
            text = f"{type(why).__name__}: {why}"
            result = Result(run.id, case=run.case.id, verdict=Verdict.ERROR, reason=text, cause=cause_of(why))
        result.started, result.seed = started.isoformat(timespec="seconds"), self.seed
        result.title, result.protocol = result.title or run.title, result.protocol or run.protocol
        if result.verdict not in (Verdict.FAIL, Verdict.PASS):
            told = recorded(place / "trace.jsonl") if _ends_in_session(result) else ""
            result.look = "; ".join(filter(None, (result.cause.meaning.look, told)))
        return result

    def _loop(self, run: Run, pics: Pics, observe: Observe, place: Path | None) -> Result:
        async def main() -> Result:
            with capture(place, self.interface, run.id) as packets:
                tell = fan_out(observe, packets)
                async with self.opener(run, pics, tell) as system:
                    bench = dataclasses.replace(self.bench(run, pics, tell), seed=self.seed)
                    return await execute(run, system, bench)

        with asyncio.Runner(loop_factory=VirtualLoop if self.virtual else None) as runner:
            return runner.run(main())

    def _describe(self) -> None:
        path = self.folder / INFO
        if not path.exists():
            write(path, dumps({**versions(), **self.info, "seed": self.seed}, indent=2) + "\n", public=True)
        if self.pics is not None:
            save(self.pics, self.folder / "pics.yaml")


def _ends_in_session(result: Result) -> bool:
    """Whether the recording of a run that was not judged can say why: not where the tester had to leave."""
    return result.cause.meaning.side is not Side.BENCH and result.cause is not Cause.POINTLESS


def recorded(trace: Path) -> str:
    """The first failure in the recording of a run; "" if there is none."""
    from plugfest.traces.checks import judge  # the chain of checks takes time to load
    from plugfest.traces.errors import RecordingError
    from plugfest.traces.recording import load

    try:
        found = judge(load(trace)).diagnosis
    except RecordingError:
        return ""
    return f"the recording says: {clause(found.sentence)}" if found.failed else ""


def versions() -> dict[str, Any]:
    """Versions of everything that produced the campaign."""

    def of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "unknown"

    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "plugfest": of("plugfest"),
        "python": platform.python_version(),
        "cryptography": of("cryptography"),
        "platform": platform.platform(),
        "host": platform.node(),
    }


# ---------------------------------------------------------------------------------------------------------------
# Watchdog


class _Hung(Exception):
    """The watchdog expired."""


@contextlib.contextmanager
def _watchdog(seconds: float | None) -> Iterator[None]:
    """Ends a run that does not end by itself, with a signal, because a hanging program notices nothing else."""
    if seconds is None:
        yield
        return

    def bark(*_: object) -> None:
        raise _Hung

    before = signal.signal(signal.SIGALRM, bark)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
