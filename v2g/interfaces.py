"""Network interfaces: index and link-local address, or one line that says what is wrong and what to do."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from boundary import namespaces
from v2g.errors import SetupError

ADDRESS_WITHIN = 6.0
"""s: modems toggle the carrier when they restart; the address comes back only after duplicate address detection."""

_ADDRESSES = Path("/proc/thread-self/net/if_inet6")
_SIOCGIFHWADDR = 0x8927
_TENTATIVE = 0x40
_FAILED = 0x08
_LOOPBACK = 0x08


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface that V2G can use.

    Attributes:
        name: the system's name for it; ``NAMESPACE/NAME`` in another network namespace.
        index: scope id of its link-local addresses.
        address: its usable link-local address.
        mac: hardware address, 6 bytes; zeros if it has none.
    """

    name: str
    index: int
    address: IPv6Address
    mac: bytes

    @property
    def device(self) -> str:
        """Its name in its own network namespace."""
        return namespaces.split(self.name)[1]

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """While the context is open, new sockets belong to the interface's network namespace.

        Raises:
            SetupError: the namespace is gone, or must not be entered.
        """
        with entered(self.name):
            yield


@contextlib.contextmanager
def entered(name: str) -> Iterator[str]:
    """Puts the calling thread into an interface's network namespace; yields the interface's name there.

    Raises:
        SetupError: there is no such namespace, or it must not be entered.
    """
    try:
        place = contextlib.ExitStack()
        device = place.enter_context(namespaces.inside(name))
    except OSError as why:
        raise SetupError(namespaces.why_not(name, why)) from None
    with place:
        yield device


def find(name: str) -> Interface:
    """The interface with a name, which may be ``NAMESPACE/NAME``.

    Raises:
        SetupError: it does not exist, is down, or has no usable link-local address; says what to do.
    """
    with entered(name) as device:
        found = _find(device)
    return found if device == name else dataclasses.replace(found, name=name)


async def usable(name: str, within: float = ADDRESS_WITHIN) -> Interface:
    """Waits until the interface has its link-local address, and returns it.

    Args:
        within: the longest wait, s.

    Raises:
        SetupError: it still has none; says what to do.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        try:
            return find(name)
        except SetupError:
            if loop.time() >= end:
                raise
        await asyncio.sleep(0.1)


@contextlib.contextmanager
def claimed(name: str) -> Iterator[None]:
    """While the context is open, this process is the only charger of this program on an interface.

    The kernel holds the claim and releases it when the process ends, in whatever way.

    Raises:
        SetupError: another charger holds the interface.
    """
    with contextlib.ExitStack() as stack:
        with entered(name) as device:
            claim = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):  # an unusable interface is reported where it is used
                index = socket.if_nametoindex(device)
                try:
                    claim.bind(f"\0plugfest-charger-{index}")
                except OSError as why:
                    if why.errno == errno.EADDRINUSE:
                        raise SetupError(f"another charger runs on {name}; stop it, or use another interface") from None
        yield


def _find(name: str) -> Interface:
    try:
        index = socket.if_nametoindex(name)
    except OSError:
        known = ", ".join(sorted(n for _, n in socket.if_nameindex()))
        raise SetupError(f"no interface {name}; choose from {known}") from None
    system = Path("/sys/class/net") / name
    if _text(system / "operstate") == "down":
        raise SetupError(f"{name} is down; try: ip link set {name} up")
    found = _link_local(name)
    if not found and _is_loopback(name):
        raise SetupError(
            f"{name} is the loopback interface, which has no IPv6 link-local address; give an Ethernet interface"
            " (`sudo plugfest lab` makes a pair)"
        )
    if not found:
        raise SetupError(
            f"{name} has no IPv6 link-local address; try: sysctl -w net.ipv6.conf.{name}.disable_ipv6=0"
            f" net.ipv6.conf.{name}.addr_gen_mode=0, then ip link set {name} down and up"
        )
    usable = [address for address, flags in found if not flags & (_TENTATIVE | _FAILED)]
    if not usable:
        raise SetupError(
            f"the link-local address of {name} is still tentative (duplicate address detection);"
            f" wait two seconds or try: sysctl -w net.ipv6.conf.{name}.accept_dad=0"
        )
    return Interface(name, index, usable[0], hardware_address(name))


def _is_loopback(name: str) -> bool:
    flags = _text(Path("/sys/class/net") / name / "flags")
    return bool(flags and int(flags, 16) & _LOOPBACK)


def hardware_address(name: str) -> bytes:
    """The MAC address of an interface, 6 bytes; zeros if it has none."""
    if not namespaces.split(name)[0]:
        mac = _text(Path("/sys/class/net") / name / "address").replace(":", "")
        return bytes.fromhex(mac) if len(mac) == 12 else bytes(6)
    import fcntl  # not everywhere, and namespaces are Linux's

    with entered(name) as device, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe.fileno(), _SIOCGIFHWADDR, struct.pack("256s", device.encode()))
        except OSError:
            return bytes(6)
    return answer[18:24]


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _link_local(name: str) -> list[tuple[IPv6Address, int]]:
    """Link-local addresses of an interface with their flags."""
    found = []
    for line in _text(_ADDRESSES).splitlines():
        address, _, _, _, flags, device = line.split()
        parsed = IPv6Address(bytes.fromhex(address))
        if device == name and parsed.is_link_local:
            found.append((parsed, int(flags, 16)))
    return found
