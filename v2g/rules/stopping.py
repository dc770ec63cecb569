"""A charger that asks the vehicle to stop, and how long the vehicle has for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from v2g.status import asks_to_stop, of_charger

STOP_GRACE = 2.0
"""s after NotificationMaxDelay, or after a fault, until a charger switches off by itself."""


@dataclass(slots=True)
class StopWish:
    """What a charger's last answers asked for.

    Attributes:
        word: how it asks; "" if it does not.
        since: time of the first such answer, s.
        until: time at which NotificationMaxDelay is over, s.
    """

    word: str = ""
    since: float = 0.0
    until: float = 0.0

    def take(self, body: Any, now: float) -> None:
        """Takes an answer into account. The delay counts from the answer that leaves the least time."""
        status = of_charger(body)
        word = asks_to_stop(status)
        if not word:
            self.word = ""
            return
        until = now + float(getattr(status, "NotificationMaxDelay", 0) or 0)
        if not self.word:
            self.since, self.until = now, until
        self.word, self.until = word, min(self.until, until)

    def ignored(self, now: float) -> bool:
        """Whether the vehicle should have stopped by now."""
        return bool(self.word) and now > self.until + STOP_GRACE
