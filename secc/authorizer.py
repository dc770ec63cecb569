"""Who may charge: the decision that the charger awaits between payment selection and charge parameters."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import Protocol

from secc.meter import Clock, loop_time


class Decision(enum.Enum):
    """State of an authorization."""

    ONGOING = "ongoing"  # a back end is being asked
    WAITING_FOR_CUSTOMER = "waiting for customer"  # a person must act: card, app
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Authorizer(Protocol):
    """Asked by the charger at each authorization request; never blocks."""

    def begin(self, who: str | None = None) -> None:
        """Starts an authorization; ``who`` is the contract identity, or None for external payment."""

    def decide(self) -> Decision:
        """The present decision. ACCEPTED and REJECTED are final."""


class Immediate:
    """Accepts everybody at once."""

    def begin(self, who: str | None = None) -> None:
        pass

    def decide(self) -> Decision:
        return Decision.ACCEPTED


class Never:
    """Rejects at once, or with ``rejects=False`` stays ONGOING forever."""

    def __init__(self, *, rejects: bool = True) -> None:
        self._decision = Decision.REJECTED if rejects else Decision.ONGOING

    def begin(self, who: str | None = None) -> None:
        pass

    def decide(self) -> Decision:
        return self._decision


class Delayed:
    """ONGOING for ``seconds`` after `begin`, then ACCEPTED (or the decision ``then``)."""

    def __init__(self, seconds: float, then: Decision = Decision.ACCEPTED, *, clock: Clock = loop_time) -> None:
        self._seconds = seconds
        self._then = then
        self._clock = clock
        self._since: float | None = None

    def begin(self, who: str | None = None) -> None:
        self._since = self._clock()

    def decide(self) -> Decision:
        if self._since is None:
            self.begin()
            return Decision.ONGOING if self._seconds > 0.0 else self._then
        return self._then if self._clock() - self._since >= self._seconds else Decision.ONGOING


class Customer:
    """Waits for a person: the card reader calls `accept` or `reject`. A card shown before `begin` counts once."""

    def __init__(self) -> None:
        self._decision = Decision.WAITING_FOR_CUSTOMER
        self._begun = False

    def begin(self, who: str | None = None) -> None:
        if self._begun:
            self._decision = Decision.WAITING_FOR_CUSTOMER
        self._begun = True

    def end(self) -> None:
        """Notes that a session is over: the next one needs its own card, which may be shown from now on."""
        if self._begun:
            self._decision, self._begun = Decision.WAITING_FOR_CUSTOMER, False

    @property
    def decided(self) -> bool:
        """Whether a card has been accepted or refused, and another one would change nothing."""
        return self._decision is not Decision.WAITING_FOR_CUSTOMER

    def accept(self) -> None:
        """A card is accepted."""
        self._decision = Decision.ACCEPTED

    def reject(self) -> None:
        """A card is refused."""
        self._decision = Decision.REJECTED

    def decide(self) -> Decision:
        return self._decision


class CardReader(Customer):
    """The charger's own reader: a card counts for every session, from when it is shown until the vehicle leaves.

    So it may be shown before plugging in, and also affects the pilot (`secc.arrivals`). With a ``patience`` (s), a card
    without a vehicle is forgotten after that time, and a vehicle without a card is refused.
    """

    def __init__(self, *, patience: float | None = None, clock: Clock = loop_time) -> None:
        super().__init__()
        self._shown = asyncio.Event()
        self._patience = patience
        self._clock = clock
        self._since: float | None = None  # start of the wait, of a card for a vehicle or vice versa
        self._asked = False

    def begin(self, who: str | None = None) -> None:
        """Keeps a card that has been shown."""
        self._forget()
        if not self._asked or self._decision is Decision.REJECTED:
            self._since = self._clock()
        self._asked = True
        if self._decision is Decision.REJECTED:
            self._decision = Decision.WAITING_FOR_CUSTOMER

    def accept(self) -> None:
        super().accept()
        if self._patience is not None and not self._asked:
            self._since = self._clock()
        self._shown.set()

    def end(self) -> None:
        """Does nothing: the card counts until the vehicle leaves."""

    @property
    def decided(self) -> bool:
        return self.decide() is Decision.ACCEPTED

    def left(self) -> None:
        """Notes that the vehicle was unplugged: the next one needs its own card."""
        self._decision = Decision.WAITING_FOR_CUSTOMER
        self._since, self._asked = None, False
        self._shown.clear()

    def decide(self) -> Decision:
        self._forget()
        if self._asked and self._decision is Decision.WAITING_FOR_CUSTOMER and self._late():
            self._decision = Decision.REJECTED
        return self._decision

    async def accepted(self) -> None:
        """Returns once a card has been accepted."""
        await self._shown.wait()

    def _forget(self) -> None:
        if not self._asked and self._decision is Decision.ACCEPTED and self._late():
            self.left()

    def _late(self) -> bool:
        return self._patience is not None and self._since is not None and self._clock() - self._since >= self._patience


class ByCallback:
    """Asks ``ask(who)`` each time until it has accepted or rejected."""

    def __init__(self, ask: Callable[[str | None], Decision]) -> None:
        self._ask = ask
        self._who: str | None = None
        self._final: Decision | None = None

    def begin(self, who: str | None = None) -> None:
        self._who, self._final = who, None

    def decide(self) -> Decision:
        if self._final is not None:
            return self._final
        decision = self._ask(self._who)
        if decision in (Decision.ACCEPTED, Decision.REJECTED):
            self._final = decision
        return decision
