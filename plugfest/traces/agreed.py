"""What the two sides of ISO 15118-20 agreed on during a recording, as steps for a chart or a table."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from plugfest.traces.entries import Recording
from v2g.terms import Steps, Terms

UNITS = {
    "schedule": "kW", "schedule_back": "kW", "profile": "kW", "price": "", "price_back": "", "needs_minimum": "%",
    "needs_target": "%",
}  # fmt: skip
"""Name of the steps -> unit; prices have the schedule's unit."""


def agreed(recording: Recording, span: tuple[float, float]) -> tuple[dict[str, list[tuple[float, float]]], str]:
    """What the two sides of ISO 15118-20 agreed on, as points of steps within ``span``, and the unit of prices."""
    found: dict[str, list[tuple[float, float]]] = {}
    terms, unit = Terms(), ""
    before: tuple[int | None, int | None] = (None, None)

    def put(name: str, points: Sequence[tuple[float, float]], until: float, scale: float = 1.0) -> None:
        if points and points[0][0] < span[1]:
            kept = [(max(t, span[0]), v * scale) for t, v in points if t < span[1]]
            found[name] = [*found.get(name, []), *kept, (min(until, span[1]), kept[-1][1])]

    changed: list[tuple[float, Terms]] = []
    for entry in recording.messages:
        offers, selected, profile = terms.offers, terms.selected, terms.profile
        terms.note(entry.body, entry.time)
        needs = (terms.needs.minimum, terms.needs.target)
        for name, value in zip(("needs_minimum", "needs_target"), needs, strict=True):
            if value is not None and needs != before:
                found.setdefault(name, []).append((entry.time, float(value)))
        before = needs
        if (terms.offers, terms.selected, terms.profile) != (offers, selected, profile):
            changed.append((entry.time, copy.copy(terms)))
    for place, (time, now) in enumerate(changed):
        end = changed[place + 1][0] if place + 1 < len(changed) else span[1]
        offer = now.offer
        parts = {} if offer is None else {
            "schedule": (offer.charging, 1e-3), "schedule_back": (offer.discharging, 1e-3),
            "price": (offer.prices, 1.0), "price_back": (offer.discharge_prices, 1.0),
        }  # fmt: skip
        for name, (steps, scale) in {**parts, "profile": (now.profile, 1e-3)}.items():
            if steps is not None:
                put(name, _between(steps, time, end), min(end, steps.until), scale)
        unit = offer.unit if offer is not None and offer.unit else unit
    for name in ("needs_minimum", "needs_target"):
        if name in found:
            found[name].append((span[1], found[name][-1][1]))
    return found, unit


def _between(steps: Steps, start: float, end: float) -> list[tuple[float, float]]:
    """The part of some steps from one time until before another."""
    first = steps.at(start)
    kept = [(t, v) for t, v in steps.points if start < t < end]
    return kept if first is None else [(start, first), *kept]
