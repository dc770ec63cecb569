"""The interface, its link-local address, and whether multicast gets through this host."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from plugfest.config.model import Bench
from plugfest.doctor.finding import Finding
from v2g import interfaces
from v2g.errors import SetupError

SYSTEM = Path("/sys/class/net")
_UP, _LOOPBACK, _MULTICAST = 0x1, 0x8, 0x1000  # IFF_ flags
GROUP = "ff02::1"
_WITHIN = 1.0  # s for our own datagram to come back


def _read(name: str, what: str) -> str:
    try:
        return (SYSTEM / name / what).read_text().strip()
    except OSError:
        return ""


def interface(bench: Bench) -> Iterator[Finding]:
    """Exists, is up, has a carrier, and is of a kind that V2G can use."""
    name = bench.interface or ""
    if not (SYSTEM / name).is_dir() or not name:
        known = ", ".join(sorted(n for _, n in socket.if_nameindex()))
        yield Finding("interface", "wrong", f"no interface {name}", "", f"choose from {known}")
        return
    flags = int(_read(name, "flags") or "0", 16)
    if not flags & _UP:
        yield Finding("interface", "wrong", f"{name} is down", "it has not been brought up", f"ip link set {name} up")
    elif _read(name, "carrier") == "0":
        yield Finding(
            "interface", "wrong", f"{name} is up, without carrier", "no cable, or the modem has no power",
            "check cable, port and the modem's link LED",
        )  # fmt: skip
    else:
        speed = _read(name, "speed")
        fast = f", {speed} Mbit/s" if speed.isdigit() else ""
        yield Finding("interface", "ok", f"{name} is up, {_read(name, 'address')}{fast}")
    yield from _odd(name, flags)


def _odd(name: str, flags: int) -> Iterator[Finding]:
    """What makes an interface unsuited, or troubles it."""
    if flags & _LOOPBACK:
        yield Finding(
            "interface",
            "wrong",
            f"{name} is the loopback",
            "a session needs two hosts or namespaces",
            "give a different -i",
        )
    if (SYSTEM / name / "brport").exists():
        yield Finding(
            "interface", "warning", f"{name} is a port of a bridge", ("a bridge swallows some frames,"
                " and spanning tree delays others"),
            f"ip link set {name} nomaster",
        )  # fmt: skip
    if (SYSTEM / name / "wireless").exists():
        yield Finding(
            "interface", "warning", f"{name} is wireless", "multicast over Wi-Fi is slow and lossy", "a cable"
        )
    mtu = _read(name, "mtu")
    if mtu.isdigit() and int(mtu) < 1280:
        yield Finding(
            "interface", "wrong", f"{name} has an MTU of {mtu}", "IPv6 needs 1280", f"ip link set {name} mtu 1500"
        )
    if shutil.which("nmcli"):
        managed = _run("nmcli", "-g", "GENERAL.NM-MANAGED", "device", "show", name)
        if managed == "yes":
            yield Finding(
                "interface", "warning", f"NetworkManager manages {name}",
                "it may take the interface down when there is no IPv4 address, or when a modem restarts",
                f"nmcli device set {name} managed no",
            )  # fmt: skip


def _run(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def addresses(bench: Bench) -> Iterator[Finding]:
    """A usable IPv6 link-local address."""
    name = bench.interface or ""
    if not (SYSTEM / name).is_dir() or not name:
        return
    if Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").is_file():
        disabled = Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").read_text().strip()
        if disabled == "1":
            yield Finding(
                "IPv6", "wrong", f"IPv6 is switched off on {name}", "net.ipv6.conf disables it",
                f"sysctl -w net.ipv6.conf.{name}.disable_ipv6=0",
            )  # fmt: skip
            return
    try:
        found = interfaces.find(name)
    except SetupError as why:
        text, _, remedy = str(why).partition("; ")
        yield Finding("IPv6", "wrong", text, "", remedy.removeprefix("try: "))
        return
    yield Finding("IPv6", "ok", f"link-local address {found.address}")


async def multicast(bench: Bench) -> list[Finding]:
    """A datagram of our own to ff02::1 on the interface comes back to a socket that listens for SDP."""
    name = bench.interface or ""
    try:
        found = interfaces.find(name)
    except SetupError:
        return []
    if not int(_read(name, "flags") or "0", 16) & _MULTICAST:
        remedy = f"ip link set {name} multicast on"
        return [Finding("multicast", "wrong", f"{name} carries no multicast", "its MULTICAST flag is off", remedy)]
    word = b"plugfest " + secrets.token_bytes(8)
    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as mouth,
    ):
        try:
            ear.setblocking(False)
            mouth.setblocking(False)
            ear.bind(("::", 0))
            ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                           socket.inet_pton(socket.AF_INET6, GROUP) + struct.pack("@I", found.index))  # fmt: skip
            mouth.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, found.index)
            mouth.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
            mouth.sendto(word, (GROUP, ear.getsockname()[1], 0, found.index))
            async with asyncio.timeout(_WITHIN):
                while (await loop.sock_recv(ear, 100)) != word:
                    pass
        except TimeoutError:
            return [
                Finding(
                    "multicast", "wrong", f"our own datagram to {GROUP} did not come back",
                    "a packet filter drops multicast", "allow UDP to ff02::1; see the firewall below",
                )
            ]  # fmt: skip
        except OSError as why:
            return [Finding("multicast", "wrong", f"{GROUP} on {name}: {why.strerror}", "", "ip -6 route; ip -6 maddr")]
    return [Finding("multicast", "ok", f"a datagram to {GROUP} on {name} comes back")]
