"""A SLAC attempt on a terminal: steps with times and limits, attenuation by group, verdict and causes."""

from __future__ import annotations

from collections.abc import Iterator

from slac.diagnosis import Verdict, verdict
from slac.errors import Step
from slac.exchange import Exchange
from slac.frames import mac_text
from slac.steps import Mark, Row, rows

_BARS = " ▁▂▃▄▅▆▇█"
_HEIGHT = 3
"""Lines of a plot; each has eight steps."""


class Reports:
    """Reports of one attempt after another; one that fails like the previous one takes a single line."""

    def __init__(self) -> None:
        self._before: tuple[bytes, Step, str] | None = None

    def lines(self, x: Exchange, now: float, *, start: float = 0.0) -> Iterator[str]:
        """The lines of the next report; times count from ``start``."""
        found = verdict(x, now)
        this = (x.ev, found.step, found.text)
        if not found.ok and this == self._before:
            yield f"attempt of vehicle {mac_text(x.ev)} at {x.begun - start:.3f} s: stopped as before"
            return
        self._before = this
        yield from report(x, now, start=start)
        yield ""


def report(x: Exchange, now: float, *, start: float = 0.0) -> Iterator[str]:
    """The lines of a whole report; times count from ``start``."""
    yield f"attempt of vehicle {mac_text(x.ev)}, run {x.run_id.hex()}, at {x.begun - start:.3f} s"
    for row in rows(x):
        yield "  " + step_line(row)
    for one in x.answerers.values():
        if one.aag:
            yield f"  attenuation reported by {mac_text(one.mac)}, dB per group of carriers:"
            yield from ("    " + line for line in plot(one.aag))
    for found in x.deviations:
        yield f"  {found.weight.value}: {found.text}"
    for note in (*_unrecorded(x), *x.odd):
        yield f"  note: {note}"
    yield from ("  " + line for line in verdict_lines(verdict(x, now)))


def _unrecorded(x: Exchange) -> Iterator[str]:
    """What the recording lacks or contains twice."""
    if x.begins_late:
        yield "no CM_SLAC_PARM.REQ: the recording starts in the middle"
    for one in x.answerers.values():
        if not one.cnf_seen:
            yield f"CM_SLAC_PARM.CNF of {mac_text(one.mac)} was not recorded"
        if one.match is not None and not one.match_seen and x.link_at is not None:
            yield f"CM_SLAC_MATCH.CNF of {mac_text(one.mac)} was not recorded"
    if x.copies:
        yield f"{x.copies} frames were recorded twice (mirror port or VLAN); they count once"


def step_line(row: Row) -> str:
    """One step: mark, name, time, limit, details."""
    time = "" if row.took is None else f"{row.took * 1e3:.0f} ms" if row.took < 2 else f"{row.took:.2f} s"
    limit = ""
    if row.took is not None and row.limit is not None:
        limit = f"of {row.limit * 1e3:.0f} ms" if row.limit < 2 else f"of {row.limit:g} s"
    note = row.note
    if row.mark is Mark.LATE:
        note = f"{row.timer}" + (f"; {note}" if note else "")
    mark = "" if row.mark is Mark.OK else row.mark.value
    return f"{mark:<8}{row.what:<52}{time:>9} {limit:<11}{note}".rstrip()


def verdict_lines(found: Verdict) -> Iterator[str]:
    """Where it stopped, why, and what to try."""
    if found.step is Step.MATCHED:
        yield f"=> {found.text}"
        return
    cut = "; more may have followed after the recording" if found.open else ""
    yield f"=> stopped while {found.step.value}: {found.text}{cut}"
    for number, cause in enumerate(found.causes):
        yield f"   {'likely' if not number else 'or'}: {cause.cause}"
        yield f"     try: {cause.remedy}"


def brief(x: Exchange, now: float, *, start: float = 0.0) -> str:
    """One line."""
    found = verdict(x, now)
    matched = found.step is Step.MATCHED
    word = "ok    " if matched else "FAILED"
    where = "" if matched else f"{found.step.value}: "
    return f"{word} {x.begun - start:9.3f} s  {mac_text(x.ev)}  {where}{found.text}"


def plot(aag: bytes) -> Iterator[str]:
    """A small plot of the attenuation of each group, in dB."""
    top = max(10, -(-max(aag) // 10) * 10)
    steps = [round(value * _HEIGHT * 8 / top) for value in aag]
    for level in reversed(range(_HEIGHT)):
        line = "".join(_BARS[min(max(step - level * 8, 0), 8)] for step in steps)
        label = f"{top}" if level == _HEIGHT - 1 else "0" if level == 0 else ""
        yield f"{label:>3} |{line}|"
    yield f"    mean {sum(aag) / len(aag):.1f}, {min(aag)} to {max(aag)} dB, {len(aag)} groups"
