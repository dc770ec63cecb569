"""The observer of the power line and the pilot in matching: hears every frame, and keeps what was wrong.

The counterpart of :mod:`.watch` for SLAC. Whatever a case is about: a system that does something else wrong meanwhile
fails it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.cause import Cause
from plugfest.conformance.watch import line_charger, line_vehicle
from plugfest.conformance.watch.judgement import Side
from plugfest.conformance.watch.line import Line, LineRule
from plugfest.conformance.watch.violation import Violation
from slac.exchange import Deviation, End, Exchange, Weight
from slac.frames import CM_VALIDATE_REQ, NUM_SOUNDS, Frame, FrameError, parse
from slac.pilot import Reading
from v2g.trace import Event

RULES: tuple[LineRule, ...] = (*line_vehicle.BOOK.rules, *line_charger.BOOK.rules)
"""All judgements of matching."""
ENDS = {"evcc": End.VEHICLE, "secc": End.CHARGER}


def _counts_to_one(exchange: Exchange) -> bool:
    """The sounds count from their number down to 1, which the suites tolerate."""
    first = exchange.start.num_sounds if exchange.start is not None else NUM_SOUNDS
    return exchange.counts == list(range(first, first - len(exchange.counts), -1))


class LineWatch:
    """Judges one side of matching; an observer of events.

    Attributes:
        line: what is known by now.
        violations: the first of each judgement.
    """

    def __init__(self, side: Side, pics: Pics, *, bare: bool = False) -> None:
        self.line = Line(pics, side, bare)
        self.violations: dict[str, Violation] = {}
        self._rules = [one for one in RULES if one.side == side]
        self._ours: set[bytes] = set()
        self._told: set[int] = set()

    def __call__(self, event: Event) -> None:
        if event.layer != "slac" or not event.data or event.direction not in ("rx", "tx"):
            return
        ours, source = event.direction == "tx", event.data[6:12]
        if ours:
            self._ours.add(source)
        elif source in self._ours:  # a second node of the tester's hears the first
            return
        try:
            frame = parse(event.data)
        except FrameError:
            return
        line = self.line
        line.now = event.time
        exchange = line.judge.feed(event.time, event.data)
        if exchange is None:
            return
        message = frame.message
        if isinstance(message, CM_VALIDATE_REQ) and message.timer:
            line.toggled_from, line.toggles_until = event.time, event.time + (message.timer + 1) * 0.1
        if not ours:
            self._deviates(exchange)
            self._hear(exchange, frame)

    def _hear(self, exchange: Exchange, frame: Frame) -> None:
        for one in self._rules:
            if one.hears is not None and isinstance(frame.message, one.kinds):
                self._keep(one, one.hears(self.line, exchange, frame))

    def _deviates(self, exchange: Exchange) -> None:
        """Fields that are not as agreed."""
        for one in exchange.deviations:
            if id(one) in self._told or one.mac in self._ours or one.move.end is not ENDS[self.line.side]:
                continue
            self._told.add(id(one))
            if one.weight is not Weight.NOTE and not (one.field == "Cnt" and _counts_to_one(exchange)):
                self._field(one)

    def _field(self, one: Deviation) -> None:
        name, rule = f"{one.move.name} {one.field}", f"{one.field} has the agreed value"
        cause = Cause.TOO_LATE if one.late else Cause.WRONG_FIELD
        fails = one.weight is Weight.VIOLATION
        text = f"{one.move.name}: {one.what}"
        self.violations.setdefault(
            name, Violation(name, text, rule, "ISO 15118-3 A.9", cause, fails, self.line.now)
        )  # fmt: skip

    def _keep(self, one: LineRule, text: str) -> None:
        if text and one.name not in self.violations:
            self.violations[one.name] = Violation(
                one.name, text, one.rule, one.source, one.cause, one.fails, self.line.now
            )

    def pilot(self, reading: Reading) -> None:
        """Takes a reading of the control pilot."""
        self.line.now = asyncio.get_running_loop().time()
        before = self.line.pilot
        self.line.see(reading)
        if self.line.pilot is before:
            return
        for one in self._rules:
            if one.looks is not None:
                self._keep(one, one.looks(self.line))

    @contextlib.contextmanager
    def reading(self, pilot: Any) -> Iterator[None]:
        """While the context is open, the tester's end of the pilot is watched."""
        end = pilot.subscribe(self.pilot)
        self.pilot(pilot.reading)
        try:
            yield
        finally:
            end()
