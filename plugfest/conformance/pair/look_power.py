"""Looks at power: what flowed, what was allowed, and what was planned."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from plugfest.conformance.cause import Cause
from plugfest.conformance.pair.evidence import FLOWS
from plugfest.conformance.pair.frame import ANEW, CLOSES, FOLLOWS, GONE, PLAYED, Frame, Look, Miss, at, furthest, seen
from plugfest.conformance.pair.scenario import Blamed
from plugfest.conformance.verdict import Inconclusive
from plugfest.traces.chain.steps import Step
from plugfest.traces.series import energies, series


def _flowing(frame: Frame) -> list[tuple[float, float]]:
    """The current at the outlet: measured where it is, else as the charger says."""
    return frame.port.measured or frame.port.currents


def current_gone(frame: Frame) -> Miss | None:
    seen(frame)
    limit = frame.since + float(frame.value) + CLOSES
    before = (amps for time, amps in _flowing(frame) if frame.since - PLAYED <= time <= limit)
    flowed = any(abs(amps) >= FLOWS for amps in before)
    if not flowed and frame.port.reached("cable_check", frame.since - PLAYED, frame.since) is None:
        raise Inconclusive("no current flowed before", cause=Cause.POINTLESS)
    anew = (act.time - frame.port.recording.epoch for act in frame.port.acts if act.mark.split(" ")[0] in ANEW)
    end = min((time for time in anew if time > frame.since), default=frame.end)
    for time, amps in _flowing(frame):
        if limit < time <= end and abs(amps) >= GONE:
            return Miss(Cause.OUTPUT_ON, f"{amps:.1f} A {time - frame.since:.1f} s after it")
    return None


def bounded(unit: str, points: Callable[[Frame], list[tuple[float, float]]]) -> Look:
    def look(frame: Frame) -> Miss | None:
        seen(frame)
        most, least = frame.value.get("most"), frame.value.get("least")
        found = frame.window(points(frame))
        if not found:
            return _unsaid(frame, "current" if unit == "A" else "power")
        for time, value in found:
            if most is not None and value > most:
                return Miss(Cause.LIMIT_EXCEEDED, f"{value:.2f} {unit} {at(time)}")
            if least is not None and value < least:
                return Miss(Cause.PHYSICS, f"{value:.2f} {unit} {at(time)}")
        return None

    return look


def _unsaid(frame: Frame, what: str) -> Miss:
    """No value was said: the session did not get there, or its messages have none.

    Raises:
        Inconclusive: they have none, as in AC.
    """
    if any(step is Step.CHARGING for step, _ in frame.port.phases(frame.since, frame.end)):
        raise Inconclusive(f"the messages of this session contain no {what}", cause=Cause.POINTLESS)
    return Miss(Cause.OUTPUT_OFF, f"no {what} was reported; {furthest(frame)}", stalled=True)


def met(frame: Frame) -> Miss | None:
    seen(frame)
    known = series(frame.port.recording)
    present = frame.window(frame.port.currents)[-5:]
    if not present:
        return _unsaid(frame, "current")
    time = present[-1][0]
    asked, (most, watts) = _last(known, "target_current", time), frame.port.ceiling(time)
    volts = _last(known, "present_voltage", time) or math.inf
    wanted = min(asked, most, watts / volts if math.isfinite(volts) else math.inf) if asked is not None else None
    if wanted is None or wanted < FLOWS:
        raise Inconclusive("the vehicle asked for no current", cause=Cause.POINTLESS)
    amps = statistics.median(value for _, value in present)
    if amps >= wanted * float(frame.value) / 100.0:
        return None
    return Miss(Cause.PHYSICS, f"{amps:.1f} A of {wanted:.1f} A")


def _last(known: Mapping[str, Any], name: str, time: float) -> float | None:
    points = known[name].points if name in known else []
    before = [value for at, value in points if at <= time]
    return before[-1] if before else None


def limits(frame: Frame) -> Miss | None:
    seen(frame)
    present = frame.window(frame.port.currents)
    if not present:
        return _unsaid(frame, "current")
    for time, amps in present:
        most = max(frame.port.ceiling(time)[0], frame.port.ceiling(time - FOLLOWS)[0])
        if amps > most * 1.02 + 1.0:
            return Miss(Cause.LIMIT_EXCEEDED, f"{amps:.1f} A of {most:.1f} A {at(time)}", side="secc")
    return _ruled(frame, "secc", ("limits", "target"))


def energy(frame: Frame) -> Miss | None:
    seen(frame)
    found = frame.window(frame.port.powers)
    into = energies(found)[0]
    if into <= float(frame.value["most"]):
        return None
    return Miss(Cause.LIMIT_EXCEEDED, f"{into:.2f} kWh")


def _ruled(frame: Frame, side: str, words: tuple[str, ...]) -> Miss | None:
    """The first violation by a side of a rule whose name begins with one of these words."""
    for one in frame.port.judgement.findings:
        if one.severity == "violation" and one.rule.startswith(words) and (not side or one.side == side):
            blamed: Blamed = "evcc" if one.side == "evcc" else "secc" if one.side == "secc" else ""
            return Miss(Cause.WRONG_FIELD, one.text, blamed)
    return None


def profile(frame: Frame) -> Miss | None:
    seen(frame)
    if not frame.responses("PowerDeliveryReq"):
        return Miss(Cause.NO_REQUEST, f"no PowerDeliveryReq; {furthest(frame)}", stalled=True)
    return _ruled(frame, "evcc", ("profile", "schedule-not-offered"))


def copes(frame: Frame) -> Miss | None:
    """With what no charger may send, a vehicle keeps to it as far as it can be read, or ends the session cleanly."""
    seen(frame)
    if frame.responses("PowerDeliveryReq"):
        return _ruled(frame, "evcc", ("profile", "schedule-not-offered"))
    if frame.talks() and frame.talks()[-1].completed:
        return None
    return Miss(Cause.UNFINISHED, furthest(frame), stalled=True)


def schedule(frame: Frame) -> Miss | None:
    seen(frame)
    names = ("ChargeParameterDiscoveryRes", "ScheduleExchangeRes")
    found = [entry for name in names for entry in frame.responses(name)]
    if not any("Schedule" in repr(entry.body) for entry in found):
        return Miss(Cause.NO_ANSWER, f"no schedule came; {furthest(frame)}", stalled=not found)
    return _ruled(frame, "secc", ("schedule",))
