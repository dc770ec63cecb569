"""A virtual cable between two interfaces of this network namespace, for tests of raw sockets."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

from netns import AVAILABLE, REASON

__all__ = ["AVAILABLE", "REASON", "cable", "ip"]


def ip(*words: str) -> None:
    """Runs ``ip`` with these words."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def cable(name: str, *, up: bool = True) -> Iterator[tuple[str, str]]:
    """Makes a pair of interfaces, whose names begin with ``name``, and removes it afterwards.

    Args:
        name: at most 9 characters; the process number makes it unique among runs on one machine.
        up: whether both ends are up.
    """
    name = f"{name}{os.getpid() % 100_000}"
    ends = (f"{name}a", f"{name}b")
    ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
    try:
        for end in ends:
            # Nothing but what the test sends.
            subprocess.run(["sysctl", "-q", "-w", f"net.ipv6.conf.{end}.disable_ipv6=1"], check=False)
            if up:
                ip("link", "set", end, "up")
        yield ends
    finally:
        subprocess.run(["ip", "link", "del", ends[0]], check=False, capture_output=True)
