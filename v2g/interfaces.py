"""Network interfaces: index and link-local address, or one line that says what is wrong and what to do."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from v2g.errors import SetupError

_ADDRESSES = Path("/proc/net/if_inet6")
_TENTATIVE = 0x40
_FAILED = 0x08


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface that V2G can use.

    Attributes:
        name: as the system calls it.
        index: scope id of its link-local addresses.
        address: its usable link-local address.
        mac: hardware address, 6 bytes; zeros where it has none.
    """

    name: str
    index: int
    address: IPv6Address
    mac: bytes


def find(name: str) -> Interface:
    """The interface of a name.

    Raises:
        SetupError: it does not exist, is down, or has no usable link-local address; says what to do.
    """
    try:
        index = socket.if_nametoindex(name)
    except OSError:
        known = ", ".join(sorted(n for _, n in socket.if_nameindex()))
        raise SetupError(f"there is no interface {name}; there are {known}") from None
    system = Path("/sys/class/net") / name
    if _text(system / "operstate") == "down":
        raise SetupError(f"{name} is down; try: ip link set {name} up")
    found = _link_local(name)
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


def hardware_address(name: str) -> bytes:
    """The MAC address of an interface, 6 bytes; zeros where there is none."""
    mac = _text(Path("/sys/class/net") / name / "address").replace(":", "")
    return bytes.fromhex(mac) if len(mac) == 12 else bytes(6)


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
