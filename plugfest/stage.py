"""What surrounds a session of any command: view, trace, telemetry, timeline, deviations.

A command makes its plants, then a `Stage` over them; the stage gives the roles their observers and rewrites, and is
told when a session begins and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import exi
from boundary.console import complain
from boundary.errors import OutputError
from plugfest.config import named
from plugfest.config.actions import Step
from plugfest.config.model import Bench
from plugfest.controls import Controls
from plugfest.deviations import Deviations
from plugfest.mqtt.commands import Commands
from plugfest.parts import NotPossible
from plugfest.telemetry import measure
from plugfest.timeline import Timeline
from plugfest.typed import taker
from plugfest.under_way import UnderWay
from plugfest.view import View
from plugfest.witness import Witness
from v2g import naming
from v2g.outcome import Outcome
from v2g.reading import body_of
from v2g.terms import Terms
from v2g.trace import Event, Observe, ignore

if TYPE_CHECKING:
    from plugfest.config.model import Mqtt
    from plugfest.mqtt.client import Link
    from plugfest.web.panel import Panel

TELEMETRY_INTERVAL = 1.0
"""s: between two telemetry events of a state that does not change."""


@dataclass
class Stage:
    """The surroundings of the sessions of one bench.

    Attributes:
        bench: as configured. controls: the plants. view: how it is shown.
        trace: the writer of the trace.
    """

    bench: Bench
    controls: Controls
    view: View
    trace: Observe = ignore
    link: Link | None = None
    panel: Panel | None = None
    _state: str = ""
    _told: tuple[str, float] = ("", -TELEMETRY_INTERVAL)
    _deviations: list[Deviations] = field(default_factory=list)
    _gone: OSError | None = None
    _main: asyncio.Task[Any] | None = None

    def __post_init__(self) -> None:
        bench, controls = self.bench, self.controls
        self.timeline = Timeline(bench.timeline, self.act)
        self.witness = Witness(bench.role)
        self.terms = Terms()
        self.session = controls.session = UnderWay()
        if bench.mqtt is not None:
            self.link = _link(bench, bench.mqtt, self)
        if bench.web is not None:
            self.panel = _panel(bench, bench.web, self)
        self.view.hear(taker(Commands(bench.role, self.command, self.timeline.add)))
        if controls.evse is not None:
            controls.break_down(list(bench.charger.faults))

    def equip(self, options: Any, role: str, *, main: bool = True) -> None:
        """Gives a role its observer and its rewrites.

        Args:
            options: of the role (evcc.Options, secc.serve.Options).
            main: its view of the session is shown and written; if both roles run, one of them is main.
        """
        options.observe = self.observe if main else ignore
        ending, delays = ("Req", {}) if role == "evcc" else ("Res", self.bench.charger.delays)
        others = delays.get("default", 0.0)
        requests = [name for name in named.message_names() if name.endswith("Req")] if others else list(delays)
        answers = {naming.response(name): delays.get(name, others) for name in requests}
        made = Deviations(self.bench.deviations, ending, self.tell, answers)
        made.install(options)
        self._deviations.append(made)
        self.controls.deviations.append(made)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs everything that accompanies the sessions while the context is open.

        Raises:
            BrokenPipeError: the reader of the view has gone, as `plugfest ... | head` does; the session was broken off.
        """
        self._main = asyncio.current_task()
        alone, self.view.left = self.view.left, self._leave  # whoever says something may be in the midst of a session
        schemas = [] if self.bench.fast else [s for protocol in named.protocols(self.bench) for s in protocol.schemas()]
        preparing = asyncio.create_task(_prepare(schemas))
        try:
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(self.view.running())
                if self.link is not None:
                    await stack.enter_async_context(self.link.running())
                if self.panel is not None:
                    await stack.enter_async_context(self.panel.running())
                yield
        except asyncio.CancelledError:
            if self._gone is not None:
                raise self._gone from None
            raise
        finally:
            preparing.cancel()
            self._main = None
            self.view.left = alone

    def begin(self, *, resumed: bool = False) -> None:
        """A session starts, or a paused one is resumed."""
        self._count_anew()
        self._state, self._told = "", ("", -TELEMETRY_INTERVAL)
        self.terms = Terms()
        self.session.begin(self.terms)
        self.view.begin()
        if self.link is not None:
            self.link.reporter.begin(asyncio.get_running_loop().time())
        if self.panel is not None:
            self.panel.begin(asyncio.get_running_loop().time())
        self.timeline.begin(resumed=resumed)

    def _count_anew(self) -> None:
        """The configuration applies to every session, whatever happened in the previous one."""
        for deviations in self._deviations:
            deviations.begin()

    def end(self, outcomes: Mapping[str, Outcome], *, pauses: bool = False) -> None:
        """The session is over, or ``pauses`` and will be resumed; outcomes by role (vehicle, charger)."""
        self.controls.session_over()
        if not pauses:
            self.timeline.end()
        self.witness.sign(outcomes, last=not pauses)
        self.view.end(outcomes)
        if self.link is not None:
            self.link.reporter.end(outcomes, asyncio.get_running_loop().time())
        if self.panel is not None:
            now = asyncio.get_running_loop().time()
            self.panel.end(outcomes, self.witness.judged, self.witness.began, now)

    def unused(self) -> list[str]:
        """A line for each deviation and each action of the bench that never happened, for the end."""
        lines = []
        for deviations in self._deviations:
            for entry, why in deviations.unused():
                place = next(n for n, each in enumerate(self.bench.deviations, 1) if each is entry)
                lines.append(f"deviations[{place}] never applied: {why}")
        for step, why in self.timeline.unused():
            place = next(n for n, each in enumerate(self.bench.timeline, 1) if each is step)
            lines.append(f"timeline[{place}] never happened: {why}")
        return lines

    def tell_unused(self) -> None:
        """Reports these at the end."""
        for line in self.unused():
            self.view.say(f"note: {line}")

    async def close(self, *, tell: bool = True) -> None:
        """The command is done: reports what never happened (``tell``), and keeps the panel while it has viewers."""
        if tell:
            self.tell_unused()
        if self.panel is not None:
            await self.panel.linger()

    def tell(self, event: Event) -> None:
        """An event for view, trace and broker. If one of these fails, the session continues."""
        try:
            self.trace(event)
        except OutputError as why:  # that file ends here, the others continue
            self.tell(Event(event.time, "error", "trace", note=f"{why}; it ends here"))
        try:
            self.view.observe(event)
        except BrokenPipeError as why:
            self._leave(why)
        if self.link is not None:
            self.link.reporter.observe(event)
        if self.panel is not None:
            self.panel.observe(event)

    def _leave(self, why: OSError) -> None:
        """There are no more viewers: ends what runs safely, as a cancellation does."""
        if self._gone is not None:  # its task is already ending, and must not be cancelled in that
            return
        self._gone = why
        self.view.observe, self.view.file = ignore, None
        if self._main is not None:
            self._main.cancel()

    def act(self, step: Step) -> None:
        """An action of the timeline; one that is impossible is reported."""
        try:
            self.command(step)
        except NotPossible as why:
            self.tell(Event(asyncio.get_running_loop().time(), "bench", "action", note=f"not possible: {why}"))

    def command(self, step: Step) -> str:
        """Performs an action now; returns what was done. Raises NotPossible."""
        text = self.controls.apply(step)
        self.tell(Event(asyncio.get_running_loop().time(), "bench", "action", note=text))
        return text

    def observe(self, event: Event) -> None:
        """An event of a layer, as the main role's observer gets it."""
        if event.layer == "tcp" and event.name == "connected":
            if self.timeline.running:  # since plug-in, or a previous session whose end was not reported
                self._count_anew()
            else:
                self.begin()
        self.session.observe(event)
        self.timeline.observe(event)
        self.witness.observe(event)
        self.tell(event)
        if event.layer == "message":
            self.terms.note(body_of(event.message), event.time)
            self._telemetry(event)

    def _telemetry(self, event: Event) -> None:
        """Telemetry at each new state, and at most once a second while the state lasts."""
        state = naming.exchange(event.name)
        if not event.name.endswith("Req"):
            self.measured(state)

    def measured(self, state: str) -> None:
        """Telemetry of a state, even of one without a message."""
        now = asyncio.get_running_loop().time()
        if state == self._told[0] and now - self._told[1] < TELEMETRY_INTERVAL:
            return
        self._told = (state, now)
        numbers = {**measure(self.controls), **self.terms.digest(now), "state": state}
        self.tell(Event(now, "plant", "telemetry", note=json.dumps(numbers)))


async def _prepare(schemas: list[exi.Schema]) -> None:
    """Generates the codec's code in small steps, so that a charger answers SDP before all of it is ready."""
    for schema in schemas:
        for _ in exi.preparing(schema):
            await asyncio.sleep(0)


def _panel(bench: Bench, web: str, stage: Stage) -> Panel:
    """The panel, not yet served."""
    from plugfest.web.panel import Panel  # the panel takes time to load

    say = complain if stage.view.file is None else stage.view.say
    title = {"evcc": "vehicle", "secc": "charger"}.get(bench.role, "vehicle and charger")
    commands = Commands(bench.role, stage.command, stage.timeline.add)
    return Panel(web, bench.role, title, lambda: measure(stage.controls), commands, say)


def _link(bench: Bench, settings: Mqtt, stage: Stage) -> Link:
    """The connection to the broker, not yet made."""
    from plugfest.mqtt.client import Link, base_topic
    from plugfest.mqtt.outbox import Outbox
    from plugfest.mqtt.reporter import Reporter

    outbox = Outbox()
    offset = time.time() - asyncio.get_running_loop().time()
    reporter = Reporter(
        settings, base_topic(bench), outbox, lambda loop_time: loop_time + offset, lambda: measure(stage.controls)
    )
    commands = Commands(bench.role, stage.command, stage.timeline.add)
    return Link(bench, settings, outbox, reporter, commands, stage.view.say)
