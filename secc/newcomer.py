"""A second connection while a session is under way: which of the two is the vehicle?

A vehicle that vanishes without closing its connection, because it restarts or its cable is pulled, returns on a new
one. The old one is then dead, but looks like one with a slow vehicle. So a new connection must not win just by
arriving, or any node in the network could end another vehicle's charging; it wins if the old one has been silent:

* for `SAME`, if it is the same vehicle (the same address, or the only vehicle that SLAC let into the network): a
  charging vehicle sends a request every quarter of a second, and by opening another connection it gives up the first;
* for `OTHER`, if it is another vehicle: the longest silence allowed to a vehicle between two messages
  (V2G_EVCC_Sequence_Performance_Time);
* for `SAME`, for any vehicle, if nothing has ever arrived on the old one: that is not a vehicle yet.

TCP itself detects most dead connections sooner: it probes a silent peer (`v2g.channel`), and a vehicle that has
restarted answers with a reset. The newcomer waits for that, up to `WAITS`. In any case the old session ends normally
first: its output is off before the new one begins.
"""

from __future__ import annotations

from enum import StrEnum

SAME = 2.0
"""Silence, s."""

OTHER = 40.0
"""Silence, s."""

WAITS = 6.0
"""Longest wait of a newcomer, s; longer than TCP needs to detect a dead peer."""


class Policy(StrEnum):
    """What ends a running session in favour of a new connection."""

    SILENCE = "silence"
    SAME_VEHICLE = "same-vehicle"
    NOTHING = "nothing"


def silence(policy: Policy, *, same: bool, spoke: bool) -> float | None:
    """Seconds for which the old connection must have been silent; None: it stays, however long it is silent.

    Args:
        same: whether the new connection comes from the same vehicle.
        spoke: whether any data has arrived on the old one.
    """
    if policy is Policy.NOTHING:
        return None
    if same and policy is Policy.SAME_VEHICLE:
        return 0.0
    return SAME if same or not spoke else OTHER
