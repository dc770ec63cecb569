"""Power over time for the charger's energy manager: from a bench file's points, or a file with lines of time and kW.

A file has one point per line, time and power, with comma, semicolon, tab or spaces between them: seconds (``90``), or
``hh:mm:ss``, since power first flows; kW, negative if the vehicle feeds back. With semicolons or tabs a comma may be
the decimal one. A first line of words is a heading; empty lines and those starting with # are ignored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from boundary.errors import InputError
from boundary.read import read_text
from boundary.text import shortened
from secc.manager import Curve, Point, constant

MAX_BYTES = 4 * 1024 * 1024
"""Maximum number of points in a file: one per second for two days."""
MOST_KW = 10_000.0
"""No outlet of these standards has this much; a larger number is in watts by mistake."""

_CLOCK = re.compile(r"(\d{1,3}):(\d\d)(?::(\d\d(?:\.\d+)?))?", re.ASCII)
_SECONDS = re.compile(r"\d{1,9}(?:\.\d*)?(?::.*)?", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_IN_WATTS = re.compile(r"(?<![A-Za-z])W(?![A-Za-z])")


def of_points(points: Sequence[tuple[float, float]]) -> Curve:
    """Seconds and kW as a curve."""
    return tuple(Point(start, kilowatts * 1000.0) for start, kilowatts in points)


def of_bench(wanted: float | str | Sequence[tuple[float, float]]) -> Curve:
    """``charger.target-power``: kW, points, or the name of a file. Raises InputError as :func:`read`."""
    if isinstance(wanted, str):
        return read(Path(wanted))
    return constant(wanted * 1000.0) if isinstance(wanted, (int, float)) else of_points(wanted)


def read(path: Path) -> Curve:
    """The curve of a file.

    Raises:
        InputError: it cannot be read, or a line is not a point; the first such line, with its number.
    """
    points: list[Point] = []
    headed = False
    for number, line in enumerate(read_text(path, limit=MAX_BYTES, what="a power curve").split("\n"), 1):
        text = line.strip()
        if not text or text.startswith("#") or text.lower().startswith("sep="):
            continue
        if not points and not headed and _SECONDS.match(_cells(text)[0]) is None:
            headed = True
            if _IN_WATTS.search(text):
                raise InputError(str(path), "the heading says W, but kW are needed", line=number)
            continue
        try:
            points.append(_point(_cells(text)))
            check(points[-2:] if points[1:] else points)
        except ValueError as why:
            raise InputError(str(path), str(why), line=number) from why
    if not points:
        raise InputError(str(path), "it has no line of seconds and kW, such as 60, -10")
    return tuple(points)


def check(curve: Sequence[Point]) -> None:
    """Raises ValueError: the curve does not start at 0 or is not in order of time, or it exceeds any outlet."""
    for before, point in pairwise(curve):
        if point.start <= before.start:
            raise ValueError(f"{point.start:g} s is not later than the {before.start:g} s before it")
    if len(curve) == 1 and curve[0].start != 0.0:
        raise ValueError(f"a curve begins at 0 s, when power first flows, not at {curve[0].start:g} s")
    if most := next((point.watts for point in curve if abs(point.watts) > MOST_KW * 1000.0), None):
        raise ValueError(f"{most / 1000.0:g} kW is more than any outlet has; give power in kW")


def _cells(text: str) -> list[str]:
    separator = next((mark for mark in (";", "\t", ",") if mark in text), None)
    cells = [cell.strip().strip('"').strip() for cell in text.split(separator)]
    return [cell.replace(",", ".").replace("\u2212", "-") for cell in cells]


def _point(cells: Sequence[str]) -> Point:
    """Raises ValueError: not seconds or hh:mm:ss, and a number."""
    if len(cells) != 2:
        raise ValueError(
            f"give time and power in kW, such as 60, -10, not {len(cells)} column{'' if len(cells) == 1 else 's'}"
        )
    time, power = cells
    if (clock := _CLOCK.fullmatch(time)) is not None:
        hours, minutes, seconds = int(clock[1]), int(clock[2]), float(clock[3] or 0)
        if minutes > 59 or seconds >= 60.0:
            raise ValueError(f"{shortened(time, 40)} is not a time in hh:mm:ss")
        start = hours * 3600 + minutes * 60 + seconds
    elif _SECONDS.fullmatch(time) is not None and ":" not in time:
        start = float(time)
    else:
        raise ValueError(f"{shortened(time, 40)} is not a time; use seconds or hh:mm:ss")
    if _NUMBER.fullmatch(power) is None or not math.isfinite(float(power)):
        raise ValueError(f"{shortened(power, 40)} is not a power; give a number in kW without the unit")
    return Point(start, float(power) * 1000.0)
