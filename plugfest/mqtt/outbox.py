"""What is to be published, in order, until the broker has it.

Two kinds: what counts (states, events, messages, acknowledgements, outcomes) waits through a lost connection, up to a
number of publications, oldest given up first; telemetry is only worth something now, so one waits per topic.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

LIMIT = 20_000
"""Publications that wait at most: some minutes of a charge loop."""


@dataclass
class Publication:
    """Something to publish; the payload is made when its turn comes.

    Attributes:
        topic: the whole topic.
        payload: makes the bytes.
        qos: 0 or 1.
        retain: kept by the broker for later subscribers.
        fleeting: replaced by a newer one of the topic, and dropped while there is no connection.
        correlation: correlation data of an answer in MQTT 5; None for anything else.
    """

    topic: str
    payload: Callable[[], bytes]
    qos: int = 1
    retain: bool = False
    fleeting: bool = False
    correlation: bytes | None = None


@dataclass
class Outbox:
    """A queue for one reader, who may have some under way at once.

    Attributes:
        dropped: publications given up so far because too many waited.
    """

    limit: int = LIMIT
    dropped: int = 0
    _waiting: deque[Publication] = field(default_factory=deque)
    _flying: list[Publication] = field(default_factory=list)
    _there: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, publication: Publication) -> None:
        """Adds one; never waits."""
        if publication.fleeting:
            for at, waiting in enumerate(self._waiting):
                if waiting.fleeting and waiting.topic == publication.topic:
                    self._waiting[at] = publication
                    return
        self._waiting.append(publication)
        if len(self._waiting) > self.limit:
            self._waiting.popleft()
            self.dropped += 1
        self._there.set()

    async def next(self) -> Publication:
        """The oldest, once there is one; it is under way until `done`, or until the connection is lost."""
        while not self._waiting:
            self._there.clear()
            await self._there.wait()
        publication = self._waiting.popleft()
        self._flying.append(publication)
        return publication

    def done(self, publication: Publication) -> None:
        """The broker has it."""
        self._flying = [flying for flying in self._flying if flying is not publication]

    def lost_connection(self) -> None:
        """What was under way waits again, in its old order; what is only worth something now is dropped."""
        self._waiting = deque(p for p in (*self._flying, *self._waiting) if not p.fleeting)
        self._flying.clear()

    @property
    def empty(self) -> bool:
        """Whether the broker has everything."""
        return not self._waiting and not self._flying
