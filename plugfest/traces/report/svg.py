"""Plots and diagrams as inline SVG. Text is escaped and numbers are formatted, so the wire cannot inject markup."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape as escape_markup

from boundary.text import visible

WIDTH = 1000
LEFT, RIGHT = 52, 16
MAX_POINTS = 1200

STEPS = ("target", "limit")
"""Styles of curves that hold each value until the next."""

Points = Sequence[tuple[float, float]]


def escape(text: str) -> str:
    """Text for SVG, without control characters."""
    return escape_markup(visible(text))


@dataclass(frozen=True)
class Curve:
    """A line of a plot: points (s, value), its label and the class that styles it."""

    label: str
    points: Points
    style: str


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from at or below ``low`` to at or above ``high``."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low, low + 1.0]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def number(value: float) -> str:
    """A number for a label."""
    return f"{value:.10g}" if abs(value) < 1e6 else f"{value:.3g}"


def thinned(points: Points, limit: int = MAX_POINTS) -> Points:
    """At most about this many points, with the lowest and highest of each interval."""
    if len(points) <= limit:
        return points
    size = math.ceil(len(points) * 2 / limit)
    found = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        low, high = min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])
        found += sorted({low, high})
    return found


def _path(points: Points, x: _Scale, y: _Scale, *, steps: bool = False) -> str:
    parts: list[str] = []
    for t, v in thinned(points):
        if steps and parts:
            parts.append(f"H{x(t):.1f}V{y(v):.1f}")
        else:
            parts.append(f"{'L' if parts else 'M'}{x(t):.1f} {y(v):.1f}")
    return " ".join(parts)


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)


def plot(
    curves: Sequence[Curve], unit: str, span: tuple[float, float], *, height: int = 170, axis: bool = True,
    title: str = "",
) -> str:  # fmt: skip
    """Curves over time.

    Args:
        span: first and last second.
        axis: write the times below the plot.
    """
    curves, values = _clipped(curves)
    levels = ticks(min(0.0, *values), max(values) if max(values) > 0 else 1.0, 4)
    top, bottom = 26, 24 if axis else 8
    x = _Scale(span[0], span[1], LEFT, WIDTH - RIGHT)
    y = _Scale(levels[0], levels[-1], height - bottom, top)
    parts = [f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">']
    for level in levels:
        style = "grid zero" if level == 0.0 and levels[0] < 0.0 else "grid"
        parts.append(
            f'<line class="{style}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>'
        )
        parts.append(_text("tick", LEFT - 8, y(level) + 3.5, number(level), "end"))
    for moment in [t for t in ticks(*span, 8) if span[0] <= t <= span[1]]:
        at = f"{x(moment):.1f}"
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{top}" y2="{height - bottom}"/>')
        if axis:
            parts.append(_text("tick", x(moment), height - bottom + 15, number(moment), "middle"))
    if axis:
        parts.append(f'<text class="tick" x="{WIDTH - RIGHT}" y="{height - bottom + 15}" text-anchor="end">s</text>')
    for curve in curves:
        if len(curve.points) == 1:
            t, v = curve.points[0]
            parts.append(f'<circle class="dot {curve.style}" cx="{x(t):.1f}" cy="{y(v):.1f}" r="2.5"/>')
        else:
            path = _path(curve.points, x, y, steps=curve.style.startswith(STEPS))
            parts.append(f'<path class="curve {curve.style}" d="{path}"/>')
    parts.append(_heading(title, unit))
    edge = float(WIDTH - RIGHT)
    for curve in reversed(curves):
        edge -= 6.4 * len(curve.label)
        parts.append(f'<text class="legend" x="{edge:.0f}" y="15">{escape(curve.label)}</text>')
        parts.append(f'<line class="curve {curve.style}" x1="{edge - 24:.0f}" x2="{edge - 6:.0f}" y1="11" y2="11"/>')
        edge -= 42
    parts.append("</svg>")
    return "".join(parts)


BEYOND = 1.5
"""Factor by which limits may widen a plot beyond the measured values; they are cut there, and their label says so."""


def _clipped(curves: Sequence[Curve]) -> tuple[list[Curve], list[float]]:
    """Curves whose limits do not dwarf the measured values, and their resulting values."""
    measured = [v for curve in curves if not curve.style.startswith("limit") for _, v in curve.points]
    high, low = (pick((0.0, *measured)) * BEYOND for pick in (max, min))
    found = []
    for curve in curves:
        if measured and curve.style.startswith("limit"):
            edges = {number(v) for _, v in curve.points if not low <= v <= high}
            label = f"{curve.label} ({', '.join(sorted(edges)[:2])})" if edges and high > low else curve.label
            curve = Curve(label, [(t, min(max(v, low), high)) for t, v in curve.points], curve.style)
        found.append(curve)
    return found, [v for curve in found for _, v in curve.points]


def bars(values: Sequence[int], title: str, unit: str, *, height: int = 150) -> str:
    """One bar per value: an attenuation profile."""
    levels = ticks(0, max(*values, 1), 4)
    top, bottom = 26, 24
    y = _Scale(levels[0], levels[-1], height - bottom, top)
    step = (WIDTH - LEFT - RIGHT) / len(values)
    mean = sum(values) / len(values)
    parts = [f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">']
    for level in levels:
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>')
        parts.append(_text("tick", LEFT - 8, y(level) + 3.5, number(level), "end"))
    for place, value in enumerate(values):
        at = LEFT + place * step
        parts.append(
            f'<rect class="bar" x="{at + 1:.1f}" y="{y(value):.1f}" width="{max(step - 2, 1):.1f}"'
            f' height="{max(y(0) - y(value), 0):.1f}"><title>group {place + 1}: {value} {escape(unit)}</title></rect>'
        )
        if place % 5 == 0:
            parts.append(_text("tick", at + step / 2, height - bottom + 15, str(place + 1), "middle"))
    parts.append(f'<line class="mean" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(mean):.1f}" y2="{y(mean):.1f}"/>')
    parts.append(_heading(title, unit))
    parts.append(_text("legend", WIDTH - RIGHT, 15, f"mean {mean:.1f} {unit}", "end"))
    parts.append("</svg>")
    return "".join(parts)


def _heading(title: str, unit: str) -> str:
    return (
        f'<text class="title" x="{LEFT}" y="15">{escape(title)}<tspan class="unit" dx="6">{escape(unit)}</tspan></text>'
    )


@dataclass(frozen=True)
class Phase:
    """An interval on a timeline."""

    label: str
    start: float
    end: float
    style: str
    detail: str = ""


def timeline(phases: Iterable[Phase], span: tuple[float, float]) -> str:
    """Time intervals one below the other, each with its name next to it."""
    found = list(phases)
    row = 21
    height = 26 + row * len(found) + 8
    x = _Scale(span[0], span[1], LEFT, WIDTH - RIGHT)
    parts = [f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="timeline">']
    for moment in [t for t in ticks(*span, 8) if span[0] <= t <= span[1]]:
        parts.append(f'<line class="grid" x1="{x(moment):.1f}" x2="{x(moment):.1f}" y1="20" y2="{height - 6}"/>')
        parts.append(f'<text class="tick" x="{x(moment):.1f}" y="13" text-anchor="middle">{number(moment)}</text>')
    parts.append(f'<text class="tick" x="{WIDTH - RIGHT}" y="13" text-anchor="end">s</text>')
    for place, phase in enumerate(found):
        y = 26 + place * row
        begin, end = x(phase.start), max(x(phase.end), x(phase.start) + 2)
        label = f"{phase.label}  {phase.detail}".rstrip()
        shape = f'x="{begin:.1f}" y="{y}" width="{end - begin:.1f}" height="{row - 6}" rx="2"'
        parts.append(f'<rect class="phase {phase.style}" {shape}/>')
        if end + 6.3 * len(label) < WIDTH - RIGHT:
            where, anchor = f"{end + 6:.1f}", "start"
        elif begin - 6.3 * len(label) > LEFT:
            where, anchor = f"{begin - 6:.1f}", "end"
        else:
            where, anchor = f"{begin + 6:.1f}", "start"
        inside = ' class="label inside"' if where == f"{begin + 6:.1f}" and anchor == "start" else ' class="label"'
        parts.append(f'<text{inside} x="{where}" y="{y + 11.5}" text-anchor="{anchor}">{escape(label)}</text>')
    parts.append("</svg>")
    return "".join(parts)


@dataclass(frozen=True)
class Arrow:
    """A row of a sequence chart.

    Attributes:
        time: as text.
        label: on the arrow.
        right: beside the chart.
        direction: ``evcc`` or ``secc`` (who sends), "" for a remark between the two.
        style: class.
        link: id that the label leads to, or "".
    """

    time: str
    label: str
    right: str
    direction: str = ""
    style: str = ""
    link: str = ""


def sequence(arrows: Sequence[Arrow]) -> str:
    """A sequence chart between vehicle and charger."""
    row, top = 22, 40
    left, right = 110, 530
    middle = (left + right) / 2
    height = top + row * len(arrows) + 14
    parts = [f'<svg class="sequence" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="sequence chart">']
    for at, name, style in ((left, "vehicle", "evcc"), (right, "charger", "secc")):
        parts.append(f'<line class="life" x1="{at}" x2="{at}" y1="30" y2="{height - 4}"/>')
        parts.append(f'<rect class="head {style}" x="{at - 42}" y="6" width="84" height="24" rx="4"/>')
        parts.append(f'<text class="headtext" x="{at}" y="22" text-anchor="middle">{name}</text>')
    for place, arrow in enumerate(arrows):
        y = top + place * row + 14
        parts.append(_text("tick", left - 14, y + 3.5, arrow.time, "end"))
        if arrow.direction:
            start, end = (left, right) if arrow.direction == "evcc" else (right, left)
            tip = 7 if end > start else -7
            style = f"{arrow.direction} {arrow.style}"
            parts.append(f'<line class="arrow {style}" x1="{start}" x2="{end - tip}" y1="{y}" y2="{y}"/>')
            parts.append(f'<path class="tip {style}" d="M{end} {y}l{-tip} -3.5v7z"/>')
            label = _text(f"name {arrow.style}", middle, y - 4.5, arrow.label, "middle")
        else:
            label = _text(f"aside {arrow.style}", middle, y + 3.5, arrow.label, "middle")
        parts.append(f'<a href="#{escape(arrow.link)}">{label}</a>' if arrow.link else label)
        beside = arrow.right if len(arrow.right) <= LONGEST else arrow.right[: LONGEST - 1] + "…"
        parts.append(_text(f"right {arrow.style}", right + 14, y + 3.5, beside, "start"))
    parts.append("</svg>")
    return "".join(parts)


LONGEST = 68
"""Maximum number of characters beside a sequence chart."""


def _text(style: str, x: float, y: float, words: str, anchor: str) -> str:
    if not words:
        return ""
    return f'<text class="{style.strip()}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
