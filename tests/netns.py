"""Two network namespaces joined by a virtual cable, for tests over real interfaces."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import processes

AVAILABLE = os.geteuid() == 0 and shutil.which("ip") is not None
REASON = "needs root and iproute2 for network namespaces"


@dataclass(frozen=True)
class Link:
    """Namespaces of charger and vehicle and the interface in each."""

    secc: str
    secc_if: str
    evcc: str
    evcc_if: str

    def command(self, side: str, *words: str) -> list[str]:
        """A command line that runs in the namespace of ``side`` (secc or evcc)."""
        return ["ip", "netns", "exec", getattr(self, side), *words]

    def settle(self) -> None:
        """Waits until the link-local addresses of both ends are usable."""
        for namespace, interface in ((self.secc, self.secc_if), (self.evcc, self.evcc_if)):
            show = ("-n", namespace, "-6", "addr", "show", "dev", interface, "scope", "link", "-tentative")
            processes.wait(lambda show=show: "inet6" in _ip(*show), f"an address of {interface}")


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def link(name: str) -> Iterator[Link]:
    """Makes the pair, waits until both link-local addresses are usable, and removes it afterwards.

    Args:
        name: at most 8 characters; the process number makes it unique among runs on one machine.
    """
    name = f"{name}{os.getpid() % 100_000}"
    made = Link(f"{name}-secc", f"{name}s", f"{name}-evcc", f"{name}e")
    try:
        for namespace in (made.secc, made.evcc):
            _ip("netns", "add", namespace)
        _ip("link", "add", made.secc_if, "netns", made.secc, "type", "veth", "peer", "name", made.evcc_if,
            "netns", made.evcc)  # fmt: skip
        for namespace, interface in ((made.secc, made.secc_if), (made.evcc, made.evcc_if)):
            # Without duplicate address detection the address is usable at once.
            setting = f"net.ipv6.conf.{interface}.accept_dad=0"
            subprocess.run(["ip", "netns", "exec", namespace, "sysctl", "-q", "-w", setting], check=False)
            _ip("-n", namespace, "link", "set", "lo", "up")
            _ip("-n", namespace, "link", "set", interface, "up")
        made.settle()
        yield made
    finally:
        for namespace in (made.secc, made.evcc):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)
