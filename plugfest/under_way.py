"""The session under way, as far as the controls need to know it: whether there is one, and what it can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from v2g.protocols import PROTOCOLS, Abilities, Protocol
from v2g.terms import Terms
from v2g.trace import Event


@dataclass
class UnderWay:
    """What is known of a session from its events.

    Attributes:
        running: it has begun and not ended; a pause ends it.
        protocol: as agreed; None before that.
        silent: power flows by the nominal duty, without messages.
        terms: what the two sides agree on.
    """

    running: bool = False
    protocol: Protocol | None = None
    silent: bool = False
    terms: Terms = field(default_factory=Terms)

    def begin(self, terms: Terms) -> None:
        """A session starts."""
        self.running, self.protocol, self.silent, self.terms = True, None, False, terms

    def end(self) -> None:
        """It is over, or paused."""
        self.running = False

    def observe(self, event: Event) -> None:
        """An event of the session."""
        if event.layer == "state" and event.name == "nominal":
            self.silent = True
        elif event.layer == "state" and event.name == "protocol":
            self.silent = False
            self.protocol = next((one for one in PROTOCOLS.values() if one.title == event.note), None)

    def lacks(self, what: str, able: Callable[[Abilities], bool]) -> str:
        """Why it cannot do something, or ""; before a protocol is agreed on, it can do everything.

        Args:
            what: like ``pause``. able: whether a protocol with these abilities has that.
        """
        if self.silent:
            return f"without messages there is no {what}"
        if self.protocol is None or able(self.protocol.abilities):
            return ""
        return f"{self.protocol.title} has no {what}"
