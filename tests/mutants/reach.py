"""The runs of the campaigns without any mutant: which lines they reach, what they cost, what is seen on the wire.

A run that does not reach a line cannot tell a mutant of it from the original: all is in virtual time and by seed. What
was seen is kept in ``build/mutants/``, for as long as the sources stay as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import multiprocessing
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from mutants.areas import AREAS, Area
from mutants.place import PACKAGES
from plugfest.conformance.campaign.execute import executable, execute
from plugfest.conformance.catalogue import Run, runs
from plugfest.conformance.catalogue.pics import Pics, satisfying
from plugfest.conformance.sut.own_system import FAST, bench_for, own_system
from plugfest.conformance.verdict import Result, Verdict
from plugfest.conformance.virtual import VirtualLoop

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "mutants"
HUNG = 8.0
"""s of CPU time after which a run counts as hanging; the longest takes a tenth of that."""


class Hung(BaseException):
    """A run does not come to an end."""


@dataclass(frozen=True)
class Visit:
    """One run, in DC or AC."""

    run: Run
    ac: bool = False

    @property
    def key(self) -> str:
        return self.run.id + ("/ac" if self.ac else "")


@dataclass
class Seen:
    """What a run left.

    Attributes:
        digest: of what was seen on the wire and judged; "" where two runs differ without any mutant.
        cost, seconds: s of CPU time, and on the bench's clock.
        broken: a task of the role broke down, or the run hung: how.
    """

    verdict: Verdict
    findings: list[str]
    reason: str
    digest: str
    cost: float
    broken: str = ""
    seconds: float = 0.0

    @property
    def noticed(self) -> bool:
        return self.verdict in (Verdict.FAIL, Verdict.INCONC, Verdict.ERROR) or bool(self.findings)


@dataclass
class Reach:
    """All runs.

    Attributes:
        seen: by key of the run.
        lines: by (file below the root, line): the runs that reach it, as bits in the order of ``keys``.
        sent: by class of message, the runs in which the role sends or gets it.
    """

    keys: list[str] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    lines: dict[tuple[str, int], int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)

    def take(self, other: Reach) -> None:
        """Adds other runs."""
        shift = len(self.keys)
        self.keys += other.keys
        self.seen.update(other.seen)
        for mine, theirs in ((self.lines, other.lines), (self.sent, other.sent)):
            for key, bits in theirs.items():
                mine[key] = mine.get(key, 0) | bits << shift  # type: ignore[index]  # both are of one kind of key

    def of(self, bits: int) -> list[str]:
        return [key for place, key in enumerate(self.keys) if bits >> place & 1]


@cache
def visits() -> dict[str, Visit]:
    """Every executable run, and those that hold for AC as for DC in both."""
    found: dict[str, Visit] = {}
    spoken = {protocol for area in AREAS for protocol in area.protocols}
    for run in runs():
        if run.protocol not in spoken or executable(run):
            continue
        found[run.id] = Visit(run)
        if run.protocol == "iso15118-2" and run.case.mode.energy not in ("ac", "dc"):
            found[run.id + "/ac"] = Visit(run, ac=True)
    return found


def carry_out(visit: Visit, adjust: Callable[[Any], None] = lambda system: None) -> tuple[Seen, set[str]]:
    """One run against our own role; and the names of the messages in it."""
    run = visit.run
    declared: dict[str, Any] = {"PICS_CMN_CMN_ChargingMode": "aC"} if visit.ac else {}
    pics = satisfying(run.case, Pics(FAST).with_(**declared))
    trouble: list[Any] = []
    digest, names = hashlib.sha1(usedforsecurity=False), set[str]()

    def observe(event: Any) -> None:
        if event.layer in ("message", "slac", "sdp", "tcp", "v2gtp"):
            names.add(event.name)
            what = repr(event.message) if event.message is not None else event.data.hex()
            digest.update(f"{event.time:.4f} {event.layer} {event.name} {event.direction} {what}\n".encode())

    async def main() -> Result:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: trouble.append(context.get("exception")))
        async with own_system(run, pics, adjust=adjust) as system:
            return await execute(run, system, bench_for(run, pics, observe))

    began = time.process_time()
    try:
        with _limited(HUNG), asyncio.Runner(loop_factory=VirtualLoop) as runner:
            result = runner.run(main())
        if result.verdict is not Verdict.PASS or result.findings:
            gc.collect()  # tells the loop of tasks that ended with an exception
    except Hung:
        return Seen(Verdict.NONE, [], "", "", time.process_time() - began, "hung"), names
    except Exception as why:  # noqa: BLE001 - a mutant may break the role in any way
        return Seen(Verdict.NONE, [], "", "", time.process_time() - began, repr(why)), names
    digest.update(repr((result.verdict, result.reason, result.observed, result.seconds)).encode())
    broken = repr(trouble[0]) if trouble else ""
    cost, findings = time.process_time() - began, [str(one) for one in result.findings]
    return Seen(result.verdict, findings, result.reason, digest.hexdigest(), cost, broken, result.seconds), names


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hung

    old = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)


class Lines:
    """Notes the lines of our packages that are executed while it is on."""

    def __init__(self) -> None:
        self.found: set[tuple[str, int]] = set()
        self._ours = tuple(str(ROOT / name) + "/" for name in PACKAGES)

    def __enter__(self) -> Lines:
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(self._ours) else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        self.found.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line


def reach(areas: Sequence[Area], say: Callable[[str], None] = lambda text: None) -> Reach:
    """The runs that apply to these areas, as they were kept, or new ones."""
    parts = dict.fromkeys((area.sut, protocol) for area in areas for protocol in area.protocols)
    whole = Reach()
    for sut, protocol in parts:
        whole.take(_part(sut, protocol, say))
    return whole


def _part(sut: str, protocol: str, say: Callable[[str], None]) -> Reach:
    name = f"{sut}-{protocol}"
    kept = KEPT / f"reach-{name}-{_fingerprint()}.pickle"
    if kept.exists():
        found: Reach = pickle.loads(kept.read_bytes())
        return found
    say(f"looking at which lines each run reaches ({name}); this is kept until a source changes")
    found = Reach()
    keys = [key for key, one in visits().items() if (one.run.case.sut, one.run.protocol) == (sut, protocol)]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        for key, looked in zip(keys, pool.map(_look, keys, chunksize=10), strict=True):
            _add(found, key, looked, say)
    # Keys and certificates are made once in a process: what shows them differs in the next one without any mutant.
    drawn = [key for key in reversed(found.keys) if found.seen[key].digest and _pays(key)]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        for key, digest in zip(drawn, pool.map(_digest, drawn, chunksize=10), strict=True):
            if digest != found.seen[key].digest:
                found.seen[key].digest = ""
    KEPT.mkdir(parents=True, exist_ok=True)
    for old in KEPT.glob(f"reach-{name}-*.pickle"):
        old.unlink()
    kept.write_bytes(pickle.dumps(found))
    return found


def _pays(key: str) -> bool:
    return visits()[key].run.case.mode.identification == "pnc"


def _digest(key: str) -> str:
    return carry_out(visits()[key])[0].digest


def _look(key: str) -> tuple[Seen, set[tuple[str, int]], set[str]]:
    """A run, and once more for its lines."""
    visit = visits()[key]
    seen, _ = carry_out(visit)
    with Lines() as lines:
        again, names = carry_out(visit)
    if again.digest != seen.digest:
        seen.digest = ""
    return seen, lines.found, names


def _add(
    found: Reach, key: str, looked: tuple[Seen, set[tuple[str, int]], set[str]], say: Callable[[str], None]
) -> None:
    seen, lines, names = looked
    if seen.broken or seen.verdict is not Verdict.PASS or seen.findings:
        say(f"left out, because it does not pass without a mutant: {key}: {seen.reason or seen.broken}")
        return
    bit = 1 << len(found.keys)
    found.keys.append(key)
    found.seen[key] = seen
    for file, line in lines:
        place = str(Path(file).relative_to(ROOT)), line
        found.lines[place] = found.lines.get(place, 0) | bit
    for name in names:
        found.sent[name] = found.sent.get(name, 0) | bit


@cache
def _fingerprint() -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for folder in (*PACKAGES, "exi", "plugfest/conformance"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
