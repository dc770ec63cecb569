"""What happens when: the actions of a bench file, each at a time or at an event of the session.

Rules:

- A session begins when the connection is made (a vehicle's: when it starts to look for a charger), and each one runs
  the timeline from its start.
- An action at a message takes place at once when the message is about to be sent or has just been received, before
  anything is made of it; so a charger's answer to that request already shows it.
- Where both roles run here, the vehicle's view counts, or each message would be there twice.
- Only the loop's time is used: in virtual time the same bench gives the same trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from plugfest.config.actions import Step
from v2g.trace import Event


@dataclass
class Timeline:
    """Runs the actions of each session.

    Attributes:
        steps: in the order of the file; those due at the same moment happen in this order.
        act: does one.
    """

    steps: Sequence[Step]
    act: Callable[[Step], None]
    running: bool = False
    _pending: list[asyncio.TimerHandle] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """A session begins."""
        self.end()
        self.running = True
        for step in self.steps:
            if not isinstance(step.at, str):
                self.arm(step)

    def end(self) -> None:
        """The session is over: what has not happened does not happen any more."""
        self.running = False
        for handle in self._pending:
            handle.cancel()
        self._pending.clear()
        self._seen.clear()

    def arm(self, step: Step) -> None:
        """Lets an action happen at its time from now."""
        seconds = step.after + (step.at if not isinstance(step.at, str) else 0.0)
        if seconds <= 0.0:
            self.act(step)
        else:
            self._pending.append(asyncio.get_running_loop().call_later(seconds, self.act, step))

    def observe(self, event: Event) -> None:
        """An event of the session."""
        if not self.running or event.layer == "bench":
            return
        names = (event.name,) if event.layer == "message" else (f"{event.layer}:{event.name}",)
        for name in names:
            self._seen[name] = count = self._seen.get(name, 0) + 1
            for step in self.steps:
                if step.at == name and step.occurrence == count:
                    self.arm(step)
