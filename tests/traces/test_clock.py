"""Times of a recording while somebody sets the host's clock."""

from __future__ import annotations

import random

from plugfest.traces.clock import Steady

SECOND = 10**9


class Host:
    """A wall clock that can be set, and a monotonic one that cannot."""

    def __init__(self) -> None:
        self.elapsed, self.set_by = 7 * SECOND, 0

    def wall(self) -> int:
        return 1_700_000_000 * SECOND + self.elapsed + self.set_by

    def monotonic(self) -> int:
        return self.elapsed


def test_packets_keep_their_distances_while_the_clock_is_set() -> None:
    """Back and forward by seconds or years; what was stamped before and is read behind it too."""
    rng = random.Random(5)
    host = Host()
    clock = Steady(host.wall, host.monotonic)
    began = host.wall() - host.elapsed
    for _ in range(200):
        host.elapsed += rng.randint(1, 2 * SECOND)
        stamp, right = host.wall(), began + host.elapsed
        host.elapsed += rng.randint(0, SECOND // 100)
        if rng.random() < 0.2:  # between the kernel's stamp and the reading
            host.set_by += rng.choice((-1, 1)) * rng.choice((1, 3600, 86400 * 400)) * SECOND
        assert clock.at(stamp) == right
