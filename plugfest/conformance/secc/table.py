"""A check of a response takes the tester vehicle and the arrival, and returns "" or one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugfest.conformance.secc.tester import TesterEv
    from plugfest.conformance.wire import Arrival

Check = Callable[["TesterEv", "Arrival"], str]
