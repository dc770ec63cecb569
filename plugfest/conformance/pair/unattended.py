"""A scenario with our own roles, from its preparation to its evidence; nobody is needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from plugfest.conformance.pair.evidence import Act, Evidence, Port
from plugfest.conformance.pair.own import OWN_ACTS, OWN_ANSWERS, OwnPair
from plugfest.conformance.pair.prepare import prepared, unprepared
from plugfest.conformance.pair.scenario import Do, Scenario, Until, Wait
from plugfest.conformance.pair.words import ACTS, PREPARED
from plugfest.conformance.sut.own import EPOCH
from plugfest.traces.recording import from_events
from v2g.trace import Event, Observe, fan_out

Adjust = Callable[[OwnPair], None]


def impossible(scenario: Scenario) -> str:
    """What of a scenario our own roles cannot do, in words, or ""."""
    if name := unprepared(scenario):
        return f"our own roles do not support this: {PREPARED[name][1].format('...', '...')}"
    for step in scenario.steps:
        if isinstance(step, Do) and step.act not in OWN_ACTS:
            return f"our own roles cannot do it: {ACTS[step.act][1].format('...', '...')}"
    for expected in scenario.expected:
        if expected.verb == "asked" and expected.value not in OWN_ANSWERS:
            return "only a person can see this"
    return ""


@dataclass
class _Port:
    pair: OwnPair
    events: list[Event] = field(default_factory=list)
    since: float = 0.0


async def carry_out(
    scenario: Scenario,
    observers: Sequence[Observe] = (),
    *,
    seed: int = 1,
    adjust: Adjust = lambda pair: None,
) -> Evidence:
    """Carries a scenario out, and gives what it leaves behind.

    Args:
        observers: get the events of the first port, the second port ...
        adjust: called with each pair before it starts.
    """
    now = asyncio.get_running_loop().time
    acts: list[Act] = []
    ports: list[_Port] = []
    recording = True

    def keep(events: list[Event]) -> Observe:
        return lambda event: events.append(event) if recording else None

    async with contextlib.AsyncExitStack() as stack:
        for number in range(1, scenario.ports + 1):
            events: list[Event] = []
            watching = fan_out(keep(events), *observers[number - 1 : number])
            pair = OwnPair(prepared(scenario, number), watching, seed + number, adjust)
            ports.append(_Port(await stack.enter_async_context(pair.open()), events))
        for step in scenario.steps:
            match step:
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                case Until(phase, within, port):
                    await ports[port - 1].pair.until(phase, within, ports[port - 1].since)
                case Do(act, value, port, mark):
                    ports[port - 1].since = now()
                    acts.append(Act(mark, EPOCH + now(), port))
                    for tell in observers[port - 1 : port]:
                        tell(Event(now(), "bench", "act", note=mark))
                    await ports[port - 1].pair.do(act, value)
        until = EPOCH + now()
        answers = {name: look(ports[0].pair) for name, look in OWN_ANSWERS.items()}
        recording = False
    lines = [
        Port(from_events(port.events, role="both", epoch=EPOCH), acts, until) for port in ports
    ]  # fmt: skip
    return Evidence(lines, answers)
