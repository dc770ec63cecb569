"""The live view: the board of a bench drawn in the terminal, a few times a second.

Drawing takes tens of milliseconds, but a charge loop's answer may only take 25, so it happens in its own thread, which
only reads. The plant's numbers are taken in the event loop, whose clock they need.
"""

from __future__ import annotations

import asyncio
import contextlib
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import IO, Any, cast

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from boundary import keyboard
from boundary.console import Screen
from boundary.text import visible
from plugfest.board import Board
from plugfest.lines import LEGEND
from plugfest.typed import HINT
from plugfest.view import View
from slac.pilot import LEGEND as PILOT
from v2g.outcome import Outcome
from v2g.terms import NOTIFICATIONS

REFRESH = 0.2
"""s between two drawings."""
TALL = 30
"""Minimum number of terminal lines for a legend."""
BARS = "▁▂▃▄▅▆▇█"
ORDER = ("pilot", "vehicle", "modem", "SLAC", "SDP", "TCP", "TLS")


class _Text(Text):
    """One line of text that is safe to show on a terminal."""

    def __init__(self, text: str = "", style: str = "", *, overflow: OverflowMethod | None = None) -> None:
        super().__init__(visible(text), style, no_wrap=True, overflow=overflow or "crop")

    def append(self, text: Text | str, style: Any = None) -> _Text:
        super().append(visible(text) if isinstance(text, str) else text, style)
        return self


class LiveView(View):
    """Draws while its `running` context is open; prints lasting lines above the drawing."""

    typed = True

    def __init__(
        self, title: str, measure: Callable[[], dict[str, Any]], target: float | None, console: Console | None = None
    ) -> None:
        """``measure`` gives the plant's numbers now; ``target`` is the SoC in percent where charging ends."""
        self.console = console or Console(file=cast(IO[str], Screen()))
        self.board = Board()
        super().__init__(self.board.observe, self.console.file)
        self._title = title
        self._measure = measure
        self._target = target
        self._zero = 0.0
        self._drawing = threading.Lock()
        self._finished = False
        self._take: Callable[[str], str] | None = None
        self._heard = False
        self._line = self._answer = ""

    def hear(self, take: Callable[[str], str]) -> None:
        self._take = take

    def _entered(self, line: str) -> None:
        self._answer = self._take(line) if self._take is not None else ""

    def _typing(self, line: str) -> None:
        self._line = line

    def say(self, text: str) -> None:
        self.console.print(_Text(text, overflow="ignore"), soft_wrap=True)

    def headline(self, lines: list[str]) -> None:
        """The drawing has its own heading."""

    def begin(self) -> None:
        self.board.begin(asyncio.get_running_loop().time())

    def end(self, outcomes: Mapping[str, Outcome]) -> None:
        words = [f"{role}: {o.ending}" for role, o in outcomes.items()]
        self.board.end("; ".join(words))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self._zero = asyncio.get_running_loop().time()
        with Live(console=self.console, auto_refresh=False, transient=False, vertical_overflow="crop") as live:
            task = asyncio.create_task(self._draw(live))
            try:
                with self._keyboard():
                    yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                self._show(live, asyncio.get_running_loop().time(), last=True)

    @contextlib.contextmanager
    def _keyboard(self) -> Iterator[None]:
        if self._take is None:
            yield
            return
        with keyboard.lines(self._entered, self._typing) as self._heard:
            yield
        self._heard = False

    async def _draw(self, live: Live) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            if not self.board.ended:
                self.board.measured(self._measure(), now)
            await asyncio.to_thread(self._show, live, now)
            await asyncio.sleep(REFRESH)

    def _show(self, live: Live, now: float, *, last: bool = False) -> None:
        """One drawing; none follows the last one, however late its thread is."""
        with self._drawing:
            if not self._finished:
                self._finished = last
                live.update(self.render(now), refresh=True)

    # ------------------------------------------------------------------------------------------ drawing

    def render(self, now: float) -> RenderableType:
        """The drawing at a loop time."""
        board = self.board
        width, height = self.console.size
        head = Table.grid(expand=True)
        head.add_column()
        head.add_column(justify="right")
        head.add_row(Text(f"plugfest {self._title}", style="bold"), _Text(_clock(now - self._zero)))
        parts: list[RenderableType] = [head, Rule(style="dim"), self._links(), self._status(now)]
        parts += [self._terms(now)] if board.terms.service else []
        parts.append(self._numbers(width))
        legend = _legend(width) if height >= TALL else []
        rows = max(
            height
            - 12
            - self._heard
            - len(self._extra())
            - len(legend)
            - bool(board.terms.service)
            - (1 + min(len(board.warnings), 3) if board.warnings else 0),
            3,
        )
        parts += [Rule("messages", align="left", style="dim"), self._happenings(rows)]
        if board.warnings:
            parts.append(Rule("warnings", align="left", style="yellow"))
            parts += [
                _Text(_cut(f"{_since(t, self._zero)} {w}", width), style="yellow") for t, w in _last(board.warnings, 3)
            ]
        parts += [_Text(line, style="dim") for line in legend]
        if self._heard:
            parts.append(self._prompt(width))
        return Group(*parts)

    def _prompt(self, width: int) -> Text:
        if self._line:
            return _Text(_cut(f"> {self._line}", width), style="bold")
        return _Text(_cut(f"> {self._answer or HINT}", width), style="" if self._answer else "dim")

    def _links(self) -> Text:
        line = _Text(overflow="ellipsis")
        for name in ORDER:
            if value := self.board.links.get(name):
                good = value not in ("closed", "asking", "left", "none", "asleep") and "failed" not in value
                line.append(f"{name} ", style="dim")
                line.append(self.board.pilot if name == "pilot" else value, style="green" if good else "yellow")
                line.append("   ")
        return line if line else _Text("waiting", style="dim")

    def _status(self, now: float) -> Text:
        board = self.board
        line = _Text(overflow="ellipsis")
        if board.ended:
            return line.append(
                f"ended  {board.ended}", style="bold green" if "completed" in board.ended else "bold red"
            )
        line.append(board.protocol or "no protocol yet", style="bold" if board.protocol else "dim")
        line.append("   ")
        line.append(board.state or "waiting for the peer", style="bold cyan" if board.state else "dim")
        if board.state:
            line.append(f"  for {now - board.since:.1f} s", style="dim")
        if board.messages:
            last, longest, request = board.response
            line.append(f"   {board.messages} messages", style="dim")
            if request:
                line.append(f", {request} answered in {last * 1000:.0f} ms (longest {longest * 1000:.0f})", style="dim")
        return line

    def _terms(self, now: float) -> Text:
        """Service, control, mobility needs and schedule of ISO 15118-20, as far as known."""
        terms = self.board.terms
        line = _Text(overflow="ellipsis")
        line.append(f"{terms.service} {terms.control}".rstrip(), style="bold")
        if terms.standby:
            line.append("   standby", style="bold yellow")
        needs, offer = terms.needs, terms.offer
        if needs.departure is not None:
            line.append(f"   leaves in {_clock(needs.departure - now)}")
        if needs.minimum is not None:
            line.append(f"   at least {needs.minimum} %")
        if needs.target is not None:
            line.append(f"   target {needs.target} %")
        limits = [] if offer is None else [steps.at(now) for steps in (offer.discharging, offer.charging) if steps]
        if offer is not None and limits:
            kilowatts = " to ".join(f"{watts / 1000.0:g}" for watts in limits if watts is not None)
            line.append(f"   schedule {offer.number}: {kilowatts or 'over'}{' kW' if kilowatts else ''}")
        if offer is not None and offer.prices is not None and (price := offer.prices.at(now)) is not None:
            line.append(f"   {price:g} {offer.unit}" if offer.unit != "level" else f"   price level {price:g}")
        if terms.wish:
            line.append(f"   the charger {NOTIFICATIONS[terms.wish]}", style="yellow")
        return line

    def _extra(self) -> list[tuple[str, str]]:
        """Rows of numbers that only some sessions have: name and value."""
        numbers, rows = self.board.numbers, []
        target = numbers.get("target", self.board.terms.target)
        if target is not None:
            rows.append(("wanted", f"{target / 1000:.2f} kW"))
        if "discharged" in numbers:
            rows.append(("given", f"{numbers['discharged'] / 1000:.3f} kWh"))
        return rows

    def _numbers(self, width: int) -> Table:
        numbers, series = self.board.numbers, self.board.series
        table = Table.grid(padding=(0, 1))
        table.add_column(style="dim", width=8)
        table.add_column(justify="right", width=11)
        table.add_column()
        room = max(width - 24, 10)
        for name, key, unit, scale, digits in (
            ("voltage", "volts", "V", 1.0, 1),
            ("current", "amps", "A", 1.0, 1),
            ("power", "watts", "kW", 1e-3, 2),
        ):
            if key in numbers:
                value = f"{numbers[key] * scale:.{digits}f} {unit}"
                table.add_row(name, value, _signed(series.get(key, ()), room))
        if "soc" in numbers:
            bar = _Text(_bar(numbers["soc"], room - 14), style="green")
            if self._target is not None:
                bar.append(f" of {self._target:g} %", style="dim")
            table.add_row("SoC", f"{numbers['soc']:.1f} %", bar)
        if "energy" in numbers:
            table.add_row("energy", f"{numbers['energy'] / 1000:.3f} kWh", "")
        for name, value in self._extra():
            table.add_row(name, value, "")
        return table

    def _happenings(self, rows: int) -> RenderableType:
        lines = []
        for time, mark, text in _last(self.board.recent, rows):
            style = {"!": "yellow", "#": "magenta", "*": "bold"}.get(mark, "")
            lines.append(_Text(_cut(f"{_since(time, self._zero)} {mark} {text}", self.console.width), style=style))
        return Group(*lines) if lines else _Text("none yet", style="dim")


def _legend(width: int) -> list[str]:
    """What the signs and the pilot's states mean, in as many lines as that takes."""
    return [line for part in (LEGEND, f"pilot: {PILOT}") for line in textwrap.wrap(part, width)]


def _since(time: float, zero: float) -> str:
    """A time as seconds; what happened while the view was opened has no minus sign."""
    return f"{round(time - zero, 3) + 0.0:9.3f}"


def sparkline(values: Iterable[float], width: int) -> str:
    """The last ``width`` values as a line of bars, from zero to the largest of their magnitudes."""
    shown = [abs(value) for value in list(values)[-width:]]
    top = max(shown, default=0.0)
    if top <= 0.0:
        return BARS[0] * len(shown)
    return "".join(BARS[min(int(value / top * (len(BARS) - 1) + 0.5), len(BARS) - 1)] for value in shown)


def _signed(values: Iterable[float], width: int) -> Text:
    """A sparkline in which flow from the vehicle has another colour."""
    shown = list(values)[-width:]
    line = _Text()
    for value, bar in zip(shown, sparkline(shown, width), strict=True):
        line.append(bar, style="magenta" if value < 0.0 else "cyan")
    return line


def _bar(percent: float, width: int) -> str:
    full = round(max(min(percent, 100.0), 0.0) / 100.0 * width)
    return "█" * full + "░" * (width - full)


def _last(items: Iterable[Any], count: int) -> list[Any]:
    return list(items)[-count:]


def _cut(text: str, width: int) -> str:
    """At most this many columns; some characters take two."""
    line = visible(text)
    return line if cell_len(line) <= width else set_cell_size(line, width - 1) + "…"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(max(seconds, 0.0)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
