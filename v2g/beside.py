"""Reads the messages of a side stream by its state, because the payload type does not determine their schema set.

The bytes of a message of one set may also be a valid message of another, because the numbers of the root elements
overlap. So a set whose message is due next on the stream comes first; if there is none, one that reads all bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from v2g import reading as readings
from v2g.messages.base import Request
from v2g.protocols import Protocol
from v2g.protocols.protocol import SideStream
from v2g.reading import SessionMessage
from v2g.sequence import Sequence


@dataclass
class SideState:
    """The state of one side stream, seen from either end or from outside.

    Attributes:
        protocol: the protocol it belongs to.
        side: the stream.
    """

    protocol: Protocol
    side: SideStream
    _order: Sequence = field(init=False)
    _asked: Any = None

    def __post_init__(self) -> None:
        self._order = Sequence(self.side.order)

    def read(self, data: bytes) -> SessionMessage:
        """Reads bytes under the set that is due, and notes the message. Never raises."""
        found = [readings.read(name, data) for name in self.side.sets]
        # Oddities in the bytes, like leftovers after the message, suggest another set.
        whole = sorted((one for one in found if one.is_message), key=lambda one: len(one.notes))
        due = next((one for one in whole if self.due(one.body)), None)
        chosen = due or (whole or found)[0]
        if chosen.is_message:
            self.note(chosen.body)
        return chosen

    def due(self, body: Any) -> bool:
        """Whether a message may come now: the response to the open request, or a request that the order allows."""
        if self._asked is None:
            return isinstance(body, Request) and self._order.verdict(body) != "illegal"
        expected = self.protocol.response_to(type(self._asked))
        return expected is not None and isinstance(body, expected)

    def note(self, body: Any) -> None:
        """Takes into account a message that was sent, or read elsewhere."""
        if isinstance(body, Request):
            self._asked = body
        elif self._asked is not None:
            self._order.advance(self._asked, body)
            self._asked = None
