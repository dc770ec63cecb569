"""What happens when: the actions of a bench file, each at a time or at an event of the session.

Rules:

- A vehicle that sleeps through a pause goes on with the timeline when it resumes the session: what has happened does
  not happen again, and times run on in the pause.
- A session begins when the connection is made (a vehicle's: when it starts to look for a charger), and each one runs
  the timeline from its start. Times count from there.
- Events count from plug-in on: those of pilot and matching come before the session, and actions at them take place at
  once, or ``after`` seconds later. The pilot in A, outside a session, restarts the count.
- An action at a message takes place at once when the message is about to be sent or has just been received, before
  anything is made of it; so a charger's answer to that request already shows it.
- Where both roles run here, the vehicle's view counts, or each message would be there twice.
- Only the loop's time is used: in virtual time the same bench gives the same trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from plugfest.config.actions import Step
from v2g.trace import Event


@dataclass
class Timeline:
    """Runs the actions of each session.

    Attributes:
        steps: in the order of the file; those due at the same moment happen in this order. act: performs one.
    """

    steps: Sequence[Step]
    act: Callable[[Step], None]
    running: bool = False
    _done: set[int] = field(default_factory=set)
    _most: dict[str, int] = field(default_factory=dict)
    _pending: list[asyncio.TimerHandle] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=dict)
    _added: list[tuple[Step, int]] = field(default_factory=list)

    def begin(self, *, resumed: bool = False) -> None:
        """A session starts, or is resumed; what its matching has triggered stays."""
        if resumed and self.running:
            return
        if self.running:
            self.end()
        self.running = True
        for step in self.steps:
            if not isinstance(step.at, str):
                self._arm(step, self._pending)

    def end(self) -> None:
        """The session is over: requested actions that have not happened will no longer happen."""
        self.running = False
        for handle in self._pending:
            handle.cancel()
        self._pending.clear()
        self._seen.clear()

    def unused(self) -> Iterator[tuple[Step, str]]:
        """The steps of the file that have not happened in any session so far, each with the reason."""
        for step in self.steps:
            if id(step) in self._done:
                continue
            if isinstance(step.at, str):
                seen = times(self._most.get(step.at, 0))
                late = f", {step.after:g} s later" if step.after else ""
                yield step, f"{step.at} was seen {seen}, but occurrence {step.occurrence} was requested{late}"
            else:
                yield step, f"no session lasted {step.at + step.after:g} s"

    def add(self, step: Step) -> None:
        """One more action; its time, or its message, counts from now, whatever session that is in."""
        if isinstance(step.at, str):
            self._added.append((step, step.occurrence))
        else:
            self._arm(step, [])

    def observe(self, event: Event) -> None:
        """An event of the session."""
        if event.layer == "bench":
            return
        if event.layer == "pilot" and event.name.startswith("A") and not self.running:
            self._seen.clear()
        name = event.name if event.layer == "message" else f"{event.layer}:{event.name}"
        self._seen[name] = count = self._seen.get(name, 0) + 1
        self._most[name] = max(count, self._most.get(name, 0))
        for step in self.steps:
            if step.at == name and step.occurrence == count:
                self._arm(step, self._pending)
        if self._added:
            due = [step for step, left in self._added if step.at == name and left == 1]
            self._added = [(s, left - (s.at == name)) for s, left in self._added if s.at != name or left > 1]
            for step in due:
                self._arm(step, self._pending)

    def _arm(self, step: Step, handles: list[asyncio.TimerHandle]) -> None:
        seconds = step.after + (step.at if not isinstance(step.at, str) else 0.0)
        if seconds <= 0.0:
            self._do(step)
        else:
            handles.append(asyncio.get_running_loop().call_later(seconds, self._do, step))

    def _do(self, step: Step) -> None:
        self._done.add(id(step))
        self.act(step)


def times(count: int) -> str:
    """``never``, ``once``, ``3 times``."""
    return ("never", "once", "twice")[count] if count < 3 else f"{count} times"
