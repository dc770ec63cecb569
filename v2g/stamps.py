"""Time stamps of ISO 15118-20: TimeStamp, TimeAnchor, MeterTimestamp and CheckOutTime, whatever their unit.

Sources disagree on the unit: open stacks send whole seconds since 1970, commercial ones microseconds, and some texts
say milliseconds. An option chooses the unit we send; the magnitude of a received stamp reveals its unit. No session
fails because of one.
"""

from __future__ import annotations

import datetime
from typing import Literal

Unit = Literal["s", "us"]
"""Unit of the stamps sent: seconds or microseconds since 1970."""

FIELDS = frozenset({"TimeStamp", "TimeAnchor", "MeterTimestamp", "CheckOutTime"})
"""Elements that hold a time stamp."""

SECONDS_BELOW, MILLISECONDS_BELOW = 10**11, 10**14
"""Smaller numbers are seconds, or milliseconds; larger ones are microseconds."""

LATEST = 253_402_300_799
"""s: the end of the year 9999."""

OLDEST = 86_400.0
"""s: a schedule that began longer ago than this is attributed to a wrong clock."""

ROUNDED = 2.0
"""s: two moments in one answer may differ by this much through rounding to whole seconds, without any meaning."""


def stamp(unix: float, unit: Unit = "s") -> int:
    """Unix seconds as a time stamp to send."""
    return int(unix * 1e6) if unit == "us" else int(unix)


def seconds(value: int) -> float | None:
    """A time stamp as Unix seconds; None for 0, which means now."""
    if value == 0:
        return None
    if value < SECONDS_BELOW:
        return float(value)
    return value / 1e3 if value < MILLISECONDS_BELOW else value / 1e6


def age(anchor: int, header: int) -> float:
    """Seconds by which a TimeAnchor precedes its message, by the sender's own clock; 0 if it means now.

    An anchor in the future or in the distant past counts as now: the two clocks of a session often differ, and some
    senders fill in anything.
    """
    then, now = seconds(anchor), seconds(header)
    if then is None or now is None:
        return 0.0
    return now - then if ROUNDED <= now - then <= OLDEST else 0.0


def text(value: int) -> str:
    """A time stamp in readable form."""
    found = seconds(value)
    if found is None:
        return "now"
    if found > LATEST:
        return "no time"
    return f"{datetime.datetime.fromtimestamp(int(found), datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
