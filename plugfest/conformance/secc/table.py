"""What a check of a response is: the tester vehicle and the arrival in, "" or one sentence out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugfest.conformance.secc.tester import TesterEv
    from plugfest.conformance.wire import Arrival

Check = Callable[["TesterEv", "Arrival"], str]
