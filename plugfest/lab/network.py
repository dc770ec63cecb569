"""The network of a lab: a namespace for each end and one for the power line between them, joined by virtual cables.

Rules:

- Whatever is made is in namespaces that carry the lab's name, so that taking these away takes all of it away. The
  host's own namespace stays as it is.
- A lab holds its name while it lives, as a socket that the kernel closes with the process. So what is there under a
  name that nobody holds was left by a lab that crashed, and is removed.
- Programs in the namespaces end with the lab.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from boundary import namespaces
from plugfest.errors import UserError

INTERFACE = "plc0"
"""Of either end, in its namespace."""
ADDRESSES = {"charger": "fe80::c", "vehicle": "fe80::e"}
LONGEST_NAME = 20
CARRIER_WITHIN = 5.0
"""s."""


@dataclass(frozen=True)
class Network:
    """The namespaces of a lab.

    Attributes:
        name: of the lab.
        line: whether there is a power line between the ends; else one cable joins them.
    """

    name: str
    line: bool = True

    def namespace(self, part: str) -> str:
        """Of an end (``charger``, ``vehicle``) or of the ``line``."""
        return f"plugfest-{self.name}-{part}"

    def interface(self, end: str) -> str:
        """Of an end, as plugfest takes it."""
        return f"{self.namespace(end)}/{INTERFACE}"

    def near(self, end: str) -> str:
        """The power line's interface to an end."""
        return f"{self.namespace('line')}/{end}"

    @property
    def namespaces(self) -> list[str]:
        """All of them."""
        return [self.namespace(part) for part in (*ADDRESSES, *(["line"] if self.line else []))]


@contextlib.contextmanager
def made(network: Network, say: Callable[[str], None]) -> Iterator[None]:
    """The network is there while the context is open.

    Args:
        say: takes a line for people.

    Raises:
        UserError: no right to make one, no iproute2, or a lab of that name runs.
    """
    _check(network.name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
        try:
            held.bind(f"\0plugfest-lab-{network.name}")
        except OSError as why:
            if why.errno != errno.EADDRINUSE:
                raise
            raise UserError(
                f"a lab named {network.name} is already running; stop it, or choose another --name"
            ) from None
        whole = Network(network.name)
        if any(map(namespaces.exists, whole.namespaces)):
            say("removed what an earlier lab had left behind")
            _remove(whole)
        try:
            _make(network)
            yield
        finally:
            _remove(whole)


def _check(name: str) -> None:
    if shutil.which("ip") is None:
        raise UserError("a lab needs the ip command: apt install iproute2")
    if os.geteuid() != 0:
        raise UserError("a lab makes network namespaces, which needs root; try sudo")
    if not (name.isascii() and name.replace("-", "").isalnum() and len(name) <= LONGEST_NAME):
        raise UserError(f"--name {name}: use up to {LONGEST_NAME} letters, digits and hyphens")


def _make(network: Network) -> None:
    for namespace in network.namespaces:
        _ip("netns", "add", namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
    if network.line:
        for end in ADDRESSES:
            _join((network.namespace(end), INTERFACE), (network.namespace("line"), end))
    else:
        _join((network.namespace("charger"), INTERFACE), (network.namespace("vehicle"), INTERFACE))
    for namespace in network.namespaces:
        _until_running(namespace)
    for end, address in ADDRESSES.items():
        # Given by hand and without a search for doubles, it can be used at once.
        _ip("-n", network.namespace(end), "address", "add", f"{address}/64", "dev", INTERFACE, "nodad")


def _join(one: tuple[str, str], other: tuple[str, str]) -> None:
    """A virtual cable between two namespaces; nobody sends anything on it by himself."""
    _ip("link", "add", one[1], "netns", one[0], "type", "veth", "peer", "name", other[1], "netns", other[0])
    for namespace, interface in (one, other):
        _ip("-n", namespace, "link", "set", interface, "addrgenmode", "none")
        _ip("-n", namespace, "link", "set", interface, "up")


def _until_running(namespace: str) -> None:
    """The kernel tells the carrier of a new cable with a delay."""
    end = time.monotonic() + CARRIER_WITHIN
    while (
        " state DOWN " in (said := _ip("-n", namespace, "-o", "link", "show", "type", "veth")) or "LOWERLAYER" in said
    ):
        if time.monotonic() >= end:
            raise UserError(f"the virtual cables in {namespace} do not come up: {said.strip()}")
        time.sleep(0.02)


def _remove(network: Network) -> None:
    for namespace in filter(namespaces.exists, network.namespaces):
        for number in _ip("netns", "pids", namespace, check=False).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGTERM)
        _ip("netns", "del", namespace, check=False)


def _ip(*words: str, check: bool = True) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if check and done.returncode:
        why = done.stderr.strip() or str(done.returncode)
        hint = "; in a container, start it with --privileged" if "not permitted" in why else ""
        raise UserError(f"ip {' '.join(words)}: {why}{hint}")
    return done.stdout
