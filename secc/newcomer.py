"""A second connection while a session is under way: which of the two is the vehicle?

A vehicle that vanishes without closing its connection, because it restarts or its cable is pulled, comes back on a new
one. The old one is then dead, and looks like one whose vehicle is merely slow. So the new one does not win by coming,
or anybody in the network could end the charging of another; it wins where the old one is silent:

* the same vehicle (the same address, or the only vehicle that SLAC let into the network) after `SAME`: one that charges
  asks every quarter of a second, and one that has opened another connection has given up its first;
* another one after `OTHER`, the longest that a vehicle may be silent between two messages
  (V2G_EVCC_Sequence_Performance_Time);
* any one after `SAME`, where nothing at all has come on the old one: that is not a vehicle yet.

TCP itself finds out sooner about most dead connections: it asks a silent peer whether it is there (`v2g.channel`). A
vehicle that has restarted answers with a reset. The newcomer waits for that, up to `WAITS`. In any case the old session
ends in order first: its output is off before the new one begins.
"""

from __future__ import annotations

from enum import StrEnum

SAME = 2.0
"""s of silence."""

OTHER = 40.0
"""s of silence."""

WAITS = 6.0
"""s: so long a newcomer is kept waiting; longer than TCP needs to find a peer dead."""


class Policy(StrEnum):
    """What ends the session under way for a new connection."""

    SILENCE = "silence"
    SAME_VEHICLE = "same-vehicle"
    NOTHING = "nothing"


def silence(policy: Policy, *, same: bool, spoke: bool) -> float | None:
    """For how many seconds the old connection must have been silent; None: it stays, however long.

    Args:
        same: the new connection is of the same vehicle.
        spoke: something has come on the old one.
    """
    if policy is Policy.NOTHING:
        return None
    if same and policy is Policy.SAME_VEHICLE:
        return 0.0
    return SAME if same or not spoke else OTHER
