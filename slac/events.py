"""The events that this package reports: one for each frame sent or received, step taken, or oddity seen.

They have the same attributes as the events of the session layer, so that one observer can handle both.
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
        name: name of the message (``CM_SLAC_PARM.REQ``), or a fixed keyword (``step``, ``matched``...).
        direction: ``tx`` or ``rx``, or "" if the event is not a frame.
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
"""Name of the event reporting that the link of a match is gone."""

Observe = Callable[[Any], None]
"""Called with each `Event`."""


def ignore(event: Event) -> None:
    """An observer that ignores all events."""
