"""What this package reports while it works: one event for each frame sent or received, step taken, or oddity seen.

The attributes are those of the session layer's events, so that one observer takes both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Event:
    """Something that happened.

    Attributes:
        time: seconds on the event loop's clock.
        layer: ``slac``, or ``pilot`` for changes of the control pilot.
        name: name of the message (``CM_SLAC_PARM.REQ``), or a stable word for what happened (``step``, ``matched``...).
        direction: ``tx`` or ``rx``, or "" where nothing was sent.
        data: the whole Ethernet frame, or b"".
        note: details in words; for ``step``, the name of a `slac.errors.Step`.
    """

    time: float
    layer: str
    name: str
    direction: str = ""
    data: bytes = b""
    message: Any = None
    schema: str = ""
    note: str = ""


LINK_LOST = "link lost"
"""Name of the event that the link of a match is gone."""

Observe = Callable[[Any], None]
"""Called with each `Event`."""


def ignore(event: Event) -> None:
    """The observer that does not look."""
