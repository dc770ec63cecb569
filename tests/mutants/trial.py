"""One mutant against the runs that reach it, in a process of its own: the likeliest and cheapest first, to a failure.

A run in which the role broke down does not count: no case should be praised for a crash.
"""

from __future__ import annotations

import gc
import importlib
import json
import math
import os
import random
import re
import resource
import selectors
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from types import FunctionType
from typing import Any

from mutants import place
from mutants.areas import AREAS, Area, area_of
from mutants.reach import Reach, Seen, Visit, carry_out, visits
from mutants.source import Site, constant, path_of, sites
from mutants.tables import Entry, entries
from plugfest.conformance.verdict import Verdict

OUTCOMES = ("failed", "finding", "inconclusive", "survived", "same", "unreached", "broken", "misplaced")
"""What comes of a mutant: a run failed; a run only found something; a run could not tell; seen differently but passed
all runs; no difference seen; no run reaches it; broke down whenever it showed; could not be put in place."""

BUDGET = 8.0
"""s of CPU time for one mutant."""
ALIKE = 40
"""Runs without any difference after which a mutant counts as the same."""
CRASHES = 30
"""Runs in which the role broke down after which it counts as broken."""


@dataclass(frozen=True)
class Mutant:
    """One mutant and its area."""

    area: Area
    change: Site | Entry

    @property
    def id(self) -> str:
        """With the role, since both may use the source."""
        return f"{self.area.sut}/{self.change.id}"

    @property
    def where(self) -> str:
        return f"{self.change.module}:{self.change.line}" if isinstance(self.change, Site) else "table"

    @property
    def diff(self) -> str:
        """What is changed into what, in one line."""
        return f"{self.change.before}  =>  {self.change.after}"

    def put(self) -> Callable[[Any], None]:
        """Puts it in place for good; returns what changes the role before it starts.

        Raises:
            Misplaced: it cannot be put in place.
        """
        if isinstance(self.change, Site):
            place.put(self.change)
            return lambda system: None
        self.change.put()
        return self.change.adjust


@dataclass
class Attempt:
    """What came of a mutant.

    Attributes:
        run: the first run that noticed it at the outcome's level.
        reason: what that run said.
        tried: runs carried out; of ``reached`` that could have been.
        differed: runs in which something else was seen than without it.
        crashed: runs in which the role broke down.
    """

    id: str
    area: str
    where: str
    diff: str
    outcome: str
    run: str = ""
    reason: str = ""
    tried: int = 0
    reached: int = 0
    differed: int = 0
    crashed: int = 0
    seconds: float = 0.0

    def to_json(self) -> str:
        return json.dumps(vars(self), ensure_ascii=False)


def mutants(area: Area, modules: frozenset[str] = frozenset()) -> Iterator[Mutant]:
    """All of an area, in a stable order; of its source only these modules, if any are named."""
    known: set[str] = set()
    for module in area.modules:
        if modules and module not in modules:
            continue
        for site in sites(module):
            if area_of(module, site.function, area.sut) is area:
                yield Mutant(area, site)
    for entry in entries(area):
        if entry.id not in known:
            known.add(entry.id)
            yield Mutant(area, entry)


def sample(areas: Iterable[Area], number: int, seed: int) -> list[Mutant]:
    """So many of all areas together, the same for each area, drawn by seed."""
    chosen = list(areas)
    each, rest = divmod(number, len(chosen))
    drawn = []
    for position, area in enumerate(chosen):
        every = list(mutants(area))
        wanted = min(each + (position < rest), len(every))
        drawn.append(random.Random(f"{seed} {area.name}").sample(every, wanted))
    # In turn, so that a run that is ended early has tried as many of each area.
    return [mutant for turn in zip_longest(*drawn) for mutant in turn if mutant is not None]


def by_id(wanted: Iterable[str]) -> list[Mutant]:
    """Mutants by their ids; those that are gone are left out."""
    names = set(wanted)
    return [mutant for area in AREAS for mutant in mutants(area, _near(names)) if mutant.id in names]


def _near(names: Iterable[str]) -> frozenset[str]:
    """The modules that ids name, or the kinds of tables."""
    return frozenset(name.partition("/")[2].partition(":")[0] for name in names)


def candidates(mutant: Mutant, reach: Reach, all_visits: dict[str, Visit]) -> list[str]:
    """The runs that apply and reach the mutant."""
    area, change = mutant.area, mutant.change
    bits = _bits(change, reach) if isinstance(change, Site) else _of_entry(change, reach)
    found = []
    for key in reach.of(bits):
        case = all_visits[key].run
        if case.case.sut == area.sut and case.protocol in area.protocols:
            found.append(key)
    return found


def _bits(site: Site, reach: Reach) -> int:
    file = os.path.relpath(path_of(site.module), place_root())
    bits = 0
    if site.function:
        for line in range(site.line, site.end + 1):
            bits |= reach.lines.get((file, line), 0)
        return bits
    return _reaching(place.users(constant(site)[0], site.module), reach)


def _reaching(functions: Iterable[FunctionType], reach: Reach) -> int:
    bits = 0
    for function in functions:
        used = os.path.relpath(function.__code__.co_filename, place_root())
        for line in place.lines(function):
            bits |= reach.lines.get((used, line), 0)
    return bits


def place_root() -> str:
    """The folder of the packages."""
    return str(path_of("secc").parents[1])


def _of_entry(entry: Entry, reach: Reach) -> int:
    every = (1 << len(reach.keys)) - 1
    if entry.timer:
        return _reaching(place.naming(entry.timer), reach)
    if not entry.messages:
        return every
    bits = 0
    for name in entry.messages:
        bits |= reach.sent.get(name, 0)
    return bits


class Order:
    """Runs in the order in which they are tried: those that caught something near first, then the cheap ones."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.caught: dict[str, Counter[str]] = {}

    def of(self, mutant: Mutant, keys: Sequence[str]) -> list[str]:
        near = self.caught.get(self._where(mutant), Counter())
        shuffled = random.Random(mutant.id).sample(list(keys), len(keys))
        # Of equal cost, families mix: the first ten runs should not be ten of one kind.
        seen, about = self.reach.seen, _about(mutant.change)
        if isinstance(mutant.change, Entry) and mutant.change.timer:  # what takes long has waited for something
            return sorted(shuffled, key=lambda key: (-near[key], -seen[key].seconds))
        return sorted(
            shuffled, key=lambda key: (-near[key], not any(word in key for word in about), round(seen[key].cost, 2))
        )

    def learn(self, mutant: Mutant, attempt: Attempt) -> None:
        if attempt.outcome == "failed":
            self.caught.setdefault(self._where(mutant), Counter())[attempt.run] += 1

    @staticmethod
    def _where(mutant: Mutant) -> str:
        return mutant.change.id.rpartition(":")[0].rpartition(".")[0]


FLOWING = {
    "CurrentDemand", "ChargingStatus", "PreCharge", "PowerDelivery", "WeldingDetection",
    "DC_ChargeLoop", "AC_ChargeLoop", "DC_PreCharge", "DC_WeldingDetection",
}  # fmt: skip
DRIVES = (
    "secc.dc", "secc.ac", "secc.envelope", "secc.power", "secc.agreed", "secc.outlet", "secc.pauses",
    "secc.iso20_dc", "secc.iso20_ac", "evcc.iso20_dc", "evcc.iso20_ac", "evcc.iso20_control",
)  # fmt: skip


STEM = 4
"""Letters of a word that stay at least when its ending goes."""


def _stem(word: str) -> str:
    """A word without the letters in which its forms differ."""
    return re.sub(f"(?<=.{{{STEM}}})(e|es|s|ing|ed|ation)$", "", word)


def _about(change: Site | Entry) -> list[str]:
    """Words of the names of cases that are about what is changed: ``PreCharge``, ``CmSlacParm``, ``PowerFlow``.

    Of a function and its module, the stems: ``_renegotiate`` is about Renegotiation, ``iso20_prices`` about prices.
    """
    if isinstance(change, Site):
        module, name = change.module.rpartition("_")[2], change.function.rpartition(".")[2].strip("_")
        words = [_stem(name.title().replace("_", ""))] + ([_stem(module.title())] if "_" in change.module else [])
        return words + (["PowerFlow", "Pause"] if change.module in DRIVES else [])
    names = [name.partition(".")[0] for name in change.messages]
    flows = ["PowerFlow"] if FLOWING & {name[:-3] for name in names} else []
    return flows + [
        name.title().replace("_", "") if name.startswith("CM_") else re.sub("Re[qs]$", "", name) for name in names
    ]


# ---------------------------------------------------------------------------------------------------------------
# In the child


def attempt(
    mutant: Mutant, keys: Sequence[str], all_visits: dict[str, Visit], seen: dict[str, Seen], budget: float = BUDGET
) -> Attempt:
    """Puts a mutant in place for good and carries out the runs, up to one that fails."""
    done = Attempt(mutant.id, mutant.area.name, mutant.where, mutant.diff, "same", reached=len(keys))
    began = time.process_time()
    try:
        adjust = mutant.put()
    except (place.Misplaced, SyntaxError, ValueError, ImportError) as why:
        done.outcome, done.reason = "misplaced", f"{type(why).__name__}: {why}"
        return done
    best = OUTCOMES.index("same")
    hangs = 0
    for key in keys:
        found, _ = carry_out(all_visits[key], adjust)
        done.tried += 1
        if found.broken:
            done.crashed += 1
            hangs += found.broken == "hung"
            done.reason = done.reason or found.broken
        else:
            without = seen[key].digest
            done.differed += bool(without) and found.digest != without
            outcome = _outcome(found)
            if OUTCOMES.index(outcome) < best:
                best, done.run = OUTCOMES.index(outcome), key
                done.reason = found.reason or "; ".join(found.findings)
            if outcome == "failed":
                break
        if hangs > 2 or done.crashed >= CRASHES or time.process_time() - began > budget:
            break
        waits = isinstance(mutant.change, Entry) and mutant.change.timer  # shows in few runs, and late in them
        if not waits and done.tried >= ALIKE and not done.differed and best == OUTCOMES.index("same"):
            break
    done.outcome = OUTCOMES[best]
    if done.outcome == "same" and done.differed:
        done.outcome = "survived"
    if done.outcome in ("same", "survived") and done.crashed:
        done.outcome = "broken"
    if not keys:
        done.outcome = "unreached"
    done.seconds = round(time.process_time() - began, 2)
    return done


def _outcome(seen: Seen) -> str:
    if seen.verdict is Verdict.FAIL:
        return "failed"
    if seen.findings:
        return "finding"
    return "same" if seen.verdict is Verdict.PASS else "inconclusive"


# ---------------------------------------------------------------------------------------------------------------
# Those that are known to be caught

CAUGHT = Path(__file__).with_name("caught.json")
"""Generated faults that a run has failed: id -> that run."""


def caught() -> dict[str, str]:
    """By id."""
    found: dict[str, str] = json.loads(CAUGHT.read_text(encoding="utf-8"))
    return found


def again(number: int, seed: int) -> Iterator[Attempt]:
    """So many of those that were caught, each against the run that caught it."""
    known = caught()
    drawn = random.Random(seed).sample(sorted(known), min(number, len(known)))
    every = visits()
    chosen = by_id(drawn)
    _load(chosen)
    for mutant in chosen:
        key = known[mutant.id]
        if key in every:
            child, end = _start(mutant, [key], every, {key: Seen(Verdict.PASS, [], "", "", 0.0)}, BUDGET)
            while part := os.read(end, 65536):
                child.data += part
            os.close(end)
            yield _finished(child)


# ---------------------------------------------------------------------------------------------------------------
# Processes


@dataclass
class _Child:
    process: int
    mutant: Mutant
    keys: list[str]
    until: float
    data: bytearray = field(default_factory=bytearray)


def try_all(
    chosen: Sequence[Mutant],
    reach: Reach,
    all_visits: dict[str, Visit],
    *,
    jobs: int = 1,
    budget: float = BUDGET,
    until: float = math.inf,
) -> Iterator[Attempt]:
    """Tries mutants, each in a child of this process; results in the order in which they come.

    Args:
        budget: s of CPU time for each.
        until: on the monotonic clock; none is begun later.
    """
    _load(chosen)
    order, waiting = Order(reach), list(reversed(chosen))
    running: dict[int, _Child] = {}
    with selectors.DefaultSelector() as selector:
        while waiting or running:
            if time.monotonic() > until:
                waiting.clear()
            while waiting and len(running) < jobs:
                mutant = waiting.pop()
                keys = candidates(mutant, reach, all_visits)
                if not keys:
                    yield Attempt(mutant.id, mutant.area.name, mutant.where, mutant.diff, "unreached")
                    continue
                child, end = _start(mutant, order.of(mutant, keys), all_visits, reach.seen, budget)
                running[end] = child
                selector.register(end, selectors.EVENT_READ)
            for key, _ in selector.select(1.0):
                end = key.fd
                if part := os.read(end, 65536):
                    running[end].data += part
                    continue
                selector.unregister(end)
                os.close(end)
                child = running.pop(end)
                found = _finished(child)
                order.learn(child.mutant, found)
                yield found
            for child in running.values():
                if time.monotonic() > child.until:
                    with suppress(ProcessLookupError):
                        os.kill(child.process, signal.SIGKILL)


def _load(chosen: Sequence[Mutant]) -> None:
    """All that is mutated is loaded before the first child, which shares it untouched by its collector."""
    for area in {mutant.area.name: mutant.area for mutant in chosen}.values():
        for module in area.modules:
            importlib.import_module(module)
    place.live()
    gc.collect()
    gc.freeze()


def _start(
    mutant: Mutant, keys: list[str], all_visits: dict[str, Visit], seen: dict[str, Seen], budget: float
) -> tuple[_Child, int]:
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return _Child(process, mutant, keys, time.monotonic() + 20 * budget), reading
    code = 1
    try:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CPU, (int(budget) + 40, int(budget) + 45))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        found = attempt(mutant, keys, all_visits, seen, budget)
        os.write(writing, found.to_json().encode()[:60000])
        code = 0
    finally:
        os._exit(code)


def _finished(child: _Child) -> Attempt:
    os.waitpid(child.process, 0)
    if child.data:
        return Attempt(**json.loads(child.data))
    mutant = child.mutant
    return Attempt(
        mutant.id, mutant.area.name, mutant.where, mutant.diff, "broken", reason="the process broke down or hung",
        reached=len(child.keys),
    )  # fmt: skip


def say(text: str) -> None:
    """For people who wait."""
    print(text, file=sys.stderr, flush=True)
