"""Requests against the control pilot: a vehicle shows the state that each of its requests presupposes.

A charger refuses a request in another state; where the recording has readings of the pilot, so do these checks. They
judge only what a vehicle's resistors set, B, C and D: what unplugging and E and F do is in :mod:`..chain`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from plugfest.traces.chain.pilot import due, either, starts
from plugfest.traces.entries import EVCC, Entry, Recording
from plugfest.traces.findings import Finding, about
from plugfest.traces.requirements import Topic, requirement
from plugfest.traces.slac import pilot_reading
from plugfest.traces.talks import Exchange, Talk, code_of
from slac.pilot import CONNECTED, State
from v2g.status import refuses


class Readings:
    """The states that the pilot showed, in order, with the entries that report them."""

    def __init__(self, recording: Recording) -> None:
        found = [(entry, shown[0]) for entry in recording.entries if (shown := pilot_reading(entry)) is not None]
        self._places, self._times = [entry.index for entry, _ in found], [entry.time for entry, _ in found]
        self._states = [state for _, state in found]
        self._end = recording.entries[-1].time if recording.entries else -math.inf

    def at(self, entry: Entry) -> list[State]:
        """The state at an entry; none if it is not known."""
        return self._states[: bisect_left(self._places, entry.index)][-1:]

    def since(self, entry: Entry, seconds: float) -> list[State]:
        """The state at an entry, and those of the time after it; none if they are not known throughout."""
        first, last = bisect_left(self._places, entry.index), bisect_right(self._times, entry.time + seconds)
        return self._states[first - 1 : last] if first and entry.time + seconds <= self._end else []


def pilot(talk: Talk, readings: Readings) -> Iterator[Finding]:
    """Requests in another pilot state than they presuppose: it did not follow in time, or was left before a refusal."""
    timeout = talk.timing.V2G_SECC_CPState_Detection_Timeout
    for exchange in talk.exchanges:
        request, response = exchange.request, exchange.response
        if request is None or not (wanted := due(request, talk.protocol, ac=talk.ac)):
            continue
        refused = response is not None and refuses(code_of(response))
        if response is None or not refused:
            shown = frozenset(readings.since(request, timeout))
        elif starts(request) and response.time - request.time < talk.timing.V2G_EVCC_CPState_Change_Time:
            shown = frozenset()  # it had time left
        else:
            shown = frozenset(readings.at(response))
        if shown and shown <= CONNECTED - wanted:
            yield about(
                request, "violation", EVCC, "pilot-state", _text(exchange, shown, wanted), _source(talk, request)
            )


def _source(talk: Talk, request: Entry) -> str:
    return requirement(Topic.PILOT_AC if starts(request) else Topic.PILOT, talk.protocol)


def _text(exchange: Exchange, shown: frozenset[State], wanted: frozenset[State]) -> str:
    return f"the vehicle sent {exchange.name} with the control pilot in {either(shown)}, where {either(wanted)} is due"
